//! A model file: what its comments state, and its text as each variant of it.
//!
//! The comments say, one statement a line:
//!
//! * `sessions N`: how many runs of each role Verifpal looks at (2 if nothing is said); under a
//!   variant, for this variant.
//! * `[name] holds`, `[name] reached`, `[name] broken` before each query, in their order: no attack
//!   is found; the event or the value is reached, without which the rest would mean nothing; or an
//!   attack is found and the protocol is known not to prevent it.
//! * `case NAME breaks CLAIM...`: the same protocol in another situation (a leak, a dishonest
//!   member), and all that falls then. `mutant NAME breaks CLAIM...`: the protocol without one of
//!   its rules, and all that falls then. A mutant breaks something; a case may break nothing.
//! * `- LINE` and `+ LINE` under them: the one line of the model that equals LINE is replaced by
//!   the lines with a plus.

use std::path::Path;

/// What a query's outcome has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// No attack.
    Holds,
    /// What the query asks for happens.
    Reached,
    /// An attack that the protocol does not prevent.
    Broken,
}

/// A query by name.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) name: String,
    pub(crate) expected: Expected,
}

/// One line of the model, and the lines in its place.
#[derive(Debug)]
struct Substitution {
    old: String,
    new: Vec<String>,
}

/// Another situation or a protocol with a rule missing.
#[derive(Debug)]
pub(crate) struct Variant {
    /// `case NAME` or `mutant NAME`.
    title: String,
    breaks: Vec<String>,
    sessions: Option<u8>,
    substitutions: Vec<Substitution>,
}

/// A model file.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) sessions: u8,
    pub(crate) claims: Vec<Claim>,
    pub(crate) variants: Vec<Variant>,
}

/// A text to give to a tool, and what to expect of each of its queries.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) title: String,
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) sessions: u8,
    pub(crate) expected: Vec<Expected>,
}

impl Model {
    /// Reads a file; what it states has to make sense.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let model = Self::parse(file.unwrap_or_default(), text)?;
        model.check().map_err(|message| format!("{}: {message}", model.file))?;
        Ok(model)
    }

    fn parse(file: String, text: String) -> Result<Self, String> {
        let (mut sessions, mut claims, mut variants) = (2, Vec::new(), Vec::<Variant>::new());
        for line in text.lines() {
            let comment = line.trim().trim_start_matches(['/', '(', '*']).trim_end_matches("*)");
            if comment == line.trim() {
                continue;
            }
            let mut words = comment.split_whitespace();
            match (words.next(), words.next()) {
                (Some("sessions"), Some(count)) => {
                    let count = count.parse().map_err(|_| format!("{file}: sessions {count}"))?;
                    match variants.last_mut() {
                        Some(variant) => variant.sessions = Some(count),
                        None => sessions = count,
                    }
                }
                (Some(name), Some(verdict)) if name.starts_with('[') && name.ends_with(']') => {
                    let expected = Expected::parse(verdict)?;
                    claims.push(Claim { name: name[1..name.len() - 1].to_owned(), expected });
                }
                (Some(kind @ ("case" | "mutant")), Some(name))
                    if words.next() == Some("breaks") =>
                {
                    variants.push(Variant {
                        title: format!("{kind} {name}"),
                        breaks: words.map(str::to_owned).collect(),
                        sessions: None,
                        substitutions: Vec::new(),
                    });
                }
                (Some("-"), Some(_)) => {
                    let old = comment.trim()[1..].trim().to_owned();
                    let variant = variants.last_mut().ok_or("a `-` line before any variant")?;
                    variant.substitutions.push(Substitution { old, new: Vec::new() });
                }
                (Some("+"), _) => {
                    let substitution = variants.last_mut().and_then(|v| v.substitutions.last_mut());
                    let new = comment.trim()[1..].trim().to_owned();
                    substitution.ok_or("a `+` line before any `-` line")?.new.push(new);
                }
                _ => {}
            }
        }
        Ok(Self { file, text, sessions, claims, variants })
    }

    /// A model says something only if something is reached in it and two mutants fall.
    fn check(&self) -> Result<(), String> {
        if !self.claims.iter().any(|claim| claim.expected == Expected::Reached) {
            return Err("no claim says that something is reached".to_owned());
        }
        let mutants = self.variants.iter().filter(|v| v.title.starts_with("mutant ")).count();
        if mutants < 2 {
            return Err(format!("{mutants} mutants; two are the least"));
        }
        for variant in &self.variants {
            if variant.breaks.is_empty() && variant.title.starts_with("mutant ") {
                return Err(format!("{} breaks nothing", variant.title));
            }
            for name in &variant.breaks {
                let claim = self.claims.iter().find(|claim| claim.name == *name);
                if claim.is_none_or(|claim| claim.expected != Expected::Holds) {
                    return Err(format!("{}: no claim `{name}` that holds", variant.title));
                }
            }
        }
        Ok(())
    }

    /// The model as written, then every variant.
    pub(crate) fn runs(&self) -> Result<Vec<Run>, String> {
        let written = Run {
            title: "as written".to_owned(),
            file: self.file.clone(),
            text: self.text.clone(),
            sessions: self.sessions,
            expected: self.claims.iter().map(|claim| claim.expected).collect(),
        };
        let mut runs = vec![written];
        for variant in &self.variants {
            let broken = |claim: &Claim| variant.breaks.contains(&claim.name);
            let expected = |c: &Claim| if broken(c) { Expected::Broken } else { c.expected };
            runs.push(Run {
                title: variant.title.clone(),
                file: self.file.clone(),
                text: variant.apply(&self.text).map_err(|m| format!("{}: {m}", self.file))?,
                sessions: variant.sessions.unwrap_or(self.sessions),
                expected: self.claims.iter().map(expected).collect(),
            });
        }
        Ok(runs)
    }
}

