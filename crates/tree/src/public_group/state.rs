//! Keeping a followed group: everything but the tree is one small row, the tree is a row per node.
//!
//! Whoever stores the nodes one by one writes after each commit what
//! [`crate::RatchetTree::changed_since`] and [`crate::RatchetTree::cut_off_since`] name; whoever
//! does not care writes [`crate::RatchetTree::to_nodes`]. The row carries its format's version.

use std::sync::Arc;

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer};
use crypto::{Crypto, CryptoError, Digest};
use wire::{GroupContext, Proposal, ProposalRef, ReInit, Sender};

use super::{Pending, PublicGroup};
use crate::{Error, InterimTranscriptHash, ProposalSender, RatchetTree, TreeSize, Violation};

/// The version of the row.
const FORMAT: u8 = 1;

struct Head {
    format: u8,
    context: GroupContext,
    interim: Digest,
    proposals: Stored,
    reinit: Option<ReInit>,
}

codec::fields!(Head { format, context, interim, proposals, reinit });

/// A pending proposal, whose sender is not checked against a tree yet.
struct StoredProposal {
    reference: ProposalRef,
    sender: Sender,
    proposal: Arc<Proposal>,
}

codec::fields!(StoredProposal { reference, sender, proposal });

/// Pending proposals: counted and not in a vector, since they come from others and may together be
/// longer than a vector can be.
struct Stored(Vec<StoredProposal>);

impl Encode for Stored {
    fn encode(&self, writer: &mut Writer) {
        (self.0.len() as u64).encode(writer);
        self.0.iter().for_each(|stored| stored.encode(writer));
    }
}

impl Decode for Stored {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = u64::decode(reader)?;
        Ok(Self((0..count).map(|_| Decode::decode(reader)).collect::<Result<_, _>>()?))
    }
}

impl StoredProposal {
    fn new(reference: ProposalRef, pending: &Pending) -> Self {
        let sender = match pending.sender {
            ProposalSender::Member(leaf) => Sender::Member(leaf.as_u32()),
            ProposalSender::External(index) => Sender::External(index),
            ProposalSender::NewMember => Sender::NewMemberProposal,
            ProposalSender::Joiner => Sender::NewMemberCommit,
        };
        Self { reference, sender, proposal: Arc::clone(&pending.proposal) }
    }

    /// Signatures are verified again when a commit covers the proposal.
    fn into_pending(self, size: TreeSize) -> Option<(ProposalRef, Pending)> {
        let sender = match self.sender {
            Sender::Member(leaf) => ProposalSender::Member(size.leaf(leaf)?),
            Sender::External(index) => ProposalSender::External(index),
            Sender::NewMemberProposal => ProposalSender::NewMember,
            Sender::NewMemberCommit => return None,
        };
        Some((self.reference, Pending { sender, proposal: self.proposal, verified: None }))
    }
}

fn invalid(what: &'static str) -> DecodeError {
    DecodeError { offset: 0, kind: DecodeErrorKind::InvalidValue(what) }
}

impl PublicGroup {
    /// The row that holds everything but the tree.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let proposals = self.proposals.iter();
        let head = Head {
            format: FORMAT,
            context: self.context.clone(),
            interim: self.interim.0,
            proposals: Stored(
                proposals.map(|(key, value)| StoredProposal::new(*key, value)).collect(),
            ),
            reinit: self.reinit.clone(),
        };
        let mut writer = Writer::new();
        head.encode(&mut writer);
        writer.into_bytes()
    }

    /// The group from its row and its tree, which must belong together. O(N).
    pub fn load(crypto: &Crypto, head: &[u8], mut tree: RatchetTree) -> Result<Self, Error> {
        if head.first() != Some(&FORMAT) {
            return Err(invalid("version of a stored group").into());
        }
        let mut reader = Reader::new(head);
        let Head { context, interim, proposals, reinit, .. } = Head::decode(&mut reader)?;
        if !reader.is_empty() {
            return Err(invalid("end of a stored group").into());
        }
        let suite = crypto.suite(context.cipher_suite).ok_or(CryptoError::Unsupported)?;
        if tree.tree_hash(&suite)? != context.tree_hash {
            return Err(Violation::WrongTreeHash.into());
        }
        let size = tree.size();
        let proposals = proposals.0.into_iter().map(|stored| stored.into_pending(size));
        let proposals = proposals.collect::<Option<_>>().ok_or(invalid("sender of a proposal"))?;
        let interim = InterimTranscriptHash(interim);
        Ok(Self { suite, context, tree, interim, proposals, reinit })
    }
}
