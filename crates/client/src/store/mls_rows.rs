//! The rows of the MLS library, in the same transaction as everything else.

use super::{StoreError, StoreTransaction, Stored};
use mls::{Delta, Storage};
use storage_sqlite::SqliteRows;

impl StoreTransaction<'_> {
    /// The rows, for the MLS library to read. They include what the transaction wrote.
    pub(crate) fn mls(&self) -> SqliteRows<'_> {
        SqliteRows(&self.0)
    }

    /// Applies the changes of an operation, to become durable with the rest of the transaction.
    pub(crate) fn apply(&self, delta: &Delta) -> Stored<()> {
        self.mls().write(delta).map_err(|error| StoreError::Engine(error.to_string()))
    }
}
