//! Welcomes that nobody should join by (RFC 9420, section 12.4.3.1).

use mls::{
    BrokenRule, CommitOptions, Error, ExtensionType, LeafIndex, MlsMessage, MlsMessageBody,
    Violation,
};
use testkit::forge::{Insider, WelcomeForge};
use testkit::{NOW, NewCommitSent, Person, SeededRandom, Traits, group_of};
use wire::{Extension, PreSharedKeyId, ProtocolVersion, PskKind, ResumptionPskUsage};

use crate::features_world::{FORMS, agree, commit_to_all, form};
use crate::rules_refusal::{broken, error, group_rule, rows};

/// Alice and Bob, Carol who is being added, and the Welcome for her.
fn inviting() -> (Vec<Person>, Person, NewCommitSent) {
    let mut people = group_of(&["alice", "bob"], form(FORMS[0]));
    let mut carol = Person::new("carol", Traits::new(1));
    let options = CommitOptions::new().add_member(carol.key_package());
    let sent = commit_to_all(&mut people, 0, options);
    (people, carol, sent)
}

/// The error of a join, which leaves the store as it was: the key package serves the right Welcome.
fn refusal(carol: &mut Person, welcome: &MlsMessage) -> Error {
    let before = rows(carol);
    let error = error(carol.client.join(&carol.store, welcome, None, NOW));
    assert!(rows(carol) == before);
    error
}

/// What Carol says to a Welcome that was changed, tagged and signed again by Alice.
fn verdict(change: impl FnOnce(&mut WelcomeForge)) -> BrokenRule {
    let (mut people, mut carol, sent) = inviting();
    let mut forge = WelcomeForge::open(&carol, &sent.welcomes[0], &[]);
    change(&mut forge);
    forge.confirm();
    forge.sign(&*people[0].signer());
    let rule = broken(refusal(&mut carol, &forge.seal(&mut SeededRandom::new(1))));
    carol.join(&sent.welcomes[0]);
    people.push(carol);
    agree(&mut people);
    rule
}

/// Edge of `Violation::CipherSuiteMismatch`.
/// Edge of `Violation::GroupSecretsUndecryptable`.
/// Edge of `Violation::LeafNotInTree`.
#[test]
fn a_welcome_that_was_opened_and_sealed_again_is_as_good() {
    let (mut people, mut carol, sent) = inviting();
    let mut forge = WelcomeForge::open(&carol, &sent.welcomes[0], &[]);
    forge.confirm();
    forge.sign(&*people[0].signer());
    carol.join(&forge.seal(&mut SeededRandom::new(1)));
    people.push(carol);
    agree(&mut people);
}

#[test]
fn a_welcome_for_another_suite_is_refused() {
    let mismatch = BrokenRule::Group(Violation::CipherSuiteMismatch);
    let suite = crypto::CipherSuite(3);
    assert_eq!(verdict(|it| it.group_info.group_context.cipher_suite = suite), mismatch);
    let (_, mut carol, sent) = inviting();
    let mut welcome = sent.welcomes[0].clone();
    let MlsMessageBody::Welcome(body) = &mut welcome.0 else { panic!("a Welcome") };
    body.cipher_suite = suite;
    assert_eq!(broken(refusal(&mut carol, &welcome)), mismatch);
}

#[test]
fn a_welcome_of_another_version_is_refused() {
    let version = ProtocolVersion(2);
    let rule = verdict(|it| it.group_info.group_context.version = version);
    assert_eq!(rule, BrokenRule::Group(Violation::UnsupportedVersion));
}

#[test]
fn secrets_that_do_not_decrypt_are_refused() {
    let expected = BrokenRule::Group(Violation::GroupSecretsUndecryptable);
    let (_, mut carol, sent) = inviting();
    for change in [0, 1, 2] {
        let mut welcome = sent.welcomes[0].clone();
        let MlsMessageBody::Welcome(body) = &mut welcome.0 else { panic!("a Welcome") };
        let entry = &mut body.secrets[0].encrypted_group_secrets;
        match change {
            0 => entry.ciphertext = vec![1; 80].into(),
            1 => entry.kem_output = vec![9; 32].into(),
            // The GroupInfo is the context of the encryption.
            _ => body.encrypted_group_info = vec![2; 200].into(),
        }
        assert_eq!(broken(refusal(&mut carol, &welcome)), expected);
    }
}

#[test]
fn a_welcome_for_others_is_refused() {
    let (_, _, sent) = inviting();
    let mut dave = Person::new("dave", Traits::new(1));
    dave.key_package();
    let rule = broken(refusal(&mut dave, &sent.welcomes[0]));
    assert_eq!(rule, BrokenRule::Group(Violation::WelcomeNotForThisClient));
    assert_eq!(dave.client.examine_welcome(&dave.store, &sent.welcomes[0]).unwrap(), None);
}

/// Edge of `Violation::WelcomeNotForThisClient`.
#[test]
fn a_welcome_for_many_is_for_each_of_them() {
    let mut people = group_of(&["alice"], form(FORMS[0]));
    let mut others: Vec<_> = ["bob", "carol"].map(|name| Person::new(name, Traits::new(1))).into();
    let options = others.iter_mut().map(Person::key_package);
    let options = options.fold(CommitOptions::new(), CommitOptions::add_member);
    let sent = commit_to_all(&mut people, 0, options);
    for other in others.iter_mut().rev() {
        other.join(&sent.welcomes[0]);
    }
    people.append(&mut others);
    agree(&mut people);
}

