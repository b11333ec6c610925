//! Attacks on the structure of trees and lists that were seen in other implementations and that no
//! single rule names: impossible indices, huge declarations, the order in which a list is applied.

use codec::{Decode, Encode, Writer};
use tree::{Committer, ProposalSender, TreeSize, Violation, apply};
use wire::{KeyPackage, LeafNode, Proposal, RATCHET_TREE_LEAVES_MAX, RatchetTreeNodes};

use crate::forge::{CHECKS, Group, broken, listed};

/// Covers OpenMLS #2182: an index that is none of this tree's is no sender, and ends no loop late.
///
/// Edge of `Violation::SenderNotMember`.
#[test]
fn a_committer_is_a_member() {
    let mut group = Group::of(6);
    let removes = [group.remove(3)];
    group.commit(0, &removes);
    let large = TreeSize::from_leaves(1 << 31).unwrap();
    for nobody in [3, 6, 7, 8, 9, 1 << 20, (1 << 31) - 1] {
        let leaf = large.leaf(nobody).unwrap();
        let rule = broken(apply(group.base(), Committer::Member(leaf), &[], &CHECKS));
        assert_eq!(rule, Violation::SenderNotMember);
        assert_eq!(group.tree.leaf(leaf), None);
        assert!(nobody < 8 || group.tree.filtered_direct_path(leaf).is_empty());
    }
    for member in [0, 1, 2, 4, 5] {
        assert!(group.apply(member, &[]).is_ok());
    }
}

/// Covers OpenMLS #2136: what a peer declares is bounded before anything is made of it.
#[test]
fn a_tree_that_declares_too_many_nodes_is_not_decoded() {
    let decode = |header: &[u8], body: &[u8]| {
        RatchetTreeNodes::from_bytes(&[header, body].concat()).map(|nodes| nodes.0.len())
    };
    // 2^30 - 1 bytes are declared, the most that the encoding can, and few follow.
    assert!(decode(&[0xbf, 0xff, 0xff, 0xff], &[0; 100]).is_err());
    let blanks = vec![0; 2 * RATCHET_TREE_LEAVES_MAX + 1];
    let mut writer = Writer::new();
    writer.opaque(&blanks);
    assert!(RatchetTreeNodes::from_bytes(writer.as_slice()).is_err());
    let mut writer = Writer::new();
    writer.opaque(&blanks[1..]);
    assert!(RatchetTreeNodes::from_bytes(writer.as_slice()).is_ok());
}

/// Covers OpenMLS #1797.
#[test]
fn the_rightmost_member_leaves_and_another_comes_in_one_commit() {
    for members in 2..10 {
        let mut group = Group::of(members);
        let proposals = [group.add(), group.remove(members - 1), group.add()];
        let applied = group.apply(0, &proposals).unwrap();
        let indices: Vec<_> = applied.added.iter().map(|added| added.index.as_u32()).collect();
        assert_eq!(indices, [members - 1, members], "in the order of the list");
        group.commit(0, &proposals);
        assert_eq!(group.tree.size().leaves(), (members + 1).next_power_of_two());
        assert!(group.join(|_| {}).is_ok());
    }
}

/// The tree shrinks to what the members need, and no further, whoever leaves.
#[test]
fn removing_many_truncates_the_tree() {
    let mut group = Group::of(9);
    let proposals: Vec<_> = (3..9).map(|leaf| group.remove(leaf)).collect();
    group.commit(2, &proposals);
    assert_eq!((group.tree.size().leaves(), group.tree.member_count()), (4, 3));
    let proposals = [group.remove(1), group.proposed(2, Proposal::Remove(0))];
    group.commit(2, &proposals);
    // The last member keeps its place, in a tree of four leaves.
    assert_eq!((group.tree.size().leaves(), group.tree.member_count()), (4, 1));
    assert!(group.join(|_| {}).is_ok());
    let adds: Vec<_> = (0..3)
        .map(|_| {
            let person = group.person();
            let add = Proposal::Add(Box::new(group.key_package(&person, |_| {})));
            listed(ProposalSender::Member(group.leaf(2)), add)
        })
        .collect();
    let applied = group.apply(2, &adds).unwrap();
    let indices = applied.added.iter().map(|added| added.index.as_u32());
    assert_eq!(indices.collect::<Vec<_>>(), [0, 1, 3], "blank leaves from the left");
}

