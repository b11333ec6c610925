//! The tree of a group that is joined (RFC 9420, sections 7.1, 7.8, 7.9, 12.4.3.1 and 12.4.3.3):
//! each rule, forged by whoever signs the GroupInfo.
//!
//! The tree of [`grown`] has everything that the rules speak of: blank leaves and parents, unmerged
//! leaves at several levels, links of parent hashes that skip a blank.

use std::sync::Arc;

use tree::rules::verify_ratchet_tree;
use tree::{RatchetTree, TreeSize, Violation};
use wire::{Node, RATCHET_TREE_LEAVES_MAX, RatchetTreeNodes};

use testkit::{AcceptAll, NOW};

use crate::forge::{Group, LIFETIMES, broken, leaf_mut, parent_mut};

/// Seven members; leaf 4 has been added again without a path and is unmerged at nodes 9, 11 and 7.
fn grown() -> Group {
    let mut group = Group::warm(7);
    let removes = [group.remove(4)];
    group.commit(5, &removes);
    group.commit(6, &[]);
    group.commit(5, &[]);
    let adds = [group.add()];
    group.commit_without_path(0, &adds);
    let unmerged = |node| {
        let node = group.tree.size().node(node).unwrap();
        group.tree.parent(node).map(|parent| parent.unmerged_leaves.clone())
    };
    // Node 9 had leaf 5 below it only, and was blank when that committed.
    assert_eq!([9, 11, 7].map(unmerged), [None, Some(vec![4]), Some(vec![4])]);
    group
}

fn swap(nodes: &mut [Option<Node>], left: usize, right: usize) {
    nodes.swap(left, right);
}

/// Edge of `Violation::WrongTreeHash`.
#[test]
fn the_tree_hashes_to_the_tree_hash_of_the_context() {
    let group = grown();
    let verify = |context: &wire::GroupContext| {
        let nodes = group.tree.to_nodes();
        verify_ratchet_tree(&group.suite, context, nodes, (LIFETIMES, NOW), &AcceptAll)
    };
    assert!(verify(&group.context).is_ok());
    let mut hash = group.context.tree_hash.as_slice().to_vec();
    hash[31] ^= 1;
    let whole = group.context.tree_hash.as_slice();
    for wrong in [&hash[..], &whole[..31], &[]] {
        let mut context = group.context.clone();
        context.tree_hash = crypto::Digest::new(wrong).unwrap();
        assert_eq!(broken(verify(&context)), Violation::WrongTreeHash);
    }
}

/// Covers the underflow fixed with mlspp #339.
///
/// Edge of `Violation::EmptyRatchetTree`.
#[test]
fn a_tree_has_a_node() {
    let group = Group::alone(1);
    assert_eq!(broken(group.join(Vec::clear)), Violation::EmptyRatchetTree);
    assert!(group.join(|_| {}).is_ok());
}

/// Edge of `Violation::TrailingBlankNodes`.
#[test]
fn a_tree_ends_with_a_node_that_is_not_blank() {
    for group in [Group::alone(1), grown()] {
        for blanks in 1..4 {
            let longer = group.join(|nodes| nodes.resize(nodes.len() + blanks, None));
            assert_eq!(broken(longer), Violation::TrailingBlankNodes);
        }
        assert_eq!(broken(group.join(|nodes| *nodes = vec![None])), Violation::TrailingBlankNodes);
        assert!(group.join(|_| {}).is_ok());
    }
}

/// Also where the last node is a parent, which the rule about trailing blanks lets pass.
///
/// Edge of `Violation::RightHalfBlank`.
#[test]
fn the_right_half_of_a_tree_holds_a_leaf() {
    let group = Group::warm(4);
    for length in [2, 4, 6] {
        let cut = group.join(|nodes| nodes.truncate(length));
        // Six nodes are four leaves, the last of them blank: the right half holds leaf 2.
        match length {
            6 => assert_eq!(broken(cut), Violation::InvalidParentHash),
            _ => assert_eq!(broken(cut), Violation::RightHalfBlank),
        }
    }
    let only_parent = group.join(|nodes| {
        nodes[4] = None;
        nodes.truncate(6);
    });
    assert_eq!(broken(only_parent), Violation::RightHalfBlank);
    for members in [1, 2, 3, 5] {
        assert!(Group::of(members).join(|_| {}).is_ok());
    }
}

