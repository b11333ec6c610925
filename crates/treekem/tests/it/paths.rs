//! Honest paths: everyone who should learn the commit secret does, and nobody else.

use treekem::{CommitSecret, Error, Misuse, NewPath, PathContext, PrivatePath, ReceivedPath};

use crate::group::{Group, opens_anything};

#[test]
fn members_agree_through_any_sequence_of_changes_and_the_excluded_learn_nothing() {
    for seed in 0..8 {
        let mut group = Group::new(seed, 5);
        for _ in 0..25 {
            for _ in 0..=group.random.below(2) {
                let leaves = group.leaves();
                let chosen = leaves[group.random.below(leaves.len())];
                match group.random.below(4) {
                    0 | 1 if leaves.len() < 14 => {
                        group.add();
                    }
                    2 if leaves.len() > 2 => group.remove(chosen),
                    _ => group.update(chosen),
                }
            }
            let leaves = group.leaves();
            if group.random.below(4) == 0 {
                group.commit_without_path();
                continue;
            }
            let sender = leaves[group.random.below(leaves.len())];
            let commit = group.commit(sender);
            for removed in &group.removed {
                assert!(!opens_anything(&group.suite, removed, &commit), "seed {seed}");
            }
            group.deliver(commit);
        }
    }
}

#[test]
fn a_removed_member_is_turned_away_and_none_of_its_keys_opens_the_path() {
    let mut group = Group::warm(1, 8);
    let removed = group.leaf(2);
    group.remove(removed);
    let sender = group.leaf(3);
    let commit = group.commit(sender);
    let private = group.removed.last().unwrap();
    let refused = commit.open(&group.suite, private).err();
    assert_eq!(refused, Some(Error::Misuse(Misuse::NoPrivateKey)));
    assert!(!opens_anything(&group.suite, private, &commit));
    assert!(opens_anything(&group.suite, group.private(5), &commit));
}

#[test]
fn a_member_added_by_a_commit_cannot_open_its_path_but_the_next_one() {
    let mut group = Group::warm(2, 7);
    let joiner = group.add();
    let key_pair = group.joining_key_pair(joiner);
    let sender = group.leaf(0);
    let commit = group.commit(sender);
    let private = PrivatePath::new(&commit.tree, joiner, key_pair).unwrap();
    let refused = commit.open(&group.suite, &private).err();
    assert_eq!(refused, Some(Error::Misuse(Misuse::NoPrivateKey)));
    assert!(!opens_anything(&group.suite, &private, &commit));
    assert!(opens_anything(&group.suite, group.private(1), &commit));

    group.deliver(commit);
    let next = group.commit(sender);
    assert!(next.open(&group.suite, &group.members[&joiner]).is_ok());
}

#[test]
fn a_member_without_its_new_leaf_key_blames_nobody_and_with_it_opens_the_path() {
    let mut group = Group::warm(12, 2);
    let (updated, sender) = (group.leaf(0), group.leaf(1));
    let before = group.private(0).duplicate();
    group.update(updated);
    let commit = group.commit(sender);
    let refused = commit.open(&group.suite, &before).err();
    assert_eq!(refused, Some(Error::Misuse(Misuse::NoPrivateKey)));
    assert!(commit.open(&group.suite, group.private(0)).is_ok());
}

#[test]
fn a_sender_is_told_that_the_path_is_its_own() {
    let mut group = Group::warm(4, 3);
    let sender = group.leaf(2);
    let commit = group.commit(sender);
    let refused = commit.open(&group.suite, &group.members[&sender]).err();
    assert_eq!(refused, Some(Error::Misuse(Misuse::OwnPath)));
}

#[test]
fn a_failed_or_refused_commit_leaves_the_private_view_as_it_was() {
    let mut group = Group::warm(5, 6);
    let sender = group.leaf(4);
    let before = crypto::Secret::encoding(group.private(0));
    let commit = group.commit(sender);
    let (next, _) = commit.open(&group.suite, group.private(0)).unwrap();
    assert_eq!(crypto::Secret::encoding(group.private(0)), before);
    assert_ne!(crypto::Secret::encoding(&next), before);
    // The competing commit of the same epoch still opens.
    let sender = group.leaf(3);
    let competing = group.commit(sender);
    assert!(competing.open(&group.suite, group.private(0)).is_ok());
}

