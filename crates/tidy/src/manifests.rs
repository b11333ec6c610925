//! Rules over `Cargo.toml` files.

use toml::{Table, Value};

use crate::{Finding, Rule, Workspace, is_protocol_crate};

/// Checks the manifest of the workspace and of every crate.
pub(crate) fn check(workspace: &Workspace, findings: &mut Vec<Finding>) {
    for (path, text) in &workspace.texts {
        if path == "Cargo.toml" {
            check_workspace_table(path, text, findings);
        }
        let rest = path.strip_prefix("crates/").and_then(|rest| rest.strip_suffix("/Cargo.toml"));
        if let Some(name) = rest.filter(|name| !name.contains('/')) {
            check_crate(path, name, text, findings);
        }
    }
}

/// Every external dependency in `[workspace.dependencies]` stands under a comment, alone or in a
/// run of lines that one comment explains.
fn check_workspace_table(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let mut in_table = false;
    let mut has_comment = false;
    for (line, content) in (1..).zip(text.lines()) {
        if content.starts_with('[') {
            in_table = content.trim() == "[workspace.dependencies]";
        }
        let is_entry = content.starts_with(|first: char| first.is_ascii_alphanumeric());
        if in_table && is_entry && !content.contains("path = ") && !has_comment {
            let name = content.split([' ', '=', '.']).next().unwrap_or_default();
            let message = format!("`{name}` has no comment above that says what it is for");
            findings.push(Finding::new(path, line, Rule::Dependency, message));
        }
        has_comment = content.starts_with("# ") || (is_entry && has_comment);
    }
}

/// One crate: it inherits lints and versions, and a protocol crate has no features.
fn check_crate(path: &str, name: &str, text: &str, findings: &mut Vec<Finding>) {
    let mut found = |rule, message: String| findings.push(Finding::new(path, 1, rule, message));
    let Ok(manifest) = text.parse::<Table>() else {
        return found(Rule::Syntax, "is not TOML".to_string());
    };
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    if lints.and_then(Value::as_bool) != Some(true) {
        found(Rule::Lints, "does not say `[lints] workspace = true`".to_string());
    }
    for (dependency, value) in dependencies(&manifest) {
        if value.get("workspace").and_then(Value::as_bool) != Some(true) {
            let message = format!("`{dependency}` does not say `workspace = true`");
            found(Rule::Dependency, message);
        }
        if is_protocol_crate(name) && value.get("optional").is_some() {
            found(Rule::Features, format!("`{dependency}` is optional"));
        }
    }
    if is_protocol_crate(name) && features(&manifest) > 0 {
        found(Rule::Features, "a protocol crate has Cargo features".to_string());
    }
}

/// How many features a manifest declares.
pub(crate) fn features(manifest: &Table) -> usize {
    manifest.get("features").and_then(Value::as_table).map_or(0, Table::len)
}

/// Every entry of every dependency table, those of `[target.*]` included.
fn dependencies(manifest: &Table) -> Vec<(String, Value)> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter();
    let targets = targets.flat_map(Table::values).filter_map(Value::as_table);
    let tables = std::iter::once(manifest).chain(targets);
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let entries = tables.flat_map(|table| kinds.map(|kind| table.get(kind)));
    let entries = entries.flatten().filter_map(Value::as_table).flatten();
    entries.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<(usize, Rule)> {
        let files = vec![(path.to_string(), text.to_string())];
        let mut findings = Vec::new();
        check(&Workspace::of(files), &mut findings);
        findings.into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    fn codec(text: &str) -> Vec<(usize, Rule)> {
        rules("crates/codec/Cargo.toml", &format!("{text}\n[lints]\nworkspace = true\n"))
    }

    #[test]
    fn an_external_dependency_stands_under_a_comment() {
        let table = "[workspace.dependencies]\ncodec = { path = \"crates/codec\" }\n";
        assert_eq!(rules("Cargo.toml", &format!("{table}# Erasing.\nzeroize = \"1\"\n")), []);
        let bare = format!("{table}# Erasing.\n\nzeroize = \"1\"\n");
        assert_eq!(rules("Cargo.toml", &bare), [(5, Rule::Dependency)]);
        let run = format!("{table}# Erasing.\nzeroize = \"1\"\nsubtle = \"2\"\n");
        assert_eq!(rules("Cargo.toml", &run), []);
        assert_eq!(rules("Cargo.toml", &format!("{run}\nsyn = \"3\"\n")), [(7, Rule::Dependency)]);
        assert_eq!(rules("Cargo.toml", "[profile.dev]\ndebug = 1\n"), []);
    }

    #[test]
    fn a_crate_inherits_lints() {
        let path = "crates/cli/Cargo.toml";
        assert_eq!(rules(path, "[lints]\nworkspace = true\n"), []);
        assert_eq!(rules(path, "lints.workspace = true\n"), []);
        assert_eq!(rules(path, "[lints]\nworkspace = false\n"), [(1, Rule::Lints)]);
        assert_eq!(rules(path, "[package]\nname = \"x\"\n"), [(1, Rule::Lints)]);
        assert_eq!(rules(path, "[lints\n"), [(1, Rule::Syntax)]);
    }

    #[test]
    fn a_crate_takes_its_dependencies_from_the_workspace() {
        assert_eq!(codec("[dependencies]\na.workspace = true\n"), []);
        assert_eq!(codec("[dev-dependencies]\na = { workspace = true, features = [] }\n"), []);
        assert_eq!(codec("[dependencies]\na = \"1\"\n"), [(1, Rule::Dependency)]);
        let target = "[target.'cfg(unix)'.dependencies]\na = { version = \"1\" }\n";
        assert_eq!(codec(target), [(1, Rule::Dependency)]);
    }

    #[test]
    fn a_protocol_crate_has_no_features() {
        let features = "[features]\nfast = []\n";
        let optional = "[dependencies]\na = { workspace = true, optional = true }\n";
        assert_eq!(codec(features), [(1, Rule::Features)]);
        assert_eq!(codec(optional), [(1, Rule::Features)]);
        let cli = format!("{features}{optional}[lints]\nworkspace = true\n");
        assert_eq!(rules("crates/cli/Cargo.toml", &cli), []);
    }
}
