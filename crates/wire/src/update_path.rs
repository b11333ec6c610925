//! `UpdatePath` (RFC 9420, section 7.6).

use crypto::{HpkeCiphertext, HpkePublicKey};

use crate::{LeafNode, RATCHET_TREE_LEAVES_MAX};

/// The most nodes that a path can have: a tree of 2^31 leaves is 31 levels high.
pub const PATH_NODES_MAX: usize = 31;

/// One node of the sender's filtered direct path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatePathNode {
    /// The node's new public key.
    pub encryption_key: HpkePublicKey,
    /// Its path secret, encrypted to each node in the resolution of the copath child.
    pub encrypted_path_secret: Vec<HpkeCiphertext>,
}

codec::fields!(UpdatePathNode {
    encryption_key,
    encrypted_path_secret <= RATCHET_TREE_LEAVES_MAX,
});

/// A new leaf and new keys for the sender's filtered direct path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatePath {
    /// The sender's new leaf.
    pub leaf_node: LeafNode,
    /// From the leaf's end to the root.
    pub nodes: Vec<UpdatePathNode>,
}

codec::fields!(UpdatePath { leaf_node, nodes <= PATH_NODES_MAX });
