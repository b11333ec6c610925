//! CGKA-1: one suite of scenarios, passed by every group key agreement. Each test is one function
//! over all of them.

use lab::{Circle, Failure, PROTOCOLS, Protocol, Seeded, Tools};

/// Plays a scenario with every protocol of the list.
fn each(scenario: impl Fn(&'static dyn Protocol, &Tools)) {
    for protocol in PROTOCOLS {
        println!("{}", protocol.name());
        scenario(*protocol, &Tools::new().unwrap());
    }
}

/// The same with those whose groups change.
fn each_dynamic(scenario: impl Fn(&'static dyn Protocol, &Tools)) {
    each(|protocol, tools| {
        if protocol.is_dynamic() {
            scenario(protocol, tools);
        }
    });
}

fn circle(protocol: &'static dyn Protocol, tools: &Tools, size: u32) -> (Circle, Seeded) {
    let mut random = Seeded::new(u64::from(size));
    let circle = Circle::new(protocol, tools, size, &mut random).unwrap();
    (circle, random)
}

#[test]
fn names_tell_protocols_apart() {
    for (index, protocol) in PROTOCOLS.iter().enumerate() {
        let name = protocol.name();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        assert!(PROTOCOLS[..index].iter().all(|other| other.name() != name));
        assert!(!protocol.title().is_empty());
        assert_eq!(lab::protocol(name).unwrap().name(), name);
    }
    assert!(lab::protocol("none").is_none());
}

#[test]
fn creators_and_joiners_agree_at_every_size() {
    each(|protocol, tools| {
        for size in 1..=17 {
            let (circle, _) = circle(protocol, tools, size);
            circle.agreement().unwrap();
            assert_eq!(circle.slots(), (0..size).collect::<Vec<_>>());
        }
    });
}

#[test]
fn an_update_of_anybody_leads_all_to_a_new_secret() {
    each(|protocol, tools| {
        for size in [2, 3, 5, 8, 13] {
            let (mut circle, mut random) = circle(protocol, tools, size);
            let mut secrets = vec![circle.agreement().unwrap()];
            for slot in 0..size {
                circle.update(slot, &mut random).unwrap();
                let secret = circle.agreement().unwrap();
                assert!(!secrets.contains(&secret), "{} {size} {slot}", protocol.name());
                secrets.push(secret);
            }
        }
    });
}

#[test]
fn what_is_sent_but_not_processed_never_happened() {
    each(|protocol, tools| {
        let (mut circle, mut random) = circle(protocol, tools, 6);
        let before = circle.agreement().unwrap();
        let lost = circle.member(2).unwrap().update(&mut random).unwrap();
        let second = circle.member(2).unwrap().update(&mut random).unwrap();
        assert!(circle.agreement().unwrap() == before);
        assert_ne!(lost.message, second.message);
        let other = circle.member(4).unwrap().update(&mut random).unwrap();
        circle.deliver(&other.message).unwrap();
        circle.agreement().unwrap();
        // A message of an epoch that is over leads nowhere.
        for message in [&lost.message, &second.message, &other.message] {
            let before = circle.agreement().unwrap();
            for slot in circle.slots() {
                let member = circle.member(slot).unwrap();
                assert!(member.process(message).is_err(), "{} {slot}", protocol.name());
            }
            assert!(circle.agreement().unwrap() == before);
        }
    });
}

#[test]
fn either_of_two_prepared_messages_can_win() {
    each(|protocol, tools| {
        let (mut circle, mut random) = circle(protocol, tools, 4);
        for winner in 0..2 {
            let member = circle.member(1).unwrap();
            let prepared: Vec<_> = (0..2).map(|_| member.update(&mut random).unwrap()).collect();
            circle.deliver(&prepared[winner].message).unwrap();
            circle.agreement().unwrap();
        }
    });
}

#[test]
fn no_byte_of_a_message_can_be_changed() {
    each(|protocol, tools| {
        let (mut circle, mut random) = circle(protocol, tools, 4);
        let sent = circle.member(1).unwrap().update(&mut random).unwrap();
        let before = circle.agreement().unwrap();
        for position in 0..sent.message.len() {
            let mut changed = sent.message.clone();
            changed[position] ^= 1;
            for slot in [0, 3] {
                let refused = circle.member(slot).unwrap().process(&changed).is_err();
                assert!(refused, "{} byte {position}", protocol.name());
            }
        }
        assert!(circle.agreement().unwrap() == before);
        circle.deliver(&sent.message).unwrap();
        circle.agreement().unwrap();
    });
}

#[test]
fn members_come_and_go() {
    each_dynamic(|protocol, tools| {
        let (mut circle, mut random) = circle(protocol, tools, 1);
        for expected in 1..9 {
            let adder = circle.slots()[expected / 2];
            let (slot, sent) = circle.add(adder, &mut random).unwrap();
            assert_eq!(usize::try_from(slot).unwrap(), expected, "{}", protocol.name());
            assert!(!sent.welcome.is_empty());
            circle.agreement().unwrap();
        }
        for (remover, removed) in [(8, 0), (8, 7), (3, 4), (1, 8)] {
            let before = circle.agreement().unwrap();
            let (mut gone, sent) = circle.remove(remover, removed, &mut random).unwrap();
            assert!(circle.agreement().unwrap() != before);
            assert!(gone.epoch_secret() != circle.agreement().unwrap());
            assert!(matches!(gone.process(&sent.message), Err(Failure::Removed)));
            assert!(matches!(gone.update(&mut random), Err(Failure::Removed)));
        }
        // A place that became free is taken again, and its new owner has a say.
        let (slot, _) = circle.add(1, &mut random).unwrap();
        circle.update(slot, &mut random).unwrap();
        circle.agreement().unwrap();
    });
}

#[test]
fn nobody_removes_themselves_or_an_empty_slot() {
    each_dynamic(|protocol, tools| {
        let (mut circle, mut random) = circle(protocol, tools, 3);
        for slot in [1, 3, 1000] {
            let refused = circle.member(1).unwrap().remove(slot, &mut random);
            assert!(refused.is_err(), "{} {slot}", protocol.name());
        }
        circle.agreement().unwrap();
    });
}

#[test]
fn groups_that_cannot_change_say_so() {
    each(|protocol, tools| {
        let (mut circle, mut random) = circle(protocol, tools, 3);
        let package = protocol.newcomer(tools, 9, &mut random).unwrap().key_package();
        let member = circle.member(0).unwrap();
        let answers = [member.add(&package, &mut random), member.remove(1, &mut random)];
        for answer in answers {
            let unsupported = matches!(answer, Err(Failure::Unsupported));
            assert_eq!(unsupported, !protocol.is_dynamic(), "{}", protocol.name());
        }
    });
}

#[test]
fn several_updates_of_one_epoch_are_merged_where_the_protocol_can() {
    each(|protocol, tools| {
        let (mut circle, mut random) = circle(protocol, tools, 7);
        let updates = [5, 0, 3, 1]
            .map(|slot| circle.member(slot).unwrap().update(&mut random).unwrap().message);
        let before = circle.agreement().unwrap();
        if protocol.is_mergeable() {
            circle.deliver_merged(&updates).unwrap();
            assert!(circle.agreement().unwrap() != before);
            (0..7).for_each(|slot| drop(circle.update(slot, &mut random).unwrap()));
            circle.agreement().unwrap();
        } else {
            let refused = circle.member(2).unwrap().merge(&updates);
            assert!(matches!(refused, Err(Failure::NotMergeable)), "{}", protocol.name());
        }
    });
}

#[test]
fn random_walks_end_in_agreement() {
    each(|protocol, tools| {
        for seed in 0..6 {
            let mut random = Seeded::new(seed);
            let size = 1 + u32::try_from(random.below(9)).unwrap();
            let mut circle = Circle::new(protocol, tools, size, &mut random).unwrap();
            for step in 0..40 {
                let slots = circle.slots();
                let actor = slots[random.below(slots.len())];
                let other = slots[random.below(slots.len())];
                match random.below(4) {
                    0 if protocol.is_dynamic() && slots.len() < 20 => {
                        circle.add(actor, &mut random).unwrap();
                    }
                    1 if protocol.is_dynamic() && other != actor => {
                        circle.remove(actor, other, &mut random).unwrap();
                    }
                    _ => drop(circle.update(actor, &mut random).unwrap()),
                }
                let agreed = circle.agreement();
                assert!(agreed.is_ok(), "{} seed {seed} step {step}", protocol.name());
            }
        }
    });
}

#[test]
fn members_of_a_warm_group_are_what_a_life_would_have_made_them() {
    each(|protocol, tools| {
        for size in (1..=9).chain([16, 23]) {
            let mut random = Seeded::new(u64::from(size));
            let warm = protocol.warm(tools, size, &mut random).unwrap();
            assert_eq!(warm.size(), size);
            let member = |slot| warm.member(slot).unwrap();
            let mut members: Vec<_> = (0..size).map(member).collect();
            let agree = |members: &[Box<dyn lab::Member>]| {
                let first = &members[0];
                for member in members {
                    assert!(member.epoch_secret() == first.epoch_secret(), "{}", protocol.name());
                    assert_eq!(member.public_nodes(), first.public_nodes());
                    assert_eq!(member.epoch(), first.epoch());
                    assert_eq!(member.members(), (0..size).collect::<Vec<_>>());
                }
            };
            agree(&members);
            for slot in 0..size {
                let sender = &mut members[usize::try_from(slot).unwrap()];
                let sent = sender.update(&mut random).unwrap();
                members.iter_mut().for_each(|member| member.process(&sent.message).unwrap());
                agree(&members);
            }
            assert!(warm.member(size).is_err());
        }
    });
}

#[test]
fn a_thief_follows_until_the_victim_updates() {
    each(|protocol, tools| {
        let (mut circle, mut random) = circle(protocol, tools, 8);
        (0..8).for_each(|slot| drop(circle.update(slot, &mut random).unwrap()));
        let loot = vec![circle.member(5).unwrap().compromise()];
        let mut thief = protocol.adversary(tools, loot).unwrap();
        let knows = |thief: &dyn lab::Adversary, circle: &Circle| {
            let secret = circle.agreement().unwrap();
            thief.epoch_secret().is_some_and(|guess| guess == secret)
        };
        assert!(knows(&*thief, &circle), "{}: the stolen epoch", protocol.name());
        for slot in [0, 6, 4] {
            let sent = circle.update(slot, &mut random).unwrap();
            thief.read(&sent.message);
            assert!(knows(&*thief, &circle), "{}: after {slot}", protocol.name());
        }
        let sent = circle.update(5, &mut random).unwrap();
        thief.read(&sent.message);
        assert!(!knows(&*thief, &circle), "{}: after the victim's update", protocol.name());
        let sent = circle.update(1, &mut random).unwrap();
        thief.read(&sent.message);
        assert!(!knows(&*thief, &circle), "{}: and later", protocol.name());
    });
}

#[test]
fn a_reader_of_the_wire_alone_has_nothing() {
    each(|protocol, tools| {
        // One member of another group, whose keys are worthless here.
        let mut random = Seeded::new(77);
        let mut other = Circle::new(protocol, tools, 4, &mut random).unwrap();
        let loot = vec![other.member(1).unwrap().compromise()];
        let mut stranger = protocol.adversary(tools, loot).unwrap();
        let (mut circle, mut random) = circle(protocol, tools, 4);
        for slot in 0..4 {
            let sent = circle.update(slot, &mut random).unwrap();
            stranger.read(&sent.message);
            let secret = circle.agreement().unwrap();
            assert!(stranger.epoch_secret().is_none_or(|guess| guess != secret));
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_life() {
    each(|protocol, _| {
        let live = || {
            let tools = Tools::new().unwrap();
            let (mut circle, mut random) = circle(protocol, &tools, 5);
            let sent = circle.update(3, &mut random).unwrap();
            (sent.message, circle.agreement().unwrap())
        };
        assert!(live() == live(), "{}", protocol.name());
    });
}
