//! What a tree of keys must do to be the heart of a group: the part in which ART and TreeKEM
//! differ.

use std::sync::Arc;

use crypto::{Random, Secret};
use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use tree::{LeafIndex, NodeIndex};

use super::{Candidates, NodeKey, Nodes, Setup, changed_nodes};
use crate::Failure;

/// A left-balanced tree of keys.
///
/// The sender of a change calls [`Self::replace`], everybody else [`Self::receive`]; who listens
/// without being a member, [`Self::overhear`]. A path is bytes in the tree's own encoding.
pub trait KeyTree: Clone + Send + Sync + 'static {
    /// Whether changes that were made for one tree can be applied one after the other.
    const IS_MERGEABLE: bool;

    /// A tree with these nodes.
    fn new(setup: &Setup, nodes: Nodes) -> Result<Self, Failure>;

    /// The nodes.
    fn nodes(&self) -> &Nodes;

    /// The nodes, to be changed.
    fn nodes_mut(&mut self) -> &mut Nodes;

    /// The key that a secret gives a node.
    fn node_key(&self, node: NodeIndex, secret: Secret) -> Result<NodeKey, Failure>;

    /// How long the secret of a leaf is.
    fn secret_length(&self) -> usize;

    /// The key of a parent in a new tree, all nodes below it being known.
    fn first_key(&self, node: NodeIndex) -> Result<NodeKey, Failure>;

    /// Sets the secrets of some leaves and everything above them. Answers the path.
    fn replace(
        &mut self,
        leaves: Vec<(LeafIndex, Secret)>,
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, Failure>;

    /// Takes the path of a change of `leaves` by somebody else. The member at leaf `own` gets to
    /// know the path above it. If its own leaf is among those changed it has learnt the secret.
    fn receive(
        &mut self,
        own: (LeafIndex, Option<Secret>),
        leaves: &[LeafIndex],
        path: &[u8],
    ) -> Result<(), Failure>;

    /// Takes the path of a change and learns whatever the known secrets allow, wherever in the tree
    /// they are.
    fn overhear(
        &mut self,
        leaves: &[LeafIndex],
        path: &[u8],
        candidates: &Candidates,
    ) -> Result<(), Failure>;

    /// The key of a parent if it follows from a key below it that is known; it is to be compared.
    fn concluded_key(&self, node: NodeIndex) -> Option<NodeKey>;

    /// Learns every node that follows from what is known, wherever in the tree it is.
    fn conclude(&mut self) -> Result<(), Failure> {
        let shape = self.nodes().shape();
        let leaves: Vec<LeafIndex> = shape.iter_leaves().collect();
        for node in changed_nodes(shape, &leaves).into_iter().filter(|node| !node.is_leaf()) {
            if self.nodes().private_key(node).is_none()
                && let Some(key) = self.concluded_key(node)
                && *self.nodes().public_key(node)? == key.key_pair.public_key
            {
                self.nodes_mut().learn(node, Arc::new(key))?;
            }
        }
        Ok(())
    }

    /// Gets to know the path above a leaf, of which enough is known.
    fn climb(&mut self, own: LeafIndex) -> Result<(), Failure>;

    /// The secrets that the owner of a leaf has to be told to [`Self::climb`], its leaf first.
    fn secrets_for(&self, leaf: LeafIndex) -> Vec<(NodeIndex, Secret)>;

    /// Fills an empty tree from leaf secrets. Whoever does it knows every secret.
    fn fill(&mut self, leaf_secrets: Vec<Secret>) -> Result<(), Failure> {
        let shape = self.nodes().shape();
        let leaves: Vec<_> = shape.iter_leaves().map(LeafIndex::node).zip(leaf_secrets).collect();
        let this = &*self;
        let keys: Result<Vec<_>, Failure> = leaves
            .into_par_iter()
            .map(|(node, secret)| Ok((node, Arc::new(this.node_key(node, secret)?))))
            .collect();
        keys?.into_iter().for_each(|(node, key)| self.nodes_mut().keep(node, key));
        let mut parents: Vec<NodeIndex> =
            shape.iter_nodes().filter(|node| !node.is_leaf()).collect();
        parents.sort_by_key(|node| node.level());
        for level in parents.chunk_by(|one, other| one.level() == other.level()) {
            self.compute(level, Self::first_key)?;
        }
        Ok(())
    }

    /// Computes nodes that do not depend on each other, side by side if they are many.
    fn compute(
        &mut self,
        nodes: &[NodeIndex],
        key: impl Fn(&Self, NodeIndex) -> Result<NodeKey, Failure> + Sync,
    ) -> Result<(), Failure> {
        let this = &*self;
        let one = |&node: &NodeIndex| Ok((node, Arc::new(key(this, node)?)));
        let keys: Result<Vec<_>, Failure> = match nodes.len() {
            0..32 => nodes.iter().map(one).collect(),
            _ => nodes.into_par_iter().map(one).collect(),
        };
        keys?.into_iter().for_each(|(node, key)| self.nodes_mut().keep(node, key));
        Ok(())
    }
}
