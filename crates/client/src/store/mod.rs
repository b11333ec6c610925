//! The client's database: one SQLite file, one process, one transaction for everything that belongs
//! together.
//!
//! * [`Store::transaction`] is the only way to read or write. What a [`StoreTransaction`] wrote is
//!   durable when [`StoreTransaction::commit`] returns (WAL, `synchronous=FULL`, asserted at
//!   opening), and gone if it is dropped. After that, groups in memory that saw its changes must be
//!   dropped too.
//! * A lock file keeps a second process, and a second store, away: one writer per database.
//! * Encryption at rest is not there yet: the folder's permissions are all that protects it. Own
//!   secrets pass [`value`], those of MLS [`mls_rows`]; these are the two places to seal and open
//!   them.
//! * Deleted contents are overwritten (`secure_delete`), but an SSD and the WAL keep copies for a
//!   while.

mod account_rows;
mod check;
mod group_rows;
mod mls_rows;
mod records;
mod rescue_rows;
mod value;

pub(crate) use records::{
    AccountRecord, GroupRecord, GroupStatus, Intent, IntentRecord, Invitee, KeyPackageRecord,
    NewEvent, OutboxRecord, Submission,
};

pub(crate) use rescue_rows::{AnchorRecord, MeansRecord, RejoinRecord};

use database::{FileLock, Schema};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::fs::File;
use std::path::Path;

/// The schema, the first thing to read, and the rows of the MLS library. The file is marked "CnCl".
const SCHEMA: Schema = Schema {
    application_id: 0x436e_436c,
    version: 3,
    sql: &[storage_sqlite::SCHEMA, include_str!("schema.sql")],
};

/// The database's file name in the account's folder.
const DATABASE_NAME: &str = "client.sqlite3";

/// Why the database could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// A row is not one that this client wrote.
    Corrupt(&'static str),
    /// The engine failed; the text holds no contents.
    Engine(String),
    /// Another process uses the database.
    InUse,
    /// There is no account in the folder.
    NoAccount,
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Corrupt(what) => write!(formatter, "the stored {what} is corrupt"),
            Self::Engine(text) => write!(formatter, "the database failed: {text}"),
            Self::InUse => formatter.write_str("another process uses this account"),
            Self::NoAccount => formatter.write_str("there is no account in this folder"),
        }
    }
}

impl std::error::Error for StoreError {}

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

impl From<database::Error> for StoreError {
    fn from(error: database::Error) -> Self {
        match error {
            database::Error::Engine(error) => error.into(),
            database::Error::InUse => Self::InUse,
            other => Self::Engine(other.to_string()),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::Engine(error.to_string())
    }
}

/// What a statement returns.
pub(crate) type Stored<T> = Result<T, StoreError>;

/// The database of one account.
pub(crate) struct Store {
    // Before the lock: the database is closed when the lock is released.
    connection: Connection,
    _lock: FileLock,
}

impl Store {
    /// Makes a database in a folder, which is created if needed and must not hold one yet.
    pub(crate) fn create(directory: &Path) -> Stored<Self> {
        create_private_directory(directory)?;
        let lock = FileLock::take(&directory.join("lock"))?;
        let path = directory.join(DATABASE_NAME);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path)?;
        Self::prepare(Connection::open(path)?, lock)
    }

    /// Opens the database in a folder.
    pub(crate) fn open(directory: &Path) -> Stored<Self> {
        let path = directory.join(DATABASE_NAME);
        if !path.exists() {
            return Err(StoreError::NoAccount);
        }
        let lock = FileLock::take(&directory.join("lock"))?;
        Self::prepare(Connection::open(path)?, lock)
    }

    /// Deletes what [`Self::create`] made, for an account that turned out not to be possible.
    pub(crate) fn delete(self, directory: &Path) -> Stored<()> {
        let Self { connection, _lock: lock } = self;
        connection.close().map_err(|(_, error)| error)?;
        for suffix in ["", "-wal", "-shm"] {
            let path = directory.join(format!("{DATABASE_NAME}{suffix}"));
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        drop(lock);
        Ok(())
    }

    fn prepare(mut connection: Connection, lock: FileLock) -> Stored<Self> {
        database::prepare(&mut connection, &SCHEMA)?;
        Ok(Self { connection, _lock: lock })
    }

    /// Begins a transaction. Dropping it undoes what it did.
    pub(crate) fn transaction(&mut self) -> Stored<StoreTransaction<'_>> {
        let behavior = TransactionBehavior::Immediate;
        Ok(StoreTransaction(self.connection.transaction_with_behavior(behavior)?))
    }
}

/// Everything in the store, at one moment, and what is about to be in it.
pub(crate) struct StoreTransaction<'c>(Transaction<'c>);

impl StoreTransaction<'_> {
    /// Makes all changes durable at once.
    pub(crate) fn commit(self) -> Stored<()> {
        Ok(self.0.commit()?)
    }
}

fn create_private_directory(directory: &Path) -> Stored<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    Ok(builder.create(directory)?)
}

#[cfg(test)]
mod tests;
