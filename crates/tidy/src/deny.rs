//! Licences, sources and versions of dependencies, by the lists in `deny.toml`, which cargo-deny
//! reads as well.
//!
//! * `licenses.allow` is what any dependency may be under; `licenses.exceptions` adds to it by
//!   name.
//! * `sources.allow-registry` is where they may come from, `bans.deny` which may not come at all.
//! * `bans.skip` names the packages that protocol crates may link in more than one version.

use std::collections::{BTreeMap, BTreeSet};

use toml::Table;

use crate::{Finding, Graph, Rule, is_protocol_crate};

/// Checks every dependency; `deny` is the text of `deny.toml`.
pub(crate) fn check(graph: &Graph, deny: Option<&str>, findings: &mut Vec<Finding>) {
    let lists = match deny.map(str::parse::<Table>) {
        Some(Ok(table)) => Lists::of(&table),
        _ => return findings.push(Finding::new("deny.toml", 1, Rule::Licence, "cannot be read")),
    };
    for package in graph.packages.iter().filter(|package| package.folder.is_none()) {
        let extra = lists.exceptions.get(&package.name);
        let is_allowed = |licence: &str| {
            lists.allow.contains(licence) || extra.is_some_and(|extra| extra.contains(licence))
        };
        let licence = package.licence.as_deref().unwrap_or("none given");
        if !satisfies(licence, &is_allowed) {
            let message = format!("`{}` is under `{licence}`", package.name);
            findings.push(Finding::new("Cargo.lock", 1, Rule::Licence, message));
        }
        let source = package.source.as_deref().unwrap_or("a folder outside `crates`");
        if !source.strip_prefix("registry+").is_some_and(|it| lists.registries.contains(it)) {
            let message = format!("`{}` comes from {source}", package.name);
            findings.push(Finding::new("Cargo.lock", 1, Rule::Source, message));
        }
        if lists.banned.contains(&package.name) {
            let message = format!("`{}` is banned", package.name);
            findings.push(Finding::new("Cargo.lock", 1, Rule::Source, message));
        }
    }
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (_, package) in graph.crates().filter(|(name, _)| is_protocol_crate(name)) {
        for index in graph.reachable(package) {
            let linked = &graph.packages[index];
            versions.entry(&linked.name).or_default().insert(&linked.version);
        }
    }
    for (name, versions) in versions {
        if versions.len() > 1 && !lists.skip.contains(name) {
            let message = format!("protocol crates link `{name}` in versions {versions:?}");
            findings.push(Finding::new("Cargo.lock", 1, Rule::Duplicate, message));
        }
    }
}

/// The lists of `deny.toml`.
struct Lists {
    allow: BTreeSet<String>,
    exceptions: BTreeMap<String, BTreeSet<String>>,
    registries: BTreeSet<String>,
    banned: BTreeSet<String>,
    skip: BTreeSet<String>,
}

impl Lists {
    fn of(deny: &Table) -> Self {
        let rows = |table: &str, key: &str| {
            let rows = deny.get(table).and_then(|table| table.get(key));
            rows.and_then(|rows| rows.as_array()).cloned().unwrap_or_default()
        };
        let exceptions = rows("licenses", "exceptions").into_iter().map(|row| {
            let allow = row.get("allow").and_then(|allow| allow.as_array()).cloned();
            (crate_name(&row), allow.unwrap_or_default().iter().filter_map(string).collect())
        });
        Self {
            allow: rows("licenses", "allow").iter().filter_map(string).collect(),
            exceptions: exceptions.collect(),
            registries: rows("sources", "allow-registry").iter().filter_map(string).collect(),
            banned: rows("bans", "deny").iter().map(crate_name).collect(),
            skip: rows("bans", "skip").iter().map(crate_name).collect(),
        }
    }
}

fn string(value: &toml::Value) -> Option<String> {
    value.as_str().map(str::to_string)
}

/// The name in `crate = "name"` or `crate = "name@version"`.
fn crate_name(row: &toml::Value) -> String {
    let specification = row.get("crate").and_then(|name| name.as_str()).unwrap_or_default();
    specification.split('@').next().unwrap_or_default().to_string()
}

/// Whether an SPDX expression can be satisfied with allowed licences only.
fn satisfies(expression: &str, is_allowed: &dyn Fn(&str) -> bool) -> bool {
    // Old manifests separate alternatives with a slash.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Spdx { words: &words, is_allowed };
    parser.alternatives() && parser.words.is_empty()
}

/// A parser for `a OR b AND (c OR d WITH exception)` that computes as it goes.
struct Spdx<'a> {
    words: &'a [&'a str],
    is_allowed: &'a dyn Fn(&str) -> bool,
}

