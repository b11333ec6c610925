//! Group operations without secrets (RFC 9420, sections 4, 7, 10.1 and 12).
//!
//! * [`LeafIndex`], [`NodeIndex`], [`TreeSize`]: arithmetic on checked indices.
//! * [`RatchetTree`]: the tree as a value; cloning is O(1), and a changed copy costs what it
//!   changes.
//! * [`rules`]: validation of leaves, key packages, trees and members.
//! * [`apply`] and [`AppliedProposals`]: the proposals of a commit and its path, from the epoch
//!   before ([`Base`]) to the tree of the next ([`NextTree`]).
//! * [`PublicGroup`]: a group followed from outside, through its public messages.
//! * [`IdentityPolicy`]: the application's say about every new leaf.
//!
//! Committer, receiver, joiner and follower share all of it; no secret passes through here.

mod census;
mod error;
mod identity;
mod in_chunks;
mod key_index;
mod math;
mod node_bytes;
mod page;
mod pages;
mod parent_hash;
mod persistent;
pub mod proposal;
mod proposal_list;
mod public_group;
mod ratchet_tree;
pub mod rules;
mod transcript;
mod tree_hash;
mod update_path;

pub use error::{Error, Misuse, Violation};
pub use identity::{Candidate, IdentityPolicy, LeafOrigin, Refusal};
pub use math::{LeafIndex, NodeIndex, TreeSize};
pub use page::PageId;
pub use proposal_list::{
    Added, AppliedProposals, Base, Checks, Committer, ListedProposal, NextTree, ProposalSender,
    PskPurpose, apply, path_required,
};
pub use public_group::{
    PublicChange, PublicGroup, PublicProposal, PublicReceived, StagedPublicCommit,
};
pub use ratchet_tree::RatchetTree;
pub use transcript::{ConfirmedTranscriptHash, InterimTranscriptHash};
pub use update_path::PathTree;
