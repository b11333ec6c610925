//! The ratchet tree (RFC 9420, sections 4, 7.7 and 12.1): nodes, resolution, and the ways it
//! evolves.
//!
//! Invariants:
//! * the tree is full: nodes 0 to `2 * leaves - 2`, blank or not; the right half holds a leaf
//!   unless there is only one leaf;
//! * nodes are kept as their encoding, and every one of them can be decoded;
//! * every encryption key and every signature key occurs once, and the indices find it;
//! * a hash that is kept is right; after [`RatchetTree::tree_hash`] that of every parent is kept,
//!   but for small blank subtrees, and everything is packed.
//!
//! Cloning a packed tree is O(1) and shares everything, so the tree of the next epoch is a new
//! value that costs what it changes. Each operation here touches O(log N) nodes, except where the
//! tree doubles.

use std::sync::Arc;

use codec::{Decode, Encode, Writer};
use crypto::{HpkePublicKey, SignaturePublicKey};
use wire::{Capabilities, LeafNode, Node, ParentNode, RATCHET_TREE_LEAVES_MAX, RatchetTreeNodes};

use crate::census::Census;
use crate::key_index::KeyIndex;
use crate::node_bytes::{self, ParentBytes, encryption_key, signature_key};
use crate::page::Slot;
use crate::pages::Pages;
use crate::tree_hash::leaves_below;
use crate::{LeafIndex, NodeIndex, PageId, TreeSize};

mod build;

/// The public state of a group's tree.
#[derive(Clone)]
pub struct RatchetTree {
    size: TreeSize,
    pub(crate) pages: Pages,
    encryption_keys: KeyIndex,
    signature_keys: KeyIndex,
    census: Arc<Census>,
}

/// Reading.
impl RatchetTree {
    /// Leaves and nodes of the tree.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// Members: leaves that are not blank.
    #[must_use]
    pub fn member_count(&self) -> u32 {
        self.census.members()
    }

    pub(crate) fn census(&self) -> &Census {
        &self.census
    }

    /// The encoding of the node, unless blank.
    pub(crate) fn node_bytes(&self, node: NodeIndex) -> Option<&[u8]> {
        if node.as_u32() < self.size.nodes() { self.pages.node(node) } else { None }
    }

    pub(crate) fn is_blank(&self, node: NodeIndex) -> bool {
        self.node_bytes(node).is_none()
    }

    /// The node, unless blank.
    #[must_use]
    pub fn node(&self, node: NodeIndex) -> Option<Node> {
        Some(match node.leaf() {
            Some(leaf) => Node::Leaf(self.leaf(leaf)?),
            None => Node::Parent(Arc::new(self.parent(node)?)),
        })
    }

    /// Appends what is in a place as [`RatchetTree::node`] would be encoded.
    pub fn encode_node(&self, node: NodeIndex, writer: &mut Writer) {
        let Some(bytes) = self.node_bytes(node) else { return writer.write(&[0]) };
        writer.write(&[1, if node.is_leaf() { 1 } else { 2 }]);
        writer.write(bytes);
    }

    /// The leaf, unless blank. Decoded anew each time.
    #[must_use]
    pub fn leaf(&self, leaf: LeafIndex) -> Option<Arc<LeafNode>> {
        node_bytes::leaf_node(self.node_bytes(leaf.node())?).map(Arc::new)
    }

    /// The parent node, unless blank or a leaf. Decoded anew each time.
    #[must_use]
    pub fn parent(&self, node: NodeIndex) -> Option<ParentNode> {
        if node.is_leaf() { None } else { node_bytes::parent_node(self.node_bytes(node)?) }
    }

