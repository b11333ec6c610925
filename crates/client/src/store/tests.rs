//! The database: what is written is there after reopening, what is not committed is gone.

use super::{
    AccountRecord, GroupRecord, GroupStatus, Home, Intent, IntentRecord, Invitee, NewEvent,
    OutboxRecord, Store, StoreError, Submission,
};
use crate::message::Content;
use crate::{EventKind, GroupId};
use codec::Opaque;
use crypto::Secret;
use delivery_api::log::{Append, Lane};
use delivery_api::{ChainHash, DeviceId, IdempotencyKey, LogId, Name, Position, PublicKey};
use mls::Storage;

fn group(position: u64) -> GroupRecord {
    GroupRecord {
        id: GroupId::new(b"group".as_slice()),
        log: LogId::new([1; 32]),
        name: "garden".to_owned(),
        status: GroupStatus::Active,
        position: Position(position),
        chain_hash: ChainHash::new([u8::try_from(position % 256).unwrap(); 32]),
        head: Position(1),
        access_key: Secret::from_slice(&[9; 32]),
    }
}

fn message(id: u8, unread: bool) -> NewEvent {
    let (from, device) = ("bob".to_owned(), "07".to_owned());
    let kind = EventKind::Message { from, text: format!("text {id}"), device };
    NewEvent {
        group: Some(group(0).id),
        position: Position(u64::from(id)),
        epoch: 2,
        kind,
        message_id: Some((DeviceId::new([7; 32]), [id; 16])),
        unread,
    }
}

#[test]
fn what_was_committed_survives_and_what_was_not_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::unprotected(folder.path().join("home"));
    let account = AccountRecord {
        name: Name::new("alice").unwrap(),
        server: "http://a".to_owned(),
        service_key: None,
        device_key: Secret::from_slice(&[1; 32]),
        signature_key: Secret::from_slice(&[2; 32]),
        root_key: Secret::from_slice(&[4; 32]),
        credential: None,
        registered: false,
    };
    let mut store = Store::create(&home).unwrap();
    let transaction = store.transaction().unwrap();
    transaction.put_account(&account).unwrap();
    transaction.set_service_key(PublicKey::new([3; 32])).unwrap();
    transaction.put_group(&group(4)).unwrap();
    transaction.commit().unwrap();
    let transaction = store.transaction().unwrap();
    transaction.put_group(&group(5)).unwrap();
    drop(transaction);
    drop(store);

    let mut store = Store::open(&home).unwrap();
    let transaction = store.transaction().unwrap();
    let read = transaction.account().unwrap().unwrap();
    assert!(read.device_key == account.device_key && read.signature_key == account.signature_key);
    assert!(read.root_key == account.root_key && read.credential.is_none());
    assert_eq!(read.service_key, Some(PublicKey::new([3; 32])));
    let record = transaction.group_record(&group(0).id).unwrap().unwrap();
    assert_eq!((record.position, record.status), (Position(4), GroupStatus::Active));
    assert!(record.access_key == group(4).access_key);
    assert!(transaction.mls().groups().unwrap().is_empty());
}

#[test]
fn one_process_at_a_time_and_only_where_an_account_is() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::unprotected(folder.path().join("home"));
    assert_eq!(Store::open(&home).err(), Some(StoreError::NoAccount));
    let store = Store::create(&home).unwrap();
    assert_eq!(Store::open(&home).err(), Some(StoreError::InUse));
    drop(store);
    let store = Store::open(&home).unwrap();
    store.delete(home.folder()).unwrap();
    assert_eq!(Store::open(&home).err(), Some(StoreError::NoAccount));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_enter_the_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let home = Home::unprotected(folder.path().join("home"));
    let _store = Store::create(&home).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(home.folder()) & 0o777, 0o700);
    assert_eq!(mode(&home.folder().join("client.sqlite3")) & 0o777, 0o600);
}

#[test]
fn a_message_that_comes_twice_is_kept_once_and_handed_out_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::create(&Home::unprotected(folder.path())).unwrap();
    let transaction = store.transaction().unwrap();
    assert!(transaction.add_event(&message(1, true)).unwrap());
    assert!(!transaction.add_event(&message(1, true)).unwrap());
    assert!(transaction.add_event(&message(2, false)).unwrap());
    let quiet = NewEvent { message_id: None, ..message(3, true) };
    assert!(transaction.add_event(&quiet).unwrap() && transaction.add_event(&quiet).unwrap());
    assert_eq!(transaction.history(&group(0).id).unwrap().len(), 4);
    let unread = transaction.unread().unwrap();
    assert_eq!(unread.len(), 3);
    transaction.set_read(unread[1].number).unwrap();
    assert_eq!(transaction.unread().unwrap(), unread[2..]);
    assert!(transaction.has_own_message(&group(0).id, Position(2)).unwrap());
}

#[test]
fn intents_keep_their_order_and_take_the_outbox_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::create(&Home::unprotected(folder.path())).unwrap();
    let transaction = store.transaction().unwrap();
    let id = group(0).id;
    let name = |text| Name::new(text).unwrap();
    let invitee = Invitee {
        name: name("bob"),
        device: Some(DeviceId::new([4; 32])),
        key_package: Some(Opaque::from(b"kp")),
    };
    let intents = [
        Intent::Add(vec![invitee]),
        Intent::Remove(vec![name("carol")]),
        Intent::Send { id: [5; 16], content: Content::Text("hé".to_owned()) },
        Intent::Update,
        Intent::SetPolicy(Box::default()),
        Intent::Leave,
        Intent::Evict(vec![DeviceId::new([3; 32])]),
        Intent::Rename("höhle".to_owned()),
    ];
    for intent in &intents {
        transaction.add_intent(&id, intent).unwrap();
    }
    let stored = transaction.intents().unwrap();
    assert!(stored.iter().map(|record| &record.intent).eq(&intents));
    let first = &stored[0];
    transaction
        .put_intent(&IntentRecord {
            number: first.number,
            group: id.clone(),
            intent: Intent::Update,
            attempts: 3,
        })
        .unwrap();
    let submission = Submission::Message(Box::new(Append {
        head: Position(1),
        idempotency_key: IdempotencyKey::new(&[1; 16]).unwrap(),
        lane: Lane::Application,
        bytes: Opaque::from(b"sealed"),
    }));
    let outbox =
        OutboxRecord { group: id.clone(), intent: first.number, submission: submission.clone() };
    transaction.put_outbox(&outbox).unwrap();
    assert_eq!(transaction.outbox(&id).unwrap().unwrap().submission, submission);
    let changed = &transaction.intents().unwrap()[0];
    assert_eq!((changed.attempts, &changed.intent), (3, &Intent::Update));
    transaction.delete_intent(first.number).unwrap();
    assert!(transaction.outbox(&id).unwrap().is_none());
    assert_eq!(transaction.intents().unwrap().len(), intents.len() - 1);
}

#[test]
fn old_chain_hashes_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::create(&Home::unprotected(folder.path())).unwrap();
    let transaction = store.transaction().unwrap();
    for position in 0..1100 {
        transaction.put_chain_hash(&group(position)).unwrap();
    }
    let id = group(0).id;
    assert_eq!(transaction.chain_hash(&id, Position(98)).unwrap(), None);
    let kept = transaction.chain_hash(&id, Position(99)).unwrap();
    assert_eq!(kept, Some(group(99).chain_hash));
}
