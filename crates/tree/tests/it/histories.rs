//! Random histories, on the tree and on the slow one of [`crate::reference`], compared after each
//! step.

use std::collections::BTreeMap;

use crypto::{Digest, HpkePublicKey, Random, Suite};
use testkit::SeededRandom;
use tree::{LeafIndex, PageId, RatchetTree, TreeSize};
use wire::{
    Capabilities, Credential, Extensions, LeafNode, LeafNodeSource, Node, RatchetTreeNodes,
};

use crate::forge::{Group, suite};
use crate::reference::{SlowTree, number, place};

/// The tree, its slow twin, and an earlier state of both.
struct History {
    suite: Suite,
    random: SeededRandom,
    tree: RatchetTree,
    slow: SlowTree,
    earlier: (RatchetTree, SlowTree),
    /// Keys that are in the tree no more.
    gone: Vec<HpkePublicKey>,
}

fn key(random: &mut SeededRandom) -> Vec<u8> {
    let mut key = vec![0; 32];
    random.fill(&mut key).unwrap();
    key
}

/// A leaf that nobody checks the signature of.
fn leaf_node(random: &mut SeededRandom) -> LeafNode {
    LeafNode {
        encryption_key: key(random).into(),
        signature_key: key(random).into(),
        credential: Credential::basic(b"somebody"),
        capabilities: Capabilities::default(),
        leaf_node_source: LeafNodeSource::Update,
        extensions: Extensions::default(),
        signature: Default::default(),
    }
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = SeededRandom::new(seed);
        let creator = leaf_node(&mut random);
        let (tree, slow) = (RatchetTree::new(creator.clone()), SlowTree::new(creator));
        let earlier = (tree.clone(), slow.clone());
        Self { suite: suite(), random, tree, slow, earlier, gone: Vec::new() }
    }

    fn leaf(&self, leaf: usize) -> LeafIndex {
        self.tree.size().leaf(number(leaf)).unwrap()
    }

    fn add(&mut self) {
        let leaf = leaf_node(&mut self.random);
        let index = self.tree.add_leaf(leaf.clone()).unwrap();
        assert_eq!(index.as_u32() as usize, self.slow.add(leaf));
    }

    fn update(&mut self, member: usize) {
        let leaf = leaf_node(&mut self.random);
        let index = self.leaf(member);
        self.tree.take_leaf(index).unwrap();
        self.tree.set_leaf(index, leaf.clone());
        self.slow.update(member, leaf);
    }

    fn remove(&mut self, member: usize) {
        self.tree.take_leaf(self.leaf(member)).unwrap();
        self.tree.truncate();
        self.slow.remove(member);
        self.slow.truncate();
    }

    /// A commit's path.
    fn commit(&mut self, member: usize) {
        let length = self.slow.filtered_direct_path(member).len();
        let keys: Vec<HpkePublicKey> = (0..length).map(|_| key(&mut self.random).into()).collect();
        let index = self.leaf(member);
        let merged = self.tree.merge_path_keys(&self.suite, index, keys.iter().cloned());
        let parent_hash = merged.unwrap();
        assert_eq!(parent_hash, self.slow.merge_path(&self.suite, member, &keys));
        let mut leaf = leaf_node(&mut self.random);
        leaf.leaf_node_source = LeafNodeSource::Commit { parent_hash };
        self.tree.set_leaf(index, leaf.clone());
        self.slow.nodes[2 * member] = Some(Node::Leaf(leaf.into()));
    }

    /// One random change; a group near its bounds drifts back.
    fn step(&mut self, members_max: usize) {
        let members = self.slow.members();
        let someone = members[self.random.below(members.len())];
        let grow = self.random.below(members_max) >= members.len();
        match self.random.below(8) {
            0..3 if grow => self.add(),
            0..3 if members.len() > 1 => self.remove(someone),
            3 => self.update(someone),
            _ => self.commit(someone),
        }
    }

    fn compare(&mut self) {
        let (tree, slow) = (&mut self.tree, &self.slow);
        assert_eq!(tree.size().leaves() as usize, slow.leaf_count());
        assert_eq!(tree.to_nodes().0, slow.trimmed());
        let members: Vec<usize> =
            tree.members().map(|(index, _)| index.as_u32() as usize).collect();
        assert_eq!(members, slow.members());
        assert_eq!(tree.member_count() as usize, members.len());
        let blank = tree.leftmost_blank_leaf().map(|leaf| leaf.as_u32() as usize);
        assert_eq!(blank, slow.leftmost_blank_leaf());
        let expected = slow.tree_hash(&self.suite, slow.whole(), &[]);
        assert_eq!(tree.tree_hash(&self.suite).unwrap(), expected);
        for subtree in slow.subtrees() {
            let node = tree.size().node(number(place(subtree))).unwrap();
            let resolution = tree.resolution(node);
            let resolution = resolution.iter().map(|node| node.as_u32() as usize);
            assert_eq!(resolution.collect::<Vec<_>>(), slow.resolution(subtree));
            let range = number(subtree.0)..=number(subtree.1 - 1);
            assert_eq!(node.leaf_range(), range);
        }
        for leaf in tree.size().iter_leaves() {
            let numbers = tree.filtered_direct_path(leaf);
            let numbers = numbers.iter().map(|(above, copath)| (above.as_u32(), copath.as_u32()));
            let expected = slow.filtered_direct_path(leaf.as_u32() as usize);
            let expected = expected
                .iter()
                .map(|&(above, copath)| (number(place(above)), number(place(copath))));
            assert_eq!(numbers.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
        self.compare_keys();
    }

    /// Every key in the tree is found at its node, and none that left.
    fn compare_keys(&mut self) {
        for (number, node) in (0..).zip(&self.slow.nodes) {
            let here = self.tree.size().node(number);
            match node {
                Some(Node::Leaf(leaf)) => {
                    assert_eq!(self.tree.find_encryption_key(&leaf.encryption_key), here);
                    let found = self.tree.find_signature_key(&leaf.signature_key);
                    assert_eq!(found.map(LeafIndex::node), here);
                }
                Some(Node::Parent(parent)) => {
                    assert_eq!(self.tree.find_encryption_key(&parent.encryption_key), here);
                }
                None => {}
            }
        }
        for (number, node) in (0..).zip(&self.earlier.1.nodes) {
            let key = match node {
                Some(Node::Leaf(leaf)) => &leaf.encryption_key,
                Some(Node::Parent(parent)) => &parent.encryption_key,
                None => continue,
            };
            let stays = self.slow.nodes.get(number).is_some_and(|now| match now {
                Some(Node::Leaf(leaf)) => leaf.encryption_key == *key,
                Some(Node::Parent(parent)) => parent.encryption_key == *key,
                None => false,
            });
            assert_eq!(self.tree.find_encryption_key(key).is_some(), stays);
            self.gone.extend((!stays).then(|| key.clone()));
        }
        let recent = self.gone.len().saturating_sub(20);
        assert!(self.gone[recent..].iter().all(|key| self.tree.find_encryption_key(key).is_none()));
    }

    /// The rows of the earlier state, brought up to date, are those of this one, and the earlier
    /// tree is still what it was.
    fn compare_with_earlier(&mut self) {
        let (old, old_slow) = &mut self.earlier;
        assert_eq!(old.to_nodes().0, old_slow.trimmed());
        let expected = old_slow.tree_hash(&self.suite, old_slow.whole(), &[]);
        assert_eq!(old.tree_hash(&self.suite).unwrap(), expected);
        let mut rows = rows(&old_slow.nodes);
        for node in self.tree.changed_since(old) {
            match self.tree.node(node) {
                Some(value) => drop(rows.insert(node.as_u32(), value.clone())),
                None => drop(rows.remove(&node.as_u32())),
            }
        }
        for node in self.tree.cut_off_since(old) {
            assert!(rows.remove(&node.as_u32()).is_some(), "only what is there is cut off");
        }
        assert_eq!(rows, self::rows(&self.slow.nodes));
        let places = self.tree.changed_since(old).into_iter().chain(self.tree.cut_off_since(old));
        let mut leaves: Vec<_> = places.filter_map(|node| node.leaf()).collect();
        leaves.retain(|leaf| old.leaf(*leaf) != self.tree.leaf(*leaf));
        assert_eq!(self.tree.changed_leaves_since(old), leaves);
        let loaded = RatchetTree::from_placed_nodes(self.tree.size(), rows);
        let mut loaded = loaded.unwrap_or_else(|violation| panic!("{violation}"));
        let hash = self.tree.tree_hash(&self.suite).unwrap();
        assert_eq!(loaded.tree_hash(&self.suite).unwrap(), hash);
        let packed = pages(&loaded);
        assert!(packed == pages(&self.tree), "the pages tell nothing of the history");
        let changed = self.tree.changed_since(old).into_iter();
        let changed: Vec<_> = changed.map(|node| (node.as_u32(), self.tree.node(node))).collect();
        let mut followed = old.with_changes(self.tree.size(), &changed).unwrap();
        assert_eq!(followed.tree_hash(&self.suite).unwrap(), hash);
        assert!(pages(&followed) == packed);
        let mut stored = pages(old);
        for page in self.tree.changed_pages_since(old) {
            match self.tree.page(page) {
                Some(bytes) => drop(stored.insert(page, bytes.to_vec())),
                None => drop(stored.remove(&page)),
            }
        }
        assert!(stored == packed);
        let stored = stored.iter().map(|(id, bytes)| (*id, bytes.as_slice()));
        let form = (self.tree.size(), &self.suite);
        let reloaded = RatchetTree::from_pages(form, stored).unwrap();
        assert_eq!(reloaded.kept_tree_hash(&self.suite), Some(hash));
        // The history goes on in the tree that was loaded.
        self.tree = match self.random.below(3) {
            0 => reloaded,
            1 => followed,
            _ => loaded,
        };
        self.compare();
    }
}

/// The nodes that are not blank, by number.
fn rows(nodes: &[Option<Node>]) -> BTreeMap<u32, Node> {
    let nodes = (0..).zip(nodes);
    nodes.filter_map(|(number, node)| Some((number, node.clone()?))).collect()
}

fn pages(tree: &RatchetTree) -> BTreeMap<PageId, Vec<u8>> {
    tree.pages().map(|page| (page, tree.page(page).unwrap().to_vec())).collect()
}

/// Lives through a history of this many steps in a group of at most this many.
fn live(seed: u64, members_max: usize, steps: usize) {
    let mut history = History::new(seed);
    for step in 0..steps {
        history.step(members_max);
        history.compare();
        if history.random.below(3) == 0 {
            history.compare_with_earlier();
        }
        if history.random.below(5) == 0 {
            history.earlier = (history.tree.clone(), history.slow.clone());
        }
        if step % 16 == 0 {
            assert!(history.slow.is_parent_hash_valid(&history.suite));
        }
    }
}

/// Covers the classes of mls-rs #352, #342 and #315, of wireapp/openmls #71 and of OpenMLS #1797.
#[test]
fn the_tree_is_the_slow_one_through_small_histories() {
    for seed in 0..16 {
        live(seed, 3 + usize::try_from(seed).unwrap(), 150);
    }
}

#[test]
fn the_tree_is_the_slow_one_through_large_histories() {
    for seed in 100..108 {
        live(seed, 40, 200);
    }
}

/// A tree whose paths touch pages of three bands.
#[test]
fn the_tree_is_the_slow_one_where_pages_meet() {
    let mut history = History::new(200);
    for members in [15, 2, 250, 5] {
        (0..members).for_each(|_| history.add());
        for _ in 0..3 {
            history.step(400);
            history.compare();
            history.compare_with_earlier();
            history.earlier = (history.tree.clone(), history.slow.clone());
        }
    }
    while history.slow.members().len() > 14 {
        let members = history.slow.members();
        let last = members[members.len() - 1];
        history.remove(last);
        if members.len().is_multiple_of(60) || members.len() < 20 {
            history.commit(members[0]);
            history.compare();
            history.compare_with_earlier();
        }
    }
}

/// The fast check of a joiner agrees with the definition, on valid trees and on damaged ones.
#[test]
fn parent_hashes_are_valid_by_definition_after_every_commit() {
    let mut group = Group::of(9);
    let mut random = SeededRandom::new(5);
    for step in 0..60 {
        let members: Vec<u32> = group.tree.members().map(|(index, _)| index.as_u32()).collect();
        let committer = members[random.below(members.len())];
        let other = members[random.below(members.len())];
        let proposals = match random.below(4) {
            0 if members.len() < 14 => vec![group.add(), group.add()],
            1 if other != committer && members.len() > 3 => vec![group.remove(other)],
            2 if other != committer => vec![group.update(other)],
            _ => vec![],
        };
        match step % 5 {
            0 if proposals.len() == 2 => group.commit_without_path(committer, &proposals),
            _ => group.commit(committer, &proposals),
        }
        assert!(group.join(|_| {}).is_ok());
        let mut nodes = group.tree.to_nodes().0;
        assert!(by_definition(&group, &nodes));
        // Damage one parent in a way that keeps every other rule.
        let parents: Vec<usize> =
            (1..nodes.len()).step_by(2).filter(|&index| nodes[index].is_some()).collect();
        let Some(&index) = parents.get(random.below(parents.len().max(1))) else { continue };
        let Some(Node::Parent(parent)) = &mut nodes[index] else { panic!("parents are odd") };
        let parent = std::sync::Arc::make_mut(parent);
        match random.below(2) {
            0 => parent.parent_hash = Digest::new(&[7; 32]).unwrap(),
            _ => parent.encryption_key = key(&mut random).into(),
        }
        let joined = group.join_nodes(RatchetTreeNodes(nodes.clone())).is_ok();
        assert_eq!(joined, by_definition(&group, &nodes));
    }
}

fn by_definition(group: &Group, nodes: &[Option<Node>]) -> bool {
    let mut nodes = nodes.to_vec();
    let full = TreeSize::with_room_for(nodes.len()).unwrap().nodes();
    nodes.resize(full as usize, None);
    SlowTree { nodes }.is_parent_hash_valid(&group.suite)
}
