//! What a dump of the service's database shows after people have used it: `docs/server-data.md`
//! says what it may, and this looks at every cell and every byte.

use crate::world::{lines, sha256};
use client::transport::{HttpRequest, HttpResponse, HttpTransport, Transport, TransportError};
use client::{Account, Attachment, GroupId, Home};
use codec::{Decode, Encode};
use crypto::{CipherSuite, Crypto, Secret, SignatureKeyPair, Signer};
use delivery_api::key_package::UploadKeyPackages;
use delivery_api::{BlobId, Credential, PublicKey, request};
use delivery_service::Server;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use wire::{Credential as LeafCredential, KeyPackage, LeafNode, MlsMessage, MlsMessageBody};

/// HTTP, with a note of which key packages were uploaded and which logs asked about.
struct Noting {
    http: HttpTransport,
    key_packages: Mutex<Vec<KeyPackage>>,
    logs: Mutex<BTreeSet<String>>,
}

impl Transport for Noting {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        if let Ok(upload) = UploadKeyPackages::from_bytes(&request.body) {
            for bytes in upload.key_packages.iter().chain(&upload.last_resort) {
                let message = MlsMessage::from_bytes(bytes);
                if let Ok(MlsMessage(MlsMessageBody::KeyPackage(key_package))) = message {
                    self.key_packages.lock().unwrap().push(*key_package);
                }
            }
        }
        if let Some(path) = request.path.strip_prefix("/v1/logs/") {
            self.logs.lock().unwrap().insert(path[..64].to_owned());
        }
        self.http.send(request)
    }
}

/// What is looked for, and in which columns it may be.
struct Needle {
    what: String,
    bytes: Vec<u8>,
    allowed: &'static [&'static str],
}

fn needle(what: &str, bytes: &[u8], allowed: &'static [&'static str]) -> Needle {
    assert!(bytes.len() > 3, "{what} is found by chance");
    Needle { what: what.to_owned(), bytes: bytes.to_vec(), allowed }
}

const GROUPS: [&str; 3] = ["orchid committee", "winter surprise", "winter surprise party"];

const TEXTS: [&str; 6] = [
    "the orchids arrive at dawn",
    "nobody may tell grandmother",
    "seeds-of-rebellion.txt",
    "a file about seeds, in plain words",
    "text/x-rebellion",
    "from the telephone",
];

const NAMES: [&str; 4] = ["alice-of-the-dump", "bob-of-the-dump", "carol-of-the-dump", "the-dump"];

/// Public by design: who looks up a name needs them before any group is there.
const DIRECTORY: &[&str] = &["directory_names.name", "key_packages.bytes"];

const KEYS: &[&str] = &["key_packages.bytes"];

const CREDENTIALS: &[&str] = &["key_packages.bytes"];

/// Every place where the service must know whose something is.
const DEVICES: &[&str] = &[
    "answers.scope_id",
    "devices.device_id",
    "directory_names.devices",
    "inbox_items.device_id",
    "key_packages.bytes",
    "key_packages.device_id",
];

/// A service on a real file, people, and what is known of them at the end.
struct Life {
    server: Server,
    transport: Arc<Noting>,
    folder: tempfile::TempDir,
    /// All files of the service, as they were at several moments.
    moments: Vec<Vec<u8>>,
}

