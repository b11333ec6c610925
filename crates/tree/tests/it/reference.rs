//! The ratchet tree as RFC 9420 defines it, slow and obvious: an array of nodes, everything
//! computed anew each time it is asked for, subtrees as ranges of leaves instead of arithmetic on
//! bits.

use std::collections::BTreeSet;
use std::sync::Arc;

use codec::{Encode, Writer};
use crypto::{Digest, HpkePublicKey, Suite};
use wire::{LeafNode, Node, ParentNode};

/// The subtree over the leaves from the first number up to, not including, the second.
pub(crate) type Subtree = (usize, usize);

/// Its head's place in the array (section 4.1 and appendix C): in-order between its halves.
pub(crate) fn place((start, end): Subtree) -> usize {
    start + end - 1
}

fn halves((start, end): Subtree) -> Option<(Subtree, Subtree)> {
    let middle = usize::midpoint(start, end);
    (end - start > 1).then_some(((start, middle), (middle, end)))
}

pub(crate) fn number(leaf: usize) -> u32 {
    u32::try_from(leaf).unwrap()
}

#[derive(Clone)]
pub(crate) struct SlowTree {
    /// Every node of the full tree.
    pub(crate) nodes: Vec<Option<Node>>,
}

/// Reading.
impl SlowTree {
    pub(crate) fn new(creator: LeafNode) -> Self {
        Self { nodes: vec![Some(Node::Leaf(Arc::new(creator)))] }
    }

    pub(crate) fn leaf_count(&self) -> usize {
        self.nodes.len().div_ceil(2)
    }

    pub(crate) fn whole(&self) -> Subtree {
        (0, self.leaf_count())
    }

    pub(crate) fn leaf(&self, leaf: usize) -> Option<&LeafNode> {
        match self.nodes.get(2 * leaf)? {
            Some(Node::Leaf(leaf)) => Some(leaf),
            _ => None,
        }
    }

    pub(crate) fn members(&self) -> Vec<usize> {
        (0..self.leaf_count()).filter(|&leaf| self.leaf(leaf).is_some()).collect()
    }

    pub(crate) fn parent(&self, subtree: Subtree) -> Option<&ParentNode> {
        match self.nodes.get(place(subtree))? {
            Some(Node::Parent(parent)) => Some(parent),
            _ => None,
        }
    }

    fn parent_mut(&mut self, subtree: Subtree) -> Option<&mut ParentNode> {
        match &mut self.nodes[place(subtree)] {
            Some(Node::Parent(parent)) => Some(Arc::make_mut(parent)),
            _ => None,
        }
    }

    /// All subtrees, the whole first.
    pub(crate) fn subtrees(&self) -> Vec<Subtree> {
        descendants(self.whole())
    }

    /// The direct path from parent to root, each node with its child that is on the copath.
    pub(crate) fn direct_path(&self, leaf: usize) -> Vec<(Subtree, Subtree)> {
        let (mut path, mut subtree) = (Vec::new(), self.whole());
        while let Some((left, right)) = halves(subtree) {
            let (on_path, copath) = if leaf < left.1 { (left, right) } else { (right, left) };
            path.push((subtree, copath));
            subtree = on_path;
        }
        path.reverse();
        path
    }

    /// Section 4.1.1, as an ordered list of places.
    pub(crate) fn resolution(&self, subtree: Subtree) -> Vec<usize> {
        match (&self.nodes[place(subtree)], halves(subtree)) {
            (Some(Node::Leaf(_)), _) => vec![place(subtree)],
            (Some(Node::Parent(parent)), _) => {
                let unmerged = parent.unmerged_leaves.iter().map(|&leaf| 2 * leaf as usize);
                std::iter::once(place(subtree)).chain(unmerged).collect()
            }
            (None, None) => Vec::new(),
            (None, Some((left, right))) => [self.resolution(left), self.resolution(right)].concat(),
        }
    }

    /// Section 4.1.2.
    pub(crate) fn filtered_direct_path(&self, leaf: usize) -> Vec<(Subtree, Subtree)> {
        let mut path = self.direct_path(leaf);
        path.retain(|&(_, copath)| !self.resolution(copath).is_empty());
        path
    }

    pub(crate) fn leftmost_blank_leaf(&self) -> Option<usize> {
        (0..self.leaf_count()).find(|&leaf| self.leaf(leaf).is_none())
    }

    /// The nodes without the blanks at the right end (section 12.4.3.3).
    pub(crate) fn trimmed(&self) -> Vec<Option<Node>> {
        let end = self.nodes.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        self.nodes[..end].to_vec()
    }

    /// Section 7.8, with some leaves blank and not listed as unmerged (section 7.9).
    pub(crate) fn tree_hash(&self, suite: &Suite, subtree: Subtree, without: &[u32]) -> Digest {
        let mut input = Writer::new();
        match halves(subtree) {
            None => {
                let leaf = number(subtree.0);
                let node = self.leaf(subtree.0).filter(|_| !without.contains(&leaf));
                1_u8.encode(&mut input);
                leaf.encode(&mut input);
                node.cloned().encode(&mut input);
            }
            Some((left, right)) => {
                2_u8.encode(&mut input);
                let mut parent = self.parent(subtree).cloned();
                if let Some(parent) = &mut parent {
                    parent.unmerged_leaves.retain(|leaf| !without.contains(leaf));
                }
                parent.encode(&mut input);
                self.tree_hash(suite, left, without).encode(&mut input);
                self.tree_hash(suite, right, without).encode(&mut input);
            }
        }
        suite.hash(input.as_slice()).unwrap()
    }
}

