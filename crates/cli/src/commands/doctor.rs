//! `conclave doctor`: look at everything that can be wrong with an account.

use crate::Common;
use crate::failure::Failure;
use crate::output::{Output, printable};
use client::{Finding, Verdict};
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Doctor {}

impl Doctor {
    pub(crate) fn run(self, common: &Common, output: &mut Output) -> Result<(), Failure> {
        let folder = client::examine_folder(common.home()?.folder());
        // Without an account that opens there is nothing to examine; why, the failure says.
        let mut account = common.account()?;
        let mut worst = Verdict::Good;
        for finding in std::iter::once(folder).chain(account.examine()) {
            worst = worst.max(finding.verdict);
            print(&finding, output)?;
        }
        match worst {
            Verdict::Good | Verdict::Warning => Ok(()),
            Verdict::Bad => Err(Failure::check("not all is well".to_owned())),
        }
    }
}

fn print(finding: &Finding, output: &mut Output) -> Result<(), Failure> {
    let Finding { check, subject, verdict, text, advice } = finding;
    let verdict = match verdict {
        Verdict::Good => "ok",
        Verdict::Warning => "warn",
        Verdict::Bad => "bad",
    };
    let value = json!({
        "type": "check",
        "check": check,
        "subject": subject,
        "verdict": verdict,
        "text": text,
        "advice": advice,
    });
    let subject = subject.as_ref().map(|subject| format!(" {subject}")).unwrap_or_default();
    let mut line = printable(&format!("{verdict:<4}  {check}{subject}: {text}"));
    if let Some(advice) = advice {
        line.push_str(&format!("\n      {advice}"));
    }
    output.print(&line, &value)
}
