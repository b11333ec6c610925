//! Hints between processes: whom there is news for, by `NOTIFY` and `LISTEN`.
//!
//! `NOTIFY` inside a transaction makes commits wait for each other, so one connection of its own
//! announces what has come together. What is announced is the set of first bytes of the topics: of
//! constant size, and as exact as the channels of [`News`](crate::news::News). A hint that gets
//! lost costs a reader the rest of its waiting time, nothing else.

use super::link::Link;
use crate::core::Topic;
use crate::store::{Heard, StoreError, Stored};
use fallible_iterator::FallibleIterator;
use postgres::Config;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The name under which processes tell each other.
const CHANNEL: &str = "conclave_delivery_news";

/// How long an announcement waits for others to join it.
const GATHERING: Duration = Duration::from_millis(5);

/// How long until a lost connection is tried again, and how soon a thread notices its end.
const PAUSE: Duration = Duration::from_millis(200);

/// First bytes of topics, as a set.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Channels([u64; 4]);

impl Channels {
    const ALL: Self = Self([u64::MAX; 4]);

    fn insert(&mut self, channel: u8) {
        self.0[usize::from(channel / 64)] |= 1 << (channel % 64);
    }

    fn iter(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |byte| self.0[usize::from(byte / 64)] >> (byte % 64) & 1 == 1)
    }

    fn to_text(self) -> String {
        self.0.iter().map(|word| format!("{word:016x}")).collect()
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut words = [0; 4];
        if text.len() != 64 {
            return None;
        }
        for (index, word) in words.iter_mut().enumerate() {
            *word = u64::from_str_radix(text.get(16 * index..16 * (index + 1))?, 16).ok()?;
        }
        Some(Self(words))
    }
}

#[derive(Default)]
struct Waiting {
    channels: Channels,
    stopped: bool,
}

/// Where what there is to announce comes together.
pub(super) struct Desk {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    /// PostgreSQL's number of the connection that announces, 0 if there is none.
    backend: AtomicI32,
}

impl Desk {
    pub(super) fn announce(&self, topics: &[Topic]) {
        if !topics.is_empty() {
            self.change(|waiting| {
                topics.iter().for_each(|topic| waiting.channels.insert(topic.channel()));
            });
        }
    }

    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    /// What there is to announce, or `None` at the end.
    fn next(&self) -> Option<Channels> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing =
            |waiting: &mut Waiting| waiting.channels == Channels::default() && !waiting.stopped;
        let mut waiting =
            self.changed.wait_while(waiting, nothing).unwrap_or_else(PoisonError::into_inner);
        (!waiting.stopped).then(|| std::mem::take(&mut waiting.channels))
    }
}

/// Tells other processes.
pub(super) struct Announcer {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

impl Announcer {
    pub(super) fn start(config: &Config) -> Stored<Self> {
        let desk = Arc::new(Desk {
            waiting: Mutex::default(),
            changed: Condvar::new(),
            backend: AtomicI32::new(0),
        });
        let (config, work) = (config.clone(), Arc::clone(&desk));
        let thread = spawn("delivery-announcer", move || announce(&config, &work))?;
        Ok(Self { desk, thread: Some(thread) })
    }

    pub(super) fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Where to see which announcements are this process's own.
    pub(super) fn backend(&self) -> impl Fn() -> i32 + Send + use<> {
        let desk = Arc::clone(&self.desk);
        move || desk.backend.load(Ordering::Relaxed)
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        self.desk.change(|waiting| waiting.stopped = true);
        if let Some(thread) = self.thread.take() {
            // Hints only: what it did not get to say does not matter.
            let _ = thread.join();
        }
    }
}

fn announce(config: &Config, desk: &Desk) {
    let mut link = None;
    while let Some(channels) = desk.next() {
        if link.as_ref().is_none_or(Link::is_closed) {
            link = Link::open(config).ok();
            let backend = link.as_mut().and_then(|link| link.backend().ok());
            desk.backend.store(backend.unwrap_or(0), Ordering::Relaxed);
        }
        if let Some(link) = &mut link {
            let text = channels.to_text();
            // A hint: readers who are not told look again when their time is over.
            let _ = link.client().execute("SELECT pg_notify($1, $2)", &[&CHANNEL, &text]);
        }
        std::thread::sleep(GATHERING);
    }
}

/// Hears from other processes.
pub(super) struct Listener {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    pub(super) fn start(
        config: &Config,
        own: impl Fn() -> i32 + Send + 'static,
        heard: Heard,
    ) -> Stored<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let (config, stop) = (config.clone(), Arc::clone(&stopped));
        let thread = spawn("delivery-listener", move || {
            while !stop.load(Ordering::Relaxed) {
                // On failure the connection is made anew.
                let _ = hear(&config, &stop, &own, &heard);
                std::thread::sleep(PAUSE);
            }
        })?;
        Ok(Self { stopped, thread: Some(thread) })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It only reads.
            let _ = thread.join();
        }
    }
}

fn hear(config: &Config, stop: &AtomicBool, own: &dyn Fn() -> i32, heard: &Heard) -> Stored<()> {
    let mut link = Link::open(config)?;
    link.client().batch_execute(&format!("LISTEN {CHANNEL}"))?;
    // Whatever was said before this connection stood.
    Channels::ALL.iter().for_each(heard);
    while !stop.load(Ordering::Relaxed) && !link.is_closed() {
        let mut notifications = link.client().notifications();
        let mut news = notifications.timeout_iter(PAUSE);
        while let Some(notification) = news.next()? {
            if notification.process_id() == own() {
                continue;
            }
            let channels = Channels::from_text(notification.payload());
            channels.unwrap_or(Channels::ALL).iter().for_each(heard);
        }
    }
    Ok(())
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Stored<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|error| StoreError::Engine(error.to_string()))
}
