//! MLS group state in SQLite.
//!
//! * To give the MLS library a file of its own, open a [`SqliteStorage`].
//! * To keep them sealed, give a [`Seal`] to [`SealedRows`] instead.
//! * To keep MLS rows beside the application's own, in one transaction, create [`SCHEMA`] in the
//!   application's database and use [`SqliteRows`] on its connection.
//!
//! A write is durable when it returns (`synchronous = FULL`), and deleted rows are overwritten
//! (`secure_delete`). The write-ahead log keeps old pages until its next checkpoint;
//! [`SqliteStorage`] checkpoints when it is opened and dropped. But for [`SealedRows`], values are
//! stored in the clear: put the file where only its owner can read it.

use std::path::Path;

use crypto::Secret;
use database::{FileLock, Schema};
use mls::{Change, Delta, RowKey, RowKind, Storage, StorageError};
use rusqlite::{Connection, OptionalExtension, params};

/// The table that [`SqliteRows`] works on.
pub const SCHEMA: &str = "
-- The rows of the MLS library, opaque here. Secret.
CREATE TABLE mls_rows (
    group_id  BLOB NOT NULL,      -- empty for rows that belong to no group
    kind      INTEGER NOT NULL,   -- mls::RowKind
    id        BLOB NOT NULL,
    value     BLOB NOT NULL,
    PRIMARY KEY (group_id, kind, id)
) STRICT;";

/// MLS rows on a connection of the application. Inside a transaction, what is written becomes
/// durable with it.
pub struct SqliteRows<'a>(pub &'a Connection);

/// What seals the values of rows, before SQLite sees them. Names stay in the clear: group ids,
/// numbers of epochs and tree pages, hashes and public keys.
pub trait Seal {
    /// Seals a value, bound to the name of its row.
    ///
    /// # Errors
    /// There is no randomness.
    fn seal(&self, key: &RowKey, value: &Secret) -> Result<Secret, StorageError>;

    /// Opens what [`Seal::seal`] returned for the same row.
    ///
    /// # Errors
    /// It did not.
    fn open(&self, key: &RowKey, sealed: &Secret) -> Result<Secret, StorageError>;
}

/// [`SqliteRows`] whose values are sealed.
pub struct SealedRows<'a> {
    rows: SqliteRows<'a>,
    seal: &'a dyn Seal,
}

impl<'a> SealedRows<'a> {
    /// Rows on a connection of the application, with what seals them.
    #[must_use]
    pub fn new(connection: &'a Connection, seal: &'a dyn Seal) -> Self {
        Self { rows: SqliteRows(connection), seal }
    }

    fn put(&self, key: &RowKey, value: &Secret) -> Result<(), StorageError> {
        self.rows.put(key, &self.seal.seal(key, value)?).map(drop).map_err(failed)
    }
}

/// A file that holds nothing but MLS rows.
pub struct SqliteStorage {
    // Before the lock: the database is closed when the lock is released.
    connection: Connection,
    _lock: FileLock,
}

/// A file of its own is marked "CnML".
const OWN_FILE: Schema = Schema { application_id: 0x436e_4d4c, version: 1, sql: &[SCHEMA] };

impl SqliteStorage {
    /// Opens the file, creating it if there is none. One holder at a time: the lock file beside it
    /// keeps others away, since two writers would use the same keys twice.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let lock = FileLock::take(&path.with_added_extension("lock"));
        let lock = lock.map_err(|error| StorageError(Box::new(error)))?;
        let mut connection = Connection::open(path).map_err(failed)?;
        database::prepare(&mut connection, &OWN_FILE)
            .map_err(|error| StorageError(Box::new(error)))?;
        let storage = Self { connection, _lock: lock };
        storage.checkpoint().map_err(failed)?;
        Ok(storage)
    }

    /// Empties the write-ahead log, and with it what it still holds of deleted rows.
    fn checkpoint(&self) -> rusqlite::Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }
}

impl Drop for SqliteStorage {
    fn drop(&mut self) {
        // Nothing is lost if this fails: the next opening does it.
        let _ = self.checkpoint();
    }
}

fn failed(error: rusqlite::Error) -> StorageError {
    StorageError(Box::new(error))
}

/// The ids that start with a prefix: from it, up to (without) the bytes that follow all of them.
/// `None` if nothing follows.
fn end_of_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

