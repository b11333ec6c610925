//! The private keys that a member holds (RFC 9420, section 4.2): its leaf's, and those of its
//! ancestors as far as it was told them.
//!
//! Invariants:
//! * every node is the leaf or an ancestor of it, so there are at most 32;
//! * every key pair was, when it came in, the one whose public key is in the tree.
//!
//! When the tree changes, [`PrivatePath::retain_matching`] erases what the change made worthless.

use std::collections::BTreeMap;
use std::sync::Arc;

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer};
use crypto::{HpkeKeyPair, Secret};
use tree::{LeafIndex, NodeIndex, RatchetTree, TreeSize};

use crate::{Error, Misuse};

/// A member's private view of the ratchet tree.
///
/// * Made by [`Self::new`] for a group's creator, by [`Self::join`] from a Welcome, by
///   [`crate::NewPath::into_private_path`] and [`crate::ReceivedPath::open`] from a commit.
/// * It encodes as `leaf<u32> { node<u32> private_key<V> }<V>`, since the public keys are in the
///   tree; write it with [`Writer::erasing`], read it as [`StoredPrivatePath`].
pub struct PrivatePath {
    leaf: LeafIndex,
    /// Shared with the epochs before and after: a commit replaces few of them, often one. Whoever
    /// holds a key pair last erases it.
    key_pairs: BTreeMap<NodeIndex, Arc<HpkeKeyPair>>,
}

impl PrivatePath {
    /// What a member holds who knows no key but its leaf's.
    pub fn new(
        tree: &RatchetTree,
        leaf: LeafIndex,
        leaf_key_pair: HpkeKeyPair,
    ) -> Result<Self, Error> {
        let mut path = Self::empty(leaf);
        path.insert(tree, leaf.node(), leaf_key_pair)?;
        Ok(path)
    }

    pub(crate) fn empty(leaf: LeafIndex) -> Self {
        Self { leaf, key_pairs: BTreeMap::new() }
    }

    /// The member's leaf.
    #[must_use]
    pub fn leaf(&self) -> LeafIndex {
        self.leaf
    }

    /// The key pair of a node, if it is held.
    #[must_use]
    pub fn key_pair(&self, node: NodeIndex) -> Option<&HpkeKeyPair> {
        self.key_pairs.get(&node).map(|key_pair| &**key_pair)
    }

    /// The nodes whose key pairs are held, in ascending order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        self.key_pairs.keys().copied()
    }

    /// Holds the key pair of a node from now on, in place of an older one. For a member whose
    /// Update is part of a commit, that node is its leaf.
    pub fn insert(
        &mut self,
        tree: &RatchetTree,
        node: NodeIndex,
        key_pair: HpkeKeyPair,
    ) -> Result<(), Error> {
        if !node.covers(self.leaf) {
            return Err(Misuse::NodeNotOnPath.into());
        }
        if !holds(tree, node, &key_pair) {
            return Err(Misuse::KeyMismatch.into());
        }
        self.insert_derived(node, key_pair);
        Ok(())
    }

    /// [`Self::insert`] for a node that is known to be above the leaf, with the tree's key.
    pub(crate) fn insert_derived(&mut self, node: NodeIndex, key_pair: HpkeKeyPair) {
        debug_assert!(node.covers(self.leaf));
        self.key_pairs.insert(node, Arc::new(key_pair));
    }

    /// Erases every key pair whose public key is no longer the one in the tree.
    ///
    /// Section 7.5: "each recipient MUST delete ... each outdated node key pair that was replaced
    /// by the update"; a blanked node's key pair is outdated too.
    pub fn retain_matching(&mut self, tree: &RatchetTree) {
        self.key_pairs.retain(|&node, key_pair| holds(tree, node, key_pair));
    }

    /// Erases every key pair: the member was removed.
    pub fn erase(&mut self) {
        self.key_pairs.clear();
    }

    /// The key pair of a node, if it is held and the tree has its public key.
    pub(crate) fn matching_key_pair(
        &self,
        tree: &RatchetTree,
        node: NodeIndex,
    ) -> Option<&HpkeKeyPair> {
        self.key_pair(node).filter(|key_pair| holds(tree, node, key_pair))
    }

    /// A second holder of the same keys, for the epoch that a commit leads to while the present one
    /// goes on.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self { leaf: self.leaf, key_pairs: self.key_pairs.clone() }
    }
}

fn holds(tree: &RatchetTree, node: NodeIndex, key_pair: &HpkeKeyPair) -> bool {
    tree.has_public_key(node, &key_pair.public_key)
}

fn encode<'a>(
    leaf: LeafIndex,
    private_keys: impl Iterator<Item = (&'a NodeIndex, &'a Secret)>,
    writer: &mut Writer,
) {
    leaf.as_u32().encode(writer);
    writer.vector(|writer| {
        for (node, private_key) in private_keys {
            node.as_u32().encode(writer);
            private_key.encode(writer);
        }
    });
}

impl Encode for PrivatePath {
    fn encode(&self, writer: &mut Writer) {
        let key_pairs = self.key_pairs.iter();
        encode(self.leaf, key_pairs.map(|(node, pair)| (node, &pair.private_key)), writer);
    }
}

/// A [`PrivatePath`] as it was stored, without the public keys.
pub struct StoredPrivatePath {
    leaf: LeafIndex,
    private_keys: BTreeMap<NodeIndex, Secret>,
}

impl StoredPrivatePath {
    /// The member's leaf.
    #[must_use]
    pub fn leaf(&self) -> LeafIndex {
        self.leaf
    }

    /// What was stored together with this tree. Keys of nodes that are blank in it are erased.
    #[must_use]
    pub fn with_tree(self, tree: &RatchetTree) -> PrivatePath {
        let key_pairs = self.private_keys.into_iter().filter_map(|(node, private_key)| {
            let public_key = tree.public_key(node)?;
            Some((node, Arc::new(HpkeKeyPair::new(private_key, public_key))))
        });
        PrivatePath { leaf: self.leaf, key_pairs: key_pairs.collect() }
    }
}

/// The leaves of the largest tree there can be.
const LEAVES_MAX: u32 = 1 << 31;

impl Encode for StoredPrivatePath {
    fn encode(&self, writer: &mut Writer) {
        encode(self.leaf, self.private_keys.iter(), writer);
    }
}

impl Decode for StoredPrivatePath {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("leaf of a private path"));
        // An index means the same node in every tree that is large enough.
        let size = TreeSize::from_leaves(LEAVES_MAX).ok_or(error)?;
        let leaf = size.leaf(u32::decode(reader)?).ok_or(error)?;
        let mut private_keys = BTreeMap::new();
        let mut elements = reader.vector()?;
        while !elements.is_empty() {
            let error = elements.error(DecodeErrorKind::InvalidValue("node of a private path"));
            let node = size.node(u32::decode(&mut elements)?);
            let node = node.filter(|node| node.covers(leaf)).ok_or(error)?;
            if private_keys.insert(node, Secret::decode(&mut elements)?).is_some() {
                return Err(error);
            }
        }
        Ok(Self { leaf, private_keys })
    }
}
