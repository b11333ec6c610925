//! Accounts with several devices, and a client of which nothing is left but the recovery code.

use crate::world::{World, lines, sha256};
use client::{Account, Error, EventKind, GroupId, Misuse};
use delivery_service::core::Admission;
use std::sync::{Arc, Mutex};

/// A second device of an account, linked and known to all groups.
fn link(world: &World, folder: &str, first: &mut Account) -> Account {
    let name = first.name().to_string();
    let home = world.home(folder);
    let mut second =
        Account::create_linked_with(&home, &name, "in process", world.transport()).unwrap();
    let code = second.link_code().unwrap().unwrap();
    first.link(&code).unwrap();
    let heard = lines(&second.receive().unwrap());
    assert!(heard.contains(&"Linked".to_owned()), "{heard:?}");
    assert_eq!(second.link_code().unwrap(), None);
    first.receive().unwrap();
    second.receive().unwrap();
    second
}

fn members(account: &mut Account, group: &GroupId) -> Vec<String> {
    let groups = account.groups().unwrap();
    let group = groups.into_iter().find(|other| other.id == *group).unwrap();
    let mut names: Vec<String> = group.members.iter().map(|it| it.name.to_string()).collect();
    names.sort();
    names
}

fn receive_all(accounts: &mut [&mut Account]) {
    for account in accounts {
        account.receive().unwrap();
    }
}

#[test]
fn a_linked_device_comes_into_all_groups_and_speaks_for_the_account() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let mut phone = link(&world, "phone", &mut accounts[0]);
    assert_eq!(members(&mut phone, &group), ["alice", "alice", "bob"]);
    assert!(!phone.has_root() && accounts[0].has_root());
    assert_eq!(phone.devices().len(), 2);
    let told = lines(&accounts[1].receive().unwrap());
    let device = phone.identity().device.to_string();
    assert!(told.iter().any(|line| line.contains("DeviceAdded") && line.contains(&device)));
    assert_eq!(accounts[1].known_account("alice").unwrap().devices().len(), 2);
    phone.send(&group, "from the phone").unwrap();
    for account in &mut accounts {
        let heard = lines(&account.receive().unwrap());
        assert!(heard.contains(&"alice: from the phone".to_owned()), "{heard:?}");
    }
    // Whoever invites the account now invites both devices.
    let shed = accounts[1].create_group("shed").unwrap();
    accounts[1].add(&shed, &["alice"]).unwrap();
    assert_eq!(members(&mut accounts[1], &shed), ["alice", "alice", "bob"]);
    receive_all(&mut [&mut phone, &mut accounts[0]]);
    phone.send(&shed, "here too").unwrap();
    let heard = lines(&accounts[0].receive().unwrap());
    assert!(heard.contains(&"alice: here too".to_owned()), "{heard:?}");
    // And removes both.
    accounts[1].remove(&shed, &["alice"]).unwrap();
    assert_eq!(members(&mut accounts[1], &shed), ["bob"]);
}

#[test]
fn a_service_that_hides_a_device_hides_it_from_nobody() {
    let world = World::new();
    let (mut alice, bob) = (world.account("alice"), world.transport());
    let phone = link(&world, "phone", &mut alice);
    let hidden = phone.identity().device;
    let shown = alice.identity().device;
    bob.tamper(Some(Box::new(move |request, mut response| {
        if request.path == "/v1/names/alice" {
            let record = delivery_api::directory::NameRecord { devices: vec![shown] };
            response.body = codec::Encode::to_bytes(&record);
        }
        response
    })));
    let mut bob = world.account_over("bob", bob);
    let group = bob.create_group("garden").unwrap();
    bob.add(&group, &["alice"]).unwrap();
    let groups = bob.groups().unwrap();
    assert!(groups[0].members.iter().any(|member| member.device == hidden));
}

#[test]
fn a_stolen_device_is_shut_out_of_all_groups() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let mut phone = link(&world, "phone", &mut accounts[0]);
    let stolen = phone.identity().device.to_string();
    // The thief has no root key: the device can neither revoke, nor link, nor name a successor.
    let own = accounts[0].identity().device.to_string();
    for refused in [phone.revoke(&own), phone.rotate_root()] {
        assert!(matches!(refused, Err(Error::Misuse(Misuse::NoRootKey))), "{refused:?}");
    }
    accounts[0].revoke(&stolen).unwrap();
    assert_eq!(members(&mut accounts[0], &group), ["alice", "bob"]);
    let told = lines(&accounts[1].receive().unwrap());
    let is_told = |line: &String| line.contains("DeviceRemoved") && line.contains(&stolen);
    assert!(told.iter().any(is_told), "{told:?}");
    let told = lines(&phone.receive().unwrap());
    assert!(told.contains(&"alice removed me".to_owned()), "{told:?}");
    assert!(accounts[1].known_account("alice").unwrap().devices().len() == 1);
    let none = accounts[0].revoke(&stolen);
    assert!(matches!(none, Err(Error::Misuse(Misuse::NoSuchDevice(_)))), "{none:?}");
}

