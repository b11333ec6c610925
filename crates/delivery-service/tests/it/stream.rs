//! Streams: who is told what, when, and how much of it there may be.

use crate::http::{Client, metric};
use crate::world::{
    Directory, Key, bundle, fresh_bytes, idempotency_key, message, refusal, unpaced,
};
use codec::{Decode, Encode, Opaque};
use delivery_api::inbox::PutItem;
use delivery_api::log::CreateLog;
use delivery_api::request;
use delivery_api::stream::{InboxCursor, SignedInboxCursor, StreamEvent, Subject, Subscribe};
use delivery_api::sync::{Cursor, SignedCursor, Sync};
use delivery_api::{LogId, Position, Problem, PublicKey, limits};
use delivery_service::core::Pace;
use delivery_service::{Options, Server};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tungstenite::{Message, WebSocket};

/// Soon, so that a test for what happens too late need not wait long.
const SOON: Duration = Duration::from_millis(200);

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A service on a socket and a group there.
struct Scene {
    server: Server,
    client: Client,
    _directory: Directory,
}

impl Scene {
    fn new(options: Options) -> Self {
        let directory = Directory::new();
        let server = Server::bind_with("127.0.0.1:0", directory.path(), options).unwrap();
        Self { client: Client::of(&server), server, _directory: directory }
    }

    fn log(&self) -> (LogId, Key) {
        let (log, key) = (LogId::new(fresh_bytes()), Key::fresh());
        let create = CreateLog { join_key: None, anchors: Vec::new() };
        self.client.ask(&key, request::create_log(log, &create)).unwrap();
        (log, key)
    }

    fn append(&self, log: LogId, key: &Key, head: u64) {
        self.client.ask(key, request::append(log, &message(head, "text"))).unwrap();
    }

    fn commit(&self, log: LogId, key: &Key, head: u64, removes: bool) -> (u64, Key) {
        let next = Key::fresh();
        let mut bundle = bundle(head, &next);
        bundle.removes = removes;
        let receipt = self.client.ask(key, request::commit(log, &bundle, None)).unwrap();
        (receipt.head.0, next)
    }

    fn cursor(&self, log: LogId, key: &Key, after: u64) -> SignedCursor {
        let cursor = Cursor { log, after: Position(after), key: key.public() };
        let signature = key.sign(&cursor.to_be_signed(self.client.service, now()));
        SignedCursor {
            log,
            after: cursor.after,
            key: cursor.key,
            signature: Opaque::from(signature),
        }
    }

    fn inbox(&self, device: &Key, after: u64) -> SignedInboxCursor {
        let cursor = InboxCursor { device: device.device(), after };
        let signature = key_signature(device, &cursor, self.client.service);
        SignedInboxCursor { device: cursor.device, after, signature }
    }

    fn try_open(&self) -> Result<Stream, u16> {
        let socket = TcpStream::connect(self.server.local_addr()).unwrap();
        // Only a test that hangs notices.
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        match tungstenite::client("ws://service/v1/stream", socket) {
            Ok((socket, _)) => Ok(Stream(socket)),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn open(&self) -> Stream {
        self.try_open().unwrap()
    }
}

fn key_signature(device: &Key, cursor: &InboxCursor, service: PublicKey) -> Opaque {
    Opaque::from(device.sign(&cursor.to_be_signed(service, now())))
}

struct Stream(WebSocket<TcpStream>);

impl Stream {
    fn send(&mut self, bytes: Vec<u8>) {
        self.0.send(Message::Binary(bytes.into())).unwrap();
    }

    fn subscribe(&mut self, logs: Vec<SignedCursor>, inbox: Option<SignedInboxCursor>) {
        self.send(Subscribe { time_seconds: now(), logs, inbox }.to_bytes());
    }

    /// The next event, or the code with which the stream was closed; 0 if it was cut.
    fn next(&mut self) -> Result<StreamEvent, u16> {
        loop {
            match self.0.read() {
                Ok(Message::Binary(bytes)) => return Ok(StreamEvent::from_bytes(&bytes).unwrap()),
                Ok(Message::Close(frame)) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error))
                    if error.kind() == std::io::ErrorKind::WouldBlock =>
                {
                    panic!("nothing came")
                }
                Err(_) => return Err(0),
            }
        }
    }

    fn events(&mut self, count: usize) -> Vec<StreamEvent> {
        (0..count).map(|_| self.next().unwrap()).collect()
    }

    /// Subscribes, and expects that it is in force.
    fn follow(&mut self, logs: Vec<SignedCursor>, inbox: Option<SignedInboxCursor>) {
        self.subscribe(logs, inbox);
        assert_eq!(self.next(), Ok(StreamEvent::Subscribed));
    }
}

fn news(log: LogId, end: u64) -> StreamEvent {
    StreamEvent::News { subject: Subject::Log(log), end, stopped: false }
}

fn refused(log: LogId, problem: Problem) -> StreamEvent {
    StreamEvent::Refused { subject: Subject::Log(log), problem }
}

