//! TreeKEM as draft-ietf-mls-protocol-01 had it: secrets are hashed up a left-balanced tree, the
//! sender of a change sets every node above the changed leaf, even if the leaf is not its own.

mod ecies;
mod tree;

pub use ecies::{Ciphertext, open, seal};
pub use tree::HashTree;

#[cfg(test)]
mod known_answers;
