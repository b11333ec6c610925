//! Conclave's rows in memory, counted; or in SQLite, counted on the way.

use std::collections::BTreeMap;
use std::path::Path;

use mls::{Change, Delta, RowKey, RowKind, Secret, Storage, StorageError};
use storage_sqlite::SqliteStorage;

use super::Stored;
use crate::floor::count;

/// Where rows are kept.
pub(super) enum Rows {
    Memory(BTreeMap<RowKey, Secret>),
    Sqlite(Box<SqliteStorage>),
}

/// A store that counts what is written.
pub(super) struct CountingStore {
    rows: Rows,
    pub(super) written: Stored,
}

fn key_bytes(key: &RowKey) -> u64 {
    count(key.group_id.len() + 1 + key.id.len())
}

impl CountingStore {
    pub(super) fn in_memory() -> Self {
        Self { rows: Rows::Memory(BTreeMap::new()), written: Stored::default() }
    }

    pub(super) fn in_file(path: &Path) -> Result<Self, StorageError> {
        let rows = Rows::Sqlite(Box::new(SqliteStorage::open(path)?));
        Ok(Self { rows, written: Stored::default() })
    }

    /// What the rows take; only known of memory.
    pub(super) fn stored(&self) -> Stored {
        let Rows::Memory(rows) = &self.rows else { return Stored::default() };
        let bytes = rows.iter().map(|(key, value)| key_bytes(key) + count(value.len())).sum();
        Stored { rows: count(rows.len()), bytes }
    }
}

/// The rows of a group and kind whose id starts with a prefix.
fn range<'a>(
    rows: &'a BTreeMap<RowKey, Secret>,
    first: &'a RowKey,
) -> impl Iterator<Item = (&'a RowKey, &'a Secret)> {
    rows.range(first..).take_while(move |(key, _)| {
        key.group_id == first.group_id && key.kind == first.kind && key.id.starts_with(&first.id)
    })
}

fn apply(rows: &mut BTreeMap<RowKey, Secret>, change: &Change) {
    match change {
        Change::Put(key, value) | Change::Replace(key, _, value) => {
            rows.insert(key.clone(), value.duplicate());
        }
        Change::Delete(key) => {
            rows.remove(key);
        }
        Change::DeletePrefix(first) => {
            let doomed: Vec<_> = range(rows, first).map(|(key, _)| key.clone()).collect();
            doomed.iter().for_each(|key| {
                rows.remove(key);
            });
        }
    }
}

impl Storage for CountingStore {
    fn read(&self, key: &RowKey) -> Result<Option<Secret>, StorageError> {
        match &self.rows {
            Rows::Memory(rows) => Ok(rows.get(key).map(Secret::duplicate)),
            Rows::Sqlite(rows) => rows.read(key),
        }
    }

    fn scan(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Secret)>, StorageError> {
        match &self.rows {
            Rows::Memory(rows) => {
                let first = RowKey { group_id: group_id.to_vec(), kind, id: prefix.to_vec() };
                let found = range(rows, &first);
                Ok(found.map(|(key, value)| (key.id.clone(), value.duplicate())).collect())
            }
            Rows::Sqlite(rows) => rows.scan(group_id, kind, prefix),
        }
    }

    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        match &self.rows {
            Rows::Memory(rows) => {
                let groups = rows.keys().filter(|key| key.kind == RowKind::Group);
                Ok(groups.map(|key| key.group_id.clone()).collect())
            }
            Rows::Sqlite(rows) => rows.groups(),
        }
    }

    fn write(&mut self, delta: &Delta) -> Result<(), StorageError> {
        if let Rows::Memory(_) = &self.rows {
            delta.check_replaced(self)?;
        }
        for change in delta.changes() {
            self.written.rows += 1;
            self.written.bytes += match change {
                Change::Put(key, value) | Change::Replace(key, _, value) => {
                    key_bytes(key) + count(value.len())
                }
                Change::Delete(key) | Change::DeletePrefix(key) => key_bytes(key),
            };
        }
        match &mut self.rows {
            Rows::Memory(rows) => {
                delta.changes().iter().for_each(|change| apply(rows, change));
                Ok(())
            }
            Rows::Sqlite(rows) => rows.write(delta),
        }
    }
}
