//! What the operator sees, and that nobody can be recognised in it.

use crate::http::Client;
use crate::privacy::use_everything;
use crate::world::{Directory, unpaced};
use codec::Decode;
use delivery_api::{Problem, PublicKey};
use delivery_service::{LogSink, Options, Server};
use std::sync::{Arc, Mutex};

/// A server that the operator can ask, the operator's client, and the lines of its log.
fn observed(directory: &Directory) -> (Server, Client, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&lines);
    let sink = LogSink::new(move |line| taken.lock().unwrap().push(line.to_owned()));
    let operator = Some("127.0.0.1:0".parse().unwrap());
    let options = Options { operator, log: Some(sink), ..unpaced() };
    let server = Server::bind_with("127.0.0.1:0", directory.path(), options).unwrap();
    let address = server.operator_addr().unwrap();
    (server, Client { address, service: PublicKey::new([0; 32]) }, lines)
}

fn get(client: &Client, path: &str) -> (u16, String) {
    let (status, body) = client.exchange("GET", path, None, b"").unwrap();
    (status, String::from_utf8(body).unwrap())
}

#[test]
fn metrics_count_what_was_asked() {
    let directory = Directory::new();
    let (server, operator, _) = observed(&directory);
    let public = Client::of(&server);
    use_everything(&public);
    public.exchange("GET", "/nothing/here", None, b"").unwrap();
    let (status, text) = get(&operator, "/metrics");
    assert_eq!(status, 200);
    for (route, status, count) in [
        ("commit", 200, 2),
        ("append", 200, 2),
        ("register-device", 200, 2),
        ("put-item", 200, 1),
        ("claim-key-package", 200, 2),
        ("unknown", 404, 1),
    ] {
        let labels = format!("route=\"{route}\",status=\"{status}\"");
        let line = format!("conclave_request_seconds_count{{{labels}}} {count}");
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(text.contains("\nconclave_connections_refused_total 0\n"));
    server.shutdown().unwrap();
}

#[test]
fn health_tells_the_operator_and_metrics_are_not_for_everybody() {
    let directory = Directory::new();
    let (server, operator, _) = observed(&directory);
    assert_eq!(get(&operator, "/health/live"), (200, "live\n".to_owned()));
    assert_eq!(get(&operator, "/health/ready"), (200, "ready\n".to_owned()));
    assert_eq!(get(&operator, "/v1/health").0, 404);
    let public = Client::of(&server);
    for path in ["/metrics", "/health/live", "/health/ready"] {
        let (status, body) = public.exchange("GET", path, None, b"").unwrap();
        assert_eq!((status, Problem::from_bytes(&body)), (404, Ok(Problem::UnknownRoute)));
    }
    let plain = Directory::new();
    let server = Server::bind("127.0.0.1:0", plain.path()).unwrap();
    assert_eq!(server.operator_addr(), None);
}

#[test]
fn neither_log_nor_metrics_hold_an_identifier() {
    let directory = Directory::new();
    let (server, operator, lines) = observed(&directory);
    let public = Client::of(&server);
    let (logs, devices) = use_everything(&public);
    public.exchange("GET", "/v1/names/alice", None, b"").unwrap();
    let mut text = get(&operator, "/metrics").1;
    server.shutdown().unwrap();
    let lines = lines.lock().unwrap();
    let events = |event: &str| {
        let marked = format!("\"event\":\"{event}\"");
        lines.iter().filter(|line| line.contains(&marked)).count()
    };
    assert_eq!((events("started"), events("stopped")), (1, 1));
    assert_eq!(events("request"), 14, "{lines:?}");
    text += &lines.concat();
    let mut secrets: Vec<_> = logs.iter().map(ToString::to_string).collect();
    secrets.extend(devices.iter().map(|device| device.public().to_string()));
    secrets.extend(["alice", "127.0.0.1", "sealed"].map(str::to_owned));
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret}");
    }
    // Nor any part of one: no word of it is long or has the look of hexadecimal digits.
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let long = words.filter(|word| word.len() >= 16 && word.chars().all(|c| c.is_ascii_hexdigit()));
    assert_eq!(long.collect::<Vec<_>>(), [""; 0]);
}
