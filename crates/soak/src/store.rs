//! The rows of a live member: in memory or in a file, counted as they are written.

use std::path::PathBuf;

use mls::{Delta, MemoryStorage, RowKey, RowKind, Secret, Storage, StorageError};
use storage_sqlite::SqliteStorage;

use crate::Failure;

/// What a row takes in a [`MemoryStorage`] beside its name and value, at the least.
const ROW_OVERHEAD_BYTES: usize = size_of::<(RowKey, Secret)>();

/// The store of a live member.
pub(crate) struct Store {
    rows: Rows,
    /// How many rows were written or deleted.
    pub(crate) changes: u64,
    /// How many bytes of names and values were written.
    pub(crate) written: u64,
}

enum Rows {
    Memory(MemoryStorage),
    /// `None` only while the file is opened again.
    File(PathBuf, Option<SqliteStorage>),
}

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) rows: usize,
    /// Bytes of names and values.
    pub(crate) bytes: usize,
    /// Bytes of heap.
    pub(crate) heap: usize,
}

impl Store {
    pub(crate) fn in_memory() -> Self {
        Self { rows: Rows::Memory(MemoryStorage::new()), changes: 0, written: 0 }
    }

    pub(crate) fn in_file(path: PathBuf) -> Result<Self, Failure> {
        let file = SqliteStorage::open(&path)?;
        Ok(Self { rows: Rows::File(path, Some(file)), changes: 0, written: 0 })
    }

    /// Closes the file and opens it again; memory has nothing to close.
    pub(crate) fn reopen(&mut self) -> Result<(), Failure> {
        if let Rows::File(path, file) = &mut self.rows {
            // Closed first: the file has one holder at a time.
            *file = None;
            *file = Some(SqliteStorage::open(path)?);
        }
        Ok(())
    }

    fn open(&self) -> Result<&dyn Storage, StorageError> {
        match &self.rows {
            Rows::Memory(rows) => Ok(rows),
            Rows::File(_, Some(file)) => Ok(file),
            Rows::File(_, None) => Err(StorageError("the file is closed".into())),
        }
    }

    /// What there is of a group, and of the client itself.
    pub(crate) fn held(&self, group_id: &[u8]) -> Result<Held, Failure> {
        let mut held = Held::default();
        for kind in RowKind::ALL {
            // Key packages belong to no group.
            let group_id = if kind == RowKind::KeyPackage { &[] } else { group_id };
            for (id, value) in self.scan(group_id, kind, &[])? {
                held.rows += 1;
                held.bytes += group_id.len() + id.len() + value.expose().len();
            }
        }
        if let Rows::Memory(_) = &self.rows {
            held.heap = held.bytes + held.rows * ROW_OVERHEAD_BYTES;
        }
        Ok(held)
    }

    /// Whether anything is left of a membership. Candidates of external commits may be: one of them
    /// may be what ended it.
    pub(crate) fn has_membership(&self, group_id: &[u8]) -> Result<bool, Failure> {
        for kind in RowKind::ALL {
            let counts = !matches!(kind, RowKind::KeyPackage | RowKind::PendingJoin);
            if counts && !self.scan(group_id, kind, &[])?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Storage for Store {
    fn read(&self, key: &RowKey) -> Result<Option<Secret>, StorageError> {
        self.open()?.read(key)
    }

    fn scan(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Secret)>, StorageError> {
        self.open()?.scan(group_id, kind, prefix)
    }

    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        self.open()?.groups()
    }

    fn write(&mut self, delta: &Delta) -> Result<(), StorageError> {
        for change in delta.changes() {
            self.changes += 1;
            if let mls::Change::Put(key, value) | mls::Change::Replace(key, _, value) = change {
                let bytes = key.group_id.len() + key.id.len() + value.expose().len();
                self.written += bytes as u64;
            }
        }
        match &mut self.rows {
            Rows::Memory(rows) => rows.write(delta),
            Rows::File(_, Some(file)) => file.write(delta),
            Rows::File(_, None) => Err(StorageError("the file is closed".into())),
        }
    }
}
