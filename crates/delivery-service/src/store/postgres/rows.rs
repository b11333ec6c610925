//! The rows as one transaction sees them: how statements are sent and values come back.

use super::link::Statements;
use crate::store::{StoreError, Stored};
use codec::Opaque;
use delivery_api::{ChainHash, Position, PublicKey};
use postgres::Transaction;
use postgres::error::SqlState;
use postgres::row::Row;
use postgres::types::ToSql;

/// What a statement is given.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Whether a transaction writes, and then holds what it reads for update.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// What an advisory lock is held on.
#[derive(Clone, Copy)]
pub(super) enum Held {
    Log = 1,
    Device = 2,
    Name = 3,
}

/// The rows as one transaction sees them.
pub(super) struct PostgresRows<'c> {
    transaction: Transaction<'c>,
    statements: &'c mut Statements,
    access: Access,
    others_in_the_way: bool,
}

impl<'c> PostgresRows<'c> {
    pub(super) fn new(
        transaction: Transaction<'c>,
        statements: &'c mut Statements,
        access: Access,
    ) -> Self {
        Self { transaction, statements, access, others_in_the_way: false }
    }

    pub(super) fn into_transaction(self) -> Transaction<'c> {
        self.transaction
    }

    /// Whether a statement failed only because of what others were doing.
    pub(super) fn others_in_the_way(&self) -> bool {
        self.others_in_the_way
    }

    pub(super) fn query(&mut self, sql: &'static str, with: Parameters<'_>) -> Stored<Vec<Row>> {
        let result = self.run(sql, |transaction, statement| transaction.query(statement, with));
        result.map_err(|error| self.note(error))
    }

    pub(super) fn query_opt(
        &mut self,
        sql: &'static str,
        with: Parameters<'_>,
    ) -> Stored<Option<Row>> {
        let result = self.run(sql, |transaction, statement| transaction.query_opt(statement, with));
        result.map_err(|error| self.note(error))
    }

    pub(super) fn execute(&mut self, sql: &'static str, with: Parameters<'_>) -> Stored<()> {
        let result = self.run(sql, |transaction, statement| transaction.execute(statement, with));
        result.map(drop).map_err(|error| self.note(error))
    }

    /// Holds an id against other writing transactions until this one ends.
    pub(super) fn hold(&mut self, held: Held, id: &[u8; 32]) -> Stored<()> {
        if self.access == Access::Read {
            return Ok(());
        }
        // Ids are hashes, random or public keys: eight bytes keep unrelated ones apart well enough,
        // and if two share a lock, they only wait for each other.
        let (start, _) = id.split_first_chunk().ok_or(StoreError::Corrupt("id"))?;
        let lock = i64::from_be_bytes(*start) ^ held as i64;
        self.execute("SELECT pg_advisory_xact_lock($1)", &[&lock])
    }

    fn run<T>(
        &mut self,
        sql: &'static str,
        send: impl FnOnce(&mut Transaction<'c>, &postgres::Statement) -> Result<T, postgres::Error>,
    ) -> Result<T, postgres::Error> {
        if !self.statements.contains_key(sql) {
            let statement = self.transaction.prepare(sql)?;
            self.statements.insert(sql, statement);
        }
        send(&mut self.transaction, &self.statements[sql])
    }

    fn note(&mut self, error: postgres::Error) -> StoreError {
        self.others_in_the_way |= must_be_done_again(&error);
        error.into()
    }
}

/// Whether a transaction failed only because of what others were doing at the same time.
pub(super) fn must_be_done_again(error: &postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(code)
    })
}

/// A number as it is stored.
pub(super) fn stored(number: u64) -> Stored<i64> {
    i64::try_from(number).map_err(|_| StoreError::Corrupt("number"))
}

/// A stored number.
pub(super) fn number(row: &Row, column: &str) -> Stored<u64> {
    u64::try_from(row.try_get::<_, i64>(column)?).map_err(|_| StoreError::Corrupt("number"))
}

/// A stored number that is small.
pub(super) fn small<T: TryFrom<i64>>(row: &Row, column: &str) -> Stored<T> {
    T::try_from(row.try_get(column)?).map_err(|_| StoreError::Corrupt("number"))
}

pub(super) fn position(row: &Row, column: &str) -> Stored<Position> {
    number(row, column).map(Position)
}

pub(super) fn bytes_32(row: &Row, column: &str) -> Stored<[u8; 32]> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| StoreError::Corrupt("id, key or hash"))
}

pub(super) fn chain_hash(row: &Row, column: &str) -> Stored<ChainHash> {
    bytes_32(row, column).map(ChainHash::new)
}

pub(super) fn public_key(row: &Row, column: &str) -> Stored<Option<PublicKey>> {
    let bytes: Option<&[u8]> = row.try_get(column)?;
    let key = bytes.map(|bytes| bytes.try_into().map(PublicKey::new));
    key.transpose().map_err(|_| StoreError::Corrupt("key"))
}

pub(super) fn opaque(row: &Row, column: &str) -> Stored<Opaque> {
    Ok(Opaque::from(row.try_get::<_, &[u8]>(column)?))
}