    /// What can be read of a parent node in place.
    pub(crate) fn parent_bytes(&self, node: NodeIndex) -> Option<ParentBytes<'_>> {
        if node.is_leaf() { None } else { ParentBytes::parse(self.node_bytes(node)?).ok() }
    }

    /// The HPKE public key of a node, unless blank.
    #[must_use]
    pub fn public_key(&self, node: NodeIndex) -> Option<HpkePublicKey> {
        Some(encryption_key(self.node_bytes(node)?)?.to_vec().into())
    }

    /// Whether this is the HPKE public key of a node.
    #[must_use]
    pub fn has_public_key(&self, node: NodeIndex, key: &HpkePublicKey) -> bool {
        self.node_bytes(node).and_then(encryption_key) == Some(key.as_slice())
    }

    /// The members from left to right. O(N).
    pub fn members(&self) -> impl Iterator<Item = (LeafIndex, Arc<LeafNode>)> {
        self.size.iter_leaves().filter_map(|index| Some((index, self.leaf(index)?)))
    }

    /// The member at a place that comes from a message; `None` if there is no such leaf or it is
    /// blank.
    #[must_use]
    pub fn member(&self, leaf_index: u32) -> Option<(LeafIndex, Arc<LeafNode>)> {
        let index = self.size.leaf(leaf_index)?;
        Some((index, self.leaf(index)?))
    }

    /// The place of a member that comes from a message; `None` as for [`Self::member`]. Decodes
    /// nothing.
    #[must_use]
    pub fn member_index(&self, leaf_index: u32) -> Option<LeafIndex> {
        self.size.leaf(leaf_index).filter(|index| !self.is_blank(index.node()))
    }

    /// The signature key of a leaf, unless blank.
    #[must_use]
    pub fn signature_key(&self, leaf: LeafIndex) -> Option<SignaturePublicKey> {
        Some(signature_key(self.node_bytes(leaf.node())?)?.to_vec().into())
    }

    /// The node that holds this encryption key.
    #[must_use]
    pub fn find_encryption_key(&self, key: &HpkePublicKey) -> Option<NodeIndex> {
        let key_of = |node| encryption_key(self.node_bytes(self.size.node(node)?)?);
        self.size.node(self.encryption_keys.find(key.as_slice(), key_of)?)
    }

    /// The member that holds this signature key.
    #[must_use]
    pub fn find_signature_key(&self, key: &SignaturePublicKey) -> Option<LeafIndex> {
        let key_of = |node| signature_key(self.node_bytes(self.size.node(node)?)?);
        self.size.node(self.signature_keys.find(key.as_slice(), key_of)?)?.leaf()
    }

    /// The resolution of a node (section 4.1.1): the fewest nodes that cover every member below it.
    #[must_use]
    pub fn resolution(&self, node: NodeIndex) -> Vec<NodeIndex> {
        let mut resolution = Vec::new();
        self.resolve(node, &mut resolution);
        resolution
    }

    fn resolve(&self, node: NodeIndex, resolution: &mut Vec<NodeIndex>) {
        if let Some(parent) = self.parent_bytes(node) {
            resolution.push(node);
            let leaves = parent.unmerged_leaves().filter_map(|leaf| self.size.leaf(leaf));
            resolution.extend(leaves.map(LeafIndex::node));
        } else if self.members_below(node) > 0 {
            match node.children() {
                None => resolution.push(node),
                Some((left, right)) => {
                    self.resolve(left, resolution);
                    self.resolve(right, resolution);
                }
            }
        }
    }

    fn members_below(&self, node: NodeIndex) -> u32 {
        if node.as_u32() < self.size.nodes() { self.pages.members(node) } else { 0 }
    }

    /// The filtered direct path of a leaf (section 4.1.2), each node with its copath child: the
    /// direct path without nodes whose copath child has an empty resolution.
    #[must_use]
    pub fn filtered_direct_path(&self, leaf: LeafIndex) -> Vec<(NodeIndex, NodeIndex)> {
        // In a valid tree every parent that is not blank has a member below it, so a resolution is
        // empty exactly if there is no member.
        let path = self.size.path_with_copath(leaf);
        path.filter(|&(_, copath)| self.members_below(copath) > 0).collect()
    }

    /// The leftmost blank leaf, where the next member goes.
    #[must_use]
    pub fn leftmost_blank_leaf(&self) -> Option<LeafIndex> {
        let mut node = self.size.root();
        let room = |node: NodeIndex| self.members_below(node) < 1 << node.level();
        if !room(node) {
            return None;
        }
        while let Some((left, right)) = node.children() {
            node = if room(left) { left } else { right };
        }
        node.leaf()
    }

    /// The nodes in the form of the `ratchet_tree` extension (section 12.4.3.3), decoded. O(N).
    #[must_use]
    pub fn to_nodes(&self) -> RatchetTreeNodes {
        RatchetTreeNodes(self.used_nodes().map(|node| self.node(node)).collect())
    }

    /// The nodes up to the last that is not blank.
    fn used_nodes(&self) -> impl Iterator<Item = NodeIndex> {
        // In a valid tree the last of them is a leaf: parents without members below are blank.
        let nodes = (0..self.size.nodes()).filter_map(|index| self.size.node(index));
        let last = (0..self.size.nodes())
            .rev()
            .find(|&index| self.size.node(index).is_some_and(|node| !self.is_blank(node)));
        nodes.take_while(move |node| Some(node.as_u32()) <= last)
    }

    /// The nodes that differ from those of `base`, and those that `base` lacks: what must be
    /// written to make this tree durable where `base` is stored. Costs O(what differs).
    #[must_use]
    pub fn changed_since(&self, base: &Self) -> Vec<NodeIndex> {
        let pages = self.pages.changed_since(&base.pages).into_iter();
        let nodes = pages.flat_map(|page| page.nodes_by_level(self.size));
        let differs =
            |&(_, node): &(usize, NodeIndex)| self.node_bytes(node) != base.node_bytes(node);
        let mut changed: Vec<NodeIndex> = nodes.filter(differs).map(|(_, node)| node).collect();
        changed.sort_unstable();
        changed
    }

    /// The leaves that differ from those of `base`, also where only one of the two has a place.
    /// Costs O(what differs).
    #[must_use]
    pub fn changed_leaves_since(&self, base: &Self) -> Vec<LeafIndex> {
        let pages = self.pages.changed_since(&base.pages).into_iter();
        let pages = pages.filter(|page| page.is_leaf_page());
        let larger = if self.size.leaves() > base.size.leaves() { self.size } else { base.size };
        let nodes = pages.flat_map(|page| page.nodes_by_level(larger));
        let leaves = nodes.filter_map(|(_, node)| node.leaf());
        let differs =
            |leaf: &LeafIndex| self.node_bytes(leaf.node()) != base.node_bytes(leaf.node());
        leaves.filter(differs).collect()
    }

    /// The nodes of `base` that are not blank and lie beyond the end of this tree.
    #[must_use]
    pub fn cut_off_since(&self, base: &Self) -> Vec<NodeIndex> {
        let mut cut_off = Vec::new();
        base.collect_beyond(self.size.nodes(), base.size.root(), &mut cut_off);
        cut_off
    }

    /// The nodes from number `end` on, at or below `node`, that are not blank. A parent without
    /// members below is blank, so this visits no more than the paths to the members found.
    fn collect_beyond(&self, end: u32, node: NodeIndex, found: &mut Vec<NodeIndex>) {
        if self.members_below(node) == 0 {
            return;
        }
        if node.as_u32() >= end && !self.is_blank(node) {
            found.push(node);
        }
        if let Some((left, right)) = node.children() {
            // Everything below the left child is left of the node itself.
            if node.as_u32() > end {
                self.collect_beyond(end, left, found);
            }
            self.collect_beyond(end, right, found);
        }
    }
}

