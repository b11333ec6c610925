//! The ratchet tree (RFC 9420, sections 4, 7.7 and 12.1): nodes, resolution, and the ways it
//! evolves.
//!
//! Invariants:
//! * the tree is full: nodes 0 to `2 * leaves - 2`, blank or not; the right half holds a leaf
//!   unless there is only one leaf;
//! * every encryption key and every signature key occurs once, and the indices find it;
//! * a node's cached hash is present only if it is right; a node without one has no ancestor with
//!   one.
//!
//! Cloning is O(1) and shares everything, so the tree of the next epoch is a new value that costs
//! what it changes. Each operation here touches O(log N) nodes, except where the tree doubles.

use std::sync::Arc;

use crypto::{Digest, HpkePublicKey, SignaturePublicKey};
use wire::{LeafNode, Node, ParentNode, RATCHET_TREE_LEAVES_MAX, RatchetTreeNodes};

use crate::census::Census;
use crate::key_index::KeyIndex;
use crate::persistent::PersistentVec;
use crate::{LeafIndex, NodeIndex, TreeSize, Violation};

/// One place of the tree's array.
#[derive(Clone)]
pub(crate) struct Slot {
    node: Option<Node>,
    /// The tree hash of the subtree, if known.
    pub(crate) hash: Option<Digest>,
    /// Leaves below (or here) that are not blank.
    members: u32,
}

const BLANK: Slot = Slot { node: None, hash: None, members: 0 };

/// The public state of a group's tree.
#[derive(Clone)]
pub struct RatchetTree {
    size: TreeSize,
    pub(crate) slots: PersistentVec<Slot>,
    encryption_keys: KeyIndex,
    signature_keys: KeyIndex,
    census: Arc<Census>,
}

pub(crate) fn at(node: NodeIndex) -> usize {
    // A u32 always fits: this library does not run on 16-bit machines.
    node.as_u32() as usize
}

fn key_at(slots: &PersistentVec<Slot>, index: u32) -> Option<&[u8]> {
    Some(match slots.get(index as usize)?.node.as_ref()? {
        Node::Leaf(leaf) => leaf.encryption_key.as_slice(),
        Node::Parent(parent) => parent.encryption_key.as_slice(),
    })
}

