//! The log of a group: what is appended, what is read, and the chain that ties it together.
//!
//! * A log has entries at positions 1, 2, 3, … without gaps. Its *commit head* is the position of
//!   its last commit entry, 0 while there is none. The head, never the MLS epoch, is what
//!   submissions name.
//! * A *segment* is what follows a commit up to and including the next one. Each segment has an
//!   Ed25519 access key whose public half the opening commit carried. It authorises appending in
//!   the segment and reading from the segment's first entry on, through later segments, up to and
//!   including the first commit flagged `removes`.
//! * An application message or proposal is accepted only under the current head, so nothing of a
//!   closed segment follows its closing commit.
//! * The chain: `chain_0 = SHA-256(genesis)`, `chain_n = SHA-256(ChainLink_n)`, where link n holds
//!   `chain_(n-1)`, position, kind and `SHA-256(bytes)`. Receipts sign it.

use crate::flag;
use crate::id::{ChainHash, DeviceId, IdempotencyKey, LogId, Position, PublicKey};
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};

/// Separates the start of a chain from everything else that is hashed.
const GENESIS_LABEL: &[u8] = b"Conclave 1.0 delivery log";

/// Separates receipts from everything else that the service signs.
const RECEIPT_LABEL: &[u8] = b"Conclave 1.0 delivery receipt";

/// What the service needs to know of an entry: which lane it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// An application message.
    Application,
    /// A commit; it closes a segment and opens the next.
    Commit,
    /// A proposal sent by itself.
    Proposal,
}

impl EntryKind {
    /// The octet that stands for the kind.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Commit => 1,
            Self::Application => 2,
            Self::Proposal => 3,
        }
    }

    /// The kind that the octet stands for.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Commit),
            2 => Some(Self::Application),
            3 => Some(Self::Proposal),
            _ => None,
        }
    }
}

impl Encode for EntryKind {
    fn encode(&self, writer: &mut Writer) {
        self.code().encode(writer);
    }
}

impl Decode for EntryKind {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("entry kind"));
        Self::from_code(u8::decode(reader)?).ok_or(error)
    }
}

/// Opens a log without entries; the key that signs the request becomes the key of its first
/// segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateLog {
    /// The key that lets outsiders fetch the GroupInfo and commit, or none.
    pub join_key: Option<PublicKey>,
    /// The keys that may repair the log (see [`repair`](crate::repair)), at most
    /// [`ANCHORS_MAX`](crate::limits::ANCHORS_MAX). Without any, an insider can lock the group out.
    pub anchors: Vec<PublicKey>,
}
codec::fields!(CreateLog { join_key, anchors });

/// A Welcome for one device's inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WelcomeDelivery {
    /// Whose inbox.
    pub recipient: DeviceId,
    /// The Welcome, opaque.
    pub welcome: Opaque,
}
codec::fields!(WelcomeDelivery { recipient, welcome });

/// A commit and everything that exists exactly if the commit wins.
///
/// It is applied in one transaction, as a compare-and-swap on the commit head. If the log does not
/// exist and `expected_head` is 0, the log is created, without anchors, and the signing key becomes
/// its first key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitBundle {
    /// The commit head that the commit was made under.
    pub expected_head: Position,
    /// Names this submission.
    pub idempotency_key: IdempotencyKey,
    /// The commit, opaque.
    pub commit: Opaque,
    /// The access key of the segment that the commit opens; never used in this log before.
    pub next_access_key: PublicKey,
    /// The key that lets outsiders fetch the GroupInfo and commit from now on, or none.
    pub join_key: Option<PublicKey>,
    /// Whether the commit removes somebody: reading with earlier keys ends here.
    pub removes: bool,
    /// Welcomes for the devices that the commit adds.
    pub welcomes: Vec<WelcomeDelivery>,
    /// GroupInfo of the new epoch, sealed for those who may join; empty if none is published.
    pub group_info: Opaque,
    /// Ratchet tree that belongs to the GroupInfo, if it is not inside or in a blob.
    pub tree: Option<Opaque>,
}

