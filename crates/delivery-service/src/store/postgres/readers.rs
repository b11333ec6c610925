//! The connections that read: few, used in turn.

use super::link::Link;
use crate::store::{StoreError, Stored};
use postgres::Config;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Connections at a time. A server takes a hundred by default, from several processes; who finds
/// all in use waits for one.
const READERS_MAX: usize = 16;

/// How long to wait for one before the service is overloaded and says so.
const PATIENCE: Duration = Duration::from_secs(20);

/// The connections that nobody uses now, and how many there are in all.
#[derive(Default)]
struct Pool {
    idle: Vec<Link>,
    open: usize,
}

/// The connections.
#[derive(Default)]
pub(super) struct Readers {
    pool: Mutex<Pool>,
    returned: Condvar,
}

impl Readers {
    /// Uses a connection; it is kept if `read` found nothing wrong with it.
    pub(super) fn with<T>(
        &self,
        config: &Config,
        read: impl FnOnce(&mut Link) -> Stored<T>,
    ) -> Stored<T> {
        let mut link = self.take(config)?;
        let result = read(&mut link);
        self.give_back(result.is_ok().then_some(link));
        result
    }

    fn take(&self, config: &Config) -> Stored<Link> {
        let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let all_used = |pool: &mut Pool| pool.idle.is_empty() && pool.open >= READERS_MAX;
        let (mut pool, waited) = self
            .returned
            .wait_timeout_while(pool, PATIENCE, all_used)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(StoreError::Engine("all connections are in use".to_owned()));
        }
        if let Some(link) = pool.idle.pop() {
            return Ok(link);
        }
        pool.open += 1;
        drop(pool);
        let link = Link::open(config);
        if link.is_err() {
            self.give_back(None);
        }
        link
    }

    /// Takes a connection back, or notes that it is gone.
    fn give_back(&self, link: Option<Link>) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        match link {
            Some(link) => pool.idle.push(link),
            None => pool.open -= 1,
        }
        drop(pool);
        self.returned.notify_one();
    }

    /// The connections that nobody uses.
    pub(super) fn take_idle(&mut self) -> Vec<Link> {
        let pool = self.pool.get_mut().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut pool.idle)
    }
}
