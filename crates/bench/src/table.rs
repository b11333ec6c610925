//! The report as text: one table for each size and part.

use std::fmt::Write;

use crate::clock::Time;
use crate::record::Sample;
use crate::report::{End, Outcome, Place, Report};
use crate::targets::Target;
use crate::{Phase, Stack};

/// A number of nanoseconds in words.
#[must_use]
pub fn nanoseconds(value: f64) -> String {
    let (number, unit) = match value {
        value if value < 1e3 => (value, "ns"),
        value if value < 1e6 => (value / 1e3, "µs"),
        value if value < 1e9 => (value / 1e6, "ms"),
        value => (value / 1e9, "s"),
    };
    if number < 9.95 { format!("{number:.2} {unit}") } else { format!("{number:.0} {unit}") }
}

/// A number of bytes in words.
#[must_use]
pub fn bytes(value: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let value = value as f64;
    match value {
        value if value < 1e4 => format!("{value:.0} B"),
        value if value < 1e6 => format!("{:.1} kB", value / 1e3),
        value => format!("{:.1} MB", value / 1e6),
    }
}

/// A time as a number to calculate with.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "nanoseconds of less than a hundred days")]
pub fn cpu(time: Time) -> f64 {
    time.cpu as f64
}

/// A time as a number to calculate with.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "nanoseconds of less than a hundred days")]
pub fn wall(time: Time) -> f64 {
    time.wall as f64
}

fn cell(sample: Option<&Sample>, place: Place) -> String {
    let Some(sample) = sample else { return "–".to_string() };
    let durable = sample.durable();
    let shown = if place.threads > 1 {
        format!("{} wall, {} CPU", nanoseconds(wall(durable)), nanoseconds(cpu(durable)))
    } else {
        nanoseconds(cpu(durable))
    };
    match sample.floor {
        Some(floor) if floor > 0.0 => format!("{shown} ×{:.2}", cpu(durable) / floor),
        _ => shown,
    }
}

fn title(place: Place) -> String {
    let part = match place.phase {
        Phase::Cold => "new group",
        Phase::Warm => "warm group",
        Phase::Heap => "memory",
        Phase::Hostile => "what is refused",
    };
    let Place { suite, members, threads, .. } = place;
    let threads = if threads > 1 { format!(", {threads} threads") } else { String::new() };
    format!("N = {members}, {part}, suite {suite}{threads}")
}

/// All tables, in Markdown.
#[must_use]
pub fn tables(report: &Report) -> String {
    let mut text = String::new();
    for (name, value) in &report.machine {
        text.push_str(&format!("- {name}: {value}\n"));
    }
    for place in report.places() {
        table(report, place, &mut text);
    }
    text
}

fn table(report: &Report, place: Place, text: &mut String) {
    let outcomes = Stack::ALL.iter().filter_map(|&stack| report.outcome(stack, place));
    let outcomes: Vec<&Outcome> = outcomes.collect();
    let names = outcomes.iter().map(|outcome| outcome.setting.stack.to_string());
    let columns: Vec<String> = names.collect();
    // Writing to a string does not fail.
    let _ = writeln!(text, "\n### {}\n\n| operation | {} |", title(place), columns.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(columns.len()));
    for operation in operations(&outcomes) {
        let cells = outcomes.iter().map(|outcome| cell(outcome.sample(&operation), place));
        row(text, &operation, cells);
        let written = outcomes.iter().map(|outcome| written(outcome.sample(&operation)));
        let written: Vec<String> = written.collect();
        if place.threads == 1 && written.iter().any(|cell| cell != "–") {
            row(text, &format!("{operation}: written, on the wire"), written.into_iter());
        }
    }
    for name in figures(&outcomes) {
        let shown = |value: u64| {
            if name.contains("rows") { value.to_string() } else { bytes(value) }
        };
        let cells = outcomes
            .iter()
            .map(|outcome| outcome.figure(&name).map_or_else(|| "–".to_string(), shown));
        row(text, &name, cells);
    }
    for outcome in &outcomes {
        let stack = outcome.setting.stack;
        let words = match &outcome.end {
            End::Finished => continue,
            End::Stopped => format!("stopped after {:.0} s", outcome.seconds),
            End::Failed(words) => format!("failed: {words}"),
            End::NotTried => "not tried, as a smaller group took too long".to_string(),
        };
        let _ = writeln!(text, "\n{stack}: {words}.");
    }
}

fn row(text: &mut String, name: &str, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.collect();
    let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
}

fn written(sample: Option<&Sample>) -> String {
    match sample {
        Some(sample) if sample.rows > 0 || sample.wire > 0 => {
            let rows = format!("{} in {} rows", bytes(sample.bytes), sample.rows);
            if sample.wire > 0 { format!("{rows}; {}", bytes(sample.wire)) } else { rows }
        }
        _ => "–".to_string(),
    }
}

fn operations(outcomes: &[&Outcome]) -> Vec<String> {
    let mut names = Vec::new();
    for sample in outcomes.iter().flat_map(|outcome| &outcome.samples) {
        if !names.contains(&sample.operation) {
            names.push(sample.operation.clone());
        }
    }
    names
}

fn figures(outcomes: &[&Outcome]) -> Vec<String> {
    let mut names = Vec::new();
    for (name, _) in outcomes.iter().flat_map(|outcome| &outcome.figures) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The targets as a table.
#[must_use]
pub fn of_targets(targets: &[Target]) -> String {
    let mut text =
        "| operation | N | suite | target | measured | ratio or factor | met |\n".to_string();
    text.push_str("|---|---|---|---|---|---|---|\n");
    for target in targets {
        let Target { operation, n, suite, shown, best_peer, .. } = target;
        let value = target.measured.map_or_else(|| "–".to_string(), |value| format!("{value:.2}"));
        let met = match target.met {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not measured",
        };
        let peer = best_peer
            .as_ref()
            .map_or_else(String::new, |(name, time)| format!(" ({name}: {})", nanoseconds(*time)));
        let demand = &target.target;
        let is_ratio = !demand.ends_with('B') && !demand.ends_with('s');
        let value = if is_ratio { value } else { String::new() };
        let cells = [
            operation.clone(),
            n.to_string(),
            suite.to_string(),
            demand.clone(),
            format!("{shown}{peer}"),
            value,
            met.to_string(),
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}
