//! `conclave serve` with what an operator may ask for.

use crate::program::{Running, conclave};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

/// What is at a path, asked for over a connection of its own.
fn get(url: &serde_json::Value, path: &str) -> String {
    let address = url.as_str().unwrap().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn an_operator_sees_metrics_health_and_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let log = folder.path().join("log");
    let any = "127.0.0.1:0";
    let arguments = ["serve", "--data", data, "--listen", any, "--operator", any, "--log"];
    let mut command = conclave(&arguments);
    command.args(["--json", "--entry-days", "30", "--blob-days", "30"]);
    command.stderr(Stdio::from(std::fs::File::create(&log).unwrap()));
    let mut process = Running::start(command);
    let line: serde_json::Value = serde_json::from_str(&process.line()).unwrap();
    assert!(get(&line["operator"], "/health/ready").starts_with("HTTP/1.1 200 "));
    assert!(get(&line["url"], "/v1/health").starts_with("HTTP/1.1 200 "));
    let metrics = get(&line["operator"], "/metrics");
    let counted = "conclave_request_seconds_count{route=\"health\",status=\"200\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
    // A line is written before the answer that it is about.
    let text = std::fs::read_to_string(log).unwrap();
    let mut events = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let mut event = || -> serde_json::Value { events.next().unwrap() };
    assert_eq!(event()["event"], "started");
    assert_eq!(event()["route"], "health");
}