/// A subtree and all below it.
fn descendants(subtree: Subtree) -> Vec<Subtree> {
    let mut all = vec![subtree];
    if let Some((left, right)) = halves(subtree) {
        all.extend(descendants(left));
        all.extend(descendants(right));
    }
    all
}

/// Section 7.9.
fn parent_hash(suite: &Suite, parent: &ParentNode, sibling_hash: Digest) -> Digest {
    let mut input = Writer::new();
    parent.encryption_key.encode(&mut input);
    parent.parent_hash.encode(&mut input);
    sibling_hash.encode(&mut input);
    suite.hash(input.as_slice()).unwrap()
}

/// The definition of section 7.9.2, word for word.
impl SlowTree {
    /// Whether exactly one descendant of each parent has a parent hash that is valid with respect
    /// to it.
    pub(crate) fn is_parent_hash_valid(&self, suite: &Suite) -> bool {
        self.subtrees().into_iter().all(|above| match (self.parent(above), halves(above)) {
            (Some(_), Some((left, right))) => {
                let left_chains = self.count_valid(suite, above, (left, right));
                left_chains + self.count_valid(suite, above, (right, left)) == 1
            }
            _ => true,
        })
    }

    fn count_valid(&self, suite: &Suite, above: Subtree, (c, s): (Subtree, Subtree)) -> usize {
        let Some(parent) = self.parent(above) else { return 0 };
        let unmerged = &parent.unmerged_leaves;
        let expected = parent_hash(suite, parent, self.tree_hash(suite, s, unmerged));
        let resolution: BTreeSet<usize> = self.resolution(c).into_iter().collect();
        let below = unmerged.iter().map(|&leaf| leaf as usize);
        let below = below.filter(|leaf| (c.0..c.1).contains(leaf)).map(|leaf| 2 * leaf);
        let below: BTreeSet<usize> = below.collect();
        let is_valid = |d: &Subtree| {
            let mut rest = resolution.clone();
            self.parent_hash_of(*d) == Some(expected) && rest.remove(&place(*d)) && rest == below
        };
        descendants(c).iter().filter(|d| is_valid(d)).count()
    }

    fn parent_hash_of(&self, subtree: Subtree) -> Option<Digest> {
        match self.nodes[place(subtree)].as_ref()? {
            Node::Leaf(leaf) => leaf.parent_hash(),
            Node::Parent(parent) => Some(parent.parent_hash),
        }
    }
}

/// Changing (sections 7.5 and 12.1).
impl SlowTree {
    fn blank_direct_path(&mut self, leaf: usize) {
        for (above, _) in self.direct_path(leaf) {
            self.nodes[place(above)] = None;
        }
    }

    pub(crate) fn add(&mut self, leaf: LeafNode) -> usize {
        if self.leftmost_blank_leaf().is_none() {
            self.nodes.resize(2 * self.nodes.len() + 1, None);
        }
        let index = self.leftmost_blank_leaf().unwrap();
        for (above, _) in self.direct_path(index) {
            if let Some(parent) = self.parent_mut(above) {
                parent.unmerged_leaves.push(number(index));
                parent.unmerged_leaves.sort_unstable();
            }
        }
        self.nodes[2 * index] = Some(Node::Leaf(Arc::new(leaf)));
        index
    }

    pub(crate) fn update(&mut self, index: usize, leaf: LeafNode) {
        self.blank_direct_path(index);
        self.nodes[2 * index] = Some(Node::Leaf(Arc::new(leaf)));
    }

    pub(crate) fn remove(&mut self, index: usize) {
        self.blank_direct_path(index);
        self.nodes[2 * index] = None;
    }

    pub(crate) fn truncate(&mut self) {
        while let Some((_, right)) = halves(self.whole()) {
            if (right.0..right.1).any(|leaf| self.leaf(leaf).is_some()) {
                break;
            }
            self.nodes.truncate(self.nodes.len() / 2);
        }
    }

    /// Merges a path and returns the parent hash for the new leaf.
    pub(crate) fn merge_path(
        &mut self,
        suite: &Suite,
        sender: usize,
        keys: &[HpkePublicKey],
    ) -> Digest {
        let path = self.filtered_direct_path(sender);
        assert_eq!(path.len(), keys.len());
        self.blank_direct_path(sender);
        let mut hash = Digest::EMPTY;
        for (&(above, copath), key) in path.iter().zip(keys).rev() {
            let parent = ParentNode {
                encryption_key: key.clone(),
                parent_hash: hash,
                unmerged_leaves: Vec::new(),
            };
            hash = parent_hash(suite, &parent, self.tree_hash(suite, copath, &[]));
            self.nodes[place(above)] = Some(Node::Parent(Arc::new(parent)));
        }
        hash
    }
}
