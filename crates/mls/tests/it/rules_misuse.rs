//! What a caller can do wrong: each misuse is named, and nothing changes.

use mls::{
    CipherSuite, Client, CommitOptions, Error, Extension, ExtensionType, Extensions,
    ExternalJoinOptions, GroupInfoOptions, GroupParams, LeafChanges, Misuse, MlsMessage,
    MlsMessageBody, PathChoice, Propose, Secret,
};
use testkit::{NOW, Person, Traits, group_of};
use wire::COMMIT_PROPOSALS_MAX;

use crate::features_world::{
    FORMS, candidate, commit_to_all, form, group_info, leaf_of, propose_to_all,
};
use crate::rules_refusal::{Snapshot, misuse, rows};

const NAMES: [&str; 2] = ["alice", "bob"];

fn people() -> Vec<Person> {
    group_of(&NAMES, form(FORMS[0]))
}

/// What a commit with these options comes to; the group is as it was.
fn commit(person: &mut Person, options: CommitOptions) -> Misuse {
    let before = Snapshot::of(person);
    let Person { group, random, .. } = &mut *person;
    let misuse = misuse(group.as_mut().unwrap().commit(options, NOW, random));
    assert!(Snapshot::of(person) == before);
    misuse
}

#[test]
fn messages_of_the_wrong_kind_are_named_as_such() {
    let mut people = people();
    let key_package = MlsMessage(MlsMessageBody::KeyPackage(Box::new(people[0].key_package())));
    let info = group_info(&mut people[0]);
    let mut carol = Person::new("carol", Traits::new(1));
    let options = CommitOptions::new().add_member(carol.key_package());
    let welcome = people[0].commit(options).welcomes.remove(0).0;
    let text = people[0].say("text");
    let wrong = Misuse::WrongMessageKind;
    for message in [&key_package, &info, &welcome] {
        assert_eq!(misuse(people[1].group().process(message, NOW)), wrong);
    }
    for message in [&key_package, &info, &text] {
        assert_eq!(misuse(carol.client.join(&carol.store, message, None, NOW)), wrong);
        assert_eq!(misuse(carol.client.examine_welcome(&carol.store, message)), wrong);
    }
    for message in [&key_package, &welcome, &text] {
        let options = ExternalJoinOptions::default();
        let Person { client, store, random, .. } = &mut carol;
        assert_eq!(misuse(client.join_external(store, message, options, NOW, random)), wrong);
    }
}

#[test]
fn a_suite_that_nobody_knows_and_a_scheme_without_a_key_are_named() {
    let mut alice = Person::new("alice", Traits::new(1));
    let Person { client, store, random, .. } = &mut alice;
    let mut create = |suite| {
        let params = GroupParams::new(CipherSuite(suite));
        misuse(client.create_group(store, params, NOW, random))
    };
    assert_eq!(create(0), Misuse::UnknownCipherSuite);
    assert_eq!(create(0xf000), Misuse::UnknownCipherSuite);
    // The suite is known, but its signatures are made with another kind of key.
    assert_eq!(create(2), Misuse::NoSigner);
    let options = Default::default();
    let made = client.key_package(CipherSuite(2), options, NOW, random);
    assert_eq!(misuse(made), Misuse::NoSigner);
    assert!(rows(&alice).is_empty());
}

#[test]
fn a_client_that_lost_its_signature_key_cannot_speak() {
    let mut people = people();
    let mut config = people[0].client.config().clone();
    config.signers.clear();
    people[0].client = Client::new(config);
    people[0].restart();
    assert_eq!(commit(&mut people[0], CommitOptions::new()), Misuse::NoSigner);
    let Person { group, random, .. } = &mut people[0];
    let group = group.as_mut().unwrap();
    assert_eq!(misuse(group.protect(b"text", b"", random)), Misuse::NoSigner);
    // It still hears.
    let text = people[1].say("can you hear me?");
    assert_eq!(people[0].hear(&text), "can you hear me?");
}

#[test]
fn nothing_is_sent_while_proposals_are_pending() {
    let mut people = people();
    propose_to_all(&mut people, 1, Propose::Update(LeafChanges::default()));
    for person in &mut people {
        let Person { group, random, .. } = person;
        let said = group.as_mut().unwrap().protect(b"text", b"", random);
        assert_eq!(misuse(said), Misuse::ProposalsPending);
    }
    commit_to_all(&mut people, 0, CommitOptions::new());
    let text = people[1].say("now");
    assert_eq!(people[0].hear(&text), "now");
}

