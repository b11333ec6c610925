//! What is asked of an implementation. Every message crosses as bytes, so that encoding and
//! decoding are inside the timings.

pub mod conclave;
pub mod mls_rs;
pub mod open_mls;
mod store;

use crate::Failure;

/// Bytes on the wire.
pub type Bytes = Vec<u8>;

/// What a commit changes.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// Only the committer's keys.
    Update,
    /// Adds the owners of these key packages; without a path, as nothing demands one.
    Add(&'a [Bytes]),
    /// Removes the member at a leaf.
    Remove(u32),
    /// The proposals that were received.
    Received,
}

/// A commit that was made.
#[derive(Debug)]
pub struct Made {
    /// For the members.
    pub commit: Bytes,
    /// For those who were added.
    pub welcome: Option<Bytes>,
}

/// What went into a store, or is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Rows written or deleted.
    pub rows: u64,
    /// Bytes of keys and values written.
    pub bytes: u64,
}

impl std::ops::Sub for Stored {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { rows: self.rows - other.rows, bytes: self.bytes - other.bytes }
    }
}

/// One client of an implementation, with a store and at most one group.
pub trait Participant {
    /// A new key package; its private keys are kept.
    fn key_package(&mut self) -> Result<Bytes, Failure>;
    /// Validates somebody's key package.
    fn validate_key_package(&mut self, key_package: &[u8]) -> Result<(), Failure>;
    /// Creates a group of one.
    fn create_group(&mut self) -> Result<(), Failure>;
    /// Makes a commit and holds it.
    fn commit(&mut self, change: Change<'_>) -> Result<Made, Failure>;
    /// Makes durable what must be before the commit leaves, for implementations that keep a held
    /// commit over a restart. The others do nothing.
    fn persist_held(&mut self) -> Result<(), Failure>;
    /// Moves to the epoch of the held commit.
    fn apply(&mut self) -> Result<(), Failure>;
    /// Processes a commit and moves on, or keeps a proposal.
    fn process(&mut self, message: &[u8]) -> Result<(), Failure>;
    /// Makes durable what the calls before have left in memory.
    fn persist(&mut self) -> Result<(), Failure>;
    /// Joins by a Welcome, with the tree beside it.
    fn join(&mut self, welcome: &[u8], ratchet_tree: &[u8]) -> Result<(), Failure>;
    /// Joins by an external commit, and returns it. The client is in the group afterwards.
    fn join_external(&mut self, group_info: &[u8], ratchet_tree: &[u8]) -> Result<Bytes, Failure>;
    /// Proposes to add somebody.
    fn propose_add(&mut self, key_package: &[u8]) -> Result<Bytes, Failure>;
    /// Encrypts application data.
    fn protect(&mut self, data: &[u8]) -> Result<Bytes, Failure>;
    /// Decrypts application data.
    fn unprotect(&mut self, message: &[u8]) -> Result<Vec<u8>, Failure>;
    /// A GroupInfo with the key for external commits, without the tree.
    fn group_info(&mut self) -> Result<Bytes, Failure>;
    /// The ratchet tree.
    fn ratchet_tree(&mut self) -> Result<Bytes, Failure>;
    /// Drops the group from memory.
    fn forget(&mut self);
    /// Loads it from the store.
    fn load(&mut self) -> Result<(), Failure>;
    /// Encrypts application data for a group that is only in the store. The group need not be in
    /// memory afterwards.
    fn load_and_protect(&mut self, data: &[u8]) -> Result<Bytes, Failure> {
        self.load()?;
        self.protect(data)
    }
    /// What two members of an epoch agree on.
    fn epoch_authenticator(&mut self) -> Result<Vec<u8>, Failure>;
    /// What was written so far.
    fn written(&self) -> Stored;
    /// What the store holds.
    fn stored(&self) -> Stored;
}