impl SqliteRows<'_> {
    fn put(&self, key: &RowKey, value: &Secret) -> rusqlite::Result<usize> {
        let sql = "INSERT OR REPLACE INTO mls_rows (group_id, kind, id, value) VALUES (?, ?, ?, ?)";
        let RowKey { group_id, kind, id } = key;
        let mut statement = self.0.prepare_cached(sql)?;
        statement.execute(params![group_id, *kind as u8, id, value.expose()])
    }

    fn delete(&self, key: &RowKey) -> rusqlite::Result<usize> {
        let sql = "DELETE FROM mls_rows WHERE group_id = ? AND kind = ? AND id = ?";
        let RowKey { group_id, kind, id } = key;
        self.0.prepare_cached(sql)?.execute(params![group_id, *kind as u8, id])
    }

    fn delete_prefix(&self, key: &RowKey) -> rusqlite::Result<usize> {
        let sql = "DELETE FROM mls_rows
            WHERE group_id = ?1 AND kind = ?2 AND id >= ?3 AND (?4 IS NULL OR id < ?4)";
        let RowKey { group_id, kind, id } = key;
        let mut statement = self.0.prepare_cached(sql)?;
        statement.execute(params![group_id, *kind as u8, id, end_of_prefix(id)])
    }

    /// Returns how many rows there were with the expected value: one or none.
    fn replace(&self, key: &RowKey, expected: &Secret, value: &Secret) -> rusqlite::Result<usize> {
        let sql = "UPDATE mls_rows SET value = ?
            WHERE group_id = ? AND kind = ? AND id = ? AND value = ?";
        let RowKey { group_id, kind, id } = key;
        let mut statement = self.0.prepare_cached(sql)?;
        let (value, expected) = (value.expose(), expected.expose());
        statement.execute(params![value, group_id, *kind as u8, id, expected])
    }

    fn apply(&self, change: &Change) -> Result<(), StorageError> {
        let applied = match change {
            Change::Put(key, value) => self.put(key, value),
            Change::Delete(key) => self.delete(key),
            Change::DeletePrefix(key) => self.delete_prefix(key),
            Change::Replace(key, expected, value) => match self.replace(key, expected, value) {
                Ok(0) => return Err(StorageError::stale()),
                replaced => replaced,
            },
        };
        applied.map(drop).map_err(failed)
    }

    fn value(&self, key: &RowKey) -> rusqlite::Result<Option<Secret>> {
        let sql = "SELECT value FROM mls_rows WHERE group_id = ? AND kind = ? AND id = ?";
        let RowKey { group_id, kind, id } = key;
        let mut statement = self.0.prepare_cached(sql)?;
        let row = statement.query_row(params![group_id, *kind as u8, id], |row| row.get(0));
        Ok(row.optional()?.map(Secret::from_vec))
    }

    fn rows(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> rusqlite::Result<Vec<(Vec<u8>, Secret)>> {
        let sql = "SELECT id, value FROM mls_rows
            WHERE group_id = ?1 AND kind = ?2 AND id >= ?3 AND (?4 IS NULL OR id < ?4)
            ORDER BY id";
        let mut statement = self.0.prepare_cached(sql)?;
        let end = end_of_prefix(prefix);
        let rows = statement.query_map(params![group_id, kind as u8, prefix, end], |row| {
            Ok((row.get(0)?, Secret::from_vec(row.get(1)?)))
        })?;
        rows.collect()
    }

    fn group_ids(&self) -> rusqlite::Result<Vec<Vec<u8>>> {
        let sql = "SELECT group_id FROM mls_rows WHERE kind = ? ORDER BY group_id";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map([RowKind::Group as u8], |row| row.get(0))?;
        rows.collect()
    }
}

/// Reads see what the connection's transaction has written. [`Storage::write`] is whole by itself
/// only inside a transaction, which is the caller's to begin, to commit if the write succeeds, and
/// to roll back if it does not.
impl Storage for SqliteRows<'_> {
    fn read(&self, key: &RowKey) -> Result<Option<Secret>, StorageError> {
        self.value(key).map_err(failed)
    }

    fn scan(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Secret)>, StorageError> {
        self.rows(group_id, kind, prefix).map_err(failed)
    }

    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        self.group_ids().map_err(failed)
    }

    fn write(&mut self, delta: &Delta) -> Result<(), StorageError> {
        delta.changes().iter().try_for_each(|change| self.apply(change))
    }
}

/// As for [`SqliteRows`]; nothing is written of a delta that replaces what is not there.
impl Storage for SealedRows<'_> {
    fn read(&self, key: &RowKey) -> Result<Option<Secret>, StorageError> {
        self.rows.read(key)?.map(|sealed| self.seal.open(key, &sealed)).transpose()
    }

    fn scan(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Secret)>, StorageError> {
        let mut key = RowKey { group_id: group_id.to_vec(), kind, id: Vec::new() };
        let rows = self.rows.scan(group_id, kind, prefix)?.into_iter().map(|(id, sealed)| {
            key.id.clone_from(&id);
            Ok((id, self.seal.open(&key, &sealed)?))
        });
        rows.collect()
    }

    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        self.rows.groups()
    }

    fn write(&mut self, delta: &Delta) -> Result<(), StorageError> {
        // What is sealed twice differs, so SQLite cannot compare it.
        delta.check_replaced(self)?;
        delta.changes().iter().try_for_each(|change| match change {
            Change::Put(key, value) | Change::Replace(key, _, value) => self.put(key, value),
            Change::Delete(_) | Change::DeletePrefix(_) => self.rows.apply(change),
        })
    }
}

