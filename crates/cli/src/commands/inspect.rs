//! `conclave inspect`: explains a message, a ratchet tree or the state of a client, and says which
//! rule refuses what is wrong. It shows public keys, hashes, signatures and ciphertexts; it has no
//! secret to show, and of decrypted application data it says the length.

mod drawing;
mod field;
mod leaf;
mod message;

use crate::commands::mls::{Options, files, visit};
use crate::failure::Failure;
use crate::output::Output;
use codec::{Decode, DecodeError};
use crypto::Suite;
use field::Field;
use mls::{Candidate, Crypto, MlsMessage, MlsMessageBody, Refusal};
use serde_json::json;
use std::path::PathBuf;
use tree::rules::{LifetimeRules, verify_key_package, verify_ratchet_tree};
use wire::{GroupInfo, KeyPackage, RatchetTreeNodes};

#[derive(clap::Args)]
pub(crate) struct Inspect {
    /// What to look at; `-` is standard input. A folder, or nothing, is the state of a client
    file: Option<PathBuf>,
    /// What it is, if it is not a message and not recognised
    #[arg(long = "as", value_name = "KIND")]
    kind: Option<Kind>,
    /// Also say what the message would do to the client in this state, which stays as it is
    #[command(flatten)]
    options: Options,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    Message,
    RatchetTree,
    KeyPackage,
    GroupInfo,
    LeafNode,
    GroupContext,
}

/// What was found to be right or wrong.
enum Verdict {
    /// Nothing that could be checked by itself is wrong.
    Good(String),
    /// A rule refuses it.
    Refused(Failure),
}

/// A structure and what can be said of it by itself.
struct Explained {
    field: Field,
    verdict: Option<Verdict>,
    message: Option<MlsMessage>,
}

impl Explained {
    fn plain(field: Field) -> Self {
        Self { field, verdict: None, message: None }
    }
}

impl Inspect {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let Self { file, kind, mut options } = self;
        let folder = file.as_ref().filter(|file| file.is_dir());
        options.state_is(folder);
        let Some(file) = file.filter(|file| !file.is_dir()) else {
            return visit::state(&options, output, |group| {
                let context = message::group_context(group.context());
                let mut lines = Vec::new();
                context.lines(0, &mut lines);
                let nodes = group.ratchet_tree();
                let drawn = drawing::lines(nodes);
                let value = json!({"context": context.value(), "tree": drawn});
                lines.push("ratchet tree  (section 7)".to_owned());
                lines.extend(drawn.iter().map(|line| format!("  {line}")));
                (lines.join("\n"), value)
            });
        };
        let bytes = files::read_structure(&file)?;
        let explained = explain(&bytes, kind, options.now())?;
        let mut lines = Vec::new();
        explained.field.lines(0, &mut lines);
        let mut value = json!({"type": "structure", "structure": explained.field.value()});
        let mut failure = None;
        let mut verdict = |verdict: Verdict, place: &str| {
            let (key, text) = match verdict {
                Verdict::Good(text) => ("holds", text),
                Verdict::Refused(found) => {
                    let text = found.text().to_owned();
                    failure = Some(found.told());
                    ("refused", text)
                }
            };
            lines.push(format!("{place}: {key}: {text}"));
            value[place] = json!({"verdict": key, "text": text});
        };
        if let Some(found) = explained.verdict {
            verdict(found, "by itself");
        }
        if let (Some(message), true) = (&explained.message, options.has_state()) {
            verdict(
                match visit::judge(&options, output, message)? {
                    Ok(text) => Verdict::Good(text),
                    Err(failure) => Verdict::Refused(failure),
                },
                "in this state",
            );
        }
        output.print(&lines.join("\n"), &value)?;
        failure.map_or(Ok(()), Err)
    }
}

fn malformed(what: &str, error: DecodeError) -> Failure {
    Failure::peer(format!("this is no {what}: {error}"))
}

fn explain(bytes: &[u8], kind: Option<Kind>, now: u64) -> Result<Explained, Failure> {
    match kind {
        Some(kind) => as_kind(bytes, kind, now),
        None => {
            let as_message = as_kind(bytes, Kind::Message, now);
            let others = [Kind::KeyPackage, Kind::GroupInfo, Kind::RatchetTree, Kind::LeafNode];
            let other = |_| others.into_iter().find_map(|kind| as_kind(bytes, kind, now).ok());
            // Most likely it was meant to be a message.
            as_message.or_else(|failure| other(()).ok_or(failure))
        }
    }
}