#[test]
fn a_group_without_the_new_members_leaf_is_refused() {
    let (mut people, carol, sent) = inviting();
    let leaf = carol.client.config().credential.clone();
    // The group removed her again before she came; the new epoch's Welcome names her key package.
    let mut forge = WelcomeForge::open(&carol, &sent.welcomes[0], &[]);
    let carols: LeafIndex =
        people[0].group().members().find(|it| it.leaf.credential == leaf).unwrap().index;
    let mut dave = Person::new("dave", Traits::new(1));
    let options = CommitOptions::new().add_member(dave.key_package()).remove_member(carols);
    let sent = commit_to_all(&mut people, 0, options);
    let for_dave = WelcomeForge::open(&dave, &sent.welcomes[0], &[]);
    forge.group_info = for_dave.group_info.clone();
    forge.joiner_secret = for_dave.joiner_secret.duplicate();
    let mut carol = carol;
    let rule = broken(refusal(&mut carol, &forge.seal(&mut SeededRandom::new(1))));
    assert_eq!(rule, BrokenRule::Group(Violation::LeafNotInTree));
    // A leaf with her signature key but another encryption key is not hers either.
    let again = carol.key_package();
    let sent = commit_to_all(&mut people, 0, CommitOptions::new().add_member(again));
    let second = WelcomeForge::open(&carol, &sent.welcomes[0], &[]);
    forge.group_info = second.group_info.clone();
    forge.joiner_secret = second.joiner_secret.duplicate();
    let rule = broken(refusal(&mut carol, &forge.seal(&mut SeededRandom::new(1))));
    assert_eq!(rule, BrokenRule::Group(Violation::LeafNotInTree));
}

fn successor(usage: ResumptionPskUsage) -> (PreSharedKeyId, crypto::Secret) {
    let kind = PskKind::Resumption { usage, psk_group_id: b"old".as_slice().into(), psk_epoch: 3 };
    (PreSharedKeyId { kind, psk_nonce: vec![5; 32].into() }, crypto::Secret::zeros(32))
}

#[test]
fn a_welcome_that_succeeds_two_groups_is_refused() {
    use ResumptionPskUsage::{Branch, ReInit};
    for usages in [[ReInit, ReInit], [ReInit, Branch], [Branch, Branch]] {
        let rule = verdict(|it| it.psks = usages.map(successor).into());
        assert_eq!(rule, BrokenRule::Group(Violation::SeveralSuccessorPsks));
    }
}

/// Edge of `Violation::SeveralSuccessorPsks`.
#[test]
fn one_link_to_an_old_group_is_looked_up() {
    let (people, mut carol, sent) = inviting();
    let mut forge = WelcomeForge::open(&carol, &sent.welcomes[0], &[]);
    let application = successor(ResumptionPskUsage::Application);
    forge.psks = vec![successor(ResumptionPskUsage::ReInit), application];
    forge.confirm();
    forge.sign(&*people[0].signer());
    // Carol does not know that group: a key is missing, no rule is broken.
    let error = refusal(&mut carol, &forge.seal(&mut SeededRandom::new(1)));
    assert!(matches!(error, Error::MissingPsk(PskKind::Resumption { .. })));
}

#[test]
fn what_the_group_info_says_is_checked_before_it_is_believed() {
    use tree::Violation as Tree;
    use treekem::Violation as KeyAgreement;
    let group = |violation| BrokenRule::Group(violation);
    for signer in [3, 4, u32::MAX] {
        assert_eq!(verdict(|it| it.group_info.signer = signer), group(Violation::GroupInfoSigner));
    }
    let rule = verdict(|it| it.group_info.signer = 1);
    assert_eq!(rule, group(Violation::GroupInfoSignature));
    let extension =
        Extension { extension_type: ExtensionType(0xf0c0), extension_data: Default::default() };
    let rule = verdict(|it| it.group_info.group_context.extensions.set(extension));
    assert_eq!(rule, group(Violation::GroupExtensionNotSupported));
    let rule = verdict(|it| it.group_info.group_context.tree_hash = crypto::Digest::EMPTY);
    assert_eq!(rule, BrokenRule::Tree(Tree::WrongTreeHash, None));
    // A path secret that is not the one of the tree, or none at all.
    let rule = verdict(|it| it.path_secret = Some(crypto::Secret::zeros(32)));
    assert_eq!(rule, BrokenRule::KeyAgreement(KeyAgreement::PathSecretKeyMismatch));
    let rule = verdict(|it| it.path_secret = None);
    assert_eq!(rule, BrokenRule::KeyAgreement(KeyAgreement::PathSecretMissing));
    let rule = verdict(|it| it.path_secret = Some(crypto::Secret::zeros(31)));
    assert_eq!(rule, BrokenRule::KeyAgreement(KeyAgreement::WrongPathSecretLength));
}

#[test]
fn a_group_info_with_the_wrong_tag_or_signature_is_refused() {
    let (people, mut carol, sent) = inviting();
    let mut forge = WelcomeForge::open(&carol, &sent.welcomes[0], &[]);
    forge.group_info.confirmation_tag = vec![0; 32].into();
    let welcome = forge.seal(&mut SeededRandom::new(1));
    let rule = broken(refusal(&mut carol, &welcome));
    assert_eq!(rule, BrokenRule::Group(Violation::GroupInfoSignature));
    forge.sign(&*people[0].signer());
    let welcome = forge.seal(&mut SeededRandom::new(1));
    let expected = treekem::Violation::WrongConfirmationTag;
    assert_eq!(broken(refusal(&mut carol, &welcome)), BrokenRule::KeyAgreement(expected));
    // A member who signs for another.
    forge.confirm();
    forge.sign(&*people[1].signer());
    let welcome = forge.seal(&mut SeededRandom::new(1));
    let joined = carol.client.join(&carol.store, &welcome, None, NOW);
    assert_eq!(group_rule(joined), Violation::GroupInfoSignature);
    assert_eq!(Insider::of(&people[0]).leaf.as_u32(), 0);
}
