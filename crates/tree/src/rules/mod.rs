//! The rules of RFC 9420 about public state, one file per structure that they are about.
//!
//! Each `verify_*` leaves a proof value behind, which the next step demands.

mod key_package;
mod leaf_node;
mod members;
mod ratchet_tree;

pub(crate) use key_package::signed_contents;
pub use key_package::{KeyPackageSignatures, VerifiedKeyPackage, verify_key_package};
pub(crate) use leaf_node::signed_leaf_node;
pub use leaf_node::{LeafPlace, LifetimeRules, VerifiedLeafNode, verify_leaf_node};
pub(crate) use members::verify_members;
pub use ratchet_tree::{VerifiedTree, verify_ratchet_tree};
