//! Files: what is shared arrives, for members only, and nothing else passes for it.

use crate::world::{Fault, World, lines};
use client::transport::HttpResponse;
use client::{Account, Attachment, Error, EventKind, Misuse, ServiceFault};
use std::path::{Path, PathBuf};

/// Three chunks, the last one short.
const SIZE: usize = 8 * 1024 * 1024 + 77;

fn contents() -> Vec<u8> {
    (0..SIZE).map(|index| (index * 31 % 253).to_le_bytes()[0]).collect()
}

fn write(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("seeds.bin");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn attachment(path: &Path) -> Attachment<'_> {
    Attachment { path, name: "seeds.bin", media_type: "application/octet-stream" }
}

fn quiet() -> impl FnMut(u64, u64) {
    |_, _| ()
}

fn save(account: &mut Account, number: u64) -> Result<Vec<u8>, Error> {
    let mut saved = Vec::new();
    account.save_file(number, &mut saved, &mut quiet())?;
    Ok(saved)
}

#[test]
fn a_shared_file_arrives_as_it_was_and_is_found_again() {
    let world = World::new();
    let (mut alice, mut bob) = (world.account("alice"), world.account("bob"));
    let folder = tempfile::tempdir().unwrap();
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    let path = write(folder.path(), &contents());
    let mut steps = Vec::new();
    let mut progress = |gone, size| steps.push((gone, size));
    alice.send_file(&group, attachment(&path), &mut progress).unwrap();
    assert_eq!((steps.len(), steps[0].0, steps[3]), (4, 0, (SIZE as u64, SIZE as u64)));
    let events = bob.receive().unwrap();
    let event = events.last().unwrap();
    let EventKind::File { from, name, media_type, size } = &event.kind else { panic!("{event:?}") };
    assert_eq!((from.as_str(), name.as_str(), *size), ("alice", "seeds.bin", SIZE as u64));
    assert_eq!(media_type, "application/octet-stream");
    assert!(save(&mut bob, event.number).unwrap() == contents());
    // The sender finds it in their own history, also after a restart.
    drop(alice);
    let mut alice = world.reopen("alice");
    let own = alice.find_file(&group, "seeds.bin").unwrap();
    assert!(save(&mut alice, own.number).unwrap() == contents());
    assert!(matches!(alice.find_file(&group, "weeds"), Err(Error::Misuse(Misuse::NoSuchFile))));
}

#[test]
fn an_empty_file_is_a_file() {
    let world = World::new();
    let mut alice = world.account("alice");
    let folder = tempfile::tempdir().unwrap();
    let group = alice.create_group("garden").unwrap();
    let path = write(folder.path(), b"");
    alice.send_file(&group, attachment(&path), &mut quiet()).unwrap();
    let own = alice.find_file(&group, "seeds.bin").unwrap();
    assert_eq!(save(&mut alice, own.number).unwrap(), b"");
}

#[test]
fn nothing_is_said_of_a_file_that_did_not_arrive() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let mut bob = world.account("bob");
    let folder = tempfile::tempdir().unwrap();
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    bob.receive().unwrap();
    let path = write(folder.path(), &contents());
    for index in 0..3 {
        // The faults of requests to blobs, of which no path ends alike: by number.
        let now = transport.requests();
        transport.end_at(now + index, index == 1);
        let failed = alice.send_file(&group, attachment(&path), &mut quiet());
        assert!(matches!(failed, Err(Error::Offline(_))), "{failed:?}");
        transport.end_at(usize::MAX, false);
    }
    assert!(lines(&bob.receive().unwrap()).is_empty());
    // The message, once stored, goes out like any other.
    transport.fail_next(Fault::LoseAnswer("/entries"));
    let failed = alice.send_file(&group, attachment(&path), &mut quiet());
    assert!(matches!(failed, Err(Error::Offline(_))));
    alice.receive().unwrap();
    let heard = lines(&bob.receive().unwrap());
    assert_eq!(heard, [format!("alice shares seeds.bin, {SIZE} bytes")]);
}

#[test]
fn a_blob_that_the_service_changed_or_lost_is_not_written() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let folder = tempfile::tempdir().unwrap();
    let group = alice.create_group("garden").unwrap();
    let path = write(folder.path(), b"carrots");
    alice.send_file(&group, attachment(&path), &mut quiet()).unwrap();
    let number = alice.find_file(&group, "seeds.bin").unwrap().number;
    transport.tamper(Some(Box::new(|_, mut response: HttpResponse| {
        response.body[9] ^= 1;
        response
    })));
    let mut written = Vec::new();
    let failed = alice.save_file(number, &mut written, &mut quiet());
    assert!(matches!(failed, Err(Error::Service(ServiceFault::Inconsistent(_)))), "{failed:?}");
    assert!(written.is_empty());
    transport.tamper(Some(Box::new(|_, mut response: HttpResponse| {
        response.body.truncate(40);
        response
    })));
    assert!(save(&mut alice, number).is_err());
    transport.tamper(None);
    assert_eq!(save(&mut alice, number).unwrap(), b"carrots");
}

#[test]
fn names_and_sizes_have_limits() {
    let world = World::new();
    let mut alice = world.account("alice");
    let folder = tempfile::tempdir().unwrap();
    let group = alice.create_group("garden").unwrap();
    let path = write(folder.path(), b"x");
    for name in ["", "a/b", "..", "a\x07b"] {
        let bad = Attachment { name, ..attachment(&path) };
        let failed = alice.send_file(&group, bad, &mut quiet());
        assert!(matches!(failed, Err(Error::Misuse(Misuse::InvalidFileName(_)))), "{name:?}");
    }
    let bad = Attachment { path: folder.path(), ..attachment(&path) };
    assert!(matches!(alice.send_file(&group, bad, &mut quiet()), Err(Error::File(_))));
    // A file with a hole of the largest size and one byte costs no disk.
    let large = std::fs::File::options().write(true).open(&path).unwrap();
    large.set_len(client::FILE_BYTES_MAX + 1).unwrap();
    let failed = alice.send_file(&group, attachment(&path), &mut quiet());
    assert!(matches!(failed, Err(Error::Misuse(Misuse::FileTooLarge))), "{failed:?}");
}
