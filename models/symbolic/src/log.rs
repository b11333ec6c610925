//! What was run and what came out, in the form that is committed.
//!
//! The same tool on the same models gives the same log: no times, no paths.

use crate::model::{Expected, Model, Run};
use crate::tool::{Outcome, Verdict};
use std::path::Path;

/// A log as it grows.
#[derive(Debug)]
pub(crate) struct Log {
    lines: Vec<String>,
}

impl Log {
    pub(crate) fn new(version: &str) -> Self {
        Self { lines: vec![version.to_owned()] }
    }

    /// The line that begins a model's entry.
    pub(crate) fn model(&mut self, model: &Model) -> String {
        self.lines.push(heading(model));
        heading(model)
    }

    /// The line of a run, and what is surprising about it.
    pub(crate) fn run(
        &mut self,
        model: &Model,
        run: &Run,
        outcome: &Outcome,
    ) -> (String, Option<String>) {
        let mut told = Vec::new();
        let mut wrong = Vec::new();
        let claims = model.claims.iter();
        for ((claim, expected), verdict) in claims.zip(&run.expected).zip(&outcome.verdicts) {
            let word = match verdict {
                Verdict::Holds => "holds",
                Verdict::Attack if claim.expected == Expected::Reached => "reached",
                Verdict::Attack => "BROKEN",
                Verdict::Unknown => "unknown",
            };
            told.push(format!("{} {word}", claim.name));
            if *verdict == Verdict::Unknown || expected.attack() != (*verdict == Verdict::Attack) {
                wrong.push(told[told.len() - 1].clone());
            }
        }
        let cut = if outcome.cut { " (cut at term depth)" } else { "" };
        let line = format!("  {}: {}{cut}", run.title, told.join(", "));
        self.lines.push(line.clone());
        let surprise = format!("{}, {}: {}", run.file, run.title, wrong.join(", "));
        (line, (!wrong.is_empty()).then_some(surprise))
    }

    pub(crate) fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }

    /// Whether the committed log is another one.
    pub(crate) fn differs_from(&self, path: &Path) -> Option<String> {
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        let differs = committed != self.text();
        differs.then(|| format!("{} is of another run; use --write-logs", path.display()))
    }

    /// Whether the committed log is of another version of the model.
    pub(crate) fn is_stale(path: &Path, model: &Model) -> Option<String> {
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        let found = committed.lines().any(|line| line == heading(model));
        (!found).then(|| format!("{} is not of {} as it is", path.display(), model.file))
    }
}

/// File, fingerprint and sessions. The fingerprint (FNV-1a) tells versions apart, no more.
fn heading(model: &Model) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let fingerprint = model.text.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step);
    let sessions = if model.file.ends_with(".vp") {
        format!(", {} sessions", model.sessions)
    } else {
        String::new()
    };
    format!("{} {fingerprint:016x}{sessions}", model.file)
}

#[cfg(test)]
mod tests {
    use super::Log;
    use crate::model::{Claim, Expected, Model, Run};
    use crate::tool::{Outcome, Verdict};

    /// Whether it is a surprise that a query comes to `verdict`.
    fn surprises(expected: Expected, verdict: Verdict) -> bool {
        let model = Model {
            file: "m.vp".to_owned(),
            text: String::new(),
            sessions: 1,
            claims: vec![Claim { name: "a".to_owned(), expected }],
            variants: Vec::new(),
        };
        let run = Run {
            title: "as written".to_owned(),
            file: "m.vp".to_owned(),
            text: String::new(),
            sessions: 1,
            expected: vec![expected],
        };
        let outcome = Outcome { verdicts: vec![verdict], cut: false };
        Log::new("tool 1").run(&model, &run, &outcome).1.is_some()
    }

    #[test]
    fn only_what_was_stated_is_no_surprise() {
        for expected in [Expected::Holds, Expected::Reached, Expected::Broken] {
            assert_eq!(surprises(expected, Verdict::Holds), expected != Expected::Holds);
            assert_eq!(surprises(expected, Verdict::Attack), expected == Expected::Holds);
            assert!(surprises(expected, Verdict::Unknown));
        }
    }
}
