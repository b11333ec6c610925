//! Pages: the nodes of a small subtree as one run of bytes, in memory as in the store.
//!
//! The levels of the tree are cut into bands of four. A page holds the nodes of one subtree within
//! its band, so a path from a leaf to the root touches one page of each band. Where a node is kept
//! does not depend on the size of the tree.
//!
//! A *packed* page is: the length of hashes (one byte), how many members are below each of its
//! parents (four bytes each), the tree hash of each parent, where each node ends (four bytes each),
//! the nodes without their type. Within the page nodes are in the order of the array. A leaf has no
//! hash here: computing one costs less than keeping it.

use std::sync::Arc;

use crypto::Digest;

use crate::node_bytes::{LeafBytes, ParentBytes};
use crate::{NodeIndex, TreeSize};

/// Bands of the largest tree: 2^20 leaves have 21 levels.
pub(crate) const BANDS: u8 = 6;

/// Levels of a band.
const LEVELS: u32 = 4;

/// Nodes on a page.
const SLOTS: usize = (1 << LEVELS) - 1;

/// Names a page: its band, counted from the leaves, and its number from the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageId {
    band: u8,
    number: u32,
}

/// Where a node is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) page: PageId,
    pub(crate) slot: usize,
}

/// The level of the lowest nodes of a band.
fn lowest_level(band: u8) -> u32 {
    LEVELS * u32::from(band)
}

impl Place {
    pub(crate) fn of(node: NodeIndex) -> Self {
        let band = (0..BANDS - 1).find(|&band| node.level() < lowest_level(band + 1));
        let band = band.unwrap_or(BANDS - 1);
        let in_band = node.as_u32() >> lowest_level(band);
        let slot = in_band as usize & SLOTS;
        Self { page: PageId { band, number: in_band >> LEVELS }, slot }
    }
}

impl PageId {
    /// The page that holds a node.
    #[must_use]
    pub fn of(node: NodeIndex) -> Self {
        Place::of(node).page
    }

    /// The name as bytes, in the order of the names.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 5] {
        let [b3, b2, b1, b0] = self.number.to_be_bytes();
        [self.band, b3, b2, b1, b0]
    }

    /// The name in such bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&band, number) = bytes.split_first()?;
        let number = u32::from_be_bytes(number.try_into().ok()?);
        (band < BANDS).then_some(Self { band, number })
    }

    pub(crate) fn new(band: u8, number: usize) -> Option<Self> {
        Some(Self { band, number: u32::try_from(number).ok()? })
    }

    pub(crate) fn band(self) -> usize {
        usize::from(self.band)
    }

    pub(crate) fn number(self) -> usize {
        // A u32 always fits: this library does not run on 16-bit machines.
        self.number as usize
    }

    pub(crate) fn is_leaf_page(self) -> bool {
        self.band == 0
    }

    /// How many pages of a band a tree of this size has.
    pub(crate) fn count(band: u8, size: TreeSize) -> usize {
        match size.leaves() >> lowest_level(band) {
            0 => 0,
            _ => (size.leaves() >> (lowest_level(band) + LEVELS - 1)).max(1) as usize,
        }
    }

    /// The node in a slot, if the tree is so large.
    pub(crate) fn node(self, slot: usize, size: TreeSize) -> Option<NodeIndex> {
        let in_band = self.number.checked_mul(1 << LEVELS)? | u32::try_from(slot).ok()?;
        let index = (u64::from(in_band) + 1) << lowest_level(self.band);
        size.node(u32::try_from(index - 1).ok()?)
    }

    /// The nodes of the page that are in the tree, from the lowest level up, with their slots.
    pub(crate) fn nodes_by_level(
        self,
        size: TreeSize,
    ) -> impl Iterator<Item = (usize, NodeIndex)> + Clone {
        (0..LEVELS).flat_map(move |level| {
            // In the order of the array, the nodes of a level are twice their height apart.
            let of_level = ((1 << level) - 1..SLOTS).step_by(2 << level);
            of_level.filter_map(move |slot| Some((slot, self.node(slot, size)?)))
        })
    }

    /// Parents on the page.
    fn parents(self) -> usize {
        if self.is_leaf_page() { SLOTS / 2 } else { SLOTS }
    }

    /// The place of a slot among the page's parents; `None` for that of a leaf.
    fn parent(self, slot: usize) -> Option<usize> {
        match self.band {
            0 => (!slot.is_multiple_of(2)).then_some(slot / 2),
            _ => Some(slot),
        }
    }
}

