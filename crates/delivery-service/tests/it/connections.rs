//! What a connection may do to the service: how many, how slow, how much.

use crate::http::Client;
use crate::world::{Directory, fresh_bytes, unpaced};
use codec::Decode;
use delivery_api::{LogId, Problem, Route};
use delivery_service::{Options, Server};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Long enough for any machine; only a hanging test notices.
const PATIENCE: Duration = Duration::from_secs(60);

/// Soon, so that a test for what happens too late need not wait long.
const SOON: Duration = Duration::from_millis(100);

fn server(directory: &Directory, options: Options) -> Server {
    Server::bind_with("127.0.0.1:0", directory.path(), options).unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.local_addr()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Status and body of what comes until the connection is closed.
fn response(stream: &mut TcpStream) -> (u16, Vec<u8>) {
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    let end = response.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(response[..end].to_vec()).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), response.split_off(end + 4))
}

fn problem(stream: &mut TcpStream, status: u16) -> Problem {
    let (found, body) = response(stream);
    assert_eq!(found, status);
    Problem::from_bytes(&body).unwrap()
}

fn append_head(length: usize) -> String {
    let path = Route::Append(LogId::new(fresh_bytes())).path();
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )
}

#[test]
fn one_connection_too_many_is_told_so_and_the_next_gets_its_place() {
    let directory = Directory::new();
    let server = server(&directory, Options { connections_max: 1, ..unpaced() });
    let mut first = connect(&server);
    // Answered, so it is surely counted; kept alive, so it stays.
    first.write_all(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut start = [0; 12];
    first.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    assert_eq!(problem(&mut connect(&server), 503), Problem::Unavailable);
    drop(first);
    let client = Client::of(&server);
    // The place is free as soon as the service has noticed, however long that takes.
    while client.exchange("GET", "/v1/health", None, b"").unwrap().0 != 200 {
        std::thread::sleep(SOON);
    }
}

#[test]
fn whoever_never_sends_a_request_is_cut_off() {
    let directory = Directory::new();
    let server = server(&directory, Options { head_time_max: SOON, ..unpaced() });
    for start in [&b""[..], b"GET /v1/hea", b"GET /v1/health HTTP/1.1\r\nHost: x\r\n"] {
        let mut stream = connect(&server);
        stream.write_all(start).unwrap();
        // Closed, with or without a word.
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
}

#[test]
fn a_body_that_never_comes_is_a_problem() {
    let directory = Directory::new();
    let server = server(&directory, Options { body_time_max: SOON, ..unpaced() });
    let mut stream = connect(&server);
    stream.write_all(append_head(10).as_bytes()).unwrap();
    assert_eq!(problem(&mut stream, 408), Problem::TooSlow);
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    let directory = Directory::new();
    let server = server(&directory, unpaced());
    let mut stream = connect(&server);
    stream.write_all(append_head(1 << 30).as_bytes()).unwrap();
    assert_eq!(problem(&mut stream, 413), Problem::TooLarge);
}

#[test]
fn an_endless_head_is_refused() {
    let directory = Directory::new();
    let server = server(&directory, unpaced());
    let head = |fields: usize, length: usize| {
        let field = format!("X-Filler: {}\r\n", "x".repeat(length));
        format!(
            "GET /v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n",
            field.repeat(fields)
        )
    };
    for (head, status) in [(head(20, 100), 200), (head(1, 20 << 10), 431), (head(100, 1), 431)] {
        let mut stream = connect(&server);
        stream.write_all(head.as_bytes()).unwrap();
        assert_eq!(response(&mut stream).0, status);
    }
}
