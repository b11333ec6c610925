//! TreeKEM as it was before blanking (draft-01 and the proposals around it), on paper: who knows
//! which node's key, when paths may be merged, and nodes be set by somebody not below them.
//!
//! The secret of each node on a path is the hash of the one below, and is encrypted to the
//! resolution of the copath child as it was when the path was made.

use std::collections::BTreeSet;

use super::shape::Shape;
use super::{Client, ClientSet};

/// A tree whose leaf number n belongs to `Client(n)`.
#[derive(Clone)]
pub struct TreeOf2018 {
    shape: Shape,
    /// Who knows the key of each node; `None` where it is blank.
    holders: Vec<Option<ClientSet>>,
}

/// A path that was sent.
#[derive(Clone)]
pub struct PathOf2018 {
    leaf: usize,
    /// The nodes above the leaf with those who learn their secrets.
    nodes: Vec<(usize, ClientSet)>,
    /// To how many keys it was encrypted.
    pub ciphertexts: u64,
}

impl PathOf2018 {
    /// Bytes of draft-01's TreeKEMPath: public keys from the leaf to the root, and ciphertexts of
    /// an ephemeral key and a sealed secret each, all with their lengths.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let keys = u64::try_from(self.nodes.len() + 1).expect("a path fits");
        4 + 34 * keys + 83 * self.ciphertexts
    }

    /// Who learns the secret of the root, from which the group's secret is made.
    #[must_use]
    pub fn informed(&self) -> ClientSet {
        let root = self.nodes.last().map(|(_, informed)| informed.clone());
        root.unwrap_or_else(|| ClientSet::of(Client(self.leaf)))
    }
}

impl TreeOf2018 {
    /// Leaves with keys of their owners, below nothing.
    #[must_use]
    pub fn blank(members: usize) -> Self {
        let shape = Shape::new(members);
        let mut holders = vec![None; shape.node_count()];
        for leaf in 0..shape.leaf_count() {
            holders[shape.leaf(leaf)] = Some(ClientSet::of(Client(leaf)));
        }
        Self { shape, holders }
    }

    /// A tree in which all members have updated, one after the other.
    #[must_use]
    pub fn warm(members: usize) -> Self {
        let mut tree = Self::blank(members);
        for leaf in 0..members {
            let path = tree.update(leaf);
            tree.merge(&[path]);
        }
        tree
    }

    fn informed_below(&self, node: usize) -> (ClientSet, u64) {
        let (mut informed, mut ciphertexts) = (ClientSet::default(), 0);
        for node in self.shape.resolution(node, &|node| self.holders[node].is_some()) {
            self.holders[node].iter().for_each(|holders| informed.extend(holders));
            ciphertexts += 1;
        }
        (informed, ciphertexts)
    }

    /// A member makes itself a new leaf key and a path, in the tree as it is.
    #[must_use]
    pub fn update(&self, leaf: usize) -> PathOf2018 {
        let (mut informed, mut ciphertexts) = (ClientSet::of(Client(leaf)), 0);
        let path = self.shape.path(leaf).into_iter().map(|(node, copath)| {
            let (below, count) = self.informed_below(copath);
            informed.extend(&below);
            ciphertexts += count;
            (node, informed.clone())
        });
        let nodes = path.collect();
        PathOf2018 { leaf, nodes, ciphertexts }
    }

    /// Takes over paths that were made in this tree, in this order: the last writer of a node wins.
    pub fn merge(&mut self, paths: &[PathOf2018]) {
        for path in paths {
            self.holders[self.shape.leaf(path.leaf)] = Some(ClientSet::of(Client(path.leaf)));
            for (node, informed) in &path.nodes {
                self.holders[*node] = Some(informed.clone());
            }
        }
    }

    /// Somebody makes keys for all nodes of the top levels, the lowest first, and encrypts each to
    /// the resolutions of both children: the warm-up of IETF 103. Returns the bytes of keys and
    /// ciphertexts.
    pub fn set_top(&mut self, levels: u32, by: Client) -> u64 {
        let mut bytes = 0;
        for node in self.shape.top(levels).rev().collect::<Vec<_>>() {
            let Some((left, right)) = self.shape.children(node) else { continue };
            let (mut holders, ciphertexts) = self.informed_below(left);
            let (others, more) = self.informed_below(right);
            holders.extend(&others);
            holders.insert(by);
            self.holders[node] = Some(holders);
            bytes += 34 + 83 * (ciphertexts + more);
        }
        bytes
    }

