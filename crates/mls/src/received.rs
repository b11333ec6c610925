//! What comes out of processing a message.

use std::fmt;
use std::sync::Arc;

use tree::{LeafIndex, ProposalSender};
use wire::{Content, FramedContent, LeafNode, Proposal, ProposalRef};

use crate::{CommitId, StagedCommit};

/// What a processed message was.
pub enum Received {
    /// Application data from a member.
    Application(ApplicationMessage),
    /// A proposal, now pending.
    Proposal(ReceivedProposal),
    /// A commit that obeys every rule: look at it, then [`crate::Group::advance`] with it, or drop
    /// it.
    Commit(Box<StagedCommit>),
    /// The echo of an own commit: the delivery service has accepted it if it comes from its log.
    OwnCommit(CommitId),
    /// The echo of an own proposal or application message.
    OwnMessage {
        /// The epoch it was sent in.
        epoch: u64,
    },
    /// A message of an epoch that is over and not kept, or not reached yet. Nothing was looked at.
    /// Not an error: messages cross on the way.
    OtherEpoch {
        /// The epoch it claims.
        epoch: u64,
    },
}

/// Application data, authenticated. Its `Debug` does not show the data: it was encrypted for a
/// reason.
#[derive(Clone, PartialEq, Eq)]
pub struct ApplicationMessage {
    /// The epoch it was sent in.
    pub epoch: u64,
    /// Where the sender was in the tree of that epoch.
    pub sender: LeafIndex,
    /// The sender's leaf in that epoch.
    pub leaf: Arc<LeafNode>,
    /// The data.
    pub data: Vec<u8>,
    /// What was authenticated with it, but not encrypted.
    pub authenticated_data: Vec<u8>,
}

impl fmt::Debug for ApplicationMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, sender, leaf: _, data, authenticated_data } = self;
        let mut shown = formatter.debug_struct("ApplicationMessage");
        shown.field("epoch", epoch).field("sender", sender).field("bytes", &data.len());
        shown.field("authenticated_bytes", &authenticated_data.len()).finish_non_exhaustive()
    }
}

/// A proposal that was received, valid by itself.
#[derive(Clone, Debug)]
pub struct ReceivedProposal {
    /// Its name.
    pub reference: ProposalRef,
    /// Who proposes.
    pub sender: ProposalSender,
    /// What is proposed.
    pub proposal: Arc<Proposal>,
    /// What was authenticated with it.
    pub authenticated_data: Vec<u8>,
}

impl Received {
    /// Verified application content of the member with this leaf; `None` for other content.
    pub(crate) fn application(
        content: FramedContent,
        sender: LeafIndex,
        leaf: Arc<LeafNode>,
    ) -> Option<Self> {
        let FramedContent { epoch, authenticated_data, content, .. } = content;
        let Content::Application(data) = content else { return None };
        Some(Self::Application(ApplicationMessage {
            epoch,
            sender,
            leaf,
            data: data.into_vec(),
            authenticated_data: authenticated_data.into_vec(),
        }))
    }
}