impl Encode for CommitBundle {
    fn encode(&self, writer: &mut Writer) {
        self.expected_head.encode(writer);
        self.idempotency_key.encode(writer);
        self.commit.encode(writer);
        self.next_access_key.encode(writer);
        self.join_key.encode(writer);
        flag::encode(self.removes, writer);
        self.welcomes.encode(writer);
        self.group_info.encode(writer);
        self.tree.encode(writer);
    }
}

impl Decode for CommitBundle {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            expected_head: Decode::decode(reader)?,
            idempotency_key: Decode::decode(reader)?,
            commit: Decode::decode(reader)?,
            next_access_key: Decode::decode(reader)?,
            join_key: Decode::decode(reader)?,
            removes: flag::decode(reader)?,
            welcomes: Decode::decode(reader)?,
            group_info: Decode::decode(reader)?,
            tree: Decode::decode(reader)?,
        })
    }
}

/// What an [`Append`] may append: everything but commits, which need a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// An application message.
    Application,
    /// A proposal sent by itself.
    Proposal,
}

impl Lane {
    /// The kind of the entry that results.
    #[must_use]
    pub const fn kind(self) -> EntryKind {
        match self {
            Self::Application => EntryKind::Application,
            Self::Proposal => EntryKind::Proposal,
        }
    }
}

impl Encode for Lane {
    fn encode(&self, writer: &mut Writer) {
        self.kind().encode(writer);
    }
}

impl Decode for Lane {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("lane"));
        match EntryKind::decode(reader)? {
            EntryKind::Application => Ok(Self::Application),
            EntryKind::Proposal => Ok(Self::Proposal),
            EntryKind::Commit => Err(error),
        }
    }
}

/// An application message or a proposal for the current segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The commit head that the message was protected under.
    pub head: Position,
    /// Names this submission.
    pub idempotency_key: IdempotencyKey,
    /// Message or proposal.
    pub lane: Lane,
    /// The message, opaque.
    pub bytes: Opaque,
}
codec::fields!(Append { head, idempotency_key, lane, bytes });

/// The service's signed word that a submission is durable at a position.
///
/// Two receipts for one position with different chains prove that the service forked the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The log.
    pub log: LogId,
    /// Where the submission is.
    pub position: Position,
    /// The commit head behind it: `position` itself for a commit.
    pub head: Position,
    /// The chain up to `position`.
    pub chain_hash: ChainHash,
    /// The service's Ed25519 signature over [`Receipt::to_be_signed`].
    pub signature: Opaque,
}
codec::fields!(Receipt { log, position, head, chain_hash, signature });

impl Receipt {
    /// What the service's signature covers.
    #[must_use]
    pub fn to_be_signed(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.opaque(RECEIPT_LABEL);
        self.log.encode(&mut writer);
        self.position.encode(&mut writer);
        self.head.encode(&mut writer);
        self.chain_hash.encode(&mut writer);
        writer.into_bytes()
    }
}

/// One entry as readers get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the log.
    pub position: Position,
    /// Its lane.
    pub kind: EntryKind,
    /// The commit head that it was accepted under.
    pub head: Position,
    /// For a commit, whether it was flagged as removing somebody.
    pub removes: bool,
    /// The message, opaque.
    pub bytes: Opaque,
}

impl Encode for Entry {
    fn encode(&self, writer: &mut Writer) {
        self.position.encode(writer);
        self.kind.encode(writer);
        self.head.encode(writer);
        flag::encode(self.removes, writer);
        self.bytes.encode(writer);
    }
}

impl Decode for Entry {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            position: Decode::decode(reader)?,
            kind: Decode::decode(reader)?,
            head: Decode::decode(reader)?,
            removes: flag::decode(reader)?,
            bytes: Decode::decode(reader)?,
        })
    }
}

