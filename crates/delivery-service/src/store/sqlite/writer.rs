//! The writer thread: group commit.
//!
//! 1. Wait for a piece of work; take along all that wait already, up to a batch.
//! 2. One transaction; each piece in a savepoint, rolled back if it is refused.
//! 3. Commit, which syncs. Only then every outcome, refusals too, goes to its requester: a refusal
//!    may have been computed from a neighbour's changes.
//!
//! If the transaction cannot begin, breaks or cannot commit, every outcome of the batch is
//! `Unavailable` (guarantee G8).

use super::SqliteRows;
use crate::store::queue::{Job, Queue};
use crate::store::{Done, Outcome, StoreError, Stored, Work};
use delivery_api::Problem;
use rusqlite::{Connection, TransactionBehavior};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;

/// Pieces of work of one transaction: enough to share a sync, few enough to answer soon.
const BATCH_MAX: usize = 128;

/// The handle of the thread; dropping it lets the thread finish what waits, and waits for that.
pub(super) struct Writer {
    queue: Option<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Stored<Self> {
        let (queue, jobs) = Queue::new();
        let thread = std::thread::Builder::new()
            .name("delivery-writer".to_owned())
            .spawn(move || run(connection, &jobs))
            .map_err(super::io)?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub(super) fn submit(&self, work: Work, done: Done) {
        if let Some(queue) = &self.queue {
            queue.submit(work, done);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // The thread only ends otherwise by a panic, and then nothing was acknowledged.
            let _ = thread.join();
        }
    }
}

fn run(mut connection: Connection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let (mut works, mut dones) = (vec![first.work], vec![first.done]);
        for job in jobs.try_iter().take(BATCH_MAX - 1) {
            works.push(job.work);
            dones.push(job.done);
        }
        let outcomes = carry_out(&mut connection, works);
        match outcomes {
            Ok(outcomes) => dones.into_iter().zip(outcomes).for_each(|(done, out)| done(out)),
            Err(_) => dones.into_iter().for_each(|done| done(Err(Problem::Unavailable))),
        }
    }
}

pub(super) fn carry_out(connection: &mut Connection, works: Vec<Work>) -> Stored<Vec<Outcome>> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut outcomes = Vec::with_capacity(works.len());
    for work in works {
        let savepoint = transaction.savepoint()?;
        let outcome = work(&mut SqliteRows(&savepoint));
        // Some failures (disk full, I/O) roll the whole transaction back behind our back.
        if savepoint.is_autocommit() {
            return Err(StoreError::Engine("the transaction broke".to_owned()));
        }
        match outcome {
            Ok(_) => savepoint.commit()?,
            Err(_) => savepoint.finish()?,
        }
        outcomes.push(outcome);
    }
    transaction.commit()?;
    Ok(outcomes)
}
