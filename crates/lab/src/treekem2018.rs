//! TreeKEM as draft-ietf-mls-protocol-01 had it: secrets are hashed up a left-balanced tree, the
//! sender of a change sets every node above the changed leaf, even if the leaf is not its own.

mod ecies;
mod tree;

pub use ecies::Ciphertext;
pub(crate) use ecies::{open_bytes, seal_bytes};
pub use tree::HashTree;

use crate::group2018::{GroupProtocol, Profile};

/// TreeKEM of draft-01.
pub const DRAFT01: GroupProtocol<HashTree> = GroupProtocol::new(
    "treekem-draft01",
    "TreeKEM that hashes up, draft-ietf-mls-protocol-01 (2018)",
    Profile::Draft01,
);

#[cfg(test)]
mod tests;
