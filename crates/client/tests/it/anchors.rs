//! Who may repair a log, and who does when that one is gone.

use crate::world::{World, assert_agreement, lines};
use client::{Account, GroupId};
use delivery_api::{LogId, PublicKey};
use rusqlite::Connection;

/// Alice, who made the group, and the others; everybody has heard of everything.
fn garden(world: &World, names: &[&str]) -> (Vec<Account>, GroupId, LogId) {
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let mut people: Vec<Account> = names.iter().map(|name| world.account(name)).collect();
    let group = alice.create_group("garden").unwrap();
    let log = transport.last_log();
    alice.add(&group, names).unwrap();
    for other in &mut people {
        other.receive().unwrap();
    }
    people.insert(0, alice);
    (people, group, log)
}

/// Everybody reads until nobody has anything to do.
fn settle(people: &mut [&mut Account]) {
    for _ in 0..3 {
        for person in people.iter_mut() {
            person.receive().unwrap();
            person.set_read().unwrap();
        }
    }
}

/// An insider closes the log, in both ways; the group goes on all the same.
fn assert_is_repaired(world: &World, people: &mut [&mut Account], (group, log): (&GroupId, LogId)) {
    for removes in [false, true] {
        world.close_log(log, removes);
        settle(people);
        let text = format!("{removes}");
        people[0].send(group, &text).unwrap();
        for person in people.iter_mut().skip(1) {
            let heard = lines(&person.receive().unwrap());
            assert!(heard.last().unwrap().ends_with(&text), "{heard:?}");
        }
    }
    assert_agreement(people, group);
}

fn have_in_common(before: &[PublicKey], after: &[PublicKey]) -> usize {
    before.iter().filter(|key| after.contains(key)).count()
}

/// How many groups' anchor keys a folder holds.
fn anchor_keys(world: &World, name: &str) -> u32 {
    let file = world.home(name).folder().join("client.sqlite3");
    let database = Connection::open(file).unwrap();
    database.query_row("SELECT count(*) FROM anchors", [], |row| row.get(0)).unwrap()
}

#[test]
fn the_successor_opens_a_log_while_the_creator_is_away() {
    let world = World::new();
    let (people, group, log) = garden(&world, &["bob", "carol"]);
    let [alice, mut bob, mut carol] = people.try_into().ok().unwrap();
    drop(alice);
    world.close_log(log, true);
    settle(&mut [&mut bob, &mut carol]);
    carol.send(&group, "on we go").unwrap();
    assert!(lines(&bob.receive().unwrap()).contains(&"carol: on we go".to_owned()));
    // The creator is an anchor as before.
    let mut alice = world.reopen("alice");
    settle(&mut [&mut alice]);
    assert_is_repaired(&world, &mut [&mut alice, &mut bob, &mut carol], (&group, log));
}

#[test]
fn who_removes_the_creator_takes_its_anchor_key_first() {
    let world = World::new();
    let (people, group, log) = garden(&world, &["bob", "carol"]);
    let [mut alice, mut bob, mut carol] = people.try_into().ok().unwrap();
    let before = world.anchors(log);
    assert_eq!(before.len(), 2);
    bob.remove(&group, &["alice"]).unwrap();
    assert_eq!(have_in_common(&before, &world.anchors(log)), 0);
    assert!(lines(&alice.receive().unwrap()).contains(&"bob removed me".to_owned()));
    drop(alice);
    assert_eq!(anchor_keys(&world, "alice"), 0);
    let heard = lines(&bob.history(&group).unwrap());
    assert!(!heard.contains(&"repaired".to_owned()), "{heard:?}");
    assert_is_repaired(&world, &mut [&mut bob, &mut carol], (&group, log));
    // And so on: the next one is Carol.
    let before = world.anchors(log);
    let mut dave = world.account("dave");
    bob.add(&group, &["dave"]).unwrap();
    settle(&mut [&mut dave, &mut carol]);
    carol.remove(&group, &["bob"]).unwrap();
    assert_eq!(have_in_common(&before, &world.anchors(log)), 0);
    assert_is_repaired(&world, &mut [&mut carol, &mut dave], (&group, log));
}