fn signature_key_at(slots: &PersistentVec<Slot>, index: u32) -> Option<&[u8]> {
    match slots.get(index as usize)?.node.as_ref()? {
        Node::Leaf(leaf) => Some(leaf.signature_key.as_slice()),
        Node::Parent(_) => None,
    }
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

    /// The node, unless blank.
    #[must_use]
    pub fn node(&self, node: NodeIndex) -> Option<&Node> {
        self.slots.get(at(node))?.node.as_ref()
    }

    /// The leaf, unless blank.
    #[must_use]
    pub fn leaf(&self, leaf: LeafIndex) -> Option<&Arc<LeafNode>> {
        match self.node(leaf.node())? {
            Node::Leaf(leaf) => Some(leaf),
            Node::Parent(_) => None,
        }
    }

    /// The parent node, unless blank or a leaf.
    #[must_use]
    pub fn parent(&self, node: NodeIndex) -> Option<&Arc<ParentNode>> {
        match self.node(node)? {
            Node::Leaf(_) => None,
            Node::Parent(parent) => Some(parent),
        }
    }

    /// The HPKE public key of a node, unless blank.
    #[must_use]
    pub fn public_key(&self, node: NodeIndex) -> Option<&HpkePublicKey> {
        Some(match self.node(node)? {
            Node::Leaf(leaf) => &leaf.encryption_key,
            Node::Parent(parent) => &parent.encryption_key,
        })
    }

    /// The members from left to right. O(N).
    pub fn members(&self) -> impl Iterator<Item = (LeafIndex, &Arc<LeafNode>)> {
        self.slots.iter().step_by(2).zip(self.size.iter_leaves()).filter_map(|(slot, index)| {
            match &slot.node {
                Some(Node::Leaf(leaf)) => Some((index, leaf)),
                _ => None,
            }
        })
    }

    /// The member at a place that comes from a message; `None` if there is no such leaf or it is
    /// blank.
    #[must_use]
    pub fn member(&self, leaf_index: u32) -> Option<(LeafIndex, &Arc<LeafNode>)> {
        let index = self.size.leaf(leaf_index)?;
        Some((index, self.leaf(index)?))
    }

    /// The node that holds this encryption key.
    #[must_use]
    pub fn find_encryption_key(&self, key: &HpkePublicKey) -> Option<NodeIndex> {
        let found = self.encryption_keys.find(key.as_slice(), |node| key_at(&self.slots, node))?;
        self.size.node(found)
    }

    /// The member that holds this signature key.
    #[must_use]
    pub fn find_signature_key(&self, key: &SignaturePublicKey) -> Option<LeafIndex> {
        let key_of = |node| signature_key_at(&self.slots, node);
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
        match (self.node(node), node.children()) {
            (Some(Node::Leaf(_)), _) => resolution.push(node),
            (Some(Node::Parent(parent)), _) => {
                resolution.push(node);
                let leaves = parent.unmerged_leaves.iter();
                resolution
                    .extend(leaves.filter_map(|&leaf| self.size.leaf(leaf)).map(LeafIndex::node));
            }
            (None, None) => {}
            (None, Some((left, right))) => {
                if self.members_below(node) > 0 {
                    self.resolve(left, resolution);
                    self.resolve(right, resolution);
                }
            }
        }
    }

    fn members_below(&self, node: NodeIndex) -> u32 {
        self.slots.get(at(node)).map_or(0, |slot| slot.members)
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

    /// The nodes in the form of the `ratchet_tree` extension (section 12.4.3.3). O(N).
    #[must_use]
    pub fn to_nodes(&self) -> RatchetTreeNodes {
        let mut nodes: Vec<_> = self.slots.iter().map(|slot| slot.node.clone()).collect();
        let used = nodes.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        nodes.truncate(used);
        RatchetTreeNodes(nodes)
    }

    /// The nodes that may differ from those of `base`, and those that `base` lacks: what must be
    /// written to make this tree durable where `base` is stored. Costs O(what differs).
    #[must_use]
    pub fn changed_since(&self, base: &Self) -> Vec<NodeIndex> {
        let mut changed: Vec<NodeIndex> = Vec::new();
        for index in self.slots.changed_since(&base.slots) {
            let same = match (self.slots.get(index), base.slots.get(index)) {
                (Some(new), Some(old)) => same_node(new.node.as_ref(), old.node.as_ref()),
                _ => false,
            };
            if !same {
                changed.extend(self.node_number(index));
            }
        }
        let grown = base.slots.len()..self.slots.len();
        let grown = grown.filter(|&index| self.slots.get(index).is_some_and(|s| s.node.is_some()));
        changed.extend(grown.filter_map(|index| self.node_number(index)));
        changed
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
        if node.as_u32() >= end && self.node(node).is_some() {
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

    fn node_number(&self, index: usize) -> Option<NodeIndex> {
        self.size.node(u32::try_from(index).ok()?)
    }
}

fn same_node(left: Option<&Node>, right: Option<&Node>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(Node::Leaf(left)), Some(Node::Leaf(right))) => Arc::ptr_eq(left, right),
        (Some(Node::Parent(left)), Some(Node::Parent(right))) => Arc::ptr_eq(left, right),
        _ => false,
    }
}

/// Building.
impl RatchetTree {
    /// The tree of a new group: its creator's leaf.
    #[must_use]
    pub fn new(creator: LeafNode) -> Self {
        let mut tree = Self::blank(TreeSize::ONE);
        tree.place(TreeSize::ONE.root(), Node::Leaf(Arc::new(creator)));
        tree
    }

    fn blank(size: TreeSize) -> Self {
        let mut slots = PersistentVec::new();
        (0..size.nodes()).for_each(|_| slots.push(BLANK));
        Self {
            size,
            slots,
            encryption_keys: KeyIndex::new(),
            signature_keys: KeyIndex::new(),
            census: Arc::default(),
        }
    }

    /// The tree that a `ratchet_tree` extension describes (section 12.4.3.3). Its shape is checked
    /// and keys are found unique; everything else is checked by
    /// [`crate::rules::verify_ratchet_tree`].
    pub fn from_nodes(nodes: RatchetTreeNodes) -> Result<Self, Violation> {
        let RatchetTreeNodes(nodes) = nodes;
        match nodes.last() {
            None => return Err(Violation::EmptyRatchetTree),
            // "The nodes in a tree are listed ... the last node MUST be non-blank" (section
            // 12.4.3.3).
            Some(None) => return Err(Violation::TrailingBlankNodes),
            Some(Some(_)) => {}
        }
        let size = TreeSize::with_room_for(nodes.len()).ok_or(Violation::RatchetTreeTooLarge)?;
        let placed = nodes.into_iter().enumerate().filter_map(|(index, node)| Some((index, node?)));
        let placed = placed.map(|(index, node)| (u32::try_from(index).unwrap_or(u32::MAX), node));
        Self::from_placed_nodes(size, placed)
    }

    /// The tree of this size with these nodes, blank elsewhere: how a stored tree is loaded.
    pub fn from_placed_nodes(
        size: TreeSize,
        nodes: impl IntoIterator<Item = (u32, Node)>,
    ) -> Result<Self, Violation> {
        if size.leaves() as usize > RATCHET_TREE_LEAVES_MAX {
            return Err(Violation::RatchetTreeTooLarge);
        }
        let mut tree = Self::blank(size);
        for (index, node) in nodes {
            let index = size.node(index).ok_or(Violation::RatchetTreeTooLarge)?;
            match &node {
                Node::Leaf(leaf) => {
                    if !index.is_leaf() {
                        return Err(Violation::NodeTypeMismatch);
                    }
                    if tree.find_signature_key(&leaf.signature_key).is_some() {
                        return Err(Violation::DuplicateSignatureKey);
                    }
                    if tree.find_encryption_key(&leaf.encryption_key).is_some() {
                        return Err(Violation::DuplicateEncryptionKey);
                    }
                }
                Node::Parent(parent) => {
                    if index.is_leaf() {
                        return Err(Violation::NodeTypeMismatch);
                    }
                    if tree.find_encryption_key(&parent.encryption_key).is_some() {
                        return Err(Violation::DuplicateEncryptionKey);
                    }
                }
            }
            tree.place(index, node);
        }
        // "Truncate the tree by removing the right subtree until there is at least one non-blank
        // leaf node in the right subtree" (section 12.1.3); every valid tree has been through this.
        match size.root().children() {
            Some((_, right)) if tree.members_below(right) == 0 => Err(Violation::RightHalfBlank),
            _ => Ok(tree),
        }
    }
}

/// Changing. Callers check the rules first; these keep the tree's invariants.
impl RatchetTree {
    /// Puts a node in a blank place.
    fn place(&mut self, index: NodeIndex, node: Node) {
        let number = index.as_u32();
        let key = match &node {
            Node::Leaf(leaf) => {
                let key_of = |node| signature_key_at(&self.slots, node);
                self.signature_keys.insert(leaf.signature_key.as_slice(), number, key_of);
                Arc::make_mut(&mut self.census).add(leaf);
                &leaf.encryption_key
            }
            Node::Parent(parent) => &parent.encryption_key,
        };
        let key_of = |node| key_at(&self.slots, node);
        self.encryption_keys.insert(key.as_slice(), number, key_of);
        let is_leaf = matches!(node, Node::Leaf(_));
        if let Some(slot) = self.slots.get_mut(at(index)) {
            slot.node = Some(node);
        }
        self.touch(index, |members| if is_leaf { members + 1 } else { members });
    }

    /// Makes a place blank and returns what was there.
    fn take(&mut self, index: NodeIndex) -> Option<Node> {
        // Look before writing: a blank place needs no copy of its chunk.
        self.node(index)?;
        let node = self.slots.get_mut(at(index))?.node.take()?;
        let number = index.as_u32();
        match &node {
            Node::Leaf(leaf) => {
                self.signature_keys.remove(leaf.signature_key.as_slice(), number);
                self.encryption_keys.remove(leaf.encryption_key.as_slice(), number);
                Arc::make_mut(&mut self.census).remove(leaf);
                self.touch(index, |members| members - 1);
            }
            Node::Parent(parent) => {
                self.encryption_keys.remove(parent.encryption_key.as_slice(), number);
                self.touch(index, |members| members);
            }
        }
        Some(node)
    }

    /// Forgets the hashes of a node and its ancestors and adjusts their member counts.
    fn touch(&mut self, index: NodeIndex, members: impl Fn(u32) -> u32) {
        let size = self.size;
        for node in std::iter::once(index).chain(size.ancestors(index)) {
            let Some(slot) = self.slots.get(at(node)) else { return };
            if slot.hash.is_none() && members(slot.members) == slot.members {
                // Without a hash here there is none above, and the counts stay: nothing left to do.
                return;
            }
            if let Some(slot) = self.slots.get_mut(at(node)) {
                slot.hash = None;
                slot.members = members(slot.members);
            }
        }
    }

    /// Blanks the direct path of a leaf.
    pub fn blank_direct_path(&mut self, leaf: LeafIndex) {
        for node in self.size.direct_path(leaf).collect::<Vec<_>>() {
            self.take(node);
        }
    }

    /// Blanks a leaf and its direct path without truncating the tree; returns the old leaf.
    pub fn take_leaf(&mut self, leaf: LeafIndex) -> Option<Arc<LeafNode>> {
        let taken = match self.take(leaf.node())? {
            Node::Leaf(taken) => taken,
            Node::Parent(_) => return None,
        };
        self.blank_direct_path(leaf);
        Some(taken)
    }

    /// Puts a leaf in its place, replacing what is there; the direct path stays.
    pub fn set_leaf(&mut self, index: LeafIndex, leaf: LeafNode) {
        self.take(index.node());
        self.place(index.node(), Node::Leaf(Arc::new(leaf)));
    }

    /// Removes right subtrees without members (section 7.7). Each removed half is blank already.
    pub fn truncate(&mut self) {
        let mut size = self.size;
        while let (Some(half), Some((_, right))) = (size.halved(), size.root().children()) {
            if self.members_below(right) > 0 {
                break;
            }
            self.take(size.root());
            size = half;
        }
        self.size = size;
        self.slots.truncate(size.nodes() as usize);
    }

    /// Adds a leaf at the leftmost blank place, extending the tree if it is full, and notes it as
    /// unmerged above (section 12.1.1). `None` if the tree cannot grow further.
    pub fn add_leaf(&mut self, leaf: LeafNode) -> Option<LeafIndex> {
        let index = self.place_for_new_leaf()?;
        for node in self.size.direct_path(index).collect::<Vec<_>>() {
            if self.parent(node).is_none() {
                continue;
            }
            if let Some(Slot { node: Some(Node::Parent(parent)), .. }) =
                self.slots.get_mut(at(node))
            {
                let unmerged = &mut Arc::make_mut(parent).unmerged_leaves;
                if let Err(place) = unmerged.binary_search(&index.as_u32()) {
                    unmerged.insert(place, index.as_u32());
                }
            }
        }
        self.place(index.node(), Node::Leaf(Arc::new(leaf)));
        Some(index)
    }

    /// The leftmost blank leaf, after extending the tree if it is full.
    pub fn place_for_new_leaf(&mut self) -> Option<LeafIndex> {
        if let Some(index) = self.leftmost_blank_leaf() {
            return Some(index);
        }
        let doubled = self.size.doubled()?;
        if doubled.leaves() as usize > RATCHET_TREE_LEAVES_MAX {
            return None;
        }
        let members = self.members_below(self.size.root());
        let old_leaves = self.size.leaves();
        self.size = doubled;
        (self.slots.len()..doubled.nodes() as usize).for_each(|_| self.slots.push(BLANK));
        if let Some(root) = self.slots.get_mut(at(doubled.root())) {
            root.members = members;
        }
        doubled.leaf(old_leaves)
    }

    /// Gives the nodes of a leaf's filtered direct path new keys and no unmerged leaves, and blanks
    /// the rest of the direct path (section 7.5). Parent hashes are set by
    /// [`Self::set_parent_hashes`].
    pub(crate) fn set_path_keys(&mut self, path: &[(NodeIndex, HpkePublicKey)]) {
        for (node, encryption_key) in path {
            let parent = ParentNode {
                encryption_key: encryption_key.clone(),
                parent_hash: Digest::EMPTY,
                unmerged_leaves: Vec::new(),
            };
            self.take(*node);
            self.place(*node, Node::Parent(Arc::new(parent)));
        }
    }

    pub(crate) fn set_parent_hash(&mut self, node: NodeIndex, parent_hash: Digest) {
        if let Some(Slot { node: Some(Node::Parent(parent)), .. }) = self.slots.get_mut(at(node)) {
            Arc::make_mut(parent).parent_hash = parent_hash;
        }
        self.touch(node, |members| members);
    }
}

#[cfg(test)]
mod tests;