impl Life {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::bind("127.0.0.1:0", &folder.path().join("service")).unwrap();
        let http = HttpTransport::new(&format!("http://{}", server.local_addr())).unwrap();
        let (key_packages, logs) = (Mutex::default(), Mutex::default());
        let transport = Arc::new(Noting { http, key_packages, logs });
        Self { server, transport, folder, moments: Vec::new() }
    }

    fn home(&self, name: &str) -> Home {
        Home::unprotected(self.folder.path().join(name))
    }

    fn account(&self, name: &str) -> Account {
        Account::create_with(&self.home(name), name, "by socket", self.transport.clone()).unwrap()
    }

    /// Keeps all bytes of all files, write-ahead log included, as somebody would who copies them.
    fn look(&mut self) {
        let files = std::fs::read_dir(self.folder.path().join("service")).unwrap();
        let bytes = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        self.moments.push(bytes.collect::<Vec<_>>().concat());
    }

    /// A copy of the database to look into, without the rows of some tables.
    fn copy(&self, without: &BTreeSet<&str>) -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        for end in ["", "-wal"] {
            let file = format!("delivery.sqlite3{end}");
            let from = self.folder.path().join("service").join(&file);
            if from.exists() {
                std::fs::copy(from, folder.path().join(&file)).unwrap();
            }
        }
        let connection = Connection::open(folder.path().join("delivery.sqlite3")).unwrap();
        connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        for table in without {
            connection.execute_batch(&format!("DELETE FROM {table}")).unwrap();
        }
        let clean = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)";
        connection.execute_batch(clean).unwrap();
        (folder, connection)
    }

    /// People do what people do; returns what must not be found.
    fn lead(&mut self) -> Vec<Needle> {
        let [mut alice, mut bob, mut carol] = [0, 1, 2].map(|index| self.account(NAMES[index]));
        let orchids = alice.create_group(GROUPS[0]).unwrap();
        alice.add(&orchids, &NAMES[1..3]).unwrap();
        self.look();
        bob.receive().unwrap();
        carol.receive().unwrap();
        alice.send(&orchids, TEXTS[0]).unwrap();
        let winter = bob.create_group(GROUPS[1]).unwrap();
        bob.add(&winter, &NAMES[..1]).unwrap();
        alice.receive().unwrap();
        bob.rename(&winter, GROUPS[2]).unwrap();
        bob.send(&winter, TEXTS[1]).unwrap();
        let file = self.folder.path().join("file");
        std::fs::write(&file, TEXTS[3]).unwrap();
        let file = Attachment { path: &file, name: TEXTS[2], media_type: TEXTS[4] };
        bob.send_file(&winter, file, &mut |_, _| ()).unwrap();
        self.look();
        let mut phone = self.link(&mut alice);
        phone.send(&orchids, TEXTS[5]).unwrap();
        // Carol loses everything but her code, and comes back; then she leaves.
        let code = carol.recovery_code().unwrap();
        drop(carol);
        let home = self.home("carol again");
        let mut carol = Account::recover_with(&home, &code, &[], self.transport.clone()).unwrap();
        for _ in 0..2 {
            for account in [&mut carol, &mut alice, &mut bob] {
                account.receive().unwrap();
            }
        }
        self.look();
        assert!(heard(&mut bob, &orchids, TEXTS[5]) && heard(&mut alice, &winter, TEXTS[1]));
        carol.leave(&orchids).unwrap();
        alice.receive().unwrap();
        bob.update_keys(&orchids).unwrap();
        bob.remove(&winter, &NAMES[..1]).unwrap();
        for account in [&mut alice, &mut bob, &mut carol, &mut phone] {
            account.receive().unwrap();
        }
        self.look();
        let mut needles = self.public_needles();
        for account in [&alice, &bob, &carol, &phone] {
            let device = account.identity().device;
            needles.push(needle("a device", device.as_bytes(), DEVICES));
            let root = from_hex(&account.account_key().unwrap().to_string());
            needles.push(needle("a root key", &root, CREDENTIALS));
        }
        // RFC 9420, section 6.3: it is outside of what a PrivateMessage encrypts. Nothing else is
        // called so, and a device, a name or a key never is.
        for group in [orchids, winter] {
            needles.push(needle("an MLS group id", group.as_slice(), &["entries.bytes"]));
        }
        needles
    }

    fn link(&self, first: &mut Account) -> Account {
        let (home, name) = (self.home("phone"), first.name().to_string());
        let linked = Account::create_linked_with(&home, &name, "by socket", self.transport.clone());
        let mut phone = linked.unwrap();
        first.link(&phone.link_code().unwrap().unwrap()).unwrap();
        phone.receive().unwrap();
        first.receive().unwrap();
        phone.receive().unwrap();
        phone
    }

    /// What can be said without asking the accounts.
    fn public_needles(&self) -> Vec<Needle> {
        let mut needles = Vec::new();
        for text in GROUPS.iter().chain(&TEXTS) {
            needles.push(needle(text, text.as_bytes(), &[]));
        }
        for name in NAMES {
            needles.push(needle(name, name.as_bytes(), DIRECTORY));
        }
        needles.push(needle("an address", b"127.0.0.1", &[]));
        needles.push(needle("an address", &[0, 0, 0xff, 0xff, 127, 0, 0, 1], &[]));
        let key_packages = self.transport.key_packages.lock().unwrap();
        let keys: BTreeMap<&[u8], &LeafCredential> = key_packages
            .iter()
            .map(|it| (it.leaf_node.signature_key.as_slice(), &it.leaf_node.credential))
            .collect();
        // Three people, a phone, and the device of hers with which Carol came back.
        assert_eq!(keys.len(), 5);
        for (key, credential) in keys {
            needles.push(needle("a signature key", key, KEYS));
            needles.push(needle("a credential", &credential.to_bytes(), CREDENTIALS));
        }
        needles
    }

    /// Puts something into the database through the service's front door.
    fn publish(&self, bytes: &[u8]) {
        let crypto = Crypto::new(crypto_aws_lc::provider());
        let suite = crypto.suite(CipherSuite(1)).unwrap();
        let key = SignatureKeyPair::from_private_key(&suite, Secret::zeros(32)).unwrap();
        let public = PublicKey::new(key.public_key().as_slice().try_into().unwrap());
        let since = std::time::UNIX_EPOCH;
        let now = std::time::SystemTime::now().duration_since(since).unwrap().as_secs();
        let credential =
            Credential { service: self.server.public_key(), key: public, time_seconds: now };
        let blob = request::put_blob(BlobId::new(sha256(bytes)), bytes.to_vec());
        for request in [request::register_device(public.device()), blob] {
            let request = request.sign(&credential, |tbs| key.sign(tbs)).unwrap();
            let request = HttpRequest {
                method: request.method(),
                path: request.path(),
                authorization: request.authorization(),
                body: request.body().to_vec(),
                wait_seconds: 0,
            };
            assert_eq!(self.transport.http.send(&request).unwrap().status, 200);
        }
    }
}

