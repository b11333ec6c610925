//! The results as text, and in a document between marks.

use std::fmt::Write;
use std::path::Path;

use crate::deviations::DEVIATIONS;
use crate::matrix::{Cell, Results};
use crate::stacks::Stack;

fn cell(cell: Option<&Cell>) -> String {
    let Some(Cell { passed, lacking, deviating, failed }) = cell else { return "-".to_owned() };
    let parts = [("ok", passed), ("lacks", lacking), ("deviates", deviating), ("FAILED", failed)];
    let parts = parts.iter().filter(|(_, count)| **count > 0);
    parts.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

/// A table for a terminal.
pub(crate) fn text(results: &Results) -> String {
    let mut text = String::new();
    for (script, row) in &results.cells {
        let cells = results.companies.iter().map(|(company, _)| cell(row.get(company)));
        let cells: Vec<String> = cells.map(|text| format!("{text:>22}")).collect();
        text.push_str(&format!("{script:44}{}\n", cells.join("")));
    }
    let names = results.companies.iter().map(|(name, suites)| format!("{name}: {suites:?}"));
    text.push_str(&format!("columns: {}\n", names.collect::<Vec<_>>().join("; ")));
    let sum = |count: fn(&Cell) -> usize| results.all().map(count).sum::<usize>();
    text.push_str(&format!(
        "{} passed, {} lack something, {} deviate, {} failed",
        sum(|it| it.passed),
        sum(|it| it.lacking),
        sum(|it| it.deviating),
        sum(|it| it.failed),
    ));
    text
}

/// A range of numbers in words: `1-7`, `1, 3`.
fn suites(suites: &[u32]) -> String {
    let is_range = suites.windows(2).all(|pair| pair[1] == pair[0] + 1);
    match (suites.first(), suites.last()) {
        (Some(first), Some(last)) if is_range && last > first => format!("{first}-{last}"),
        _ => suites.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// Tables for a document.
pub(crate) fn markdown(results: &Results, how: &str) -> String {
    let mut text = String::new();
    let versions = Stack::ALL.map(Stack::version).join(", ");
    let sum = |count: fn(&Cell) -> usize| results.all().map(count).sum::<usize>();
    let _ = writeln!(
        text,
        "Versions: {versions}. Both forms of handshakes; {how}. {} runs passed, {} met \
         something that a stack lacks, {} a known deviation, {} failed.\n",
        sum(|it| it.passed),
        sum(|it| it.lacking),
        sum(|it| it.deviating),
        sum(|it| it.failed),
    );
    text.push_str("| script |");
    for (company, shared) in &results.companies {
        let _ = write!(text, " {company}; suites {} |", suites(shared));
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(results.companies.len()));
    text.push('\n');
    for (script, row) in &results.cells {
        let _ = write!(text, "| `{script}` |");
        for (company, _) in &results.companies {
            let _ = write!(text, " {} |", cell(row.get(company)));
        }
        text.push('\n');
    }
    text.push_str("\n### What a peer lacks\n\n| stack | RPC | suites | why |\n|---|---|---|---|\n");
    for stack in Stack::ALL {
        for lack in stack.lacks() {
            let shown: Vec<u32> = lack.suites.iter().copied().map(u32::from).collect();
            let shown = if shown.is_empty() { "all".to_owned() } else { suites(&shown) };
            let (version, why) = (stack.version(), lack.why.replace('|', "\\|"));
            let _ = writeln!(text, "| {version} | `{}` | {shown} | {why} |", lack.rpc);
        }
    }
    text.push_str("\n### Where a peer deviates\n\n");
    if DEVIATIONS.is_empty() {
        text.push_str("In no scenario.\n");
        return text;
    }
    text.push_str("| stack | section | what | runs |\n|---|---|---|---|\n");
    for deviation in DEVIATIONS {
        let runs = results.deviations.get(deviation.what).copied().unwrap_or_default();
        let (stack, section) = (deviation.stack.version(), deviation.section);
        let _ = writeln!(text, "| {stack} | {section} | {} | {runs} |", deviation.what);
    }
    text
}

/// Replaces what stands between two marks of a document.
pub(crate) fn write(path: &Path, name: &str, text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let document = std::fs::read_to_string(path).map_err(failed)?;
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let places = document.find(&begin).zip(document.find(&end));
    let (start, stop) = places.ok_or_else(|| format!("{} lacks its marks", path.display()))?;
    let before = &document[..start + begin.len()];
    let after = document.get(stop..).unwrap_or_default();
    std::fs::write(path, format!("{before}\n{text}\n{after}")).map_err(failed)
}
