//! The tree of an ART group as one member holds it.
//!
//! Whoever changes leaves computes every node above them from the bottom up, one Diffie-Hellman and
//! one multiplication of the base a node, and publishes the new public keys. Everybody else
//! recomputes the nodes of the own path, and refuses the change if one of them comes out other than
//! it was sent. The keys beside the own path are taken on trust; that is a weakness of the scheme.
//!
//! Several leaves can change at once: the path is then the public keys of all nodes above one of
//! them, each once, lower nodes first.

use std::sync::Arc;

use codec::{Decode, Encode, Reader, Writer};
use crypto::{HpkePublicKey, Random, Secret, Suite};
use tree::{LeafIndex, NodeIndex};

use super::derivation::Derivation;
use crate::Failure;
use crate::group2018::{
    Candidates, KeyTree, NodeKey, Nodes, Profile, Setup, broken, changed_nodes,
};
use crate::group2018::{short_vector, write_short_vector};

/// An ART tree.
#[derive(Clone)]
pub struct ArtTree {
    suite: Suite,
    derivation: Derivation,
    nodes: Nodes,
}

impl ArtTree {
    /// The tree over these leaf secrets, from the left. Whoever makes it knows every secret.
    pub fn create(
        suite: &Suite,
        derivation: Derivation,
        leaf_secrets: Vec<Secret>,
    ) -> Result<Self, Failure> {
        let leaves = u32::try_from(leaf_secrets.len()).ok();
        let shape = leaves.and_then(crate::LeftBalanced::with_leaves);
        let nodes = Nodes::empty(shape.ok_or(Failure::Misuse("no tree has so many leaves"))?);
        let mut tree = Self { suite: suite.clone(), derivation, nodes };
        tree.fill(leaf_secrets)?;
        Ok(tree)
    }

    /// A tree with these nodes.
    #[must_use]
    pub fn with_nodes(suite: &Suite, derivation: Derivation, nodes: Nodes) -> Self {
        Self { suite: suite.clone(), derivation, nodes }
    }

    /// Sets the secrets of some leaves, computes everything above them, and answers the new public
    /// keys of [`changed_nodes`].
    pub fn set(&mut self, leaves: Vec<(LeafIndex, Secret)>) -> Result<Vec<HpkePublicKey>, Failure> {
        let changed: Vec<LeafIndex> = leaves.iter().map(|&(leaf, _)| leaf).collect();
        for (leaf, secret) in leaves {
            let key = self.node_key(leaf.node(), secret)?;
            self.nodes.keep(leaf.node(), Arc::new(key));
        }
        let nodes = changed_nodes(self.nodes.shape(), &changed);
        for level in nodes.chunk_by(|one, other| one.level() == other.level()) {
            let parents: Vec<_> = level.iter().copied().filter(|node| !node.is_leaf()).collect();
            self.compute(&parents, Self::parent_key)?;
        }
        nodes.iter().map(|&node| self.nodes.public_key(node).cloned()).collect()
    }

    /// Takes the new public keys of [`changed_nodes`] and recomputes the path of the member at
    /// `own`.
    pub fn take(
        &mut self,
        (own, own_secret): (LeafIndex, Option<Secret>),
        leaves: &[LeafIndex],
        new_keys: Vec<HpkePublicKey>,
    ) -> Result<(), Failure> {
        let changed = changed_nodes(self.nodes.shape(), leaves);
        if changed.len() != new_keys.len() {
            return Err(broken("a path has another length than the way to the root"));
        }
        changed.into_iter().zip(new_keys).for_each(|(node, key)| self.nodes.overwrite(node, key));
        if let Some(secret) = own_secret {
            let key = self.node_key(own.node(), secret)?;
            self.nodes.learn(own.node(), Arc::new(key))?;
        }
        self.climb(own)
    }

    /// Takes the new public keys of [`changed_nodes`] and learns whatever the known secrets allow.
    pub(super) fn overhear_keys(
        &mut self,
        leaves: &[LeafIndex],
        new_keys: Vec<HpkePublicKey>,
        candidates: &Candidates,
    ) -> Result<(), Failure> {
        let changed = changed_nodes(self.nodes.shape(), leaves);
        for (&node, key) in changed.iter().zip(new_keys) {
            self.nodes.overwrite(node, key.clone());
            if let Some(known) = candidates.get(&key) {
                self.nodes.learn(node, Arc::clone(known))?;
            }
        }
        for &node in changed.iter().filter(|node| !node.is_leaf()) {
            if self.nodes.private_key(node).is_none()
                && let Ok(key) = self.parent_key(node)
            {
                self.nodes.learn(node, Arc::new(key))?;
            }
        }
        Ok(())
    }

