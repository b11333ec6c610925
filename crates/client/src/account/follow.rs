//! Waiting for news: on a stream of hints, or, while there is none to be had, by long polls.
//!
//! The stream is one for everything and waits on the caller's thread. A long poll is for one log or
//! the inbox, each on a thread of its own. A poll that is still waiting when another one has
//! brought news goes on waiting, so that no log has more than one at a time; its thread ends by
//! itself when the service answers.

use crate::Error;
use crate::engine::Engine;
use crate::transport::{EventStream, HttpRequest, Transport};
use codec::{Decode, Encode};
use delivery_api::stream::{StreamEvent, Subject};
use delivery_api::{LogId, limits};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// How long to poll before a stream is tried again.
const STREAM_PAUSE: Duration = Duration::from_secs(60);

/// How soon a waker ends a wait on a stream.
const WAKE_TIME_MAX: Duration = Duration::from_millis(100);

/// A stream that is open.
struct Live {
    stream: Box<dyn EventStream>,
    /// What the service was asked to tell of, and did not take back; nothing before the first time.
    subscribed: Option<BTreeSet<LogId>>,
    /// What it refused to tell of. These logs are read now and then.
    refused: BTreeSet<LogId>,
    inbox_told: u64,
}

impl Live {
    /// Asks for what is in use, if that is not what was asked for.
    fn subscribe(&mut self, engine: &mut Engine, now: u64) -> Result<(), Failed> {
        let in_use = engine.logs_in_use().map_err(Failed::Engine)?;
        let wanted = in_use.difference(&self.refused).take(limits::SYNC_CURSORS_MAX).copied();
        let wanted: BTreeSet<_> = wanted.collect();
        if self.subscribed.as_ref() != Some(&wanted) {
            let message =
                engine.subscription(&wanted, self.inbox_told, now).map_err(Failed::Engine)?;
            self.stream.send(message.to_bytes()).map_err(|_| Failed::Stream)?;
            self.subscribed = Some(wanted);
        }
        Ok(())
    }

    /// Waits until there may be something new, or somebody wakes it.
    fn wait(&mut self, patience: Duration, watches: &mut Watches) -> Result<(), Failed> {
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if let Some(message) = self.next(left.min(WAKE_TIME_MAX))? {
                if self.heard(message)? {
                    break;
                }
            } else if left.is_zero() || watches.is_woken() {
                return Ok(());
            }
        }
        // What else is there already is taken along.
        while let Some(message) = self.next(Duration::ZERO)? {
            self.heard(message)?;
        }
        Ok(())
    }

    fn next(&mut self, patience: Duration) -> Result<Option<StreamEvent>, Failed> {
        let message = self.stream.next(patience).map_err(|_| Failed::Stream)?;
        let event = message.map(|message| StreamEvent::from_bytes(&message));
        event.transpose().map_err(|_| Failed::Stream)
    }

    /// Takes an event; whether there may be something new.
    fn heard(&mut self, event: StreamEvent) -> Result<bool, Failed> {
        match event {
            StreamEvent::News { subject: Subject::Inbox, end, .. } => self.inbox_told = end,
            StreamEvent::News { subject: Subject::Log(log), stopped, .. } => {
                // Who is still in the group subscribes with another key.
                if let (true, Some(subscribed)) = (stopped, &mut self.subscribed) {
                    subscribed.remove(&log);
                }
            }
            StreamEvent::Refused { subject: Subject::Log(log), .. } => {
                self.refused.insert(log);
                if let Some(subscribed) = &mut self.subscribed {
                    subscribed.remove(&log);
                }
            }
            StreamEvent::Refused { subject: Subject::Inbox, .. } | StreamEvent::Rejected(_) => {
                return Err(Failed::Stream);
            }
            StreamEvent::Subscribed => return Ok(false),
        }
        Ok(true)
    }
}

/// Why a stream did not serve.
enum Failed {
    Engine(Error),
    /// It went away, or does not do what it should: polls do.
    Stream,
}

/// What waits for news.
#[derive(Default)]
pub(super) struct Follower {
    live: Option<Live>,
    /// Until when no stream is tried.
    polls_until: Option<Instant>,
    watches: Watches,
}

impl Follower {
    /// What ends a wait.
    pub(super) fn waker(&self) -> Waker {
        self.watches.waker()
    }