/// One node and what is known of the subtree below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot {
    node: SlotNode,
    /// The tree hash of the subtree, if it is known; of leaves it is never kept.
    pub(crate) hash: Option<Digest>,
    /// Leaves below (or here) that are not blank.
    pub(crate) members: u32,
    /// Something below (or here) has changed since the hash was known. A stale node has only stale
    /// ancestors.
    pub(crate) stale: bool,
}

impl Slot {
    /// Puts a node's encoding without its type here.
    pub(crate) fn set_node(&mut self, node: Arc<[u8]>) {
        self.node = SlotNode::New(node);
    }

    pub(crate) fn blank_node(&mut self) {
        self.node = SlotNode::Blank;
    }
}

/// Where the encoding of a node is.
#[derive(Clone, Debug, Default)]
enum SlotNode {
    #[default]
    Blank,
    /// On the page as it was packed: most nodes of an open page do not change.
    Packed,
    New(Arc<[u8]>),
}

/// A page that is being changed.
#[derive(Clone)]
pub(crate) struct OpenPage {
    id: PageId,
    packed: Option<PackedPage>,
    pub(crate) slots: Vec<Slot>,
}

impl OpenPage {
    /// A page whose nodes are blank; no hash is known.
    pub(crate) fn blank(id: PageId) -> Self {
        Self { id, packed: None, slots: vec![Slot::default(); SLOTS] }
    }

    /// The encoding of a node without its type, unless blank.
    pub(crate) fn node(&self, slot: usize) -> Option<&[u8]> {
        match &self.slots.get(slot)?.node {
            SlotNode::Blank => None,
            SlotNode::Packed => self.packed.as_ref()?.node(Place { page: self.id, slot }),
            SlotNode::New(node) => Some(node),
        }
    }

    /// Makes what is not in a tree of this size as if it had never been.
    pub(crate) fn forget_beyond(&mut self, size: TreeSize) {
        let id = self.id;
        let beyond = self.slots.iter_mut().enumerate();
        beyond.filter(|(slot, _)| id.node(*slot, size).is_none()).for_each(|(_, slot)| {
            *slot = Slot::default();
        });
    }

    /// The bytes that hold the page in a tree of this size; `None` for a page of blank leaves,
    /// whose hashes are soon computed.
    pub(crate) fn pack(&self, size: TreeSize, hash_length: usize) -> Option<PackedPage> {
        let nodes = || (0..self.slots.len()).filter_map(|slot| self.node(slot));
        if self.id.is_leaf_page() && nodes().next().is_none() {
            return None;
        }
        // What lies beyond the tree is nothing, whatever it was before the tree shrank.
        let parents = self.slots.iter().enumerate().filter_map(|(number, slot)| {
            self.id.parent(number)?;
            Some(self.id.node(number, size).and(slot.hash.as_ref()).map(|hash| (slot, hash)))
        });
        let length: usize = nodes().map(<[u8]>::len).sum();
        let head = 1 + self.id.parents() * (4 + hash_length) + 4 * SLOTS;
        let mut bytes = Vec::with_capacity(head + length);
        bytes.push(u8::try_from(hash_length).unwrap_or(0));
        for known in parents.clone() {
            bytes.extend(known.map_or(0, |(slot, _)| slot.members).to_be_bytes());
        }
        for known in parents {
            match known {
                Some((_, hash)) => bytes.extend(hash.as_slice()),
                None => bytes.resize(bytes.len() + hash_length, 0),
            }
        }
        let mut end = 0_u32;
        for slot in 0..self.slots.len() {
            // A whole tree came in a vector of less than 2^30 bytes.
            end += self.node(slot).map_or(0, |node| u32::try_from(node.len()).unwrap_or(0));
            bytes.extend(end.to_be_bytes());
        }
        nodes().for_each(|node| bytes.extend(node));
        Some(PackedPage(bytes.into()))
    }
}

/// A page as bytes. Shared by all trees that have it.
#[derive(Clone)]
pub(crate) struct PackedPage(Arc<[u8]>);

impl PackedPage {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn hash_length(&self) -> usize {
        self.0.first().map_or(0, |&length| usize::from(length))
    }

