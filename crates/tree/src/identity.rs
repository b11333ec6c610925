//! The identity policy: the application's say about every leaf that enters a group (RFC 9420,
//! section 5.3).
//!
//! MLS authenticates keys; only the application knows whose they are. There is no default: whoever
//! creates, joins or follows a group passes a policy, and it sees *every* new leaf with its
//! predecessor.

use std::fmt;

use wire::{ExternalSender, LeafNode};

use crate::LeafIndex;

/// How a leaf comes into the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeafOrigin {
    /// By an Add proposal.
    Add,
    /// By an Update proposal; there is a predecessor.
    Update,
    /// By the path of a member's commit; there is a predecessor.
    CommitPath,
    /// By an external commit; there is a predecessor if it is a resync.
    ExternalCommit,
    /// It is in the tree of a group that is being created or joined.
    Tree,
}

/// A leaf that wants to be in the group.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The group.
    pub group_id: &'a [u8],
    /// The leaf; its signature and structure are verified.
    pub leaf: &'a LeafNode,
    /// Its place in the tree.
    pub index: LeafIndex,
    /// How it comes in.
    pub origin: LeafOrigin,
    /// The leaf it replaces, if any. A policy that lets a member change its credential at will lets
    /// any member impersonate any other.
    pub predecessor: Option<&'a LeafNode>,
    /// The time that the caller passed, in seconds since 1970.
    pub now: u64,
}

/// The application's reason for refusing a leaf or a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "refused by the identity policy: {}", self.0)
    }
}

impl std::error::Error for Refusal {}

/// Decides who may be in a group. Object-safe; called synchronously with everything it may look at.
pub trait IdentityPolicy: Send + Sync {
    /// Accepts or refuses a leaf (section 5.3.1). For one that has a predecessor this includes the
    /// question whether the two are the same client.
    fn validate_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Refusal>;

    /// Accepts or refuses an entry of the `external_senders` extension (section 12.1.8.1).
    fn validate_external_sender(&self, sender: &ExternalSender, now: u64) -> Result<(), Refusal>;

    /// What identifies a client beyond its signature key, if anything (section 12.2: two leaves
    /// that "represent the same client according to the application"). With `None`, the default,
    /// the signature key alone identifies it. With `Some`, an Add compares with every member: O(N).
    fn client_id(&self, leaf: &LeafNode) -> Option<Vec<u8>> {
        let _ = leaf;
        None
    }
}

/// A function is a policy for leaves; it lets nobody propose from outside the group.
impl<Judge> IdentityPolicy for Judge
where
    Judge: Fn(&Candidate<'_>) -> Result<(), Refusal> + Send + Sync,
{
    fn validate_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        self(candidate)
    }

    fn validate_external_sender(&self, _: &ExternalSender, _: u64) -> Result<(), Refusal> {
        Err(Refusal("this policy knows no external senders".into()))
    }
}
