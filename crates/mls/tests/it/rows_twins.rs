//! A group that is loaded from its rows does and knows what the one in memory does and knows, after
//! every operation of random histories.

use crypto::{CipherSuite, SuiteParams};
use mls::{
    CommitOptions, Crypto, Error, HandshakeFormat, Limit, ProtectionLimit, RowKind, Settings,
};
use testkit::{Person, Traits, assert_agreement, group_of};

use crate::rows_history::History;

fn history(seed: u64, handshakes: HandshakeFormat, past_epochs_max: usize) {
    let settings = Settings { handshakes, past_epochs_max, ..Settings::default() };
    let mut history = History::new(4, seed, true, &settings);
    for _ in 0..150 {
        history.step();
    }
    assert!(history.taken.iter().all(|&count| count > 0), "{:?}", history.taken);
    assert!(history.gaps_filled > 3, "{} gaps", history.gaps_filled);
    assert!(history.members().len() > 1);
}

#[test]
fn loaded_groups_are_twins_of_those_in_memory_encrypted_handshakes() {
    history(1, HandshakeFormat::Private, 3);
    history(2, HandshakeFormat::Private, 0);
}

#[test]
fn loaded_groups_are_twins_of_those_in_memory_public_handshakes() {
    history(3, HandshakeFormat::Public, 3);
    history(4, HandshakeFormat::Public, 1);
}

fn pages(person: &Person) -> usize {
    person.store.rows().filter(|(key, _)| key.kind == RowKind::TreePage).count()
}

#[test]
fn rows_of_pages_go_when_the_tree_shrinks() {
    let names: Vec<String> = (0..9).map(|number| format!("person {number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut people = group_of(&names, || Traits::new(1));
    let mut last = people.pop().unwrap();
    for _ in 0..2 {
        // Eight leaves share a page; the ninth has one, and the root above both.
        assert!(people.iter().chain([&last]).all(|person| pages(person) == 3));
        // Whoever is on the right has keys in nodes that are cut off later.
        let sent = last.commit_and_advance(CommitOptions::new());
        people.iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
        let leaf = last.group().own_leaf();
        let sent = people[0].commit_and_advance(CommitOptions::new().remove_member(leaf));
        people[1..].iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
        assert!(people.iter().all(|person| pages(person) == 1));
        people[1].restart();
        assert_agreement(&mut people.iter_mut().collect::<Vec<_>>());
        last = Person::new("the last again", Traits::new(1));
        let options = CommitOptions::new().add_member(last.key_package());
        let sent = people[1].commit_and_advance(options);
        last.join(&sent.welcomes[0]);
        for (number, person) in people.iter_mut().enumerate() {
            if number != 1 {
                person.follow(&sent.commit);
            }
        }
    }
}

#[test]
fn what_was_encrypted_in_an_epoch_counts_after_a_restart_too() {
    let mut crypto = Crypto::new(crypto_aws_lc::provider());
    let params = *crypto.suite(CipherSuite(1)).unwrap().params();
    // A suite whose keys of an epoch protect four messages.
    crypto.register(SuiteParams { id: CipherSuite(0xf001), aead_messages_log2_max: 2, ..params });
    let traits = || Traits { crypto: crypto.clone(), ..Traits::new(0xf001) };
    let mut people = group_of(&["alice", "bob"], traits);
    let [alice, bob] = people.as_mut_slice() else { unreachable!() };
    for _ in 0..4 {
        let message = alice.say("one of four");
        bob.hear(&message);
        alice.restart();
    }
    let Person { group, random, .. } = alice;
    let fifth = group.as_mut().unwrap().protect(b"five", b"", random);
    assert!(matches!(
        fifth.err(),
        Some(Error::Limit(Limit::Protection(ProtectionLimit::AeadUsage)))
    ));
    let sent = bob.commit_and_advance(CommitOptions::new());
    alice.follow(&sent.commit);
    bob.hear(&alice.say("the first of another epoch"));
}
