//! Repair: how a group gets its log back from an insider who posted bogus commits or keys.
//!
//! A repair is signed by one of the log's *anchor keys* and carried out whatever the head is:
//!
//! * It locks the log: until the next commit, only the anchor that repaired may commit, and it
//!   reads to the end. That commit is an ordinary bundle, signed with the anchor key.
//! * It restates the truth about the commits between `after` and `up_to`, the last entry that its
//!   sender had read: those that it lists count, with the keys and flags that it states; all others
//!   there removed nobody, and their access keys are forgotten.
//! * It names the anchors from now on.
//!
//! One that does not lock only names the anchors, and only if its sender has read every commit: who
//! has missed one may have missed its own removal.
//!
//! Repairs are numbered; each must be one more than the last, so that of two anchors that race one
//! learns of the other. Why it is made like this is in `docs/decisions/repair.md`.

use crate::flag;
use crate::id::{IdempotencyKey, Position, PublicKey};
use codec::{Decode, DecodeError, Encode, Reader, Writer};

/// What is true of a commit that clients accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestatedCommit {
    /// The commit's position.
    pub head: Position,
    /// The access key of the segment that it opened.
    pub access_key: PublicKey,
    /// Whether it removed somebody.
    pub removes: bool,
}

impl Encode for RestatedCommit {
    fn encode(&self, writer: &mut Writer) {
        self.head.encode(writer);
        self.access_key.encode(writer);
        flag::encode(self.removes, writer);
    }
}

impl Decode for RestatedCommit {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            head: Decode::decode(reader)?,
            access_key: Decode::decode(reader)?,
            removes: flag::decode(reader)?,
        })
    }
}

/// Locks a log and restates what its commits did, or only names the anchors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// One more than the number of the last repair; the first is 1.
    pub number: u64,
    /// Names this submission.
    pub idempotency_key: IdempotencyKey,
    /// What lies up to here is left alone.
    pub after: Position,
    /// The last entry that the sender has read; what lies behind it is left alone.
    pub up_to: Position,
    /// The commits between these that clients accepted, in order.
    pub commits: Vec<RestatedCommit>,
    /// The anchors from now on, 1 to [`ANCHORS_MAX`](crate::limits::ANCHORS_MAX).
    pub anchors: Vec<PublicKey>,
    /// Whether the log is locked. If not, there is nothing to restate: `after` is `up_to`, and
    /// `commits` is empty.
    pub locks: bool,
}

impl Encode for Repair {
    fn encode(&self, writer: &mut Writer) {
        self.number.encode(writer);
        self.idempotency_key.encode(writer);
        self.after.encode(writer);
        self.up_to.encode(writer);
        self.commits.encode(writer);
        self.anchors.encode(writer);
        flag::encode(self.locks, writer);
    }
}

impl Decode for Repair {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            number: Decode::decode(reader)?,
            idempotency_key: Decode::decode(reader)?,
            after: Decode::decode(reader)?,
            up_to: Decode::decode(reader)?,
            commits: Decode::decode(reader)?,
            anchors: Decode::decode(reader)?,
            locks: flag::decode(reader)?,
        })
    }
}

/// A repair was carried out. If it locks the log, nothing enters it before the anchor commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The repair's number.
    pub number: u64,
    /// The commit head, under which the anchor commits.
    pub head: Position,
    /// The last position. If it lies behind the repair's `up_to`, there is more to read, and to
    /// restate if it is not true.
    pub end: Position,
}
codec::fields!(Repaired { number, head, end });
