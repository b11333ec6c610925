//! Style as a test: every rule of the project's style that a machine can hold.
//!
//! [`check`] reads the workspace and returns a [`Report`]: all findings at once, and the numbers
//! that `cargo run -p conclave-tidy` prints. The rules are listed in [`Rule`]; a file is excused
//! from one by name and with a reason in `crates/tidy/exceptions.txt`, and an exception that
//! excuses nothing is a finding itself.
//!
//! | module | what it looks at |
//! |---|---|
//! | `text` | lines: length, headers, words, comments, forbidden strings |
//! | `tokens` | tokens: `unwrap`, `expect`, `cfg`, `async`, wildcard re-exports, test hooks |
//! | `syntax` | the syntax tree: function length and parameters, type parameters |
//! | `manifests` | `Cargo.toml` files |
//! | `layers` | which crate may use which |
//! | `deny` | licences, sources and duplicate versions of dependencies |
//! | [`violations`] | the `Violation` enums: documented, anchored, tested |
//! | [`registry`] | the page that is made of them |
//! | `named_tests` | tests that documents name |

mod deny;
mod exceptions;
mod finding;
mod graph;
mod layers;
mod manifests;
mod named_tests;
mod numbers;
pub mod registry;
mod source;
mod syntax;
mod test_functions;
mod text;
mod tokens;
pub mod violations;
mod workspace;

use std::path::Path;

pub use finding::{Finding, Rule};
pub use graph::{Graph, Package};
pub use numbers::Numbers;
pub use source::SourceFile;
pub use test_functions::{TestFunction, test_functions};
pub use workspace::Workspace;

/// Whatever kept the check from running at all.
pub type Failure = Box<dyn std::error::Error>;

/// The crates that make up the protocol; some rules hold for them only.
///
/// Crypto backends (`crypto-*`) count as well, see [`is_protocol_crate`].
pub const PROTOCOL_CRATES: [&str; 7] =
    ["codec", "crypto", "wire", "tree", "treekem", "protection", "mls"];

/// Crates beside the protocol crates that list rules of RFC 9420 in a `Violation` enum of their
/// own.
pub const MORE_CRATES_WITH_RULES: [&str; 3] = ["authentication", "client", "x509"];

/// Whether the crate in folder `name` is a protocol crate.
#[must_use]
pub fn is_protocol_crate(name: &str) -> bool {
    PROTOCOL_CRATES.contains(&name) || name.starts_with("crypto-")
}

/// The page `docs/violations.md` as it must be for the workspace at `root`.
pub fn violations_page(root: &Path) -> Result<String, Failure> {
    let workspace = Workspace::read(root)?;
    let tests = test_functions(&workspace.sources);
    Ok(registry::page(&violations::catalogue(&workspace.sources, &tests)))
}

/// What the check found.
pub struct Report {
    /// Broken rules that no exception excuses, by path and line.
    pub findings: Vec<Finding>,
    /// The measures of the style, for the protocol crates and for everything.
    pub numbers: Numbers,
}

/// Checks the workspace at `root` against every rule.
pub fn check(root: &Path) -> Result<Report, Failure> {
    let workspace = Workspace::read(root)?;
    let graph = Graph::of(root)?;
    let mut findings = workspace.unreadable.clone();
    for (path, text) in &workspace.texts {
        text::check_any(path, text, &mut findings);
    }
    for file in &workspace.sources {
        text::check_rust(file, &mut findings);
        tokens::check(file, &mut findings);
        syntax::check(file, &mut findings);
    }
    tokens::check_cfg_count(&workspace.sources, &mut findings);
    manifests::check(&workspace, &mut findings);
    layers::check(&graph, &mut findings);
    deny::check(&graph, workspace.text("deny.toml"), &mut findings);
    let tests = test_functions(&workspace.sources);
    let violations = violations::catalogue(&workspace.sources, &tests);
    violations::check(&violations, &tests, &mut findings);
    registry::check(&violations, workspace.text(registry::PATH), &mut findings);
    for (path, text) in workspace.texts.iter().filter(|(path, _)| path.ends_with(".md")) {
        named_tests::check(path, text, &tests, &mut findings);
    }
    let numbers = Numbers::of(&workspace, &violations);
    let exceptions = workspace.text(exceptions::PATH).unwrap_or_default();
    Ok(Report { findings: exceptions::apply(exceptions, findings), numbers })
}
