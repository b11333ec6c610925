//! Races: whoever loses catches up and tries again on top of the winner.

use crate::world::{World, assert_agreement, lines};
use client::EventKind;

#[test]
fn a_commit_that_lost_is_issued_again_on_top_of_the_winner() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob", "carol"]);
    let dave = world.account("dave");
    let [alice, bob, carol] = &mut accounts[..] else { unreachable!() };
    // Nobody has read what the one before did.
    alice.update_keys(&group).unwrap();
    bob.add(&group, &["dave"]).unwrap();
    carol.update_keys(&group).unwrap();
    let heard = lines(&alice.receive().unwrap());
    assert_eq!(heard, ["bob added dave", "carol updated"]);
    let mut dave = dave;
    assert_agreement(&mut [alice, bob, carol, &mut dave], &group);
    assert_eq!(alice.group("garden").unwrap().epoch, Some(4));
}

#[test]
fn two_who_want_the_same_get_it_once() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob", "carol"]);
    let mut dave = world.account("dave");
    let [alice, bob, carol] = &mut accounts[..] else { unreachable!() };
    alice.add(&group, &["dave"]).unwrap();
    bob.add(&group, &["dave"]).unwrap();
    alice.remove(&group, &["carol"]).unwrap();
    bob.remove(&group, &["carol"]).unwrap();
    assert_eq!(carol.receive().unwrap().len(), 2);
    assert_agreement(&mut [alice, bob, &mut dave], &group);
    assert_eq!(alice.group("garden").unwrap().epoch, Some(3));
}

#[test]
fn a_message_for_an_epoch_that_is_over_is_encrypted_again() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let [alice, bob] = &mut accounts[..] else { unreachable!() };
    alice.update_keys(&group).unwrap();
    let done = bob.send(&group, "late").unwrap();
    assert_eq!((done.position.0, done.epoch), (3, 2));
    assert_eq!(lines(&alice.receive().unwrap()), ["bob: late"]);
    // What Bob learned on the way is told once he asks.
    assert_eq!(lines(&bob.receive().unwrap()), ["alice updated"]);
    assert_agreement(&mut [alice, bob], &group);
}

#[test]
fn a_commit_is_merged_behind_the_messages_that_came_before_it() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob", "carol"]);
    let [alice, bob, carol] = &mut accounts[..] else { unreachable!() };
    alice.send(&group, "first").unwrap();
    carol.send(&group, "second").unwrap();
    // Messages do not move the head, so Bob's commit wins, at a position behind both.
    let done = bob.update_keys(&group).unwrap();
    assert_eq!(done.position.0, 4);
    assert_eq!(lines(&bob.receive().unwrap()), ["alice: first", "carol: second"]);
    assert_agreement(&mut [alice, bob, carol], &group);
}

#[test]
fn many_who_commit_at_once_all_have_their_turn() {
    let world = World::new();
    let names = ["alice", "bob", "carol", "dave", "erin"];
    let (accounts, group) = world.group(&names);
    let threads: Vec<_> = accounts
        .into_iter()
        .map(|mut account| {
            let group = group.clone();
            std::thread::spawn(move || {
                for number in 0..4 {
                    account.update_keys(&group).unwrap();
                    account.send(&group, &format!("{} {number}", account.name())).unwrap();
                }
                account
            })
        })
        .collect();
    let mut accounts: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    for account in &mut accounts {
        account.receive().unwrap();
    }
    let view = |account: &mut client::Account| {
        let mut events = account.history(&group).unwrap();
        events.sort_by_key(|event| event.position);
        let messages = events.into_iter().filter_map(|event| match event.kind {
            EventKind::Message { from, text, .. } => {
                assert!(text.starts_with(&from));
                Some((event.position, event.epoch, text))
            }
            _ => None,
        });
        messages.collect::<Vec<_>>()
    };
    let expected = view(&mut accounts[0]);
    assert_eq!(expected.len(), names.len() * 4);
    for account in &mut accounts[1..] {
        assert_eq!(view(account), expected);
    }
    assert_eq!(accounts[0].group("garden").unwrap().epoch, Some(1 + 5 * 4));
    let mut all: Vec<_> = accounts.iter_mut().collect();
    assert_agreement(&mut all, &group);
}

#[test]
fn fifty_who_commit_at_once_converge_and_the_slowest_gets_its_commit_in() {
    const COUNT: usize = 50;
    let world = World::new();
    let names: Vec<String> = (0..COUNT).map(|number| format!("member-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (accounts, group) = world.group(&names);
    let start = std::sync::Arc::new(std::sync::Barrier::new(COUNT));
    let threads: Vec<_> = accounts
        .into_iter()
        .map(|mut account| {
            let (group, start) = (group.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                let done = account.update_keys(&group).unwrap();
                (account, done)
            })
        })
        .collect();
    let (mut accounts, done): (Vec<_>, Vec<_>) =
        threads.into_iter().map(|thread| thread.join().unwrap()).unzip();
    // Each has had a turn of its own, and no two the same.
    let epochs: std::collections::BTreeSet<u64> = done.iter().map(|done| done.epoch).collect();
    assert_eq!(epochs, (2..2 + COUNT as u64).collect());
    let mut all: Vec<_> = accounts.iter_mut().collect();
    assert_agreement(&mut all, &group);
    assert_eq!(accounts[0].group("garden").unwrap().epoch, Some(1 + COUNT as u64));
}

#[test]
fn who_wants_what_a_winner_has_done_already_has_it_done() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob", "carol"]);
    let mut dave = world.account("dave");
    let [alice, bob, carol] = &mut accounts[..] else { unreachable!() };
    // Bob wants two things, one of which Alice was faster with.
    let erin = world.account("erin");
    alice.add(&group, &["dave"]).unwrap();
    let done = bob.add(&group, &["dave", "erin"]).unwrap();
    assert_eq!(done.epoch, 3);
    alice.rename(&group, "orchard").unwrap();
    let done = bob.rename(&group, "orchard").unwrap();
    assert_eq!(done.epoch, 4);
    carol.rename(&group, "meadow").unwrap();
    let mut erin = erin;
    assert_agreement(&mut [alice, bob, carol, &mut dave, &mut erin], &group);
    assert_eq!(alice.groups().unwrap()[0].name, "meadow");
}
