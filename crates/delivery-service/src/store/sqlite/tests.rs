//! The SQLite store: what it makes durable, and how it starts.

use super::{SCHEMA, SqliteRows, SqliteStore};
use crate::core::Answer;
use crate::store::{DirectoryRows, InboxRows, Outcome, Store, StoreError, Work};
use delivery_api::{BlobId, DeviceId, Problem};
use rusqlite::Connection;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};

struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("conclave-sqlite-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn answer() -> Outcome {
    Ok(Answer { body: Vec::new(), news: Vec::new(), may_wait: false })
}

fn put_device(number: u8) -> Work {
    Box::new(move |rows| {
        rows.put_device(DeviceId::new([number; 32]), 0)?;
        answer()
    })
}

fn has_device(store: &SqliteStore, number: u8) -> bool {
    let work: Work = Box::new(move |rows| {
        rows.device_for_update(DeviceId::new([number; 32]))?.ok_or(Problem::UnknownDevice)?;
        answer()
    });
    store.read(work).is_ok()
}

#[test]
fn a_foreign_or_newer_file_is_left_alone() {
    let directory = Directory::new();
    drop(SqliteStore::open(&directory.0).unwrap());
    drop(SqliteStore::open(&directory.0).unwrap());
    let path = directory.0.join("delivery.sqlite3");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    assert!(SqliteStore::open(&directory.0).is_err());
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection.pragma_update(None, "application_id", 7).unwrap();
    assert!(SqliteStore::open(&directory.0).is_err());
}

#[test]
fn a_closed_store_opens_again_at_once_while_processes_start() {
    let directory = Directory::new();
    let reopening = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while reopening.load(Ordering::Relaxed) {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.arg("--help").stdout(Stdio::null()).status().unwrap();
            }
        });
        let opened: Vec<_> = (0..100).map(|_| SqliteStore::open(&directory.0).map(drop)).collect();
        reopening.store(false, Ordering::Relaxed);
        assert_eq!(opened, vec![Ok(()); 100]);
    });
}

#[test]
fn an_outcome_comes_only_after_the_commit() {
    let directory = Directory::new();
    let store = Arc::new(SqliteStore::open(&directory.0).unwrap());
    let (sender, receiver) = mpsc::channel();
    for number in 0..100 {
        let (sender, observer) = (sender.clone(), Arc::clone(&store));
        let done = move |outcome: Outcome| {
            sender.send((outcome.is_ok(), has_device(&observer, number))).unwrap();
        };
        store.write(put_device(number), Box::new(done));
    }
    drop(sender);
    let outcomes: Vec<_> = receiver.iter().collect();
    assert_eq!(outcomes, [(true, true); 100]);
}

#[test]
fn a_refusal_takes_back_its_own_changes_and_no_others() {
    let directory = Directory::new();
    std::fs::create_dir_all(&directory.0).unwrap();
    let mut connection = Connection::open(directory.0.join("database")).unwrap();
    database::prepare(&mut connection, &SCHEMA).unwrap();
    let refused: Work = Box::new(|rows| {
        rows.put_device(DeviceId::new([2; 32]), 0)?;
        Err(Problem::NotAllowed)
    });
    let works = vec![put_device(1), refused, put_device(3)];
    let outcomes = super::writer::carry_out(&mut connection, works).unwrap();
    assert_eq!(outcomes, [answer(), Err(Problem::NotAllowed), answer()]);
    let mut rows = SqliteRows(&connection);
    let mut found = |number| rows.device_for_update(DeviceId::new([number; 32])).unwrap().is_some();
    assert_eq!([found(1), found(2), found(3)], [true, false, true]);
    drop(directory);
}

#[test]
fn a_full_disk_refuses_and_keeps_what_was_there() {
    let directory = Directory::new();
    std::fs::create_dir_all(&directory.0).unwrap();
    let mut connection = Connection::open(directory.0.join("database")).unwrap();
    database::prepare(&mut connection, &SCHEMA).unwrap();
    let pages: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let limit = pages + 20;
    connection
        .pragma_update_and_check(None, "max_page_count", limit, |row| row.get::<_, u32>(0))
        .unwrap();
    let large: Work = Box::new(|rows| {
        rows.put_blob(BlobId::new([9; 32]), &vec![1; 1 << 20], None)?;
        answer()
    });
    let works = vec![put_device(1), large, put_device(2)];
    // Either the large one alone is refused or the whole batch; never is half of it there.
    match super::writer::carry_out(&mut connection, works) {
        Ok(outcomes) => assert_eq!(outcomes, [answer(), Err(Problem::Unavailable), answer()]),
        Err(error) => assert!(matches!(error, StoreError::Engine(_))),
    }
    let works = vec![put_device(3)];
    assert_eq!(super::writer::carry_out(&mut connection, works).unwrap(), [answer()]);
    let mut rows = SqliteRows(&connection);
    assert_eq!(rows.blob(BlobId::new([9; 32])), Ok(None));
    assert_eq!(rows.device_for_update(DeviceId::new([3; 32])), Ok(Some(0)));
}
