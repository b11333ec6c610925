//! External commits that break rules, and GroupInfos that nobody should join by (RFC 9420, sections
//! 12.4.3 and 12.4.3.2).

use mls::{
    BrokenRule, ExtensionType, ExternalCommitPolicy, ExternalJoinOptions, MlsMessage, Signer,
    Violation,
};
use std::sync::Arc;
use testkit::forge::Insider;
use testkit::{NOW, Person, Traits, group_of};
use wire::{Extension, Proposal, ProposalOrRef, ProtocolVersion, Sender};

use crate::features_world::{FORMS, agree, external_commit, form, group_info, leaf_of};
use crate::rules_refusal::{group_rule, misuse, refused, rows};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

fn policy(external_commits: ExternalCommitPolicy) -> impl Fn() -> Traits {
    move || {
        let mut traits = Traits::new(1);
        traits.settings.external_commits = external_commits;
        traits
    }
}

fn resync(psk_epochs: &[u64]) -> ExternalJoinOptions {
    let resumption_psks = psk_epochs.to_vec();
    ExternalJoinOptions { resync: true, resumption_psks, ..ExternalJoinOptions::default() }
}

#[test]
fn external_commits_are_refused_where_they_are_forbidden() {
    let expected = BrokenRule::Group(Violation::ExternalCommitForbidden);
    for external_commits in [ExternalCommitPolicy::Refuse, ExternalCommitPolicy::JoinOnly] {
        let mut people = group_of(&NAMES, policy(external_commits));
        let info = group_info(&mut people[0]);
        let epoch = people[0].group().epoch();
        let mut commits = vec![external_commit(&mut people[0], &info, resync(&[epoch]))];
        if external_commits == ExternalCommitPolicy::Refuse {
            let mut dave = Person::new("dave", Traits::new(1));
            commits.push(external_commit(&mut dave, &info, ExternalJoinOptions::default()));
        }
        let [_, bob, carol] = people.as_mut_slice() else { panic!("three") };
        for commit in commits {
            assert_eq!(refused(bob, carol, &commit), expected);
        }
    }
}

/// Edge of `Violation::ExternalCommitForbidden`.
#[test]
fn a_plain_external_join_is_accepted_where_only_replacing_is_forbidden() {
    let mut people = group_of(&NAMES, policy(ExternalCommitPolicy::JoinOnly));
    let info = group_info(&mut people[0]);
    let mut dave = Person::new("dave", Traits::new(1));
    let commit = external_commit(&mut dave, &info, ExternalJoinOptions::default());
    people.iter_mut().for_each(|person| drop(person.follow(&commit)));
    people.push(dave);
    agree(&mut people);
}

