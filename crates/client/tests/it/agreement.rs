//! What a group's members agree on: its policy and its name.

use crate::world::{World, assert_agreement, lines};
use client::{Account, Error, GroupId, GroupPolicy, Misuse};
use delivery_api::Name;

fn admins(names: &[&str]) -> GroupPolicy {
    let admins = names.iter().map(|name| Name::new(name).unwrap()).collect();
    GroupPolicy { admins, ..GroupPolicy::default() }
}

#[test]
fn everybody_learns_of_another_policy_and_name_and_of_who_made_them() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob", "carol"]);
    let [alice, bob, carol] = &mut accounts[..] else { unreachable!() };
    bob.set_policy(&group, &admins(&["alice"])).unwrap();
    alice.rename(&group, "shed").unwrap();
    let expected = ["bob changed admins: everybody -> alice", "alice renamed garden to shed"];
    assert_eq!(lines(&carol.receive().unwrap()), expected);
    for account in [&mut *alice, &mut *bob, &mut *carol] {
        account.receive().unwrap();
        assert_eq!(account.policy(&group).unwrap(), admins(&["alice"]));
        assert_eq!(account.group("shed").unwrap().id, group);
    }
    // Also those who come later.
    let mut dave = world.account("dave");
    let refused = bob.add(&group, &["dave"]).unwrap_err();
    assert!(matches!(refused, Error::Misuse(Misuse::NotAnAdmin)), "{refused}");
    alice.add(&group, &["dave"]).unwrap();
    dave.receive().unwrap();
    assert_eq!(dave.policy(&group).unwrap(), admins(&["alice"]));
    assert_agreement(&mut [alice, bob, carol, &mut dave], &group);
}

#[test]
fn what_is_so_already_takes_no_commit() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let [alice, bob] = &mut accounts[..] else { unreachable!() };
    alice.rename(&group, "shed").unwrap();
    // Bob has not heard of it yet: his wish is looked at again on top of hers, and is done.
    let done = bob.rename(&group, "shed").unwrap();
    assert_eq!(done.epoch, 2);
    bob.set_policy(&group, &GroupPolicy::default()).unwrap();
    assert_agreement(&mut [alice, bob], &group);
    assert_eq!(alice.group("shed").unwrap().epoch, Some(2));
}

#[test]
fn a_wish_that_lost_to_a_policy_which_forbids_it_says_so() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let [alice, bob] = &mut accounts[..] else { unreachable!() };
    alice.set_policy(&group, &admins(&["alice"])).unwrap();
    let refused = bob.rename(&group, "shed").unwrap_err();
    assert!(matches!(refused, Error::Misuse(Misuse::Policy(_))), "{refused}");
    assert_agreement(&mut [alice, bob], &group);
    assert_eq!(bob.group("garden").unwrap().epoch, Some(2));
}

#[test]
fn policies_and_names_outside_their_bounds_are_refused() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice"]);
    let invalid = GroupPolicy { members_max: 0, ..GroupPolicy::default() };
    let refused = accounts[0].set_policy(&group, &invalid).unwrap_err();
    assert!(matches!(refused, Error::Misuse(Misuse::InvalidPolicy(_))), "{refused}");
    assert!(accounts[0].create_group_with("shed", &invalid).is_err());
    assert!(accounts[0].rename(&group, "").is_err());
}

#[test]
fn everybody_is_told_of_every_change_with_who_made_it() {
    type Change = fn(&mut [Account], &GroupId) -> Result<(), Error>;
    let table: [(Change, &[&str]); 8] = [
        (|people, group| people[1].add(group, &["dave"]).map(drop), &["bob added dave"]),
        (|people, group| people[1].remove(group, &["dave"]).map(drop), &["bob removed dave"]),
        (|people, group| people[1].update_keys(group).map(drop), &["bob updated"]),
        (|people, _| people[1].rotate_root(), &["bob has a new credential"]),
        (
            |people, group| {
                let policy = GroupPolicy { members_max: 9, ..GroupPolicy::default() };
                people[1].set_policy(group, &policy).map(drop)
            },
            &["bob changed members_max: 100000 -> 9"],
        ),
        (
            |people, group| people[1].rename(group, "shed").map(drop),
            &["bob renamed garden to shed"],
        ),
        (
            |people, group| {
                people[2].leave(group)?;
                // A message is enough to let her go.
                people[1].receive()?;
                people[1].send(group, "farewell").map(drop)
            },
            &["carol wants to leave", "carol left, by bob", "bob: farewell"],
        ),
        (|people, group| people[1].remove(group, &["alice"]).map(drop), &["bob removed me"]),
    ];
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob", "carol"]);
    let _dave = world.account("dave");
    for (number, (change, expected)) in table.into_iter().enumerate() {
        change(&mut accounts, &group).unwrap();
        assert_eq!(lines(&accounts[0].receive().unwrap()), expected, "row {number}");
        // The others keep up.
        accounts[2].receive().unwrap();
    }
}
