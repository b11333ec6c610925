//! What the folder of an account shows to whoever reads the disk.

use crate::world::{World, assert_agreement, lines};
use client::{Account, Error, Home, Protection, StoreError, StoreKey};
use crypto::Secret;
use std::path::Path;

/// The bytes of every file in a folder.
fn files(folder: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

fn passphrase(text: &str) -> StoreKey {
    StoreKey::Passphrase(Secret::from_slice(text.as_bytes()))
}

fn open(home: &Home, world: &World) -> Result<Account, StoreError> {
    match Account::open_with(home, world.transport()) {
        Ok(account) => Ok(account),
        Err(Error::Store(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

const SERVER: &str = "https://delivery.example.org";

/// A life that touches every table: accounts, groups, messages, what waits to be sent.
fn live(world: &World, home: &Home) -> Vec<Vec<u8>> {
    let transport = world.transport();
    let mut alice = Account::create_with(home, "alice-at-rest", SERVER, transport.clone()).unwrap();
    let mut bob = world.account("bob-elsewhere");
    let group = alice.create_group("the secret garden").unwrap();
    alice.add(&group, &["bob-elsewhere"]).unwrap();
    bob.receive().unwrap();
    alice.send(&group, "what alice says at night").unwrap();
    bob.send(&group, "what bob answers her").unwrap();
    alice.update_keys(&group).unwrap();
    alice.receive().unwrap();
    alice.rotate_root().unwrap();
    alice.set_draft(&group, "what she nearly said").unwrap();
    alice.set_setting("colour", Some("midnight blue")).unwrap();
    // What waits to be sent is there, too.
    transport.end_at(0, false);
    assert!(alice.send(&group, "what never left the house").is_err());
    let texts = [
        "alice-at-rest",
        "bob-elsewhere",
        "the secret garden",
        SERVER,
        "what alice says",
        "what bob answers",
        "what never left",
        "send a message",
        "what she nearly",
        "midnight blue",
    ];
    let mut needles: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    needles.push(bob.identity().device.as_bytes().to_vec());
    needles.push(alice.identity().device.as_bytes().to_vec());
    let hex = alice.account_key().unwrap().to_string();
    let digits = |index: usize| u8::from_str_radix(&hex[index..index + 2], 16).unwrap();
    needles.push((0..hex.len()).step_by(2).map(digits).collect());
    needles.push(alice.group("the secret garden").unwrap().epoch_authenticator);
    needles
}

#[test]
fn the_files_of_a_used_account_show_no_text_no_name_and_no_key() {
    let world = World::new();
    let home = Home::with_passphrase(world.folder("alice"), "open sesame");
    let needles = live(&world, &home);
    // Open, with its write-ahead log, as a crash leaves it; then closed.
    let copy = files(home.folder());
    assert!(copy.len() > 100_000);
    for needle in &needles {
        let found = holds(&copy, needle);
        assert!(!found, "the folder shows {:?}", String::from_utf8_lossy(needle));
    }
    assert!(!holds(&copy, b"open sesame"));
}

#[test]
fn it_is_the_sealing_that_hides_them() {
    // The same life without protection: the data key lies in the file, and opens everything.
    let world = World::new();
    let home = Home::unprotected(world.folder("alice"));
    live(&world, &home);
    let mut alice = open(&home, &world).unwrap();
    let group = alice.group("the secret garden").unwrap().id;
    assert!(
        lines(&alice.history(&group).unwrap())
            .contains(&"bob-elsewhere: what bob answers her".to_owned())
    );
}

#[test]
fn only_what_closed_the_folder_opens_it() {
    let world = World::new();
    let folder = world.folder("alice");
    let home = Home::with_passphrase(&folder, "right");
    let alice = Account::create_with(&home, "alice", SERVER, world.transport()).unwrap();
    assert_eq!(open(&home, &world).err(), Some(StoreError::InUse));
    drop(alice);
    assert!(open(&home, &world).is_ok());
    let wrong = Home::with_passphrase(&folder, "wrong");
    assert_eq!(open(&wrong, &world).err(), Some(StoreError::WrongKey));
    let key = Home::new(&folder, StoreKey::Key(Secret::from_slice(&[1; 32])));
    let none = Home::unprotected(&folder);
    for home in [key, none] {
        let needed = StoreError::OtherProtection(Protection::Passphrase);
        assert_eq!(open(&home, &world).err(), Some(needed));
    }
}

#[test]
fn a_passphrase_is_changed_and_what_was_said_stays() {
    let world = World::new();
    let folder = world.folder("alice");
    let key = || StoreKey::Key(Secret::from_slice(&[1; 32]));
    let mut alice = world.account("alice");
    let mut bob = world.account("bob");
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    bob.receive().unwrap();
    alice.send(&group, "before").unwrap();
    let refused = alice.change_key(&passphrase("not this"), &passphrase("one"));
    assert!(matches!(refused, Err(Error::Store(StoreError::OtherProtection(_)))));
    alice.change_key(&StoreKey::Unprotected, &passphrase("one")).unwrap();
    let refused = alice.change_key(&passphrase("not this"), &passphrase("two"));
    assert!(matches!(refused, Err(Error::Store(StoreError::WrongKey))));
    alice.change_key(&passphrase("one"), &key()).unwrap();
    // A handle that is open goes on.
    alice.send(&group, "after").unwrap();
    drop(alice);
    for closed in [StoreKey::Unprotected, passphrase("one")] {
        assert!(open(&Home::new(&folder, closed), &world).is_err());
    }
    let mut alice = open(&Home::new(&folder, key()), &world).unwrap();
    let said = lines(&alice.history(&group).unwrap());
    assert!(said.contains(&"alice: before".to_owned()));
    assert!(said.contains(&"alice: after".to_owned()));
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}