    fn number(&self, at: usize) -> Option<u32> {
        Some(u32::from_be_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    /// Where the ends of nodes are listed.
    fn ends(&self, id: PageId) -> usize {
        1 + id.parents() * (4 + self.hash_length())
    }

    /// The bytes of a node, unless it is blank.
    pub(crate) fn node(&self, at: Place) -> Option<&[u8]> {
        let ends = self.ends(at.page);
        let nodes = self.0.get(ends + 4 * SLOTS..)?;
        let start = match at.slot.checked_sub(1) {
            Some(before) => self.number(ends + 4 * before)?,
            None => 0,
        };
        let end = self.number(ends + 4 * at.slot)?;
        let node = nodes.get(start as usize..end as usize)?;
        (!node.is_empty()).then_some(node)
    }

    /// Members below or at a node.
    pub(crate) fn members(&self, at: Place) -> u32 {
        match at.page.parent(at.slot) {
            Some(parent) => self.number(1 + 4 * parent).unwrap_or(0),
            None => u32::from(self.node(at).is_some()),
        }
    }

    /// The tree hash of the subtree below a parent.
    pub(crate) fn hash(&self, at: Place) -> Option<Digest> {
        let start = 1 + 4 * at.page.parents() + self.hash_length() * at.page.parent(at.slot)?;
        Digest::new(self.0.get(start..start + self.hash_length())?)
    }

    /// The page, to be changed.
    pub(crate) fn open(&self, id: PageId) -> OpenPage {
        let slots = (0..SLOTS).map(|slot| {
            let at = Place { page: id, slot };
            let node = match self.node(at) {
                Some(_) => SlotNode::Packed,
                None => SlotNode::Blank,
            };
            Slot { node, hash: self.hash(at), members: self.members(at), stale: false }
        });
        OpenPage { id, packed: Some(self.clone()), slots: slots.collect() }
    }

    /// The page in bytes that were stored, if they can be one of a tree of this size: every node is
    /// in the tree and can be decoded, and members are counted right as far as the page tells.
    pub(crate) fn from_bytes(
        id: PageId,
        (size, hash_length): (TreeSize, usize),
        bytes: &[u8],
    ) -> Option<Self> {
        let page = Self(bytes.into());
        let mut start = 0;
        for slot in 0..SLOTS {
            let end = page.number(page.ends(id) + 4 * slot)?;
            if end < start || (end > start && id.node(slot, size).is_none()) {
                return None;
            }
            start = end;
        }
        let length = page.ends(id) + 4 * SLOTS + start as usize;
        if page.hash_length() != hash_length || bytes.len() != length {
            return None;
        }
        for slot in 0..SLOTS {
            let Some(node) = page.node(Place { page: id, slot }) else { continue };
            let is_node = match id.parent(slot) {
                None => LeafBytes::parse(node).is_ok(),
                Some(_) => ParentBytes::parse(node).is_ok(),
            };
            if !is_node {
                return None;
            }
        }
        Some(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_a_slot_of_its_own_on_a_page_of_its_subtree() {
        for leaves in [1, 2, 8, 16, 32, 256, 512, 1 << 13] {
            let size = TreeSize::from_leaves(leaves).unwrap();
            let mut slots = std::collections::BTreeSet::new();
            for index in 0..size.nodes() {
                let node = size.node(index).unwrap();
                let Place { page, slot } = Place::of(node);
                assert!(slots.insert((page, slot)));
                assert_eq!(page.node(slot, size), Some(node));
                assert!(page.number() < PageId::count(page.band, size));
                assert_eq!(page.parent(slot).is_none(), node.is_leaf());
                assert_eq!(PageId::from_bytes(&page.to_bytes()), Some(page));
                let Some((left, right)) = node.children() else { continue };
                let below = [left, right].map(|child| Place::of(child).page);
                assert!(
                    below == [page; 2] || below.iter().all(|child| child.band + 1 == page.band)
                );
            }
            let pages: usize = (0..BANDS).map(|band| PageId::count(band, size)).sum();
            let used: std::collections::BTreeSet<_> = slots.iter().map(|(page, _)| page).collect();
            assert_eq!(used.len(), pages);
        }
        assert_eq!(PageId::from_bytes(&[BANDS, 0, 0, 0, 0]), None);
        let largest = TreeSize::from_leaves(1 << 20).unwrap();
        assert_eq!(PageId::count(BANDS - 1, largest), 1);
        assert_eq!(Place::of(largest.root()).page, PageId { band: BANDS - 1, number: 0 });
    }
}