/// Storing: the tree as pages.
impl RatchetTree {
    /// The pages that hold anything. O(N).
    pub fn pages(&self) -> impl Iterator<Item = PageId> {
        self.pages.ids()
    }

    /// The bytes of a page; `None` if there is nothing on it. The tree hash must have been computed
    /// since the last change.
    #[must_use]
    pub fn page(&self, id: PageId) -> Option<&[u8]> {
        self.pages.bytes(id)
    }

    /// The pages that may differ from those of `base`, and those that only one of the two has:
    /// what must be written, or deleted, to make this tree durable where `base` is stored. Costs
    /// O(what differs).
    pub fn changed_pages_since(&self, base: &Self) -> impl Iterator<Item = PageId> + use<> {
        self.pages.changed_since(&base.pages).into_iter()
    }
}

/// The `ratchet_tree` extension (section 12.4.3.3).
impl Encode for RatchetTree {
    fn encode(&self, writer: &mut Writer) {
        writer.vector(|writer| {
            self.used_nodes().for_each(|node| self.encode_node(node, writer));
        });
    }
}

/// Changing. Callers check the rules first; these keep the tree's invariants.
impl RatchetTree {
    /// Puts a node in a place, or makes it blank. A blank place that stays blank needs no copy of
    /// its page.
    fn replace(&mut self, index: NodeIndex, node: Option<Arc<[u8]>>) {
        let old = if index.as_u32() < self.size.nodes() { self.pages.node(index) } else { None };
        if old.is_none() && node.is_none() {
            return;
        }
        let (number, new) = (index.as_u32(), node.as_deref());
        self.encryption_keys.replace(
            number,
            old.and_then(encryption_key),
            new.and_then(encryption_key),
        );
        let (mut gone, mut come) = (0, 0);
        if index.is_leaf() {
            let [old_key, new_key] = [old, new].map(|leaf| leaf.and_then(signature_key));
            self.signature_keys.replace(number, old_key, new_key);
            recount(&mut self.census, old, new);
            (gone, come) = (u32::from(old.is_some()), u32::from(new.is_some()));
        }
        let slot = self.pages.slot_mut(index);
        match node {
            Some(node) => slot.set_node(node),
            None => slot.blank_node(),
        }
        self.touch(index, |members| members + come - gone);
    }