impl Spdx<'_> {
    fn alternatives(&mut self) -> bool {
        let mut satisfied = self.conjunction();
        while self.skip("OR") {
            satisfied |= self.conjunction();
        }
        satisfied
    }

    fn conjunction(&mut self) -> bool {
        let mut satisfied = self.licence();
        while self.skip("AND") {
            satisfied &= self.licence();
        }
        satisfied
    }

    fn licence(&mut self) -> bool {
        if self.skip("(") {
            let satisfied = self.alternatives();
            return self.skip(")") && satisfied;
        }
        let Some((licence, rest)) = self.words.split_first() else { return false };
        self.words = rest;
        if self.skip("WITH") {
            // An exception only adds permissions to the licence before it.
            self.words = self.words.get(1..).unwrap_or_default();
        }
        (self.is_allowed)(licence)
    }

    fn skip(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::graph;

    const DENY: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0"]
        exceptions = [{ crate = "special", allow = ["MPL-2.0"] }]
        [bans]
        skip = [{ crate = "twice@1.0.0", reason = "two generations" }]
        deny = [{ crate = "unwanted" }]
        [sources]
        allow-registry = ["https://registry"]
    "#;

    fn messages(packages: &[(&str, &str, &[usize])]) -> Vec<String> {
        let mut findings = Vec::new();
        check(&graph(packages), Some(DENY), &mut findings);
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn expressions_are_satisfied_by_allowed_licences_only() {
        let allowed = |licence: &str| matches!(licence, "MIT" | "Apache-2.0" | "ISC");
        for good in [
            "MIT",
            "MIT/GPL-2.0",
            "GPL-2.0 OR MIT",
            "ISC AND (GPL-2.0 OR MIT)",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
            "GPL-2.0 AND ISC OR MIT",
        ] {
            assert!(satisfies(good, &allowed), "{good}");
        }
        for bad in
            ["GPL-2.0", "MIT AND GPL-2.0", "ISC AND (GPL-2.0 OR LGPL-3.0)", "", "MIT MIT", "(MIT"]
        {
            assert!(!satisfies(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn a_licence_off_the_list_needs_an_exception_by_name() {
        assert_eq!(messages(&[("crates/codec", "", &[1]), ("a", "MIT", &[])]), [""; 0]);
        assert_eq!(messages(&[("a", "MPL-2.0", &[])]), ["`a` is under `MPL-2.0`"]);
        assert_eq!(messages(&[("a", "", &[])]), ["`a` is under `none given`"]);
        assert_eq!(messages(&[("special", "MPL-2.0", &[])]), [""; 0]);
    }

    #[test]
    fn protocol_crates_link_one_version_of_each_package() {
        let two = |folder: &'static str, name: &'static str| {
            let (old, new) = match name {
                "twice" => ("twice@1.0.0", "twice@2.0.0"),
                _ => ("a@1.0.0", "a@2.0.0"),
            };
            messages(&[(folder, "", &[1]), (old, "MIT", &[2]), (new, "MIT", &[])])
        };
        let expected = "protocol crates link `a` in versions {\"1.0.0\", \"2.0.0\"}";
        assert_eq!(two("crates/crypto-x", "a"), [expected]);
        assert_eq!(two("crates/crypto-x", "twice"), [""; 0]);
        assert_eq!(two("crates/cli", "a"), [""; 0]);
    }

    #[test]
    fn a_package_comes_from_the_registry_and_is_not_banned() {
        assert_eq!(messages(&[("wanted", "MIT", &[])]), [""; 0]);
        assert_eq!(messages(&[("unwanted", "MIT", &[])]), ["`unwanted` is banned"]);
        for (source, place) in [
            (None, "a folder outside `crates`"),
            (Some("git+https://registry"), "git+https://registry"),
            (Some("registry+https://other"), "registry+https://other"),
        ] {
            let mut graph = graph(&[("a", "MIT", &[])]);
            graph.packages[0].source = source.map(str::to_string);
            let mut findings = Vec::new();
            check(&graph, Some(DENY), &mut findings);
            let expected = format!("`a` comes from {place}");
            assert_eq!(findings, [Finding::new("Cargo.lock", 1, Rule::Source, expected)]);
        }
    }

    #[test]
    fn a_list_that_cannot_be_read_is_a_finding() {
        for deny in [None, Some("licenses = [")] {
            let mut findings = Vec::new();
            check(&graph(&[]), deny, &mut findings);
            assert_eq!(findings, [Finding::new("deny.toml", 1, Rule::Licence, "cannot be read")]);
        }
    }
}
