//! What came of the runs: one outcome each, and a matrix of all.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};
use tonic::Code;

use super::Handshakes;

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// `file/script`.
    pub script: String,
    /// The suite it started with.
    pub suite: u32,
    /// The form of handshakes.
    pub handshakes: Handshakes,
    /// The number of the assignment.
    pub number: usize,
    /// The client of each actor.
    pub cast: Vec<(String, String)>,
    /// Where and why it failed.
    pub failure: Option<StepFailure>,
}

/// Where and why a run failed.
#[derive(Clone, Debug)]
pub struct StepFailure {
    /// The number of the step.
    pub index: usize,
    /// The step as the file has it.
    pub step: String,
    /// Why.
    pub reason: String,
    /// If it was a client that refused a call.
    pub refusal: Option<Refusal>,
}

/// A call that a client refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The client.
    pub peer: String,
    /// The function of the client that was called, as `re_init_commit`.
    pub rpc: String,
    /// How it was refused.
    pub code: Code,
}

impl Outcome {
    /// One JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let cast: BTreeMap<_, _> = self.cast.iter().map(|(actor, peer)| (actor, peer)).collect();
        let mut value = json!({
            "type": "run",
            "script": self.script,
            "suite": self.suite,
            "handshakes": self.handshakes.name(),
            "assignment": self.number,
            "actors": cast,
            "passed": self.failure.is_none(),
        });
        if let Some(failure) = &self.failure {
            value["step"] = json!(failure.index);
            value["action"] = json!(failure.step);
            value["reason"] = json!(failure.reason);
        }
        value
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { script, suite, handshakes, number, .. } = self;
        let handshakes = handshakes.name();
        write!(formatter, "{script}, suite {suite}, {handshakes}, assignment {number}: ")?;
        let Some(failure) = &self.failure else { return formatter.write_str("passed") };
        writeln!(formatter, "FAILED at step {}: {}", failure.index, failure.reason)?;
        // A cast of hundreds says nothing to anyone.
        let cast = self.cast.iter().take(12).map(|(actor, peer)| format!("{actor}={peer}"));
        let cast: Vec<String> = cast.collect();
        let more = if self.cast.len() > 12 { " ..." } else { "" };
        writeln!(formatter, "  actors: {}{more}", cast.join(" "))?;
        write!(formatter, "  step:   {}", failure.step)
    }
}

/// Passes and runs.
type Cell = (usize, usize);

/// Everything that came of a series of runs.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By script, then by suite and form.
    cells: BTreeMap<String, BTreeMap<(u32, &'static str), Cell>>,
    /// The runs that failed.
    pub failures: Vec<Outcome>,
    /// How many passed.
    pub passed: usize,
}

impl Report {
    pub(super) fn add(&mut self, outcome: Outcome) {
        let cells = self.cells.entry(outcome.script.clone()).or_default();
        let cell = cells.entry((outcome.suite, outcome.handshakes.name())).or_default();
        cell.1 += 1;
        if outcome.failure.is_none() {
            cell.0 += 1;
            self.passed += 1;
        } else {
            self.failures.push(outcome);
        }
    }

    /// One JSON object with the totals.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"type": "total", "passed": self.passed, "failed": self.failures.len()})
    }
}

/// A matrix: scripts down, suites and forms of handshakes across.
impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut columns: Vec<(u32, &str)> =
            self.cells.values().flat_map(|cells| cells.keys().copied()).collect();
        columns.sort_unstable();
        columns.dedup();
        let widest = self.cells.keys().map(String::len).max().unwrap_or_default();
        write!(formatter, "{:widest$}", "")?;
        for (suite, handshakes) in &columns {
            write!(formatter, " {:>9}", format!("{suite} {}", &handshakes[..3]))?;
        }
        writeln!(formatter)?;
        for (script, cells) in &self.cells {
            write!(formatter, "{script:widest$}")?;
            for column in &columns {
                let cell = match cells.get(column) {
                    None => "-".to_owned(),
                    Some((passed, runs)) if passed == runs => format!("ok {runs}"),
                    Some((passed, runs)) => format!("{passed}/{runs}"),
                };
                write!(formatter, " {cell:>9}")?;
            }
            writeln!(formatter)?;
        }
        write!(formatter, "{} passed, {} failed", self.passed, self.failures.len())
    }
}
