//! PostgreSQL: one database, any number of service processes.
//!
//! * Each piece of work is a transaction of its own on one of several connections; PostgreSQL
//!   shares syncs among those that commit at the same time.
//! * What must be held against others (a log's tip, a device, a name) is held by an advisory lock
//!   on its id until the transaction ends, also while there is no row yet. All that a piece of work
//!   decides on lies behind such a lock, so at the isolation level `READ COMMITTED`, where
//!   each statement sees what was committed before it began, works are as if one after the other.
//! * The logic takes locks in one order: log, then devices by id. Should two works deadlock all the
//!   same, PostgreSQL ends one of them after a second, and it is done again.
//! * Reads run in read-only transactions on one snapshot, without locks.
//! * A server that does not sync (`fsync`, `synchronous_commit`, `full_page_writes`) is refused.
//! * News for readers who wait at other processes travels outside of transactions (see `news`).
//!
//! The connection itself is not encrypted: the server is on the same machine (a Unix socket) or in
//! a network that the operator trusts.

mod device_rows;
mod directory_rows;
mod link;
mod log_rows;
mod news;
mod readers;
mod rows;
mod workers;

use super::{Done, Heard, Outcome, Store, StoreError, Stored, Work};
use delivery_api::PublicKey;
use link::Link;
use news::{Announcer, Listener};
use postgres::Config;
use readers::Readers;
use std::sync::Mutex;
use workers::Workers;

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    config: Config,
    workers: Workers,
    readers: Readers,
    announcer: Announcer,
    listener: Mutex<Option<Listener>>,
}

impl PostgresStore {
    /// Opens the store in the database at `url`, a `postgres://` address or a list of parameters as
    /// libpq takes it. A database that has nothing of it yet gets its tables.
    ///
    /// # Errors
    /// The server cannot be reached, does not promise durability, or has tables of another version.
    pub fn open(url: &str) -> Stored<Self> {
        let mut config: Config = url.parse().map_err(|_| unusable("the database's address"))?;
        if config.get_application_name().is_none() {
            config.application_name("conclave-delivery");
        }
        Link::open(&config)?.prepare_schema()?;
        let announcer = Announcer::start(&config)?;
        let workers = Workers::start(&config, announcer.desk())?;
        let (readers, listener) = (Readers::default(), Mutex::default());
        Ok(Self { config, workers, readers, announcer, listener })
    }
}

impl Store for PostgresStore {
    fn write(&self, work: Work, done: Done) {
        self.workers.submit(work, done);
    }

    fn read(&self, work: Work) -> Outcome {
        self.readers.with(&self.config, |link| link.read(&work))?
    }

    fn bind_key(&self, key: PublicKey) -> Stored<()> {
        Link::open(&self.config)?.bind_key(key)
    }

    fn listen(&self, heard: Heard) {
        let own = self.announcer.backend();
        let listener = Listener::start(&self.config, own, heard);
        // Without it, readers who wait hear of news from other processes when they ask again.
        if let (Ok(listener), Ok(mut place)) = (listener, self.listener.lock()) {
            *place = Some(listener);
        }
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // A connection may only be closed where blocking is allowed, and whoever drops the store
        // may be asynchronous.
        let readers = self.readers.take_idle();
        let closing = std::thread::Builder::new().spawn(move || drop(readers));
        if let Ok(closing) = closing {
            // It only closes connections.
            let _ = closing.join();
        }
    }
}

fn unusable(what: &str) -> StoreError {
    StoreError::Engine(format!("{what} is unusable"))
}