    fn place(&mut self, index: NodeIndex, node: Arc<[u8]>) {
        self.replace(index, Some(node));
    }

    fn take(&mut self, index: NodeIndex) {
        self.replace(index, None);
    }

    /// Forgets the hashes of a node and its ancestors and adjusts their member counts.
    fn touch(&mut self, index: NodeIndex, members: impl Fn(u32) -> u32) {
        let size = self.size;
        for node in std::iter::once(index).chain(size.ancestors(index)) {
            let slot = self.pages.slot_mut(node);
            let count = members(slot.members);
            if slot.stale && count == slot.members {
                // Everything above is stale too, and the counts stay: nothing left to do.
                return;
            }
            (slot.hash, slot.members, slot.stale) = (None, count, true);
        }
    }

    /// Blanks the direct path of a leaf.
    pub fn blank_direct_path(&mut self, leaf: LeafIndex) {
        for node in self.size.direct_path(leaf) {
            self.take(node);
        }
    }

    /// Blanks a leaf and its direct path without truncating the tree; returns the old leaf.
    pub fn take_leaf(&mut self, leaf: LeafIndex) -> Option<Arc<LeafNode>> {
        let taken = self.leaf(leaf)?;
        self.take(leaf.node());
        self.blank_direct_path(leaf);
        Some(taken)
    }

    /// Puts a leaf in its place, replacing what is there; the direct path stays.
    pub fn set_leaf(&mut self, index: LeafIndex, leaf: LeafNode) {
        self.place(index.node(), node_bytes::bytes(&leaf));
    }

    /// Puts a new parent in its place, replacing what is there.
    pub(crate) fn set_parent(&mut self, index: NodeIndex, parent: ParentNode) {
        self.place(index, node_bytes::bytes(&parent));
    }

