//! The dependency graph as `cargo metadata` resolves it: what each package links.
//!
//! Dev-dependencies, build-dependencies and what a procedural macro uses inside the compiler are
//! left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::Failure;

/// All packages of the lock file that the workspace can use.
pub struct Graph {
    /// The packages; dependencies are indices into this list.
    pub packages: Vec<Package>,
}

/// One package of the graph.
#[derive(Default)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its SPDX licence expression, if it has one.
    pub licence: Option<String>,
    /// Where it comes from, `registry+URL` for a registry; `None` for packages of the workspace.
    pub source: Option<String>,
    /// Its folder under `crates/`; `None` for packages from elsewhere.
    pub folder: Option<String>,
    /// What it links.
    pub dependencies: Vec<usize>,
}

impl Graph {
    /// The graph of the workspace at `root`. The lock file must be up to date.
    pub fn of(root: &Path) -> Result<Self, Failure> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["metadata", "--format-version", "1", "--locked"]).current_dir(root);
        let output = command.output()?;
        if !output.status.success() {
            return Err(format!("metadata: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(Self::from_metadata(&serde_json::from_slice(&output.stdout)?))
    }

    fn from_metadata(metadata: &Value) -> Self {
        let crates = format!("{}/crates/", text(metadata, "workspace_root"));
        let mut packages = Vec::new();
        let mut indices = BTreeMap::new();
        for package in list(metadata, "packages") {
            indices.insert(text(package, "id"), packages.len());
            let rest = text(package, "manifest_path").strip_prefix(&crates);
            packages.push(Package {
                name: text(package, "name").to_string(),
                version: text(package, "version").to_string(),
                licence: package["license"].as_str().map(str::to_string),
                source: package["source"].as_str().map(str::to_string),
                folder: rest.and_then(|rest| rest.split('/').next()).map(str::to_string),
                dependencies: Vec::new(),
            });
        }
        let macros = list(metadata, "packages").iter().filter(|package| is_macro(package));
        let macros: BTreeSet<&str> = macros.map(|package| text(package, "id")).collect();
        for node in list(&metadata["resolve"], "nodes") {
            let linked = list(node, "deps").iter().filter(|dependency| {
                let is_normal = |kind: &Value| kind["kind"].is_null();
                list(dependency, "dep_kinds").iter().any(is_normal)
                    && !macros.contains(text(dependency, "pkg"))
            });
            let linked = linked.filter_map(|used| indices.get(text(used, "pkg")).copied());
            if let Some(index) = indices.get(text(node, "id")) {
                packages[*index].dependencies = linked.collect();
            }
        }
        Self { packages }
    }

    /// The crates of the workspace by folder name.
    pub(crate) fn crates(&self) -> impl Iterator<Item = (&str, &Package)> {
        self.packages.iter().filter_map(|package| Some((package.folder.as_deref()?, package)))
    }

    /// Everything that `package` links, directly or not.
    pub(crate) fn reachable(&self, package: &Package) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut waiting = package.dependencies.clone();
        while let Some(index) = waiting.pop() {
            if reached.insert(index) {
                waiting.extend(&self.packages[index].dependencies);
            }
        }
        reached
    }
}

/// Whether a package is a procedural macro.
fn is_macro(package: &Value) -> bool {
    let kinds = list(package, "targets").iter().flat_map(|target| list(target, "kind"));
    kinds.into_iter().any(|kind| kind == "proc-macro")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A graph in a few words: `name` or `crates/folder`, a licence, and indices of dependencies.
    pub(crate) fn graph(packages: &[(&str, &str, &[usize])]) -> Graph {
        let package = |(name, licence, dependencies): &(&str, &str, &[usize])| {
            let folder = name.strip_prefix("crates/");
            let (name, version) = name.split_once('@').unwrap_or((name, "1.0.0"));
            Package {
                name: folder.map_or(name.to_string(), |folder| format!("conclave-{folder}")),
                version: version.to_string(),
                licence: (!licence.is_empty()).then(|| (*licence).to_string()),
                source: folder.is_none().then(|| "registry+https://registry".to_string()),
                folder: folder.map(str::to_string),
                dependencies: dependencies.to_vec(),
            }
        };
        Graph { packages: packages.iter().map(package).collect() }
    }

    #[test]
    fn metadata_gives_folders_licences_and_what_is_linked() {
        let metadata = serde_json::json!({
            "workspace_root": "/w",
            "packages": [
                { "id": "a", "name": "conclave-a", "version": "0.1.0", "license": null,
                  "manifest_path": "/w/crates/a/Cargo.toml" },
                { "id": "b", "name": "b", "version": "2.0.0", "license": "MIT",
                  "manifest_path": "/elsewhere/b/Cargo.toml" },
                { "id": "c", "name": "c", "version": "3.0.0", "license": "MIT",
                  "manifest_path": "/elsewhere/c/Cargo.toml" },
                { "id": "d", "name": "d", "version": "4.0.0", "license": "MIT",
                  "manifest_path": "/elsewhere/d/Cargo.toml", "targets": [{ "kind": ["lib"] }] },
                { "id": "m", "name": "m", "version": "5.0.0", "license": "MIT",
                  "manifest_path": "/elsewhere/m/Cargo.toml",
                  "targets": [{ "kind": ["proc-macro"] }] },
            ],
            "resolve": { "nodes": [
                { "id": "a", "deps": [
                    { "pkg": "b", "dep_kinds": [{ "kind": "dev" }, { "kind": null }] },
                    { "pkg": "c", "dep_kinds": [{ "kind": "dev" }] },
                ] },
                { "id": "b", "deps": [
                    { "pkg": "c", "dep_kinds": [{ "kind": "build" }] },
                    { "pkg": "d", "dep_kinds": [{ "kind": null }] },
                    { "pkg": "m", "dep_kinds": [{ "kind": null }] },
                ] },
            ] },
        });
        let graph = Graph::from_metadata(&metadata);
        let crates: Vec<&str> = graph.crates().map(|(folder, _)| folder).collect();
        assert_eq!(crates, ["a"]);
        assert_eq!(graph.packages[0].dependencies, [1]);
        assert_eq!(graph.packages[1].licence.as_deref(), Some("MIT"));
        assert_eq!(graph.reachable(&graph.packages[0]), BTreeSet::from([1, 3]));
    }
}
