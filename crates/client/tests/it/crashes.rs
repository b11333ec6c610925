//! Crashes: an answer that never came, a process that went away. Nothing happens twice, nothing is
//! lost.

use crate::world::{Fault, World, assert_agreement, lines};
use client::{Account, Error};

/// Reopens an account over a transport without faults.
fn restart(world: &World, account: Account) -> Account {
    let name = account.name().to_string();
    drop(account);
    world.reopen(&name)
}

#[test]
fn an_own_commit_whose_receipt_was_lost_is_recognised_in_the_log() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let mut bob = world.account("bob");
    let group = alice.create_group("garden").unwrap();
    transport.fail_next(Fault::LoseAnswer("/commits"));
    let lost = alice.add(&group, &["bob"]).unwrap_err();
    assert!(matches!(lost, Error::Offline(_)), "{lost}");
    // Not merged on hope.
    assert_eq!(alice.group("garden").unwrap().epoch, Some(0));
    bob.receive().unwrap();
    bob.send(&group, "are you there?").unwrap();
    let mut alice = restart(&world, alice);
    assert_eq!(alice.group("garden").unwrap().epoch, Some(0));
    assert_eq!(lines(&alice.receive().unwrap()), ["bob: are you there?"]);
    assert_eq!(alice.group("garden").unwrap().epoch, Some(1));
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}

#[test]
fn a_submission_that_is_sent_again_gets_the_same_place() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let mut bob = world.account("bob");
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    transport.fail_next(Fault::LoseAnswer("/entries"));
    assert!(matches!(alice.send(&group, "once"), Err(Error::Offline(_))));
    // The next exchange, whatever it is for, carries it on, without looking at the log first.
    transport.fail_next(Fault::LoseAnswer("/commits"));
    assert!(matches!(alice.update_keys(&group), Err(Error::Offline(_))));
    let done = alice.send(&group, "twice").unwrap();
    assert_eq!((done.position.0, done.epoch), (4, 2));
    let expected = ["alice: once", "alice updated", "alice: twice"];
    assert_eq!(lines(&bob.receive().unwrap())[1..], expected);
    assert_eq!(lines(&alice.history(&group).unwrap())[2..], expected);
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}

#[test]
fn a_message_that_never_left_is_sent_after_a_restart_in_the_epoch_of_then() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let mut bob = world.account("bob");
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    bob.receive().unwrap();
    transport.fail_next(Fault::LoseRequest("/entries"));
    assert!(matches!(alice.send(&group, "later"), Err(Error::Offline(_))));
    bob.update_keys(&group).unwrap();
    let mut alice = restart(&world, alice);
    assert_eq!(lines(&alice.receive().unwrap()), ["bob updated"]);
    assert_eq!(lines(&bob.receive().unwrap()), ["alice: later"]);
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}

#[test]
fn a_candidate_that_lost_while_its_maker_was_away_is_dropped() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let mut bob = world.account("bob");
    let mut carol = world.account("carol");
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    bob.receive().unwrap();
    transport.fail_next(Fault::LoseRequest("/commits"));
    assert!(matches!(alice.add(&group, &["carol"]), Err(Error::Offline(_))));
    bob.update_keys(&group).unwrap();
    let mut alice = restart(&world, alice);
    assert_eq!(lines(&alice.receive().unwrap()), ["bob updated"]);
    assert_eq!(lines(&carol.receive().unwrap()), ["joined alice,bob,carol"]);
    assert_agreement(&mut [&mut alice, &mut bob, &mut carol], &group);
}

#[test]
fn a_welcome_is_joined_once_however_often_it_is_read() {
    let world = World::new();
    let mut alice = world.account("alice");
    let transport = world.transport();
    let mut bob = world.account_over("bob", transport.clone());
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    transport.fail_next(Fault::LoseRequest("/inbox/ack"));
    assert!(matches!(bob.receive(), Err(Error::Offline(_))));
    assert_eq!(bob.groups().unwrap().len(), 1, "durable before it is acknowledged");
    let mut bob = restart(&world, bob);
    assert_eq!(lines(&bob.receive().unwrap()), ["joined alice,bob"]);
    assert!(bob.receive().unwrap().is_empty());
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}