#[test]
fn a_resync_without_the_psk_that_is_demanded_is_refused() {
    let mut people = group_of(&NAMES, policy(ExternalCommitPolicy::ResyncWithPsk));
    let info = group_info(&mut people[0]);
    let commit = external_commit(&mut people[0], &info, resync(&[]));
    let [_, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let expected = BrokenRule::Group(Violation::ResyncWithoutPsk);
    assert_eq!(refused(bob, carol, &commit), expected);
}

/// Edge of `Violation::ResyncWithoutPsk`.
#[test]
fn a_resync_with_the_psk_that_is_demanded_is_accepted() {
    let mut people = group_of(&NAMES, policy(ExternalCommitPolicy::ResyncWithPsk));
    let info = group_info(&mut people[0]);
    let epoch = people[0].group().epoch();
    let commit = external_commit(&mut people[0], &info, resync(&[epoch]));
    people[1..].iter_mut().for_each(|person| drop(person.follow(&commit)));
    agree(&mut people);
}

/// An external key is not proof of having been a member.
#[test]
fn a_resync_with_an_external_psk_only_is_refused() {
    let keys = || testkit::TestPsks([(b"door".to_vec(), b"value".to_vec())].into());
    let traits = || Traits { psks: keys(), ..policy(ExternalCommitPolicy::ResyncWithPsk)() };
    let mut people = group_of(&NAMES, traits);
    let info = group_info(&mut people[0]);
    let options = ExternalJoinOptions { external_psks: vec![b"door".to_vec()], ..resync(&[]) };
    let commit = external_commit(&mut people[0], &info, options);
    let [_, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let expected = BrokenRule::Group(Violation::ResyncWithoutPsk);
    assert_eq!(refused(bob, carol, &commit), expected);
}

/// What an external commit may hold (section 12.2); forged by a member who plays the joiner.
#[test]
fn external_commits_hold_nothing_but_what_they_may() {
    use tree::Violation as Tree;
    type Change = fn(&mut Vec<ProposalOrRef>);
    let cases: [(Tree, Change); 6] = [
        (Tree::ExternalInitCount, |list| list.clear()),
        (Tree::ExternalInitCount, |list| list.push(list[0].clone())),
        (Tree::ExternalCommitProposal, |list| list.push(value(own_type()))),
        (Tree::ExternalCommitProposal, |list| {
            list.push(value(Proposal::GroupContextExtensions(Default::default())));
        }),
        (Tree::ExternalCommitRemoves, |list| {
            list.extend([value(Proposal::Remove(1)), value(Proposal::Remove(2))]);
        }),
        (Tree::RemoveOfBlank, |list| list.push(value(Proposal::Remove(3)))),
    ];
    let mut people = group_of(&NAMES, form(FORMS[0]));
    for (expected, change) in cases {
        let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
        let mut insider = Insider::of(alice);
        insider.signer = signer_of("mallory");
        let mut draft = insider.draft_external(&[]);
        change(&mut draft.commit().proposals);
        let message = insider.public(draft.finish(&insider).content);
        let rule = refused(bob, carol, &message);
        assert_eq!(rule, BrokenRule::Tree(expected, None), "{expected:?}");
    }
    // As it is, it is in order.
    let mut insider = Insider::of(&people[0]);
    insider.signer = signer_of("mallory");
    let draft = insider.draft_external(&[]);
    let message = insider.public(draft.finish(&insider).content);
    assert!(people[1].follow(&message).external);
}

fn signer_of(name: &str) -> Arc<dyn Signer> {
    Person::new(name, Traits::new(1)).signer()
}

fn value(proposal: Proposal) -> ProposalOrRef {
    ProposalOrRef::Proposal(Arc::new(proposal))
}

fn own_type() -> Proposal {
    Proposal::Other(wire::ProposalType(0xf000), b"own".as_slice().into())
}

/// A joiner's commit that came in another frame than the one it must come in.
#[test]
fn an_external_commit_that_claims_to_be_a_members_is_refused() {
    let mut people = group_of(&NAMES, form(FORMS[0]));
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let mut insider = Insider::of(alice);
    let alices = std::mem::replace(&mut insider.signer, signer_of("mallory"));
    let mut draft = insider.draft_external(&[]);
    draft.content.sender = Sender::Member(0);
    insider.signer = alices;
    let message = insider.public(draft.finish(&insider).content);
    let expected = BrokenRule::Tree(tree::Violation::ExternalInitByMember, None);
    assert_eq!(refused(bob, carol, &message), expected);
}

/// The verdict of someone who would join by a GroupInfo, which leaves nothing in the store.
fn verdict(info: &MlsMessage) -> Violation {
    let mut dave = Person::new("dave", Traits::new(1));
    let options = ExternalJoinOptions::default();
    let join = dave.client.join_external(&dave.store, info, options, NOW, &mut dave.random);
    assert!(rows(&dave).is_empty());
    group_rule(join)
}

#[test]
fn a_group_info_that_lies_is_not_joined() {
    let people = group_of(&NAMES, form(FORMS[0]));
    let mut insider = Insider::of(&people[0]);
    let info = insider.group_info(|info| {
        info.extensions.0.retain(|it| it.extension_type != ExtensionType::EXTERNAL_PUB);
    });
    assert_eq!(verdict(&info), Violation::ExternalPubMissing);
    // A blank leaf, the first beyond the tree, the last there can be.
    for signer in [3, 4, u32::MAX] {
        let info = insider.group_info(|info| info.signer = signer);
        assert_eq!(verdict(&info), Violation::GroupInfoSigner);
    }
    let info = insider.group_info(|info| info.signer = 1);
    assert_eq!(verdict(&info), Violation::GroupInfoSignature);
    let mut info = insider.group_info(|_| {});
    let mls::MlsMessageBody::GroupInfo(body) = &mut info.0 else { panic!("a GroupInfo") };
    body.confirmation_tag = vec![0; 32].into();
    assert_eq!(verdict(&info), Violation::GroupInfoSignature, "the tag is signed");
    let info = insider.group_info(|info| info.group_context.version = ProtocolVersion(2));
    assert_eq!(verdict(&info), Violation::UnsupportedVersion);
    let extension =
        Extension { extension_type: ExtensionType(0xf0c0), extension_data: Default::default() };
    insider.context.extensions.set(extension);
    let info = insider.group_info(|_| {});
    assert_eq!(verdict(&info), Violation::GroupExtensionNotSupported);
}

/// Edge of `Violation::ExternalPubMissing`.
/// Edge of `Violation::GroupInfoSigner`.
/// Edge of `Violation::GroupInfoSignature`.
/// Edge of `Violation::UnsupportedVersion`.
#[test]
fn a_group_info_of_the_last_member_with_all_it_needs_is_joined() {
    let mut people = group_of(&NAMES, form(FORMS[0]));
    let insider = Insider::of(&people[2]);
    assert_eq!(insider.leaf, leaf_of(&people[2]));
    let info = insider.group_info(|_| {});
    let mut dave = Person::new("dave", Traits::new(1));
    let commit = external_commit(&mut dave, &info, ExternalJoinOptions::default());
    people.iter_mut().for_each(|person| drop(person.follow(&commit)));
    people.push(dave);
    agree(&mut people);
}

/// Edge of `Violation::GroupExtensionNotSupported`.
#[test]
fn a_group_whose_extensions_are_all_supported_is_joined() {
    let traits = || {
        let mut traits = Traits::new(1);
        traits.settings.extensions = vec![ExtensionType(0xf0c0)];
        traits
    };
    let mut people = group_of(&NAMES, traits);
    let extension_type = ExtensionType(0xf0c0);
    let extension = Extension { extension_type, extension_data: b"new".as_slice().into() };
    let change = mls::Propose::GroupContextExtensions(mls::Extensions(vec![extension]));
    let options = mls::CommitOptions::new().propose(change);
    crate::features_world::commit_to_all(&mut people, 0, options);
    let info = group_info(&mut people[0]);
    assert_eq!(verdict(&info), Violation::GroupExtensionNotSupported, "for another client");
    let mut dave = Person::new("dave", traits());
    let commit = external_commit(&mut dave, &info, ExternalJoinOptions::default());
    people.iter_mut().for_each(|person| drop(person.follow(&commit)));
    people.push(dave);
    agree(&mut people);
}

#[test]
fn a_group_info_with_the_wrong_tree_is_not_joined() {
    let people = group_of(&NAMES, form(FORMS[0]));
    let insider = Insider::of(&people[0]);
    let join = |info: &MlsMessage| {
        let mut dave = Person::new("dave", Traits::new(1));
        let options = ExternalJoinOptions::default();
        let join = dave.client.join_external(&dave.store, info, options, NOW, &mut dave.random);
        crate::rules_refusal::broken(crate::rules_refusal::error(join))
    };
    let info = insider.group_info(|info| info.group_context.tree_hash = crypto::Digest::EMPTY);
    assert_eq!(join(&info), BrokenRule::Tree(tree::Violation::WrongTreeHash, None));
    let info = insider.group_info(|info| {
        let double = info.extensions.0[0].clone();
        info.extensions.0.push(double);
    });
    assert_eq!(join(&info), BrokenRule::Tree(tree::Violation::DuplicateExtension, None));
    let info = insider.group_info(|info| {
        let external_pub = wire::ExternalPub { external_pub: vec![0; 32].into() };
        info.extensions.set(Extension::new(ExtensionType::EXTERNAL_PUB, &external_pub));
    });
    let expected = treekem::Violation::ExternalPubInvalid;
    assert_eq!(join(&info), BrokenRule::KeyAgreement(expected));
    let info = insider.group_info(|info| info.group_context.cipher_suite = crypto::CipherSuite(99));
    let mut dave = Person::new("dave", Traits::new(1));
    let options = ExternalJoinOptions::default();
    let join = dave.client.join_external(&dave.store, &info, options, NOW, &mut dave.random);
    assert_eq!(misuse(join), mls::Misuse::UnknownCipherSuite);
}
