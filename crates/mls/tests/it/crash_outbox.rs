//! An application that puts the rows into its own transaction, together with what it sends and
//! reads: every message is sent and heard exactly once, wherever the program dies.

use mls::{CommitOptions, Delta, GroupParams, MlsMessage, Received, Storage};
use mls::{Decode as _, Encode as _};
use rusqlite::{Connection, Transaction, params};
use storage_sqlite::SqliteRows;
use testkit::{NOW, Person, Traits};

use crate::crash_store::open;

const GROUP_ID: &[u8] = b"group";
const TABLES: &str = "
    CREATE TABLE outbox (bytes BLOB NOT NULL) STRICT;
    CREATE TABLE heard (text TEXT NOT NULL) STRICT;
    CREATE TABLE done (step INTEGER NOT NULL) STRICT;";

/// Where the program dies, if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    Never,
    /// The transaction is not committed.
    BeforeCommit,
    /// It is, but what is in the outbox has not left.
    BeforeSending,
    /// It has left, but that is not noted.
    AfterSending,
}

/// A program: all that it knows for good is in one file.
struct App {
    person: Person,
    database: Connection,
}

impl App {
    fn start(name: &str, path: &std::path::Path) -> Self {
        let database = open(path, TABLES);
        let mut person = Person::new(name, Traits::new(1));
        // Another process has other randomness.
        let count = |table| format!("SELECT count(*) FROM {table}");
        let age: u32 = database.query_row(&count("done"), [], |row| row.get(0)).unwrap();
        for _ in 0..age * 1000 {
            person.random.next_u64();
        }
        let rows = SqliteRows(&database);
        person.group = person.client.load_group(&rows, GROUP_ID).unwrap();
        Self { person, database }
    }

    fn is_done(&self, step: u32) -> bool {
        let sql = "SELECT count(*) FROM done WHERE step = ?";
        self.database.query_row(sql, [step], |row| row.get::<_, u32>(0)).unwrap() > 0
    }