    /// Waits until there may be something new, at most so many seconds.
    pub(super) fn wait(
        &mut self,
        engine: &mut Engine,
        transport: &Arc<dyn Transport>,
        seconds: u32,
        now: u64,
    ) -> Result<(), Error> {
        if self.polls_until.is_none_or(|until| Instant::now() >= until) {
            match self.wait_on_stream(engine, transport, seconds, now) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(Failed::Engine(error)) => return Err(error),
                // That something was lost is no reason to wait any longer than planned.
                Err(Failed::Stream) if self.live.take().is_some() => {
                    self.polls_until = Some(Instant::now() + STREAM_PAUSE);
                    return Ok(());
                }
                Err(Failed::Stream) => {}
            }
            self.polls_until = Some(Instant::now() + STREAM_PAUSE);
        }
        let requests = engine.watches(seconds, now)?;
        self.watches.wait(transport, requests, seconds);
        Ok(())
    }

    /// Says that what was told of was not read: the service is to tell of it again.
    pub(super) fn start_over(&mut self) {
        if let Some(live) = &mut self.live {
            live.subscribed = None;
            live.inbox_told = 0;
        }
    }

    /// Whether there was a stream to wait on.
    fn wait_on_stream(
        &mut self,
        engine: &mut Engine,
        transport: &Arc<dyn Transport>,
        seconds: u32,
        now: u64,
    ) -> Result<bool, Failed> {
        if self.live.is_none() {
            let Some(stream) = transport.open_stream().map_err(|_| Failed::Stream)? else {
                return Ok(false);
            };
            let (subscribed, refused) = (None, BTreeSet::new());
            self.live = Some(Live { stream, subscribed, refused, inbox_told: 0 });
        }
        let Some(live) = &mut self.live else { return Ok(false) };
        live.subscribe(engine, now)?;
        live.wait(Duration::from_secs(seconds.into()), &mut self.watches)?;
        Ok(true)
    }
}

/// How long to wait after a poll failed, so that a service that refuses at once is not asked at
/// once.
const FAILURE_DELAY: Duration = Duration::from_secs(1);

/// How much longer than the service to wait.
const MARGIN_SECONDS: u32 = 5;

/// Ends, from another thread, a wait of [`crate::Account::follow`]; or the next one, if there is
/// none.
#[derive(Clone, Debug)]
pub struct Waker(Sender<(String, bool)>);

impl Waker {
    /// Ends the wait.
    pub fn wake(&self) {
        // Nobody waits if the account was closed. No poll has this topic.
        let _ = self.0.send((String::new(), true));
    }
}

/// Polls that wait.
struct Watches {
    sender: Sender<(String, bool)>,
    receiver: Receiver<(String, bool)>,
    /// By path without query.
    waiting: BTreeSet<String>,
}

impl Default for Watches {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Self { sender, receiver, waiting: BTreeSet::new() }
    }
}

fn topic(request: &HttpRequest) -> String {
    request.path.split('?').next().unwrap_or_default().to_owned()
}

impl Watches {
    /// What ends a wait.
    fn waker(&self) -> Waker {
        Waker(self.sender.clone())
    }

    /// Starts the polls that are not waiting yet, and waits until one is answered.
    fn wait(&mut self, transport: &Arc<dyn Transport>, requests: Vec<HttpRequest>, seconds: u32) {
        for request in requests {
            let topic = topic(&request);
            if self.waiting.insert(topic.clone()) {
                let (transport, sender) = (Arc::clone(transport), self.sender.clone());
                std::thread::spawn(move || {
                    let answered = transport.send(&request);
                    let succeeded = answered.is_ok_and(|response| response.status == 200);
                    // Nobody listens if the account was closed.
                    let _ = sender.send((topic, succeeded));
                });
            }
        }
        let patience = Duration::from_secs(u64::from(seconds + MARGIN_SECONDS));
        let Ok((topic, succeeded)) = self.receiver.recv_timeout(patience) else { return };
        self.waiting.remove(&topic);
        if !succeeded {
            std::thread::sleep(FAILURE_DELAY);
        }
        self.is_woken();
    }

    /// Whether a waker was used, or a poll answered, since the last time.
    fn is_woken(&mut self) -> bool {
        let mut is_woken = false;
        while let Ok((topic, _)) = self.receiver.try_recv() {
            self.waiting.remove(&topic);
            is_woken = true;
        }
        is_woken
    }
}