#[test]
fn news_of_logs_and_inbox_is_told_at_once_and_as_it_comes() {
    let scene = Scene::new(unpaced());
    let ((one, key), (two, other)) = (scene.log(), scene.log());
    let device = Key::fresh();
    scene.client.ask(&device, request::register_device(device.device())).unwrap();
    scene.append(one, &key, 0);
    let mut stream = scene.open();
    let logs = vec![scene.cursor(one, &key, 0), scene.cursor(two, &other, 0)];
    stream.follow(logs, Some(scene.inbox(&device, 0)));
    assert_eq!(stream.next(), Ok(news(one, 1)), "what is there already");
    scene.append(two, &other, 0);
    assert_eq!(stream.next(), Ok(news(two, 1)));
    let item = PutItem { idempotency_key: idempotency_key(), bytes: Opaque::from(b"item") };
    scene.client.ask(&device, request::put_item(device.device(), &item)).unwrap();
    let inbox = StreamEvent::News { subject: Subject::Inbox, end: 1, stopped: false };
    assert_eq!(stream.next(), Ok(inbox));
    let (_, next) = scene.commit(one, &key, 0, false);
    // The old key reads on through commits that remove nobody.
    assert_eq!(stream.next(), Ok(news(one, 2)));
    scene.append(one, &next, 2);
    assert_eq!(stream.next(), Ok(news(one, 3)));
}

#[test]
fn whoever_was_removed_is_told_of_that_and_of_nothing_behind() {
    let scene = Scene::new(unpaced());
    let (log, key) = scene.log();
    let mut stream = scene.open();
    stream.follow(vec![scene.cursor(log, &key, 0)], None);
    let (head, next) = scene.commit(log, &key, 0, true);
    let last = StreamEvent::News { subject: Subject::Log(log), end: head, stopped: true };
    assert_eq!(stream.next(), Ok(last.clone()));
    scene.append(log, &next, head);
    // What comes next is of the other log: of this one nothing came.
    let (other, its_key) = scene.log();
    stream.follow(vec![scene.cursor(other, &its_key, 0), scene.cursor(log, &key, 0)], None);
    assert_eq!(stream.next(), Ok(last));
    scene.append(log, &next, head);
    scene.append(other, &its_key, 0);
    assert_eq!(stream.next(), Ok(news(other, 1)));
}

#[test]
fn each_cursor_counts_only_as_signed_by_a_key_that_may_read() {
    let scene = Scene::new(unpaced());
    let [(good, key), (forged, its_key), (foreign, _), (ahead, ahead_key)] =
        std::array::from_fn(|_| scene.log());
    let unknown = LogId::new(fresh_bytes());
    let mut forgery = scene.cursor(forged, &its_key, 0);
    forgery.after = Position(1);
    let device = Key::fresh();
    let mut stream = scene.open();
    let logs = vec![
        forgery,
        scene.cursor(foreign, &key, 0),
        scene.cursor(unknown, &key, 0),
        scene.cursor(ahead, &ahead_key, 7),
        scene.cursor(good, &key, 0),
    ];
    stream.subscribe(logs, Some(scene.inbox(&device, 0)));
    let mut events = stream.events(6);
    let nobody = StreamEvent::Refused { subject: Subject::Inbox, problem: Problem::UnknownDevice };
    for expected in [
        StreamEvent::Subscribed,
        refused(forged, Problem::BadSignature),
        refused(foreign, Problem::NotAllowed),
        refused(unknown, Problem::UnknownLog),
        refused(ahead, Problem::BeyondEnd { end: Position(0) }),
        nobody,
    ] {
        let place = events.iter().position(|event| *event == expected);
        events.swap_remove(place.unwrap_or_else(|| panic!("{expected:?} not in {events:?}")));
    }
    scene.append(forged, &its_key, 0);
    scene.append(good, &key, 0);
    assert_eq!(stream.next(), Ok(news(good, 1)));
}

#[test]
fn a_message_that_makes_no_sense_ends_the_stream() {
    let scene = Scene::new(unpaced());
    let (log, key) = scene.log();
    let cursor = || scene.cursor(log, &key, 0);
    let subscribe = |time_seconds, logs| Subscribe { time_seconds, logs, inbox: None }.to_bytes();
    let late = now() - limits::CLOCK_SKEW_SECONDS_MAX - 60;
    let whole = subscribe(now(), vec![cursor()]);
    for (bytes, code) in [
        (whole[..whole.len() - 1].to_vec(), "malformed"),
        (subscribe(now(), vec![cursor(), cursor()]), "malformed"),
        (subscribe(late, vec![cursor()]), "stale-request"),
        (Vec::new(), "malformed"),
    ] {
        let mut stream = scene.open();
        stream.send(bytes);
        match stream.next() {
            Ok(StreamEvent::Rejected(problem)) => assert_eq!(problem.entry().code, code),
            other => panic!("{other:?}"),
        }
        assert_eq!(stream.next(), Err(1008), "closed for breaking the rules");
    }
    let mut stream = scene.open();
    stream.0.send(Message::text("hello")).unwrap();
    assert_eq!(stream.next(), Err(1003));
    let mut stream = scene.open();
    // It may be cut off before all of it is written.
    let _ = stream.0.send(Message::Binary(vec![0; limits::STREAM_BYTES_MAX + 1].into()));
    assert!(stream.next().is_err());
}

