//! What the service does not know: `docs/server-data.md` lists what it keeps, and this looks.

use crate::http::Client;
use crate::world::{Directory, Key, bundle, fresh_bytes, idempotency_key, message, welcome};
use codec::Opaque;
use delivery_api::directory::NameRecord;
use delivery_api::inbox::PutItem;
use delivery_api::key_package::{ClaimKeyPackage, UploadKeyPackages};
use delivery_api::{LogId, Name, request};
use delivery_service::Server;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

fn open(directory: &Path) -> Connection {
    let path = directory.join("delivery.sqlite3");
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// Tables and their columns.
fn columns(connection: &Connection) -> Vec<(String, String)> {
    let mut statement = connection
        .prepare(
            "SELECT tables.name, columns.name FROM pragma_table_list AS tables
             JOIN pragma_table_info(tables.name) AS columns
             WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'",
        )
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Every row of every table, as the bytes of its cells.
fn rows(connection: &Connection) -> Vec<(String, Vec<Vec<u8>>)> {
    let mut tables: Vec<_> = columns(connection).into_iter().map(|(table, _)| table).collect();
    tables.dedup();
    let mut all = Vec::new();
    for table in tables {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let count = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cell = |index| match row.get(index).unwrap() {
                Value::Blob(bytes) => bytes,
                Value::Text(text) => text.into_bytes(),
                Value::Integer(number) => number.to_be_bytes().to_vec(),
                Value::Null | Value::Real(_) => Vec::new(),
            };
            all.push((table.clone(), (0..count).map(cell).collect()));
        }
    }
    all
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Two people, two groups, everything that a client can leave behind. Returns logs and devices.
pub(crate) fn use_everything(client: &Client) -> (Vec<LogId>, Vec<Key>) {
    let ask = |outcome: std::io::Result<_>| outcome.unwrap();
    let devices = vec![Key::fresh(), Key::fresh()];
    for (device, name) in devices.iter().zip(["alice", "bob"]) {
        ask(client.try_ask(device, request::register_device(device.device()))).unwrap();
        let record = NameRecord { devices: vec![device.device()] };
        let name = Name::new(name).unwrap();
        ask(client.try_ask(device, request::put_name(name, &record))).unwrap();
        let upload = UploadKeyPackages {
            suite: 1,
            not_after_seconds: u64::MAX,
            replace: false,
            key_packages: vec![Opaque::from(&fresh_bytes()), Opaque::from(&fresh_bytes())],
            last_resort: Some(Opaque::from(&fresh_bytes())),
        };
        let uploading = request::upload_key_packages(device.device(), &upload);
        client.try_ask(device, uploading).unwrap().unwrap();
        let claim = request::claim_key_package(devices[0].device(), &ClaimKeyPackage { suite: 1 });
        client.try_ask(device, claim).unwrap().unwrap();
    }
    let logs = vec![LogId::new(fresh_bytes()), LogId::new(fresh_bytes())];
    for log in &logs {
        let (first, next) = (Key::fresh(), Key::fresh());
        let mut commit = bundle(0, &next);
        commit.welcomes = devices.iter().map(|device| welcome(device, "sealed welcome")).collect();
        commit.group_info = Opaque::from(b"sealed group info");
        client.try_ask(&first, request::commit(*log, &commit, None)).unwrap().unwrap();
        let sealed = message(1, "sealed message");
        client.try_ask(&next, request::append(*log, &sealed)).unwrap().unwrap();
    }
    let item = PutItem { idempotency_key: idempotency_key(), bytes: Opaque::from(b"sealed item") };
    let putting = request::put_item(devices[0].device(), &item);
    client.try_ask(&devices[1], putting).unwrap().unwrap();
    (logs, devices)
}

#[test]
fn the_database_ties_no_device_to_a_group_or_an_address() {
    let directory = Directory::new();
    let server = Server::bind("127.0.0.1:0", directory.path()).unwrap();
    let (logs, devices) = use_everything(&Client::of(&server));
    server.shutdown().unwrap();

    let rows = rows(&open(directory.path()));
    let (mut with_log, mut with_device) = (0, 0);
    for (table, cells) in rows {
        let holds = |needle: &[u8]| cells.iter().any(|cell| contains(cell, needle));
        let log = logs.iter().any(|log| holds(log.as_bytes()));
        let device = devices.iter().any(|device| holds(device.device().as_bytes()));
        assert!(!(log && device), "a row of {table} holds both a group and a device");
        // Who sent or claimed something is not kept: of two devices, a row knows its owner.
        let both = devices.iter().all(|device| holds(device.device().as_bytes()));
        assert!(!both, "a row of {table} ties two devices together");
        with_log += u32::from(log);
        with_device += u32::from(device);
    }
    // Or else the search above looked for the wrong bytes.
    assert!(with_log > 4 && with_device > 4);
    // Addresses as text or as bytes, in any file.
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!contains(&bytes, b"127.0.0.1") && !contains(&bytes, &[127, 0, 0, 1]));
    }
}

#[test]
fn acknowledged_and_claimed_contents_are_overwritten() {
    let directory = Directory::new();
    let server = Server::bind("127.0.0.1:0", directory.path()).unwrap();
    let (_, devices) = use_everything(&Client::of(&server));
    let client = Client::of(&server);
    for device in &devices {
        let numbers = (1..=3).collect();
        let acknowledge = delivery_api::inbox::Acknowledge { numbers };
        let request = request::acknowledge(device.device(), &acknowledge);
        client.try_ask(device, request).unwrap().unwrap();
    }
    // Closing the last connection moves the log into the database and deletes it.
    server.shutdown().unwrap();
    let bytes = std::fs::read(directory.path().join("delivery.sqlite3")).unwrap();
    assert!(!directory.path().join("delivery.sqlite3-wal").exists());
    assert!(contains(&bytes, b"sealed message"));
    assert!(!contains(&bytes, b"sealed welcome") && !contains(&bytes, b"sealed item"));
}

#[test]
fn the_documentation_lists_every_table_and_column() {
    let directory = Directory::new();
    Server::bind("127.0.0.1:0", directory.path()).unwrap().shutdown().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/server-data.md");
    let text = std::fs::read_to_string(path).unwrap();
    let columns = columns(&open(directory.path()));
    assert!(columns.len() > 40);
    for (table, column) in &columns {
        let listed = format!("| `{table}.{column}` |");
        assert!(text.contains(&listed), "docs/server-data.md does not list {table}.{column}");
    }
    let listed = text.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(listed, columns.len(), "docs/server-data.md lists columns that do not exist");
}
