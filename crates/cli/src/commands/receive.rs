//! `conclave receive`: fetch and print what is new, once or until interrupted.

use crate::Common;
use crate::failure::Failure;
use crate::files;
use crate::interrupt::Interruption;
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
        let mut printer = Printer { interruption: Interruption::watch()?, save: self.save, output };
        let events = account.receive()?;
        if account.account_key().is_err() && events.is_empty() {
            printer.output.warn(&Error::Misuse(Misuse::NotLinked).to_string());
        }
        printer.print(&mut account, &events)?;
        if self.follow { printer.follow(&mut account) } else { Ok(()) }
    }
}

/// Prints what happened.
struct Printer<'a> {
    interruption: Interruption,
    save: Option<PathBuf>,
    output: &'a mut Output,
}

impl Printer<'_> {
    /// Goes on until interrupted, also while the service cannot be reached.
    fn follow(&mut self, account: &mut Account) -> Result<(), Failure> {
        loop {
            match account.follow(WAIT_SECONDS) {
                Ok(events) => self.print(account, &events)?,
                // It may come back; everything that was missed comes then.
                Err(error @ Error::Offline(_)) => {
                    self.output.warn(&error.to_string());
                    std::thread::sleep(RETRY_DELAY);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Prints events, and only then counts them as taken; whoever interrupts waits for that.
    fn print(&mut self, account: &mut Account, events: &[Event]) -> Result<(), Failure> {
        if events.is_empty() {
            return Ok(());
        }
        let groups = account.groups()?;
        let names: BTreeMap<_, _> = groups.iter().map(|group| (&group.id, &*group.name)).collect();
        let _whole = self.interruption.hold();
        for event in events {
            let name = event.group.as_ref().and_then(|group| names.get(group).copied());
            let text = match name {
                Some(name) => format!("{name}  {}", output::line(event)),
                None => output::printable(&output::what(event)),
            };
            self.output.print(&text, &output::event(event, name))?;
            if let (Some(folder), EventKind::File { .. }) = (&self.save, &event.kind) {
                fetch((account, event), name, folder, self.output)?;
            }
        }
        Ok(account.set_read()?)
    }
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
