//! A PostgreSQL server for tests, and what concerns several processes that share it.
//!
//! `CONCLAVE_POSTGRES` says where the server is; `.ci/postgres` starts one. Without it these tests
//! say that they are skipped, or fail if `CI` is set.

use crate::concurrency::{RACERS, race};
use crate::http::{Client, until_waiting};
use crate::world::{
    Directory, Group, Key, World, bundle, fresh, idempotency_key, message, moved_to, refusal,
    unpaced, window,
};
use codec::Opaque;
use delivery_api::inbox::PutItem;
use delivery_api::request::{Failure, Window};
use delivery_api::{DeviceId, Problem, request};
use delivery_service::core::Answer;
use delivery_service::store::{PostgresStore, Store, Work};
use delivery_service::{Options, Server};
use postgres::{Client as Connection, NoTls};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};

/// More than the connections of one store.
const CONNECTIONS_MAX: usize = 20;

/// A schema of its own in the server's database, which goes with its owner.
pub(crate) struct Schema {
    server: String,
    name: String,
}

impl Schema {
    /// `None` if there is no server to test against.
    pub(crate) fn fresh() -> Option<Self> {
        let Ok(server) = std::env::var("CONCLAVE_POSTGRES") else {
            assert!(std::env::var_os("CI").is_none(), "CONCLAVE_POSTGRES names no server");
            eprintln!("skipped: CONCLAVE_POSTGRES names no server (see docs/testing.md)");
            return None;
        };
        let name = format!("conclave_{}_{}", std::process::id(), fresh());
        let schema = Self { server, name };
        schema.admin(&format!("CREATE SCHEMA {}", schema.name));
        Some(schema)
    }

    fn admin(&self, sql: &str) {
        Connection::connect(&self.server, NoTls).unwrap().batch_execute(sql).unwrap();
    }

    fn url(&self) -> String {
        let Self { server, name } = self;
        format!("{server} options='-c search_path={name}' application_name={name}")
    }

    pub(crate) fn store(&self) -> PostgresStore {
        PostgresStore::open(&self.url()).unwrap()
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        self.admin(&format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

/// A process that serves, with the key of [`World`]'s services.
fn serve(schema: &Schema, directory: &Directory) -> Server {
    std::fs::write(directory.path().join("service.key"), [9; 32]).unwrap();
    let store = Arc::new(schema.store());
    let options = Options { operator: Some("127.0.0.1:0".parse().unwrap()), ..unpaced() };
    Server::over("127.0.0.1:0", directory.path(), store, options).unwrap()
}

#[test]
fn processes_that_share_a_database_tell_each_other_news() {
    let Some(schema) = Schema::fresh() else { return };
    let directories = [Directory::new(), Directory::new()];
    let [here, there] = [serve(&schema, &directories[0]), serve(&schema, &directories[1])];
    let (near, far) = (Client::of(&here), Client::of(&there));
    let world = World::over(Arc::new(schema.store()));
    let group = Group::new(&world);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let waiting = Window { wait_seconds: 30, ..window(group.head) };
            far.try_ask(&group.key, request::read_log(group.log, waiting)).unwrap().unwrap()
        });
        until_waiting(&there, 1);
        let sent = request::append(group.log, &message(group.head, "hello"));
        near.try_ask(&group.key, sent).unwrap().unwrap();
        // Had nobody told it, it would have come back with nothing.
        assert_eq!(reader.join().unwrap().entries.len(), 1);
    });
}

#[test]
fn of_commits_that_race_through_two_processes_one_wins() {
    let Some(schema) = Schema::fresh() else { return };
    let world = World::over(Arc::new(schema.store()));
    let other = World::over(Arc::new(schema.store()));
    let mut group = Group::new(&world);
    for _ in 0..20 {
        let outcomes = race(|index| {
            let next = Key::fresh();
            let request = request::commit(group.log, &bundle(group.head, &next), None);
            let through = if index % 2 == 0 { &world } else { &other };
            (through.ask(&group.key, request), next)
        });
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(out, _)| out.is_ok());
        assert_eq!(won.len(), 1, "one winner");
        let (receipt, key) = won.into_iter().next().unwrap();
        let head = receipt.unwrap().head.0;
        assert_eq!(head, group.head + 1);
        for (outcome, _) in lost {
            assert_eq!(moved_to(&refusal(outcome)), head);
        }
        (group.head, group.key) = (head, key);
    }
}

/// Work that holds one device, and then, once its opponent holds the other, that one.
fn opposed(devices: [DeviceId; 2], both_hold: &Arc<Barrier>) -> Work {
    let (both_hold, waited) = (Arc::clone(both_hold), AtomicBool::new(false));
    Box::new(move |rows| {
        rows.device_for_update(devices[0])?;
        // The second time the opponent is past this.
        if !waited.swap(true, Ordering::Relaxed) {
            both_hold.wait();
        }
        rows.device_for_update(devices[1])?;
        Ok(Answer { body: Vec::new(), news: Vec::new(), may_wait: false })
    })
}

