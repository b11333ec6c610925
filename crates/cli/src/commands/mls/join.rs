//! `conclave mls key-package`, `join` and `external-join`: how a client comes into a group.

use super::files::{read_message, read_structure};
use super::handover::{Item, Report};
use super::propose::{To, code_point};
use super::{Session, group};
use crate::failure::Failure;
use crate::output::hex;
use crypto_aws_lc::SystemRandom;
use mls::{
    CipherSuite, Decode, ExternalJoinOptions, KeyPackageOptions, MlsMessage, MlsMessageBody,
    RatchetTreeNodes,
};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct KeyPackage {
    /// The cipher suite
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = code_point)]
    suite: u16,
    /// For how long it can be used
    #[arg(long, value_name = "SECONDS")]
    lifetime: Option<u64>,
    /// Allow that it is used several times, when no other is left
    #[arg(long)]
    last_resort: bool,
    /// Where to write it; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(super) struct Join {
    /// The Welcome; `-` is standard input
    #[arg(default_value = "-")]
    welcome: PathBuf,
    /// The ratchet tree, if it is not in the Welcome
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(super) struct ExternalJoin {
    /// The GroupInfo; `-` is standard input
    #[arg(default_value = "-")]
    group_info: PathBuf,
    /// The ratchet tree, if it is not in the GroupInfo
    #[arg(long, value_name = "FILE")]
    tree: Option<PathBuf>,
    /// Replace the former self of this client
    #[arg(long)]
    resync: bool,
    /// Mix in the key with this name; may be repeated
    #[arg(long, value_name = "ID")]
    psk: Vec<String>,
    /// Mix in the resumption key of this epoch, from the time before; may be repeated
    #[arg(long, value_name = "EPOCH")]
    resumption: Vec<u64>,
    #[command(flatten)]
    to: To,
}

/// What was read before the state was opened.
pub(super) struct Input {
    pub(super) message: MlsMessage,
    pub(super) tree: Option<RatchetTreeNodes>,
}

impl Input {
    pub(super) fn read(message: &Path, tree: Option<&Path>) -> Result<Self, Failure> {
        let read_tree = |path: &Path| {
            let tree = RatchetTreeNodes::from_bytes(&read_structure(path)?);
            Ok::<_, Failure>(tree.map_err(mls::Error::from)?)
        };
        Ok(Self { message: read_message(message)?, tree: tree.map(read_tree).transpose()? })
    }
}

impl KeyPackage {
    pub(super) fn run(self, session: &mut Session<'_>) -> Result<(), Failure> {
        let mut options =
            KeyPackageOptions { last_resort: self.last_resort, ..KeyPackageOptions::default() };
        if let Some(lifetime) = self.lifetime {
            options.lifetime_seconds = lifetime;
        }
        let suite = CipherSuite(self.suite);
        let effect = session.client.key_package(suite, options, session.now, &mut SystemRandom)?;
        let (key_package, delta) = effect.into_parts();
        let suite = session.state.crypto.suite(suite);
        let reference = suite
            .and_then(|suite| key_package.reference(&suite).ok())
            .map(|reference| hex(reference.0.as_slice()));
        let fields = json!({"suite": self.suite, "reference": reference});
        let text = format!("key package {}", reference.unwrap_or_default());
        let message = MlsMessage(MlsMessageBody::KeyPackage(Box::new(key_package)));
        let item = Item::message("message", &message, self.output);
        session.finish(&delta, vec![item], Report::new("key-package", text, fields))
    }
}

impl Join {
    pub(super) fn read(&self) -> Result<Input, Failure> {
        Input::read(&self.welcome, self.tree.as_deref())
    }

    pub(super) fn run(self, input: Input, session: &mut Session<'_>) -> Result<(), Failure> {
        let Input { message, tree } = input;
        let rows = session.state.rows();
        let effect = session.client.join(&rows, &message, tree, session.now)?;
        let (joined, delta) = effect.into_parts();
        let (text, fields) = group::describe(&joined);
        let report = Report::new("joined", format!("joined {text}"), fields);
        session.finish(&delta, Vec::new(), report)
    }
}

impl ExternalJoin {
    pub(super) fn read(&self) -> Result<Input, Failure> {
        Input::read(&self.group_info, self.tree.as_deref())
    }

    pub(super) fn run(self, input: Input, session: &mut Session<'_>) -> Result<(), Failure> {
        let options = ExternalJoinOptions {
            ratchet_tree: input.tree,
            resync: self.resync,
            external_psks: self.psk.into_iter().map(String::into_bytes).collect(),
            resumption_psks: self.resumption,
            authenticated_data: self.to.authenticated_data()?,
        };
        let (client, rows) = (&session.client, session.state.rows());
        let effect =
            client.join_external(&rows, &input.message, options, session.now, &mut SystemRandom)?;
        let (join, delta) = effect.into_parts();
        let (id, group) = (hex(join.pending.id.0.as_slice()), hex(&join.pending.group_id));
        let text = format!("external commit {id} to join group {group}");
        let fields = json!({"group": group, "commit_id": id});
        let item = Item::message("message", &join.commit, self.to.output);
        session.finish(&delta, vec![item], Report::new("external-commit", text, fields))
    }
}
