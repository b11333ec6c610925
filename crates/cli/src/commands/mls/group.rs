//! Making groups (RFC 9420, section 11) and looking at them.

use super::handover::{Item, Report};
use super::propose::{Bytes, code_point, digits, extension, random_id};
use super::{Session, credential_name};
use crate::failure::Failure;
use crate::output::hex;
use crypto_aws_lc::SystemRandom;
use mls::{
    CipherSuite, Delta, Encode, Extension, Extensions, Group, GroupInfoOptions, GroupParams,
    GroupStatus, NewSuccessor, Secret,
};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Create {
    /// The cipher suite
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = code_point)]
    suite: u16,
    /// The group's id, instead of a random one
    #[arg(long, value_name = "HEX", value_parser = digits)]
    id: Option<Bytes>,
    /// An extension of the group: its type, and its contents in hexadecimal digits; may be repeated
    #[arg(long = "extension", value_name = "TYPE=HEX", value_parser = extension)]
    extensions: Vec<Extension>,
}

/// Whom a new group starts with, and where their Welcome goes.
#[derive(clap::Args)]
pub(super) struct Founding {
    /// The key packages of the other members
    key_packages: Vec<PathBuf>,
    /// Where to write the Welcome; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(super) struct Reinit {
    #[command(flatten)]
    founding: Founding,
}

#[derive(clap::Args)]
pub(super) struct Branch {
    #[command(flatten)]
    founding: Founding,
    /// The new group's id, instead of a random one
    #[arg(long, value_name = "HEX", value_parser = digits)]
    id: Option<Bytes>,
    /// An extension of the new group; may be repeated
    #[arg(long = "extension", value_name = "TYPE=HEX", value_parser = extension)]
    extensions: Vec<Extension>,
}

#[derive(clap::Args)]
pub(super) struct GroupInfo {
    /// Leave the ratchet tree out
    #[arg(long)]
    no_tree: bool,
    /// Include the key for external commits
    #[arg(long)]
    external: bool,
    /// Where to write it; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(super) struct Tree {
    /// Where to write it; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(super) struct Export {
    /// What the secret is for
    label: String,
    /// For which of several such purposes
    #[arg(long, value_name = "HEX", value_parser = digits)]
    context: Option<Bytes>,
    /// How many bytes
    #[arg(long, value_name = "BYTES", default_value_t = 32)]
    length: usize,
    /// Where to write the bytes, instead of showing them in hexadecimal digits
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A group in one line, and for programs.
pub(super) fn describe(group: &Group) -> (String, Value) {
    let (state, successor) = match group.status() {
        GroupStatus::Active => ("active", None),
        GroupStatus::Removed => ("removed", None),
        GroupStatus::Reinitialized(reinit) => ("reinitialized", Some(hex(&reinit.group_id))),
    };
    let (id, suite, epoch) = (hex(group.group_id()), group.suite().id().0, group.epoch());
    let count = group.member_count();
    let text = format!("group {id}: {state}, suite {suite}, epoch {epoch}, members {count}");
    let fields = json!({
        "group": id, "state": state, "successor": successor, "suite": suite, "epoch": epoch,
        "members": count, "own_leaf": group.own_leaf().as_u32(),
    });
    (text, fields)
}

impl Create {
    pub(super) fn run(self, session: &mut Session<'_>) -> Result<(), Failure> {
        let params = GroupParams {
            cipher_suite: CipherSuite(self.suite),
            group_id: self.id.map(|id| id.0),
            extensions: Extensions(self.extensions),
        };
        let rows = session.state.rows();
        let (client, now) = (&session.client, session.now);
        let effect = client.create_group(&rows, params, now, &mut SystemRandom)?;
        let (group, delta) = effect.into_parts();
        let (text, fields) = describe(&group);
        session.finish(&delta, Vec::new(), Report::new("created", text, fields))
    }
}

impl Founding {
    fn key_packages(&self, session: &Session<'_>) -> Result<Vec<mls::KeyPackage>, Failure> {
        self.key_packages.iter().map(|path| session.read_key_package(path)).collect()
    }

