//! `conclave mls process`, `protect` and `unprotect`: what goes to and comes from the group.

use super::files::{read_bytes, read_message};
use super::handover::{Item, Report};
use super::propose::To;
use super::{Session, change, credential_name, pending};
use crate::failure::Failure;
use crate::output::hex;
use crypto_aws_lc::SystemRandom;
use mls::{
    CommitId, Delta, Group, MlsMessage, MlsMessageBody, Received, ReceivedProposal, Secret,
    StagedCommit,
};
use serde_json::json;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Protect {
    /// The file whose bytes to encrypt; `-` is standard input
    #[arg(default_value = "-")]
    data: PathBuf,
    #[command(flatten)]
    to: To,
}

#[derive(clap::Args)]
pub(super) struct Unprotect {
    /// The message; `-` is standard input
    #[arg(default_value = "-")]
    message: PathBuf,
    /// Where to write the data; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(super) struct Process {
    /// The message; `-` is standard input
    #[arg(default_value = "-")]
    message: PathBuf,
    /// Only say what the message would change
    #[arg(long)]
    dry_run: bool,
}

impl Protect {
    pub(super) fn read(&self) -> Result<Secret, Failure> {
        Ok(Secret::from_vec(read_bytes(&self.data)?))
    }

    pub(super) fn run(self, data: Secret, session: &mut Session<'_>) -> Result<(), Failure> {
        let aad = self.to.authenticated_data()?;
        let mut group = session.group()?;
        let effect = group.protect(data.expose(), &aad, &mut SystemRandom)?;
        let (message, delta) = effect.into_parts();
        let fields = json!({"group": hex(group.group_id()), "epoch": group.epoch()});
        let text = format!("protected {} bytes in epoch {}", data.len(), group.epoch());
        let item = Item::message("message", &message, self.to.output);
        session.finish(&delta, vec![item], Report::new("protected", text, fields))
    }
}

/// The group that a message names.
fn group_of(session: &Session<'_>, message: &MlsMessage) -> Result<Group, Failure> {
    let group_id = match &message.0 {
        MlsMessageBody::PrivateMessage(message) => &message.group_id,
        MlsMessageBody::PublicMessage(message) => &message.content.group_id,
        _ => return Err(Failure::refused("this is not a message to a group".to_owned())),
    };
    let group = session.client.load_group(&session.state.rows(), group_id)?;
    group.ok_or_else(|| Failure::refused(format!("this client is not in group {}", hex(group_id))))
}

/// Whether a message says that it carries application data.
pub(crate) fn is_application(message: &MlsMessage) -> bool {
    matches!(&message.0, MlsMessageBody::PrivateMessage(message)
        if message.content_type == wire::ContentType::Application)
}

/// A message of another epoch changes nothing, and the caller must know.
fn other_epoch(group: &Group, epoch: u64) -> Failure {
    Failure::refused(format!(
        "the message is of epoch {epoch}, the group in epoch {}: nothing was done",
        group.epoch()
    ))
}

impl Unprotect {
    pub(super) fn read(&self) -> Result<MlsMessage, Failure> {
        read_message(&self.message)
    }

    pub(super) fn run(self, message: MlsMessage, session: &mut Session<'_>) -> Result<(), Failure> {
        if !is_application(&message) {
            return Err(Failure::refused("this is no application data: use `process`".to_owned()));
        }
        let mut group = group_of(session, &message)?;
        let (received, delta) = group.process(&message, session.now)?.into_parts();
        match received {
            Received::Application(message) => {
                let from = credential_name(&message.leaf.credential);
                let leaf = message.sender.as_u32();
                let fields = json!({
                    "group": hex(group.group_id()), "epoch": message.epoch, "leaf": leaf,
                    "from": from, "authenticated_data": hex(&message.authenticated_data),
                });
                let text = format!("{} bytes from {from} at leaf {leaf}", message.data.len());
                let data = Secret::from_vec(message.data);
                let item = Item { kind: "data", data, to: self.output };
                session.finish(&delta, vec![item], Report::new("unprotected", text, fields))
            }
            Received::OwnMessage { .. } => {
                Err(Failure::refused("this client has sent this message itself".to_owned()))
            }
            Received::OtherEpoch { epoch } => Err(other_epoch(&group, epoch)),
            _ => Err(Failure::refused("this is no application data: use `process`".to_owned())),
        }
    }
}

/// What processing comes to.
pub(crate) struct Outcome {
    delta: Delta,
    report: Report,
}

