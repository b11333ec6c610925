//! `conclave doctor` says what is well and what is not, and ends accordingly.

use crate::program::{Service, lines};
use serde_json::Value;

#[test]
fn a_healthy_account_is_well_and_damage_is_said_with_advice() {
    let mut service = Service::start();
    let made = service.run("alice", &["account", "create", "alice", "--server", &service.url]);
    assert!(made.status.success());
    assert!(service.run("alice", &["group", "create", "garden"]).status.success());
    let well = service.run("alice", &["doctor"]);
    let told = lines(&well);
    assert!(well.status.success(), "{told:#?}");
    assert!(told.iter().all(|line| line.starts_with("ok    ")), "{told:#?}");
    assert!(told.iter().any(|line| line == "ok    group garden: epoch 0"), "{told:#?}");

    // Something waits, and the service is away: each is said, and the second is bad.
    service.stop();
    assert_eq!(service.run("alice", &["send", "garden", "hello"]).status.code(), Some(4));
    let ill = service.run("alice", &["doctor", "--json"]);
    assert_eq!(ill.status.code(), Some(1));
    let told: Vec<Value> =
        lines(&ill).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let check = |name: &str| told.iter().find(|value| value["check"] == name).unwrap();
    assert_eq!(check("intents")["verdict"], "warn");
    assert_eq!(check("intents")["advice"], "`conclave receive` sends them");
    assert_eq!(check("service")["verdict"], "bad");
    assert_eq!(check("database")["verdict"], "ok");

    // A file with a damaged page.
    let path = service.home("alice").join("client.sqlite3");
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.len();
    assert!(end > 8 * 4096);
    bytes[end - 3 * 4096..].fill(0x55);
    std::fs::write(&path, bytes).unwrap();
    let ill = service.run("alice", &["doctor"]);
    assert!(matches!(ill.status.code(), Some(1 | 6)), "{ill:?}");
    // Without an account there is nothing to look at.
    assert_eq!(service.run("nobody", &["doctor"]).status.code(), Some(6));
}
