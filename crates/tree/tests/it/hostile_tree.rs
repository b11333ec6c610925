//! Damaged trees: each either does not decode or breaks a rule, and none leads to a panic or is
//! taken for a valid tree of another shape.

use codec::{Decode, Encode};
use testkit::{mutations, truncations};
use wire::RatchetTreeNodes;

use crate::forge::Group;

/// A tree with unmerged leaves and blanks.
fn grown() -> Group {
    let mut group = Group::warm(5);
    let removes = [group.remove(2)];
    group.commit(4, &removes);
    group.commit(0, &[]);
    let adds = [group.add(), group.add()];
    group.commit_without_path(0, &adds);
    group
}

#[test]
fn no_damaged_tree_is_valid() {
    let group = grown();
    let whole = group.tree.to_nodes();
    let bytes = whole.to_bytes();
    assert!(group.join_nodes(whole.clone()).is_ok());
    assert!(truncations(&bytes).all(|cut| RatchetTreeNodes::from_bytes(cut).is_err()));
    let mut decoded = 0;
    // One in some, to be done in time; which ones differs by place and kind of change.
    for changed in mutations(&bytes).step_by(17) {
        let Ok(nodes) = RatchetTreeNodes::from_bytes(&changed) else { continue };
        assert_ne!(nodes, whole, "an encoding is the only one of its value");
        decoded += 1;
        assert!(group.join_nodes(nodes).is_err());
    }
    assert!(decoded > 100, "most changes are inside keys, hashes and signatures");
}

/// Every part left out, and every part twice.
#[test]
fn no_tree_with_nodes_missing_or_repeated_is_valid() {
    let group = grown();
    let nodes = group.tree.to_nodes().0;
    for place in 0..nodes.len() {
        let mut without = nodes.clone();
        without.remove(place);
        let mut blank = nodes.clone();
        let was_blank = blank[place].take().is_none();
        let mut twice = nodes.clone();
        twice.insert(place, nodes[place].clone());
        for damaged in [without, twice] {
            assert!(group.join_nodes(RatchetTreeNodes(damaged)).is_err());
        }
        let is_valid = group.join_nodes(RatchetTreeNodes(blank)).is_ok();
        assert_eq!(is_valid, was_blank || may_be_blank(&group, place), "node {place}");
    }
}

/// What a tree can lack and be valid, if its hash is made for it: a root that no node above needs,
/// and leaves that nobody's parent hash covers, because they are unmerged wherever a parent is not
/// blank.
fn may_be_blank(group: &Group, place: usize) -> bool {
    let root = group.tree.size().root();
    place == root.as_u32() as usize || {
        let mut nodes = group.tree.to_nodes().0;
        nodes[place] = None;
        let full = group.tree.size().nodes() as usize;
        nodes.resize(full, None);
        let listed = nodes.iter().flatten().any(|node| match node {
            wire::Node::Parent(parent) => {
                parent.unmerged_leaves.iter().any(|&leaf| leaf as usize * 2 == place)
            }
            wire::Node::Leaf(_) => false,
        });
        !listed && crate::reference::SlowTree { nodes }.is_parent_hash_valid(&group.suite)
    }
}
