//! The service on a socket.

use crate::world::{
    Directory, Key, bundle, fresh_bytes, idempotency_key, message, refusal, window,
};
use codec::{Decode, Encode, Opaque};
use delivery_api::inbox::PutItem;
use delivery_api::request::{self, Failure, Window};
use delivery_api::{LogId, Position, Problem, PublicKey, Request, Route, limits};
use delivery_service::{Options, Server};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

/// The plainest HTTP client: one connection per request.
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) service: PublicKey,
}

impl Client {
    pub(crate) fn of(server: &Server) -> Self {
        Self { address: server.local_addr(), service: server.public_key() }
    }

    /// Sends raw parts and returns status and body.
    pub(crate) fn exchange(
        &self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        body: &[u8],
    ) -> std::io::Result<(u16, Vec<u8>)> {
        exchange_over(&mut TcpStream::connect(self.address)?, (method, path), authorization, body)
    }

    /// Asks, signed by `key`; the outer error is the network's.
    pub(crate) fn try_ask<A: Decode>(
        &self,
        key: &Key,
        request: Request<A>,
    ) -> std::io::Result<Result<A, Failure>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let request = key.signed(self.service, now, request);
        let authorization = request.authorization();
        let (method, path) = (request.method().as_str(), request.path());
        let (status, body) =
            self.exchange(method, &path, authorization.as_deref(), request.body())?;
        Ok(request.answer(status, &body))
    }

    pub(crate) fn ask<A: Decode>(&self, key: &Key, request: Request<A>) -> Result<A, Failure> {
        self.try_ask(key, request).unwrap()
    }
}

/// Sends raw parts over a stream that ends with the answer, and returns status and body.
pub(crate) fn exchange_over(
    stream: &mut (impl Read + Write),
    (method, path): (&str, &str),
    authorization: Option<&str>,
    body: &[u8],
) -> std::io::Result<(u16, Vec<u8>)> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    if let Some(authorization) = authorization {
        head += &format!("Authorization: {authorization}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    let cut = || std::io::Error::other("the response was cut off");
    let end = response.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
    let head = std::str::from_utf8(&response[..end]).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let body = response.split_off(end + 4);
    if body.len() == length { Ok((status, body)) } else { Err(cut()) }
}

fn bind(directory: &Directory) -> Server {
    Server::bind("127.0.0.1:0", directory.path()).unwrap()
}

/// What a server that tells an operator counts under a name.
pub(crate) fn metric(server: &Server, name: &str) -> u64 {
    let mut operator = TcpStream::connect(server.operator_addr().unwrap()).unwrap();
    let (_, body) = exchange_over(&mut operator, ("GET", "/metrics"), None, b"").unwrap();
    let text = String::from_utf8(body).unwrap();
    let start = format!("conclave_{name} ");
    text.lines().find_map(|line| line.strip_prefix(&start)).unwrap().parse().unwrap()
}

/// Returns as soon as so many requests wait for news.
pub(crate) fn until_waiting(server: &Server, count: u64) {
    while metric(server, "requests_waiting") < count {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// A server that tells an operator.
fn observed(directory: &Directory) -> Server {
    let operator = Some("127.0.0.1:0".parse().unwrap());
    let options = Options { operator, ..Options::default() };
    Server::bind_with("127.0.0.1:0", directory.path(), options).unwrap()
}

#[test]
fn a_conversation_over_the_socket_survives_a_restart() {
    let directory = Directory::new();
    let server = bind(&directory);
    let client = Client::of(&server);
    let device = Key::fresh();
    let info = client.ask(&device, request::service_info()).unwrap();
    assert_eq!(info.key, server.public_key());
    client.ask(&device, request::health()).unwrap();
    client.ask(&device, request::register_device(device.device())).unwrap();
    let (log, first, next) = (LogId::new(fresh_bytes()), Key::fresh(), Key::fresh());
    let mut commit = bundle(0, &next);
    commit.welcomes = vec![crate::world::welcome(&device, "welcome")];
    let receipt = client.ask(&first, request::commit(log, &commit, None)).unwrap();
    client.ask(&next, request::append(log, &message(1, "text"))).unwrap();
    let before = client.ask(&first, request::read_log(log, window(0))).unwrap();
    assert_eq!(before.entries.len(), 2);
    server.shutdown().unwrap();

    let server = bind(&directory);
    assert_eq!(server.public_key(), info.key);
    let client = Client::of(&server);
    assert_eq!(client.ask(&first, request::commit(log, &commit, None)), Ok(receipt));
    assert_eq!(client.ask(&first, request::read_log(log, window(0))), Ok(before));
    let inbox = client.ask(&device, request::read_inbox(device.device(), window(0))).unwrap();
    assert_eq!(inbox.items.len(), 1);
}

#[test]
fn a_waiting_reader_gets_what_comes() {
    let directory = Directory::new();
    let server = observed(&directory);
    let client = Client::of(&server);
    let (log, key, device) = (LogId::new(fresh_bytes()), Key::fresh(), Key::fresh());
    let create = delivery_api::log::CreateLog { join_key: None, anchors: Vec::new() };
    client.ask(&key, request::create_log(log, &create)).unwrap();
    client.ask(&device, request::register_device(device.device())).unwrap();
    let waiting =
        Window { after: Position::START, limit: 10, wait_seconds: limits::WAIT_SECONDS_MAX };
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| client.ask(&key, request::read_log(log, waiting)).unwrap());
        let inbox =
            scope.spawn(|| client.ask(&device, request::read_inbox(device.device(), waiting)));
        until_waiting(&server, 2);
        client.ask(&key, request::append(log, &message(0, "news"))).unwrap();
        let item = PutItem { idempotency_key: idempotency_key(), bytes: Opaque::from(b"item") };
        client.ask(&device, request::put_item(device.device(), &item)).unwrap();
        assert_eq!(&*reader.join().unwrap().entries[0].bytes, b"news");
        assert_eq!(inbox.join().unwrap().unwrap().items.len(), 1);
    });
}

