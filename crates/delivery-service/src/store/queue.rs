//! Work on its way to the threads that write. Bounded: what finds it full is refused at once.

use super::{Done, Work};
use delivery_api::Problem;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Pieces of work that may wait; beyond it the service is overloaded and says so.
const QUEUE_MAX: usize = 1024;

/// A piece of work, and whom to tell.
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) done: Done,
}

/// The end where work comes in; dropping it lets the threads finish what waits.
pub(super) struct Queue(SyncSender<Job>);

impl Queue {
    pub(super) fn new() -> (Self, Receiver<Job>) {
        let (sender, jobs) = sync_channel(QUEUE_MAX);
        (Self(sender), jobs)
    }

    pub(super) fn submit(&self, work: Work, done: Done) {
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) =
            self.0.try_send(Job { work, done })
        {
            (job.done)(Err(Problem::Unavailable));
        }
    }
}
