//! The pages of the documentation that a run renews: `performance.md`, between its marks, and all
//! tables in `performance/tables.md`.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::report::{Place, Report};
use crate::table::{cpu, nanoseconds, of_targets, tables};
use crate::targets::targets;
use crate::{Failure, Phase, Stack};

/// The operations of the overview: a name, a part, the samples that are added.
const OVERVIEW: [(&str, Phase, &[&str]); 11] = [
    ("update: create + apply", Phase::Warm, &["update: create", "update: apply"]),
    ("update: process", Phase::Warm, &["update: process"]),
    ("add one: create + apply", Phase::Warm, &["add: create", "add: apply"]),
    ("add one: process", Phase::Warm, &["add: process"]),
    ("remove one: create + apply", Phase::Warm, &["remove: create", "remove: apply"]),
    ("remove one: process", Phase::Warm, &["remove: process"]),
    ("protect 32 B", Phase::Warm, &["protect 32 B"]),
    ("join", Phase::Warm, &["join, warm tree"]),
    ("create and add all", Phase::Cold, &["create and add all"]),
    (
        "first commit, blank tree",
        Phase::Cold,
        &["blank tree: create commit", "blank tree: apply own commit"],
    ),
    ("load and send", Phase::Warm, &["load and send"]),
];

/// The columns of the overview.
const STACKS: [Stack; 4] =
    [Stack::ConclaveAwsLc, Stack::ConclaveRustCrypto, Stack::MlsRsAwsLc, Stack::OpenMls];

/// Renews the pages in a folder.
pub fn renew(report: &Report, folder: &Path) -> Result<(), Failure> {
    let page = folder.join("performance.md");
    let text = fs::read_to_string(&page)?;
    let text = replace(&text, "machine", &machine(report))?;
    let text = replace(&text, "targets", &of_targets(&targets(report)))?;
    let text = replace(&text, "overview", &overview(report))?;
    fs::write(page, text)?;
    let folder = folder.join("performance");
    fs::create_dir_all(&folder)?;
    let head = "# Performance: all tables\n\nWritten by `conclave-bench`; \
        [performance.md](../performance.md) explains them. Times are processor time, durable; \
        behind × the ratio to the floor.\n\n";
    Ok(fs::write(folder.join("tables.md"), format!("{head}{}", tables(report)))?)
}

/// Replaces what is between two marks.
fn replace(text: &str, mark: &str, new: &str) -> Result<String, Failure> {
    let (begin, end) = (format!("<!-- {mark}: begin -->\n"), format!("<!-- {mark}: end -->"));
    let (before, rest) = text.split_once(&begin).ok_or_else(|| format!("no mark `{mark}`"))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| format!("no end of `{mark}`"))?;
    Ok(format!("{before}{begin}{new}{end}{after}"))
}

fn machine(report: &Report) -> String {
    let facts = report.machine.iter().map(|(name, value)| format!("| {name} | {value} |\n"));
    format!("| fact | value |\n|---|---|\n{}", facts.collect::<String>())
}

fn overview(report: &Report) -> String {
    let names: Vec<String> = STACKS.iter().map(ToString::to_string).collect();
    let mut text = format!("| operation | N | floor, AWS-LC | {} |\n", names.join(" | "));
    text.push_str("|---|---|---|---|---|---|---|\n");
    for (name, phase, operations) in OVERVIEW {
        for place in report.places() {
            let wanted = place.suite == 1 && place.threads == 1 && place.phase == phase;
            if wanted && place.members >= 100 {
                row(&mut text, report, (name, place, operations));
            }
        }
    }
    text
}

fn row(text: &mut String, report: &Report, (name, place, operations): (&str, Place, &[&str])) {
    let total = |stack: Stack, value: &dyn Fn(&crate::record::Sample) -> f64| {
        let samples = operations.iter().map(|operation| report.sample(stack, place, operation));
        let samples: Option<Vec<_>> = samples.collect();
        samples.map(|samples| samples.into_iter().map(value).sum::<f64>())
    };
    let floor = total(Stack::ConclaveAwsLc, &|sample| sample.floor.unwrap_or_default());
    let floor = floor.filter(|&floor| floor > 0.0);
    let cells = STACKS.iter().map(|&stack| match total(stack, &|it| cpu(it.durable())) {
        Some(time) => match floor {
            Some(floor) => format!("{} ×{:.2}", nanoseconds(time), time / floor),
            None => nanoseconds(time),
        },
        None => "–".to_string(),
    });
    let cells: Vec<String> = cells.collect();
    let floor = floor.map_or_else(|| "–".to_string(), nanoseconds);
    // Writing to a string does not fail.
    let _ = writeln!(text, "| {name} | {} | {floor} | {} |", place.members, cells.join(" | "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n";
        let new = replace(text, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n");
        assert!(replace(text, "y", "new").is_err());
    }
}
