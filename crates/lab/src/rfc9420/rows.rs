//! The rows that a member stores: its own, over those that many members share. And what a thief
//! reads from them.

use std::collections::BTreeMap;
use std::sync::Arc;

use codec::{Decode, Encode, Reader, Writer};
use crypto::Secret;
use mls::{Change, Delta, GroupContext, MemoryStorage, RowKey, RowKind, Storage, StorageError};
use treekem::EpochSecrets;

use crate::Failure;

/// A store in memory over a shared one that does not change.
#[derive(Default)]
pub(super) struct Rows {
    shared: Arc<MemoryStorage>,
    /// Written rows, and `None` for deleted ones.
    own: BTreeMap<RowKey, Option<Secret>>,
}

impl Rows {
    /// A member whose rows are the shared ones but for this.
    pub(super) fn over(shared: Arc<MemoryStorage>, key: RowKey, value: Secret) -> Self {
        Self { shared, own: BTreeMap::from([(key, Some(value))]) }
    }

    /// The row [`RowKind::Epoch`] of the only group.
    pub(super) fn epoch_key(group_id: &[u8]) -> RowKey {
        RowKey { group_id: group_id.to_vec(), kind: RowKind::Epoch, id: Vec::new() }
    }
}

fn has_prefix(key: &RowKey, prefix: &RowKey) -> bool {
    key.group_id == prefix.group_id && key.kind == prefix.kind && key.id.starts_with(&prefix.id)
}

impl Storage for Rows {
    fn read(&self, key: &RowKey) -> Result<Option<Secret>, StorageError> {
        match self.own.get(key) {
            Some(value) => Ok(value.as_ref().map(Secret::duplicate)),
            None => self.shared.read(key),
        }
    }

    fn scan(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Secret)>, StorageError> {
        let wanted = RowKey { group_id: group_id.to_vec(), kind, id: prefix.to_vec() };
        let shared = self.shared.scan(group_id, kind, prefix)?;
        let mut rows: BTreeMap<Vec<u8>, Secret> = shared.into_iter().collect();
        for (key, value) in self.own.range(wanted.clone()..) {
            if !has_prefix(key, &wanted) {
                break;
            }
            match value {
                Some(value) => rows.insert(key.id.clone(), value.duplicate()),
                None => rows.remove(&key.id),
            };
        }
        Ok(rows.into_iter().collect())
    }

    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        let own = self.own.iter().filter(|(key, _)| key.kind == RowKind::Group);
        let mut groups = self.shared.groups()?;
        groups
            .extend(own.filter(|(_, value)| value.is_some()).map(|(key, _)| key.group_id.clone()));
        groups.sort();
        groups.dedup();
        Ok(groups)
    }

    fn write(&mut self, delta: &Delta) -> Result<(), StorageError> {
        delta.check_replaced(self)?;
        for change in delta.changes() {
            match change {
                Change::Put(key, value) | Change::Replace(key, _, value) => {
                    self.own.insert(key.clone(), Some(value.duplicate()));
                }
                Change::Delete(key) => {
                    self.own.insert(key.clone(), None);
                }
                Change::DeletePrefix(prefix) => {
                    for (id, _) in self.scan(&prefix.group_id, prefix.kind, &prefix.id)? {
                        self.own.insert(RowKey { id, ..prefix.clone() }, None);
                    }
                }
            }
        }
        Ok(())
    }
}

/// What the row [`RowKind::Epoch`] says, in the order of its bytes: the context, the number of
/// leaves, the epoch's secrets, the private keys and a rest.
///
/// The format is the `mls` crate's own. The laboratory reads it like a thief and writes it to make
/// many members of one; its tests notice when it changes.
pub(super) struct EpochRow {
    format: u8,
    context: GroupContext,
    leaves: u32,
    pub(super) secrets: EpochSecrets,
    pub(super) private_keys: BTreeMap<u32, Secret>,
    rest: Vec<u8>,
}

impl EpochRow {
    pub(super) fn read(storage: &dyn Storage, group_id: &[u8]) -> Result<Self, Failure> {
        let row = storage.read(&Rows::epoch_key(group_id)).map_err(mls::Error::from)?;
        let row = row.ok_or(Failure::Misuse("no epoch is stored"))?;
        let mut reader = Reader::new(row.expose());
        let format = u8::decode(&mut reader)?;
        let context = GroupContext::decode(&mut reader)?;
        let leaves = u32::decode(&mut reader)?;
        let secrets = EpochSecrets::decode(&mut reader)?;
        let _leaf = u32::decode(&mut reader)?;
        let mut private_keys = BTreeMap::new();
        let mut elements = reader.vector()?;
        while !elements.is_empty() {
            private_keys.insert(u32::decode(&mut elements)?, Secret::decode(&mut elements)?);
        }
        let rest = reader.rest().to_vec();
        Ok(Self { format, context, leaves, secrets, private_keys, rest })
    }

    /// The private keys as a `StoredPrivatePath` is encoded.
    pub(super) fn private_path(leaf: u32, keys: &BTreeMap<u32, &Secret>) -> Vec<u8> {
        let mut writer = Writer::new();
        leaf.encode(&mut writer);
        writer.vector(|writer| {
            for (node, key) in keys {
                node.encode(writer);
                key.encode(writer);
            }
        });
        writer.into_bytes()
    }

    /// The row of the member at `leaf` with these keys, in the same epoch.
    pub(super) fn of_member(&self, leaf: u32, keys: &BTreeMap<u32, &Secret>) -> Secret {
        let mut writer = Writer::erasing();
        self.format.encode(&mut writer);
        self.context.encode(&mut writer);
        self.leaves.encode(&mut writer);
        self.secrets.encode(&mut writer);
        let head = writer.into_bytes();
        Secret::from_vec([head, Self::private_path(leaf, keys), self.rest.clone()].concat())
    }
}
