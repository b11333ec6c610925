//! The account's standing: its root key, its credential over time, and revoked devices.

use crate::engine::{drive, setup};
use crate::world::{World, assert_agreement, lines};
use client::engine::Engine;
use client::{Account, Error, GroupId, KeySource, Misuse};
use delivery_api::Name;
use testkit::NOW;

const DAY: u64 = 86_400;

fn receive_all(accounts: &mut [Account]) {
    for account in accounts {
        account.receive().unwrap();
    }
}

fn untrusted(result: Result<impl Sized, Error>) -> String {
    match result.map(drop) {
        Err(Error::Untrusted(text)) => text,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn members_see_the_same_safety_number_and_the_same_authenticator() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob", "carol"]);
    let with = |index: usize, name: &str| accounts[index].safety_number(name).unwrap();
    assert_eq!(with(0, "bob"), with(1, "alice"));
    assert_ne!(with(0, "bob"), with(0, "carol"));
    let bob_key = accounts[1].account_key().unwrap();
    let known = accounts[0].known_account("bob").unwrap();
    assert_eq!((known.key, known.source), (bob_key, KeySource::FirstUse));
    let unknown = accounts[0].safety_number("dave").unwrap_err();
    assert!(matches!(unknown, Error::Misuse(Misuse::UnknownAccount(_))), "{unknown}");
    let before = accounts[0].authenticator(&group).unwrap();
    assert_eq!(before, accounts[1].authenticator(&group).unwrap());
    accounts[2].update_keys(&group).unwrap();
    assert_eq!(before, accounts[0].authenticator(&group).unwrap());
    receive_all(&mut accounts);
    let after = accounts[0].authenticator(&group).unwrap();
    assert_ne!(before, after);
    assert_eq!(after, accounts[1].authenticator(&group).unwrap());
}

#[test]
fn a_key_given_by_hand_keeps_another_account_of_that_name_out() {
    let world = World::new();
    let mut alice = world.account("alice");
    let bob = world.account("bob");
    let mallory = world.account("mallory").account_key().unwrap().to_string();
    let group = alice.create_group("garden").unwrap();
    // What Alice was told is not whom the service calls Bob.
    alice.trust("bob", &mallory).unwrap();
    let refused = untrusted(alice.add(&group, &["bob"]));
    assert!(refused.contains("another account"), "{refused}");
    let key = bob.account_key().unwrap().to_string();
    assert!(untrusted(alice.trust("bob", &key)).contains(&mallory));
    let wrong = alice.trust("bob", "abc").unwrap_err();
    assert!(matches!(wrong, Error::Misuse(Misuse::InvalidKey)), "{wrong}");
    // Somebody else was told the right one.
    let mut carol = world.account("carol");
    carol.trust("bob", &key).unwrap();
    let group = carol.create_group("shed").unwrap();
    carol.add(&group, &["bob"]).unwrap();
    assert_eq!(carol.known_account("bob").unwrap().source, KeySource::ByHand);
}

#[test]
fn a_new_root_key_reaches_every_group_and_the_old_one_lets_nobody_in() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob", "carol"]);
    let old = accounts[0].account_key().unwrap();
    let number = accounts[1].safety_number("alice").unwrap();
    // An invitation under the old root is still to be read when the new one is known.
    accounts[0].rotate_root().unwrap();
    let new = accounts[0].account_key().unwrap();
    assert_ne!(old, new);
    receive_all(&mut accounts);
    for other in &accounts[1..] {
        assert_eq!(other.known_account("alice").unwrap().key, new);
    }
    assert_ne!(accounts[1].safety_number("alice").unwrap(), number);
    let mut people: Vec<&mut Account> = accounts.iter_mut().collect();
    assert_agreement(&mut people, &group);
    // It is the account that comes back by a new key package, and after a restart.
    drop(accounts.remove(0));
    let mut alice = world.reopen("alice");
    assert_eq!(alice.account_key().unwrap(), new);
    accounts[0].remove(&group, &["alice"]).unwrap();
    accounts[0].add(&group, &["alice"]).unwrap();
    alice.receive().unwrap();
    alice.send(&group, "still me").unwrap();
    assert!(lines(&accounts[0].receive().unwrap()).contains(&"alice: still me".to_owned()));
}

#[test]
fn a_revoked_device_is_evicted_and_not_let_in_again() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob", "carol"]);
    let device = accounts[0].identity().device.to_string();
    // Alice gives her device away, and says so.
    accounts[0].revoke(&device).unwrap();
    receive_all(&mut accounts[1..]);
    receive_all(&mut accounts);
    let members = |account: &mut Account| -> Vec<String> {
        let group = account.group("garden").unwrap();
        group.members.iter().map(|member| member.name.to_string()).collect()
    };
    for other in &mut accounts[1..] {
        assert_eq!(members(other), ["bob", "carol"]);
    }
    let refused = untrusted(accounts[1].add(&group, &["alice"]));
    assert!(refused.contains("does not name the device"), "{refused}");
    // Also not by who has never heard of it before: the credential itself says so.
    let mut dave = world.account("dave");
    let shed = dave.create_group("shed").unwrap();
    assert!(untrusted(dave.add(&shed, &["alice"])).contains("does not name the device"));
}

/// An engine with a group of one, and the time.
fn alone(world: &World) -> (Engine, GroupId) {
    let name = Name::new("alice").unwrap();
    let mut engine = Engine::create(&world.home("alice"), &name, "by hand", setup(1)).unwrap();
    let group = engine.create_group("garden", NOW).unwrap();
    drive(&mut engine, world, NOW, "/none");
    (engine, group)
}

#[test]
fn a_credential_is_renewed_before_it_expires() {
    let world = World::new();
    let (mut engine, _) = alone(&world);
    let mut epochs = Vec::new();
    // Two lifetimes and more, a look every ten days.
    for day in (0..=200).step_by(10) {
        engine.sync().unwrap();
        let now = NOW + day * DAY;
        drive(&mut engine, &world, now, "/none");
        epochs.push(engine.groups().unwrap()[0].epoch.unwrap());
    }
    // Days 60, 120 and 180: two thirds of ninety days after the one before.
    let changes: Vec<usize> =
        (1..epochs.len()).filter(|day| epochs[*day] != epochs[day - 1]).map(|n| n * 10).collect();
    assert_eq!(changes, [60, 120, 180]);
}
