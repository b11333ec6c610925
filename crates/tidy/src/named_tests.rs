//! Documents name tests as `crate: function` in backquotes; each must exist.

use crate::{Finding, Rule, TestFunction};

/// Every test that a document names exists.
pub(crate) fn check(path: &str, text: &str, tests: &[TestFunction], findings: &mut Vec<Finding>) {
    for (line, content) in (1..).zip(text.lines()) {
        for (crate_name, name) in named(content) {
            if !tests.iter().any(|test| test.crate_name == crate_name && test.name == name) {
                let message = format!("there is no test `{name}` in crate `{crate_name}`");
                findings.push(Finding::new(path, line, Rule::NamedTest, message));
            }
        }
    }
}

/// The code spans of a line that are a crate, a colon, a space and an identifier with underscores:
/// no other code looks so.
fn named(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_word = |word: &str, other: char| {
        let is_part = |letter: char| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == other
        };
        word.starts_with(|letter: char| letter.is_ascii_lowercase()) && word.chars().all(is_part)
    };
    line.split('`').skip(1).step_by(2).filter_map(|span| span.split_once(": ")).filter(
        move |(crate_name, name)| {
            is_word(crate_name, '-') && is_word(name, '_') && name.matches('_').count() > 1
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_test_exists_in_the_crate_that_is_named() {
        let test = TestFunction {
            crate_name: "mls".to_string(),
            path: "crates/mls/tests/it/a.rs".to_string(),
            line: 1,
            name: "it_must_hold".to_string(),
            names: Vec::new(),
            edge_of: Vec::new(),
        };
        let text = "# Title\n\n| `mls: it_must_hold` | `tree: it_must_hold`, `mls: it_may_not` |\n\
                    `cargo test: all`, `error: a b`, mls: it_may_not, `time_seconds: u64`\n";
        let mut findings = Vec::new();
        check("docs/a.md", text, &[test], &mut findings);
        let found: Vec<_> = findings.iter().map(|it| (it.line, it.message.as_str())).collect();
        let tree = "there is no test `it_must_hold` in crate `tree`";
        assert_eq!(found, [(3, tree), (3, "there is no test `it_may_not` in crate `mls`")]);
    }
}
