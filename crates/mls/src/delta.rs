//! State as rows: what an operation changes, and the store that makes it durable.
//!
//! # Output waits for its rows
//!
//! Every operation that changes state returns an [`Effect`]: its output together with the [`Delta`]
//! that makes the change durable. The output comes out by [`Effect::save`], or with the delta by
//! [`Effect::into_parts`], to put it into the application's own transaction. A ciphertext that
//! leaves before its rows are stored could, after a crash, be followed by another under the same
//! key and nonce.
//!
//! When a store fails, drop the group and load it again: the store is right, the memory is ahead.
//! Until then the group refuses to change ([`crate::Misuse::Unsaved`]); so it does after an effect
//! was dropped.
//!
//! # One handle of a group
//!
//! Two handles that were loaded from the same rows would use the same keys. So every delta of a
//! group begins with a [`Change::Replace`] of the row [`RowKind::Version`]: it counts the changes,
//! and a handle whose count is not the store's writes nothing ([`crate::Misuse::Stale`]).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer};
use crypto::Secret;

use crate::Error;

/// What a row is about. The numbers are part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RowKind {
    /// Status and epoch of a group; its presence says that the group exists.
    Group = 1,
    /// GroupContext, key schedule and private keys of the current epoch.
    Epoch = 2,
    /// A page of the current ratchet tree, by its name.
    TreePage = 3,
    /// A row of an epoch's secret tree, by epoch.
    SecretTree = 4,
    /// What else is kept of a past epoch, by epoch.
    PastEpoch = 5,
    /// A leaf as it was in a past epoch, by epoch and leaf.
    PastLeaf = 6,
    /// A proposal of the current epoch that is not committed yet, by reference.
    Proposal = 7,
    /// The keys of an own Update proposal, by public key.
    OwnUpdate = 8,
    /// The hash of a message that this client sent, by epoch.
    Sent = 9,
    /// A candidate for the next epoch, by the hash of its commit.
    PendingCommit = 10,
    /// The resumption PSK of an epoch, by epoch.
    ResumptionPsk = 11,
    /// A group that an external commit would lead to; the row's group id is that group's.
    PendingJoin = 12,
    /// A key package with its private keys, by reference; client-wide.
    KeyPackage = 13,
    /// How often the rows of a group have changed.
    Version = 14,
}

impl RowKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Group,
        Self::Epoch,
        Self::TreePage,
        Self::SecretTree,
        Self::PastEpoch,
        Self::PastLeaf,
        Self::Proposal,
        Self::OwnUpdate,
        Self::Sent,
        Self::PendingCommit,
        Self::ResumptionPsk,
        Self::PendingJoin,
        Self::KeyPackage,
        Self::Version,
    ];
}

/// The name of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The group; empty for rows of the client itself.
    pub group_id: Vec<u8>,
    /// What the row is about.
    pub kind: RowKind,
    /// Which one of its kind. Numbers are big-endian, so that the order is theirs.
    pub id: Vec<u8>,
}

impl RowKey {
    pub(crate) fn new(group_id: &[u8], kind: RowKind, id: impl Into<Vec<u8>>) -> Self {
        Self { group_id: group_id.to_vec(), kind, id: id.into() }
    }
}

/// One change of a store.
pub enum Change {
    /// Writes a row, replacing one of the same name. The value holds secrets more often than not.
    Put(RowKey, Secret),
    /// Deletes a row, if it is there.
    Delete(RowKey),
    /// Deletes all rows of the key's group and kind whose id starts with the key's id.
    DeletePrefix(RowKey),
    /// Writes a row that has the first value. If it has another, or is not there, the whole delta
    /// is refused with [`StorageError::stale`].
    Replace(RowKey, Secret, Secret),
}

/// The changes that make an operation durable, to be applied in order and all at once.
#[derive(Default)]
pub struct Delta {
    changes: Vec<Change>,
}

