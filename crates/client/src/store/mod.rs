//! The client's database: one SQLite file, one process, one transaction for everything that belongs
//! together.
//!
//! * [`Store::transaction`] is the only way to read or write. What a [`StoreTransaction`] wrote is
//!   durable when [`StoreTransaction::commit`] returns (WAL, `synchronous=FULL`, asserted at
//!   opening), and gone if it is dropped. After that, groups in memory that saw its changes must be
//!   dropped too.
//! * A lock file keeps a second process, and a second store, away: one writer per database.
//! * Values are sealed ([`sealing`]) before SQLite sees them, those of MLS in [`mls_rows`].
//!   Numbers, states, and random ids stay in the clear: a column says so in `schema.sql`.
//! * Deleted contents are overwritten (`secure_delete`), but an SSD and the WAL keep copies for a
//!   while.

mod account_rows;
mod check;
mod device_rows;
mod group_rows;
mod history_rows;
mod mls_rows;
mod records;
mod rescue_rows;
mod schedule_rows;
mod sealing;

pub(crate) use records::{
    AccountRecord, BelongingRecord, GroupRecord, GroupStatus, Intent, IntentRecord, Invitee,
    KeyPackageRecord, NewEvent, OutboxRecord, Submission,
};

pub(crate) use rescue_rows::{
    AnchorRecord, AnchorRole, MeansRecord, NextKeys, RejoinRecord, Reserve,
};

pub(crate) use schedule_rows::{Leaving, Schedule};
pub use sealing::{Home, Protection, StoreKey};

use crypto::Secret;
use database::{FileLock, Schema};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use sealing::{Place, SealedKey, Sealing};
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
    /// The folder is protected in another way than the given key opens.
    OtherProtection(Protection),
    /// The key or passphrase is not that of the folder.
    WrongKey,
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Corrupt(what) => write!(formatter, "the stored {what} is corrupt"),
            Self::Engine(text) => write!(formatter, "the database failed: {text}"),
            Self::InUse => formatter.write_str("another process uses this account"),
            Self::NoAccount => formatter.write_str("there is no account in this folder"),
            Self::OtherProtection(protection) => {
                write!(formatter, "this account's folder is protected {protection}")
            }
            Self::WrongKey => formatter.write_str("the passphrase or key is not the right one"),
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
    sealing: Sealing,
    _lock: FileLock,
}

impl Store {
    /// Makes a database in a folder, which is created if needed and must not hold one yet.
    pub(crate) fn create(home: &Home) -> Stored<Self> {
        let directory = home.folder();
        create_private_directory(directory)?;
        let lock = FileLock::take(&directory.join("lock"))?;
        let path = directory.join(DATABASE_NAME);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let data_key = Sealing::new_data_key()?;
        let sealed_key = SealedKey::new(&data_key, home.key())?;
        options.open(&path)?;
        let mut connection = Connection::open(path)?;
        database::prepare(&mut connection, &SCHEMA)?;
        put_sealed_key(&connection, &sealed_key)?;
        Ok(Self { connection, sealing: Sealing::new(&data_key)?, _lock: lock })
    }

    /// Opens the database in a folder.
    pub(crate) fn open(home: &Home) -> Stored<Self> {
        let directory = home.folder();
        let path = directory.join(DATABASE_NAME);
        if !path.exists() {
            return Err(StoreError::NoAccount);
        }
        let lock = FileLock::take(&directory.join("lock"))?;
        let mut connection = Connection::open(path)?;
        database::prepare(&mut connection, &SCHEMA)?;
        let data_key = sealed_key(&connection)?.open(home.key())?;
        Ok(Self { connection, sealing: Sealing::new(&data_key)?, _lock: lock })
    }

    /// Deletes what [`Self::create`] made, for an account that turned out not to be possible.
    pub(crate) fn delete(self, directory: &Path) -> Stored<()> {
        let Self { connection, _lock: lock, .. } = self;
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

    /// Whether there is a database in a folder.
    pub(crate) fn exists(directory: &Path) -> bool {
        directory.join(DATABASE_NAME).exists()
    }

    /// From now on another key opens the database. What was written is not written anew: whoever
    /// kept an older copy of the file opens this one, too, with the key of then.
    pub(crate) fn change_key(&mut self, old: &StoreKey, new: &StoreKey) -> Stored<()> {
        let data_key = sealed_key(&self.connection)?.open(old)?;
        put_sealed_key(&self.connection, &SealedKey::new(&data_key, new)?)?;
        // The old one is in the write-ahead log until that is emptied.
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        Ok(self.connection.query_row(checkpoint, [], |_| Ok(()))?)
    }

    /// Begins a transaction. Dropping it undoes what it did.
    pub(crate) fn transaction(&mut self) -> Stored<StoreTransaction<'_>> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        Ok(StoreTransaction(transaction, &self.sealing))
    }
}

/// Everything in the store, at one moment, and what is about to be in it.
pub(crate) struct StoreTransaction<'c>(Transaction<'c>, &'c Sealing);

impl StoreTransaction<'_> {
    /// Makes all changes durable at once.
    pub(crate) fn commit(self) -> Stored<()> {
        Ok(self.0.commit()?)
    }

    /// Seals a value for a column, bound to what names its row.
    fn seal(&self, column: &str, row: &[u8], value: &[u8]) -> Stored<Vec<u8>> {
        self.1.seal(Place { column, row }, value)
    }

    /// Opens what [`Self::seal`] returned for the same column and row.
    fn unseal(&self, column: &str, row: &[u8], sealed: &[u8]) -> Stored<Secret> {
        self.1.open(Place { column, row }, sealed)
    }

    /// [`Self::unseal`] of a structure.
    fn unseal_as<T: codec::Decode>(
        &self,
        column: &'static str,
        row: &[u8],
        sealed: &[u8],
    ) -> Stored<T> {
        let value = self.unseal(column, row, sealed)?;
        T::from_bytes(value.expose()).map_err(|_| StoreError::Corrupt(column))
    }

    /// [`Self::unseal`] of a text.
    fn unseal_text(&self, column: &'static str, row: &[u8], sealed: &[u8]) -> Stored<String> {
        let value = self.unseal(column, row, sealed)?;
        let text = String::from_utf8(value.expose().to_vec());
        text.map_err(|_| StoreError::Corrupt(column))
    }

    /// What stands for a value in a column that rows are found by.
    fn tag(&self, column: &str, value: &[u8]) -> Stored<Vec<u8>> {
        self.1.tag(column, value)
    }
}

/// How the data key is kept. A file without it was never finished.
fn sealed_key(connection: &Connection) -> Stored<SealedKey> {
    let sql = "SELECT protection, salt, memory_kib, passes, lanes, data_key FROM sealing";
    let row = connection.query_row(sql, [], |row| {
        Ok(SealedKey {
            protection: row.get(0)?,
            salt: row.get(1)?,
            memory_kib: row.get(2)?,
            passes: row.get(3)?,
            lanes: row.get(4)?,
            data_key: Secret::from_vec(row.get(5)?),
        })
    });
    row.optional()?.ok_or(StoreError::NoAccount)
}

fn put_sealed_key(connection: &Connection, key: &SealedKey) -> Stored<()> {
    let sql = "INSERT OR REPLACE INTO sealing
               (id, protection, salt, memory_kib, passes, lanes, data_key)
               VALUES (1, ?, ?, ?, ?, ?, ?)";
    let SealedKey { protection, salt, memory_kib, passes, lanes, data_key } = key;
    let row = rusqlite::params![protection, salt, memory_kib, passes, lanes, data_key.expose()];
    connection.execute(sql, row)?;
    Ok(())
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