fn heard(account: &mut Account, group: &GroupId, text: &str) -> bool {
    lines(&account.history(group).unwrap()).iter().any(|line| line.ends_with(text))
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// Every row of every table: for each column, its name with the table's and the cell's bytes.
fn rows(connection: &Connection) -> Vec<Vec<(String, Vec<u8>)>> {
    let sql = "SELECT name FROM pragma_table_list
               WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut statement = connection.prepare(sql).unwrap();
    let tables: Vec<String> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut all = Vec::new();
    for table in tables {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let names: Vec<String> =
            statement.column_names().map(|name| format!("{table}.{name}")).collect();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cell = |index| match row.get(index).unwrap() {
                Value::Blob(bytes) => bytes,
                Value::Text(text) => text.into_bytes(),
                Value::Integer(_) | Value::Null | Value::Real(_) => Vec::new(),
            };
            let cells = (0..names.len()).map(|index| (names[index].clone(), cell(index)));
            all.push(cells.collect());
        }
    }
    all
}

/// MLS structures in the clear that a cell consists of, where they are not meant to be.
fn is_in_the_clear(column: &str, bytes: &[u8]) -> bool {
    let is_message = match MlsMessage::from_bytes(bytes) {
        Ok(MlsMessage(MlsMessageBody::PrivateMessage(_))) => column != "entries.bytes",
        Ok(MlsMessage(MlsMessageBody::Welcome(_))) => column != "inbox_items.bytes",
        Ok(MlsMessage(MlsMessageBody::KeyPackage(_))) => column != "key_packages.bytes",
        Ok(_) => true,
        Err(_) => column == "entries.bytes",
    };
    is_message || LeafNode::from_bytes(bytes).is_ok()
}

