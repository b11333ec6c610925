//! Two handles of one stored group: the one that is behind the store writes nothing.

use mls::{CommitOptions, Error, ExternalJoinOptions, Group, Misuse, Received, Storage};
use testkit::{NOW, Person, Traits, group_of};

use crate::features_world::{external_commit, group_info};

fn three() -> Vec<Person> {
    group_of(&["alice", "bob", "carol"], || Traits::new(1))
}

fn load(person: &Person, group_id: &[u8]) -> Group {
    person.client.load_group(&person.store, group_id).unwrap().unwrap()
}

fn rows(person: &Person) -> Vec<(mls::RowKey, Vec<u8>)> {
    let rows = person.store.rows();
    rows.map(|(key, value)| (key.clone(), value.expose().to_vec())).collect()
}

fn is_stale<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Misuse(Misuse::Stale)))
}

#[test]
fn of_two_handles_only_the_first_to_speak_can_be_saved() {
    let mut people = three();
    let [alice, bob, _] = people.as_mut_slice() else { unreachable!() };
    let group_id = alice.group().group_id().to_vec();
    let mut second = load(alice, &group_id);
    let said = alice.say("with a key of the first generation");
    bob.hear(&said);
    let before = rows(alice);
    let Person { store, random, .. } = &mut *alice;
    let effect = second.protect(b"with the same key", b"", random).unwrap();
    assert!(is_stale(effect.save(store)));
    assert!(rows(alice) == before, "a stale handle has written");
    // It stays out, also with what it would do next.
    let random = &mut alice.random;
    let next = second.protect(b"and again", b"", random);
    assert!(matches!(next, Err(Error::Misuse(Misuse::Unsaved))));
    // Who is loaded anew goes on.
    alice.restart();
    let said = alice.say("with the next");
    bob.hear(&said);
}

#[test]
fn a_stale_handle_without_the_tree_leaves_no_secrets_of_an_epoch_that_is_over() {
    let mut people = three();
    let [alice, bob, _] = people.as_mut_slice() else { unreachable!() };
    let group_id = alice.group().group_id().to_vec();
    let mut opened = alice.client.open_group(&alice.store, &group_id).unwrap().unwrap();
    let sent = bob.commit_and_advance(CommitOptions::new());
    alice.follow(&sent.commit);
    let before = rows(alice);
    let Person { store, random, .. } = &mut *alice;
    let effect = opened.protect(b"in the epoch before", b"", random).unwrap();
    assert!(is_stale(effect.save(store)));
    assert!(rows(alice) == before, "secrets of an ended epoch are stored");
}

#[test]
fn a_handle_of_an_earlier_membership_does_not_fit_the_new_one() {
    let mut people = three();
    let [alice, bob, _] = people.as_mut_slice() else { unreachable!() };
    let group_id = alice.group().group_id().to_vec();
    let mut old = load(alice, &group_id);
    let info = group_info(bob);
    let options = ExternalJoinOptions { resync: true, ..ExternalJoinOptions::default() };
    let commit = external_commit(alice, &info, options);
    bob.follow(&commit);
    let before = rows(alice);
    // The commit that replaces the former self, merged late by whoever still has that one.
    let Received::Commit(staged) = old.process(&commit, NOW).unwrap().into_parts().0 else {
        panic!("a commit")
    };
    let moved = old.advance(*staged).unwrap();
    assert!(is_stale(moved.save(&mut alice.store)), "it would delete the new membership");
    assert!(rows(alice) == before);
    let said = alice.say("from the new one");
    bob.hear(&said);
}

#[test]
fn deltas_appended_in_order_apply_and_in_another_order_do_not() {
    let mut people = three();
    let alice = &mut people[0];
    for in_order in [false, true] {
        let Person { group, store, random, .. } = &mut *alice;
        let group = group.as_mut().unwrap();
        let mut protect = |text| group.protect(text, b"", random).unwrap().into_parts().1;
        let (mut first, mut second) = (protect(b"one"), protect(b"two"));
        let outcome = if in_order {
            first.append(second);
            store.write(&first)
        } else {
            second.append(first);
            store.write(&second)
        };
        assert_eq!(outcome.is_ok(), in_order);
        assert!(outcome.err().is_none_or(|error| error.is_stale()));
        alice.restart();
    }
}
