//! Folders that were copied or put back: found out before anything is sent with their keys.

use crate::world::{World, assert_agreement, lines};
use client::{Account, GroupId, Home};
use std::path::Path;

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Alice, whose folder is closed, and Bob.
fn pair(world: &World) -> (Account, GroupId) {
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let bob = accounts.pop().unwrap();
    drop(accounts);
    (bob, group)
}

#[test]
fn an_older_copy_of_the_folder_takes_fresh_keys_before_it_sends() {
    let world = World::new();
    let (mut bob, group) = pair(&world);
    let (home, backup) = (world.folder("alice"), world.folder("backup"));
    copy(&home, &backup);
    let mut alice = world.reopen("alice");
    alice.send(&group, "one").unwrap();
    drop(alice);
    copy(&backup, &home);
    let transport = world.transport();
    let mut alice = Account::open_with(&world.home("alice"), transport.clone()).unwrap();
    alice.send(&group, "two").unwrap();
    let asked = transport.asked();
    let about_the_log = asked.iter().filter(|path| path.starts_with("/v1/logs/"));
    let kinds: Vec<&str> = about_the_log.map(|path| path.rsplit('/').next().unwrap()).collect();
    assert_eq!(kinds, ["entries", "commits", "entries"], "read, fresh keys, message");
    let heard = lines(&bob.receive().unwrap());
    assert_eq!(heard, ["alice: one", "alice updated", "alice: two"]);
    assert_eq!(lines(&alice.receive().unwrap()), ["SentElsewhere"]);
    assert_agreement(&mut [&mut alice, &mut bob], &group);
    // The doubt is over.
    alice.send(&group, "three").unwrap();
    assert_eq!(lines(&bob.receive().unwrap()), ["alice: three"]);
}

#[test]
fn an_older_copy_that_is_only_opened_takes_fresh_keys_too() {
    let world = World::new();
    let (mut bob, group) = pair(&world);
    let (home, backup) = (world.folder("alice"), world.folder("backup"));
    copy(&home, &backup);
    let mut alice = world.reopen("alice");
    alice.send(&group, "one").unwrap();
    drop(alice);
    copy(&backup, &home);
    let mut alice = world.reopen("alice");
    assert_eq!(lines(&alice.receive().unwrap()), ["SentElsewhere"]);
    assert_eq!(lines(&bob.receive().unwrap()), ["alice: one", "alice updated"]);
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}

#[test]
fn a_folder_without_a_double_reads_once_and_changes_no_keys() {
    let world = World::new();
    let (mut bob, group) = pair(&world);
    let transport = world.transport();
    let mut alice = Account::open_with(&world.home("alice"), transport.clone()).unwrap();
    bob.send(&group, "from bob").unwrap();
    alice.send(&group, "one").unwrap();
    alice.send(&group, "two").unwrap();
    let asked = transport.asked();
    let about_the_log = asked.iter().filter(|path| path.starts_with("/v1/logs/"));
    assert_eq!(about_the_log.count(), 3, "{asked:?}");
    assert_eq!(lines(&bob.receive().unwrap()), ["alice: one", "alice: two"]);
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}

#[test]
fn of_two_copies_that_take_turns_every_accepted_message_is_heard() {
    let world = World::new();
    let (mut bob, group) = pair(&world);
    let folders = [world.folder("alice"), world.folder("copy")];
    copy(&folders[0], &folders[1]);
    let mut accepted = Vec::new();
    for round in 0..6 {
        let home = Home::unprotected(&folders[round % 2]);
        let mut alice = Account::open_with(&home, world.transport()).unwrap();
        let text = format!("round {round}");
        if alice.send(&group, &text).is_ok() {
            accepted.push(format!("alice: {text}"));
        }
    }
    // One of the two is told to stay out; the other goes on.
    assert!(accepted.len() >= 3, "{accepted:?}");
    let heard = lines(&bob.receive().unwrap());
    let heard: Vec<String> = heard.into_iter().filter(|line| line.contains("round")).collect();
    assert_eq!(heard, accepted, "a message under a used key is heard by nobody");
}