    /// A step in one transaction; what it sends goes to the outbox, and from there out.
    fn step(
        &mut self,
        (number, death): (u32, Death),
        action: impl FnOnce(&mut Person, &Transaction<'_>) -> Vec<Delta>,
        sent: &mut Vec<MlsMessage>,
    ) {
        let Self { person, database } = self;
        let transaction = database.transaction().unwrap();
        for delta in action(person, &transaction) {
            SqliteRows(&transaction).write(&delta).unwrap();
        }
        transaction.execute("INSERT INTO done VALUES (?)", [number]).unwrap();
        if death == Death::BeforeCommit {
            return;
        }
        transaction.commit().unwrap();
        if death != Death::BeforeSending {
            self.send(death, sent);
        }
    }

    fn send(&self, death: Death, sent: &mut Vec<MlsMessage>) {
        let mut statement = self.database.prepare("SELECT bytes FROM outbox").unwrap();
        let waiting = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        sent.extend(waiting.map(|bytes| MlsMessage::from_bytes(&bytes.unwrap()).unwrap()));
        if death != Death::AfterSending {
            self.database.execute("DELETE FROM outbox", []).unwrap();
        }
    }

    fn heard(&self) -> Vec<String> {
        let mut statement = self.database.prepare("SELECT text FROM heard").unwrap();
        let heard = statement.query_map([], |row| row.get(0)).unwrap();
        heard.map(Result::unwrap).collect()
    }
}

fn put_in_outbox(transaction: &Transaction<'_>, message: &MlsMessage) {
    let sql = "INSERT INTO outbox VALUES (?)";
    transaction.execute(sql, params![message.to_bytes()]).unwrap();
}

/// What alice does in each step: a message, a commit, its acceptance, a message.
fn alices_step(number: u32, alice: &mut Person, transaction: &Transaction<'_>) -> Vec<Delta> {
    let Person { group, random, .. } = alice;
    let group = group.as_mut().unwrap();
    match number {
        1 => {
            let (made, delta) =
                group.commit(CommitOptions::new(), NOW, random).unwrap().into_parts();
            put_in_outbox(transaction, &made.commit);
            vec![delta]
        }
        2 => {
            // After a restart the candidate is in the store only.
            let mut pending = group.pending_commits(&SqliteRows(transaction)).unwrap();
            assert_eq!(pending.len(), 1);
            vec![group.advance(pending.remove(0)).unwrap().into_parts().1]
        }
        _ => {
            let text = format!("message {number}");
            let effect = group.protect(text.as_bytes(), b"", random).unwrap();
            let (message, delta) = effect.into_parts();
            put_in_outbox(transaction, &message);
            vec![delta]
        }
    }
}

/// Bob reads a message, if he has not read it before.
fn bobs_step(message: &MlsMessage, bob: &mut Person, transaction: &Transaction<'_>) -> Vec<Delta> {
    let group = bob.group.as_mut().unwrap();
    let Ok(effect) = group.process(message, NOW) else { return Vec::new() };
    let (received, delta) = effect.into_parts();
    match received {
        Received::Application(message) => {
            let text = String::from_utf8(message.data).unwrap();
            transaction.execute("INSERT INTO heard VALUES (?)", [text]).unwrap();
            vec![delta]
        }
        Received::Commit(staged) => {
            vec![delta, group.advance(*staged).unwrap().into_parts().1]
        }
        _ => vec![delta],
    }
}

fn create(alice: &mut App, bob: &mut App) {
    let key_package = bob.person.key_package();
    let params =
        GroupParams { group_id: Some(GROUP_ID.to_vec()), ..GroupParams::new(alice.person.suite) };
    let App { person, database } = alice;
    let mut rows = SqliteRows(database);
    let made = person.client.create_group(&rows, params, NOW, &mut person.random).unwrap();
    person.group = Some(made.save(&mut rows).unwrap());
    let options = CommitOptions::new().add_member(key_package);
    let made = person.group.as_mut().unwrap().commit(options, NOW, &mut person.random).unwrap();
    let made = made.save(&mut rows).unwrap();
    person.group.as_mut().unwrap().advance(made.pending).unwrap().save(&mut rows).unwrap();
    let joined = bob.person.client.join(&bob.person.store, &made.welcomes[0].0, None, NOW).unwrap();
    joined.save(&mut SqliteRows(&bob.database)).unwrap();
}

fn life(folder: &std::path::Path, dies_at: u32, death: Death) {
    let paths = ["alice", "bob"].map(|name| folder.join(format!("{name}-{dies_at}-{death:?}")));
    let mut alice = App::start("alice", &paths[0]);
    create(&mut alice, &mut App::start("bob", &paths[1]));
    let mut bob = App::start("bob", &paths[1]);
    let mut sent = Vec::new();
    for number in 0..5 {
        let death = if number == dies_at { death } else { Death::Never };
        alice.step((number, death), |person, tx| alices_step(number, person, tx), &mut sent);
        if death != Death::Never {
            alice = App::start("alice", &paths[0]);
            alice.send(Death::Never, &mut sent);
            assert_eq!(alice.is_done(number), death != Death::BeforeCommit);
            if !alice.is_done(number) {
                alice.step(
                    (number, Death::Never),
                    |person, tx| alices_step(number, person, tx),
                    &mut sent,
                );
            }
        }
    }
    for (number, message) in (0..).zip(&sent) {
        let death = if number == dies_at { death } else { Death::Never };
        bob.step((number, death), |person, tx| bobs_step(message, person, tx), &mut Vec::new());
        if death != Death::Never {
            bob = App::start("bob", &paths[1]);
            if !bob.is_done(number) {
                bob.step(
                    (number, Death::Never),
                    |person, tx| bobs_step(message, person, tx),
                    &mut Vec::new(),
                );
            }
        }
    }
    assert_eq!(bob.heard(), ["message 0", "message 3", "message 4"], "{dies_at} {death:?}");
    let (alice, bob) = (alice.person.group(), bob.person.group.as_ref().unwrap());
    assert!(alice.epoch_authenticator() == bob.epoch_authenticator());
}

#[test]
fn rows_in_the_applications_own_transaction_make_delivery_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    life(folder.path(), 0, Death::Never);
    for dies_at in 0..5 {
        for death in [Death::BeforeCommit, Death::BeforeSending, Death::AfterSending] {
            life(folder.path(), dies_at, death);
        }
    }
}