#[test]
fn whoever_lets_the_creator_go_the_successor_renews_the_keys() {
    for leaves in [false, true] {
        let world = World::new();
        let (people, group, log) = garden(&world, &["bob", "carol"]);
        let [mut alice, mut bob, mut carol] = people.try_into().ok().unwrap();
        let before = world.anchors(log);
        if leaves {
            alice.leave(&group).unwrap();
            carol.send(&group, "farewell").unwrap();
        } else {
            carol.remove(&group, &["alice"]).unwrap();
        }
        assert_eq!(world.anchors(log), before, "Carol has no say");
        settle(&mut [&mut bob, &mut carol]);
        assert_eq!(have_in_common(&before, &world.anchors(log)), 0);
        alice.receive().unwrap();
        drop(alice);
        assert_eq!(anchor_keys(&world, "alice"), 0);
        assert_is_repaired(&world, &mut [&mut bob, &mut carol], (&group, log));
    }
}

#[test]
fn a_successor_that_goes_is_replaced() {
    for by_alice in [false, true] {
        let world = World::new();
        let (people, group, log) = garden(&world, &["bob", "carol", "dave"]);
        let [mut alice, mut bob, mut carol, mut dave] = people.try_into().ok().unwrap();
        let before = world.anchors(log);
        let remover = if by_alice { &mut alice } else { &mut carol };
        remover.remove(&group, &["bob"]).unwrap();
        settle(&mut [&mut alice, &mut carol, &mut dave]);
        // The creator's own key was known to nobody else.
        assert_eq!(have_in_common(&before, &world.anchors(log)), 1);
        bob.receive().unwrap();
        drop(bob);
        assert_eq!(anchor_keys(&world, "bob"), 0);
        drop(alice);
        world.close_log(log, true);
        settle(&mut [&mut carol, &mut dave]);
        dave.send(&group, "on we go").unwrap();
        let mut alice = world.reopen("alice");
        assert_is_repaired(&world, &mut [&mut alice, &mut carol, &mut dave], (&group, log));
    }
}

#[test]
fn an_anchor_that_dies_at_any_request_of_a_renewal_carries_on() {
    let renew = |end: Option<(usize, bool)>| {
        let world = World::new();
        let (people, group, log) = garden(&world, &["bob", "carol"]);
        let [alice, bob, mut carol] = people.try_into().ok().unwrap();
        drop((alice, bob));
        let before = world.anchors(log);
        let transport = world.transport();
        let mut bob = Account::open_with(&world.home("bob"), transport.clone()).unwrap();
        if let Some((number, arrives)) = end {
            transport.end_at(number, arrives);
        }
        let removed = bob.remove(&group, &["alice"]);
        let requests = transport.requests();
        assert!(removed.is_ok() || end.is_some());
        drop(bob);
        let mut bob = world.reopen("bob");
        settle(&mut [&mut bob, &mut carol]);
        assert_eq!(have_in_common(&before, &world.anchors(log)), 0, "{end:?}");
        assert_is_repaired(&world, &mut [&mut bob, &mut carol], (&group, log));
        requests
    };
    let requests = renew(None);
    assert!(requests >= 3, "{requests}");
    for number in 0..requests {
        for arrives in [false, true] {
            renew(Some((number, arrives)));
        }
    }
}

/// Found by the simulator: who was a successor locked the log, named new keys, and was gone.
#[test]
fn a_successor_who_was_removed_and_does_not_know_yet_shuts_nobody_out() {
    let world = World::new();
    let (mut people, group, _) = garden(&world, &["bob", "carol"]);
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three people") };
    settle(&mut [alice, bob, carol]);
    carol.remove(&group, &["bob"]).unwrap();
    // It removes the creator, so the log is locked for it first.
    bob.remove(&group, &["alice"]).unwrap_err();
    settle(&mut [alice, carol]);
    carol.send(&group, "on we go").unwrap();
    alice.send(&group, "so we do").unwrap();
    settle(&mut [alice, carol]);
    assert_agreement(&mut [alice, carol], &group);
}
