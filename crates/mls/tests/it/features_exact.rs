//! Asking for exactly this: the proposals of a commit, the tree beside a Welcome, the keys of a key
//! package.

use mls::{CommitOptions, GroupInfoOptions, KeyPackageRef, Misuse, ProposalRef, Propose};
use testkit::{NOW, Person, Traits, group_of};

use crate::features_world::{FORMS, agree, commit_to_all, propose_to_all};
use crate::rules_refusal::misuse;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

fn pending(person: &mut Person) -> Vec<ProposalRef> {
    person.group().pending_proposals().map(|(reference, ..)| reference).collect()
}

#[test]
fn a_commit_covers_exactly_the_received_proposals_that_it_is_told() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, || Traits::new(1).handshakes(handshakes));
        propose_to_all(&mut people, 1, Propose::Update(Default::default()));
        propose_to_all(&mut people, 2, Propose::Update(Default::default()));
        // One that no commit can cover is no hindrance.
        propose_to_all(&mut people, 2, Propose::ExternalPsk(b"unknown".to_vec()));
        let [bobs, carols, psk] = pending(&mut people[0])[..] else { panic!("three proposals") };
        let exactly = |references: Vec<ProposalRef>| CommitOptions {
            only_received: Some(references),
            ..CommitOptions::new()
        };
        let Person { group, random, .. } = &mut people[0];
        let made = group.as_mut().unwrap().commit(exactly(vec![psk]), NOW, random);
        assert!(matches!(made.err(), Some(mls::Error::MissingPsk(_))));
        let sent = commit_to_all(&mut people, 0, exactly(vec![carols]));
        assert_eq!(sent.change.updated.len(), 2, "Carol and the committer");
        agree(&mut people);
        let Person { group, random, .. } = &mut people[0];
        let made = group.as_mut().unwrap().commit(exactly(vec![bobs]), NOW, random);
        assert_eq!(misuse(made), Misuse::NoSuchProposal, "it is gone with its epoch");
    }
}

#[test]
fn the_tree_beside_a_welcome_is_that_of_the_new_epoch() {
    let mut people = group_of(&NAMES, || Traits::new(1));
    let mut dave = Person::new("dave", Traits::new(1));
    let welcome_info = GroupInfoOptions { ratchet_tree: false, external_pub: false };
    let options = CommitOptions { welcome_info, ..CommitOptions::new() };
    let made = people[0].commit(options.add_member(dave.key_package()));
    let tree = made.pending.ratchet_tree();
    let Person { client, store, .. } = &mut dave;
    let joined = client.join(store, &made.welcomes[0].0, None, NOW);
    assert_eq!(misuse(joined), Misuse::RatchetTreeMissing);
    let joined = client.join(store, &made.welcomes[0].0, Some(tree), NOW);
    dave.group = Some(dave.save(joined));
    people[0].advance(made.pending);
    people[1].follow(&made.commit);
    people[2].follow(&made.commit);
    people.push(dave);
    agree(&mut people);
}

#[test]
fn an_exported_key_package_joins_elsewhere() {
    let mut people = group_of(&NAMES, || Traits::new(1));
    let mut dave = Person::new("dave", Traits::new(1));
    let key_package = dave.key_package();
    let suite = dave.client.config().crypto.suite(dave.suite).unwrap();
    let reference = key_package.reference(&suite).unwrap();
    let exported = dave.client.export_key_package(&dave.store, &reference).unwrap();
    let (same, init_key, leaf_key) = exported.unwrap();
    assert!(same == key_package);
    let forgotten = dave.client.delete_key_package(&reference);
    forgotten.save(&mut dave.store).unwrap();
    let export = |dave: &Person, reference: &KeyPackageRef| {
        dave.client.export_key_package(&dave.store, reference).unwrap().is_some()
    };
    assert!(!export(&dave, &reference));
    let imported = dave.client.import_key_package(same, init_key, leaf_key);
    assert!(dave.save(imported) == reference);
    assert!(export(&dave, &reference));
    let sent = commit_to_all(&mut people, 0, CommitOptions::new().add_member(key_package));
    dave.join(&sent.welcomes[0]);
    people.push(dave);
    agree(&mut people);
}
