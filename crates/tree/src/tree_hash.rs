//! Tree hashes (RFC 9420, section 7.8), cached in the tree and computed where the cache has holes.
//!
//! After a change only the changed nodes and their ancestors lack a hash. When very many do (a new
//! tree), the missing ones are computed level by level, each level in parallel.

use codec::{Encode, Writer};
use crypto::{CryptoError, Digest, Suite};
use rayon::prelude::*;
use wire::Node;

use crate::ratchet_tree::at;
use crate::{NodeIndex, RatchetTree};

/// With fewer missing hashes than this, threads cost more than they save.
const PARALLEL_NODES_MIN: usize = 512;

/// `TreeHashInput` of a leaf.
fn leaf_input(leaf_index: u32, node: Option<&Node>) -> Vec<u8> {
    let mut writer = Writer::new();
    1_u8.encode(&mut writer);
    leaf_index.encode(&mut writer);
    match node {
        Some(Node::Leaf(leaf)) => {
            1_u8.encode(&mut writer);
            leaf.encode(&mut writer);
        }
        Some(Node::Parent(_)) | None => 0_u8.encode(&mut writer),
    }
    writer.into_bytes()
}

/// `TreeHashInput` of a parent, whose unmerged leaves are passed apart so that some can be left
/// out.
pub(crate) fn parent_input(
    node: Option<&Node>,
    unmerged_leaves: &[u32],
    left_hash: &Digest,
    right_hash: &Digest,
) -> Vec<u8> {
    let mut writer = Writer::new();
    2_u8.encode(&mut writer);
    match node {
        Some(Node::Parent(parent)) => {
            1_u8.encode(&mut writer);
            parent.encryption_key.encode(&mut writer);
            parent.parent_hash.encode(&mut writer);
            unmerged_leaves.encode(&mut writer);
        }
        Some(Node::Leaf(_)) | None => 0_u8.encode(&mut writer),
    }
    left_hash.encode(&mut writer);
    right_hash.encode(&mut writer);
    writer.into_bytes()
}

/// The hash of a leaf that is blank, or taken to be.
pub(crate) fn blank_leaf_hash(suite: &Suite, leaf_index: u32) -> Result<Digest, CryptoError> {
    suite.hash(&leaf_input(leaf_index, None))
}

impl RatchetTree {
    /// The tree hash of the whole tree; what is missing is computed and kept.
    pub fn tree_hash(&mut self, suite: &Suite) -> Result<Digest, CryptoError> {
        self.subtree_hash(suite, self.size().root())
    }

    /// The tree hash of the subtree below `node`; what is missing is computed and kept.
    pub fn subtree_hash(&mut self, suite: &Suite, node: NodeIndex) -> Result<Digest, CryptoError> {
        if let Some(hash) = self.cached_hash(node) {
            return Ok(hash);
        }
        let mut levels = vec![Vec::new(); 32];
        self.collect_missing(node, &mut levels);
        for level in levels.iter().filter(|level| !level.is_empty()) {
            let compute = |&node: &NodeIndex| self.compute_hash(suite, node);
            let hashes: Result<Vec<Digest>, CryptoError> = if level.len() < PARALLEL_NODES_MIN {
                level.iter().map(compute).collect()
            } else {
                level.par_iter().map(compute).collect()
            };
            for (&node, hash) in level.iter().zip(hashes?) {
                if let Some(slot) = self.slots.get_mut(at(node)) {
                    slot.hash = Some(hash);
                }
            }
        }
        self.cached_hash(node).ok_or(CryptoError::InvalidLength)
    }

    /// The hash of a subtree if it is known.
    pub(crate) fn cached_hash(&self, node: NodeIndex) -> Option<Digest> {
        self.slots.get(at(node))?.hash
    }

    /// The nodes below and at `node` without a hash, by level from the leaves up.
    fn collect_missing(&self, node: NodeIndex, levels: &mut [Vec<NodeIndex>]) {
        if self.cached_hash(node).is_some() {
            return;
        }
        if let Some((left, right)) = node.children() {
            self.collect_missing(left, levels);
            self.collect_missing(right, levels);
        }
        if let Some(level) = levels.get_mut(node.level() as usize) {
            level.push(node);
        }
    }

    /// The hash of a node whose children's hashes are known.
    fn compute_hash(&self, suite: &Suite, node: NodeIndex) -> Result<Digest, CryptoError> {
        let input = match (node.leaf(), node.children()) {
            (Some(leaf), _) => leaf_input(leaf.as_u32(), self.node(node)),
            (None, Some((left, right))) => {
                let unmerged = self.parent(node).map_or(&[][..], |parent| &parent.unmerged_leaves);
                let left_hash = self.cached_hash(left).unwrap_or(Digest::EMPTY);
                let right_hash = self.cached_hash(right).unwrap_or(Digest::EMPTY);
                parent_input(self.node(node), unmerged, &left_hash, &right_hash)
            }
            (None, None) => return Err(CryptoError::InvalidLength),
        };
        suite.hash(&input)
    }
}
