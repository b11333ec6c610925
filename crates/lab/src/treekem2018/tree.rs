//! The tree of draft-01's TreeKEM as one member holds it.
//!
//! Whoever changes a leaf hashes its secret up to the root, one hash a level, and encrypts each new
//! parent's secret to the child that is *not* on the way. Everybody else opens one ciphertext,
//! hashes on from there, and compares the public keys. Leaves change one at a time.
//!
//! A node so has the secret that the last change below it gave, whoever made that change: somebody
//! who chose a leaf's secret for another knows nodes that are not above the own leaf.

use std::sync::Arc;

use codec::{Reader, Writer};
use crypto::{HashAlgorithm, HpkePublicKey, Random, Secret, Suite};
use tree::{LeafIndex, NodeIndex};

use super::ecies::{self, Ciphertext};
use crate::Failure;
use crate::art::draft_key_pair;
use crate::group2018::{
    Candidates, KeyTree, NodeKey, Nodes, Profile, Setup, broken, short_vector, write_short_vector,
};

/// A TreeKEM tree of draft-01.
#[derive(Clone)]
pub struct HashTree {
    suite: Suite,
    nodes: Nodes,
}

/// `TreeKEMPath`: public keys from the changed leaf to the root, and the secret of each parent for
/// the other child.
struct Path {
    nodes: Vec<HpkePublicKey>,
    node_secrets: Vec<Ciphertext>,
}

impl Path {
    fn encode(&self) -> Result<Vec<u8>, Failure> {
        let mut writer = Writer::new();
        write_short_vector(&mut writer, |writer| {
            self.nodes.iter().try_for_each(|key| {
                write_short_vector(writer, |writer| {
                    writer.write(key.as_slice());
                    Ok(())
                })
            })
        })?;
        write_short_vector(&mut writer, |writer| {
            self.node_secrets.iter().try_for_each(|ciphertext| ciphertext.write(writer))
        })?;
        Ok(writer.into_bytes())
    }

    /// The path of a leaf `depth` below the root.
    fn decode(bytes: &[u8], depth: usize) -> Result<Self, Failure> {
        let mut reader = Reader::new(bytes);
        let mut keys = Reader::new(short_vector(&mut reader)?);
        let mut ciphertexts = Reader::new(short_vector(&mut reader)?);
        reader.finish()?;
        let mut path = Self { nodes: Vec::new(), node_secrets: Vec::new() };
        while !keys.is_empty() {
            path.nodes.push(short_vector(&mut keys)?.to_vec().into());
        }
        while !ciphertexts.is_empty() {
            path.node_secrets.push(Ciphertext::read(&mut ciphertexts)?);
        }
        if path.nodes.len() != depth + 1 || path.node_secrets.len() != depth {
            return Err(broken("a path has another length than the way to the root"));
        }
        Ok(path)
    }
}

impl HashTree {
    /// The tree over these leaf secrets as if they had been set from the left to the right. Whoever
    /// makes it knows every secret.
    pub fn create(suite: &Suite, leaf_secrets: Vec<Secret>) -> Result<Self, Failure> {
        let leaves = u32::try_from(leaf_secrets.len()).ok();
        let shape = leaves.and_then(crate::LeftBalanced::with_leaves);
        let nodes = Nodes::empty(shape.ok_or(Failure::Misuse("no tree has so many leaves"))?);
        let mut tree = Self { suite: suite.clone(), nodes };
        tree.fill(leaf_secrets)?;
        Ok(tree)
    }

    fn hash(&self, secret: &Secret) -> Result<Secret, Failure> {
        let digest = self.suite.provider().hash(HashAlgorithm::Sha256, secret.expose())?;
        Ok(Secret::from_slice(digest.as_slice()))
    }

