//! `conclave mls commit` (RFC 9420, section 12.4.1). The commit waits in the state until it is
//! applied, because the delivery service has accepted it, or discarded.

use super::files::read_bytes;
use super::handover::{Item, Report};
use super::propose::{To, code_point, extension};
use super::{Session, change, member};
use crate::failure::Failure;
use crate::output::hex;
use crypto_aws_lc::SystemRandom;
use mls::{
    CommitOptions, Extension, Extensions, Group, GroupInfoOptions, NewCommit, PathChoice,
    ProposalType, Propose,
};
use serde_json::json;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Commit {
    /// Add the client of this key package; may be repeated
    #[arg(long, value_name = "FILE")]
    add: Vec<PathBuf>,
    /// Remove the member at this leaf or with this name; may be repeated
    #[arg(long, value_name = "MEMBER")]
    remove: Vec<String>,
    /// Mix in the key with this name; may be repeated
    #[arg(long, value_name = "ID")]
    psk: Vec<String>,
    /// Mix in the resumption key of this epoch of the group; may be repeated
    #[arg(long, value_name = "EPOCH")]
    resumption: Vec<u64>,
    /// Replace the extensions of the group by this one and others given so
    #[arg(long = "extension", value_name = "TYPE=HEX", value_parser = extension)]
    extensions: Vec<Extension>,
    /// A proposal of the application's own type, its body in a file; may be repeated
    #[arg(long, value_name = "TYPE=FILE", value_parser = custom)]
    custom: Vec<(u16, PathBuf)>,
    /// Send no new keys unless the proposals demand it
    #[arg(long)]
    no_path: bool,
    /// Leave out what others proposed
    #[arg(long)]
    ignore_proposals: bool,
    /// Leave the ratchet tree out of the Welcome
    #[arg(long)]
    no_tree: bool,
    /// Where to write the Welcome, if somebody is added
    #[arg(long, value_name = "FILE")]
    welcome: Option<PathBuf>,
    /// Make a GroupInfo of the new epoch for external joiners, and write it here
    #[arg(long, value_name = "FILE")]
    group_info: Option<PathBuf>,
    /// Move to the new epoch at once: nobody else can have committed
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    to: To,
}

/// `TYPE=FILE`.
fn custom(text: &str) -> Result<(u16, PathBuf), String> {
    let (proposal_type, file) = text.split_once('=').ok_or("not TYPE=FILE")?;
    Ok((code_point(proposal_type)?, PathBuf::from(file)))
}

impl Commit {
    pub(super) fn run(self, session: &mut Session<'_>) -> Result<(), Failure> {
        let mut group = session.group()?;
        let options = self.options(session, &group)?;
        let effect = group.commit(options, session.now, &mut SystemRandom);
        let effect = effect.map_err(Failure::of_own_making)?;
        let (made, mut delta) = effect.into_parts();
        let NewCommit { pending, commit, welcomes, group_info } = made;
        let id = hex(pending.id().0.as_slice());
        let mut fields = change::fields(group.group_id(), pending.change());
        fields["commit_id"] = json!(id);
        fields["applied"] = json!(self.apply);
        let mut text = format!("commit {id}: {}", change::line(pending.change()));
        if self.apply {
            delta.append(group.advance(pending)?.into_parts().1);
            text.push_str("; applied");
        }
        let mut items = vec![Item::message("message", &commit, self.to.output)];
        // One for all new members: there is at most one.
        items.extend(
            welcomes.iter().map(|(it, _)| Item::message("welcome", it, self.welcome.clone())),
        );
        let info = group_info.iter();
        items.extend(info.map(|it| Item::message("group_info", it, self.group_info.clone())));
        session.finish(&delta, items, Report::new("commit", text, fields))
    }

    fn options(&self, session: &Session<'_>, group: &Group) -> Result<CommitOptions, Failure> {
        let mut options = CommitOptions::new();
        for path in &self.add {
            options = options.add_member(session.read_key_package(path)?);
        }
        for wanted in &self.remove {
            options = options.remove_member(member(group, wanted)?);
        }
        for id in &self.psk {
            options = options.propose(Propose::ExternalPsk(id.clone().into_bytes()));
        }
        for &epoch in &self.resumption {
            let group_id = group.group_id().to_vec();
            options = options.propose(Propose::ResumptionPsk { group_id, epoch });
        }
        if !self.extensions.is_empty() {
            let extensions = Extensions(self.extensions.clone());
            options = options.propose(Propose::GroupContextExtensions(extensions));
        }
        for (proposal_type, body) in &self.custom {
            let (proposal_type, body) = (ProposalType(*proposal_type), read_bytes(body)?);
            options = options.propose(Propose::Other(proposal_type, body));
        }
        options.ignore_received = self.ignore_proposals;
        options.path = if self.no_path { PathChoice::IfRequired } else { PathChoice::Always };
        options.authenticated_data = self.to.authenticated_data()?;
        let ratchet_tree = !self.no_tree;
        options.welcome_info = GroupInfoOptions { ratchet_tree, external_pub: false };
        let info = GroupInfoOptions { ratchet_tree, external_pub: true };
        options.group_info = self.group_info.is_some().then_some(info);
        Ok(options)
    }
}
