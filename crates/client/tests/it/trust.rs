//! Whom a client believes: neither the directory nor the service more than it has to.

use crate::world::{World, assert_agreement, lines};
use client::{Error, GroupState, ServiceFault};
use codec::{Decode, Encode};
use delivery_api::directory::NameRecord;
use delivery_api::log::{EntryKind, LogPage, Receipt};

/// Replaces successful answers to requests whose path holds `part`.
pub(crate) fn replace<A: Decode + Encode>(
    part: &'static str,
    change: impl Fn(&mut A) + Send + 'static,
) -> Option<crate::world::Tamper> {
    Some(Box::new(move |request, mut response| {
        if request.path.contains(part)
            && response.status == 200
            && let Ok(mut answer) = A::from_bytes(&response.body)
        {
            change(&mut answer);
            response.body = answer.to_bytes();
        }
        response
    }))
}

#[test]
fn a_name_that_becomes_another_device_is_not_trusted() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let _bob = world.account("bob");
    let mallory = world.account("mallory");
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    alice.remove(&group, &["bob"]).unwrap();
    let device = mallory.identity().device;
    let lie = move |record: &mut NameRecord| record.devices = vec![device];
    transport.tamper(replace("/names/bob", lie));
    let refused = alice.add(&group, &["bob"]).unwrap_err();
    assert!(matches!(refused, Error::Untrusted(_)), "{refused}");
    transport.tamper(None);
    alice.add(&group, &["bob"]).unwrap();
}

#[test]
fn a_key_package_of_somebody_else_is_not_used() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let _bob = world.account("bob");
    let mallory = world.account("mallory");
    let group = alice.create_group("garden").unwrap();
    // The directory points at Mallory's device, whose key packages say so.
    let device = mallory.identity().device;
    let lie = move |record: &mut NameRecord| record.devices = vec![device];
    transport.tamper(replace("/names/bob", lie));
    let refused = alice.add(&group, &["bob"]).unwrap_err();
    assert!(matches!(refused, Error::Untrusted(_)), "{refused}");
    assert_eq!(alice.group("garden").unwrap().members.len(), 1);
}

#[test]
fn a_receipt_that_the_service_did_not_sign_merges_nothing() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let group = alice.create_group("garden").unwrap();
    let forge = |receipt: &mut Receipt| {
        let mut signature = receipt.signature.to_vec();
        signature[0] ^= 1;
        receipt.signature = signature.into();
    };
    transport.tamper(replace("/commits", forge));
    let refused = alice.update_keys(&group).unwrap_err();
    assert!(matches!(refused, Error::Service(ServiceFault::BadReceipt)), "{refused}");
    assert_eq!(alice.group("garden").unwrap().epoch, Some(0));
    // The log tells the truth.
    transport.tamper(None);
    alice.receive().unwrap();
    assert_eq!(alice.group("garden").unwrap().epoch, Some(1));
}

#[test]
fn a_changed_entry_ends_the_following_of_the_group() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    drop(accounts.pop());
    let transport = world.transport();
    let mut bob = client::Account::open_with(&world.home("bob"), transport.clone()).unwrap();
    accounts[0].send(&group, "one").unwrap();
    // What the service shows Bob is not what it showed Alice.
    let change = |page: &mut LogPage| {
        if let Some(entry) = page.entries.first_mut() {
            let mut bytes = entry.bytes.to_vec();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            entry.bytes = bytes.into();
        }
    };
    transport.tamper(replace("/entries", change));
    let heard = lines(&bob.receive().unwrap());
    assert!(heard[0].starts_with("skipped: "), "{heard:?}");
    transport.tamper(None);
    accounts[0].send(&group, "two").unwrap();
    let heard = lines(&bob.receive().unwrap());
    assert_eq!(heard, ["halted: the service shows another past than before"]);
    assert_eq!(bob.group("garden").unwrap().state, GroupState::Halted);
    assert!(bob.send(&group, "hello?").is_err());
}

#[test]
fn members_who_were_shown_different_logs_find_out_with_the_next_message() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    drop(accounts.pop());
    let transport = world.transport();
    let mut bob = client::Account::open_with(&world.home("bob"), transport.clone()).unwrap();
    accounts[0].send(&group, "one").unwrap();
    accounts[0].send(&group, "two").unwrap();
    // A page in which the first entry is replaced, and the chain does not give it away.
    let change = |page: &mut LogPage| {
        if let [first, ..] = &mut page.entries[..] {
            first.bytes = b"suppressed".as_slice().into();
        }
    };
    transport.tamper(replace("/entries", change));
    let heard = lines(&bob.receive().unwrap());
    assert_eq!(heard.last().unwrap(), "halted: a member saw another past in the log");
    assert_eq!(bob.group("garden").unwrap().state, GroupState::Halted);
}

#[test]
fn members_who_were_shown_different_logs_find_out_with_the_next_commit() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    drop(accounts.pop());
    let transport = world.transport();
    let mut bob = client::Account::open_with(&world.home("bob"), transport.clone()).unwrap();
    accounts[0].send(&group, "one").unwrap();
    accounts[0].update_keys(&group).unwrap();
    // A page in which the first entry is replaced, and the chain does not give it away.
    let change = |page: &mut LogPage| {
        if let [first, ..] = &mut page.entries[..] {
            first.bytes = b"suppressed".as_slice().into();
        }
    };
    transport.tamper(replace("/entries", change));
    let heard = lines(&bob.receive().unwrap());
    assert_eq!(heard.last().unwrap(), "halted: a member saw another past in the log");
    assert_eq!(bob.group("garden").unwrap().state, GroupState::Halted);
}

#[test]
fn an_entry_that_is_not_valid_is_skipped_by_everybody() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let mut bob = world.account("bob");
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    bob.receive().unwrap();
    let log = transport.last_log();
    world.forge_entry(log, EntryKind::Application, b"rubbish");
    bob.send(&group, "did you see that?").unwrap();
    let skipped =
        |heard: &[String]| heard.iter().filter(|line| line.starts_with("skipped")).count();
    let heard = lines(&alice.receive().unwrap());
    assert_eq!((skipped(&heard), heard.last().unwrap().as_str()), (1, "bob: did you see that?"));
    assert_eq!(skipped(&lines(&bob.receive().unwrap())), 1);
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}