impl Delta {
    /// The changes in order.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Refuses a delta that replaces what is not in the store. For stores that cannot take back
    /// what they have written: to be called before anything is.
    ///
    /// # Errors
    /// [`StorageError::stale`], or the store cannot be read.
    pub fn check_replaced(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        let mut versions: BTreeMap<&RowKey, Option<&Secret>> = BTreeMap::new();
        for change in &self.changes {
            match change {
                Change::Replace(key, expected, value) => {
                    let is_expected = match versions.get(key) {
                        Some(written) => written.is_some_and(|written| written == expected),
                        None => storage.read(key)?.is_some_and(|stored| stored == *expected),
                    };
                    if !is_expected {
                        return Err(StorageError::stale());
                    }
                    versions.insert(key, Some(value));
                }
                Change::Put(key, value) if key.kind == RowKind::Version => {
                    versions.insert(key, Some(value));
                }
                // There is one such row, without an id.
                Change::Delete(key) | Change::DeletePrefix(key) if key.kind == RowKind::Version => {
                    versions.insert(key, None);
                }
                Change::Put(..) | Change::Delete(_) | Change::DeletePrefix(_) => {}
            }
        }
        Ok(())
    }

    /// Comes before all other changes.
    pub(crate) fn replace_first(&mut self, key: RowKey, expected: Secret, value: Secret) {
        self.changes.insert(0, Change::Replace(key, expected, value));
    }

    pub(crate) fn put(&mut self, key: RowKey, value: Secret) {
        self.changes.push(Change::Put(key, value));
    }

    pub(crate) fn delete(&mut self, key: RowKey) {
        self.changes.push(Change::Delete(key));
    }

    pub(crate) fn delete_prefix(&mut self, key: RowKey) {
        self.changes.push(Change::DeletePrefix(key));
    }

    /// Appends the changes of another operation, which come after these.
    pub fn append(&mut self, mut other: Self) {
        self.changes.append(&mut other.changes);
    }
}

impl Encode for RowKey {
    fn encode(&self, writer: &mut Writer) {
        writer.opaque(&self.group_id);
        (self.kind as u8).encode(writer);
        writer.opaque(&self.id);
    }
}

impl Decode for RowKey {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let group_id = reader.opaque()?.to_vec();
        let unknown = reader.error(DecodeErrorKind::InvalidValue("row kind"));
        let number = u8::decode(reader)?;
        let kind = RowKind::ALL.into_iter().find(|&kind| kind as u8 == number).ok_or(unknown)?;
        Ok(Self { group_id, kind, id: reader.opaque()?.to_vec() })
    }
}

impl Encode for Change {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Put(key, value) => {
                1_u8.encode(writer);
                key.encode(writer);
                value.encode(writer);
            }
            Self::Delete(key) => {
                2_u8.encode(writer);
                key.encode(writer);
            }
            Self::DeletePrefix(key) => {
                3_u8.encode(writer);
                key.encode(writer);
            }
            Self::Replace(key, expected, value) => {
                4_u8.encode(writer);
                key.encode(writer);
                expected.encode(writer);
                value.encode(writer);
            }
        }
    }
}

impl Decode for Change {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.clone();
        match u8::decode(reader)? {
            1 => Ok(Self::Put(RowKey::decode(reader)?, Secret::decode(reader)?)),
            2 => Ok(Self::Delete(RowKey::decode(reader)?)),
            3 => Ok(Self::DeletePrefix(RowKey::decode(reader)?)),
            4 => {
                let key = RowKey::decode(reader)?;
                Ok(Self::Replace(key, Secret::decode(reader)?, Secret::decode(reader)?))
            }
            _ => Err(at.error(DecodeErrorKind::InvalidValue("change"))),
        }
    }
}

/// Counted and not within a vector: the rows of a large group are longer than a vector can be.
impl Encode for Delta {
    fn encode(&self, writer: &mut Writer) {
        (self.changes.len() as u64).encode(writer);
        self.changes.iter().for_each(|change| change.encode(writer));
    }
}

