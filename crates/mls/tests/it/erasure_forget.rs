//! What is erased at once, event by event: joining, losing a race, discarding, being removed,
//! deleting.

use std::collections::BTreeSet;
use std::sync::Arc;

use mls::{
    CommitOptions, Crypto, Error, ExternalJoinOptions, GroupInfoOptions, GroupParams,
    HandshakeFormat, KeyPackageOptions, MemoryStorage, Misuse, RowKind,
};
use testkit::{NOW, Person, Traits};

use crate::erasure_history::{Haystack, contains};
use crate::erasure_trace::TracingProvider;

fn traced(name: &str) -> (Person, Arc<TracingProvider>) {
    let provider = TracingProvider::new();
    let crypto = Crypto::new(provider.clone());
    (Person::new(name, Traits { crypto, ..Traits::new(1) }), provider)
}

/// The secrets with these labels that a provider has derived so far.
fn secrets(provider: &TracingProvider, labels: &[&str]) -> BTreeSet<Vec<u8>> {
    let trace = provider.trace();
    labels.iter().flat_map(|label| trace.labelled(label)).collect()
}

/// How many of the secrets are stored.
fn stored(store: &MemoryStorage, secrets: &BTreeSet<Vec<u8>>) -> usize {
    let rows = Haystack::new(store, |_| true);
    secrets.iter().filter(|secret| rows.has(secret)).count()
}

fn count(store: &MemoryStorage, kind: RowKind) -> usize {
    store.rows().filter(|(key, _)| key.kind == kind).count()
}

#[test]
fn a_key_packages_init_key_goes_with_the_join_and_its_leaf_key_with_the_first_path() {
    let (mut alice, _) = traced("alice");
    let (mut bob, provider) = traced("bob");
    alice.create();
    let key_package = bob.key_package();
    let keys = secrets(&provider, &["private key"]);
    assert_eq!((keys.len(), stored(&bob.store, &keys)), (2, 2));
    let sent = alice.commit_and_advance(CommitOptions::new().add_member(key_package));
    bob.join(&sent.welcomes[0]);
    assert_eq!(count(&bob.store, RowKind::KeyPackage), 0);
    assert_eq!(stored(&bob.store, &keys), 1, "the leaf's key is needed, the init key is not");
    bob.commit_and_advance(CommitOptions::new());
    assert_eq!(stored(&bob.store, &keys), 0);
    assert_eq!(stored(&bob.store, &secrets(&provider, &["joiner", "welcome", "epoch", "path"])), 0);
}

#[test]
fn a_last_resort_key_package_outlives_its_joins_until_it_is_deleted() {
    let (mut bob, provider) = traced("bob");
    let options = KeyPackageOptions { last_resort: true, ..KeyPackageOptions::default() };
    let made = bob.client.key_package(bob.suite, options, NOW, &mut bob.random);
    let key_package = bob.save(made);
    let keys = secrets(&provider, &["private key"]);
    for name in ["alice", "carol"] {
        let (mut host, _) = traced(name);
        host.create();
        let options = CommitOptions::new().add_member(key_package.clone());
        bob.join(&host.commit_and_advance(options).welcomes[0]);
        assert_eq!((count(&bob.store, RowKind::KeyPackage), stored(&bob.store, &keys)), (1, 2));
        // Both groups' leaves have moved on.
        bob.commit_and_advance(CommitOptions::new());
    }
    let suite = bob.group().suite().clone();
    let reference = key_package.reference(&suite).unwrap();
    bob.client.delete_key_package(&reference).save(&mut bob.store).unwrap();
    assert_eq!(stored(&bob.store, &keys), 0);
}

/// Alice has two candidates and discards one; Bob wins.
#[test]
fn secrets_of_candidates_go_when_they_are_discarded_or_lose() {
    let ((mut alice, provider), (mut bob, _)) = (traced("alice"), traced("bob"));
    alice.create();
    let sent = alice.commit_and_advance(CommitOptions::new().add_member(bob.key_package()));
    bob.join(&sent.welcomes[0]);
    let labels = ["init", "encryption", "membership", "resumption", "private key"];
    let before = secrets(&provider, &labels);
    let candidates = [(); 2].map(|()| alice.commit(CommitOptions::new()));
    let of_both: BTreeSet<_> = secrets(&provider, &labels).difference(&before).cloned().collect();
    let with_both = stored(&alice.store, &of_both);
    assert!(with_both >= 10, "{with_both} secrets of two candidates");
    let [discarded, lost] = candidates;
    let discarded = alice.group().discard(discarded.pending);
    discarded.save(&mut alice.store).unwrap();
    assert_eq!(stored(&alice.store, &of_both), with_both / 2);
    let won = bob.commit_and_advance(CommitOptions::new());
    alice.follow(&won.commit);
    assert_eq!(stored(&alice.store, &of_both), 0);
    drop(lost);
}

