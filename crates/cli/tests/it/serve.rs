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

#[test]
fn a_self_made_certificate_is_pinned_by_address_fingerprint_or_file() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("service");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--tls-self-made", "--json", "--data"];
    let mut command = conclave(&arguments);
    command.arg(&data);
    let mut process = Running::start(command);
    let line: serde_json::Value = serde_json::from_str(&process.line()).unwrap();
    let text = |field: &str| line[field].as_str().unwrap().to_owned();
    let (url, address, hash) = (text("url"), text("address"), text("certificate_sha256"));
    assert_eq!(address, format!("{url}#sha256:{hash}"));
    let create = |name: &str, server: &str, more: &[&str]| {
        let mut command = conclave(&["account", "create", name, "--server", server]);
        command.args(more).env("CONCLAVE_HOME", folder.path().join(name));
        // What the system trusts is not asked.
        command.output().unwrap()
    };
    let file = data.join("tls-certificate.pem").to_str().unwrap().to_owned();
    assert!(create("alice", &address, &[]).status.success());
    assert!(create("bob", &url, &["--fingerprint", &hash]).status.success());
    let carol = create("carol", &url, &["--ca", &file]);
    assert!(carol.status.success(), "{}", String::from_utf8_lossy(&carol.stderr));
    // Nobody certifies it otherwise, and another fingerprint is another service.
    assert_eq!(create("dave", &url, &[]).status.code(), Some(4));
    let wrong = hash.replace(['0', '1', '2'], "3");
    assert_eq!(create("dave", &url, &["--fingerprint", &wrong]).status.code(), Some(4));
    let plain = url.replace("https", "http");
    assert_eq!(create("dave", &plain, &[]).status.code(), Some(4));
    assert_eq!(create("dave", &plain, &["--fingerprint", &hash]).status.code(), Some(3));
    // The account goes on by what it was made with.
    for name in ["alice", "bob", "carol"] {
        let mut command = conclave(&["receive"]);
        let output = command.env("CONCLAVE_HOME", folder.path().join(name)).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn listening_for_others_without_tls_is_warned_about() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut command = conclave(&["serve", "--listen", "0.0.0.0:0", "--data"]);
    command.arg(folder.path().join("service"));
    command.stderr(Stdio::from(std::fs::File::create(&log).unwrap()));
    let mut process = Running::start(command);
    assert!(process.line().starts_with("listening at http://0.0.0.0:"));
    assert!(std::fs::read_to_string(log).unwrap().contains("NO TLS"));
}

#[test]
fn who_brings_no_token_is_not_admitted() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "a token that nobody guesses\n").unwrap();
    let mut command = conclave(&["serve", "--listen", "127.0.0.1:0", "--json", "--data"]);
    command.arg(folder.path().join("service")).args(["--admission", "token"]).arg(&tokens);
    let mut process = Running::start(command);
    let line: serde_json::Value = serde_json::from_str(&process.line()).unwrap();
    let create = |more: &[&str]| {
        let url = line["url"].as_str().unwrap();
        let mut command = conclave(&["account", "create", "alice", "--server", url]);
        command.args(more).env("CONCLAVE_HOME", folder.path().join("alice"));
        command.output().unwrap()
    };
    for token in [&[][..], &["--token", "a token that somebody guesses"]] {
        let refused = create(token);
        assert_eq!(refused.status.code(), Some(3));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("admission-required"));
    }
    assert!(create(&["--token", "a token that nobody guesses"]).status.success());
    let wrong = conclave(&["serve", "--data", "x", "--admission", "token"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