#[test]
fn subscribing_again_replaces_what_was_subscribed() {
    let scene = Scene::new(Options { subscriptions_max: 2, ..unpaced() });
    let ((one, key), (two, other)) = (scene.log(), scene.log());
    let mut stream = scene.open();
    for _ in 0..3 {
        stream.follow(vec![scene.cursor(one, &key, 0), scene.cursor(two, &other, 0)], None);
    }
    stream.follow(vec![scene.cursor(two, &other, 0)], None);
    scene.append(one, &key, 0);
    scene.append(two, &other, 0);
    assert_eq!(stream.next(), Ok(news(two, 1)));
}

#[test]
fn streams_and_subscriptions_are_limited_and_come_free_again() {
    let scene = Scene::new(Options { streams_max: 2, subscriptions_max: 1, ..unpaced() });
    let ((log, key), (other, its_key)) = (scene.log(), scene.log());
    let mut first = scene.open();
    first.follow(vec![scene.cursor(log, &key, 0)], None);
    let mut second = scene.open();
    assert_eq!(scene.try_open().err(), Some(503));
    second.subscribe(vec![scene.cursor(other, &its_key, 0)], None);
    assert_eq!(second.next(), Ok(StreamEvent::Rejected(Problem::Unavailable)));
    assert_eq!(second.next(), Err(1008));
    drop((first, second));
    // The places are free as soon as the service has noticed, however long that takes.
    let mut stream = loop {
        if let Ok(stream) = scene.try_open() {
            break stream;
        }
        std::thread::sleep(SOON);
    };
    stream.follow(vec![scene.cursor(other, &its_key, 0)], None);
}

#[test]
fn whoever_never_subscribes_is_dropped() {
    let scene = Scene::new(Options { body_time_max: SOON, ..unpaced() });
    // It answers pings all the while.
    assert_eq!(scene.open().next(), Err(0));
}

#[test]
fn whoever_does_not_answer_pings_is_dropped() {
    let operator = Some("127.0.0.1:0".parse().unwrap());
    let scene = Scene::new(Options { stream_silence_max: SOON, operator, ..unpaced() });
    let (log, key) = scene.log();
    let mut deaf = scene.open();
    deaf.follow(vec![scene.cursor(log, &key, 0)], None);
    while metric(&scene.server, "streams_dropped_total") < 1 {
        std::thread::sleep(SOON);
    }
    // The counts of what was open follow at once, but not in one step.
    while metric(&scene.server, "streams") + metric(&scene.server, "stream_subscriptions") > 0 {
        std::thread::sleep(SOON);
    }
    // Whoever answers stays: on a slow machine not always, but not never.
    let stays = |_| {
        let (log, key) = scene.log();
        let mut stream = scene.open();
        stream.follow(vec![scene.cursor(log, &key, 0)], None);
        std::thread::scope(|scope| {
            let listener = scope.spawn(move || stream.next());
            std::thread::sleep(3 * SOON);
            scene.append(log, &key, 0);
            listener.join().unwrap() == Ok(news(log, 1))
        })
    };
    assert!((0..20).any(stays));
}

#[test]
fn shutting_down_says_so_on_every_stream() {
    let scene = Scene::new(unpaced());
    let (log, key) = scene.log();
    let mut streams: Vec<_> = (0..3).map(|_| scene.open()).collect();
    for stream in &mut streams[..2] {
        stream.follow(vec![scene.cursor(log, &key, 0)], None);
    }
    std::thread::scope(|scope| {
        let ends: Vec<_> =
            streams.iter_mut().map(|stream| scope.spawn(move || stream.next())).collect();
        scene.server.shutdown().unwrap();
        for end in ends {
            assert_eq!(end.join().unwrap(), Err(1001), "going away");
        }
    });
}

#[test]
fn a_connection_has_only_so_many_cursors_checked() {
    let cursors = Some(Pace { burst: 4, per_minute: 1 });
    let scene = Scene::new(Options { cursors, ..unpaced() });
    let (log, key) = scene.log();
    let mut stream = scene.open();
    // A message with one cursor might hold two, by its length.
    for _ in 0..2 {
        stream.follow(vec![scene.cursor(log, &key, 0)], None);
    }
    stream.subscribe(vec![scene.cursor(log, &key, 0)], None);
    match stream.next() {
        Ok(StreamEvent::Rejected(Problem::TooManyRequests { .. })) => {}
        other => panic!("{other:?}"),
    }
    // Another connection has its own pace, and a sync is counted in the same way.
    let sync = |count: usize| {
        let cursors = (0..count).map(|_| scene.cursor(log, &key, 0)).collect();
        scene.client.ask(&key, request::sync(&Sync { time_seconds: now(), cursors }))
    };
    assert!(sync(3).is_ok());
    assert!(matches!(refusal(sync(5)), Problem::TooManyRequests { .. }));
}