#[test]
fn a_welcome_that_is_of_no_use_is_told_and_does_not_come_again() {
    use delivery_api::{Credential, IdempotencyKey, inbox::PutItem, request};
    let world = World::new();
    let mut alice = world.account("alice");
    let mut bob = world.account("bob");
    let group = alice.create_group("garden").unwrap();
    // Somebody's device puts rubbish into a bundle of its own log, and into the inbox.
    let crypto = crypto::Crypto::new(crypto_aws_lc::provider());
    let suite = crypto.suite(crypto::CipherSuite(1)).unwrap();
    let key =
        crypto::SignatureKeyPair::from_private_key(&suite, crypto::Secret::zeros(32)).unwrap();
    let public = crypto::Signer::public_key(&key).as_slice().try_into().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let credential = Credential {
        service: world.service.public_key(),
        key: delivery_api::PublicKey::new(public),
        time_seconds: now,
    };
    let sign = |tbs: &[u8]| crypto::Signer::sign(&key, tbs);
    world.slip_welcome(bob.identity().device, b"no Welcome", now);
    let device = credential.key.device();
    let register = request::register_device(device).sign(&credential, sign).unwrap();
    world.service.ask(&register, now).unwrap();
    let item = PutItem {
        idempotency_key: IdempotencyKey::new(&[2; 16]).unwrap(),
        bytes: b"from the future".as_slice().into(),
    };
    let direct = request::put_item(bob.identity().device, &item).sign(&credential, sign).unwrap();
    world.service.ask(&direct, now).unwrap();
    alice.add(&group, &["bob"]).unwrap();
    let heard = lines(&bob.receive().unwrap());
    assert_eq!(heard, ["unusable: it is malformed", "joined alice,bob"]);
    assert!(bob.receive().unwrap().is_empty());
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}

#[test]
fn events_come_again_if_the_process_died_before_it_took_them() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let mut bob = accounts.pop().unwrap();
    accounts[0].send(&group, "hello").unwrap();
    assert_eq!(lines(&bob.receive().unwrap()), ["alice: hello"]);
    let mut bob = restart(&world, bob);
    assert_eq!(lines(&bob.receive().unwrap()), ["alice: hello"]);
    assert!(bob.receive().unwrap().is_empty());
}

#[test]
fn an_account_whose_registration_was_cut_short_registers_when_it_asks_for_news() {
    for (end, arrives) in [(1, false), (1, true), (2, false), (2, true)] {
        let world = World::new();
        let transport = world.transport();
        transport.end_at(end, arrives);
        let cut = Account::create_with(&world.home("bob"), "bob", "in process", transport);
        assert!(matches!(cut.err(), Some(Error::Offline(_))));
        let mut bob = world.reopen("bob");
        assert!(bob.receive().unwrap().is_empty());
        let mut alice = world.account("alice");
        let group = alice.create_group("garden").unwrap();
        alice.add(&group, &["bob"]).unwrap();
        assert_eq!(lines(&bob.receive().unwrap()), ["joined alice,bob"]);
    }
}

#[test]
fn who_is_removed_and_invited_again_while_half_joined_comes_back() {
    for number in 0..8 {
        let world = World::new();
        let mut alice = world.account("alice");
        let transport = world.transport();
        let mut bob = world.account_over("bob", transport.clone());
        let group = alice.create_group("garden").unwrap();
        alice.add(&group, &["bob"]).unwrap();
        transport.end_at(transport.requests() + number, false);
        // Dies somewhere between the inbox and having found its place in the log, or not at all.
        let _ = bob.receive();
        alice.remove(&group, &["bob"]).unwrap();
        alice.add(&group, &["bob"]).unwrap();
        let mut bob = restart(&world, bob);
        bob.receive().unwrap();
        assert_agreement(&mut [&mut alice, &mut bob], &group);
    }
}

#[test]
fn what_was_wanted_before_a_removal_is_done_after_coming_back() {
    let world = World::new();
    let transport = world.transport();
    let mut bob = world.account_over("bob", transport.clone());
    let mut alice = world.account("alice");
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    bob.receive().unwrap();
    transport.fail_next(Fault::LoseRequest("/entries"));
    assert!(matches!(bob.send(&group, "later"), Err(Error::Offline(_))));
    alice.remove(&group, &["bob"]).unwrap();
    alice.add(&group, &["bob"]).unwrap();
    let mut bob = restart(&world, bob);
    bob.receive().unwrap();
    bob.receive().unwrap();
    assert_eq!(lines(&alice.receive().unwrap()), ["bob: later"]);
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}