    /// Hashes `secret` up along `nodes`; the first has the secret itself.
    fn hash_up(
        &self,
        nodes: &[NodeIndex],
        secret: Secret,
    ) -> Result<Vec<(NodeIndex, Arc<NodeKey>)>, Failure> {
        let mut secret = secret;
        let mut keys = Vec::with_capacity(nodes.len());
        for &node in nodes {
            let above = self.hash(&secret)?;
            keys.push((node, Arc::new(self.node_key(node, secret)?)));
            secret = above;
        }
        Ok(keys)
    }

    /// Sets the secret of one leaf.
    fn set(&mut self, leaf: LeafIndex, secret: Secret) -> Result<Vec<NodeIndex>, Failure> {
        let nodes: Vec<NodeIndex> = self.nodes.shape().path(leaf).collect();
        for (node, key) in self.hash_up(&nodes, secret)? {
            self.nodes.keep(node, key);
        }
        Ok(nodes)
    }

    /// The secrets that a path tells to somebody who knows what `self` knows, before any of its
    /// keys is taken: all nodes from the lowest such on.
    fn open_path(
        &self,
        nodes: &[NodeIndex],
        path: &Path,
    ) -> Result<Vec<(NodeIndex, Arc<NodeKey>)>, Failure> {
        for (place, ciphertext) in path.node_secrets.iter().enumerate() {
            let beside = self.nodes.shape().sibling(nodes[place]);
            if let Some(known) = beside.and_then(|beside| self.nodes.private_key(beside)) {
                let secret = ecies::open(&self.suite, &known.key_pair, ciphertext)?;
                return self.hash_up(&nodes[place + 1..], secret);
            }
        }
        Ok(Vec::new())
    }

    /// The sealed secrets of a change that was just made.
    fn seal_path(&self, nodes: &[NodeIndex], random: &mut dyn Random) -> Result<Path, Failure> {
        let public_key = |&node: &NodeIndex| self.nodes.public_key(node).cloned();
        let keys: Result<Vec<_>, Failure> = nodes.iter().map(public_key).collect();
        let mut path = Path { nodes: keys?, node_secrets: Vec::new() };
        for pair in nodes.windows(2) {
            let beside = self.nodes.shape().sibling(pair[0]);
            let beside = beside.ok_or(Failure::Misuse("the root has no sibling"))?;
            let above = self.nodes.private_key(pair[1]);
            let above = above.ok_or(Failure::Misuse("a node of the own change is not known"))?;
            let recipient = self.nodes.public_key(beside)?;
            let plaintext = above.secret.expose();
            path.node_secrets.push(ecies::seal(&self.suite, recipient, plaintext, random)?);
        }
        Ok(path)
    }
}

/// The one leaf of a change.
fn only(leaves: &[LeafIndex]) -> Result<LeafIndex, Failure> {
    match leaves {
        [leaf] => Ok(*leaf),
        _ => Err(Failure::Misuse("leaves change one at a time")),
    }
}

impl KeyTree for HashTree {
    const IS_MERGEABLE: bool = true;

    fn new(setup: &Setup, nodes: Nodes) -> Result<Self, Failure> {
        match setup.profile {
            Profile::Draft01 => Ok(Self { suite: setup.suite.clone(), nodes }),
            Profile::Modern(_) => Err(Failure::Unsupported),
        }
    }

    fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    fn nodes_mut(&mut self) -> &mut Nodes {
        &mut self.nodes
    }

    fn node_key(&self, _node: NodeIndex, secret: Secret) -> Result<NodeKey, Failure> {
        Ok(NodeKey { key_pair: draft_key_pair(&self.suite, &secret)?, secret })
    }

    fn secret_length(&self) -> usize {
        32
    }

    fn first_key(&self, node: NodeIndex) -> Result<NodeKey, Failure> {
        let children = self.nodes.shape().children(node);
        let right = children.and_then(|(_, right)| self.nodes.private_key(right));
        let right = right.ok_or(Failure::Misuse("a node below is not known"))?;
        self.node_key(node, self.hash(&right.secret)?)
    }

