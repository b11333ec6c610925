//! `conclave group`: make, change and look at groups.

use super::policy::Policy;
use crate::Common;
use crate::failure::Failure;
use crate::output::{self, Output, hex};
use client::{Account, Done, GroupSummary};
use serde_json::json;

#[derive(clap::Subcommand)]
pub(crate) enum Group {
    /// Add accounts, all in one commit
    Add {
        /// The group: its name, its id, or the first digits of the id
        group: String,
        /// Who
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Show the epoch authenticator as digits: its other members see the same ones
    Authenticator {
        /// The group: its name, its id, or the first digits of the id
        group: String,
    },
    /// Create a group with this account as its only member
    Create {
        /// The group's name, for its members only
        name: String,
    },
    /// Leave a group: the next commit of another member ends the membership
    Leave {
        /// The group: its name, its id, or the first digits of the id
        group: String,
    },
    /// List all groups
    List,
    /// Show or change what the members agree on: who may change the group, how long keys stay, ...
    #[command(subcommand)]
    Policy(Policy),
    /// Remove accounts, all in one commit
    Remove {
        /// The group: its name, its id, or the first digits of the id
        group: String,
        /// Who
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Give a group another name
    Rename {
        /// The group: its name, its id, or the first digits of the id
        group: String,
        /// The new name
        name: String,
    },
    /// Show a group and its members
    Show {
        /// The group: its name, its id, or the first digits of the id
        group: String,
    },
    /// Change the own keys, so that whoever had them is shut out
    Update {
        /// The group: its name, its id, or the first digits of the id
        group: String,
    },
}

impl Group {
    pub(crate) fn run(self, common: &Common, output: &mut Output) -> Result<(), Failure> {
        let mut account = common.account()?;
        match self {
            Self::Add { group, names } => change(&mut account, output, &group, |account, id| {
                account.add(id, &borrowed(&names))
            }),
            Self::Authenticator { group } => {
                let group = account.group(&group)?;
                let digits = account.authenticator(&group.id)?;
                let value = json!({
                    "type": "authenticator",
                    "group": group.id.to_string(),
                    "group_name": group.name,
                    "epoch": group.epoch,
                    "digits": digits,
                });
                let epoch = group.epoch.unwrap_or_default();
                output.print(&format!("{digits}\n  {}  epoch {epoch}", group.name), &value)
            }
            Self::Create { name } => {
                let id = account.create_group(&name)?;
                let group = account.group(&id.to_string())?;
                output.print(&format!("{name}  {id}"), &output::group(&group))
            }
            Self::Leave { group } => {
                change(&mut account, output, &group, |account, id| account.leave(id))
            }
            Self::List => {
                for group in account.groups()? {
                    output.print(&summary(&group), &output::group(&group))?;
                }
                Ok(())
            }
            Self::Policy(command) => command.run(&mut account, output),
            Self::Remove { group, names } => change(&mut account, output, &group, |account, id| {
                account.remove(id, &borrowed(&names))
            }),
            Self::Rename { group, name } => {
                change(&mut account, output, &group, |account, id| account.rename(id, &name))
            }
            Self::Show { group } => {
                let group = account.group(&group)?;
                output.print(&details(&group), &output::group(&group))
            }
            Self::Update { group } => {
                change(&mut account, output, &group, |account, id| account.update_keys(id))
            }
        }
    }
}

fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// Changes a group and says in which epoch it is then.
pub(super) fn change(
    account: &mut Account,
    output: &mut Output,
    group: &str,
    change: impl FnOnce(&mut Account, &client::GroupId) -> Result<Done, client::Error>,
) -> Result<(), Failure> {
    let id = account.group(group)?.id;
    let Done { position, epoch } = change(account, &id)?;
    // The name may be what was changed.
    let group = account.group(&id.to_string())?;
    let value = json!({
        "type": "done",
        "group": group.id.to_string(),
        "group_name": group.name,
        "epoch": epoch,
        "position": position.0,
    });
    output.print(&format!("{}  epoch {epoch}", group.name), &value)
}

fn summary(group: &GroupSummary) -> String {
    let GroupSummary { name, id, state, epoch, members, .. } = group;
    match epoch {
        Some(epoch) => format!("{name}  {id}  {state}, epoch {epoch}, {} members", members.len()),
        None => format!("{name}  {id}  {state}"),
    }
}

fn details(group: &GroupSummary) -> String {
    let mut lines = vec![summary(group)];
    for member in &group.members {
        lines.push(format!("  {}  device {}", member.name, member.device));
    }
    if !group.epoch_authenticator.is_empty() {
        lines.push(format!("  epoch authenticator {}", hex(&group.epoch_authenticator)));
    }
    lines.join("\n")
}
