//! Blobs: sealed contents under their own hash.

use super::Answer;
use super::call::Sender;
use super::inbox::verify_registered;
use crate::store::{Outcome, Rows};
use delivery_api::blob::Blob;
use delivery_api::{BlobId, Problem};

/// Stores a blob for a registered device, which is not recorded. Admission checked the hash.
pub(super) fn put(
    rows: &mut dyn Rows,
    sender: &Sender,
    blob: BlobId,
    bytes: &[u8],
    stored_day: Option<u64>,
) -> Outcome {
    verify_registered(rows, sender.device())?;
    rows.put_blob(blob, bytes, stored_day)?;
    Ok(Answer::done())
}

/// Fetches a blob; knowing its hash is the permission.
pub(super) fn get(rows: &mut dyn Rows, blob: BlobId) -> Outcome {
    let bytes = rows.blob(blob)?.ok_or(Problem::UnknownBlob)?;
    Ok(Answer::new(&Blob(bytes)))
}