/// Covers mls-rs #362.
///
/// Edge of `Violation::NodeTypeMismatch`.
#[test]
fn leaves_and_parents_stand_where_they_belong() {
    let group = grown();
    let parent_as_leaf = group.join(|nodes| nodes[2] = nodes[1].take());
    assert_eq!(broken(parent_as_leaf), Violation::NodeTypeMismatch);
    let leaf_as_parent = group.join(|nodes| nodes[1] = nodes[2].take());
    assert_eq!(broken(leaf_as_parent), Violation::NodeTypeMismatch);
    let exchanged = group.join(|nodes| swap(nodes, 1, 2));
    assert_eq!(broken(exchanged), Violation::NodeTypeMismatch);
    let shifted = group.join(|nodes| nodes.insert(0, None));
    assert_eq!(broken(shifted), Violation::NodeTypeMismatch);
    assert!(group.join(|_| {}).is_ok());
}

/// Covers OpenMLS #2136.
///
/// Edge of `Violation::RatchetTreeTooLarge`.
#[test]
fn a_tree_has_a_largest_size() {
    let leaf = |group: &Group| Node::Leaf(group.tree.leaf(group.leaf(0)).unwrap());
    let group = Group::alone(1);
    let max = u32::try_from(RATCHET_TREE_LEAVES_MAX).unwrap();
    let load = |leaves: u32| {
        let size = TreeSize::from_leaves(leaves).unwrap();
        RatchetTree::from_placed_nodes(size, [(2 * (leaves - 1), leaf(&group))])
    };
    assert_eq!(broken(load(1 << 31)), Violation::RatchetTreeTooLarge);
    assert_eq!(broken(load(2 * max)), Violation::RatchetTreeTooLarge);
    let largest = load(max).unwrap();
    assert_eq!(largest.size().leaves(), max);
    let full = usize::try_from(largest.size().nodes()).unwrap();
    let mut nodes = vec![None; full + 2];
    nodes[full + 1] = Some(leaf(&group));
    let too_many = RatchetTree::from_nodes(RatchetTreeNodes(nodes));
    assert_eq!(broken(too_many), Violation::RatchetTreeTooLarge);
    // Nor is a node beyond the size that was declared a place.
    let beyond = RatchetTree::from_placed_nodes(TreeSize::ONE, [(2, leaf(&group))]);
    assert_eq!(broken(beyond), Violation::RatchetTreeTooLarge);
}

/// Covers mls-rs #321.
///
/// Edge of `Violation::UnsortedUnmergedLeaves`.
#[test]
fn unmerged_leaves_are_in_ascending_order_without_repetition() {
    let mut group = Group::warm(5);
    let adds = [group.add(), group.add(), group.add()];
    group.commit_without_path(0, &adds);
    let root = 7;
    let list = |unmerged: &[u32]| {
        group.join(|nodes| parent_mut(nodes, root).unmerged_leaves = unmerged.to_vec())
    };
    for wrong in [&[6, 5, 7][..], &[5, 7, 6], &[7, 6, 5], &[5, 5, 6, 7], &[5, 6, 7, 7]] {
        assert_eq!(broken(list(wrong)), Violation::UnsortedUnmergedLeaves);
    }
    assert!(list(&[5, 6, 7]).is_ok());
}