#[test]
fn a_revoked_device_is_told_so_and_sends_nothing() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let mut phone = link(&world, "phone", &mut accounts[0]);
    let device = phone.identity().device.to_string();
    phone.set_read().unwrap();
    // Bob has heard of it, and the phone has not.
    accounts[0].revoke(&device).unwrap();
    assert!(phone.send(&group, "hello?").is_err());
    let told = lines(&phone.receive().unwrap());
    assert_eq!(told.iter().filter(|line| *line == "DeviceRevoked").count(), 1, "{told:?}");
    for refused in [phone.send(&group, "x").err(), phone.create_group("shed").err()] {
        let refused = refused.unwrap();
        assert!(matches!(refused, Error::Misuse(Misuse::DeviceRevoked)), "{refused}");
    }
    drop(phone);
    let mut phone = world.reopen("phone");
    phone.receive().unwrap();
    assert!(lines(&phone.receive().unwrap()).is_empty(), "once");
    // In a group whose log it can still read it learns the same from the list.
    assert!(phone.create_group("shed").is_err());
    receive_all(&mut [&mut accounts[0]]);
    assert_eq!(members(&mut accounts[0], &group), ["alice", "bob"]);
}

#[test]
fn a_device_that_waits_to_be_linked_shows_the_service_nothing_of_its_card() {
    let world = World::new();
    let transport = world.transport();
    let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let blobs = Arc::clone(&seen);
    transport.tamper(Some(Box::new(move |request, response| {
        if request.path.starts_with("/v1/blobs/") {
            blobs.lock().unwrap().push(request.body.clone());
        }
        response
    })));
    let home = world.home("phone");
    let phone = Account::create_linked_with(&home, "alice", "in process", transport).unwrap();
    let seen = seen.lock().unwrap();
    assert!(!seen.is_empty());
    let device = phone.identity().device;
    let contains = |blob: &Vec<u8>, part: &[u8]| blob.windows(part.len()).any(|it| it == part);
    for blob in seen.iter() {
        assert!(!contains(blob, b"alice") && !contains(blob, device.as_bytes()));
    }
}

#[test]
fn a_root_key_whose_backups_the_service_refuses_stands_in_nobodys_way() {
    let token = "a token that nobody guesses";
    let world = World::admitting(Admission::Tokens(vec![sha256(token.as_bytes())]));
    let create = |name: &str| {
        let home = world.home(name).with_token(Some(token.to_owned()));
        Account::create_with(&home, name, "in process", world.transport()).unwrap()
    };
    let (alice, mut bob) = (create("alice"), create("bob"));
    drop(alice);
    // Without the token, as it is from then on.
    let mut alice = world.reopen("alice");
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    bob.receive().unwrap();
    let before = alice.account_key().unwrap();
    alice.rotate_root().unwrap();
    assert_ne!(alice.account_key().unwrap(), before);
    let told = lines(&alice.receive().unwrap());
    assert_eq!(told.iter().filter(|line| *line == "BackupRefused").count(), 1, "{told:?}");
    // All else goes on.
    bob.send(&group, "hello").unwrap();
    assert!(lines(&alice.receive().unwrap()).contains(&"bob: hello".to_owned()));
    alice.send(&group, "hello yourself").unwrap();
    assert!(lines(&bob.receive().unwrap()).contains(&"alice: hello yourself".to_owned()));
    let code = alice.recovery_code().unwrap();
    drop(alice);
    // Once it has the token, the backup is left, and the code leads back.
    let home = world.home("alice").with_token(Some(token.to_owned()));
    let mut alice = Account::open_with(&home, world.transport()).unwrap();
    alice.receive().unwrap();
    assert!(!lines(&alice.receive().unwrap()).contains(&"BackupRefused".to_owned()));
    drop(alice);
    let home = world.home("again").with_token(Some(token.to_owned()));
    let mut alice = Account::recover_with(&home, &code, &[], world.transport()).unwrap();
    let asked = alice.receive().unwrap().into_iter().find_map(|event| match event.kind {
        EventKind::Recovering { groups } => Some(groups),
        _ => None,
    });
    assert_eq!(asked.unwrap(), ["garden"]);
}

