//! Leaving a group: whoever is online lets the leaver go.

use crate::engine::{drive, setup};
use crate::world::{World, lines};
use client::engine::Engine;
use client::{Account, Error, GroupId, GroupState, Misuse};
use delivery_api::Name;
use testkit::NOW;

fn state(account: &mut Account) -> GroupState {
    account.group("garden").unwrap().state
}

#[test]
fn a_leaver_is_let_go_by_the_next_who_comes_online() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let [alice, bob] = &mut accounts[..] else { unreachable!() };
    bob.send(&group, "bye").unwrap();
    bob.leave(&group).unwrap();
    assert_eq!(state(bob), GroupState::Leaving);
    let refused = bob.send(&group, "one more thing").unwrap_err();
    assert!(matches!(refused, Error::Misuse(Misuse::Leaving)), "{refused}");
    // Until somebody comes, Bob is a member.
    assert!(lines(&bob.receive().unwrap()).is_empty());
    let first = lines(&alice.receive().unwrap());
    assert_eq!(first, ["bob: bye", "bob wants to leave", "bob left, by alice"]);
    assert_eq!(lines(&bob.receive().unwrap()), ["left, by alice"]);
    assert_eq!((state(alice), state(bob)), (GroupState::Active, GroupState::Left));
    assert_eq!(alice.group("garden").unwrap().members.len(), 1);
    let refused = bob.send(&group, "hello?").unwrap_err();
    assert!(matches!(refused, Error::Misuse(Misuse::Leaving)), "{refused}");
    // And may come back.
    alice.add(&group, &["bob"]).unwrap();
    bob.receive().unwrap();
    bob.send(&group, "here again").unwrap();
    assert_eq!(lines(&alice.receive().unwrap()), ["bob: here again"]);
}

#[test]
fn a_wish_that_a_commit_has_overtaken_is_proposed_again() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let [alice, bob] = &mut accounts[..] else { unreachable!() };
    bob.leave(&group).unwrap();
    // Alice has not read of it, and her commit ends the epoch it was made for.
    alice.update_keys(&group).unwrap();
    assert_eq!(alice.group("garden").unwrap().members.len(), 2);
    bob.receive().unwrap();
    assert_eq!(state(bob), GroupState::Leaving);
    alice.receive().unwrap();
    assert_eq!(alice.group("garden").unwrap().members.len(), 1);
    assert_eq!(lines(&bob.receive().unwrap()), ["left, by alice"]);
}

#[test]
fn whoever_is_removed_while_leaving_is_gone_all_the_same() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let [alice, bob] = &mut accounts[..] else { unreachable!() };
    bob.leave(&group).unwrap();
    alice.remove(&group, &["bob"]).unwrap();
    assert_eq!(lines(&bob.receive().unwrap()), ["alice removed me"]);
    assert_eq!(state(bob), GroupState::Left);
    alice.receive().unwrap();
    assert_eq!(state(alice), GroupState::Active);
}

#[test]
fn the_last_member_needs_nobody_to_leave() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice"]);
    let alice = &mut accounts[0];
    alice.leave(&group).unwrap();
    assert_eq!(lines(&alice.receive().unwrap()), ["left, by alice"]);
    assert_eq!(state(alice), GroupState::Left);
    // After a restart too.
    drop(accounts);
    assert_eq!(state(&mut world.reopen("alice")), GroupState::Left);
}

#[test]
fn all_may_leave_at_once() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let [alice, bob] = &mut accounts[..] else { unreachable!() };
    alice.leave(&group).unwrap();
    bob.leave(&group).unwrap();
    for _ in 0..2 {
        alice.receive().unwrap();
        bob.receive().unwrap();
    }
    assert_eq!((state(alice), state(bob)), (GroupState::Left, GroupState::Left));
}

fn engine(world: &World, name: &str, seed: u64) -> Engine {
    let home = world.home(name);
    let name = Name::new(name).unwrap();
    let mut engine = Engine::create(&home, &name, "by hand", setup(seed)).unwrap();
    drive(&mut engine, world, NOW, "/none");
    engine
}

fn look(engine: &mut Engine, world: &World, now: u64) -> Option<u64> {
    engine.sync().unwrap();
    drive(engine, world, now, "/none");
    engine.groups().unwrap()[0].epoch
}

#[test]
fn a_wish_to_leave_is_committed_by_one_and_after_a_while_by_any() {
    let world = World::new();
    let mut people = [("alice", 1), ("bob", 2), ("carol", 3)];
    let [mut alice, mut bob, mut carol] =
        people.each_mut().map(|(name, seed)| engine(&world, name, *seed));
    let group: GroupId = alice.create_group("garden", NOW).unwrap();
    alice.add(&group, &[Name::new("bob").unwrap(), Name::new("carol").unwrap()]).unwrap();
    for engine in [&mut alice, &mut bob, &mut carol] {
        look(engine, &world, NOW);
    }
    carol.leave(&group).unwrap();
    drive(&mut carol, &world, NOW, "/none");
    // In epoch 1 it is Bob's turn, who is away. Alice waits for him, and says for how long.
    assert_eq!(look(&mut alice, &world, NOW + 1), Some(1));
    let woken = alice.next_action(NOW + 1).unwrap();
    assert_eq!(woken, NOW + 11);
    assert_eq!(look(&mut alice, &world, woken - 1), Some(1));
    assert_eq!(look(&mut alice, &world, woken), Some(2));
    // Bob comes back, and finds nothing left to do.
    assert_eq!(look(&mut bob, &world, woken + 1), Some(2));
    assert_eq!(bob.groups().unwrap()[0].members.len(), 2);
    assert_eq!(look(&mut carol, &world, woken + 2), None);
}
