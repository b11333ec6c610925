//! The threads that write: each has a connection, and takes the next piece of work.

use super::link::Link;
use super::news::Desk;
use crate::store::queue::{Job, Queue};
use crate::store::{Done, StoreError, Stored, Work};
use delivery_api::Problem;
use postgres::Config;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Connections that write at a time: enough to share syncs, few enough for a server that takes a
/// hundred connections and serves several processes.
const WORKERS: usize = 8;

/// The handle of the threads; dropping it lets them finish what waits, and waits for that.
pub(super) struct Workers {
    queue: Option<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    pub(super) fn start(config: &Config, news: &Arc<Desk>) -> Stored<Self> {
        let (queue, jobs) = Queue::new();
        let jobs = Arc::new(Mutex::new(jobs));
        let mut workers = Self { queue: Some(queue), threads: Vec::new() };
        for _ in 0..WORKERS {
            let (config, jobs, news) = (config.clone(), Arc::clone(&jobs), Arc::clone(news));
            let thread = std::thread::Builder::new()
                .name("delivery-writer".to_owned())
                .spawn(move || run(&config, &jobs, &news))
                .map_err(|error| StoreError::Engine(error.to_string()))?;
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    pub(super) fn submit(&self, work: Work, done: Done) {
        if let Some(queue) = &self.queue {
            queue.submit(work, done);
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A thread only ends otherwise by a panic, and then nothing was acknowledged.
            let _ = thread.join();
        }
    }
}

fn run(config: &Config, jobs: &Mutex<Receiver<Job>>, news: &Desk) {
    let mut link = None;
    loop {
        // Nothing is left half-done under this lock.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { work, done }) = job else { return };
        if link.as_ref().is_none_or(Link::is_closed) {
            link = Link::open(config).ok();
        }
        // If the connection breaks while it commits, the outcome is unknown, which is what
        // `Unavailable` says.
        let outcome = link.as_mut().map_or(Err(Problem::Unavailable), |link| link.write(&work));
        if let Ok(answer) = &outcome {
            news.announce(&answer.news);
        }
        done(outcome);
    }
}
