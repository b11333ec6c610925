//! The workspace keeps every rule of its style that a machine can hold.

use std::path::Path;

use tidy::Rule;

#[test]
fn the_workspace_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let report = tidy::check(&root).unwrap();
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn every_rule_has_a_name_of_its_own_and_a_summary() {
    let names: std::collections::BTreeSet<&str> = Rule::ALL.iter().map(|it| it.name()).collect();
    assert_eq!(names.len(), Rule::ALL.len());
    for rule in Rule::ALL {
        assert!(rule.summary().ends_with('.'), "{}", rule.name());
    }
}