/// Section 12.3: Updates, then Removes, then Adds, whatever the order of the list.
#[test]
fn the_kinds_of_proposal_are_applied_in_the_order_of_section_12_3() {
    let mut group = Group::warm(6);
    let parts = [group.update(1), group.remove(2), group.add(), group.update(4)];
    let mut hashes = Vec::new();
    for shift in 0..4 {
        let mut list = parts.to_vec();
        list.rotate_left(shift);
        hashes.push(group.result(0, &list).unwrap().tree_hash);
        list.reverse();
        hashes.push(group.result(0, &list).unwrap().tree_hash);
    }
    hashes.dedup();
    assert_eq!(hashes.len(), 1);
}

/// Covers the failure class "state is touched before everything is checked" (OpenMLS #514).
#[test]
fn a_refused_list_leaves_the_old_tree_as_it_was() {
    let mut group = Group::warm(5);
    let before = group.tree.to_nodes();
    let bad_last = group.add_with(|key_package: &mut KeyPackage| {
        key_package.leaf_node.encryption_key = group_key();
    });
    let list = [group.update(1), group.remove(2), group.add(), bad_last.clone(), bad_last];
    assert_eq!(broken(group.apply(0, &list)), Violation::AddTwice);
    let unsupported = |leaf: &mut LeafNode| leaf.capabilities.versions.clear();
    assert!(group.receive_path(0, &list[..3], unsupported).is_err());
    assert_eq!(group.tree.to_nodes(), before);
    assert!(group.tree.clone().tree_hash(&group.suite).unwrap() == group.context.tree_hash);
    assert!(group.receive_path(0, &list[..3], |_| {}).is_ok(), "and it can go on");
}

fn group_key() -> crypto::HpkePublicKey {
    vec![9; 32].into()
}

/// Covers ts-mls #646: the member at leaf 0 is a member like any other.
#[test]
fn the_member_at_leaf_0_updates_is_removed_and_comes_again() {
    let mut group = Group::warm(4);
    let update = [group.update(0)];
    group.commit(1, &update);
    let remove = [group.proposed(1, Proposal::Remove(0))];
    group.commit(1, &remove);
    assert_eq!(group.tree.leftmost_blank_leaf(), group.tree.size().leaf(0));
    let person = group.person();
    let add = Proposal::Add(Box::new(group.key_package(&person, |_| {})));
    let add = [group.proposed(1, add)];
    group.commit(1, &add);
    group.commit(0, &[]);
    assert!(group.join(|_| {}).is_ok());
}

#[test]
fn a_tree_survives_its_encoding() {
    for group in [Group::alone(1), Group::of(3), Group::warm(6)] {
        let bytes = group.tree.to_nodes().to_bytes();
        let nodes = RatchetTreeNodes::from_bytes(&bytes).unwrap();
        assert_eq!(nodes, group.tree.to_nodes());
        assert!(group.join_nodes(nodes).is_ok());
    }
}

/// Every node in the place of another: no shuffle of a tree is another valid tree of the same hash.
#[test]
fn no_two_places_of_a_tree_can_be_exchanged_unnoticed() {
    let group = Group::warm(5);
    let count = group.tree.to_nodes().0.len();
    for left in 0..count {
        for right in left + 1..count {
            let mut nodes = group.tree.to_nodes();
            if nodes.0[left] == nodes.0[right] {
                continue;
            }
            nodes.0.swap(left, right);
            let Ok(mut tree) = tree::RatchetTree::from_nodes(nodes.clone()) else { continue };
            assert_ne!(tree.tree_hash(&group.suite).unwrap(), group.context.tree_hash);
            assert!(group.join_nodes(nodes).is_err(), "{left} and {right}");
        }
    }
}
