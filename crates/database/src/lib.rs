//! SQLite files that keep their word: what a commit made durable survives the loss of power, one
//! process writes, and a file of another program or version is left alone.
//!
//! * Before opening a file that only one process may write, take a [`FileLock`].
//! * Then [`prepare`] the connection: settings, proof that they are in force, schema.
//!
//! The service's store, the client's store and the rows of the MLS library all open their files
//! here.

use std::fmt;
use std::fs::{File, TryLockError};
use std::path::Path;

use rusqlite::Connection;

/// Why a database cannot be used.
#[derive(Debug)]
pub enum Error {
    /// The engine failed.
    Engine(rusqlite::Error),
    /// Another process, or another part of this one, uses the file.
    InUse,
    /// The lock file cannot be opened or locked.
    Io(std::io::Error),
    /// Commits could be lost with the power.
    NotDurable {
        /// The journal mode; `wal` is required.
        journal_mode: String,
        /// The level of synchronisation; 2 (`FULL`) is required.
        synchronous: i64,
    },
    /// The file is of another program, or of another version of this one.
    OtherVersion {
        /// What marks the program.
        application_id: i64,
        /// The version of its schema.
        schema_version: i64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(error) => error.fmt(formatter),
            Self::InUse => formatter.write_str("another process uses the database"),
            Self::Io(error) => error.fmt(formatter),
            Self::NotDurable { journal_mode, synchronous } => write!(
                formatter,
                "not durable: journal_mode={journal_mode}, synchronous={synchronous}"
            ),
            Self::OtherVersion { application_id, schema_version } => write!(
                formatter,
                "not a database of this version: {application_id:#x}, version {schema_version}"
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

/// Keeps every other process, and every other holder in this one, away from a file.
pub struct FileLock(File);

impl FileLock {
    /// Takes the lock at this path, which is created if needed and stays when the lock is released.
    pub fn take(path: &Path) -> Result<Self, Error> {
        let file = File::options().create(true).append(true).open(path).map_err(Error::Io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Error::InUse),
            Err(TryLockError::Error(error)) => Err(Error::Io(error)),
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that this one just started has a copy of the
        // descriptor until it runs its own program, and would hold the lock for that long.
        let _ = self.0.unlock();
    }
}

/// What a database is, and how it is made.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Marks files of this program, kept in `application_id`.
    pub application_id: i64,
    /// The version of the schema, kept in `user_version`.
    pub version: i64,
    /// The statements that make an empty file into such a database.
    pub sql: &'static [&'static str],
}

/// Readies a writing connection: durable settings, verified; the schema, created in an empty file.
pub fn prepare(connection: &mut Connection, schema: &Schema) -> Result<(), Error> {
    configure(connection)?;
    verify_durable(connection)?;
    create(connection, schema)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "trusted_schema", false)
}

/// Refuses a connection whose commits could be lost with the power.
fn verify_durable(connection: &Connection) -> Result<(), Error> {
    const FULL: i64 = 2;
    let journal_mode: String =
        connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let synchronous = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if journal_mode == "wal" && synchronous >= FULL {
        Ok(())
    } else {
        Err(Error::NotDurable { journal_mode, synchronous })
    }
}

/// Makes an empty file into a database of this schema, and leaves any other alone.
fn create(connection: &mut Connection, schema: &Schema) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    let pragma = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application_id, schema_version) = (pragma("application_id")?, pragma("user_version")?);
    if (application_id, schema_version) == (0, 0) {
        for sql in schema.sql {
            transaction.execute_batch(sql)?;
        }
        transaction.pragma_update(None, "application_id", schema.application_id)?;
        transaction.pragma_update(None, "user_version", schema.version)?;
    } else if (application_id, schema_version) != (schema.application_id, schema.version) {
        return Err(Error::OtherVersion { application_id, schema_version });
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Schema =
        Schema { application_id: 5, version: 1, sql: &["CREATE TABLE t (x INTEGER) STRICT;"] };

    #[test]
    fn a_connection_that_could_lose_commits_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("file")).unwrap();
        assert!(verify_durable(&connection).is_err(), "not in WAL mode");
        configure(&connection).unwrap();
        assert!(verify_durable(&connection).is_ok());
        for (synchronous, durable) in
            [("OFF", false), ("NORMAL", false), ("FULL", true), ("EXTRA", true)]
        {
            connection.pragma_update(None, "synchronous", synchronous).unwrap();
            assert_eq!(verify_durable(&connection).is_ok(), durable, "{synchronous}");
        }
        let mut in_memory = Connection::open_in_memory().unwrap();
        assert!(prepare(&mut in_memory, &SCHEMA).is_err());
    }

    #[test]
    fn an_empty_file_is_made_and_a_foreign_or_newer_one_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Connection::open(folder.path().join("file")).unwrap();
        prepare(&mut open(), &SCHEMA).unwrap();
        prepare(&mut open(), &SCHEMA).unwrap();
        open().execute("INSERT INTO t VALUES (1)", []).unwrap();
        for other in [Schema { version: 2, ..SCHEMA }, Schema { application_id: 6, ..SCHEMA }] {
            let refused = prepare(&mut open(), &other);
            assert!(matches!(
                refused,
                Err(Error::OtherVersion { application_id: 5, schema_version: 1 })
            ));
        }
    }

    #[test]
    fn a_lock_is_held_once_and_free_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = FileLock::take(&path).unwrap();
        assert!(matches!(FileLock::take(&path), Err(Error::InUse)));
        drop(lock);
        assert!(FileLock::take(&path).is_ok());
    }
}
