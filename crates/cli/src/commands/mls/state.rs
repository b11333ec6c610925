//! The state of an offline client: one folder, one SQLite file, one process at a time.
//!
//! The rows of the MLS library, the client's signature keys, its pre-shared keys and the outbox
//! share the file, so that one transaction holds whatever an operation changes together with what
//! it hands over. A process that is killed leaves the state before the operation or after it, and
//! in the second case the output waits in the outbox.

use super::Options;
use super::files::read_all;
use super::policy::Policy;
use super::psk::Psks;
use crate::failure::Failure;
use crypto_aws_lc::SystemRandom;
use database::{FileLock, Schema};
use mls::{
    CipherSuite, Client, ClientConfig, Credential, Crypto, Delta, ExtensionType, Group,
    HandshakeFormat, ProposalType, Secret, Settings, SignatureKeyPair, Signer, Storage,
};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::path::Path;
use std::sync::Arc;
use storage_sqlite::{SCHEMA, SqliteRows};

const DATABASE: Schema = Schema { application_id: 0x434d_4c53, version: 1, sql: &[SCHEMA, TABLES] };

/// The database in the folder.
const FILE: &str = "mls.sqlite3";

const TABLES: &str = "
CREATE TABLE identity (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    name       BLOB NOT NULL,
    extensions TEXT NOT NULL,     -- code points of the application, separated by spaces
    proposals  TEXT NOT NULL
) STRICT;
-- One key for each signature scheme, named by a suite that uses it. Secret.
CREATE TABLE signature_keys (suite INTEGER PRIMARY KEY, private_key BLOB NOT NULL) STRICT;
-- Secret.
CREATE TABLE psks (id BLOB PRIMARY KEY, psk BLOB NOT NULL) STRICT;
-- What operations have made and no command has handed over yet. Secret where it was encrypted.
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind   TEXT NOT NULL,
    data   BLOB NOT NULL
) STRICT;";

/// Who the client is and what it says it can do beyond RFC 9420.
pub(super) struct Identity {
    pub(super) name: Vec<u8>,
    pub(super) extensions: Vec<u16>,
    pub(super) proposals: Vec<u16>,
}

/// An open state folder.
pub(super) struct State {
    pub(super) connection: Connection,
    pub(super) identity: Identity,
    pub(super) crypto: Crypto,
    pub(super) keys: Vec<Arc<dyn Signer>>,
    /// Held, and released when the process ends, however it ends.
    _lock: FileLock,
}

/// The state cannot be used.
pub(super) fn unusable(error: impl std::fmt::Display) -> Failure {
    Failure::state(format!("the state cannot be used: {error}"))
}

fn lock(folder: &Path) -> Result<FileLock, Failure> {
    FileLock::take(&folder.join("lock")).map_err(unusable)
}

fn connect(folder: &Path) -> Result<Connection, Failure> {
    let mut connection = Connection::open(folder.join(FILE)).map_err(unusable)?;
    database::prepare(&mut connection, &DATABASE).map_err(unusable)?;
    Ok(connection)
}