    /// The key of a parent, from the private key of one child and the public key of the other.
    fn parent_key(&self, node: NodeIndex) -> Result<NodeKey, Failure> {
        let (left, right) = node_children(&self.nodes, node)?;
        let known = self.nodes.private_key(left).map(|known| (known, right));
        let known = known.or_else(|| Some((self.nodes.private_key(right)?, left)));
        let (known, other) = known.ok_or(Failure::Misuse("neither child of a node is known"))?;
        let provider = self.suite.provider();
        let private_key = &known.key_pair.private_key;
        let other = self.nodes.public_key(other)?;
        let shared = provider.dh(self.suite.params().kem, private_key, other)?;
        let secret = self.derivation.parent_secret(&self.suite, &shared)?;
        self.node_key(node, secret)
    }

    fn encode_path(&self, keys: &[HpkePublicKey]) -> Result<Vec<u8>, Failure> {
        if self.derivation != Derivation::Draft01 {
            return Ok(keys.to_vec().to_bytes());
        }
        let mut writer = Writer::new();
        write_short_vector(&mut writer, |writer| {
            keys.iter().try_for_each(|key| {
                write_short_vector(writer, |writer| {
                    writer.write(key.as_slice());
                    Ok(())
                })
            })
        })?;
        Ok(writer.into_bytes())
    }

    fn decode_path(&self, path: &[u8]) -> Result<Vec<HpkePublicKey>, Failure> {
        if self.derivation != Derivation::Draft01 {
            return Ok(Vec::from_bytes(path)?);
        }
        let mut reader = Reader::new(path);
        let mut keys = Reader::new(short_vector(&mut reader)?);
        reader.finish()?;
        let mut path = Vec::new();
        while !keys.is_empty() {
            path.push(short_vector(&mut keys)?.to_vec().into());
        }
        Ok(path)
    }
}

fn node_children(nodes: &Nodes, node: NodeIndex) -> Result<(NodeIndex, NodeIndex), Failure> {
    nodes.shape().children(node).ok_or(Failure::Misuse("a leaf has no children"))
}

impl KeyTree for ArtTree {
    const IS_MERGEABLE: bool = false;

    fn new(setup: &Setup, nodes: Nodes) -> Result<Self, Failure> {
        let derivation = match setup.profile {
            Profile::Draft01 => Derivation::Draft01,
            Profile::Modern(_) => Derivation::modern(&setup.suite, &setup.group_id)?,
        };
        Ok(Self::with_nodes(&setup.suite, derivation, nodes))
    }

    fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    fn nodes_mut(&mut self) -> &mut Nodes {
        &mut self.nodes
    }

    fn node_key(&self, node: NodeIndex, secret: Secret) -> Result<NodeKey, Failure> {
        Ok(self.derivation.node_key(&self.suite, node, secret)?)
    }

    fn secret_length(&self) -> usize {
        self.derivation.secret_length(&self.suite)
    }

    fn first_key(&self, node: NodeIndex) -> Result<NodeKey, Failure> {
        self.parent_key(node)
    }

    fn replace(
        &mut self,
        leaves: Vec<(LeafIndex, Secret)>,
        _random: &mut dyn Random,
    ) -> Result<Vec<u8>, Failure> {
        let keys = self.set(leaves)?;
        self.encode_path(&keys)
    }

    fn receive(
        &mut self,
        own: (LeafIndex, Option<Secret>),
        leaves: &[LeafIndex],
        path: &[u8],
    ) -> Result<(), Failure> {
        let new_keys = self.decode_path(path)?;
        self.take(own, leaves, new_keys)
    }

    fn overhear(
        &mut self,
        leaves: &[LeafIndex],
        path: &[u8],
        candidates: &Candidates,
    ) -> Result<(), Failure> {
        let new_keys = self.decode_path(path)?;
        self.overhear_keys(leaves, new_keys, candidates)
    }

    fn concluded_key(&self, node: NodeIndex) -> Option<NodeKey> {
        self.parent_key(node).ok()
    }

    fn climb(&mut self, own: LeafIndex) -> Result<(), Failure> {
        for node in self.nodes.shape().path(own) {
            if self.nodes.private_key(node).is_none() {
                let key = self.parent_key(node)?;
                self.nodes.learn(node, Arc::new(key))?;
            }
        }
        Ok(())
    }

    fn secrets_for(&self, leaf: LeafIndex) -> Vec<(NodeIndex, Secret)> {
        let known = self.nodes.private_key(leaf.node());
        known.map(|key| (leaf.node(), key.secret.duplicate())).into_iter().collect()
    }
}