#[test]
fn a_code_is_of_use_only_for_the_name_and_to_who_was_shown_it() {
    let world = World::new();
    let (mut alice, mut bob) = (world.account("alice"), world.account("bob"));
    let home = world.home("phone");
    let mut phone =
        Account::create_linked_with(&home, "alice", "in process", world.transport()).unwrap();
    let group = phone.create_group("garden");
    assert!(matches!(group, Err(Error::Misuse(Misuse::NotLinked))), "{group:?}");
    let code = phone.link_code().unwrap().unwrap();
    // It consents to be a device of Alice's, not of Bob's.
    assert!(matches!(bob.link(&code), Err(Error::Untrusted(_))));
    let first = code.chars().next().unwrap();
    let slip = code.replace(first, if first == '7' { "6" } else { "7" });
    let slip = alice.link(&slip);
    assert!(matches!(slip, Err(Error::Misuse(Misuse::InvalidCode))), "{slip:?}");
    // Another account of that name, elsewhere, knows the card and not the secret of the code.
    let other = World::new();
    let mut impostor = other.account("alice");
    assert!(impostor.link(&code).is_err());
    alice.link(&code).unwrap();
    drop(phone);
    let mut phone = Account::open_with(&home, world.transport()).unwrap();
    phone.receive().unwrap();
    assert_eq!(phone.account_key().unwrap(), alice.account_key().unwrap());
}

#[test]
fn the_root_key_can_be_kept_elsewhere() {
    let world = World::new();
    let mut alice = world.account("alice");
    let mut phone = link(&world, "phone", &mut alice);
    let code = alice.recovery_code().unwrap();
    let wrong = World::new().account("alice").recovery_code().unwrap();
    assert!(alice.forget_root(&wrong).is_err());
    alice.forget_root(&code).unwrap();
    drop(alice);
    let mut alice = world.reopen("alice");
    assert!(!alice.has_root() && matches!(alice.recovery_code(), Err(Error::Misuse(_))));
    let device = phone.identity().device.to_string();
    assert!(matches!(alice.revoke(&device), Err(Error::Misuse(Misuse::NoRootKey))));
    // It comes back on another device as well, and knows all devices there.
    assert!(phone.import_root(&wrong).is_err());
    phone.import_root(&code).unwrap();
    assert!(phone.has_root());
    assert_eq!(phone.devices().len(), 2);
    phone.rotate_root().unwrap();
    alice.receive().unwrap();
    assert_eq!(phone.account_key().unwrap(), alice.account_key().unwrap());
}

/// Alice in five groups with three others; her folder is gone, her recovery code is not.
fn wiped(world: &World) -> (Vec<Account>, Vec<GroupId>, String) {
    let (mut accounts, first) = world.group(&["alice", "bob", "carol", "dave"]);
    let mut groups = vec![first];
    for (index, name) in ["b", "c", "d", "e"].into_iter().enumerate() {
        let group = accounts[index % 2].create_group(name).unwrap();
        let other = ["bob", "alice"][index % 2];
        accounts[index % 2].add(&group, &[other, "carol"]).unwrap();
        groups.push(group);
    }
    let mut all: Vec<&mut Account> = accounts.iter_mut().collect();
    receive_all(&mut all);
    receive_all(&mut all);
    let code = accounts[0].recovery_code().unwrap();
    drop(accounts.remove(0));
    std::fs::remove_dir_all(world.home("alice").folder()).unwrap();
    (accounts, groups, code)
}

fn recover(world: &World, folder: &str, code: &str) -> Account {
    Account::recover_with(&world.home(folder), code, &[], world.transport()).unwrap()
}

