//! Tree hashes (RFC 9420, section 7.8), kept with the tree and computed where they are not known.
//!
//! After a change only the changed nodes and their ancestors lack a hash, all of them on open
//! pages. Pages are completed band by band from the leaves up; when very many are open (a new
//! tree), those of a band in parallel.

use codec::{Encode, Writer};
use crypto::{CryptoError, Digest, Suite};
use rayon::prelude::*;

use crate::node_bytes;
use crate::page::{BANDS, PageId};
use crate::{NodeIndex, RatchetTree};

/// With fewer pages than this, threads cost more than they save.
const PARALLEL_PAGES_MIN: usize = 32;

/// `TreeHashInput` of a leaf, from its encoding.
fn leaf_input(leaf_index: u32, node: Option<&[u8]>) -> Vec<u8> {
    let mut writer = Writer::new();
    1_u8.encode(&mut writer);
    leaf_index.encode(&mut writer);
    optional(&mut writer, node);
    writer.into_bytes()
}

/// `TreeHashInput` of a parent, from its encoding.
fn parent_input(node: Option<&[u8]>, left_hash: &Digest, right_hash: &Digest) -> Vec<u8> {
    let mut writer = Writer::new();
    2_u8.encode(&mut writer);
    optional(&mut writer, node);
    left_hash.encode(&mut writer);
    right_hash.encode(&mut writer);
    writer.into_bytes()
}

fn optional(writer: &mut Writer, node: Option<&[u8]>) {
    u8::from(node.is_some()).encode(writer);
    writer.write(node.unwrap_or_default());
}

impl RatchetTree {
    /// The tree hash of the whole tree; what is missing is computed and kept.
    pub fn tree_hash(&mut self, suite: &Suite) -> Result<Digest, CryptoError> {
        self.fill_hashes(suite)?;
        self.pages.pack(self.size(), suite.hash_length());
        self.hash_of(suite, self.size().root())
    }

    /// The tree hash of the subtree below `node`; what is missing is computed and kept.
    pub fn subtree_hash(&mut self, suite: &Suite, node: NodeIndex) -> Result<Digest, CryptoError> {
        self.fill_hashes(suite)?;
        self.hash_of(suite, node)
    }

    /// Computes every hash that is missing on an open page.
    pub(crate) fn fill_hashes(&mut self, suite: &Suite) -> Result<(), CryptoError> {
        for band in 0..BANDS {
            let ids: Vec<PageId> = self.pages.open_in(band).collect();
            let compute = |&id: &PageId| self.page_hashes(suite, id);
            let hashes: Result<Vec<_>, CryptoError> = if ids.len() < PARALLEL_PAGES_MIN {
                ids.iter().map(compute).collect()
            } else {
                ids.par_iter().map(compute).collect()
            };
            for (id, hashes) in ids.iter().zip(hashes?) {
                let page = self.pages.open(*id);
                page.slots.iter_mut().for_each(|slot| slot.stale = false);
                for (slot, hash) in hashes {
                    page.slots[slot].hash = Some(hash);
                }
            }
        }
        Ok(())
    }

    /// The hashes that are missing on a page, with their slots. The bands below are complete.
    fn page_hashes(&self, suite: &Suite, id: PageId) -> Result<Vec<(usize, Digest)>, CryptoError> {
        let mut computed: Vec<(usize, NodeIndex, Digest)> = Vec::new();
        let Some(page) = self.pages.open_page(id) else { return Ok(Vec::new()) };
        for (slot, node) in id.nodes_by_level(self.size()) {
            let Some((left, right)) = node.children() else { continue };
            if page.slots[slot].hash.is_some() {
                continue;
            }
            let [left, right] = [left, right].map(|child| {
                match computed.iter().find(|(_, node, _)| *node == child) {
                    Some((_, _, hash)) => Ok(*hash),
                    None => self.hash_of(suite, child),
                }
            });
            let hash = suite.hash(&parent_input(page.node(slot), &left?, &right?))?;
            computed.push((slot, node, hash));
        }
        Ok(computed.into_iter().map(|(slot, _, hash)| (slot, hash)).collect())
    }

    /// The hash of a subtree: that which is kept, or else from those of its children.
    pub(crate) fn hash_of(&self, suite: &Suite, node: NodeIndex) -> Result<Digest, CryptoError> {
        if let Some(leaf) = node.leaf() {
            return suite.hash(&leaf_input(leaf.as_u32(), self.node_bytes(node)));
        }
        if let Some(hash) = self.pages.hash(node) {
            return Ok(hash);
        }
        let (left, right) = node.children().ok_or(CryptoError::InvalidLength)?;
        let (left, right) = (self.hash_of(suite, left)?, self.hash_of(suite, right)?);
        suite.hash(&parent_input(self.node_bytes(node), &left, &right))
    }

    /// The hash of a subtree with some leaves blanked and no longer listed as unmerged:
    /// `original_sibling_tree_hash` (section 7.9). Subtrees without such leaves use their own hash.
    pub(crate) fn hash_without(
        &self,
        suite: &Suite,
        node: NodeIndex,
        leaves: &[u32],
    ) -> Result<Digest, CryptoError> {
        let leaves = leaves_below(leaves, node);
        if leaves.is_empty() {
            return self.hash_of(suite, node);
        }
        let Some((left, right)) = node.children() else {
            return suite.hash(&leaf_input(node.as_u32() / 2, None));
        };
        let left_hash = self.hash_without(suite, left, leaves)?;
        let right_hash = self.hash_without(suite, right, leaves)?;
        let kept = self.parent(node).map(|mut parent| {
            parent.unmerged_leaves.retain(|leaf| leaves.binary_search(leaf).is_err());
            node_bytes::bytes(&parent)
        });
        suite.hash(&parent_input(kept.as_deref(), &left_hash, &right_hash))
    }
}

/// The part of a sorted list of leaves that is below `node`.
pub(crate) fn leaves_below(leaves: &[u32], node: NodeIndex) -> &[u32] {
    let range = node.leaf_range();
    let start = leaves.partition_point(|leaf| leaf < range.start());
    let end = leaves.partition_point(|leaf| leaf <= range.end());
    &leaves[start..end]
}