impl Process {
    pub(super) fn read(&self) -> Result<MlsMessage, Failure> {
        read_message(&self.message)
    }

    pub(super) fn run(self, message: MlsMessage, session: &mut Session<'_>) -> Result<(), Failure> {
        let Outcome { delta, report } = process(session, &message)?;
        let delta = if self.dry_run { Delta::default() } else { delta };
        session.finish(&delta, Vec::new(), report)
    }
}

/// Processes a proposal or commit; nothing is durable yet.
fn process(session: &Session<'_>, message: &MlsMessage) -> Result<Outcome, Failure> {
    // Its key would be used up, and the data lost.
    if is_application(message) {
        return Err(Failure::refused("this is application data: use `unprotect`".to_owned()));
    }
    let mut group = group_of(session, message)?;
    let (received, delta) = group.process(message, session.now)?.into_parts();
    match received {
        Received::Proposal(proposal) => Ok(proposed(&group, &proposal, delta)),
        Received::Commit(staged) => committed(&mut group, *staged, delta),
        Received::OwnCommit(id) => own_commit(session, group, id, delta),
        Received::OwnMessage { epoch } => {
            let fields = json!({"group": hex(group.group_id()), "epoch": epoch});
            let text = "an own message came back: nothing to do".to_owned();
            Ok(Outcome { delta, report: Report::new("own-message", text, fields) })
        }
        Received::OtherEpoch { epoch } => Err(other_epoch(&group, epoch)),
        Received::Application(_) => {
            Err(Failure::refused("this is application data: use `unprotect`".to_owned()))
        }
    }
}

fn proposed(group: &Group, received: &ReceivedProposal, delta: Delta) -> Outcome {
    let from = change::sender_line(group, received.sender);
    let what = change::proposal_line(group, &received.proposal);
    let fields = json!({
        "group": hex(group.group_id()), "epoch": group.epoch(), "from": from, "proposal": what,
        "reference": hex(received.reference.0.as_slice()),
        "authenticated_data": hex(&received.authenticated_data),
    });
    Outcome { delta, report: Report::new("proposal", format!("{from} proposes: {what}"), fields) }
}

fn committed(
    group: &mut Group,
    staged: StagedCommit,
    mut delta: Delta,
) -> Result<Outcome, Failure> {
    let committer = staged.change().committer.map(mls::LeafIndex::as_u32);
    let group_id = group.group_id().to_vec();
    let (change, moved) = group.advance(staged)?.into_parts();
    delta.append(moved);
    let by = match committer.and_then(|leaf| group.member(leaf)) {
        Some(member) => credential_name(&member.leaf.credential),
        // The tree of a group that this client was removed from is gone.
        None => format!("leaf {}", committer.unwrap_or_default()),
    };
    let mut fields = change::fields(&group_id, &change);
    fields["from"] = json!(by);
    let text = format!("{by} committed: {}", change::line(&change));
    Ok(Outcome { delta, report: Report::new("commit-processed", text, fields) })
}

/// An own commit that comes back was accepted.
fn own_commit(
    session: &Session<'_>,
    group: Group,
    id: CommitId,
    mut delta: Delta,
) -> Result<Outcome, Failure> {
    let pending = group.pending_commits(&session.state.rows())?;
    let commit = pending.into_iter().find(|pending| pending.id() == id).ok_or_else(|| {
        Failure::refused("this own commit was discarded, but somebody accepted it".to_owned())
    })?;
    let (moved, report) = pending::applied(group, commit)?;
    delta.append(moved);
    Ok(Outcome { delta, report })
}

/// What a message would do to the state, or why it is refused; for `conclave inspect`.
pub(super) fn judge(session: &Session<'_>, message: &MlsMessage) -> Result<String, Failure> {
    if is_application(message) {
        let mut group = group_of(session, message)?;
        return match group.process(message, session.now)?.into_parts().0 {
            Received::Application(message) => Ok(format!(
                "{} bytes of application data from {} at leaf {}",
                message.data.len(),
                credential_name(&message.leaf.credential),
                message.sender.as_u32()
            )),
            Received::OwnMessage { .. } => Ok("this client has sent it itself".to_owned()),
            Received::OtherEpoch { epoch } => Err(other_epoch(&group, epoch)),
            _ => Err(Failure::refused("not application data, as it claims".to_owned())),
        };
    }
    Ok(process(session, message)?.report.into_text())
}
