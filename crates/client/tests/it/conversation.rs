//! A conversation: everybody sees the same in the same order, and whoever is out is out.

use crate::world::{World, assert_agreement, lines};
use client::{Account, Error, GroupState, Misuse, Peek};
use delivery_api::Problem;

#[test]
fn everybody_sees_the_same_in_the_same_order() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob", "carol"]);
    let [alice, bob, carol] = &mut accounts[..] else { unreachable!() };
    let done = alice.send(&group, "hello").unwrap();
    assert_eq!((done.epoch, done.position.0), (1, 2));
    bob.send(&group, "hello alice").unwrap();
    carol.send(&group, "hi").unwrap();
    assert_eq!(lines(&alice.receive().unwrap()), ["bob: hello alice", "carol: hi"]);
    assert_eq!(lines(&bob.receive().unwrap()), ["alice: hello", "carol: hi"]);
    assert_eq!(lines(&carol.receive().unwrap()), ["alice: hello", "bob: hello alice"]);
    // History has the own messages too.
    let told = |account: &mut Account| lines(&account.history(&group).unwrap());
    let conversation = ["alice: hello", "bob: hello alice", "carol: hi"];
    for account in [&mut *alice, &mut *bob, &mut *carol] {
        let history = told(account);
        for line in conversation {
            assert!(history.iter().any(|other| other == line), "{line} in {history:?}");
        }
    }
    bob.update_keys(&group).unwrap();
    assert_eq!(lines(&alice.receive().unwrap()), ["bob updated"]);
    assert_agreement(&mut [alice, bob, carol], &group);
}

#[test]
fn a_removed_member_reads_nothing_more_until_it_is_added_again() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob", "carol"]);
    let [alice, bob, carol] = &mut accounts[..] else { unreachable!() };
    alice.send(&group, "before").unwrap();
    alice.remove(&group, &["carol"]).unwrap();
    alice.send(&group, "behind her back").unwrap();
    assert_eq!(lines(&carol.receive().unwrap()), ["alice: before", "alice removed me"]);
    assert_eq!(carol.group("garden").unwrap().state, GroupState::Removed);
    // The service shows the last key nothing behind the removal.
    assert_eq!(carol.peek(&group).unwrap(), Peek::Shown { entries: 0, stopped: true });
    assert!(carol.receive().unwrap().is_empty());
    let refused = carol.send(&group, "let me in").unwrap_err();
    assert!(matches!(refused, Error::Misuse(Misuse::GroupUnusable(_))), "{refused}");
    assert_agreement(&mut [alice, bob], &group);

    bob.add(&group, &["carol"]).unwrap();
    bob.send(&group, "welcome back").unwrap();
    let heard = lines(&carol.receive().unwrap());
    assert_eq!(heard, ["joined alice,bob,carol", "bob: welcome back"]);
    assert_eq!(alice.receive().unwrap().len(), 2);
    assert!(!lines(&carol.history(&group).unwrap()).iter().any(|line| line.contains("behind")));
    carol.send(&group, "thanks").unwrap();
    assert_agreement(&mut [alice, bob, carol], &group);
}

#[test]
fn a_removal_and_a_return_between_two_looks_are_both_seen() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob", "carol"]);
    let [alice, bob, carol] = &mut accounts[..] else { unreachable!() };
    alice.remove(&group, &["carol"]).unwrap();
    alice.add(&group, &["carol"]).unwrap();
    alice.send(&group, "still there?").unwrap();
    let heard = lines(&carol.receive().unwrap());
    assert_eq!(heard, ["alice removed me", "joined alice,bob,carol", "alice: still there?"]);
    assert_agreement(&mut [alice, bob, carol], &group);
}

#[test]
fn a_joiner_finds_its_place_however_much_has_happened_since() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let [alice, bob] = &mut accounts[..] else { unreachable!() };
    for number in 0..9 {
        alice.send(&group, &format!("early {number}")).unwrap();
    }
    let mut carol = world.account("carol");
    alice.add(&group, &["carol"]).unwrap();
    alice.send(&group, "one").unwrap();
    bob.update_keys(&group).unwrap();
    alice.send(&group, "two").unwrap();
    alice.update_keys(&group).unwrap();
    let heard = lines(&carol.receive().unwrap());
    let expected =
        ["joined alice,bob,carol", "alice: one", "bob updated", "alice: two", "alice updated"];
    assert_eq!(heard, expected);
    assert_agreement(&mut [alice, bob, &mut carol], &group);
}