/// Everything that is where it must not be.
fn findings(life: &Life, needles: &[Needle]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (_folder, connection) = life.copy(&BTreeSet::new());
    let logs: Vec<Vec<u8>> =
        life.transport.logs.lock().unwrap().iter().map(|log| from_hex(log)).collect();
    for cells in rows(&connection) {
        let row: Vec<u8> = cells.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        let of_log = logs.iter().any(|log| holds(&row, log));
        for needle in needles {
            for (column, _) in cells.iter().filter(|(_, bytes)| holds(bytes, &needle.bytes)) {
                if !needle.allowed.contains(&column.as_str()) {
                    found.insert(format!("{} in {column}", needle.what));
                }
                if of_log && needle.allowed != ["entries.bytes"] {
                    found.insert(format!("{} beside a log in {column}", needle.what));
                }
            }
        }
        let clear = cells.iter().filter(|(column, bytes)| is_in_the_clear(column, bytes));
        found.extend(clear.map(|(column, _)| format!("handshake in the clear in {column}")));
    }
    for needle in needles {
        let tables = needle.allowed.iter().filter_map(|column| column.split('.').next());
        let tables: BTreeSet<&str> = tables.collect();
        let bytes = match tables.is_empty() {
            // Not even in what was deleted meanwhile, or was not moved into the database yet.
            true => life.moments.concat(),
            false => {
                let (folder, connection) = life.copy(&tables);
                drop(connection);
                std::fs::read(folder.path().join("delivery.sqlite3")).unwrap()
            }
        };
        if holds(&bytes, &needle.bytes) {
            found.insert(format!("{} in the bytes", needle.what));
        }
    }
    found
}

fn from_hex(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|index| u8::from_str_radix(&digits[index..index + 2], 16).unwrap()).collect()
}

/// In how many cells of a column a needle is.
fn count(life: &Life, column: &str, bytes: &[u8]) -> usize {
    let (_folder, connection) = life.copy(&BTreeSet::new());
    let cells = rows(&connection).into_iter().flatten();
    cells.filter(|(name, cell)| name == column && (bytes.is_empty() || holds(cell, bytes))).count()
}

#[test]
fn a_dump_of_the_service_shows_no_identity_group_name_handshake_or_address() {
    let mut life = Life::new();
    let needles = life.lead();
    assert!(life.moments[3].len() > 200_000 && life.transport.logs.lock().unwrap().len() == 2);
    let wal = Path::new("service").join("delivery.sqlite3-wal");
    assert!(life.folder.path().join(wal).exists(), "the write-ahead log was looked at");
    assert_eq!(findings(&life, &needles), BTreeSet::new());
    // It is used: there are entries, a name where names belong, and a sealed blob.
    let group = needles.iter().find(|needle| needle.what == "an MLS group id").unwrap();
    assert!(count(&life, "entries.bytes", &group.bytes) > 5);
    assert_eq!(count(&life, "directory_names.name", NAMES[0].as_bytes()), 1);
    assert!(count(&life, "key_packages.bytes", NAMES[0].as_bytes()) > 1);
    // A file's chunk, and the telephone's card, which is sealed like it.
    assert_eq!(count(&life, "blobs.bytes", &[]), 2);
}

#[test]
fn the_search_of_a_dump_finds_whatever_is_put_there() {
    let mut life = Life::new();
    let needles = life.lead();
    for needle in &needles {
        life.publish(&needle.bytes);
    }
    let key_package = life.transport.key_packages.lock().unwrap()[0].clone();
    life.publish(&key_package.leaf_node.to_bytes());
    life.publish(&MlsMessage(MlsMessageBody::KeyPackage(Box::new(key_package))).to_bytes());
    life.look();
    let found = findings(&life, &needles);
    for needle in &needles {
        for place in ["blobs.bytes", "the bytes"] {
            let finding = format!("{} in {place}", needle.what);
            assert!(found.contains(&finding), "{finding} was not found");
        }
    }
    assert!(found.contains("handshake in the clear in blobs.bytes"), "{found:?}");
}
