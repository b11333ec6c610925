//! What is due of itself, over simulated weeks: own keys, idle members, key packages.

use crate::engine::{drive, setup};
use crate::world::{World, lines};
use client::engine::Engine;
use client::{GroupId, GroupPolicy};
use delivery_api::Name;
use testkit::NOW;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

fn look(engine: &mut Engine, world: &World, now: u64) {
    engine.sync().unwrap();
    drive(engine, world, now, "/none");
}

/// What is new to an engine.
fn news(engine: &mut Engine) -> Vec<String> {
    let events = engine.unread().unwrap();
    engine.set_read(events.last().map_or(0, |event| event.number)).unwrap();
    lines(&events)
}

/// Engines in a group of the first one.
fn people(world: &World, names: &[&str], policy: &GroupPolicy) -> (Vec<Engine>, GroupId) {
    let mut engines: Vec<Engine> = (1..)
        .zip(names)
        .map(|(seed, text)| {
            Engine::create(&world.home(text), &name(text), "by hand", setup(seed)).unwrap()
        })
        .collect();
    engines.iter_mut().for_each(|engine| drop(drive(engine, world, NOW, "/none")));
    let group = engines[0].create_group_with("garden", policy, NOW).unwrap();
    let others: Vec<Name> = names[1..].iter().map(|text| name(text)).collect();
    engines[0].add(&group, &others).unwrap();
    for engine in &mut engines {
        look(engine, world, NOW);
        news(engine);
    }
    (engines, group)
}

#[test]
fn keys_are_renewed_between_minimum_and_maximum_and_not_by_all_at_once() {
    let world = World::new();
    let policy = GroupPolicy::default();
    let (mut engines, _) = people(&world, &["alice", "bob", "carol"], &policy);
    let mut renewals = vec![("bob", NOW), ("carol", NOW)];
    let mut sleeps = 0;
    for half_day in 1..=2 * 7 * 12 {
        let now = NOW + half_day * DAY / 2;
        for engine in &mut engines {
            if engine.next_action(now).unwrap() <= now {
                look(engine, &world, now);
                // Whatever was due is done.
                assert!(engine.next_action(now).unwrap() > now);
            } else {
                sleeps += 1;
            }
        }
        let heard = news(&mut engines[0]);
        let renewed = ["bob", "carol"].into_iter().filter(|name| {
            heard.iter().any(|line| {
                line.starts_with(&format!("{name} "))
                    && (line.ends_with("updated") || line.ends_with("credential"))
            })
        });
        renewals.extend(renewed.map(|name| (name, now)));
    }
    assert!(sleeps > 0);
    for who in ["bob", "carol"] {
        let times = renewals.iter().filter(|(name, _)| *name == who).map(|(_, time)| *time);
        let times: Vec<u64> = times.collect();
        assert!(times.len() >= 4, "{who}: {times:?}");
        for pair in times.windows(2) {
            // Alice reads of it within a day, and a new credential may come earlier.
            let (min, max) =
                (policy.update_interval_min_seconds, policy.update_interval_max_seconds);
            let gap = pair[1] - pair[0];
            let is_credential = (pair[1] - NOW) / DAY % 60 <= 1;
            assert!(gap <= max + DAY, "{who}: {gap}");
            assert!(gap + DAY >= min || is_credential, "{who}: {gap}");
        }
    }
    let of = |who: &str| {
        let mine = renewals.iter().filter(|(name, time)| *name == who && *time > NOW);
        mine.map(|(_, time)| *time).next().unwrap()
    };
    assert_ne!(of("bob"), of("carol"));
}

#[test]
fn who_cannot_renew_its_keys_in_time_is_warned_and_sends_nothing_until_it_can() {
    let world = World::new();
    let (mut engines, group) = people(&world, &["alice", "bob"], &GroupPolicy::default());
    let [alice, bob] = &mut engines[..] else { unreachable!() };
    let mut warnings = Vec::new();
    // Somebody keeps Bob's commits away, and nothing else.
    for day in 1..=40 {
        let now = NOW + day * DAY;
        bob.sync().unwrap();
        if drive(bob, &world, now, "/commits").is_some() {
            bob.abandon();
        }
        bob.sync().unwrap();
        drive(bob, &world, now + 2 * HOUR, "/commits");
        bob.abandon();
        warnings.extend(news(bob).into_iter().map(|line| (day, line)));
    }
    let [(day, warning)] = &warnings[..] else { panic!("{warnings:?}") };
    assert_eq!((*day >= 28, warning.as_str()), (true, "UpdateOverdue"));
    let now = NOW + 41 * DAY;
    bob.send(&group, "do you hear me?").unwrap();
    assert!(drive(bob, &world, now, "/commits").is_some());
    bob.abandon();
    look(alice, &world, now);
    assert!(!lines(&alice.unread().unwrap()).iter().any(|line| line.contains("hear me")));
    // The way is free again: the keys first, then the message.
    look(bob, &world, now + HOUR);
    assert_eq!(news(bob).last().unwrap(), "UpdateLanded");
    look(alice, &world, now + HOUR);
    let heard = news(alice);
    let place = |text: &str| heard.iter().position(|line| line == text).unwrap();
    assert!(place("bob: do you hear me?") > 0, "{heard:?}");
}

