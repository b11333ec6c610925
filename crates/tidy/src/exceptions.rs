//! The exception list: one `path | rule | reason` a line, `#` for comments.
//!
//! An exception excuses every finding of its rule in its file. One that excuses nothing, repeats
//! another, names no rule or gives no reason is a finding.

use std::collections::BTreeSet;

use crate::{Finding, Rule};

/// Where the list is.
pub(crate) const PATH: &str = "crates/tidy/exceptions.txt";

/// The findings that `list` does not excuse, and those about the list itself, sorted.
pub(crate) fn apply(list: &str, findings: Vec<Finding>) -> Vec<Finding> {
    let mut about_list = Vec::new();
    let mut excused = BTreeSet::new();
    for (index, line) in list.lines().enumerate() {
        let mut refuse = |message: &str| {
            about_list.push(Finding::new(PATH, index + 1, Rule::Exception, message));
        };
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let [path, name, reason] = parts[..] else {
            refuse("is not `path | rule | reason`");
            continue;
        };
        let Some(rule) = Rule::ALL.iter().find(|rule| rule.name() == name) else {
            refuse("names no rule");
            continue;
        };
        if reason.split_whitespace().count() < 3 {
            refuse("gives no reason");
        } else if !findings.iter().any(|found| found.path == path && found.rule == *rule) {
            refuse("excuses nothing; remove it");
        } else if !excused.insert((path, *rule)) {
            refuse("repeats an earlier line");
        }
    }
    let mut left: Vec<Finding> = findings
        .into_iter()
        .filter(|found| !excused.contains(&(found.path.as_str(), found.rule)))
        .chain(about_list)
        .collect();
    left.sort();
    left.dedup();
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding() -> Finding {
        Finding::new("a.rs", 3, Rule::Columns, "too wide")
    }

    #[test]
    fn an_exception_excuses_its_rule_in_its_file_only() {
        let other = Finding::new("b.rs", 3, Rule::Columns, "too wide");
        let list = "# a comment\n\na.rs | columns | a table that must not wrap\n";
        assert_eq!(apply(list, vec![finding(), other.clone()]), [other]);
    }

    #[test]
    fn an_unused_repeated_or_malformed_exception_is_a_finding() {
        let good = "a.rs | columns | a table that must not wrap\n";
        for (bad, message) in [
            ("a.rs | unwrap | a table that must not wrap\n", "excuses nothing; remove it"),
            ("a.rs | nonsense | a table that must not wrap\n", "names no rule"),
            ("a.rs | columns\n", "is not `path | rule | reason`"),
            ("a.rs | columns | \n", "gives no reason"),
            (good, "repeats an earlier line"),
        ] {
            let left = apply(&[good, bad].concat(), vec![finding()]);
            assert_eq!(left, [Finding::new(PATH, 2, Rule::Exception, message)]);
        }
    }
}