/// What Alice does in [`a_client_that_dies_at_any_request_carries_on_and_does_everything_once`].
type Act = fn(&mut Account) -> Result<(), Error>;

const LIFE: [Act; 7] = [
    |alice| alice.create_group("garden").map(drop),
    |alice| act(alice, |alice, group| alice.add(group, &["bob", "carol"])),
    |alice| act(alice, |alice, group| alice.send(group, "one")),
    |alice| act(alice, |alice, group| alice.update_keys(group)),
    |alice| act(alice, |alice, group| alice.send(group, "two")),
    |alice| act(alice, |alice, group| alice.remove(group, &["carol"])),
    |alice| act(alice, |alice, group| alice.send(group, "three")),
];

fn act(
    alice: &mut Account,
    act: impl FnOnce(&mut Account, &client::GroupId) -> Result<client::Done, Error>,
) -> Result<(), Error> {
    let group = alice.group("garden")?.id;
    act(alice, &group).map(drop)
}

/// Lives Alice's life; whatever fails is left to the next process, which gets a whole transport.
/// Returns how many requests the first process made.
fn live(end: Option<(usize, bool)>) -> usize {
    let world = World::new();
    let transport = world.transport();
    let (mut bob, mut carol) = (world.account("bob"), world.account("carol"));
    let mut alice = world.account_over("alice", transport.clone());
    let offset = transport.requests();
    if let Some((number, arrives)) = end {
        transport.end_at(offset + number, arrives);
    }
    for (index, act) in LIFE.into_iter().enumerate() {
        if [4, 5].contains(&index) {
            // Behind Alice's back, so that she loses a race with a message and with a commit.
            let group = bob.group("garden").unwrap().id;
            bob.update_keys(&group).unwrap();
        }
        match act(&mut alice) {
            Ok(()) => {}
            Err(Error::Offline(_)) => {
                alice = restart(&world, alice);
                alice.receive().unwrap();
            }
            Err(error) => panic!("{end:?}: {error}"),
        }
        bob.receive().unwrap();
        carol.receive().unwrap();
    }
    let requests = transport.requests() - offset;
    let group = alice.group("garden").unwrap().id;
    let told = lines(&bob.history(&group).unwrap());
    let expected = [
        "joined alice,bob,carol",
        "alice: one",
        "alice updated",
        "bob updated",
        "alice: two",
        "bob updated",
        "alice removed carol",
        "alice: three",
    ];
    assert_eq!(told, expected, "{end:?}");
    let told = lines(&carol.history(&group).unwrap());
    assert_eq!((told.len(), told.last().unwrap().as_str()), (7, "alice removed me"), "{end:?}");
    assert_eq!(lines(&alice.history(&group).unwrap()).len(), 10, "{end:?}");
    assert_agreement(&mut [&mut alice, &mut bob], &group);
    requests
}

#[test]
fn a_client_that_dies_at_any_request_carries_on_and_does_everything_once() {
    let requests = live(None);
    assert!(requests >= 14, "{requests}");
    for number in 0..requests {
        for arrives in [false, true] {
            live(Some((number, arrives)));
        }
    }
}

#[test]
fn a_wish_that_turns_out_to_be_impossible_later_is_told_as_an_event() {
    let world = World::new();
    let transport = world.transport();
    let mut bob = world.account_over("bob", transport.clone());
    let mut alice = world.account("alice");
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    bob.receive().unwrap();
    bob.set_read().unwrap();
    transport.fail_next(Fault::LoseRequest("/entries"));
    assert!(matches!(bob.send(&group, "too late"), Err(Error::Offline(_))));
    alice.remove(&group, &["bob"]).unwrap();
    let expected = [
        "alice removed me",
        "failed to send a message: the group cannot be used: this account was removed from it",
    ];
    assert_eq!(lines(&bob.receive().unwrap()), expected);
    assert!(bob.receive().unwrap().is_empty());
}