impl Variant {
    fn apply(&self, text: &str) -> Result<String, String> {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for Substitution { old, new } in &self.substitutions {
            let mut places = (0..lines.len()).filter(|i| lines[*i].trim() == old);
            let (Some(place), None) = (places.next(), places.next()) else {
                return Err(format!("{}: not exactly one line `{old}`", self.title));
            };
            let indent = " ".repeat(lines[place].len() - lines[place].trim_start().len());
            lines.splice(place..=place, new.iter().map(|line| format!("{indent}{line}")));
        }
        Ok(lines.join("\n") + "\n")
    }
}

impl Expected {
    fn parse(word: &str) -> Result<Self, String> {
        match word {
            "holds" => Ok(Self::Holds),
            "reached" => Ok(Self::Reached),
            "broken" => Ok(Self::Broken),
            _ => Err(format!("`{word}` is none of holds, reached, broken")),
        }
    }

    /// Whether a tool has to report an attack.
    pub(crate) fn attack(self) -> bool {
        self != Self::Holds
    }
}

#[cfg(test)]
mod tests {
    use super::{Expected, Model};

    const TEXT: &str = "\
// mutant unchecked breaks a
// - check
// + skip
// + skip
// mutant gone breaks a
// - check
x
  check
queries[
    // [a] holds
    // [b] reached
]
";

    fn model(text: &str) -> Result<Model, String> {
        Model::parse("m.vp".to_owned(), text.to_owned())
    }

    #[test]
    fn a_variant_replaces_one_line_and_keeps_the_rest() {
        let model = model(TEXT).expect("it parses");
        model.check().expect("it makes sense");
        let runs = model.runs().expect("the line is there");
        assert_eq!(runs[0].text, TEXT);
        assert!(runs[1].text.contains("\nx\n  skip\n  skip\nqueries["));
        assert!(runs[2].text.contains("\nx\nqueries["));
        assert_eq!(runs[0].expected, [Expected::Holds, Expected::Reached]);
        assert_eq!(runs[1].expected, [Expected::Broken, Expected::Reached]);
    }

    #[test]
    fn a_line_that_is_not_there_once_is_an_error() {
        for text in [TEXT.replace("  check", "  other"), TEXT.replace("  check", "check\ncheck")] {
            assert!(model(&text).and_then(|model| model.runs()).is_err());
        }
    }

    #[test]
    fn a_model_without_reachability_or_mutants_is_refused() {
        for text in [
            TEXT.replace("reached", "holds"),
            TEXT.replace("mutant gone", "case gone"),
            TEXT.replace("gone breaks a", "gone breaks"),
            TEXT.replace("gone breaks a", "gone breaks b"),
        ] {
            assert!(model(&text).expect("it parses").check().is_err());
        }
    }
}