impl Storage for SqliteStorage {
    fn read(&self, key: &RowKey) -> Result<Option<Secret>, StorageError> {
        SqliteRows(&self.connection).read(key)
    }

    fn scan(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Secret)>, StorageError> {
        SqliteRows(&self.connection).scan(group_id, kind, prefix)
    }

    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        SqliteRows(&self.connection).groups()
    }

    fn write(&mut self, delta: &Delta) -> Result<(), StorageError> {
        let transaction = self.connection.transaction().map_err(failed)?;
        SqliteRows(&transaction).write(delta)?;
        transaction.commit().map_err(failed)
    }
}

/// The program in the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use super::*;
    use mls::{CipherSuite, CommitOptions, Effect, GroupParams, MemoryStorage};
    use testkit::{NOW, Person, Traits};

    /// All rows of a store that belong to a group or to the client.
    fn dump(storage: &dyn Storage, group_id: &[u8]) -> Vec<(RowKind, Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        for group_id in [group_id, &[]] {
            for kind in RowKind::ALL {
                let found = storage.scan(group_id, kind, &[]).unwrap().into_iter();
                rows.extend(found.map(|(id, value)| (kind, id, value.expose().to_vec())));
            }
        }
        rows
    }

    /// Writes to a file and to memory, and finds the same in both.
    struct Both {
        file: SqliteStorage,
        memory: MemoryStorage,
    }

    impl Both {
        fn save<T>(&mut self, group_id: &[u8], effect: Result<Effect<T>, mls::Error>) -> T {
            let (output, delta) = effect.unwrap().into_parts();
            self.memory.write(&delta).unwrap();
            self.file.write(&delta).unwrap();
            assert_eq!(dump(&self.memory, group_id), dump(&self.file, group_id));
            output
        }
    }

    #[test]
    fn a_file_holds_what_memory_holds_and_still_does_when_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mls.db");
        let file = SqliteStorage::open(&path).unwrap();
        let mut both = Both { file, memory: MemoryStorage::new() };
        let mut alice = Person::new("alice", Traits::new(1));
        let mut bob = Person::new("bob", Traits::new(1));
        let id = b"group".as_slice();
        let params =
            GroupParams { group_id: Some(id.to_vec()), ..GroupParams::new(CipherSuite(1)) };
        let random = &mut alice.random;
        let made = alice.client.create_group(&both.memory, params, NOW, random);
        let mut group = both.save(id, made);
        for _ in 0..6 {
            let options = CommitOptions::new();
            let made = both.save(id, group.commit(options, NOW, random));
            both.save(id, group.advance(made.pending));
            both.save(id, group.protect(b"hello", b"", random));
        }
        let options = CommitOptions::new().add_member(bob.key_package());
        let made = both.save(id, group.commit(options, NOW, random));
        both.save(id, group.advance(made.pending));
        let Both { file, memory } = both;
        let expected = dump(&memory, id);
        assert!(expected.len() > 20);
        drop(file);
        let file = SqliteStorage::open(&path).unwrap();
        assert_eq!(dump(&file, id), expected);
        assert_eq!(file.groups().unwrap(), [id]);
        let loaded = alice.client.load_group(&file, id).unwrap().unwrap();
        assert!(loaded.epoch_authenticator() == group.epoch_authenticator());
    }

    #[test]
    fn a_stale_handle_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mls.db");
        let mut file = SqliteStorage::open(&path).unwrap();
        let mut alice = Person::new("alice", Traits::new(1));
        let params = GroupParams::new(CipherSuite(1));
        let made = alice.client.create_group(&file, params, NOW, &mut alice.random).unwrap();
        let mut first = made.save(&mut file).unwrap();
        let id = first.group_id().to_vec();
        let mut second = alice.client.load_group(&file, &id).unwrap().unwrap();
        let random = &mut alice.random;
        first.protect(b"first", b"", random).unwrap().save(&mut file).unwrap();
        let before = dump(&file, &id);
        let (_, delta) = second.commit(CommitOptions::new(), NOW, random).unwrap().into_parts();
        assert!(file.write(&delta).unwrap_err().is_stale());
        assert_eq!(dump(&file, &id), before);
        first.protect(b"first again", b"", random).unwrap().save(&mut file).unwrap();
    }

    #[test]
    fn a_prefix_ends_where_nothing_starts_with_it() {
        assert_eq!(end_of_prefix(&[]), None);
        assert_eq!(end_of_prefix(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(end_of_prefix(&[1, 255]), Some(vec![2]));
        assert_eq!(end_of_prefix(&[255, 255]), None);
    }
}
