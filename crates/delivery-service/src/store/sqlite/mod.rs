//! SQLite: one file, one writer thread, any number of readers.
//!
//! * The database is in WAL mode and every write is synced (`synchronous=FULL`, and `fullfsync`
//!   where the system has it). [`database::prepare`] asserts it on the writing connection; a
//!   store that cannot promise it does not open.
//! * Writes queue for one thread, which carries out all that wait in one transaction (see
//!   `writer`).
//! * Reads run on connections of their own, each on a snapshot.
//! * Deleted contents are overwritten (`secure_delete`).
//! * A lock file keeps a second process away.

mod backup;
mod device_rows;
mod directory_rows;
mod log_rows;
mod writer;

pub use backup::backup;

use super::{Done, Outcome, Store, StoreError, Stored, Work};
use database::{FileLock, Schema};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use writer::Writer;

/// The schema, the first thing to read. The file is marked "CnDS".
const SCHEMA: Schema =
    Schema { application_id: 0x436e_4453, version: 1, sql: &[include_str!("../schema.sql")] };

/// The database's file name in the store's directory.
const DATABASE_NAME: &str = "delivery.sqlite3";

/// How long a statement waits for another process that has the file open, say a backup.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Idle reading connections that are kept; more are opened while more are needed.
const IDLE_READERS_MAX: usize = 8;

/// A store in a SQLite file.
pub struct SqliteStore {
    // Before the lock: the writer has finished when the lock is released.
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    path: PathBuf,
    _lock: FileLock,
}

impl SqliteStore {
    /// Opens the store in a directory, which is created if needed.
    ///
    /// # Errors
    /// The directory is in use by another store, the file is not one of ours or of a later version,
    /// or durability cannot be promised.
    pub fn open(directory: &Path) -> Stored<Self> {
        std::fs::create_dir_all(directory).map_err(io)?;
        let lock = FileLock::take(&directory.join("lock"))?;
        let path = directory.join(DATABASE_NAME);
        let mut connection = Connection::open(&path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        database::prepare(&mut connection, &SCHEMA)?;
        let writer = Writer::start(connection)?;
        Ok(Self { writer, readers: Mutex::default(), path, _lock: lock })
    }

    fn open_reader(&self) -> Stored<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    fn take_reader(&self) -> Stored<Connection> {
        let idle = self.readers.lock().ok().and_then(|mut readers| readers.pop());
        idle.map_or_else(|| self.open_reader(), Ok)
    }
}

impl Store for SqliteStore {
    fn write(&self, work: Work, done: Done) {
        self.writer.submit(work, done);
    }

    fn read(&self, work: Work) -> Outcome {
        let mut connection = self.take_reader()?;
        let transaction = connection.transaction().map_err(StoreError::from)?;
        let outcome = work(&mut SqliteRows(&transaction));
        // A connection that cannot end its transaction is not used again.
        transaction.rollback().map_err(StoreError::from)?;
        if let Ok(mut readers) = self.readers.lock()
            && readers.len() < IDLE_READERS_MAX
        {
            readers.push(connection);
        }
        outcome
    }
}

/// The rows as one transaction on a connection sees them.
struct SqliteRows<'c>(&'c Connection);

impl From<database::Error> for StoreError {
    fn from(error: database::Error) -> Self {
        match error {
            database::Error::Engine(error) => error.into(),
            other => Self::Engine(other.to_string()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error;
        match error {
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::ToSqlConversionFailure(..) => Self::Corrupt("row"),
            other => Self::Engine(other.to_string()),
        }
    }
}

fn io(error: std::io::Error) -> StoreError {
    StoreError::Engine(error.to_string())
}

#[cfg(test)]
mod tests;