#[test]
fn a_warm_tree_needs_one_ciphertext_per_level_and_a_blank_one_one_per_member() {
    let mut group = Group::warm(6, 64);
    let sender = group.leaf(9);
    let commit = group.commit(sender);
    assert_eq!(commit.nodes.len(), 6);
    assert!(commit.nodes.iter().all(|node| node.encrypted_path_secret.len() == 1));

    let mut group = Group::new(7, 2);
    (0..62).for_each(|_| {
        group.add();
    });
    group.commit_without_path();
    let sender = group.leaf(40);
    let commit = group.commit(sender);
    let count = commit.nodes.iter().map(|node| node.encrypted_path_secret.len());
    assert_eq!(count.sum::<usize>(), 63 - 1, "leaves 0 and 1 share a node");
    group.deliver(commit);
}

#[test]
fn a_member_alone_commits_with_an_empty_path_and_a_fresh_secret() {
    let mut group = Group::new(8, 1);
    let sender = group.leaf(0);
    let (one, other) = (group.commit(sender), group.commit(sender));
    assert!(one.nodes.is_empty());
    let no_path = CommitSecret::without_path(&group.suite);
    assert_ne!(one.path.commit_secret(), &no_path);
    assert_ne!(one.path.commit_secret(), other.path.commit_secret());
    group.deliver(one);
}

#[test]
fn a_joiner_from_outside_sends_a_path_from_a_leaf_that_was_blank() {
    let mut group = Group::warm(13, 4);
    let outside = group.tree.place_for_new_leaf().unwrap();
    assert!(group.tree.leaf(outside).is_none());
    group.commit_and_deliver(outside);
    let sender = group.leaf(2);
    let next = group.commit(sender);
    assert!(next.open(&group.suite, &group.members[&outside]).is_ok());
}

#[test]
fn every_suite_sends_and_receives_paths() {
    let crypto = crypto::Crypto::new(crypto_aws_lc::provider());
    let suites: Vec<_> = crypto.suites().filter_map(|id| crypto.suite(id)).collect();
    assert_eq!(suites.len(), 7);
    for suite in suites {
        let mut group = Group::with_suite(suite, 9, 3);
        let sender = group.leaf(1);
        group.add();
        group.commit_and_deliver(sender);
    }
}

#[test]
fn a_path_is_sealed_under_its_group_context() {
    let mut group = Group::warm(10, 4);
    let sender = group.leaf(0);
    let commit = group.commit(sender);
    let other = PathContext { group_context: b"another epoch", ..commit.context() };
    let received = ReceivedPath::new(other, sender, &commit.nodes).unwrap();
    let refused = received.open(&group.suite, group.private(1)).err();
    assert_eq!(refused, Some(treekem::Violation::PathSecretUndecryptable.into()));
}

#[test]
fn two_paths_and_two_seals_of_one_path_share_no_bytes_of_randomness() {
    let mut group = Group::warm(11, 4);
    let sender = group.leaf(0);
    let commit = group.commit(sender);
    let again = commit.path.seal(&group.suite, &commit.context(), &mut group.random).unwrap();
    for (one, other) in commit.nodes.iter().zip(&again) {
        assert_eq!(one.encryption_key, other.encryption_key);
        for (one, other) in one.encrypted_path_secret.iter().zip(&other.encrypted_path_secret) {
            assert_ne!(one.kem_output, other.kem_output);
            assert_ne!(one.ciphertext, other.ciphertext);
        }
    }
    let other = NewPath::generate(&group.suite, &group.tree, sender, &mut group.random).unwrap();
    assert_ne!(other.leaf_public_key(), commit.path.leaf_public_key());
    assert_ne!(other.public_keys(), commit.path.public_keys());
}
