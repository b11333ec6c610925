//! `docs/violations.md`: the rules of all layers with the tests that hold them, as a page.

use std::fmt::Write;

use crate::violations::Violation;
use crate::{Finding, MORE_CRATES_WITH_RULES, PROTOCOL_CRATES, Rule};

/// The page, from the workspace root.
pub const PATH: &str = "docs/violations.md";

const INTRODUCTION: &str = "\
# Violations

Every way in which a peer can break RFC 9420, by the layer that sees it. The *negative* tests forge
the breach from outside and assert that it is refused for this reason; the *edge* tests show the
closest input that is accepted. Files are named from the crate's folder.

Written by `cargo run -p conclave-tidy -- violations` from the sources and their tests. Tidy fails
while this page is stale, a rule cites no section, or a rule lacks a test of either kind.
";

/// The page that says what the sources say.
#[must_use]
pub fn page(violations: &[Violation]) -> String {
    let mut page = INTRODUCTION.to_string();
    for layer in PROTOCOL_CRATES.into_iter().chain(MORE_CRATES_WITH_RULES) {
        let mut rules = violations.iter().filter(|violation| violation.crate_name == layer);
        let Some(first) = rules.next() else { continue };
        let count = rules.clone().count() + 1;
        // Writing to a string cannot fail.
        let _ = writeln!(page, "\n## {layer}\n\n{count} rules, declared in `{}`.\n", first.path);
        page.push_str("| name | rule | section | negative tests | edge tests |\n");
        page.push_str("|---|---|---|---|---|\n");
        std::iter::once(first).chain(rules).for_each(|rule| page.push_str(&row(rule)));
    }
    page
}

fn row(violation: &Violation) -> String {
    let Violation { variant, rule, section, negative, edge, .. } = violation;
    let rule = rule.replace('|', "\\|");
    format!("| `{variant}` | {rule} | {section} | {} | {} |\n", cell(negative), cell(edge))
}

fn cell(tests: &[String]) -> String {
    let names: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
    if names.is_empty() { "**none**".to_string() } else { names.join("<br>") }
}

/// The page is what [`page`] makes of the sources.
pub(crate) fn check(violations: &[Violation], found: Option<&str>, findings: &mut Vec<Finding>) {
    let expected = page(violations);
    let found = found.unwrap_or_default();
    if violations.is_empty() || found == expected {
        return;
    }
    let same = found.lines().zip(expected.lines()).take_while(|(old, new)| old == new);
    let message = "is stale; run `cargo run -p conclave-tidy -- violations`";
    findings.push(Finding::new(PATH, same.count() + 1, Rule::Violation, message));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(crate_name: &str, edge: &[&str]) -> Violation {
        Violation {
            crate_name: crate_name.to_string(),
            variant: "Wrong".to_string(),
            rule: "It is a|b.".to_string(),
            section: "7.3".to_string(),
            path: format!("crates/{crate_name}/src/error.rs"),
            line: 1,
            negative: vec!["a.rs: one".to_string(), "a.rs: two".to_string()],
            edge: edge.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn the_page_has_a_table_for_each_layer_in_order() {
        let mls = violation("mls", &[]);
        let page = page(&[violation("x509", &[]), mls, violation("tree", &["b.rs: three"])]);
        let tree = "## tree\n\n1 rules, declared in `crates/tree/src/error.rs`.\n\n| name |";
        let (tree, mls) = (page.find(tree).unwrap(), page.find("## mls\n").unwrap());
        assert!(tree < mls && mls < page.find("## x509\n").unwrap());
        let row = "| `Wrong` | It is a\\|b. | 7.3 | `a.rs: one`<br>`a.rs: two` |";
        assert!(page[tree..mls].contains(&format!("{row} `b.rs: three` |\n")));
        assert!(page[mls..].ends_with(&format!("{row} **none** |\n")));
    }

    #[test]
    fn a_stale_page_is_found_at_the_first_line_that_differs() {
        let violations = [violation("tree", &[])];
        let mut findings = Vec::new();
        let text = page(&violations);
        check(&violations, Some(&text), &mut findings);
        assert_eq!(findings, []);
        check(&violations, Some(&text.replace("Wrong", "Right")), &mut findings);
        check(&violations, None, &mut findings);
        check(&violations, Some(&format!("{text}\n")), &mut findings);
        let lines = text.lines().count();
        let found: Vec<usize> = findings.iter().map(|finding| finding.line).collect();
        assert_eq!(found, [lines, 1, lines + 1]);
    }
}
