//! `conclave mls psk`: the pre-shared keys of the client (RFC 9420, section 8.4). Their values come
//! from a file or standard input, never from the command line, and are never shown.

use super::Session;
use super::files::read_bytes;
use super::state::unusable;
use crate::failure::Failure;
use crate::output::hex;
use mls::{
    Candidate, Client, ClientConfig, Credential, Crypto, PskStore, Refusal, Secret, Settings,
};
use rusqlite::{Connection, params};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use storage_sqlite::SqliteRows;

#[derive(clap::Subcommand)]
pub(super) enum Psk {
    /// Keep a key, whose bytes are the file's
    Add {
        /// The key's name among the members, as text
        id: String,
        /// The file; `-` is standard input
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// List the names
    List,
    /// Erase a key
    Remove {
        /// The key's name
        id: String,
    },
}

impl Psk {
    /// The value of the key to keep, if one is to be kept.
    pub(super) fn read(&self) -> Result<Secret, Failure> {
        match self {
            Self::Add { file, .. } => Ok(Secret::from_vec(read_bytes(file)?)),
            Self::List | Self::Remove { .. } => Ok(Secret::zeros(0)),
        }
    }

    pub(super) fn run(self, psk: Secret, session: &mut Session<'_>) -> Result<(), Failure> {
        match self {
            Self::Add { id, .. } => {
                if psk.is_empty() {
                    return Err(Failure::refused("an empty key protects nothing".to_owned()));
                }
                let sql = "INSERT OR REPLACE INTO psks (id, psk) VALUES (?, ?)";
                let row = params![id.as_bytes(), psk.expose()];
                session.state.connection.execute(sql, row).map_err(unusable)?;
                session.say(&format!("kept the key `{id}`"), json!({"type": "psk", "id": id}))
            }
            Self::List => {
                for id in load(&session.state.connection)?.into_keys() {
                    let id = String::from_utf8_lossy(&id).into_owned();
                    session.say(&id, json!({"type": "psk", "id": id}))?;
                }
                Ok(())
            }
            Self::Remove { id } => {
                let sql = "DELETE FROM psks WHERE id = ?";
                let found = session.state.connection.execute(sql, params![id.as_bytes()]);
                match found.map_err(unusable)? {
                    0 => Err(Failure::refused(format!("there is no key `{id}`"))),
                    _ => session
                        .say(&format!("erased the key `{id}`"), json!({"type": "psk", "id": id})),
                }
            }
        }
    }
}

fn load(connection: &Connection) -> Result<BTreeMap<Vec<u8>, Secret>, Failure> {
    let read = || -> rusqlite::Result<BTreeMap<_, _>> {
        let mut statement = connection.prepare("SELECT id, psk FROM psks ORDER BY id")?;
        let rows =
            statement.query_map([], |row| Ok((row.get(0)?, Secret::from_vec(row.get(1)?))))?;
        rows.collect()
    };
    read().map_err(unusable)
}

/// The external keys, and the resumption PSKs of whatever group is stored.
pub(super) struct Psks {
    external: BTreeMap<Vec<u8>, Secret>,
    /// A second connection, for reading while an operation runs.
    reader: Mutex<Connection>,
    crypto: Crypto,
}

impl Psks {
    pub(super) fn load(
        connection: &Connection,
        reader: Connection,
        crypto: Crypto,
    ) -> Result<Self, Failure> {
        Ok(Self { external: load(connection)?, reader: Mutex::new(reader), crypto })
    }

    /// A client that can load groups and do nothing else.
    fn bare_client(&self) -> Client {
        let nobody = |_: &Candidate<'_>| Err(Refusal("this client only reads".to_owned()));
        Client::new(ClientConfig {
            crypto: self.crypto.clone(),
            credential: Credential::basic(&[]),
            signers: Vec::new(),
            identity: Arc::new(nobody),
            psks: Arc::new(mls::NoPsks),
            settings: Settings::default(),
        })
    }
}

impl PskStore for Psks {
    fn external(&self, psk_id: &[u8]) -> Option<Secret> {
        self.external.get(psk_id).map(Secret::duplicate)
    }

    fn resumption(&self, group_id: &[u8], epoch: u64) -> Option<Secret> {
        let reader = self.reader.lock().ok()?;
        let group = self.bare_client().load_group(&SqliteRows(&reader), group_id).ok()??;
        group.resumption_psk(epoch).map(Secret::duplicate)
    }
}

/// What a pre-shared key is called, for people.
pub(crate) fn name(kind: &mls::PskKind) -> String {
    match kind {
        mls::PskKind::External { psk_id } => {
            format!("external key `{}`", String::from_utf8_lossy(psk_id))
        }
        mls::PskKind::Resumption { psk_group_id, psk_epoch, .. } => {
            format!("resumption key of epoch {psk_epoch} of group {}", hex(psk_group_id))
        }
    }
}
