//! An insider closes a group's log, and the group gets it back.

use crate::world::{Fault, World, assert_agreement, lines};
use client::{Account, Error, GroupId, Misuse};
use delivery_api::LogId;

/// Alice, who made the group, Bob, who is to repair it when she is gone, and the group's log.
fn garden(world: &World) -> ([Account; 2], GroupId, LogId) {
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let mut bob = world.account("bob");
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    bob.receive().unwrap();
    bob.set_read().unwrap();
    ([alice, bob], group, transport.last_log())
}

fn without_skipped(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().filter(|line| !line.starts_with("skipped")).collect()
}

fn assert_waits(result: Result<client::Done, Error>) {
    assert!(matches!(result, Err(Error::Misuse(Misuse::Waits))), "{result:?}");
}

#[test]
fn the_creator_opens_a_log_that_an_insider_closed_when_it_wants_to_send() {
    for removes in [false, true] {
        let world = World::new();
        let ([mut alice, mut bob], group, log) = garden(&world);
        world.close_log(log, removes);
        alice.send(&group, "on we go").unwrap();
        assert_eq!(without_skipped(lines(&alice.receive().unwrap())), ["repaired"]);
        let heard = without_skipped(lines(&bob.receive().unwrap()));
        assert_eq!(heard, ["alice updated", "alice: on we go"]);
        bob.send(&group, "indeed").unwrap();
        assert_eq!(lines(&alice.receive().unwrap()), ["bob: indeed"]);
        assert_agreement(&mut [&mut alice, &mut bob], &group);
    }
}

#[test]
fn what_others_want_to_say_waits_until_the_log_is_open_again() {
    for removes in [false, true] {
        let world = World::new();
        let ([mut alice, mut bob], group, log) = garden(&world);
        let mut carol = world.account("carol");
        alice.add(&group, &["carol"]).unwrap();
        carol.receive().unwrap();
        carol.set_read().unwrap();
        world.close_log(log, removes);
        world.close_log(log, removes);
        // Carol has no anchor key, and Bob is away. Her group is neither lost nor halted.
        assert_waits(carol.send(&group, "hello?"));
        carol.receive().unwrap();
        assert!(carol.group("garden").unwrap().state == client::GroupState::Active);
        assert_waits(carol.update_keys(&group));
        // Alice wants nothing; reading the log is enough for her to see that it is closed.
        assert_eq!(without_skipped(lines(&alice.receive().unwrap())), ["repaired"]);
        let heard = without_skipped(lines(&carol.receive().unwrap()));
        assert_eq!(heard, ["alice updated"]);
        let heard = lines(&alice.receive().unwrap());
        assert_eq!(heard, ["carol: hello?", "carol updated"]);
        assert_agreement(&mut [&mut alice, &mut bob, &mut carol], &group);
    }
}

#[test]
fn a_commit_with_a_key_that_only_its_maker_has_is_restated() {
    for removes in [false, true] {
        let world = World::new();
        let ([mut alice, mut bob], group, log) = garden(&world);
        let (mut carol, mut mallory) = (world.account("carol"), world.account("mallory"));
        alice.add(&group, &["carol", "mallory"]).unwrap();
        carol.receive().unwrap();
        mallory.receive().unwrap();
        mallory.update_keys(&group).unwrap();
        world.replace_key(log, removes);
        // Her commit counts; nobody else has the key that she gave the service for it.
        carol.receive().unwrap();
        assert_waits(carol.send(&group, "hello?"));
        // And another one behind it.
        world.close_log(log, true);
        assert_eq!(lines(&alice.receive().unwrap()).last().unwrap(), "repaired");
        assert_eq!(lines(&carol.receive().unwrap()).last().unwrap(), "alice updated");
        assert_eq!(lines(&alice.receive().unwrap()), ["carol: hello?"]);
        assert_agreement(&mut [&mut alice, &mut bob, &mut carol, &mut mallory], &group);
    }
}

#[test]
fn a_member_who_was_away_meanwhile_reads_through_a_repair() {
    let world = World::new();
    let ([mut alice, mut bob], group, log) = garden(&world);
    alice.send(&group, "one").unwrap();
    for _ in 0..3 {
        world.close_log(log, true);
        alice.receive().unwrap();
    }
    alice.send(&group, "two").unwrap();
    let heard = without_skipped(lines(&bob.receive().unwrap()));
    let updated = "alice updated";
    assert_eq!(heard, ["alice: one", updated, updated, updated, "alice: two"]);
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}

#[test]
fn an_anchor_that_dies_at_any_request_of_a_repair_carries_on() {
    let repair = |end: Option<(usize, bool)>| {
        let world = World::new();
        let ([alice, mut bob], group, log) = garden(&world);
        drop(alice);
        world.close_log(log, true);
        world.close_log(log, true);
        let transport = world.transport();
        let mut alice = Account::open_with(&world.home("alice"), transport.clone()).unwrap();
        if let Some((number, arrives)) = end {
            transport.end_at(number, arrives);
        }
        let sent = alice.send(&group, "open");
        let requests = transport.requests();
        if sent.is_err() {
            drop(alice);
            alice = world.reopen("alice");
            // A lock that this process does not know of is taken over by the next one.
            alice.receive().unwrap();
            alice.receive().unwrap();
        }
        let heard = without_skipped(lines(&bob.receive().unwrap()));
        assert_eq!(heard.last().unwrap(), "alice: open", "{end:?}");
        assert_agreement(&mut [&mut alice, &mut bob], &group);
        requests
    };
    let requests = repair(None);
    assert!(requests >= 5, "{requests}");
    for number in 0..requests {
        for arrives in [false, true] {
            repair(Some((number, arrives)));
        }
    }
}

#[test]
fn a_repair_whose_answer_was_lost_is_made_again() {
    let world = World::new();
    let ([alice, mut bob], group, log) = garden(&world);
    drop(alice);
    world.close_log(log, false);
    let transport = world.transport();
    let mut alice = Account::open_with(&world.home("alice"), transport.clone()).unwrap();
    transport.fail_next(Fault::LoseAnswer("/repairs"));
    assert!(matches!(alice.send(&group, "open"), Err(Error::Offline(_))));
    alice.receive().unwrap();
    alice.receive().unwrap();
    assert_eq!(without_skipped(lines(&bob.receive().unwrap())).last().unwrap(), "alice: open");
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}
