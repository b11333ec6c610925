//! A copy of the database, made while the service goes on.

use crate::world::{Directory, Group, World, fresh_bytes};
use delivery_service::store::{SqliteStore, backup};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_backup_of_a_busy_service_holds_what_was_acknowledged_before_it() {
    let (directory, copies) = (Directory::new(), Directory::new());
    let world = World::over(Arc::new(SqliteStore::open(directory.path()).unwrap()));
    let group = Group::new(&world);
    let mut acknowledged = group.send("first").position;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let other = Group::new(&world);
            while !stop.load(Ordering::Relaxed) {
                other.send("meanwhile");
            }
        });
        for round in 0..5 {
            acknowledged = group.send(&format!("round {round}")).position;
            let path = copies.path().join(format!("copy-{round}"));
            backup(directory.path(), &path).unwrap();
            let restored = Directory::new();
            std::fs::copy(&path, restored.path().join("delivery.sqlite3")).unwrap();
            let again = World::over(Arc::new(SqliteStore::open(restored.path()).unwrap()));
            // Continues the chain: what it holds is one committed state.
            let (entries, page) = again.read_all(group.log, &group.key, 0);
            assert_eq!(entries.last().map(|entry| entry.position), Some(acknowledged));
            assert_eq!(page.end, acknowledged);
            let (now, _) = world.read_all(group.log, &group.key, 0);
            assert_eq!(entries, now);
        }
        stop.store(true, Ordering::Relaxed);
        writing.join().unwrap();
    });
}

#[test]
fn a_backup_replaces_nothing_and_leaves_nothing_behind() {
    let (directory, copies) = (Directory::new(), Directory::new());
    let path = copies.path().join("copy");
    assert!(backup(directory.path(), &path).is_err(), "there is no store yet");
    assert!(!path.exists());
    drop(SqliteStore::open(directory.path()).unwrap());
    std::fs::write(&path, fresh_bytes()).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(backup(directory.path(), &path).is_err(), "the file exists");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let nowhere = copies.path().join("missing").join("copy");
    assert!(backup(directory.path(), &nowhere).is_err());
}