#[test]
fn several_groups_do_not_mix() {
    let world = World::new();
    let (mut accounts, garden) = world.group(&["alice", "bob"]);
    let [alice, bob] = &mut accounts[..] else { unreachable!() };
    let cellar = bob.create_group("cellar").unwrap();
    bob.add(&cellar, &["alice"]).unwrap();
    alice.receive().unwrap();
    alice.send(&garden, "up here").unwrap();
    alice.send(&cellar, "down there").unwrap();
    let events = bob.receive().unwrap();
    let place = |text: &str| {
        let index = lines(&events).iter().position(|line| line.ends_with(text)).unwrap();
        events[index].group.clone().unwrap()
    };
    assert_eq!((place("up here"), place("down there")), (garden, cellar));
    assert_eq!(bob.groups().unwrap().len(), 2);
    assert!(matches!(bob.group("attic"), Err(Error::Misuse(Misuse::NoSuchGroup(_)))));
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing_behind() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let [alice, bob] = &mut accounts[..] else { unreachable!() };
    let unknown = alice.add(&group, &["nobody"]).unwrap_err();
    assert!(matches!(unknown, Error::Refused(Problem::UnknownName)), "{unknown}");
    assert!(matches!(alice.add(&group, &["No Name"]), Err(Error::Misuse(Misuse::InvalidName(_)))));
    let stranger = alice.remove(&group, &["carol"]);
    assert!(matches!(stranger, Err(Error::Misuse(Misuse::NotAMember(_)))));
    let self_removal = alice.remove(&group, &["alice"]);
    assert!(matches!(self_removal, Err(Error::Misuse(Misuse::RemovesSelf))));
    let long = "x".repeat(client::TEXT_BYTES_MAX + 1);
    assert!(matches!(alice.send(&group, &long), Err(Error::Misuse(Misuse::TextTooLong))));
    assert!(matches!(alice.create_group(""), Err(Error::Misuse(Misuse::InvalidGroupName))));
    // Who is in already is left alone.
    let before = alice.group("garden").unwrap().epoch;
    alice.add(&group, &["bob"]).unwrap();
    assert_eq!(alice.group("garden").unwrap().epoch, before);
    alice.send(&group, &"x".repeat(client::TEXT_BYTES_MAX)).unwrap();
    assert_agreement(&mut [alice, bob], &group);
}

#[test]
fn a_name_belongs_to_whoever_took_it_first() {
    let world = World::new();
    let _alice = world.account("alice");
    let home = world.home("second");
    let transport = world.transport();
    let taken = client::Account::create_with(&home, "alice", "in process", transport.clone());
    assert!(matches!(taken.err(), Some(Error::Refused(Problem::NameTaken))));
    // Nothing is left in the way of another try.
    client::Account::create_with(&home, "alice2", "in process", transport).unwrap();
}

#[test]
fn key_packages_are_refilled_and_the_last_resort_one_is_replaced_once_used() {
    let world = World::new();
    let mut bob = world.account("bob");
    let mut alice = world.account("alice");
    // More groups than key packages: the last resort serves, again and again.
    for number in 0..14 {
        let group = alice.create_group(&format!("group {number}")).unwrap();
        alice.add(&group, &["bob"]).unwrap();
    }
    bob.receive().unwrap();
    assert_eq!(bob.groups().unwrap().len(), 14);
    // Afterwards there is stock again.
    for number in 14..22 {
        let group = alice.create_group(&format!("group {number}")).unwrap();
        alice.add(&group, &["bob"]).unwrap();
    }
    bob.receive().unwrap();
    assert_eq!(bob.groups().unwrap().len(), 22);
}

#[test]
fn the_news_of_many_groups_comes_in_one_round_trip() {
    let world = World::new();
    let (mut alice, bob) = (world.account("alice"), world.account("bob"));
    drop(bob);
    let groups: Vec<_> =
        (0..5).map(|index| alice.create_group(&format!("{index}")).unwrap()).collect();
    for group in &groups {
        alice.add(group, &["bob"]).unwrap();
    }
    world.reopen("bob").receive().unwrap();
    // News in three of them.
    for group in &groups[..3] {
        alice.send(group, "hello").unwrap();
    }
    let transport = world.transport();
    let mut bob = Account::open_with(&world.home("bob"), transport.clone()).unwrap();
    let heard = lines(&bob.receive().unwrap());
    assert_eq!(heard.iter().filter(|line| *line == "alice: hello").count(), 3, "{heard:?}");
    let asked = transport.asked();
    let about_logs = asked.iter().filter(|path| path.starts_with("/v1/logs/"));
    assert_eq!(about_logs.count(), 0, "{asked:?}");
    assert_eq!(asked.iter().filter(|path| *path == "/v1/sync").count(), 1, "{asked:?}");
    // All of them are read to their end: nothing has to be read again before something is said.
    for group in &groups {
        bob.send(group, "hello yourself").unwrap();
    }
    let asked = transport.asked();
    let read = asked.iter().filter(|path| path.starts_with("/v1/logs/"));
    assert_eq!(read.count(), 5, "{asked:?}");
    let heard = lines(&alice.receive().unwrap());
    assert_eq!(heard.iter().filter(|line| *line == "bob: hello yourself").count(), 5);
    for group in &groups {
        assert_agreement(&mut [&mut alice, &mut bob], group);
    }
}

#[test]
fn one_log_that_is_lost_keeps_nobody_from_the_news_of_the_others() {
    let world = World::new();
    let (mut alice, mut bob) = (world.account("alice"), world.account("bob"));
    let [one, two] = ["one", "two"].map(|name| alice.create_group(name).unwrap());
    for group in [&one, &two] {
        alice.add(group, &["bob"]).unwrap();
    }
    bob.receive().unwrap();
    alice.remove(&one, &["bob"]).unwrap();
    alice.send(&two, "hello").unwrap();
    let heard = lines(&bob.receive().unwrap());
    assert!(heard.contains(&"alice removed me".to_owned()), "{heard:?}");
    assert!(heard.contains(&"alice: hello".to_owned()), "{heard:?}");
}
