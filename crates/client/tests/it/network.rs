//! Accounts and a service that share a real network: TLS, the stream of hints, and going on
//! without it.

use client::{Account, Error, EventKind, Home};
use delivery_service::{Options, Server, Tls};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

/// As long as a poll may last; hints come sooner.
const SECONDS: u32 = 25;

fn serve(folder: &Path, options: Options) -> Server {
    let operator = Some("127.0.0.1:0".parse().unwrap());
    let options = Options { operator, ..options };
    Server::bind_with("127.0.0.1:0", &folder.join("service"), options).unwrap()
}

fn over_tls() -> Options {
    let names = vec!["127.0.0.1".to_owned()];
    Options { tls: Some(Tls::SelfMade { names }), ..Options::default() }
}

/// The address with the fingerprint of the certificate, if there is one.
fn address(server: &Server) -> String {
    let place = server.local_addr();
    let Some(fingerprint) = server.certificate_fingerprint() else {
        return format!("http://{place}");
    };
    let digits: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("https://{place}#sha256:{digits}")
}

/// How many requests of a route were answered so.
fn count(server: &Server, route: &str, status: u16) -> u64 {
    let mut stream = TcpStream::connect(server.operator_addr().unwrap()).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let start = format!("conclave_request_seconds_count{{route=\"{route}\",status=\"{status}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)).map_or(0, |n| n.parse().unwrap())
}

/// Follows until so many messages have come, and returns their texts.
fn follow(account: &mut Account, messages: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < messages {
        for event in account.follow(SECONDS).unwrap() {
            if let EventKind::Message { text, .. } = event.kind {
                texts.push(text);
            }
        }
    }
    texts
}

/// Bob follows while Alice makes a group with him, talks, changes keys, and removes somebody else.
fn converse(folder: &Path, server: &str) {
    let create =
        |name: &str| Account::create(&Home::unprotected(folder.join(name)), name, server).unwrap();
    let (mut alice, mut bob, _carol) = (create("alice"), create("bob"), create("carol"));
    std::thread::scope(|scope| {
        let following = scope.spawn(move || follow(&mut bob, 4));
        let group = alice.create_group("garden").unwrap();
        alice.add(&group, &["bob", "carol"]).unwrap();
        alice.send(&group, "one").unwrap();
        alice.update_keys(&group).unwrap();
        alice.send(&group, "two").unwrap();
        alice.remove(&group, &["carol"]).unwrap();
        // His key of before reads no further than the removal.
        alice.send(&group, "three").unwrap();
        alice.send(&group, "four").unwrap();
        assert_eq!(following.join().unwrap(), ["one", "two", "three", "four"]);
    });
}

#[test]
fn whoever_follows_hears_of_everything_over_one_stream() {
    for options in [Options::default(), over_tls()] {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(folder.path(), options);
        converse(folder.path(), &address(&server));
        assert_eq!(count(&server, "stream", 101), 1);
        assert_eq!(count(&server, "wait-inbox", 200) + count(&server, "wait-log", 200), 0);
        server.shutdown().unwrap();
    }
}

#[test]
fn without_a_stream_polls_do_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), Options { streams_max: 0, ..Options::default() });
    converse(folder.path(), &address(&server));
    assert_eq!((count(&server, "stream", 101), count(&server, "stream", 503)), (0, 1));
    assert!(count(&server, "wait-inbox", 200) > 0);
}

#[test]
fn a_service_that_comes_back_is_followed_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), Options::default());
    let place = server.local_addr();
    let address = address(&server);
    let create = |name: &str| {
        Account::create(&Home::unprotected(folder.path().join(name)), name, &address).unwrap()
    };
    let (mut alice, mut bob) = (create("alice"), create("bob"));
    let group = alice.create_group("garden").unwrap();
    alice.add(&group, &["bob"]).unwrap();
    alice.send(&group, "one").unwrap();
    assert_eq!(follow(&mut bob, 1), ["one"]);
    server.shutdown().unwrap();
    assert!(matches!(bob.follow(SECONDS), Err(Error::Offline(_))));
    let again = Server::bind(place, &folder.path().join("service")).unwrap();
    alice.send(&group, "two").unwrap();
    assert_eq!(follow(&mut bob, 1), ["two"]);
    again.shutdown().unwrap();
}

#[test]
fn another_certificate_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), over_tls());
    let right = address(&server);
    let (place, digits) = right.rsplit_once(':').unwrap();
    // One bit of the fingerprint is enough.
    let first = if digits.starts_with('0') { '1' } else { '0' };
    let wrong = format!("{place}:{first}{}", &digits[1..]);
    let refused = Account::create(&Home::unprotected(folder.path().join("alice")), "alice", &wrong);
    assert!(matches!(refused, Err(Error::Offline(_))));
    assert!(
        Account::create(&Home::unprotected(folder.path().join("alice")), "alice", &right).is_ok()
    );
}

#[test]
fn a_waker_ends_the_wait_on_a_stream() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), Options::default());
    let mut alice = Account::create(
        &Home::unprotected(folder.path().join("alice")),
        "alice",
        &address(&server),
    )
    .unwrap();
    let waker = alice.waker();
    std::thread::scope(|scope| {
        // The service allows polls no more than half a minute; the stream has no such limit.
        let following = scope.spawn(move || alice.follow(3600).unwrap());
        waker.wake();
        assert!(following.join().unwrap().is_empty());
    });
}