    fn replace(
        &mut self,
        leaves: Vec<(LeafIndex, Secret)>,
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, Failure> {
        let Ok([(leaf, secret)]) = <[_; 1]>::try_from(leaves) else {
            return Err(Failure::Misuse("leaves change one at a time"));
        };
        let nodes = self.set(leaf, secret)?;
        self.seal_path(&nodes, random)?.encode()
    }

    fn receive(
        &mut self,
        (own, _): (LeafIndex, Option<Secret>),
        leaves: &[LeafIndex],
        path: &[u8],
    ) -> Result<(), Failure> {
        let leaf = only(leaves)?;
        let shape = self.nodes.shape();
        let nodes: Vec<NodeIndex> = shape.path(leaf).collect();
        let path = Path::decode(path, shape.depth(leaf))?;
        let common = shape.path(own).find(|node| nodes.contains(node));
        let opened = self.open_path(&nodes, &path)?;
        // A member that knows a node beside its own path may have learnt more than it has to.
        if common.is_none_or(|common| opened.iter().all(|&(node, _)| node != common)) {
            return Err(broken("a path says nothing to a member"));
        }
        nodes.into_iter().zip(path.nodes).for_each(|(node, key)| self.nodes.overwrite(node, key));
        opened.into_iter().try_for_each(|(node, key)| self.nodes.learn(node, key))
    }

    fn overhear(
        &mut self,
        leaves: &[LeafIndex],
        path: &[u8],
        candidates: &Candidates,
    ) -> Result<(), Failure> {
        let leaf = only(leaves)?;
        let shape = self.nodes.shape();
        let nodes: Vec<NodeIndex> = shape.path(leaf).collect();
        let path = Path::decode(path, shape.depth(leaf))?;
        let mut learnt = self.open_path(&nodes, &path)?;
        let first = path.nodes.iter().position(|key| candidates.contains_key(key));
        let first = first.and_then(|first| Some((first, candidates.get(&path.nodes[first])?)));
        if let Some((first, key)) = first
            && nodes.len() - first > learnt.len()
        {
            learnt = self.hash_up(&nodes[first..], key.secret.duplicate())?;
        }
        nodes.into_iter().zip(path.nodes).for_each(|(node, key)| self.nodes.overwrite(node, key));
        learnt.into_iter().try_for_each(|(node, key)| self.nodes.learn(node, key))
    }

    fn concluded_key(&self, node: NodeIndex) -> Option<NodeKey> {
        let public_key = self.nodes.public_key(node).ok()?;
        let (left, right) = self.nodes.shape().children(node)?;
        let known = [left, right].into_iter().filter_map(|child| self.nodes.private_key(child));
        let above =
            known.filter_map(|child| self.node_key(node, self.hash(&child.secret).ok()?).ok());
        above.into_iter().find(|key| key.key_pair.public_key == *public_key)
    }

    fn climb(&mut self, own: LeafIndex) -> Result<(), Failure> {
        let path: Vec<NodeIndex> = self.nodes.shape().path(own).collect();
        for pair in path.windows(2) {
            if self.nodes.private_key(pair[1]).is_none() {
                let below = self.nodes.private_key(pair[0]);
                let below = below.ok_or_else(|| broken("a node's secret is missing"))?;
                let key = self.node_key(pair[1], self.hash(&below.secret)?)?;
                self.nodes.learn(pair[1], Arc::new(key))?;
            }
        }
        Ok(())
    }

    fn secrets_for(&self, leaf: LeafIndex) -> Vec<(NodeIndex, Secret)> {
        let mut secrets = Vec::new();
        let mut below: Option<Secret> = None;
        for node in self.nodes.shape().path(leaf) {
            let Some(key) = self.nodes.private_key(node) else { break };
            if below.is_none_or(|below| below != key.secret) {
                secrets.push((node, key.secret.duplicate()));
            }
            below = self.hash(&key.secret).ok();
        }
        secrets
    }
}