#[test]
fn whoever_was_removed_can_do_nothing_any_more() {
    let mut people = people();
    let bob = leaf_of(&people[1]);
    let sent = people[0].commit_and_advance(CommitOptions::new().remove_member(bob));
    people[1].follow(&sent.commit);
    let text = people[0].say("gone?");
    let Person { group, random, .. } = &mut people[1];
    let group = group.as_mut().unwrap();
    assert_eq!(misuse(group.process(&text, NOW)), Misuse::Removed);
    assert_eq!(misuse(group.protect(b"text", b"", random)), Misuse::Removed);
    assert_eq!(misuse(group.commit(CommitOptions::new(), NOW, random)), Misuse::Removed);
    assert_eq!(misuse(group.export("label", b"", 32)), Misuse::Removed);
    assert_eq!(misuse(group.group_info(Default::default(), random)), Misuse::Removed);
}

#[test]
fn a_candidate_serves_for_its_own_epoch_only() {
    let mut people = people();
    let stale = candidate(&mut people[0]);
    let Ok(received) = people[1].group().process(&stale.commit, NOW) else { panic!("valid") };
    let mls::Received::Commit(staged) = received.into_parts().0 else { panic!("a commit") };
    let sent = people[1].commit_and_advance(CommitOptions::new());
    people[0].follow(&sent.commit);
    let before = Snapshot::of(&people[0]);
    assert_eq!(misuse(people[0].group().advance(stale.pending)), Misuse::StaleEpoch);
    assert!(Snapshot::of(&people[0]) == before);
    assert_eq!(misuse(people[1].group().advance(*staged)), Misuse::StaleEpoch);
    crate::features_world::agree(&mut people);
}

#[test]
fn a_group_does_not_replace_another_of_the_same_id() {
    let mut people = people();
    let group_id = people[0].group().group_id().to_vec();
    let info = group_info(&mut people[0]);
    let before = rows(&people[1]);
    let Person { client, store, random, .. } = &mut people[1];
    let params =
        GroupParams { group_id: Some(group_id.clone()), ..GroupParams::new(CipherSuite(1)) };
    let created = client.create_group(store, params, NOW, random);
    assert_eq!(misuse(created), Misuse::GroupExists);
    let options = ExternalJoinOptions::default();
    let joined = client.join_external(store, &info, options, NOW, random);
    assert_eq!(misuse(joined), Misuse::GroupExists);
    assert!(rows(&people[1]) == before);
    // A Welcome to the group that Bob is in already: Mallory founds one of that name.
    let mut mallory = Person::new("mallory", Traits::new(1));
    let Person { client, store, random, .. } = &mut mallory;
    let params = GroupParams { group_id: Some(group_id), ..GroupParams::new(CipherSuite(1)) };
    let created = client.create_group(store, params, NOW, random);
    mallory.group = Some(mallory.save(created));
    let key_package = people[1].key_package();
    let sent = mallory.commit_and_advance(CommitOptions::new().add_member(key_package));
    let before = rows(&people[1]);
    let Person { client, store, .. } = &mut people[1];
    let joined = client.join(store, &sent.welcomes[0], None, NOW);
    assert_eq!(misuse(joined), Misuse::GroupExists);
    assert!(rows(&people[1]) == before);
}

#[test]
fn a_tree_that_is_nowhere_is_missed() {
    let mut people = people();
    let mut carol = Person::new("carol", Traits::new(1));
    let mut options = CommitOptions::new().add_member(carol.key_package());
    options.welcome_info = GroupInfoOptions { ratchet_tree: false, external_pub: false };
    let sent = commit_to_all(&mut people, 0, options);
    let joined = carol.client.join(&carol.store, &sent.welcomes[0], None, NOW);
    assert_eq!(misuse(joined), Misuse::RatchetTreeMissing);
    let Person { group, random, .. } = &mut people[0];
    let options = GroupInfoOptions { ratchet_tree: false, external_pub: true };
    let info = group.as_ref().unwrap().group_info(options, random).unwrap();
    let mut dave = Person::new("dave", Traits::new(1));
    let options = ExternalJoinOptions::default();
    let Person { client, store, random, .. } = &mut dave;
    let joined = client.join_external(store, &info, options, NOW, random);
    assert_eq!(misuse(joined), Misuse::RatchetTreeMissing);
}

