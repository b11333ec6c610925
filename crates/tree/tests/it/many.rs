//! Large trees and long lists are verified in batches and on several threads; the verdict is the
//! one of verifying them in order, one by one.

use tree::{ListedProposal, Violation};
use wire::{KeyPackage, LeafNode, Node, Proposal, ProtocolVersion};

use crate::forge::{Group, broken, leaf_mut};

/// More than one thread would take at once.
const MEMBERS: u32 = 300;

fn group() -> Group {
    let mut group = Group::alone(1);
    let adds: Vec<_> = (1..MEMBERS).map(|_| group.add()).collect();
    group.commit_without_path(0, &adds);
    group
}

fn damage_signature(leaf: &mut LeafNode) {
    let mut signature = leaf.signature.to_vec();
    signature[3] ^= 1;
    leaf.signature = signature.into();
}

fn break_key(leaf: &mut LeafNode) {
    // Too short, and still unlike every other.
    leaf.encryption_key = leaf.encryption_key.as_slice()[1..].to_vec().into();
}

fn drop_version(leaf: &mut LeafNode) {
    leaf.capabilities.versions = vec![ProtocolVersion(0)];
}

/// What breaks something, and the rule it breaks.
type Damage<T> = (fn(&mut T), Violation);

const DAMAGES: [Damage<LeafNode>; 3] = [
    (damage_signature, Violation::InvalidLeafSignature),
    (break_key, Violation::InvalidEncryptionKey),
    (drop_version, Violation::VersionOrCipherSuiteNotInCapabilities),
];

#[test]
fn a_damaged_leaf_of_a_large_tree_is_found_wherever_it_is() {
    let group = group();
    assert!(group.join(|_| {}).is_ok());
    for place in [0, 1, 63, 64, 149, 150, 299] {
        for (damage, violation) in DAMAGES {
            let verified = group.join(|nodes| damage(leaf_mut(nodes, 2 * place)));
            assert_eq!(broken(verified), violation);
        }
    }
}

#[test]
fn the_first_damaged_leaf_of_a_large_tree_decides() {
    let group = group();
    for (first, violation) in DAMAGES {
        for (second, _) in DAMAGES {
            // In one chunk, in the next, and at both ends.
            for (one, other) in [(70, 71), (149, 150), (149, 151), (0, 299), (10, 200)] {
                let change = |nodes: &mut Vec<Option<Node>>| {
                    first(leaf_mut(nodes, 2 * one));
                    second(leaf_mut(nodes, 2 * other));
                };
                for _ in 0..3 {
                    assert_eq!(broken(group.join(change)), violation);
                }
            }
        }
    }
}

/// What breaks an Add: its leaf, or the key package around it.
fn damaged(listed: &ListedProposal, damage: fn(&mut KeyPackage)) -> ListedProposal {
    let Proposal::Add(key_package) = &*listed.proposal else { panic!("not an Add") };
    let mut key_package = key_package.clone();
    damage(&mut key_package);
    let proposal = std::sync::Arc::new(Proposal::Add(key_package));
    ListedProposal { proposal, ..listed.clone() }
}

#[test]
fn the_first_damaged_proposal_of_a_long_list_decides() {
    let mut group = group();
    let mut list: Vec<_> = (0..200).map(|_| group.add()).collect();
    // Among them such with one signature, and with none.
    list.splice(50..50, (1..40).map(|member| group.update(member)));
    list.splice(120..120, (40..60).map(|member| group.remove(member)));
    let apply = |list: &[ListedProposal]| group.apply(299, list).map(|_| ());
    assert_eq!(apply(&list), Ok(()));
    let damages: [Damage<KeyPackage>; 3] = [
        (|it| damage_signature(&mut it.leaf_node), Violation::InvalidLeafSignature),
        (|it| it.signature = it.leaf_node.signature.clone(), Violation::InvalidKeyPackageSignature),
        (|it| it.init_key = vec![0; 32].into(), Violation::InvalidEncryptionKey),
    ];
    let is_add = |at: &usize| matches!(*list[*at].proposal, Proposal::Add(_));
    let adds: Vec<usize> = (0..list.len()).filter(is_add).collect();
    for (first, violation) in damages {
        for (second, _) in damages {
            for (one, other) in [(0, 199), (3, 4), (48, 51), (79, 81), (90, 150)] {
                let (one, other) = (adds[one], adds[other]);
                let mut list = list.clone();
                list[one] = damaged(&list[one], first);
                list[other] = damaged(&list[other], second);
                assert_eq!(broken(apply(&list)), violation);
            }
        }
    }
}