/// Covers OpenMLS #2186 and #2182, ts-mls (by reading: AND for OR) and mlspp: blank, out of range
/// up to 2^32 - 1, or below another parent.
///
/// Edge of `Violation::UnmergedLeafNotDescendant`.
#[test]
fn unmerged_leaves_are_members_below_the_parent() {
    let mut group = Group::warm(6);
    let (removes, adds) = ([group.remove(2)], [group.add(), group.add()]);
    group.commit(5, &removes);
    group.commit(0, &[]);
    group.commit_without_path(0, &adds[1..]);
    let root = group.tree.size().root();
    assert_eq!(group.tree.parent(root).unwrap().unmerged_leaves, [2]);
    let list = |node: usize, more: &[u32]| {
        group.join(|nodes| {
            let unmerged = &mut parent_mut(nodes, node).unmerged_leaves;
            unmerged.extend(more);
            unmerged.sort_unstable();
            unmerged.dedup();
        })
    };
    let nobody = [6, 7, 8, 9, 1 << 20, 1 << 30, (1 << 31) - 1, 1 << 31, u32::MAX];
    for entry in nobody {
        assert_eq!(broken(list(7, &[entry])), Violation::UnmergedLeafNotDescendant);
        assert_eq!(broken(list(1, &[entry])), Violation::UnmergedLeafNotDescendant);
    }
    for below_another in [2, 3, 4, 5] {
        assert_eq!(broken(list(1, &[below_another])), Violation::UnmergedLeafNotDescendant);
    }
    assert!(list(7, &[]).is_ok());
}

/// Covers mlspp (by reading: unmerged leaves not validated).
///
/// Edge of `Violation::UnmergedLeafNotListedBetween`.
#[test]
fn unmerged_leaves_are_listed_all_the_way_down() {
    let group = grown();
    let gap = group.join(|nodes| parent_mut(nodes, 11).unmerged_leaves.clear());
    assert_eq!(broken(gap), Violation::UnmergedLeafNotListedBetween);
    let merged_below = group.join(|nodes| parent_mut(nodes, 7).unmerged_leaves = vec![0, 4]);
    assert_eq!(broken(merged_below), Violation::UnmergedLeafNotListedBetween);
    // Node 9, between leaf 4 and node 11, is blank and lists nothing.
    assert!(group.join(|_| {}).is_ok());
    // The other way round is no matter of this rule, but of the parent hash.
    let only_below = group.join(|nodes| parent_mut(nodes, 7).unmerged_leaves.clear());
    assert_eq!(broken(only_below), Violation::InvalidParentHash);
}

/// Covers mls-rs #360, #352, #342 and #315, wireapp/openmls #71, and the classes behind them: null
/// hashes, hashes of other nodes, links past nodes that are not blank, nodes that nobody set.
///
/// Edge of `Violation::InvalidParentHash`.
#[test]
fn every_parent_was_set_together_with_exactly_one_node_below() {
    let group = grown();
    assert!(group.join(|_| {}).is_ok());
    let parents = [1, 3, 5, 7, 11];
    for node in parents {
        let other_key = group.join(|nodes| {
            parent_mut(nodes, node).encryption_key = vec![9; 32].into();
        });
        assert_eq!(broken(other_key), Violation::InvalidParentHash);
        let null = group.join(|nodes| parent_mut(nodes, node).parent_hash = crypto::Digest::EMPTY);
        match node {
            7 => assert!(null.is_ok(), "the root's is empty"),
            _ => assert_eq!(broken(null), Violation::InvalidParentHash),
        }
    }
    for node in [9, 13] {
        let set_by_nobody = group.join(|nodes| {
            let mut parent = parent_mut(nodes, 11).clone();
            parent.encryption_key = vec![9; 32].into();
            parent.unmerged_leaves.retain(|_| node == 9);
            nodes.resize(nodes.len().max(node + 1), None);
            nodes[node] = Some(Node::Parent(Arc::new(parent)));
        });
        assert_eq!(broken(set_by_nobody), Violation::InvalidParentHash);
    }
    // Swapping two subtrees keeps every node and every key.
    let swapped = group.join(|nodes| {
        swap(nodes, 0, 4);
        swap(nodes, 1, 5);
        swap(nodes, 2, 6);
    });
    assert_eq!(broken(swapped), Violation::InvalidParentHash);
}

