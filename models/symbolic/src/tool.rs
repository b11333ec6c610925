//! The tools: is one there, and what does it say of a text.

use crate::model::Run;
use std::process::Command;

/// A prover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// A search within bounds; `.vp` files.
    Verifpal,
    /// A proof for any number of runs of each process; `.pv` files.
    ProVerif,
}

/// What a tool says of one query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No attack; with Verifpal, within its bounds.
    Holds,
    /// An attack.
    Attack,
    /// It does not know.
    Unknown,
}

/// What a tool says of a text.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdicts: Vec<Verdict>,
    /// Verifpal looked no deeper than terms that the protocol itself makes, and met deeper ones.
    pub(crate) cut: bool,
}

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Verifpal => "verifpal",
            Self::ProVerif => "proverif",
        }
    }

    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Verifpal => "vp",
            Self::ProVerif => "pv",
        }
    }

    fn command(self) -> Command {
        let named = std::env::var(self.name().to_uppercase());
        let mut command = Command::new(named.as_deref().unwrap_or(self.name()));
        command.env("NO_COLOR", "1");
        command
    }

    /// Name and version, if the tool is installed.
    pub(crate) fn version(self) -> Option<String> {
        let flag = match self {
            Self::Verifpal => "--version",
            Self::ProVerif => "--help",
        };
        let output = self.command().arg(flag).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = text.split_whitespace().map(|word| word.trim_end_matches(['.', ',', ';']));
        let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        Some(format!("{} {}", self.name(), number.into_iter().find(is_number)?))
    }

    /// The verdicts on a text's queries, in their order.
    pub(crate) fn verify(self, run: &Run) -> Result<Outcome, String> {
        let folder = std::env::temp_dir().join(format!("symbolic-{}", std::process::id()));
        let path = folder.join(&run.file);
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        std::fs::write(&path, &run.text).map_err(|e| e.to_string())?;
        let mut command = self.command();
        if self == Self::Verifpal {
            command.args(["verify", "--result-code", "--sessions", &run.sessions.to_string()]);
        }
        let output = command.arg(&path).output().map_err(|e| e.to_string());
        std::fs::remove_dir_all(&folder).map_err(|e| e.to_string())?;
        let output = output?;
        let text = String::from_utf8_lossy(&output.stdout);
        let verdicts = match self {
            Self::Verifpal => verifpal(&text),
            Self::ProVerif => proverif(&text),
        };
        if verdicts.len() == run.expected.len() && output.status.success() {
            let cut = self == Self::Verifpal && text.contains("[search truncated: term depth]");
            return Ok(Outcome { verdicts, cut });
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let (file, title, queries) = (&run.file, &run.title, run.expected.len());
        let found = verdicts.len();
        Err(format!("{file}, {title}: {found} verdicts on {queries} queries\n{text}{errors}"))
    }
}

/// The last line: a letter and a digit for each query, 1 where there is an attack.
fn verifpal(text: &str) -> Vec<Verdict> {
    let code: Vec<char> = text.trim_end().lines().last().unwrap_or_default().chars().collect();
    let verdict = |pair: &[char]| match pair {
        [_, '0'] => Verdict::Holds,
        [_, '1'] => Verdict::Attack,
        _ => Verdict::Unknown,
    };
    code.chunks(2).map(verdict).collect()
}

/// The summary: a line for each query.
fn proverif(text: &str) -> Vec<Verdict> {
    let summary = text.split("Verification summary:").nth(1).unwrap_or_default();
    let lines = summary.lines().filter(|line| line.starts_with("Query "));
    let verdict = |line: &str| match line {
        _ if line.ends_with(" is true.") => Verdict::Holds,
        _ if line.ends_with(" is false.") => Verdict::Attack,
        _ => Verdict::Unknown,
    };
    lines.map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::{Verdict, proverif, verifpal};

    #[test]
    fn verifpal_speaks_in_its_last_line() {
        let verdicts = verifpal("a1\nVerifpal\nc0a1e0\n");
        assert_eq!(verdicts, [Verdict::Holds, Verdict::Attack, Verdict::Holds]);
    }

    #[test]
    fn proverif_speaks_in_its_summary() {
        let text = "Query 1 is false.\nVerification summary:\n\nQuery not attacker(s[]) is true.\n\
                    Query event(A) ==> event(B) is false.\nQuery event(A) cannot be proved.\n";
        assert_eq!(proverif(text), [Verdict::Holds, Verdict::Attack, Verdict::Unknown]);
    }
}