/// Consecutive entries behind the position that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// The chain up to the position that was asked for: where verification of `entries` starts.
    pub chain_hash: ChainHash,
    /// Entries without gaps; fewer than asked for if the page would grow too large.
    pub entries: Vec<Entry>,
    /// The last position that the key may read today; beyond the page if there is more to fetch.
    pub end: Position,
    /// The last commit up to `end`.
    pub head: Position,
    /// Whether `end` is final for this key: it is a commit flagged `removes`, and reading on takes
    /// the key of a later segment.
    pub stopped: bool,
}

impl Encode for LogPage {
    fn encode(&self, writer: &mut Writer) {
        self.chain_hash.encode(writer);
        self.entries.encode(writer);
        self.end.encode(writer);
        self.head.encode(writer);
        flag::encode(self.stopped, writer);
    }
}

impl Decode for LogPage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            chain_hash: Decode::decode(reader)?,
            entries: Decode::decode(reader)?,
            end: Decode::decode(reader)?,
            head: Decode::decode(reader)?,
            stopped: flag::decode(reader)?,
        })
    }
}

/// The GroupInfo published with the last commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedGroupInfo {
    /// The commit it belongs to, and the head to commit under.
    pub head: Position,
    /// The chain up to that commit.
    pub chain_hash: ChainHash,
    /// GroupInfo, opaque.
    pub group_info: Opaque,
    /// Ratchet tree, if it was given separately.
    pub tree: Option<Opaque>,
}
codec::fields!(PublishedGroupInfo { head, chain_hash, group_info, tree });

/// What is hashed with SHA-256 to extend the chain by one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainLink {
    /// The chain up to the entry before.
    pub previous: ChainHash,
    /// The entry's position.
    pub position: Position,
    /// The entry's kind.
    pub kind: EntryKind,
    /// SHA-256 of the entry's bytes.
    pub entry_hash: [u8; 32],
}
codec::fields!(ChainLink { previous, position, kind, entry_hash });

impl ChainLink {
    /// What is hashed with SHA-256 to get the chain of a log without entries.
    #[must_use]
    pub fn genesis(log: LogId) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.opaque(GENESIS_LABEL);
        log.encode(&mut writer);
        writer.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::{Append, CommitBundle, EntryKind, Lane, WelcomeDelivery};
    use crate::id::{DeviceId, IdempotencyKey, Position, PublicKey};
    use codec::{Decode, DecodeErrorKind, Encode, Opaque};

    fn bundle() -> CommitBundle {
        CommitBundle {
            expected_head: Position(3),
            idempotency_key: IdempotencyKey::new(&[1; 16]).unwrap(),
            commit: Opaque::from(b"commit"),
            next_access_key: PublicKey::new([2; 32]),
            join_key: None,
            removes: true,
            welcomes: vec![WelcomeDelivery {
                recipient: DeviceId::new([3; 32]),
                welcome: Opaque::from(b"welcome"),
            }],
            group_info: Opaque::from(b"info"),
            tree: Some(Opaque::from(b"tree")),
        }
    }

    #[test]
    fn a_bundle_survives_a_round_trip_and_an_unknown_flag_is_refused() {
        let bytes = bundle().to_bytes();
        assert_eq!(CommitBundle::from_bytes(&bytes), Ok(bundle()));
        let flag_offset = 8 + 17 + 7 + 32 + 1;
        let mut broken = bytes;
        assert_eq!(broken[flag_offset], 1);
        broken[flag_offset] = 2;
        let error = CommitBundle::from_bytes(&broken).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::InvalidValue("flag"));
        assert_eq!(error.offset, flag_offset);
    }

    #[test]
    fn a_commit_cannot_be_smuggled_in_as_a_message() {
        let append = Append {
            head: Position(1),
            idempotency_key: IdempotencyKey::new(&[1; 16]).unwrap(),
            lane: Lane::Proposal,
            bytes: Opaque::from(b"x"),
        };
        let mut bytes = append.to_bytes();
        assert_eq!(Append::from_bytes(&bytes), Ok(append));
        let lane_offset = 8 + 17;
        assert_eq!(bytes[lane_offset], EntryKind::Proposal.code());
        bytes[lane_offset] = EntryKind::Commit.code();
        let error = Append::from_bytes(&bytes).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::InvalidValue("lane"));
    }
}