    fn finish(
        self,
        session: &mut Session<'_>,
        effect: mls::Effect<NewSuccessor>,
    ) -> Result<(), Failure> {
        let (NewSuccessor { group, welcome }, delta) = effect.into_parts();
        let (text, fields) = describe(&group);
        let welcome = welcome.map(|(it, _)| Item::message("welcome", &it, self.output));
        session.finish(&delta, welcome.into_iter().collect(), Report::new("created", text, fields))
    }
}

impl Reinit {
    pub(super) fn run(self, session: &mut Session<'_>) -> Result<(), Failure> {
        let old = session.group()?;
        let others = self.founding.key_packages(session)?;
        let (rows, now) = (session.state.rows(), session.now);
        let effect = session.client.reinitialize(&rows, &old, others, now, &mut SystemRandom);
        let effect = effect.map_err(Failure::of_own_making)?;
        self.founding.finish(session, effect)
    }
}

impl Branch {
    pub(super) fn run(self, session: &mut Session<'_>) -> Result<(), Failure> {
        let old = session.group()?;
        let others = self.founding.key_packages(session)?;
        let params = GroupParams {
            cipher_suite: old.suite().id(),
            group_id: Some(self.id.map_or_else(random_id, |id| Ok(id.0))?),
            extensions: Extensions(self.extensions),
        };
        let (rows, now) = (session.state.rows(), session.now);
        let effect = session.client.branch(&rows, &old, (params, others), now, &mut SystemRandom);
        let effect = effect.map_err(Failure::of_own_making)?;
        self.founding.finish(session, effect)
    }
}

impl GroupInfo {
    pub(super) fn run(self, session: &mut Session<'_>) -> Result<(), Failure> {
        let group = session.group()?;
        let options = GroupInfoOptions { ratchet_tree: !self.no_tree, external_pub: self.external };
        let info = group.group_info(options, &mut SystemRandom)?;
        let (text, fields) = describe(&group);
        let item = Item::message("group_info", &info, self.output);
        session.finish(&Delta::default(), vec![item], Report::new("group-info", text, fields))
    }
}

impl Tree {
    pub(super) fn run(self, session: &mut Session<'_>) -> Result<(), Failure> {
        let group = session.group()?;
        let data = Secret::from_vec(group.ratchet_tree().to_bytes());
        let (text, fields) = describe(&group);
        let item = Item { kind: "ratchet_tree", data, to: self.output };
        session.finish(&Delta::default(), vec![item], Report::new("tree", text, fields))
    }
}

impl Export {
    pub(super) fn run(self, session: &mut Session<'_>) -> Result<(), Failure> {
        let group = session.group()?;
        let context = self.context.map(|context| context.0).unwrap_or_default();
        let secret = group.export(&self.label, &context, self.length)?;
        let (id, epoch) = (hex(group.group_id()), group.epoch());
        let mut fields = json!({"group": id, "epoch": epoch, "label": self.label});
        if self.output.is_some() {
            let item = Item { kind: "secret", data: secret, to: self.output };
            let text = format!("exported {} bytes of epoch {epoch}", self.length);
            return session.finish(
                &Delta::default(),
                vec![item],
                Report::new("exported", text, fields),
            );
        }
        fields["secret"] = json!(hex(secret.expose()));
        fields["type"] = json!("exported");
        session.say(&hex(secret.expose()), fields)
    }
}

/// What two members of the same epoch have in common and can compare.
pub(super) fn authenticator(session: &mut Session<'_>) -> Result<(), Failure> {
    let group = session.group()?;
    let authenticator = hex(group.epoch_authenticator().expose());
    let value = json!({
        "type": "authenticator", "group": hex(group.group_id()), "epoch": group.epoch(),
        "epoch_authenticator": authenticator,
    });
    session.say(&authenticator, value)
}

pub(super) fn members(session: &mut Session<'_>) -> Result<(), Failure> {
    let group = session.group()?;
    for member in group.members() {
        let (leaf, own) = (member.index.as_u32(), member.index == group.own_leaf());
        let name = credential_name(&member.leaf.credential);
        let key = hex(member.leaf.signature_key.as_slice());
        let value = json!({
            "type": "member", "leaf": leaf, "name": name, "signature_key": key, "own": own,
        });
        let mark = if own { "  (this client)" } else { "" };
        session.output.print(&format!("{leaf}  {name}  {key}{mark}"), &value)?;
    }
    Ok(())
}

pub(super) fn groups(session: &mut Session<'_>) -> Result<(), Failure> {
    for id in session.client.group_ids(&session.state.rows())? {
        if let Some(group) = session.client.load_group(&session.state.rows(), &id)? {
            let (text, mut fields) = describe(&group);
            fields["type"] = json!("group");
            session.say(&text, fields)?;
        }
    }
    Ok(())
}
