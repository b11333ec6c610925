//! Paths of commits (RFC 9420, sections 7.5, 7.9.2 and 12.4.2).

use crypto::{Digest, HpkePublicKey};
use tree::{Committer, Error, NextTree, Violation};
use wire::{LeafNodeSource, UpdatePath, UpdatePathNode};

use crate::forge::{CHECKS, Group, Person, broken};

impl Group {
    /// A path of this member, signed by this person.
    pub(crate) fn path_signed_by(
        &mut self,
        member: u32,
        person: &Person,
    ) -> Result<NextTree, Error> {
        let path = self.path_of(member, person);
        self.receive(member, &path)
    }

    /// A valid path of this member, signed by this person.
    fn path_of(&mut self, member: u32, person: &Person) -> UpdatePath {
        let mut applied = self.apply(member, &[]).unwrap();
        let committer = Committer::Member(self.leaf(member));
        self.path(&mut applied, (committer, person), |_| {})
    }

    /// A path with these keys, which everything else in it fits.
    fn path_of_keys(&mut self, member: u32, keys: Vec<HpkePublicKey>) -> UpdatePath {
        let mut applied = self.apply(member, &[]).unwrap();
        let (committer, person) = (Committer::Member(self.leaf(member)), self.member(member));
        self.path_with_keys(&mut applied, (committer, &person), keys, |_| {})
    }

    /// What a receiver makes of a path of this member.
    pub(crate) fn receive(&self, member: u32, path: &UpdatePath) -> Result<NextTree, Error> {
        let committer = Committer::Member(self.leaf(member));
        let mut applied = self.apply(member, &[])?;
        Ok(applied.merge_received_path(self.base(), committer, path, &CHECKS)?.1)
    }

    /// A valid path, damaged; the leaf is signed again.
    fn receive_damaged(
        &mut self,
        member: u32,
        damage: impl FnOnce(&mut UpdatePath),
    ) -> Result<NextTree, Error> {
        let person = self.member(member);
        let mut path = self.path_of(member, &person);
        damage(&mut path);
        path.leaf_node = self.sign_leaf(path.leaf_node, &person, member);
        self.receive(member, &path)
    }
}

/// Edge of `Violation::PathLengthMismatch`.
#[test]
fn a_path_has_a_node_for_each_node_of_the_filtered_direct_path() {
    let mut group = Group::of(6);
    let removes = [group.remove(5)];
    group.commit(0, &removes);
    // Leaf 4 has no sibling now: of its three ancestors only the root is on its filtered path.
    let right_lengths = [3, 3, 3, 3, 1];
    for (member, right) in (0..).zip(right_lengths) {
        let resize = |length: usize| {
            move |path: &mut UpdatePath| {
                let node = |number: usize| UpdatePathNode {
                    encryption_key: vec![u8::try_from(number).unwrap() + 1; 32].into(),
                    encrypted_path_secret: Vec::new(),
                };
                let more = (path.nodes.len()..length).map(node);
                path.nodes.extend(more.collect::<Vec<_>>());
                path.nodes.truncate(length);
            }
        };
        for wrong in (0..6).filter(|&length| length != right) {
            let result = group.receive_damaged(member, resize(wrong));
            assert_eq!(broken(result), Violation::PathLengthMismatch);
        }
        assert!(group.receive_damaged(member, resize(right)).is_ok());
    }
}

/// Covers mls-rs #360 and the missing parent hash of amethyst #3499.
///
/// Edge of `Violation::PathLeafParentHash`.
#[test]
fn the_leaf_of_a_path_carries_the_paths_parent_hash() {
    let mut group = Group::warm(5);
    let carry = |parent_hash| {
        move |path: &mut UpdatePath| {
            path.leaf_node.leaf_node_source = LeafNodeSource::Commit { parent_hash };
        }
    };
    let zeros = Digest::new(&[0; 32]).unwrap();
    for member in 0..5 {
        for wrong in [Digest::EMPTY, zeros, group.context.tree_hash] {
            let result = group.receive_damaged(member, carry(wrong));
            assert_eq!(broken(result), Violation::PathLeafParentHash);
        }
        assert!(group.receive_damaged(member, |_| {}).is_ok());
    }
    // A change of any key changes it.
    let result = group.receive_damaged(0, |path| path.nodes[2].encryption_key = vec![9; 32].into());
    assert_eq!(broken(result), Violation::PathLeafParentHash);
    // Whoever is alone has no parent, and the parent hash is empty.
    let mut alone = Group::alone(1);
    assert!(alone.receive_damaged(0, carry(Digest::EMPTY)).is_ok());
    let result = alone.receive_damaged(0, carry(zeros));
    assert_eq!(broken(result), Violation::PathLeafParentHash);
}

/// Covers the reports that OpenMLS, mls-rs and mlspp do not compare with the keys of parents (F71).
///
/// Edge of `Violation::PathKeyInTree`.
#[test]
fn the_keys_of_a_path_are_new_to_the_tree() {
    let mut group = Group::warm(4);
    let used: Vec<_> = (0..group.tree.size().nodes())
        .filter_map(|node| group.tree.public_key(group.tree.size().node(node)?))
        .collect();
    assert_eq!(used.len(), 7);
    for key in used {
        for place in 0..2 {
            let mut keys = vec![group.key(), group.key()];
            keys[place] = key.clone();
            let path = group.path_of_keys(0, keys);
            assert_eq!(broken(group.receive(0, &path)), Violation::PathKeyInTree);
        }
        let leaf = group.receive_damaged(0, |path| path.leaf_node.encryption_key = key);
        assert_eq!(broken(leaf), Violation::PathKeyInTree);
    }
    let key = group.key();
    let twice = group.path_of_keys(0, vec![key.clone(), key]);
    assert_eq!(broken(group.receive(0, &twice)), Violation::PathKeyInTree);
    let as_leaf = group.receive_damaged(0, |path| {
        path.leaf_node.encryption_key = path.nodes[0].encryption_key.clone();
    });
    assert_eq!(broken(as_leaf), Violation::PathKeyInTree);
    let keys = vec![group.key(), group.key()];
    let fresh = group.path_of_keys(0, keys);
    assert!(group.receive(0, &fresh).is_ok());
}

#[test]
fn the_keys_of_a_path_can_be_encrypted_to() {
    let mut group = Group::warm(4);
    for weak in [vec![0; 32], vec![9; 31], vec![]] {
        let keys = vec![group.key(), weak.clone().into()];
        let path = group.path_of_keys(0, keys);
        assert_eq!(broken(group.receive(0, &path)), Violation::InvalidEncryptionKey);
        let leaf = group.receive_damaged(0, |path| path.leaf_node.encryption_key = weak.into());
        assert_eq!(broken(leaf), Violation::InvalidEncryptionKey);
    }
}

#[test]
fn the_leaf_of_a_path_obeys_the_rules_of_leaves() {
    let mut group = Group::warm(3);
    let update = |path: &mut UpdatePath| path.leaf_node.leaf_node_source = LeafNodeSource::Update;
    assert_eq!(broken(group.receive_damaged(0, update)), Violation::WrongLeafNodeSource);
    let bare = |path: &mut UpdatePath| path.leaf_node.capabilities.versions.clear();
    let rule = broken(group.receive_damaged(0, bare));
    assert_eq!(rule, Violation::VersionOrCipherSuiteNotInCapabilities);
    let person = group.member(0);
    let mut path = group.path_of(0, &person);
    path.leaf_node = group.sign_leaf(path.leaf_node, &person, 1);
    assert_eq!(broken(group.receive(0, &path)), Violation::InvalidLeafSignature);
}
