//! The simulator: the real logic of the service and real client engines, over a network, clocks and
//! crashes that a seed determines.
//!
//! * `world` holds the queue of events: requests and answers on their way, some lost, doubled, late
//!   or overtaken; clients that crash and come back with what is durable; a service that goes away
//!   with everything that is not; clocks that differ.
//! * `person` is one client and what it was told to do.
//! * `verdict` is what must hold once the network is whole and nobody wants anything any more.
//!
//! A schedule is determined by its seed alone: a failure is repeated by `simulate --seed N`.

mod person;
mod verdict;
mod weather;
mod world;

use crate::Failure;
use crate::history::Record;
use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use world::World;

/// What happened in a schedule, or in many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Schedules.
    pub schedules: u64,
    /// Requests that reached the service.
    pub requests: u64,
    /// Requests and answers that were lost on the way.
    pub lost: u64,
    /// Requests that arrived twice.
    pub doubled: u64,
    /// Clients that crashed.
    pub crashes: u64,
    /// Times that the service went away.
    pub outages: u64,
    /// Messages that everybody had in the end.
    pub messages: u64,
    /// Epochs of all groups.
    pub epochs: u64,
    /// Members who were removed.
    pub removals: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.requests += other.requests;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.crashes += other.crashes;
        self.outages += other.outages;
        self.messages += other.messages;
        self.epochs += other.epochs;
        self.removals += other.removals;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schedules, requests, lost, doubled, crashes, outages, .. } = self;
        write!(
            formatter,
            "{schedules} schedules: {requests} requests, {lost} lost and {doubled} doubled on the \
             way, {crashes} crashes, {outages} outages; {} messages, {} epochs, {} removals",
            self.messages, self.epochs, self.removals
        )
    }
}

/// Runs the schedule of a seed.
///
/// # Errors
/// What must hold and does not.
pub fn run(seed: u64) -> Result<(Tally, Vec<Record>), Failure> {
    let folder = folder()?;
    let failed = |failure: Failure| format!("simulate --seed {seed}: {failure}");
    let mut world = World::new(seed, folder.path()).map_err(failed)?;
    world.live().map_err(failed)?;
    let (tally, records) = verdict::judge(world).map_err(failed)?;
    Ok((tally, records))
}

/// Runs the schedules of many seeds on all processors.
///
/// # Errors
/// The first failure that was found.
pub fn run_many(first: u64, count: u64, tell: impl Fn(&Tally) + Sync) -> Result<Tally, Failure> {
    let next = AtomicU64::new(first);
    let end = first.saturating_add(count);
    let state: Mutex<(Tally, Option<Failure>)> = Mutex::default();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let outcome = run(seed);
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok((tally, _)) => state.0.add(&tally),
                Err(failure) => {
                    next.store(end, Ordering::Relaxed);
                    state.1.get_or_insert(failure);
                }
            }
            tell(&state.0);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join())
    })
    .map_err(|_| "a schedule panicked")?;
    let (tally, failure) = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(tally), Err)
}

/// A folder for the clients' databases, in memory where the system has a place for that: what a
/// crash leaves is simulated, and syncing to a disk would take nearly all of the time.
fn folder() -> Result<tempfile::TempDir, Failure> {
    let memory = Path::new("/dev/shm");
    Ok(tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir())?)
}
