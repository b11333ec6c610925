//! The rows of the MLS library, in the same transaction as everything else, with sealed values.

use super::sealing::{Place, Sealing};
use super::{StoreError, StoreTransaction, Stored};
use codec::Encode;
use crypto::Secret;
use mls::{Delta, RowKey, Storage, StorageError};
use storage_sqlite::{Seal, SealedRows};

impl Seal for Sealing {
    fn seal(&self, key: &RowKey, value: &Secret) -> Result<Secret, StorageError> {
        let row = key.to_bytes();
        let sealed =
            Self::seal(self, Place { column: "mls_rows.value", row: &row }, value.expose());
        sealed.map(Secret::from_vec).map_err(failed)
    }

    fn open(&self, key: &RowKey, sealed: &Secret) -> Result<Secret, StorageError> {
        let row = key.to_bytes();
        let place = Place { column: "mls_rows.value", row: &row };
        Self::open(self, place, sealed.expose()).map_err(failed)
    }
}

fn failed(error: StoreError) -> StorageError {
    StorageError(Box::new(error))
}

impl StoreTransaction<'_> {
    /// The rows, for the MLS library to read. They include what the transaction wrote.
    pub(crate) fn mls(&self) -> SealedRows<'_> {
        SealedRows::new(&self.0, self.1)
    }

    /// Applies the changes of an operation, to become durable with the rest of the transaction.
    pub(crate) fn apply(&self, delta: &Delta) -> Stored<()> {
        self.mls().write(delta).map_err(|error| StoreError::Engine(error.to_string()))
    }
}