#[test]
fn who_wakes_after_too_long_renews_its_keys_before_it_says_anything() {
    let world = World::new();
    let (mut engines, group) = people(&world, &["alice", "bob"], &GroupPolicy::default());
    let [alice, bob] = &mut engines[..] else { unreachable!() };
    let now = NOW + 40 * DAY;
    // Nothing but the message is asked for.
    bob.send(&group, "good morning").unwrap();
    drive(bob, &world, now, "/none");
    look(alice, &world, now);
    let heard = news(alice);
    let place = |what: &dyn Fn(&str) -> bool| heard.iter().position(|line| what(line));
    let renewed = place(&|line| line.starts_with("bob ") && line.ends_with("updated"));
    let said = place(&|line| line == "bob: good morning");
    assert!(renewed.is_some() && renewed < said, "{heard:?}");
}

#[test]
fn a_member_who_has_been_idle_for_too_long_is_removed() {
    let world = World::new();
    let policy = GroupPolicy {
        update_interval_min_seconds: DAY,
        update_interval_max_seconds: 4 * DAY,
        idle_eviction_seconds: 8 * DAY,
        admins: vec![name("bob")],
        ..GroupPolicy::default()
    };
    let (mut engines, _) = people(&world, &["alice", "bob", "carol"], &policy);
    let mut heard = Vec::new();
    for day in 1..=10 {
        for engine in &mut engines[..2] {
            look(engine, &world, NOW + day * DAY);
        }
        let evicted = news(&mut engines[0]).into_iter().filter(|line| line.contains("evicted"));
        heard.extend(evicted.map(|line| (day, line)));
    }
    look(&mut engines[0], &world, NOW + 10 * DAY);
    heard.extend(news(&mut engines[0]).into_iter().map(|line| (10, line)));
    heard.retain(|(_, line)| line.contains("evicted"));
    // Carol was never there after she had come in; only Bob may remove her.
    let [(day, line)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((*day > 8, line.as_str()), (true, "bob evicted carol"));
    assert_eq!(engines[0].groups().unwrap()[0].members.len(), 2);
    look(&mut engines[2], &world, NOW + 11 * DAY);
    assert_eq!(news(&mut engines[2]).last().unwrap(), "bob removed me");
}

#[test]
fn keys_that_others_may_know_too_are_renewed_at_once() {
    let world = World::new();
    let (mut engines, _) = people(&world, &["alice", "bob"], &GroupPolicy::default());
    let [alice, bob] = &mut engines[..] else { unreachable!() };
    // More groups than Bob has key packages for one use while he is away.
    for number in 0..12 {
        let group = alice.create_group(&format!("group {number:02}"), NOW).unwrap();
        alice.add(&group, &[name("bob")]).unwrap();
        drive(alice, &world, NOW, "/none");
    }
    look(bob, &world, NOW + 1);
    look(bob, &world, NOW + 2);
    let groups = bob.groups().unwrap();
    let renewed: Vec<&str> = groups
        .iter()
        .filter(|group| group.name != "garden" && group.epoch == Some(2))
        .map(|group| group.name.as_str())
        .collect();
    // Those that he was added to with the one that is never used up.
    assert!(!renewed.is_empty() && renewed.len() < 12, "{renewed:?}");
    assert_eq!(renewed.last(), Some(&"group 11"));
    assert!(!renewed.contains(&"group 00"));
}

#[test]
fn key_packages_are_replaced_before_they_expire() {
    let world = World::new();
    let (mut engines, _) = people(&world, &["alice", "bob"], &GroupPolicy::default());
    let [alice, bob] = &mut engines[..] else { unreachable!() };
    // Bob is online once a month for a year; whenever Alice asks, she finds one that is valid.
    for month in 1..=12 {
        let now = NOW + month * 27 * DAY;
        look(bob, &world, now);
        let later = now + 26 * DAY;
        look(alice, &world, later);
        let group = alice.create_group(&format!("group {month:02}"), later).unwrap();
        let intent = alice.add(&group, &[name("bob")]).unwrap();
        drive(alice, &world, later, "/none");
        let done = alice.take_outcome(intent).unwrap();
        assert!(done.is_ok(), "{month}: {done:?}");
    }
}
