//! Streams: a WebSocket (RFC 6455) over which a client hears that something is new.
//!
//! One task per stream. It waits for messages of the client, for news, for the next ping and for
//! the end of the service. Bounded are: how many streams there are and how much they have
//! subscribed together, the size of a message and the buffers, how long a client may be silent or
//! leave what it is sent unread, and how many signatures its connection may have checked.

use super::Options;
use super::connections::ConnectionPace;
use super::requests::{Shared, blocking, now_seconds};
use crate::core::{Subscription, Topic};
use crate::news::Mailbox;
use crate::service::Response;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response as HttpResponse};
use codec::{Decode, Encode};
use delivery_api::stream::{StreamEvent, Subject};
use delivery_api::{LogId, Problem, limits};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};

/// Bytes of a stream's buffer for reading; larger messages are put together elsewhere.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// Bytes that wait to be written on a stream; hints are small, and each is written at once.
const WRITE_BUFFER_BYTES_MAX: usize = 64 << 10;

/// How long a client may leave what it is sent unread.
const SEND_TIME_MAX: Duration = Duration::from_secs(10);

/// How often a client is pinged before it counts as gone.
const PINGS: u32 = 3;

/// What all streams share.
pub(super) struct Streams {
    free: Arc<Semaphore>,
    free_subscriptions: Arc<Semaphore>,
    streams_max: u32,
    silence_max: Duration,
}

impl Streams {
    pub(super) fn new(options: &Options) -> Self {
        let permits = |number| usize::try_from(number).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(permits(options.streams_max))),
            free_subscriptions: Arc::new(Semaphore::new(permits(options.subscriptions_max))),
            streams_max: options.streams_max,
            silence_max: options.stream_silence_max,
        }
    }

    /// Waits until no stream is left.
    pub(super) async fn finished(&self) {
        // The semaphore is never closed.
        let _ = self.free.acquire_many(self.streams_max).await;
    }
}

/// Turns a request into a stream, or says why not.
pub(super) async fn open(shared: &Shared, request: Request) -> HttpResponse {
    let refuse = |problem: Problem| Response::from(Err(problem)).into_response();
    let (mut parts, _) = request.into_parts();
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await else {
        return refuse(Problem::UpgradeRequired);
    };
    let Ok(place) = Arc::clone(&shared.streams.free).try_acquire_owned() else {
        shared.observer.stream_refused();
        return refuse(Problem::Unavailable);
    };
    let pace = parts.extensions.get::<Arc<ConnectionPace>>().cloned();
    let shared = shared.clone();
    upgrade
        .max_message_size(limits::STREAM_BYTES_MAX)
        .max_frame_size(limits::STREAM_BYTES_MAX)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .on_upgrade(move |socket| async move {
            shared.observer.stream_opened();
            Stream::new(&shared, socket, pace).run().await;
            shared.observer.stream_closed();
            drop(place);
        })
}

/// Why a stream ends. Who closed it knows; others are told by the code of RFC 6455, section 7.4.1.
enum End {
    /// The client closed it or went away.
    Gone,
    /// The client did what it may not.
    Refused(u16),
    /// The client was silent for too long, or left what it was sent unread.
    Slow,
    /// The service is about to end.
    Stopping,
}

/// What a stream has to deal with next.
enum Next {
    Heard(Option<Result<Message, axum::Error>>),
    News,
    Ping,
}

struct Stream<'a> {
    shared: &'a Shared,
    socket: WebSocket,
    pace: Option<Arc<ConnectionPace>>,
    mailbox: Arc<Mailbox>,
    subscriptions: BTreeMap<Subject, Arc<Subscription>>,
    /// For the subscriptions, of all that the service allows.
    permit: Option<OwnedSemaphorePermit>,
    /// By when the client has to say something.
    patience_ends: Instant,
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        self.unsubscribe();
    }
}

impl<'a> Stream<'a> {
    fn new(shared: &'a Shared, socket: WebSocket, pace: Option<Arc<ConnectionPace>>) -> Self {
        Self {
            shared,
            socket,
            pace,
            mailbox: Arc::default(),
            subscriptions: BTreeMap::new(),
            permit: None,
            // Who wants nothing gets no place; pings do not count before the first subscription.
            patience_ends: Instant::now() + shared.body_time_max,
        }
    }

    async fn run(mut self) {
        let Err(end) = self.converse().await;
        let code = match end {
            End::Gone => return,
            End::Refused(code) => code,
            End::Slow => {
                self.shared.observer.stream_dropped();
                return;
            }
            End::Stopping => close_code::AWAY,
        };
        let frame = CloseFrame { code, reason: "".into() };
        let close = async {
            self.socket.send(Message::Close(Some(frame))).await?;
            // Until the client has answered.
            while let Some(Ok(_)) = self.socket.recv().await {}
            Ok::<_, axum::Error>(())
        };
        // Whether it is heard is the client's business.
        let _ = timeout(Duration::from_secs(1), close).await;
    }

