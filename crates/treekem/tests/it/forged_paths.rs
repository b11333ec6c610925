//! Forged paths and Welcomes: each rule refuses what is one step past its edge.

use crypto::{HpkeKeyPair, Secret};
use treekem::{Error, Misuse, PathSecret, PrivatePath, ReceivedPath, Violation};

use crate::group::{Commit, Group};

/// Seals `secret` as the path secret of the commit's node `position` to its first recipient.
fn replace_path_secret(group: &mut Group, commit: &mut Commit, position: usize, secret: &Secret) {
    let filtered = commit.tree.filtered_direct_path(commit.sender);
    let recipient = commit.tree.resolution(filtered[position].1)[0];
    let public_key = &commit.tree.public_key(recipient).unwrap();
    let context = ("UpdatePathNode", commit.group_context.as_slice());
    let sealed = group.suite.encrypt_with_label(public_key, context, secret, &mut group.random);
    commit.nodes[position].encrypted_path_secret[0] = sealed.unwrap();
}

fn outcome(group: &Group, commit: &Commit, member: u32) -> Option<Violation> {
    match commit.open(&group.suite, group.private(member)) {
        Ok(_) => None,
        Err(Error::Violation(violation)) => Some(violation),
        Err(other) => panic!("{other}"),
    }
}

/// A group of eight with a commit by leaf 0: leaf 1 is below node 0 of the path, leaf 2 below node
/// 1, leaf 4 below node 2.
fn group_and_commit(seed: u64) -> (Group, Commit) {
    let mut group = Group::warm(seed, 8);
    let sender = group.leaf(0);
    let commit = group.commit(sender);
    assert_eq!(commit.nodes.len(), 3);
    assert_eq!([1, 2, 4].map(|member| outcome(&group, &commit, member)), [None; 3]);
    (group, commit)
}

/// Edge of `Violation::PathLengthMismatch`.
#[test]
fn a_path_that_is_too_short_or_too_long_is_refused_by_all() {
    let (group, mut commit) = group_and_commit(20);
    let last = commit.nodes.pop().unwrap();
    let short = [1, 2, 4].map(|member| outcome(&group, &commit, member));
    assert_eq!(short, [Some(Violation::PathLengthMismatch); 3]);
    commit.nodes.extend([last.clone(), last]);
    let long = [1, 2, 4].map(|member| outcome(&group, &commit, member));
    assert_eq!(long, [Some(Violation::PathLengthMismatch); 3]);
}

#[test]
fn a_wrong_number_of_ciphertexts_is_refused_also_by_those_it_does_not_concern() {
    let (group, mut commit) = group_and_commit(21);
    let extra = commit.nodes[1].encrypted_path_secret[0].clone();
    commit.nodes[1].encrypted_path_secret.push(extra);
    let many = [1, 2, 4].map(|member| outcome(&group, &commit, member));
    assert_eq!(many, [Some(Violation::CiphertextCountMismatch); 3]);
    commit.nodes[1].encrypted_path_secret.clear();
    let none = [1, 2, 4].map(|member| outcome(&group, &commit, member));
    assert_eq!(none, [Some(Violation::CiphertextCountMismatch); 3]);
}

/// Edge of `Violation::CiphertextCountMismatch`.
#[test]
fn a_ciphertext_for_a_member_added_by_the_commit_is_refused() {
    let mut group = Group::warm(22, 7);
    let sender = group.leaf(0);
    group.add();
    let mut commit = group.commit(sender);
    let added = std::mem::take(&mut commit.added);
    commit.nodes = commit.path.seal(&group.suite, &commit.context(), &mut group.random).unwrap();
    assert_eq!(outcome(&group, &commit, 1), None);
    commit.added = added;
    assert_eq!(outcome(&group, &commit, 1), Some(Violation::CiphertextCountMismatch));
}

/// Edge of `Violation::PathSecretUndecryptable`.
#[test]
fn a_damaged_ciphertext_is_refused_by_its_recipients_only() {
    let (group, commit) = group_and_commit(23);
    let damage = |change: fn(&mut crypto::HpkeCiphertext)| {
        let mut nodes = commit.nodes.clone();
        change(&mut nodes[1].encrypted_path_secret[0]);
        let received = ReceivedPath::new(commit.context(), commit.sender, &nodes).unwrap();
        [1, 2, 4].map(|member| received.open(&group.suite, group.private(member)).err())
    };
    let refused = [None, Some(Error::Violation(Violation::PathSecretUndecryptable)), None];
    let flipped = damage(|sealed| {
        let mut bytes = sealed.ciphertext.as_slice().to_vec();
        bytes[3] ^= 1;
        sealed.ciphertext = bytes.into();
    });
    assert_eq!(flipped, refused);
    assert_eq!(damage(|sealed| sealed.ciphertext = Vec::new().into()), refused);
    assert_eq!(damage(|sealed| sealed.kem_output = Vec::new().into()), refused);
    assert_eq!(damage(|sealed| sealed.kem_output = vec![0; 32].into()), refused);
    assert_eq!(damage(|sealed| sealed.kem_output = vec![9; 33].into()), refused);
}

