//! Transcript hashes and the confirmation tag (RFC 9420, sections 8.2 and 6.1).
//!
//! ```text
//! interim[n-1] + commit with its signature  ->  confirmed[n]
//! confirmed[n], with the epoch's key        ->  confirmation_tag[n]
//! confirmed[n] + confirmation_tag[n]        ->  interim[n]
//! ```
//!
//! The two hashes and the tag are types of their own, so that they cannot be taken for each other,
//! and a tag exists only if this client computed it: a received one must be equal to be of use.

use codec::{Encode, Opaque, Writer};
use crypto::{CryptoError, Digest, Secret, Suite};
use wire::AuthenticatedContent;

use crate::{Error, Violation};

/// The hash of all commits up to and including the signature of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfirmedTranscriptHash(pub Digest);

/// The confirmed transcript hash together with the last commit's confirmation tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterimTranscriptHash(pub Digest);

/// The confirmation tag of an epoch, computed by this client.
#[derive(Clone, Debug)]
pub struct ConfirmationTag(Opaque);

impl InterimTranscriptHash {
    /// The hash of a new group, before any commit: the zero-length string.
    pub const INITIAL: Self = Self(Digest::EMPTY);

    /// The confirmed transcript hash of the epoch that `commit` starts.
    pub fn confirmed(
        &self,
        suite: &Suite,
        commit: &AuthenticatedContent,
    ) -> Result<ConfirmedTranscriptHash, CryptoError> {
        let input = commit.confirmed_transcript_hash_input();
        let hash = suite.hash(&[self.0.as_slice(), &input].concat())?;
        Ok(ConfirmedTranscriptHash(hash))
    }
}

impl ConfirmedTranscriptHash {
    /// The hash of a new group, before any commit: the zero-length string.
    pub const INITIAL: Self = Self(Digest::EMPTY);

    /// `MAC(confirmation_key, confirmed_transcript_hash)` (section 6.1).
    pub fn confirmation_tag(
        &self,
        suite: &Suite,
        confirmation_key: &Secret,
    ) -> Result<ConfirmationTag, CryptoError> {
        let tag = suite.mac(confirmation_key, self.0.as_slice())?;
        Ok(ConfirmationTag(tag.expose().into()))
    }

    /// The confirmation tag, if it is the one that was received.
    pub fn verify_confirmation_tag(
        &self,
        suite: &Suite,
        confirmation_key: &Secret,
        received: &[u8],
    ) -> Result<ConfirmationTag, Error> {
        let tag = suite.mac(confirmation_key, self.0.as_slice())?;
        if tag == Secret::from_slice(received) {
            Ok(ConfirmationTag(received.into()))
        } else {
            Err(Violation::InvalidConfirmationTag.into())
        }
    }

    /// The interim transcript hash of the same epoch, whose confirmation tag the caller has
    /// computed or compared.
    pub fn interim(
        &self,
        suite: &Suite,
        confirmation_tag: &Opaque,
    ) -> Result<InterimTranscriptHash, CryptoError> {
        let mut writer = Writer::new();
        writer.write(self.0.as_slice());
        confirmation_tag.encode(&mut writer);
        Ok(InterimTranscriptHash(suite.hash(writer.as_slice())?))
    }
}

impl ConfirmationTag {
    /// The tag as it travels.
    #[must_use]
    pub fn as_opaque(&self) -> &Opaque {
        &self.0
    }
}