#[test]
fn shutting_down_answers_waiting_readers() {
    let directory = Directory::new();
    let server = observed(&directory);
    let client = Client::of(&server);
    let (log, key) = (LogId::new(fresh_bytes()), Key::fresh());
    let create = delivery_api::log::CreateLog { join_key: None, anchors: Vec::new() };
    client.ask(&key, request::create_log(log, &create)).unwrap();
    let waiting =
        Window { after: Position::START, limit: 10, wait_seconds: limits::WAIT_SECONDS_MAX };
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| client.ask(&key, request::read_log(log, waiting)));
        until_waiting(&server, 1);
        server.shutdown().unwrap();
        let page = reader.join().unwrap().expect("answered, not cut off");
        assert!(page.entries.is_empty());
    });
}

#[test]
fn refusals_have_their_status_and_a_problem_body() {
    let directory = Directory::new();
    let server = bind(&directory);
    let client = Client::of(&server);
    let log = LogId::new(fresh_bytes());
    let entries = format!("/v1/logs/{log}/entries");
    let max = Route::Append(log).body_bytes_max();
    let too_large = vec![0; max + 1];
    for (method, path, body, problem) in [
        ("GET", "/", &b""[..], Problem::UnknownRoute),
        ("DELETE", "/v1/health", b"", Problem::UnknownRoute),
        ("GET", "/v1/health?x=1", b"", Problem::UnknownRoute),
        ("GET", "/v1/stream", b"", Problem::UpgradeRequired),
        ("GET", "/v1/names/Alice", b"", Problem::UnknownRoute),
        ("GET", "/v1/names/alice", b"", Problem::UnknownName),
        ("POST", &entries, b"", Problem::Malformed),
        ("POST", &entries, &too_large, Problem::TooLarge),
        ("GET", &format!("{entries}?after=0&limit=1&wait=0"), b"", Problem::SignatureRequired),
    ] {
        let (status, answer) = client.exchange(method, path, None, body).unwrap();
        assert_eq!(Problem::from_bytes(&answer), Ok(problem.clone()), "{method} {path}");
        assert_eq!(status, problem.entry().status, "{method} {path}");
    }
    let key = Key::fresh();
    let missing = client.ask(&key, request::read_log(log, window(0)));
    assert_eq!(refusal(missing), Problem::UnknownLog);
    let header = Some("Bearer token");
    let path = format!("{entries}?after=0&limit=1&wait=0");
    let (status, answer) = client.exchange("GET", &path, header, b"").unwrap();
    assert_eq!((status, answer), (401, Problem::BadSignature.to_bytes()));
}

#[test]
fn a_directory_serves_one_service_at_a_time() {
    let directory = Directory::new();
    let server = bind(&directory);
    assert!(Server::bind("127.0.0.1:0", directory.path()).is_err());
    drop(server);
    bind(&directory).shutdown().unwrap();
}