#[test]
fn of_transactions_that_deadlock_one_is_done_again() {
    let Some(schema) = Schema::fresh() else { return };
    let store = schema.store();
    let [one, other] = [Key::fresh().device(), Key::fresh().device()];
    let both_hold = Arc::new(Barrier::new(2));
    let (sender, receiver) = mpsc::channel();
    for devices in [[one, other], [other, one]] {
        let sender = sender.clone();
        store.write(opposed(devices, &both_hold), Box::new(move |out| sender.send(out).unwrap()));
    }
    assert!(receiver.recv().unwrap().is_ok());
    assert!(receiver.recv().unwrap().is_ok());
}

#[test]
fn people_who_write_to_each_other_are_not_in_each_others_way() {
    let Some(schema) = Schema::fresh() else { return };
    let world = World::over(Arc::new(schema.store()));
    let devices = [world.device(), world.device()];
    race(|index| {
        let (sender, recipient) = (&devices[index % 2], &devices[(index + 1) % 2]);
        for _ in 0..20 {
            let bytes = Opaque::from(b"item".as_slice());
            let item = PutItem { idempotency_key: idempotency_key(), bytes };
            world.get(sender, request::put_item(recipient.device(), &item));
        }
    });
    for device in &devices {
        let page = world.get(device, request::read_inbox(device.device(), window(0)));
        assert_eq!(page.items.len(), 20 * RACERS / 2);
    }
}

#[test]
fn lost_connections_are_made_anew() {
    let Some(schema) = Schema::fresh() else { return };
    let world = World::over(Arc::new(schema.store()));
    let group = Group::new(&world);
    group.send("before");
    schema.admin(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'",
        schema.name
    ));
    // Each of the connections that broke may be noticed by one request; its outcome is unknown.
    for text in (0..CONNECTIONS_MAX).map(|number| format!("after {number}")) {
        let request = || request::append(group.log, &message(group.head, &text));
        match world.ask(&group.key, request()) {
            Ok(_) => {}
            Err(Failure::Problem(Problem::Unavailable)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    group.send("last");
    let (entries, _) = world.read_all(group.log, &group.key, 0);
    let texts: Vec<_> = entries.iter().map(|entry| entry.bytes.as_slice()).collect();
    assert_eq!(texts.first(), Some(&b"before".as_slice()));
    assert_eq!(texts.last(), Some(&b"last".as_slice()));
}

#[test]
fn many_readers_share_few_connections() {
    let Some(schema) = Schema::fresh() else { return };
    let world = World::over(Arc::new(schema.store()));
    let group = Group::new(&world);
    group.send("hello");
    std::thread::scope(|scope| {
        let readers: Vec<_> =
            (0..200).map(|_| scope.spawn(|| world.read_all(group.log, &group.key, 0).0)).collect();
        for reader in readers {
            assert_eq!(reader.join().unwrap().len(), 1);
        }
    });
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    let mut connection = Connection::connect(&schema.server, NoTls).unwrap();
    let count: i64 = connection.query_one(sql, &[&schema.name]).unwrap().get(0);
    // Readers, writers, and the one that announces.
    assert!((1..=25).contains(&count), "{count} connections");
}

#[test]
fn a_database_belongs_to_one_service_key() {
    let Some(schema) = Schema::fresh() else { return };
    let (store, key) = (schema.store(), Key::fresh().public());
    store.bind_key(key).unwrap();
    schema.store().bind_key(key).unwrap();
    assert!(schema.store().bind_key(Key::fresh().public()).is_err());
}

#[test]
fn a_database_of_another_version_is_left_alone() {
    let Some(schema) = Schema::fresh() else { return };
    drop(schema.store());
    schema.admin(&format!("UPDATE {}.service SET version = version + 1", schema.name));
    assert!(PostgresStore::open(&schema.url()).is_err());
}

/// Tables and columns that a schema makes, in order.
fn columns(schema: &str) -> Vec<(String, String)> {
    let (mut all, mut table) = (Vec::new(), None);
    for line in schema.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), table.take()) {
            (Some("CREATE"), _) if words.next() == Some("TABLE") => {
                table = words.next().map(str::to_owned);
            }
            (Some("PRIMARY" | "UNIQUE"), Some(inside)) => table = Some(inside),
            (Some(word), Some(inside)) if line.starts_with("    ") => {
                all.push((inside.clone(), word.to_owned()));
                table = Some(inside);
            }
            _ => {}
        }
    }
    all
}

#[test]
fn both_databases_have_the_same_tables_and_columns() {
    let sqlite = columns(include_str!("../../src/store/schema.sql"));
    let mut postgres = columns(include_str!("../../src/store/postgres/schema.sql"));
    postgres.retain(|(table, _)| table != "service");
    assert!(sqlite.len() > 40);
    assert_eq!(sqlite, postgres);
}