#[test]
fn who_was_never_a_member_has_no_former_self() {
    let mut people = people();
    let info = group_info(&mut people[0]);
    let mut carol = Person::new("carol", Traits::new(1));
    let options = ExternalJoinOptions { resync: true, ..ExternalJoinOptions::default() };
    let Person { client, store, random, .. } = &mut carol;
    let joined = client.join_external(store, &info, options, NOW, random);
    assert_eq!(misuse(joined), Misuse::NoSuchMember);
}

#[test]
fn a_commit_that_nobody_would_read_is_not_made() {
    let mut people = people();
    let bob = people[1].group().own_leaf();
    let removes =
        |count| (0..count).fold(CommitOptions::new(), |options, _| options.remove_member(bob));
    let refused = commit(&mut people[0], removes(COMMIT_PROPOSALS_MAX + 1));
    assert_eq!(refused, Misuse::TooManyProposals);
    // One fewer are too many for Bob alone.
    let Person { group, random, .. } = &mut people[0];
    let made = group.as_mut().unwrap().commit(removes(COMMIT_PROPOSALS_MAX), NOW, random);
    assert!(matches!(made.err(), Some(Error::Violation(_))));
}

#[test]
fn changes_of_the_leaf_need_a_path() {
    let mut people = people();
    let carol = Person::new("carol", Traits::new(1)).key_package();
    let options = || {
        let path = PathChoice::IfRequired;
        let credential = Some(mls::Credential::basic(b"alice the second"));
        let leaf = LeafChanges { credential, ..LeafChanges::default() };
        CommitOptions { path, leaf, ..CommitOptions::new() }
    };
    let refused = commit(&mut people[0], options().add_member(carol));
    assert_eq!(refused, Misuse::PathRequired);
    // Where there is a path anyway, there is no objection.
    commit_to_all(&mut people, 0, options());
}

#[test]
fn a_group_with_extensions_that_its_founder_lacks_is_not_created() {
    let mut alice = Person::new("alice", Traits::new(1));
    let extension_type = ExtensionType(0xf0c0);
    let extension = Extension { extension_type, extension_data: Default::default() };
    let params =
        GroupParams { extensions: Extensions(vec![extension]), ..GroupParams::new(CipherSuite(1)) };
    let Person { client, store, random, .. } = &mut alice;
    let created = client.create_group(store, params, NOW, random);
    assert_eq!(misuse(created), Misuse::NotInOwnCapabilities);
}

#[test]
fn a_key_package_is_not_imported_with_keys_that_are_not_its_own() {
    let mut alice = Person::new("alice", Traits::new(1));
    let key_package = alice.key_package();
    let mut bob = Person::new("bob", Traits::new(1));
    let mut key = || Secret::random(32, &mut bob.random).unwrap();
    let (init, leaf) = (key(), key());
    let imported = bob.client.import_key_package(key_package, init, leaf);
    assert_eq!(misuse(imported), Misuse::KeyMismatch);
}

#[test]
fn an_update_belongs_into_a_message_of_its_own() {
    let mut people = people();
    let update = Propose::Update(LeafChanges::default());
    let refused = commit(&mut people[0], CommitOptions::new().propose(update));
    assert_eq!(refused, Misuse::UpdateOutOfPlace);
    let leaf = (*people[0].group().member(0).unwrap().leaf).clone();
    let made_elsewhere = Propose::Raw(Box::new(wire::Proposal::Update(Box::new(leaf))));
    let before = Snapshot::of(&people[0]);
    let Person { group, random, .. } = &mut people[0];
    let proposed = group.as_mut().unwrap().propose(made_elsewhere, b"", NOW, random);
    assert_eq!(misuse(proposed), Misuse::UpdateOutOfPlace);
    assert!(Snapshot::of(&people[0]) == before);
}

#[test]
fn a_group_that_is_ahead_of_its_store_is_loaded_again() {
    let mut people = people();
    let Person { group, random, .. } = &mut people[0];
    let group = group.as_mut().unwrap();
    drop(group.protect(b"never sent", b"", random).unwrap());
    assert_eq!(misuse(group.protect(b"text", b"", random)), Misuse::Unsaved);
    assert_eq!(misuse(group.commit(CommitOptions::new(), NOW, random)), Misuse::Unsaved);
    let text = people[1].say("hello");
    assert_eq!(misuse(people[0].group().process(&text, NOW)), Misuse::Unsaved);
    people[0].restart();
    assert_eq!(people[0].hear(&text), "hello");
}