impl Decode for Delta {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = u64::decode(reader)?;
        let changes: Result<_, DecodeError> = (0..count).map(|_| Change::decode(reader)).collect();
        Ok(Self { changes: changes? })
    }
}

/// A store of rows. Implementations wrap a database; [`crate::MemoryStorage`] serves examples and
/// tests.
pub trait Storage {
    /// The value of a row.
    fn read(&self, key: &RowKey) -> Result<Option<Secret>, StorageError>;

    /// All rows of a group and kind whose id starts with `prefix`, in ascending order of id.
    fn scan(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Secret)>, StorageError>;

    /// The ids of all groups that have a row of kind [`RowKind::Group`].
    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError>;

    /// Applies all changes in order, durably, or none of them: also if one of them is a
    /// [`Change::Replace`] that expects another value.
    fn write(&mut self, delta: &Delta) -> Result<(), StorageError>;
}

/// A failure of the store.
#[derive(Debug)]
pub struct StorageError(pub Box<dyn std::error::Error + Send + Sync>);

/// What a store says to a delta that replaces what is not in it.
#[derive(Debug)]
struct Stale;

impl fmt::Display for Stale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the store has moved on without this handle of the group")
    }
}

impl std::error::Error for Stale {}

impl StorageError {
    /// A [`Change::Replace`] found another value than it expected; nothing was written.
    #[must_use]
    pub fn stale() -> Self {
        Self(Box::new(Stale))
    }

    /// Whether this is [`StorageError::stale`].
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.0.is::<Stale>()
    }

    pub(crate) fn corrupt(what: &'static str) -> Self {
        Self(format!("the store holds what this library did not write: {what}").into())
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for StorageError {}

/// The output of an operation, locked up with the rows that make it durable.
#[must_use = "the output comes out when the effect is saved"]
pub struct Effect<T> {
    output: T,
    delta: Delta,
    unsaved: Option<Unsaved>,
}

/// Raised once a change of the group's memory is known never to reach its store. To go on would
/// store rows that do not fit the older ones, and use keys a second time after a restart.
#[derive(Default)]
pub(crate) struct UnsavedFlag(Arc<AtomicBool>);

impl UnsavedFlag {
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A change that is not stored yet. Dropped so, it raises the group's flag.
struct Unsaved {
    flag: Option<Arc<AtomicBool>>,
}

impl Unsaved {
    fn saved(mut self) {
        self.flag = None;
    }
}

impl Drop for Unsaved {
    fn drop(&mut self) {
        if let Some(flag) = &self.flag {
            flag.store(true, Ordering::Relaxed);
        }
    }
}

impl<T> Effect<T> {
    pub(crate) fn new(output: T, delta: Delta) -> Self {
        Self { output, delta, unsaved: None }
    }

    /// The effect of a change that the memory of a group has gone through already.
    pub(crate) fn of_group(output: T, delta: Delta, flag: &UnsavedFlag) -> Self {
        let flag = (!delta.is_empty()).then(|| Arc::clone(&flag.0));
        Self { output, delta, unsaved: Some(Unsaved { flag }) }
    }

    /// Makes the change durable, then hands the output over.
    pub fn save(self, storage: &mut dyn Storage) -> Result<T, Error> {
        if !self.delta.is_empty() {
            storage.write(&self.delta)?;
        }
        Ok(self.into_parts().0)
    }

    /// Output and rows apart. The caller promises to store the rows before it uses the output.
    #[must_use = "the delta must be stored before the output is used"]
    pub fn into_parts(self) -> (T, Delta) {
        self.unsaved.into_iter().for_each(Unsaved::saved);
        (self.output, self.delta)
    }

    /// Another output with the same rows.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Effect<U> {
        Effect { output: change(self.output), delta: self.delta, unsaved: self.unsaved }
    }
}