fn as_kind(bytes: &[u8], kind: Kind, now: u64) -> Result<Explained, Failure> {
    Ok(match kind {
        Kind::Message => {
            let message =
                MlsMessage::from_bytes(bytes).map_err(|error| malformed("MLSMessage", error))?;
            Explained {
                field: message::message(&message),
                verdict: by_itself(&message, now),
                message: Some(message),
            }
        }
        Kind::RatchetTree => {
            let nodes = RatchetTreeNodes::from_bytes(bytes)
                .map_err(|error| malformed("ratchet_tree", error))?;
            let lines = drawing::lines(nodes.clone());
            let inside = lines.into_iter().map(|line| Field::new(line, "")).collect();
            Explained::plain(Field::structure("ratchet_tree", &nodes, "12.4.3.3", inside))
        }
        Kind::KeyPackage => {
            let package =
                KeyPackage::from_bytes(bytes).map_err(|error| malformed("KeyPackage", error))?;
            let verdict = check_key_package(&package, now);
            let field = leaf::key_package("KeyPackage", &package);
            Explained { field, verdict, message: None }
        }
        Kind::GroupInfo => {
            let info =
                GroupInfo::from_bytes(bytes).map_err(|error| malformed("GroupInfo", error))?;
            let verdict = check_group_info(&info, now);
            Explained { field: message::group_info("GroupInfo", &info), verdict, message: None }
        }
        Kind::LeafNode => {
            let leaf =
                wire::LeafNode::from_bytes(bytes).map_err(|error| malformed("LeafNode", error))?;
            Explained::plain(leaf::leaf_node("LeafNode", &leaf))
        }
        Kind::GroupContext => {
            let context = wire::GroupContext::from_bytes(bytes)
                .map_err(|error| malformed("GroupContext", error))?;
            Explained::plain(message::group_context(&context))
        }
    })
}

/// What can be checked of a message without knowing its group.
fn by_itself(message: &MlsMessage, now: u64) -> Option<Verdict> {
    match &message.0 {
        MlsMessageBody::KeyPackage(package) => check_key_package(package, now),
        MlsMessageBody::GroupInfo(info) => check_group_info(info, now),
        _ => None,
    }
}

fn suite(id: mls::CipherSuite) -> Option<Suite> {
    Crypto::new(crypto_aws_lc::provider()).suite(id)
}

fn refused(error: tree::Error) -> Verdict {
    Verdict::Refused(mls::Error::from(error).into())
}

fn broken(rule: mls::Violation) -> Verdict {
    Verdict::Refused(mls::Error::from(rule).into())
}

fn check_key_package(package: &KeyPackage, now: u64) -> Option<Verdict> {
    let suite = suite(package.cipher_suite)?;
    let lifetimes = (LifetimeRules::default(), Some(now));
    Some(match verify_key_package(&suite, package, lifetimes, None) {
        Ok(_) => Verdict::Good("both signatures, the lifetime and the keys".to_owned()),
        Err(error) => refused(error),
    })
}

fn check_group_info(info: &GroupInfo, now: u64) -> Option<Verdict> {
    let context = &info.group_context;
    let suite = suite(context.cipher_suite)?;
    let nodes = match info.extensions.ratchet_tree() {
        Ok(nodes) => nodes?,
        Err(error) => return Some(Verdict::Refused(mls::Error::from(error).into())),
    };
    // Whose keys these are is not asked here: nobody joins.
    let everyone = |_: &Candidate<'_>| Ok::<(), Refusal>(());
    let rules = (LifetimeRules::default(), now);
    let tree = match verify_ratchet_tree(&suite, context, nodes, rules, &everyone) {
        Ok(tree) => tree,
        Err(error) => return Some(refused(error)),
    };
    let signer = tree.tree().member(info.signer);
    let key = signer.map(|(_, leaf)| leaf.signature_key.clone());
    Some(match key.map(|key| info.verify_signature(&suite, &key)) {
        Some(Ok(_)) => Verdict::Good("the tree and the signature".to_owned()),
        Some(Err(_)) => broken(mls::Violation::GroupInfoSignature),
        None => broken(mls::Violation::GroupInfoSigner),
    })
}