    /// Removes right subtrees without members (section 7.7). Each removed half is blank already.
    pub fn truncate(&mut self) {
        let mut size = self.size;
        while let (Some(half), Some((_, right))) = (size.halved(), size.root().children()) {
            if self.members_below(right) > 0 {
                break;
            }
            self.take(size.root());
            // Its page may stay, and is written without it.
            *self.pages.slot_mut(size.root()) = Slot::default();
            size = half;
        }
        self.size = size;
        self.pages.resize(size);
    }

    /// Adds a leaf at the leftmost blank place, extending the tree if it is full, and notes it as
    /// unmerged above (section 12.1.1). `None` if the tree cannot grow further.
    pub fn add_leaf(&mut self, leaf: LeafNode) -> Option<LeafIndex> {
        let index = self.add_leaf_unnoted(leaf)?;
        self.note_unmerged(&[index.as_u32()]);
        Some(index)
    }

    /// [`Self::add_leaf`] without the note, which [`Self::note_unmerged`] then makes for many at
    /// once: the lists above could be as long as the tree is wide.
    pub(crate) fn add_leaf_unnoted(&mut self, leaf: LeafNode) -> Option<LeafIndex> {
        let index = self.place_for_new_leaf()?;
        self.place(index.node(), node_bytes::bytes(&leaf));
        Some(index)
    }

    /// Notes leaves, in ascending order, as unmerged at all parents above. They were added since
    /// the tree hash was computed.
    pub(crate) fn note_unmerged(&mut self, leaves: &[u32]) {
        self.note_unmerged_below(self.size.root(), leaves);
    }

    fn note_unmerged_below(&mut self, node: NodeIndex, leaves: &[u32]) {
        let leaves = leaves_below(leaves, node);
        let (false, Some((left, right))) = (leaves.is_empty(), node.children()) else { return };
        if let Some(mut parent) = self.parent(node) {
            let unmerged = &mut parent.unmerged_leaves;
            unmerged.extend(leaves);
            unmerged.sort();
            unmerged.dedup();
            self.pages.slot_mut(node).set_node(node_bytes::bytes(&parent));
        }
        self.note_unmerged_below(left, leaves);
        self.note_unmerged_below(right, leaves);
    }

    /// The leftmost blank leaf, after extending the tree if it is full.
    pub fn place_for_new_leaf(&mut self) -> Option<LeafIndex> {
        if let Some(index) = self.leftmost_blank_leaf() {
            return Some(index);
        }
        let old = self.size;
        self.grow()?;
        self.size.leaf(old.leaves())
    }

    /// Doubles the leaves.
    fn grow(&mut self) -> Option<()> {
        let doubled = self.size.doubled()?;
        if doubled.leaves() as usize > RATCHET_TREE_LEAVES_MAX {
            return None;
        }
        let members = self.members_below(self.size.root());
        let old = self.size;
        self.size = doubled;
        self.pages.resize(doubled);
        // The rest of the root's page was beyond the tree: nothing that it says of it holds.
        let page = self.pages.open(PageId::of(doubled.root()));
        page.forget_beyond(old);
        let root = self.pages.slot_mut(doubled.root());
        *root = Slot::default();
        (root.members, root.stale) = (members, true);
        Some(())
    }
}

/// Counts another leaf in a place, or none.
fn recount(census: &mut Arc<Census>, old: Option<&[u8]>, new: Option<&[u8]>) {
    let [old, new] = [old, new].map(|leaf| leaf.and_then(node_bytes::features));
    // Most leaves are replaced by one that can do the same.
    if old == new {
        return;
    }
    let census = Arc::make_mut(census);
    let counted = |(own, capabilities)| Some((own, Capabilities::from_bytes(capabilities).ok()?));
    if let Some((own, capabilities)) = old.and_then(counted) {
        census.remove(own, &capabilities);
    }
    if let Some((own, capabilities)) = new.and_then(counted) {
        census.add(1, own, &capabilities);
    }
}

#[cfg(test)]
mod tests;
