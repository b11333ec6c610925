//! A connection: what it insists on, and one piece of work on it.

use super::rows::{Access, PostgresRows, must_be_done_again};
use super::unusable;
use crate::store::{Outcome, StoreError, Stored, Work};
use delivery_api::{Problem, PublicKey};
use postgres::{Client, Config, IsolationLevel, NoTls, Statement};
use std::collections::HashMap;

/// The version of `schema.sql`.
const SCHEMA_VERSION: i64 = 1;

/// Makes processes that start at once take turns at the schema.
const SCHEMA_LOCK: i64 = 0x436e_4453;

/// How often a piece of work is begun that others get in the way of.
const ATTEMPTS_MAX: u32 = 10;

/// How long a statement, or waiting for a lock, may take, in PostgreSQL's words.
const PATIENCE: &str = "SET statement_timeout = '30s'; SET lock_timeout = '20s'; \
                        SET idle_in_transaction_session_timeout = '60s'";

/// Statements that were prepared on a connection.
pub(super) type Statements = HashMap<&'static str, Statement>;

/// A connection with its prepared statements.
pub(super) struct Link {
    client: Client,
    statements: Statements,
}

impl Link {
    pub(super) fn open(config: &Config) -> Stored<Self> {
        let mut client = config.connect(NoTls)?;
        client.batch_execute(PATIENCE)?;
        for setting in ["fsync", "full_page_writes"] {
            if show(&mut client, setting)? != "on" {
                return Err(unusable(&format!("a server with {setting} off")));
            }
        }
        // `remote_apply` promises more than `on`.
        if !["on", "remote_apply"].contains(&show(&mut client, "synchronous_commit")?.as_str()) {
            client.batch_execute("SET synchronous_commit = on")?;
        }
        Ok(Self { client, statements: HashMap::new() })
    }

    /// The number by which PostgreSQL knows this connection.
    pub(super) fn backend(&mut self) -> Stored<i32> {
        Ok(self.client.query_one("SELECT pg_backend_pid()", &[])?.try_get(0)?)
    }

    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) fn prepare_schema(&mut self) -> Stored<()> {
        let mut transaction = self.client.transaction()?;
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&SCHEMA_LOCK])?;
        let found = transaction.query_one("SELECT to_regclass('service') IS NOT NULL", &[])?;
        if !found.try_get::<_, bool>(0)? {
            transaction.batch_execute(include_str!("schema.sql"))?;
            let insert = "INSERT INTO service (id, version) VALUES (1, $1)";
            transaction.execute(insert, &[&SCHEMA_VERSION])?;
        }
        let row = transaction.query_one("SELECT version FROM service", &[])?;
        if row.try_get::<_, i64>(0)? != SCHEMA_VERSION {
            return Err(unusable("a database of another version"));
        }
        Ok(transaction.commit()?)
    }

    pub(super) fn bind_key(&mut self, key: PublicKey) -> Stored<()> {
        let bytes = key.as_bytes().as_slice();
        let update = "UPDATE service SET public_key = $1 WHERE public_key IS NULL";
        self.client.execute(update, &[&bytes])?;
        let row = self.client.query_one("SELECT public_key FROM service", &[])?;
        if row.try_get::<_, Vec<u8>>(0)? == bytes {
            Ok(())
        } else {
            Err(unusable("a database that belongs to a service with another key"))
        }
    }

    /// One piece of work on a snapshot; an error if the connection should not be used again.
    pub(super) fn read(&mut self, work: &Work) -> Stored<Outcome> {
        let transaction = self
            .client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()?;
        let mut rows = PostgresRows::new(transaction, &mut self.statements, Access::Read);
        let outcome = work(&mut rows);
        rows.into_transaction().rollback()?;
        Ok(outcome)
    }

    /// One piece of work, durable when this returns.
    pub(super) fn write(&mut self, work: &Work) -> Outcome {
        for _ in 0..ATTEMPTS_MAX {
            if let Some(outcome) = self.attempt(work)? {
                return outcome;
            }
        }
        Err(Problem::Unavailable)
    }

    /// `None` if the work has to be done again, because others were in its way.
    fn attempt(&mut self, work: &Work) -> Stored<Option<Outcome>> {
        let transaction = self.client.transaction()?;
        let mut rows = PostgresRows::new(transaction, &mut self.statements, Access::Write);
        let outcome = work(&mut rows);
        let in_the_way = rows.others_in_the_way();
        let transaction = rows.into_transaction();
        if outcome.is_err() || in_the_way {
            transaction.rollback()?;
            return Ok((!in_the_way).then_some(outcome));
        }
        match transaction.commit() {
            Ok(()) => Ok(Some(outcome)),
            Err(error) if must_be_done_again(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn show(client: &mut Client, setting: &str) -> Stored<String> {
    let row = client.query_one("SELECT current_setting($1)", &[&setting])?;
    Ok(row.try_get(0)?)
}

impl From<postgres::Error> for StoreError {
    fn from(error: postgres::Error) -> Self {
        // The code and the short text; the details of an error may hold contents.
        let text = error
            .as_db_error()
            .map(|error| format!("PostgreSQL: {} ({})", error.message(), error.code().code()));
        Self::Engine(text.unwrap_or_else(|| format!("PostgreSQL: {error}")))
    }
}