/// Numbers separated by spaces.
fn numbers(text: &str) -> Vec<u16> {
    text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

fn text(numbers: &[u16]) -> String {
    numbers.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")
}

/// One suite for each signature scheme.
fn suites_by_scheme(crypto: &Crypto) -> Vec<mls::Suite> {
    let mut schemes = BTreeSet::new();
    let suites = crypto.suites().filter_map(|id| crypto.suite(id));
    suites.filter(|suite| schemes.insert(format!("{:?}", suite.params().signature))).collect()
}

impl State {
    /// Makes a client with new signature keys in an empty or new folder.
    pub(super) fn create(folder: &Path, identity: &Identity) -> Result<(), Failure> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder).map_err(unusable)?;
        let _lock = lock(folder)?;
        let mut connection = connect(folder)?;
        let transaction = connection.transaction().map_err(unusable)?;
        if read_identity(&transaction).map_err(unusable)?.is_some() {
            return Err(Failure::refused("there is a client in this folder already".to_owned()));
        }
        let crypto = Crypto::new(crypto_aws_lc::provider());
        put_identity(&transaction, identity).map_err(unusable)?;
        for suite in suites_by_scheme(&crypto) {
            let key = SignatureKeyPair::generate(&suite, &mut SystemRandom)
                .map_err(|error| Failure::check(error.to_string()))?;
            let sql = "INSERT INTO signature_keys (suite, private_key) VALUES (?, ?)";
            let row = params![suite.id().0, key.private_key().expose()];
            transaction.execute(sql, row).map_err(unusable)?;
        }
        transaction.commit().map_err(unusable)
    }

    /// Opens a folder that [`State::create`] has made, for this process alone.
    pub(super) fn open(folder: &Path) -> Result<Self, Failure> {
        let nobody = || {
            let text = "there is no client in this folder: `conclave mls init NAME` makes one";
            Failure::state(text.to_owned())
        };
        if !folder.join(FILE).is_file() {
            return Err(nobody());
        }
        let lock = lock(folder)?;
        let connection = connect(folder)?;
        let crypto = Crypto::new(crypto_aws_lc::provider());
        let identity = read_identity(&connection).map_err(unusable)?.ok_or_else(nobody)?;
        let keys = read_keys(&connection, &crypto)?;
        Ok(Self { connection, identity, crypto, keys, _lock: lock })
    }

    /// The client that this state belongs to, with the rules of this command.
    pub(super) fn client(&self, folder: &Path, options: &Options) -> Result<Client, Failure> {
        let own = self.keys.iter().map(|key| key.public_key().clone()).collect();
        let reader = connect(folder)?;
        let settings = Settings {
            handshakes: match options.public {
                true => HandshakeFormat::Public,
                false => HandshakeFormat::Private,
            },
            grease: !options.no_grease,
            extensions: self.identity.extensions.iter().copied().map(ExtensionType).collect(),
            proposals: self.identity.proposals.iter().copied().map(ProposalType).collect(),
            ..Settings::default()
        };
        Ok(Client::new(ClientConfig {
            crypto: self.crypto.clone(),
            credential: match &options.certificate[..] {
                [] => Credential::basic(&self.identity.name),
                chain => x509::credential(read_all(chain)?),
            },
            signers: self.keys.clone(),
            identity: Arc::new(Policy::new(&options.acceptance, own)?),
            psks: Arc::new(Psks::load(&self.connection, reader, self.crypto.clone())?),
            settings,
        }))
    }

    /// The rows of the MLS library.
    pub(super) fn rows(&self) -> SqliteRows<'_> {
        SqliteRows(&self.connection)
    }

    /// Makes a change durable together with what it hands over; the numbers of the latter in the
    /// outbox.
    pub(super) fn save(
        &mut self,
        delta: &Delta,
        outputs: &[(&str, &Secret)],
    ) -> Result<Vec<i64>, Failure> {
        let transaction = self.connection.transaction().map_err(unusable)?;
        SqliteRows(&transaction).write(delta).map_err(unusable)?;
        let mut numbers = Vec::new();
        for (kind, data) in outputs {
            let sql = "INSERT INTO outbox (kind, data) VALUES (?, ?)";
            transaction.execute(sql, params![kind, data.expose()]).map_err(unusable)?;
            numbers.push(transaction.last_insert_rowid());
        }
        transaction.commit().map_err(unusable)?;
        Ok(numbers)
    }

    /// The kinds and sizes of what is in the outbox, with its numbers.
    pub(super) fn outbox(&self) -> Result<Vec<(i64, String, Secret)>, Failure> {
        let read = || -> rusqlite::Result<Vec<_>> {
            let sql = "SELECT number, kind, data FROM outbox ORDER BY number";
            let mut statement = self.connection.prepare(sql)?;
            let rows = statement.query_map([], |row| {
                Ok((row.get(0)?, row.get(1)?, Secret::from_vec(row.get(2)?)))
            })?;
            rows.collect()
        };
        read().map_err(unusable)
    }

    /// Forgets what was handed over.
    pub(super) fn delivered(&mut self, numbers: &[i64]) -> Result<(), Failure> {
        let transaction = self.connection.transaction().map_err(unusable)?;
        for number in numbers {
            let deleted = transaction.execute("DELETE FROM outbox WHERE number = ?", [number]);
            deleted.map_err(unusable)?;
        }
        transaction.commit().map_err(unusable)
    }

    /// The group that the command is about: the named one, or the only one.
    pub(super) fn group_id(&self, wanted: Option<&str>) -> Result<Vec<u8>, Failure> {
        let groups = self.rows().groups().map_err(unusable)?;
        choose(groups, wanted, "group")
    }

    /// Loads the group that the command is about.
    pub(super) fn group(&self, client: &Client, wanted: Option<&str>) -> Result<Group, Failure> {
        let id = self.group_id(wanted)?;
        let group = client.load_group(&self.rows(), &id)?;
        group.ok_or_else(|| Failure::refused("there is no such group".to_owned()))
    }

    /// The groups that an external commit of this client may lead to.
    pub(super) fn joining_groups(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let read = || -> rusqlite::Result<Vec<_>> {
            let sql = "SELECT DISTINCT group_id FROM mls_rows WHERE kind = ? ORDER BY group_id";
            let mut statement = self.connection.prepare(sql)?;
            let rows = statement.query_map([mls::RowKind::PendingJoin as u8], |row| row.get(0))?;
            rows.collect()
        };
        read().map_err(unusable)
    }
}

