//! `conclave mls pending`: own commits and external commits that wait for the delivery service's
//! answer, and proposals that wait for a commit.

use super::handover::Report;
use super::state::choose;
use super::{Session, change};
use crate::failure::Failure;
use crate::output::hex;
use mls::{CommitId, Group, PendingCommit, PendingJoin};
use serde_json::json;

#[derive(clap::Subcommand)]
pub(super) enum Pending {
    /// List them
    List,
    /// The delivery service has accepted a commit: move to its epoch
    Apply {
        /// The commit, by the first digits of its id; not needed if there is only one
        commit: Option<String>,
    },
    /// The delivery service has refused a commit: forget it
    Discard {
        /// The commit, by the first digits of its id; not needed if there is only one
        commit: Option<String>,
    },
    /// Forget all proposals of this epoch
    ClearProposals,
}

/// Something that waits.
enum Waiting {
    Commit(Box<(Group, PendingCommit)>),
    Join(PendingJoin),
}

impl Waiting {
    fn id(&self) -> CommitId {
        match self {
            Self::Commit(own) => own.1.id(),
            Self::Join(join) => join.id,
        }
    }
}

impl Pending {
    pub(super) fn run(self, session: &mut Session<'_>) -> Result<(), Failure> {
        match self {
            Self::List => list(session),
            Self::Apply { commit } => apply(session, commit.as_deref()),
            Self::Discard { commit } => discard(session, commit.as_deref()),
            Self::ClearProposals => {
                let mut group = session.group()?;
                let ((), delta) = group.clear_proposals().into_parts();
                let fields = json!({"group": hex(group.group_id()), "epoch": group.epoch()});
                let text = "the proposals are gone".to_owned();
                session.finish(&delta, Vec::new(), Report::new("cleared", text, fields))
            }
        }
    }
}

/// Those groups that the options name.
fn wanted(session: &Session<'_>, groups: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let start = session.options.group.as_deref().unwrap_or_default();
    groups.into_iter().filter(|id| hex(id).starts_with(start)).collect()
}

fn stored_groups(session: &Session<'_>) -> Result<Vec<Vec<u8>>, Failure> {
    Ok(wanted(session, session.client.group_ids(&session.state.rows())?))
}

fn waiting(session: &Session<'_>) -> Result<Vec<Waiting>, Failure> {
    let rows = session.state.rows();
    let mut waiting = Vec::new();
    for id in stored_groups(session)? {
        let load = || session.client.load_group(&rows, &id);
        let Some(group) = load()? else { continue };
        for commit in group.pending_commits(&rows)? {
            // Each candidate with a group of its own, since only one of them can be applied.
            let Some(group) = load()? else { continue };
            waiting.push(Waiting::Commit(Box::new((group, commit))));
        }
    }
    for id in wanted(session, session.state.joining_groups()?) {
        waiting.extend(session.client.pending_joins(&rows, &id)?.into_iter().map(Waiting::Join));
    }
    Ok(waiting)
}

fn find(session: &Session<'_>, wanted: Option<&str>) -> Result<Waiting, Failure> {
    let mut all = waiting(session)?;
    let ids = all.iter().map(|one| one.id().0.as_slice().to_vec()).collect();
    let id = choose(ids, wanted, "commit")?;
    let place = all.iter().position(|one| one.id().0.as_slice() == id);
    let place = place.ok_or_else(|| Failure::refused("there is no such commit".to_owned()))?;
    Ok(all.swap_remove(place))
}

fn list(session: &mut Session<'_>) -> Result<(), Failure> {
    for one in waiting(session)? {
        let id = hex(one.id().0.as_slice());
        match one {
            Waiting::Commit(own) => {
                let (group, commit) = *own;
                let mut fields = change::fields(group.group_id(), commit.change());
                fields["type"] = json!("pending-commit");
                fields["commit_id"] = json!(id);
                let line = change::line(commit.change());
                session.say(&format!("commit {id}: {line}"), fields)?;
            }
            Waiting::Join(join) => {
                let group = hex(&join.group_id);
                let fields = json!({"type": "pending-join", "group": group, "commit_id": id});
                session.say(&format!("external commit {id}: join group {group}"), fields)?;
            }
        }
    }
    for id in stored_groups(session)? {
        let group = session.client.load_group(&session.state.rows(), &id)?;
        for (reference, sender, proposal) in group.iter().flat_map(Group::pending_proposals) {
            let Some(group) = &group else { continue };
            let (by, what) =
                (change::sender_line(group, sender), change::proposal_line(group, proposal));
            let reference = hex(reference.0.as_slice());
            let fields = json!({
                "type": "pending-proposal", "group": hex(&id), "epoch": group.epoch(),
                "reference": reference, "from": by, "proposal": what,
            });
            session.output.print(&format!("proposal of {by}: {what}"), &fields)?;
        }
    }
    Ok(())
}

/// What it takes to move to the epoch of an own commit.
pub(super) fn applied(
    mut group: Group,
    commit: PendingCommit,
) -> Result<(mls::Delta, Report), Failure> {
    let (id, group_id) = (hex(commit.id().0.as_slice()), group.group_id().to_vec());
    let (change, delta) = group.advance(commit)?.into_parts();
    let mut fields = change::fields(&group_id, &change);
    fields["commit_id"] = json!(id);
    Ok((delta, Report::new("applied", change::line(&change), fields)))
}

fn apply(session: &mut Session<'_>, wanted: Option<&str>) -> Result<(), Failure> {
    let (delta, report) = match find(session, wanted)? {
        Waiting::Commit(own) => applied(own.0, own.1)?,
        Waiting::Join(join) => {
            let effect = session.client.complete_join(&session.state.rows(), &join)?;
            let (group, delta) = effect.into_parts();
            let (text, fields) = super::group::describe(&group);
            (delta, Report::new("joined", format!("joined {text}"), fields))
        }
    };
    session.finish(&delta, Vec::new(), report)
}

fn discard(session: &mut Session<'_>, wanted: Option<&str>) -> Result<(), Failure> {
    let one = find(session, wanted)?;
    let id = hex(one.id().0.as_slice());
    let ((), delta) = match one {
        Waiting::Commit(own) => {
            let (mut group, commit) = *own;
            group.discard(commit).into_parts()
        }
        Waiting::Join(join) => session.client.discard_join(&join).into_parts(),
    };
    let report = Report::new("discarded", format!("commit {id} is gone"), json!({"commit_id": id}));
    session.finish(&delta, Vec::new(), report)
}
