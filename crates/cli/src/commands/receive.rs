//! `conclave receive`: fetch and print what is new, once or until interrupted.

use crate::Common;
use crate::failure::Failure;
use crate::files;
use crate::output::{self, Output};
use client::{Account, Error, Event, EventKind, Misuse};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one wait for news lasts, in seconds; the service allows no more than 30.
const WAIT_SECONDS: u32 = 25;

/// How long to wait before trying again when the service cannot be reached.
const RETRY_DELAY: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub(crate) struct Receive {
    /// Go on until interrupted
    #[arg(long)]
    follow: bool,
    /// Fetch the files that are shared into this folder
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
}

impl Receive {
    pub(crate) fn run(self, common: &Common, output: &mut Output) -> Result<(), Failure> {
        let mut account = common.account()?;
        let events = account.receive()?;
        let save = self.save.as_deref();
        if account.account_key().is_err() && events.is_empty() {
            output.warn(&Error::Misuse(Misuse::NotLinked).to_string());
        }
        print(&mut account, &events, save, output)?;
        if self.follow { follow(&mut account, save, output) } else { Ok(()) }
    }
}

/// Goes on until interrupted, also while the service cannot be reached.
fn follow(account: &mut Account, save: Option<&Path>, output: &mut Output) -> Result<(), Failure> {
    loop {
        match account.follow(WAIT_SECONDS) {
            Ok(events) => print(account, &events, save, output)?,
            // It may come back; everything that was missed comes then.
            Err(error @ Error::Offline(_)) => {
                output.warn(&error.to_string());
                std::thread::sleep(RETRY_DELAY);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Prints events, and only then counts them as taken.
fn print(
    account: &mut Account,
    events: &[Event],
    save: Option<&Path>,
    output: &mut Output,
) -> Result<(), Failure> {
    if events.is_empty() {
        return Ok(());
    }
    let groups = account.groups()?;
    let names: BTreeMap<_, _> = groups.iter().map(|group| (&group.id, &*group.name)).collect();
    for event in events {
        let name = event.group.as_ref().and_then(|group| names.get(group).copied());
        let text = match name {
            Some(name) => format!("{name}  {}", output::line(event)),
            None => output::printable(&output::what(event)),
        };
        output.print(&text, &output::event(event, name))?;
        if let (Some(folder), EventKind::File { .. }) = (save, &event.kind) {
            fetch((account, event), name, folder, output)?;
        }
    }
    Ok(account.set_read()?)
}

/// Fetches a file that was shared. One that cannot be had stands in nobody's way: `conclave fetch`
/// can try again.
fn fetch(
    (account, event): (&mut Account, &Event),
    group: Option<&str>,
    folder: &Path,
    output: &mut Output,
) -> Result<(), Failure> {
    match files::fetch_into(account, event, folder, output) {
        Ok(path) => {
            let value = output::saved(event, group, &path);
            output.print(&format!("saved {}", path.display()), &value)
        }
        Err(failure) => {
            output.warn(failure.text());
            Ok(())
        }
    }
}
