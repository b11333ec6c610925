//! The nodes of a left-balanced tree as one party sees them: every public key, and the private keys
//! that it knows.
//!
//! Copies share the public keys by the page, so that a member can try a change on a copy and keep
//! either.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crypto::{HpkeKeyPair, HpkePublicKey, Secret};
use tree::{LeafIndex, NodeIndex};

use super::broken;
use crate::Failure;
use crate::left_balanced::LeftBalanced;

/// Public keys on one page.
const PAGE: usize = 64;

/// A node as somebody knows it who knows its secret.
pub struct NodeKey {
    /// The secret of the node.
    pub secret: Secret,
    /// The key pair derived from it.
    pub key_pair: HpkeKeyPair,
}

/// Secrets that belong to nodes, or will, found by the public key that they give.
pub type Candidates = BTreeMap<HpkePublicKey, Arc<NodeKey>>;

/// The nodes of a tree.
#[derive(Clone)]
pub struct Nodes {
    shape: LeftBalanced,
    public_keys: Vec<Arc<Vec<HpkePublicKey>>>,
    private_keys: BTreeMap<NodeIndex, Arc<NodeKey>>,
}

/// The leaves and every node above one of them, lower nodes first.
#[must_use]
pub fn changed_nodes(shape: LeftBalanced, leaves: &[LeafIndex]) -> Vec<NodeIndex> {
    let above = leaves.iter().flat_map(|&leaf| shape.path(leaf));
    let nodes: BTreeSet<(u32, NodeIndex)> = above.map(|node| (node.level(), node)).collect();
    nodes.into_iter().map(|(_, node)| node).collect()
}

impl Nodes {
    /// A tree of so many leaves without any key.
    #[must_use]
    pub fn empty(shape: LeftBalanced) -> Self {
        let mut nodes = Self { shape, public_keys: Vec::new(), private_keys: BTreeMap::new() };
        nodes.pad();
        nodes
    }

    /// The tree with these public keys, by node number.
    pub fn with_public_keys(keys: Vec<HpkePublicKey>) -> Result<Self, Failure> {
        let leaves = u32::try_from(keys.len() / 2 + 1).ok().and_then(LeftBalanced::with_leaves);
        let shape = leaves.filter(|_| !keys.len().is_multiple_of(2));
        let shape = shape.ok_or_else(|| broken("no tree has so many nodes"))?;
        let mut nodes = Self::empty(shape);
        for (node, key) in shape.iter_nodes().zip(keys) {
            nodes.set_public_key(node, key);
        }
        Ok(nodes)
    }

    /// The shape of the tree.
    #[must_use]
    pub fn shape(&self) -> LeftBalanced {
        self.shape
    }

    /// All public keys by node number.
    pub fn public_keys(&self) -> impl Iterator<Item = (NodeIndex, &HpkePublicKey)> {
        let keys = self.public_keys.iter().flat_map(|page| page.iter());
        self.shape.iter_nodes().zip(keys)
    }

    /// The public key of a node of this tree.
    pub fn public_key(&self, node: NodeIndex) -> Result<&HpkePublicKey, Failure> {
        let (page, place) = place(node);
        let key = self.public_keys.get(page).and_then(|page| page.get(place));
        key.ok_or(Failure::Misuse("no such node"))
    }

    /// What is known of a node.
    #[must_use]
    pub fn private_key(&self, node: NodeIndex) -> Option<&Arc<NodeKey>> {
        self.private_keys.get(&node)
    }

    /// Every node whose secret is known.
    pub fn known(&self) -> impl Iterator<Item = (NodeIndex, &Arc<NodeKey>)> {
        self.private_keys.iter().map(|(&node, key)| (node, key))
    }

    /// The secret of the root, if it is known.
    #[must_use]
    pub fn root_secret(&self) -> Option<&Secret> {
        self.private_key(self.shape.root()).map(|key| &key.secret)
    }

    /// A copy that knows what is on the way from a leaf to the root, and no other secret.
    #[must_use]
    pub fn view(&self, leaf: LeafIndex) -> Self {
        let path = self.shape.path(leaf);
        let known = path.filter_map(|node| Some((node, Arc::clone(self.private_key(node)?))));
        let public_keys = self.public_keys.clone();
        Self { shape: self.shape, public_keys, private_keys: known.collect() }
    }

    /// Adds a leaf on the right, which has no key yet, and the parent that it needs.
    pub fn grow(&mut self) -> Result<LeafIndex, Failure> {
        self.shape = self.shape.grown().ok_or(Failure::Misuse("the tree is full"))?;
        self.pad();
        self.shape.leaf(self.shape.leaves() - 1).ok_or(Failure::Misuse("no such leaf"))
    }

    /// Sets a node of which the secret is known.
    pub fn keep(&mut self, node: NodeIndex, key: Arc<NodeKey>) {
        self.set_public_key(node, key.key_pair.public_key.clone());
        self.private_keys.insert(node, key);
    }

    /// Learns the secret of a node. Refused unless it gives the public key that the node has.
    pub fn learn(&mut self, node: NodeIndex, key: Arc<NodeKey>) -> Result<(), Failure> {
        if *self.public_key(node)? != key.key_pair.public_key {
            return Err(broken("a node's secret does not give its public key"));
        }
        self.private_keys.insert(node, key);
        Ok(())
    }

    /// Takes somebody's new public key for a node, and forgets what was known of the old one.
    pub fn overwrite(&mut self, node: NodeIndex, key: HpkePublicKey) {
        self.private_keys.remove(&node);
        self.set_public_key(node, key);
    }

    fn set_public_key(&mut self, node: NodeIndex, key: HpkePublicKey) {
        let (page, place) = place(node);
        let slot = self.public_keys.get_mut(page).map(Arc::make_mut);
        if let Some(slot) = slot.and_then(|page| page.get_mut(place)) {
            *slot = key;
        }
    }

    /// Makes room for all nodes of the shape.
    fn pad(&mut self) {
        let wanted = place(self.shape.last_node());
        self.public_keys.resize_with(wanted.0 + 1, Arc::default);
        for page in &mut self.public_keys {
            if page.len() < PAGE {
                Arc::make_mut(page).resize_with(PAGE, || Vec::new().into());
            }
        }
    }
}

/// Page of a node, and place there.
fn place(node: NodeIndex) -> (usize, usize) {
    // A tree whose node numbers do not fit into memory cannot have been made.
    let index = usize::try_from(node.as_u32()).unwrap_or(usize::MAX);
    (index / PAGE, index % PAGE)
}
