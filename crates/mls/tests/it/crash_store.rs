//! Stores that fail at a chosen write: before anything of it is durable, or after all of it is.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crypto::Secret;
use mls::{Delta, MemoryStorage, RowKey, RowKind, Storage, StorageError};
use rusqlite::Connection;
use storage_sqlite::{SCHEMA, SqliteRows};

/// When the program dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instant {
    /// Nothing of the write is durable.
    Before,
    /// All of it is, but the caller does not learn so.
    After,
}

/// Which writes fail, counted over all stores that share the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plan {
    Never,
    Once(usize, Instant),
    /// Every so many writes, before and after by turns.
    Often(usize),
}

/// The plan and how far it has come.
pub(crate) struct Faults {
    plan: Cell<Plan>,
    writes: Cell<usize>,
}

impl Faults {
    pub(crate) fn new(plan: Plan) -> Rc<Self> {
        Rc::new(Self { plan: Cell::new(plan), writes: Cell::new(0) })
    }

    /// How many writes were tried.
    pub(crate) fn writes(&self) -> usize {
        self.writes.get()
    }

    /// From now on all goes well.
    pub(crate) fn end(&self) {
        self.plan.set(Plan::Never);
    }

    fn next(&self) -> Option<Instant> {
        let number = self.writes.replace(self.writes.get() + 1);
        match self.plan.get() {
            Plan::Once(at, instant) if at == number => Some(instant),
            Plan::Often(nth) if number % nth == nth - 1 => {
                Some(if (number / nth).is_multiple_of(2) {
                    Instant::After
                } else {
                    Instant::Before
                })
            }
            _ => None,
        }
    }
}

/// A database with the library's table, and more tables of the application.
pub(crate) fn open(path: &Path, more: &str) -> Connection {
    let is_new = !path.exists();
    let connection = Connection::open(path).unwrap();
    // Whether the file survives a loss of power is SQLite's business; that it is whole, ours.
    connection.pragma_update(None, "synchronous", "OFF").unwrap();
    if is_new {
        connection.execute_batch(&format!("{SCHEMA}{more}")).unwrap();
    }
    connection
}

/// What keeps the rows.
pub(crate) enum Disk {
    Memory(MemoryStorage),
    /// A database file, which every restart opens again.
    File(PathBuf, Connection),
}

impl Disk {
    pub(crate) fn file(path: PathBuf) -> Self {
        let connection = open(&path, "");
        Self::File(path, connection)
    }

    fn write(&mut self, delta: &Delta, fault: Option<Instant>) -> Result<(), StorageError> {
        match (self, fault) {
            (Self::Memory(_), Some(Instant::Before)) => {}
            (Self::Memory(rows), _) => rows.write(delta)?,
            (Self::File(_, connection), fault) => {
                let transaction = connection.transaction().unwrap();
                SqliteRows(&transaction).write(delta)?;
                // A transaction that is not committed is rolled back.
                if fault != Some(Instant::Before) {
                    transaction.commit().unwrap();
                }
            }
        }
        match fault {
            Some(_) => Err(StorageError("the program died".into())),
            None => Ok(()),
        }
    }
}

/// A disk under a plan.
pub(crate) struct FaultyStore {
    disk: Disk,
    faults: Rc<Faults>,
}

impl FaultyStore {
    pub(crate) fn new(disk: Disk, faults: &Rc<Faults>) -> Self {
        Self { disk, faults: Rc::clone(faults) }
    }

    /// Opens the file again, as a new process would.
    pub(crate) fn reopen(&mut self) {
        if let Disk::File(path, _) = &self.disk {
            self.disk = Disk::file(path.clone());
        }
    }
}

impl Storage for FaultyStore {
    fn read(&self, key: &RowKey) -> Result<Option<Secret>, StorageError> {
        match &self.disk {
            Disk::Memory(rows) => rows.read(key),
            Disk::File(_, connection) => SqliteRows(connection).read(key),
        }
    }

    fn scan(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Secret)>, StorageError> {
        match &self.disk {
            Disk::Memory(rows) => rows.scan(group_id, kind, prefix),
            Disk::File(_, connection) => SqliteRows(connection).scan(group_id, kind, prefix),
        }
    }

    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        match &self.disk {
            Disk::Memory(rows) => rows.groups(),
            Disk::File(_, connection) => SqliteRows(connection).groups(),
        }
    }

    fn write(&mut self, delta: &Delta) -> Result<(), StorageError> {
        let fault = self.faults.next();
        self.disk.write(delta, fault)
    }
}