/// Edge of `Violation::WrongPathSecretLength`, `Violation::PathKeyMismatch`.
#[test]
fn a_path_secret_of_another_length_is_refused() {
    let (mut group, mut commit) = group_and_commit(24);
    // Sealed anew, the right secret is accepted: of KDF.Nh bytes, and leading to the public keys.
    let recipient = commit.tree.size().leaf(2).unwrap();
    let right = commit.path.path_secret_for(recipient).unwrap().as_secret().duplicate();
    assert_eq!(right.len(), group.suite.hash_length());
    replace_path_secret(&mut group, &mut commit, 1, &right);
    assert_eq!(outcome(&group, &commit, 2), None);
    for length in [0, 31, 33, 64] {
        let secret = Secret::from_vec(vec![1; length]);
        replace_path_secret(&mut group, &mut commit, 1, &secret);
        assert_eq!(outcome(&group, &commit, 2), Some(Violation::WrongPathSecretLength));
    }
}

#[test]
fn a_path_secret_that_does_not_lead_to_the_public_keys_is_refused() {
    let (mut group, mut commit) = group_and_commit(25);
    replace_path_secret(&mut group, &mut commit, 1, &Secret::from_vec(vec![1; 32]));
    let outcomes = [1, 2, 4].map(|member| outcome(&group, &commit, member));
    assert_eq!(outcomes, [None, Some(Violation::PathKeyMismatch), None]);
}

#[test]
fn a_public_key_above_that_does_not_follow_is_refused() {
    let (mut group, mut commit) = group_and_commit(26);
    let other = group.suite.generate_key_pair(&mut group.random).unwrap().public_key;
    commit.nodes[2].encryption_key = other;
    let outcomes = [1, 2, 4].map(|member| outcome(&group, &commit, member));
    assert_eq!(outcomes, [Some(Violation::PathKeyMismatch); 3]);
}

#[test]
fn a_tree_without_the_merged_path_is_the_callers_mistake() {
    let (group, mut commit) = group_and_commit(27);
    commit.tree = group.tree.clone();
    let refused = commit.open(&group.suite, group.private(1)).err();
    assert_eq!(refused, Some(Error::Misuse(Misuse::KeyMismatch)));
}

/// A commit that adds one member, with the joiner's key pair and path secret.
struct Joining {
    group: Group,
    commit: Commit,
    joiner: tree::LeafIndex,
    key_pair: HpkeKeyPair,
}

fn joining(seed: u64) -> Joining {
    let mut group = Group::warm(seed, 7);
    let joiner = group.add();
    let key_pair = group.joining_key_pair(joiner);
    let sender = group.leaf(5);
    let commit = group.commit(sender);
    Joining { group, commit, joiner, key_pair }
}

impl Joining {
    fn join(&self, path_secret: Option<(u32, &Secret)>) -> Result<PrivatePath, Error> {
        let size = self.commit.tree.size();
        let path_secret =
            path_secret.map(|(signer, secret)| (size.leaf(signer).unwrap(), secret.duplicate()));
        let key_pair = self.key_pair.duplicate();
        let Self { group, commit, joiner, .. } = self;
        PrivatePath::join(&group.suite, &commit.tree, *joiner, key_pair, path_secret)
    }

    fn path_secret(&self) -> &PathSecret {
        self.commit.path.path_secret_for(self.joiner).unwrap()
    }
}

/// Edge of `Violation::PathSecretKeyMismatch`, `Violation::PathSecretMissing`.
#[test]
fn a_joiner_learns_the_nodes_above_itself_and_the_sender_and_no_other() {
    let joining = joining(30);
    let private = joining.join(Some((5, joining.path_secret().as_secret()))).unwrap();
    let size = joining.commit.tree.size();
    let shared = size.direct_path(joining.joiner).filter(|node| node.covers(joining.commit.sender));
    let mut expected: Vec<_> = shared.chain([joining.joiner.node()]).collect();
    expected.sort();
    assert_eq!(private.nodes().collect::<Vec<_>>(), expected);
}

#[test]
fn a_joiner_refuses_a_path_secret_that_does_not_fit_the_tree() {
    let joining = joining(31);
    let refused = Some(Error::Violation(Violation::PathSecretKeyMismatch));
    let next = joining.path_secret().next(&joining.group.suite).unwrap();
    assert_eq!(joining.join(Some((5, next.as_secret()))).err(), refused);
    // The right secret at a node that the named signer does not share with the joiner.
    assert_eq!(joining.join(Some((6, joining.path_secret().as_secret()))).err(), refused);
    // The joiner itself is named as the signer.
    assert_eq!(joining.join(Some((7, joining.path_secret().as_secret()))).err(), refused);
}

#[test]
fn a_joiner_refuses_a_path_secret_of_another_length() {
    let joining = joining(32);
    let long = [joining.path_secret().as_secret().expose(), &[0]].concat();
    let refused = joining.join(Some((5, &Secret::from_vec(long)))).err();
    assert_eq!(refused, Some(Error::Violation(Violation::WrongPathSecretLength)));
}

#[test]
fn a_joiner_refuses_a_welcome_that_keeps_a_path_secret_from_it() {
    let joining = joining(33);
    assert_eq!(joining.join(None).err(), Some(Error::Violation(Violation::PathSecretMissing)));
}

#[test]
fn a_key_pair_that_is_not_the_leafs_is_the_callers_mistake() {
    let mut joining = joining(34);
    joining.key_pair = joining.group.suite.generate_key_pair(&mut joining.group.random).unwrap();
    let refused = joining.join(Some((5, joining.path_secret().as_secret()))).err();
    assert_eq!(refused, Some(Error::Misuse(Misuse::KeyMismatch)));
}
