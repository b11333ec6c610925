//! What a change costs: counted in nodes that differ and in pages that the copy does not share.

use crypto::{CipherSuite, Crypto, Random, Suite};
use testkit::SeededRandom;
use wire::{Capabilities, Credential, Extensions, LeafNodeSource};

use super::*;

const LEAVES: u32 = 1024;
/// Levels above the leaves.
const DEPTH: usize = 10;

fn key(random: &mut SeededRandom) -> Vec<u8> {
    let mut key = vec![0; 32];
    random.fill(&mut key).unwrap();
    key
}

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

/// A path with new keys, and a new leaf.
fn commit(suite: &Suite, tree: &mut RatchetTree, leaf: LeafIndex, random: &mut SeededRandom) {
    let length = tree.filtered_direct_path(leaf).len();
    let keys: Vec<HpkePublicKey> = (0..length).map(|_| key(random).into()).collect();
    tree.merge_path_keys(suite, leaf, keys.into_iter()).unwrap();
    tree.set_leaf(leaf, leaf_node(random));
    tree.tree_hash(suite).unwrap();
}

/// A full tree in which no node is blank.
fn warm() -> (Suite, SeededRandom, RatchetTree) {
    let suite = Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(1)).unwrap();
    let mut random = SeededRandom::new(1024);
    let mut tree = RatchetTree::new(leaf_node(&mut random));
    for _ in 1..LEAVES {
        tree.add_leaf(leaf_node(&mut random)).unwrap();
    }
    for leaf in tree.size().iter_leaves().step_by(2) {
        commit(&suite, &mut tree, leaf, &mut random);
    }
    assert_eq!(tree.to_nodes().0.iter().flatten().count(), 2047);
    (suite, random, tree)
}

/// Nodes that differ, and pages that are not shared.
fn cost(tree: &RatchetTree, base: &RatchetTree) -> (usize, usize) {
    (tree.changed_since(base).len(), tree.changed_pages_since(base).count())
}

/// Pages that hold the path from a leaf to the root: levels 0 to 4, 5 to 8, and 9 and 10.
const PATH_PAGES: usize = 3;

#[test]
fn a_change_costs_its_path_in_a_warm_tree() {
    let (suite, mut random, base) = warm();
    assert_eq!(cost(&base.clone(), &base), (0, 0), "a copy costs nothing");
    for number in [0, 1, 511, 512, 700, 1023] {
        let leaf = base.size().leaf(number).unwrap();

        let mut committed = base.clone();
        commit(&suite, &mut committed, leaf, &mut random);
        let (nodes, pages) = cost(&committed, &base);
        assert_eq!(nodes, DEPTH + 1);
        assert_eq!(pages, PATH_PAGES);

        let mut updated = base.clone();
        updated.take_leaf(leaf);
        updated.set_leaf(leaf, leaf_node(&mut random));
        updated.tree_hash(&suite).unwrap();
        let (nodes, pages) = cost(&updated, &base);
        assert_eq!(nodes, DEPTH + 1);
        assert_eq!(pages, PATH_PAGES);

        let mut removed = base.clone();
        removed.take_leaf(leaf);
        removed.truncate();
        removed.tree_hash(&suite).unwrap();
        let added_to = removed.clone();
        assert_eq!(cost(&removed, &base).0, DEPTH + 1);
        removed.add_leaf(leaf_node(&mut random)).unwrap();
        removed.tree_hash(&suite).unwrap();
        // The parents above are blank: only the leaf itself is new.
        assert_eq!(cost(&removed, &added_to).0, 1);
        assert_eq!(cost(&removed, &base).1, PATH_PAGES);
    }
    assert_eq!(base.to_nodes().0.iter().flatten().count(), 2047, "the base is as it was");
}

#[test]
fn growing_costs_what_it_adds() {
    let (suite, mut random, base) = warm();
    let mut grown = base.clone();
    let leaf = grown.add_leaf(leaf_node(&mut random)).unwrap();
    assert_eq!((leaf.as_u32(), grown.size().leaves()), (LEAVES, 2 * LEAVES));
    commit(&suite, &mut grown, leaf, &mut random);
    // The leaf, and of its path the new root: the rest of the new half is empty.
    assert_eq!(cost(&grown, &base).0, 2);
    let mut shrunk = grown.clone();
    shrunk.take_leaf(leaf);
    shrunk.truncate();
    assert_eq!(shrunk.to_nodes(), base.to_nodes());
    assert_eq!(shrunk.changed_since(&grown), []);
    let cut_off: Vec<_> = shrunk.cut_off_since(&grown).into_iter().map(NodeIndex::as_u32).collect();
    assert_eq!(cut_off, [2 * LEAVES - 1, 2 * LEAVES]);
}
