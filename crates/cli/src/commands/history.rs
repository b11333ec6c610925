//! `conclave history` and `conclave search`: what was said and happened, from this device's store.

use crate::Common;
use crate::failure::Failure;
use crate::output::{self, Output};
use client::{Account, Event, EventKind, GroupSummary};

#[derive(clap::Args)]
pub(crate) struct History {
    /// The group: its name, its id, or the first digits of the id
    group: String,
    /// Only the latest so many
    #[arg(long, value_name = "COUNT")]
    last: Option<usize>,
}

#[derive(clap::Args)]
pub(crate) struct Search {
    /// What to look for in messages and names of files; capitals make no difference
    text: String,
    /// Only in this group
    #[arg(long)]
    group: Option<String>,
}

impl History {
    pub(crate) fn run(self, common: &Common, output: &mut Output) -> Result<(), Failure> {
        let mut account = common.account()?;
        let group = account.group(&self.group)?;
        let history = account.history(&group.id)?;
        let skipped = self.last.map_or(0, |last| history.len().saturating_sub(last));
        history[skipped..].iter().try_for_each(|event| print(event, &group, output))
    }
}

impl Search {
    pub(crate) fn run(self, common: &Common, output: &mut Output) -> Result<(), Failure> {
        let mut account = common.account()?;
        let wanted = self.text.to_lowercase();
        for group in groups(&mut account, self.group.as_deref())? {
            for event in account.history(&group.id)? {
                if said(&event).is_some_and(|said| said.to_lowercase().contains(&wanted)) {
                    print(&event, &group, output)?;
                }
            }
        }
        Ok(())
    }
}

/// The groups to search.
fn groups(account: &mut Account, named: Option<&str>) -> Result<Vec<GroupSummary>, Failure> {
    Ok(match named {
        Some(name) => vec![account.group(name)?],
        None => account.groups()?,
    })
}

/// What somebody said with an event.
fn said(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::Message { text, .. } => Some(text),
        EventKind::File { name, .. } => Some(name),
        _ => None,
    }
}

fn print(event: &Event, group: &GroupSummary, output: &mut Output) -> Result<(), Failure> {
    let text = format!("{}  {}", group.name, output::line(event));
    output.print(&text, &output::event(event, Some(&group.name)))
}
