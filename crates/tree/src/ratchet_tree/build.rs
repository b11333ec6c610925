//! Making a tree: of a new group, from the `ratchet_tree` extension (RFC 9420, section 12.4.3.3),
//! from stored nodes or pages. One pass, and the indices are built from all keys at once.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::Arc;

use codec::Decode;
use crypto::{Digest, Suite};
use wire::{
    Capabilities, CredentialType, LeafNode, Node, RATCHET_TREE_LEAVES_MAX, RatchetTreeNodes,
};

use super::RatchetTree;
use crate::census::Census;
use crate::key_index::{KeyIndex, entry};
use crate::node_bytes::{self, LeafBytes, encryption_key, signature_key};
use crate::page::{BANDS, PackedPage, PageId};
use crate::pages::Pages;
use crate::{NodeIndex, TreeSize, Violation};

impl RatchetTree {
    /// The tree of a new group: its creator's leaf.
    #[must_use]
    pub fn new(creator: LeafNode) -> Self {
        let mut tree = Self::with_pages(TreeSize::ONE, Pages::blank(TreeSize::ONE));
        tree.place(TreeSize::ONE.root(), node_bytes::bytes(&creator));
        tree
    }

    fn with_pages(size: TreeSize, pages: Pages) -> Self {
        let (encryption_keys, signature_keys) = (KeyIndex::new(), KeyIndex::new());
        Self { size, pages, encryption_keys, signature_keys, census: Arc::default() }
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

    /// The tree of this size with these nodes, blank elsewhere: how a tree is loaded whose nodes
    /// are stored one by one.
    pub fn from_placed_nodes(
        size: TreeSize,
        nodes: impl IntoIterator<Item = (u32, Node)>,
    ) -> Result<Self, Violation> {
        if size.leaves() as usize > RATCHET_TREE_LEAVES_MAX {
            return Err(Violation::RatchetTreeTooLarge);
        }
        let mut tree = Self::with_pages(size, Pages::blank(size));
        for (index, node) in nodes {
            let index = size.node(index).ok_or(Violation::RatchetTreeTooLarge)?;
            let bytes = match &node {
                Node::Leaf(leaf) if index.is_leaf() => node_bytes::bytes(leaf),
                Node::Parent(parent) if !index.is_leaf() => node_bytes::bytes(parent),
                _ => return Err(Violation::NodeTypeMismatch),
            };
            tree.pages.slot_mut(index).set_node(bytes);
        }
        tree.count_members();
        tree.index()?;
        // "Truncate the tree by removing the right subtree until there is at least one non-blank
        // leaf node in the right subtree" (section 12.1.3); every valid tree has been through this.
        match size.root().children() {
            Some((_, right)) if tree.members_below(right) == 0 => Err(Violation::RightHalfBlank),
            _ => Ok(tree),
        }
    }

    /// The tree of these pages, as [`RatchetTree::page`] gave them; `None` if they are not pages of
    /// one tree of this size and suite, or not all.
    ///
    /// Hashes are taken from the pages. The caller compares that of the tree with the GroupContext,
    /// which shows that the pages are those of the right epoch.
    pub fn from_pages<'a>(
        (size, suite): (TreeSize, &Suite),
        pages: impl IntoIterator<Item = (PageId, &'a [u8])>,
    ) -> Option<Self> {
        if size.leaves() as usize > RATCHET_TREE_LEAVES_MAX {
            return None;
        }
        let mut all = Pages::blank(size);
        all.forget_open();
        let form = (size, suite.hash_length());
        for (id, bytes) in pages {
            let page = PackedPage::from_bytes(id, form, bytes)?;
            if !all.put(id, Some(page)) {
                return None;
            }
        }
        let mut tree = Self::with_pages(size, all);
        if !tree.members_are_counted() {
            return None;
        }
        tree.index().ok()?;
        let right = size.root().children().map(|(_, right)| tree.members_below(right));
        (right != Some(0)).then_some(tree)
    }

    /// This tree with other nodes in some places, as [`RatchetTree::changed_since`] names them, and
    /// of another size; `None` if that makes no tree of this size.
    #[must_use]
    pub fn with_changes(&self, size: TreeSize, nodes: &[(u32, Option<Node>)]) -> Option<Self> {
        // Each place once, or an index would remember what is no more.
        if !nodes.is_sorted_by(|one, other| one.0 < other.0) {
            return None;
        }
        let mut tree = self.clone();
        while tree.size < size {
            tree.grow()?;
        }
        let mut beyond = Vec::new();
        tree.collect_beyond(size.nodes(), tree.size.root(), &mut beyond);
        let changed = nodes.iter().map(|(index, node)| Some((size.node(*index)?, node)));
        let changed: Vec<(NodeIndex, &Option<Node>)> = changed.collect::<Option<_>>()?;
        for node in changed.iter().map(|(node, _)| *node).chain(beyond) {
            tree.take(node);
        }
        for (index, node) in changed {
            match node {
                Some(Node::Leaf(leaf)) if index.is_leaf() => {
                    tree.place(index, node_bytes::bytes(leaf));
                }
                Some(Node::Parent(parent)) if !index.is_leaf() => {
                    tree.place(index, node_bytes::bytes(parent));
                }
                Some(_) => return None,
                None => {}
            }
        }
        tree.truncate();
        (tree.size == size).then_some(tree)
    }

    /// A tree of this size and suite of which one page is there and all else is blank: not the
    /// group's tree, but its leaves on that page can be read.
    #[must_use]
    pub fn of_one_page(
        (size, suite): (TreeSize, &Suite),
        id: PageId,
        bytes: &[u8],
    ) -> Option<Self> {
        if size.leaves() as usize > RATCHET_TREE_LEAVES_MAX {
            return None;
        }
        let mut pages = Pages::blank(size);
        pages.forget_open();
        let page = PackedPage::from_bytes(id, (size, suite.hash_length()), bytes)?;
        pages.put(id, Some(page)).then(|| Self::with_pages(size, pages))
    }

    /// The tree hash, if it is kept: as it is after [`RatchetTree::tree_hash`], and of a tree that
    /// was loaded from pages.
    #[must_use]
    pub fn kept_tree_hash(&self, suite: &Suite) -> Option<Digest> {
        match self.size {
            TreeSize::ONE => self.hash_of(suite, self.size.root()).ok(),
            _ => self.pages.hash(self.size.root()),
        }
    }

    /// The parents of all pages that may have members below, children first.
    fn parents_by_level(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        let size = self.size;
        let pages = (0..BANDS).flat_map(move |band| {
            (0..PageId::count(band, size)).filter_map(move |number| PageId::new(band, number))
        });
        let nodes = pages.flat_map(move |page| page.nodes_by_level(size));
        nodes.map(|(_, node)| node).filter(|node| !node.is_leaf())
    }

    fn members_of_children(&self, node: NodeIndex) -> u32 {
        let children = node.children();
        children.map_or(0, |(left, right)| self.members_below(left) + self.members_below(right))
    }

    /// Counts the members below each parent, where all are open.
    fn count_members(&mut self) {
        for leaf in self.size.iter_leaves() {
            if !self.is_blank(leaf.node()) {
                self.pages.slot_mut(leaf.node()).members = 1;
            }
        }
        for node in self.parents_by_level() {
            let members = self.members_of_children(node);
            if members > 0 || !self.is_blank(node) {
                self.pages.slot_mut(node).members = members;
            }
        }
    }

    fn members_are_counted(&self) -> bool {
        let mut parents = self.parents_by_level();
        parents.all(|node| self.members_below(node) == self.members_of_children(node))
    }

    /// Builds indices and census from the nodes, and finds keys that occur twice.
    fn index(&mut self) -> Result<(), Violation> {
        let hasher = [(); 2].map(|()| RandomState::new());
        let [mut encryption, mut signature] = [(); 2].map(|()| Vec::new());
        let mut leaves: HashMap<(CredentialType, &[u8]), u32> = HashMap::new();
        for node in (0..self.size.nodes()).filter_map(|index| self.size.node(index)) {
            let Some(bytes) = self.node_bytes(node) else { continue };
            let number = node.as_u32();
            if !node.is_leaf() {
                encryption.extend(encryption_key(bytes).map(|key| entry(&hasher[0], key, number)));
            } else if let Ok(leaf) = LeafBytes::parse(bytes) {
                encryption.push(entry(&hasher[0], leaf.encryption_key, number));
                signature.push(entry(&hasher[1], leaf.signature_key, number));
                *leaves.entry((leaf.credential_type, leaf.capabilities)).or_default() += 1;
            }
        }
        let mut census = Census::default();
        for ((own, capabilities), members) in leaves {
            if let Ok(capabilities) = Capabilities::from_bytes(capabilities) {
                census.add(members, own, &capabilities);
            }
        }
        let bytes_of = |node: u32| self.node_bytes(self.size.node(node)?);
        let [encryption_hasher, signature_hasher] = hasher;
        let signature_keys = KeyIndex::build(signature_hasher, signature);
        if signature_keys.has_duplicate(|node| signature_key(bytes_of(node)?)) {
            return Err(Violation::DuplicateSignatureKey);
        }
        let encryption_keys = KeyIndex::build(encryption_hasher, encryption);
        if encryption_keys.has_duplicate(|node| encryption_key(bytes_of(node)?)) {
            return Err(Violation::DuplicateEncryptionKey);
        }
        (self.signature_keys, self.encryption_keys) = (signature_keys, encryption_keys);
        self.census = Arc::new(census);
        Ok(())
    }
}
