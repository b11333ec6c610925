//! A store in memory: for examples, tests, and programs that need no durability.

use std::collections::BTreeMap;

use crypto::Secret;

use crate::{Change, Delta, RowKey, RowKind, Storage, StorageError};

/// Rows in a map. Lost when dropped.
#[derive(Default)]
pub struct MemoryStorage {
    rows: BTreeMap<RowKey, Secret>,
}

impl MemoryStorage {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All rows, for tests that look for what should not be there.
    pub fn rows(&self) -> impl Iterator<Item = (&RowKey, &Secret)> {
        self.rows.iter()
    }

    /// A second store with the same rows, as a crash would leave it.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let rows = self.rows.iter().map(|(key, value)| (key.clone(), value.duplicate()));
        Self { rows: rows.collect() }
    }
}

impl Storage for MemoryStorage {
    fn read(&self, key: &RowKey) -> Result<Option<Secret>, StorageError> {
        Ok(self.rows.get(key).map(Secret::duplicate))
    }

    fn scan(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Secret)>, StorageError> {
        let first = RowKey::new(group_id, kind, prefix);
        let rows = self.rows.range(first.clone()..);
        let rows = rows.take_while(|(key, _)| {
            key.group_id == first.group_id && key.kind == kind && key.id.starts_with(prefix)
        });
        Ok(rows.map(|(key, value)| (key.id.clone(), value.duplicate())).collect())
    }

    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        let groups = self.rows.keys().filter(|key| key.kind == RowKind::Group);
        Ok(groups.map(|key| key.group_id.clone()).collect())
    }

    fn write(&mut self, delta: &Delta) -> Result<(), StorageError> {
        delta.check_replaced(self)?;
        for change in delta.changes() {
            match change {
                Change::Put(key, value) | Change::Replace(key, _, value) => {
                    self.rows.insert(key.clone(), value.duplicate());
                }
                Change::Delete(key) => {
                    self.rows.remove(key);
                }
                Change::DeletePrefix(prefix) => self.rows.retain(|key, _| {
                    key.group_id != prefix.group_id
                        || key.kind != prefix.kind
                        || !key.id.starts_with(&prefix.id)
                }),
            }
        }
        Ok(())
    }
}
