//! Parent hashes (RFC 9420, section 7.9): setting them along a new path, and verifying a whole
//! tree.

use codec::{Encode, Writer};
use crypto::{CryptoError, Digest, HpkePublicKey, Suite};
use wire::ParentNode;

use crate::in_chunks::try_in_chunks;
use crate::tree_hash::leaves_below;
use crate::{Error, LeafIndex, NodeIndex, RatchetTree, Violation};

/// Few enough that no thread waits long for another.
pub(crate) const CHUNK_PARENTS_MAX: usize = 1024;

/// The hash of `ParentHashInput`.
fn parent_hash(
    suite: &Suite,
    encryption_key: &[u8],
    parent_hash: &Digest,
    original_sibling_tree_hash: &Digest,
) -> Result<Digest, CryptoError> {
    let mut writer = Writer::new();
    writer.opaque(encryption_key);
    parent_hash.encode(&mut writer);
    original_sibling_tree_hash.encode(&mut writer);
    suite.hash(writer.as_slice())
}

impl RatchetTree {
    /// Merges the public keys of an UpdatePath (section 7.5): blanks the sender's direct path, sets
    /// the keys along its filtered direct path, and computes parent hashes from the root down.
    ///
    /// Returns the parent hash that the sender's new leaf must carry. The leaf itself is set by the
    /// caller, with [`Self::set_leaf`].
    pub fn merge_path_keys(
        &mut self,
        suite: &Suite,
        sender: LeafIndex,
        keys: impl ExactSizeIterator<Item = HpkePublicKey>,
    ) -> Result<Digest, Error> {
        let filtered = self.filtered_direct_path(sender);
        if filtered.len() != keys.len() {
            return Err(Violation::PathLengthMismatch.into());
        }
        // Once for the whole tree, and before the path lacks its own.
        self.fill_hashes(suite)?;
        self.blank_direct_path(sender);
        let keys: Vec<HpkePublicKey> = keys.collect();
        let mut above = Digest::EMPTY;
        for (&(node, copath), encryption_key) in filtered.iter().zip(keys).rev() {
            // No leaf is unmerged at a node that is just set, so the original sibling is the
            // sibling.
            let sibling_hash = self.hash_of(suite, copath)?;
            let next = parent_hash(suite, encryption_key.as_slice(), &above, &sibling_hash)?;
            let unmerged_leaves = Vec::new();
            self.set_parent(
                node,
                ParentNode { encryption_key, parent_hash: above, unmerged_leaves },
            );
            above = next;
        }
        Ok(above)
    }

    /// Verifies that every parent that is not blank is parent-hash valid (section 7.9.2), top down:
    /// exactly one descendant was set together with it. All tree hashes must be known. O(N log N).
    pub(crate) fn verify_parent_hashes(&self, suite: &Suite) -> Result<(), Error> {
        let parents: Vec<NodeIndex> = self.parents().collect();
        try_in_chunks(&parents, CHUNK_PARENTS_MAX, |chunk| {
            chunk.iter().try_for_each(|&node| self.verify_parent_hash(suite, node))
        })
    }

    /// The parents that are not blank, from left to right.
    pub(crate) fn parents(&self) -> impl Iterator<Item = NodeIndex> {
        let nodes = (1..self.size().nodes()).step_by(2);
        let nodes = nodes.filter_map(|index| self.size().node(index));
        nodes.filter(|&node| !self.is_blank(node))
    }

    fn verify_parent_hash(&self, suite: &Suite, node: NodeIndex) -> Result<(), Error> {
        let (Some(parent), Some((left, right))) = (self.parent_bytes(node), node.children()) else {
            return Ok(());
        };
        let mut valid = 0;
        let unmerged: Vec<u32> = parent.unmerged_leaves().collect();
        for (child, sibling) in [(left, right), (right, left)] {
            let Some(descendant) = self.set_together(child, &unmerged) else { continue };
            let sibling_hash = self.hash_without(suite, sibling, &unmerged)?;
            let expected =
                parent_hash(suite, parent.encryption_key, &parent.parent_hash, &sibling_hash)?;
            valid += usize::from(self.parent_hash_of(descendant) == Some(expected));
        }
        // "verifying that there is exactly one descendant of each non-blank parent node for which
        // the parent node is parent-hash valid" (section 7.9.2).
        if valid == 1 { Ok(()) } else { Err(Violation::InvalidParentHash.at_node(node)) }
    }

    /// The one node D in the resolution of `child` such that the rest of the resolution is exactly
    /// the unmerged leaves below `child`; `None` if there is no such node.
    fn set_together(&self, child: NodeIndex, unmerged_leaves: &[u32]) -> Option<NodeIndex> {
        let below = leaves_below(unmerged_leaves, child);
        let resolution = self.resolution(child);
        if resolution.len() != below.len() + 1 {
            return None;
        }
        let is_unmerged = |node: &NodeIndex| {
            node.leaf().is_some_and(|leaf| below.binary_search(&leaf.as_u32()).is_ok())
        };
        let mut others = resolution.iter().filter(|node| !is_unmerged(node));
        let descendant = *others.next()?;
        others.next().is_none().then_some(descendant)
    }

    fn parent_hash_of(&self, node: NodeIndex) -> Option<Digest> {
        match node.leaf() {
            Some(leaf) => self.leaf(leaf)?.parent_hash(),
            None => Some(self.parent_bytes(node)?.parent_hash),
        }
    }
}
