//! Proof that the service took a submission. A pending commit is merged against such a proof and
//! not otherwise: merging on hope forks the client off the group.

use super::keys::Keys;
use crate::ServiceFault;
use crate::store::{GroupRecord, Submission};
use delivery_api::log::{Entry, EntryKind, Receipt};
use delivery_api::{ChainHash, Position};

/// A submission of ours is in the log, at this place. Only the functions here make one.
#[derive(Debug)]
pub(super) struct Accepted {
    position: Position,
    chain_hash: ChainHash,
}

impl Accepted {
    /// By the service's signed word. The receipt must be for this log, and say of a commit that it
    /// is the head.
    pub(super) fn by_receipt(
        keys: &Keys,
        record: &GroupRecord,
        submission: &Submission,
        receipt: &Receipt,
    ) -> Result<Self, ServiceFault> {
        let fits = match submission {
            Submission::Commit(_) => receipt.head == receipt.position,
            Submission::Message(append) => {
                receipt.head == append.head && receipt.position > receipt.head
            }
        };
        if receipt.log != record.log || !fits || !keys.is_signed(receipt) {
            return Err(ServiceFault::BadReceipt);
        }
        Ok(Self { position: receipt.position, chain_hash: receipt.chain_hash })
    }

    /// By the own bytes, seen in the log. `chain_hash` is the chain up to the entry, computed from
    /// it.
    pub(super) fn by_entry(
        submission: &Submission,
        entry: &Entry,
        chain_hash: ChainHash,
    ) -> Option<Self> {
        let same_lane = match submission {
            Submission::Commit(_) => entry.kind == EntryKind::Commit,
            Submission::Message(append) => entry.kind == append.lane.kind(),
        };
        let same = same_lane && submission.entry_bytes() == entry.bytes.as_slice();
        same.then_some(Self { position: entry.position, chain_hash })
    }

    /// Where the submission is.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// The chain up to it.
    pub(super) fn chain_hash(&self) -> ChainHash {
        self.chain_hash
    }
}