#[test]
fn secrets_of_a_join_that_is_given_up_go() {
    let ((mut alice, _), (mut bob, provider)) = (traced("alice"), traced("bob"));
    alice.create();
    let Person { group, random, .. } = &mut alice;
    let options = GroupInfoOptions { ratchet_tree: true, external_pub: true };
    let info = group.as_ref().unwrap().group_info(options, random).unwrap();
    let options = ExternalJoinOptions::default();
    let join = bob.client.join_external(&bob.store, &info, options, NOW, &mut bob.random);
    let join = bob.save(join);
    let labels = ["init", "encryption", "membership", "resumption", "private key"];
    let all = secrets(&provider, &labels);
    // Two of them are private keys: the leaf's and the root's.
    assert_eq!(stored(&bob.store, &all), 6);
    assert_eq!(stored(&bob.store, &secrets(&provider, &["hpke", "dh", "path", "joiner"])), 0);
    bob.client.discard_join(&join.pending).save(&mut bob.store).unwrap();
    assert_eq!(bob.store.rows().count(), 0);
}

/// The key of an encrypted commit stays until the group advances, so that a client can read the
/// commit again after a restart; then it goes, although the epoch is kept for late messages.
#[test]
fn the_key_of_a_commit_goes_when_the_group_advances() {
    for looks_first in [false, true] {
        let ((mut alice, provider), (mut bob, _)) = (traced("alice"), traced("bob"));
        alice.create();
        let sent = alice.commit_and_advance(CommitOptions::new().add_member(bob.key_package()));
        bob.join(&sent.welcomes[0]);
        let (lost, won) = (bob.commit(CommitOptions::new()), bob.commit(CommitOptions::new()));
        // Another message of bob's has its leaf opened, so that its ratchets are stored.
        let late = bob.say("late");
        let said = bob.say("said");
        alice.hear(&said);
        if looks_first {
            drop(alice.process(&lost.commit));
        }
        alice.follow(&won.commit);
        let handshake = secrets(&provider, &["handshake"]);
        assert_eq!(stored(&alice.store, &handshake), 0, "a used handshake ratchet is stored");
        let expected = usize::from(!looks_first);
        let rows = Haystack::new(&alice.store, |kind| kind == RowKind::SecretTree);
        let trace = provider.trace();
        let lost_key = trace
            .derived
            .iter()
            .rev()
            .find(|derived| derived.label == "key" && handshake.contains(&derived.from));
        let lost_key = lost_key.unwrap();
        assert_eq!(
            usize::from(rows.has(&lost_key.secret)),
            expected,
            "the key of the commit before"
        );
        drop(trace);
        assert_eq!(alice.hear(&late), "late");
    }
}

#[test]
fn who_is_removed_keeps_nothing() {
    for handshakes in [HandshakeFormat::Private, HandshakeFormat::Public] {
        let traits = || Traits::new(1).handshakes(handshakes);
        let mut people = testkit::group_of(&["alice", "bob"], traits);
        let [alice, bob] = people.as_mut_slice() else { unreachable!() };
        let sent = alice.commit_and_advance(CommitOptions::new());
        bob.follow(&sent.commit);
        drop(bob.commit(CommitOptions::new()));
        let key_package = bob.key_package();
        let leaf = bob.group().own_leaf();
        let sent = alice.commit_and_advance(CommitOptions::new().remove_member(leaf));
        assert!(bob.follow(&sent.commit).self_removed);
        // The key package belongs to no group.
        let kinds: Vec<_> = bob.store.rows().map(|(key, _)| key.kind).collect();
        assert_eq!(kinds, [RowKind::KeyPackage]);
        assert!(bob.group().epoch_authenticator().is_empty());
        assert!((0..4).all(|epoch| bob.group().resumption_psk(epoch).is_none()));
        let exported = bob.group().export("label", b"", 16);
        assert!(matches!(exported.err(), Some(Error::Misuse(Misuse::Removed))));
        // And may come back.
        let sent = alice.commit_and_advance(CommitOptions::new().add_member(key_package));
        bob.join(&sent.welcomes[0]);
        testkit::assert_agreement(&mut [alice, bob]);
    }
}

#[test]
fn a_deleted_group_is_gone_and_others_stay() {
    let (mut alice, provider) = traced("alice");
    alice.create();
    let first = alice.group().group_id().to_vec();
    let of_first = secrets(&provider, &["init", "membership"]);
    let params =
        GroupParams { group_id: Some(b"second".to_vec()), ..GroupParams::new(alice.suite) };
    let made = alice.client.create_group(&alice.store, params, NOW, &mut alice.random);
    alice.save(made);
    let all = secrets(&provider, &["init", "membership"]);
    assert_eq!((stored(&alice.store, &of_first), stored(&alice.store, &all)), (2, 4));
    alice.client.delete_group(&first).save(&mut alice.store).unwrap();
    assert_eq!((stored(&alice.store, &of_first), stored(&alice.store, &all)), (0, 2));
    assert_eq!(alice.client.group_ids(&alice.store).unwrap(), [b"second"]);
}

#[test]
fn what_is_said_is_not_stored() {
    let ((mut alice, _), (mut bob, _)) = (traced("alice"), traced("bob"));
    alice.create();
    let sent = alice.commit_and_advance(CommitOptions::new().add_member(bob.key_package()));
    bob.join(&sent.welcomes[0]);
    let said = alice.say("for nobody else's eyes");
    bob.hear(&said);
    for person in [&alice, &bob] {
        assert!(!contains(&person.store, b"for nobody else's eyes"));
    }
}