/// Section 7.9.2: "all non-blank parent nodes are covered by exactly one such chain".
#[test]
fn a_parent_that_two_nodes_claim_is_refused() {
    let mut group = Group::of(2);
    group.commit(0, &[]);
    // Leaf 1 signs a leaf with the hash that it would carry, had it set the root.
    let root = group.tree.parent(group.tree.size().root()).unwrap().clone();
    let mut mirror = group.tree.clone();
    let keys = [root.encryption_key.clone()].into_iter();
    let parent_hash = mirror.merge_path_keys(&group.suite, group.leaf(1), keys).unwrap();
    let bob = group.member(1);
    let mut leaf = (*group.tree.leaf(group.leaf(1)).unwrap()).clone();
    leaf.leaf_node_source = wire::LeafNodeSource::Commit { parent_hash };
    let leaf = group.sign_leaf(leaf, &bob, 1);
    // The other's hash covers Bob's leaf, so it must be made again: a circle that only a collision
    // of the hash closes. With his new leaf in the tree the old link is broken, and his own holds.
    let claimed = group.join(|nodes| *leaf_mut(nodes, 2) = leaf.clone());
    assert!(claimed.is_ok(), "one chain, through Bob");
    let neither = group.join(|nodes| {
        *leaf_mut(nodes, 2) = leaf;
        leaf_mut(nodes, 0).encryption_key = vec![9; 32].into();
    });
    assert_eq!(broken(neither), Violation::InvalidParentHash);
}

#[test]
fn keys_are_unique_in_the_whole_tree() {
    let group = grown();
    let key = |node: u32| group.tree.public_key(group.tree.size().node(node).unwrap()).unwrap();
    let leaf_like_leaf = group.join(|nodes| leaf_mut(nodes, 0).encryption_key = key(2).clone());
    assert_eq!(broken(leaf_like_leaf), Violation::DuplicateEncryptionKey);
    // Covers F67: mls-rs and mlspp compare leaves only.
    let parent_like_leaf =
        group.join(|nodes| parent_mut(nodes, 3).encryption_key = key(12).clone());
    assert_eq!(broken(parent_like_leaf), Violation::DuplicateEncryptionKey);
    let parent_like_parent =
        group.join(|nodes| parent_mut(nodes, 11).encryption_key = key(1).clone());
    assert_eq!(broken(parent_like_parent), Violation::DuplicateEncryptionKey);
    let signature_key = group.member(0).signer;
    let same_signer = group.join(|nodes| {
        leaf_mut(nodes, 4).signature_key = crypto::Signer::public_key(&*signature_key).clone();
    });
    assert_eq!(broken(same_signer), Violation::DuplicateSignatureKey);
}

#[test]
fn every_leaf_of_a_tree_obeys_the_rules_of_leaves() {
    // Leaves that were added and never committed: no parent hash depends on them.
    let mut group = Group::warm(2);
    let adds = [group.add(), group.add()];
    group.commit_without_path(0, &adds);
    for node in [4, 6] {
        let damaged = group.join(|nodes| leaf_mut(nodes, node).signature = Default::default());
        assert_eq!(broken(damaged), Violation::InvalidLeafSignature);
        let weak = group.join(|nodes| leaf_mut(nodes, node).encryption_key = vec![0; 32].into());
        assert_eq!(broken(weak), Violation::InvalidEncryptionKey);
    }
    // At another place the leaf of a key package is as good, that of a commit is not.
    assert!(group.join(|nodes| swap(nodes, 4, 6)).is_ok());
    let mut committed = Group::warm(2);
    committed.commit(0, &[]);
    let swapped = committed.join(|nodes| swap(nodes, 0, 2));
    assert_eq!(broken(swapped), Violation::InvalidParentHash);
}

#[test]
fn a_parents_key_can_be_encrypted_to() {
    let group = grown();
    let weak = group.join(|nodes| parent_mut(nodes, 3).encryption_key = vec![0; 32].into());
    assert_eq!(broken(weak), Violation::InvalidEncryptionKey);
}

/// Section 7.3: the clock is asked about the tree only if the application wants it.
#[test]
fn lifetimes_in_a_joined_tree_are_compared_with_the_clock_on_demand() {
    let mut group = Group::warm(2);
    let adds = [group.add()];
    group.commit_without_path(0, &adds);
    let verify = |check_tree| {
        let rules = tree::rules::LifetimeRules { check_tree, ..LIFETIMES };
        let (nodes, late) = (group.tree.to_nodes(), NOW + 10_000);
        verify_ratchet_tree(&group.suite, &group.context, nodes, (rules, late), &AcceptAll)
    };
    assert_eq!(broken(verify(true)), Violation::LifetimeExpired);
    assert!(verify(false).is_ok());
}