    /// Goes on until there is a reason to end.
    async fn converse(&mut self) -> Result<std::convert::Infallible, End> {
        let mut stopped = self.shared.stopped.clone();
        let every = self.shared.streams.silence_max / PINGS;
        let mut pings = tokio::time::interval_at(Instant::now() + every, every);
        loop {
            let next = tokio::select! {
                message = self.socket.recv() => Next::Heard(message),
                () = self.mailbox.arrived() => Next::News,
                _ = pings.tick() => Next::Ping,
                () = tokio::time::sleep_until(self.patience_ends) => return Err(End::Slow),
                () = until_stopped(&mut stopped) => return Err(End::Stopping),
            };
            match next {
                Next::Heard(message) => self.heard(message).await?,
                Next::News => self.tell_news().await?,
                Next::Ping => self.send(Message::Ping(Default::default())).await?,
            }
        }
    }

    async fn heard(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        match message {
            None | Some(Ok(Message::Close(_))) => return Err(End::Gone),
            Some(Err(_)) => return Err(End::Refused(close_code::PROTOCOL)),
            Some(Ok(Message::Text(_))) => return Err(End::Refused(close_code::UNSUPPORTED)),
            Some(Ok(Message::Binary(message))) => {
                if let Err(problem) = self.subscribe(&message).await {
                    self.send_event(&StreamEvent::Rejected(problem)).await?;
                    return Err(End::Refused(close_code::POLICY));
                }
                self.send_event(&StreamEvent::Subscribed).await?;
                let all = self.subscriptions.values().cloned().collect();
                self.look(all).await?;
            }
            // The WebSocket itself answers pings.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
        }
        if self.permit.is_some() {
            self.patience_ends = Instant::now() + self.shared.streams.silence_max;
        }
        Ok(())
    }

    /// Puts what a message asks for in the place of what was subscribed.
    async fn subscribe(&mut self, message: &[u8]) -> Result<(), Problem> {
        if let Some(pace) = &self.pace {
            pace.count_cursors(message.len(), now_seconds())?;
        }
        let (service, bytes) = (self.shared.service.clone(), message.to_vec());
        let asked = blocking(move || service.subscribe(&bytes, now_seconds())).await?;
        self.unsubscribe();
        let count = u32::try_from(asked.begun.len()).map_err(|_| Problem::TooLarge)?;
        let free = Arc::clone(&self.shared.streams.free_subscriptions);
        self.permit = Some(free.try_acquire_many_owned(count).map_err(|_| Problem::Unavailable)?);
        for subscription in asked.begun {
            // Before anything is looked at, so that nothing falls in between.
            self.shared.news.deliver_to(subscription.topic(), &self.mailbox);
            self.subscriptions.insert(subscription.subject(), Arc::new(subscription));
        }
        self.shared.observer.subscriptions_begun(self.subscriptions.len());
        for event in &asked.refused {
            // How it went is seen when the next thing is sent.
            let _ = self.send_event(event).await;
        }
        Ok(())
    }

    fn unsubscribe(&mut self) {
        let ended = std::mem::take(&mut self.subscriptions);
        for subscription in ended.values() {
            self.shared.news.forget(subscription.topic(), &self.mailbox);
        }
        self.shared.observer.subscriptions_ended(ended.len());
        self.permit = None;
    }

    async fn tell_news(&mut self) -> Result<(), End> {
        let touched = self.mailbox.take();
        let inbox = self.subscriptions.get(&Subject::Inbox);
        let inbox = inbox.filter(|inbox| touched.contains(&inbox.topic()));
        let log = |topic: &Topic| self.subscriptions.get(&Subject::Log(LogId::new(topic.0)));
        let looked_at = touched.iter().filter_map(log).chain(inbox).cloned().collect();
        self.look(looked_at).await
    }

    /// Looks at some subscriptions and tells what is new.
    async fn look(&mut self, looked_at: Vec<Arc<Subscription>>) -> Result<(), End> {
        if looked_at.is_empty() {
            return Ok(());
        }
        let service = self.shared.service.clone();
        // The client opens another stream, later.
        let answer = blocking(move || service.look(looked_at))
            .await
            .map_err(|_| End::Refused(close_code::AGAIN))?;
        let events = Vec::<StreamEvent>::from_bytes(&answer.body)
            .map_err(|_| End::Refused(close_code::ERROR))?;
        for event in events {
            self.settle(&event);
            self.send_event(&event).await?;
        }
        Ok(())
    }

    /// Notes what the client is about to be told.
    fn settle(&mut self, event: &StreamEvent) {
        let (subject, ends) = match event {
            StreamEvent::News { subject, stopped, .. } => (subject, *stopped),
            StreamEvent::Refused { subject, .. } => (subject, true),
            StreamEvent::Rejected(_) | StreamEvent::Subscribed => return,
        };
        let Some(subscription) = self.subscriptions.get(subject) else { return };
        if let StreamEvent::News { end, .. } = event {
            subscription.told(*end);
        }
        if ends {
            self.shared.news.forget(subscription.topic(), &self.mailbox);
            self.shared.observer.subscriptions_ended(1);
            self.subscriptions.remove(subject);
        }
    }

    async fn send_event(&mut self, event: &StreamEvent) -> Result<(), End> {
        self.shared.observer.hint();
        self.send(Message::Binary(event.to_bytes().into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(SEND_TIME_MAX, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Slow),
        }
    }
}

async fn until_stopped(stopped: &mut watch::Receiver<bool>) {
    // An error means that the server is gone, which is a reason to end too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