    /// The nodes whose keys a member knows without being below them.
    fn beside(&self, leaf: usize) -> Vec<usize> {
        let above: BTreeSet<usize> = self.shape.path(leaf).into_iter().map(|it| it.0).collect();
        let is_known = |it: &ClientSet| it.contains(Client(leaf));
        let known = (0..self.holders.len())
            .filter(|node| self.holders[*node].as_ref().is_some_and(is_known));
        known.filter(|node| !above.contains(node) && *node != self.shape.leaf(leaf)).collect()
    }

    /// How many nodes there are whose keys a member knows without being below them.
    #[must_use]
    pub fn known_beside(&self, leaf: usize) -> usize {
        self.beside(leaf).len()
    }

    /// Blanks a member's leaf, its path, and every node whose key it knows: what the book of owners
    /// asks for when a member leaves. Returns how many nodes beside its path.
    pub fn evict(&mut self, leaf: usize) -> usize {
        let beside = self.beside(leaf);
        let path = self.shape.path(leaf).into_iter().map(|(node, _)| node);
        for node in path.chain([self.shape.leaf(leaf)]).chain(beside.iter().copied()) {
            self.holders[node] = None;
        }
        beside.len()
    }

    /// Pairs of a node and somebody who knows its key without being below: double joins.
    #[must_use]
    pub fn double_joins(&self) -> usize {
        let mut count = 0;
        for (node, holders) in self.holders.iter().enumerate() {
            for Client(client) in holders.iter().flat_map(ClientSet::iter) {
                let is_below = client < self.shape.leaf_count() && self.shape.covers(node, client);
                count += usize::from(!is_below);
            }
        }
        count
    }

    /// How many parents are blank.
    #[must_use]
    pub fn blanks(&self) -> usize {
        let is_parent = |node: &usize| self.shape.children(*node).is_some();
        let parents = (0..self.holders.len()).filter(is_parent);
        parents.filter(|node| self.holders[*node].is_none()).count()
    }

    /// How many parents of the top levels are blank.
    #[must_use]
    pub fn blanks_of_top(&self, levels: u32) -> usize {
        self.shape.top(levels).filter(|node| self.holders[*node].is_none()).count()
    }

    /// To how many keys each member encrypts when it updates.
    #[must_use]
    pub fn costs(&self) -> Vec<u64> {
        self.shape.costs(&|node| self.holders[node].is_some())
    }

    /// Everything that `from` knows, `to` knows as well.
    pub fn leak(&mut self, from: Client, to: Client) {
        let holders = self.holders.iter_mut().flatten();
        holders.filter(|holders| holders.contains(from)).for_each(|holders| holders.insert(to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_one_after_the_other_keep_the_invariant_and_fill_the_tree() {
        for members in [2, 5, 8, 13] {
            let tree = TreeOf2018::warm(members);
            assert_eq!((tree.double_joins(), tree.blanks()), (0, 0));
        }
    }

    #[test]
    fn whoever_fills_the_top_is_joined_twice_until_it_is_evicted_with_all_it_set() {
        let mut tree = TreeOf2018::blank(16);
        tree.set_top(2, Client(0));
        // Of the three nodes the creator is below the root and the left one.
        assert_eq!(tree.double_joins(), 1);
        assert_eq!(tree.clone().evict(0), 1);
        // Whoever encrypts to the right node tells the creator, who is below the root anyway; it is
        // the members on the right who heal their own node.
        let path = tree.update(15);
        tree.merge(&[path]);
        assert_eq!(tree.double_joins(), 0);
    }

    #[test]
    fn the_bytes_are_those_of_the_closed_form() {
        for (members, bytes) in [(8, 389), (64, 740)] {
            assert_eq!(TreeOf2018::warm(members).update(1).bytes(), bytes);
        }
    }
}
