//! What a member holds: storage, insertion, erasure of what the tree made worthless.

use codec::{Decode, DecodeErrorKind, Encode};
use crypto::Secret;
use treekem::{Error, Misuse, PrivatePath, StoredPrivatePath};

use crate::group::Group;

#[test]
fn a_stored_private_path_loads_unchanged_and_opens_paths() {
    let mut group = Group::warm(40, 6);
    let stored = Secret::encoding(group.private(1));
    let loaded = StoredPrivatePath::from_bytes(stored.expose()).unwrap();
    assert_eq!(loaded.leaf(), group.leaf(1));
    let loaded = loaded.with_tree(&group.tree);
    assert_eq!(Secret::encoding(&loaded), stored);
    for (node, other) in loaded.nodes().zip(group.private(1).nodes()) {
        assert_eq!(node, other);
        let public_key = |path: &PrivatePath| path.key_pair(node).unwrap().public_key.clone();
        assert_eq!(public_key(&loaded), public_key(group.private(1)));
    }
    assert_eq!(loaded.leaf(), group.leaf(1));
    let sender = group.leaf(4);
    assert!(group.commit(sender).open(&group.suite, &loaded).is_ok());
}

#[test]
fn stored_nodes_off_the_path_twice_or_out_of_range_are_refused() {
    let group = Group::new(41, 2);
    let key_pair = group.private(0).key_pair(group.leaf(0).node()).unwrap();
    let private_key = Secret::encoding(&key_pair.private_key);
    let stored = |leaf: u32, nodes: &[u32]| {
        let mut bytes = leaf.to_be_bytes().to_vec();
        let elements: Vec<u8> = nodes
            .iter()
            .flat_map(|node| [&node.to_be_bytes(), private_key.expose()].concat())
            .collect();
        bytes.extend(codec::Opaque::from(elements).to_bytes());
        StoredPrivatePath::from_bytes(&bytes).err().map(|error| error.kind)
    };
    let node = Some(DecodeErrorKind::InvalidValue("node of a private path"));
    assert_eq!(stored(1, &[1, 2]), None);
    assert_eq!(stored(1, &[0]), node);
    assert_eq!(stored(1, &[5]), node);
    assert_eq!(stored(1, &[1, 1]), node);
    assert_eq!(stored(1, &[u32::MAX]), node);
    let leaf = Some(DecodeErrorKind::InvalidValue("leaf of a private path"));
    assert_eq!(stored(1 << 31, &[]), leaf);
    assert_eq!(stored((1 << 31) - 1, &[u32::MAX - 1]), None);
}

#[test]
fn only_keys_of_the_tree_on_the_members_own_path_are_inserted() {
    let group = Group::warm(42, 4);
    let mut private = group.private(0).duplicate();
    let other = group.private(1);
    let foreign = other.key_pair(other.leaf().node()).unwrap();
    let off_path = private.insert(&group.tree, other.leaf().node(), foreign.duplicate());
    assert_eq!(off_path.err(), Some(Error::Misuse(Misuse::NodeNotOnPath)));
    let own_leaf = private.leaf().node();
    let not_the_trees = private.insert(&group.tree, own_leaf, foreign.duplicate());
    assert_eq!(not_the_trees.err(), Some(Error::Misuse(Misuse::KeyMismatch)));
    let root = group.tree.size().root();
    let shared = other.key_pair(root).unwrap().duplicate();
    assert!(private.insert(&group.tree, root, shared).is_ok());
}

#[test]
fn keys_of_blanked_replaced_and_truncated_nodes_are_erased() {
    let mut group = Group::warm(43, 8);
    let held =
        |private: &PrivatePath| private.nodes().map(|node| node.as_u32()).collect::<Vec<_>>();
    assert_eq!(held(group.private(0)), [0, 1, 3, 7]);
    // Leaf 3 leaves: nodes 5, 3 and 7 are blank.
    let removed = group.leaf(3);
    group.remove(removed);
    let mut private = group.private(0).duplicate();
    private.retain_matching(&group.tree);
    assert_eq!(held(&private), [0, 1]);
    // The leaf's own key is replaced by somebody else's, as if this member had been removed.
    let mut replaced = group.tree.clone();
    let leaf = replaced.leaf(group.leaf(0)).unwrap().as_ref().clone();
    let new_key = group.suite.generate_key_pair(&mut group.random).unwrap().public_key;
    replaced.set_leaf(group.leaf(0), wire::LeafNode { encryption_key: new_key, ..leaf });
    private.retain_matching(&replaced);
    assert_eq!(held(&private), [1]);
    // The tree shrinks below a node whose key is held.
    let mut private = group.private(4).duplicate();
    for index in [7, 6, 5, 4] {
        group.tree.take_leaf(group.leaf(index));
    }
    group.tree.truncate();
    private.retain_matching(&group.tree);
    assert_eq!(held(&private), [0; 0]);
}
