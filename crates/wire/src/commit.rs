//! `Commit` (RFC 9420, section 12.4).

use std::sync::Arc;

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer};

use crate::{Proposal, ProposalRef, UpdatePath};

/// `ProposalOrRef`: a proposal in place, or the reference of one that was sent before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProposalOrRef {
    /// By value; the committer proposes it. Shared, because a commit may add ten thousand members.
    Proposal(Arc<Proposal>),
    /// By reference.
    Reference(ProposalRef),
}

impl Encode for ProposalOrRef {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Proposal(proposal) => {
                1_u8.encode(writer);
                proposal.encode(writer);
            }
            Self::Reference(reference) => {
                2_u8.encode(writer);
                reference.encode(writer);
            }
        }
    }
}

impl Decode for ProposalOrRef {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.clone();
        match u8::decode(reader)? {
            1 => Ok(Self::Proposal(Arc::decode(reader)?)),
            2 => Ok(Self::Reference(ProposalRef::decode(reader)?)),
            _ => Err(at.error(DecodeErrorKind::InvalidValue("proposal or ref type"))),
        }
    }
}

/// The most proposals that are accepted in a commit. One takes seven bytes on the wire and two
/// hundred in memory, before anybody can tell whether the group has so many members. A larger group
/// is filled by several commits.
pub const COMMIT_PROPOSALS_MAX: usize = 1 << 17;

/// A commit: the proposals it covers and, unless only some kinds are covered, new keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The proposals, in order.
    pub proposals: Vec<ProposalOrRef>,
    /// The sender's new leaf and path.
    pub path: Option<UpdatePath>,
}

codec::fields!(Commit { proposals <= COMMIT_PROPOSALS_MAX, path });
