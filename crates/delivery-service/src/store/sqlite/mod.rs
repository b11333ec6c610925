//! SQLite: one file, one writer thread, any number of readers.
//!
//! * The database is in WAL mode and every write is synced (`synchronous=FULL`, and `fullfsync`
//!   where the system has it). [`verify_durable`] asserts it on the writing connection at start; a
//!   store that cannot promise it does not open.
//! * Writes queue for one thread, which carries out all that wait in one transaction (see
//!   `writer`).
//! * Reads run on connections of their own, each on a snapshot.
//! * Deleted contents are overwritten (`secure_delete`).
//! * A lock file keeps a second process away.

mod device_rows;
mod directory_rows;
mod log_rows;
mod writer;

use super::{Done, Outcome, Store, StoreError, Stored, Work};
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use writer::Writer;

/// The schema, the first thing to read.
const SCHEMA: &str = include_str!("../schema.sql");

/// Version of [`SCHEMA`], kept in `user_version`.
const SCHEMA_VERSION: i64 = 1;

/// Marks the file as ours ("CnDS"), kept in `application_id`.
const APPLICATION_ID: i64 = 0x436e_4453;

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
    _lock: DirectoryLock,
}

impl SqliteStore {
    /// Opens the store in a directory, which is created if needed.
    ///
    /// # Errors
    /// The directory is in use by another store, the file is not one of ours or of a later version,
    /// or durability cannot be promised.
    pub fn open(directory: &Path) -> Stored<Self> {
        std::fs::create_dir_all(directory).map_err(io)?;
        let lock = DirectoryLock::take(&directory.join("lock"))?;
        let path = directory.join("delivery.sqlite3");
        let mut connection = Connection::open(&path)?;
        configure(&connection)?;
        verify_durable(&connection)?;
        create_schema(&mut connection)?;
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

/// Keeps a second process, or a second store, away from the directory.
struct DirectoryLock(File);

impl DirectoryLock {
    fn take(path: &Path) -> Stored<Self> {
        let file = File::options().create(true).append(true).open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::Engine("the data directory is in use".to_owned()))
            }
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that this one just started has a copy of the
        // descriptor until it runs its own program, and would hold the lock for that long.
        let _ = self.0.unlock();
    }
}

fn configure(connection: &Connection) -> Stored<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}

/// Refuses a connection whose commits could be lost with the power (guarantee G3).
fn verify_durable(connection: &Connection) -> Stored<()> {
    const FULL: i64 = 2;
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if mode != "wal" || synchronous < FULL {
        let text = format!("not durable: journal_mode={mode}, synchronous={synchronous}");
        return Err(StoreError::Engine(text));
    }
    Ok(())
}

fn create_schema(connection: &mut Connection) -> Stored<()> {
    let transaction = connection.transaction()?;
    let pragma = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    match (pragma("application_id")?, pragma("user_version")?) {
        (APPLICATION_ID, SCHEMA_VERSION) => {}
        (0, 0) => {
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        }
        (id, version) => {
            let text = format!("not a store of this version: {id:#x}, version {version}");
            return Err(StoreError::Engine(text));
        }
    }
    transaction.commit()?;
    Ok(())
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