/// Proof 6 (g).
#[test]
fn a_wiped_client_returns_to_all_its_groups_by_itself() {
    let world = World::new();
    let (mut others, groups, code) = wiped(&world);
    others[0].send(&groups[0], "before").unwrap();
    let mut alice = recover(&world, "again", &code);
    let events = alice.receive().unwrap();
    let asked = events.iter().find_map(|event| match &event.kind {
        EventKind::Recovering { groups } => Some(groups.clone()),
        _ => None,
    });
    assert_eq!(asked.unwrap(), ["b", "c", "d", "e", "garden"]);
    // Only Carol is there; nobody does anything but ask for news.
    let told = lines(&others[1].receive().unwrap());
    alice.receive().unwrap();
    for group in &groups {
        let mut expected = members(&mut others[1], group);
        assert_eq!(members(&mut alice, group), expected);
        expected.retain(|name| name == "alice");
        assert_eq!(expected.len(), 1);
    }
    assert_eq!(told.iter().filter(|line| line.contains("DeviceNotListed")).count(), 5, "{told:?}");
    let mut all: Vec<&mut Account> = others.iter_mut().chain([&mut alice]).collect();
    receive_all(&mut all);
    receive_all(&mut all);
    alice.send(&groups[2], "back").unwrap();
    let heard = lines(&others[0].receive().unwrap());
    assert!(heard.contains(&"alice: back".to_owned()), "{heard:?}");
    // What was said before is not given back.
    assert!(!lines(&alice.history(&groups[0]).unwrap()).iter().any(|line| line.contains("before")));
    // She can be lost again.
    let code = alice.recovery_code().unwrap();
    drop(alice);
    let mut alice = recover(&world, "once more", &code);
    receive_all(&mut [&mut others[0]]);
    alice.receive().unwrap();
    assert_eq!(alice.groups().unwrap().len(), 5);
}

#[test]
fn a_device_that_is_kept_stays_when_another_is_recovered() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let mut phone = link(&world, "phone", &mut accounts[0]);
    let code = accounts[0].recovery_code().unwrap();
    let lost = accounts.remove(0).identity().device;
    let keep = phone.identity().device.to_string();
    let mut laptop =
        Account::recover_with(&world.home("laptop"), &code, &[&keep], world.transport()).unwrap();
    // The phone is of the account: it takes the new device in and the lost one out by itself.
    phone.receive().unwrap();
    laptop.receive().unwrap();
    assert_eq!(members(&mut laptop, &group), ["alice", "alice", "bob"]);
    let groups = laptop.groups().unwrap();
    assert!(groups[0].members.iter().all(|member| member.device != lost));
    assert_eq!(laptop.devices().len(), 2);
    // The new holder of the root key certifies the phone.
    laptop.rotate_root().unwrap();
    phone.receive().unwrap();
    assert_eq!(phone.account_key().unwrap(), laptop.account_key().unwrap());
}

#[test]
fn an_impostor_without_the_root_key_is_not_taken_in() {
    let world = World::new();
    let (mut others, groups, code) = wiped(&world);
    // Her code with another root key in it cannot be made: the name is not the impostor's.
    let elsewhere = World::new();
    let foreign = elsewhere.account("alice").recovery_code().unwrap();
    let home = world.home("impostor");
    let refused = Account::recover_with(&home, &foreign, &[], world.transport()).map(drop);
    assert!(refused.is_err());
    for other in &mut others {
        other.receive().unwrap();
    }
    for group in &groups {
        let names = members(&mut others[1], group);
        assert_eq!(names.iter().filter(|name| *name == "alice").count(), 1);
    }
    // The true one still comes back.
    let mut alice = recover(&world, "again", &code);
    others[1].receive().unwrap();
    alice.receive().unwrap();
    assert_eq!(alice.groups().unwrap().len(), 5);
}

#[test]
fn a_former_member_is_not_taken_in_and_neither_is_who_was_removed_since() {
    let world = World::new();
    let (mut others, groups, code) = wiped(&world);
    // Bob has removed her from one group before, and removes her from another after she came back.
    others[0].remove(&groups[0], &["alice"]).unwrap();
    for other in &mut others {
        other.receive().unwrap();
    }
    let mut alice = recover(&world, "again", &code);
    others[1].receive().unwrap();
    alice.receive().unwrap();
    assert_eq!(alice.groups().unwrap().len(), 4);
    assert_eq!(members(&mut others[1], &groups[0]), ["bob", "carol", "dave"]);
    others[1].remove(&groups[1], &["alice"]).unwrap();
    // The others only now read what she sent them when she came back; so would they a repetition.
    for _ in 0..2 {
        for other in &mut others {
            other.receive().unwrap();
        }
    }
    assert_eq!(members(&mut others[0], &groups[1]), ["bob", "carol"]);
    assert_eq!(members(&mut others[1], &groups[1]), ["bob", "carol"]);
}