/// The one of these that is meant: by its first digits, or because there is no other.
pub(super) fn choose(
    all: Vec<Vec<u8>>,
    wanted: Option<&str>,
    what: &str,
) -> Result<Vec<u8>, Failure> {
    let starts = |id: &[u8]| wanted.is_none_or(|start| crate::output::hex(id).starts_with(start));
    let mut found = all.into_iter().filter(|id| starts(id));
    let (first, second) = (found.next(), found.next());
    match (first, second, wanted) {
        (Some(one), None, _) => Ok(one),
        (None, _, None) => Err(Failure::refused(format!("there is no {what}"))),
        (None, _, Some(start)) => Err(Failure::refused(format!("there is no {what} {start}"))),
        (Some(_), Some(_), _) => {
            Err(Failure::refused(format!("there are several: name the {what} by its first digits")))
        }
    }
}

fn put_identity(transaction: &Transaction<'_>, identity: &Identity) -> rusqlite::Result<()> {
    let sql = "INSERT INTO identity (one, name, extensions, proposals) VALUES (1, ?, ?, ?)";
    let Identity { name, extensions, proposals } = identity;
    transaction.execute(sql, params![name, text(extensions), text(proposals)])?;
    Ok(())
}

fn read_identity(connection: &Connection) -> rusqlite::Result<Option<Identity>> {
    let sql = "SELECT name, extensions, proposals FROM identity";
    let identity = connection.query_row(sql, [], |row| {
        let (extensions, proposals): (String, String) = (row.get(1)?, row.get(2)?);
        let (extensions, proposals) = (numbers(&extensions), numbers(&proposals));
        Ok(Identity { name: row.get(0)?, extensions, proposals })
    });
    identity.optional()
}

fn read_keys(connection: &Connection, crypto: &Crypto) -> Result<Vec<Arc<dyn Signer>>, Failure> {
    let read = || -> rusqlite::Result<Vec<(u16, Secret)>> {
        let sql = "SELECT suite, private_key FROM signature_keys ORDER BY suite";
        let mut statement = connection.prepare(sql)?;
        let rows =
            statement.query_map([], |row| Ok((row.get(0)?, Secret::from_vec(row.get(1)?))))?;
        rows.collect()
    };
    let keys = read().map_err(unusable)?.into_iter().map(|(id, private_key)| {
        let suite = crypto.suite(CipherSuite(id)).ok_or_else(|| unusable("unknown suite"))?;
        let key = SignatureKeyPair::from_private_key(&suite, private_key).map_err(unusable)?;
        Ok(Arc::new(key) as Arc<dyn Signer>)
    });
    keys.collect()
}
