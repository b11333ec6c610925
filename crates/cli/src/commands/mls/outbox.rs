//! `conclave mls outbox`: what operations made and no command has handed over yet.
//!
//! Each entry is stored in the transaction of the operation that made it, and deleted when it has
//! been written. Entries that stay are those of a process that was killed in between, or whose
//! output could not be written.

use super::Session;
use super::handover::{Item, Report};
use crate::failure::Failure;
use mls::Delta;
use serde_json::json;
use std::path::PathBuf;

#[derive(clap::Subcommand)]
pub(super) enum Outbox {
    /// List the entries, oldest first
    List,
    /// Hand an entry over and forget it
    Take {
        /// Its number
        number: i64,
        /// Where to; `-` is standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Forget an entry
    Discard {
        /// Its number
        number: i64,
    },
}

impl Outbox {
    pub(super) fn run(self, session: &mut Session<'_>) -> Result<(), Failure> {
        let entries = session.state.outbox()?;
        let find = |wanted: i64| {
            let mut entries = session.state.outbox()?.into_iter();
            let found = entries.find(|(number, _, _)| *number == wanted);
            found.ok_or_else(|| Failure::refused(format!("the outbox has no entry {wanted}")))
        };
        match self {
            Self::List => {
                for (number, kind, data) in entries {
                    let bytes = data.len();
                    let value =
                        json!({"type": "outbox", "number": number, "kind": kind, "bytes": bytes});
                    session.say(&format!("{number}  {kind}, {bytes} bytes"), value)?;
                }
                Ok(())
            }
            Self::Take { number, output } => {
                let (_, kind, data) = find(number)?;
                let text = format!("entry {number}: {kind}");
                let report = Report::new("taken", text, json!({"number": number, "kind": kind}));
                let item = Item { kind: "output", data, to: output };
                session.finish(&Delta::default(), vec![item], report)?;
                session.state.delivered(&[number])
            }
            Self::Discard { number } => {
                let (_, kind, _) = find(number)?;
                session.state.delivered(&[number])?;
                let value = json!({"type": "discarded", "number": number, "kind": kind});
                session.say(&format!("entry {number} is gone"), value)
            }
        }
    }
}
