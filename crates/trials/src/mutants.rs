//! Mutants: copies of the source with one guarantee broken, each of which the suites must catch.
//!
//! A mutant is a file of `crates/trials/mutants`: what it breaks, the file, the tests that should
//! notice, and a text that stands in the file exactly once with what stands there instead. The
//! mutants are built and tested one by one in a checkout of their own, with the workspace's
//! dependencies; that takes minutes each, so it is no test. That all of them still fit the source
//! is one.

use crate::Failure;
use std::path::Path;
use std::process::{Command, Stdio};

/// The folder of the mutants, from the root of the workspace.
const FOLDER: &str = "crates/trials/mutants";

/// Separates the parts of a mutant's file.
const SEARCH: &str = "--- instead of\n";
const REPLACE: &str = "\n--- there is\n";

/// A mutant.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// The name of its file.
    pub name: String,
    /// What it breaks.
    pub breaks: String,
    /// The file that is changed, from the root of the workspace.
    pub file: String,
    /// The arguments of `cargo test` that should fail.
    pub tests: Vec<String>,
    search: String,
    replace: String,
}

impl Mutant {
    fn parse(name: &str, text: &str) -> Option<Self> {
        let (head, change) = text.split_once(SEARCH)?;
        let (search, replace) = change.strip_suffix('\n')?.split_once(REPLACE)?;
        let field = |label: &str| head.lines().find_map(|line| line.strip_prefix(label));
        Some(Self {
            name: name.to_owned(),
            breaks: field("breaks: ")?.to_owned(),
            file: field("file: ")?.to_owned(),
            tests: field("tests: ")?.split(' ').map(str::to_owned).collect(),
            search: search.to_owned(),
            replace: replace.to_owned(),
        })
    }

    /// The mutated source.
    ///
    /// # Errors
    /// What is to be replaced does not stand there exactly once.
    pub fn apply(&self, source: &str) -> Result<String, Failure> {
        match source.matches(&self.search).count() {
            1 => Ok(source.replacen(&self.search, &self.replace, 1)),
            count => Err(format!("{}: fits {} {count} times", self.name, self.file).into()),
        }
    }
}

/// All mutants, in the order of their names.
///
/// # Errors
/// A file is not one of a mutant.
pub fn all(root: &Path) -> Result<Vec<Mutant>, Failure> {
    let mut mutants = Vec::new();
    for entry in std::fs::read_dir(root.join(FOLDER))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let mutant = Mutant::parse(name, &std::fs::read_to_string(&path)?);
        mutants.push(mutant.ok_or_else(|| format!("{}: no mutant", path.display()))?);
    }
    mutants.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(mutants)
}

/// Builds and tests mutants of the last commit in a checkout of its own; tells of each the test
/// that caught it.
///
/// # Errors
/// One was not caught, or nothing could be built.
pub fn run(root: &Path, only: Option<&str>, tell: impl Fn(&str)) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let checkout = folder.path().join("checkout");
    git(root, &["worktree", "add", "--detach"], &checkout)?;
    let outcome = run_in(root, &checkout, only, tell);
    git(root, &["worktree", "remove", "--force"], &checkout)?;
    outcome
}

fn git(root: &Path, arguments: &[&str], checkout: &Path) -> Result<(), Failure> {
    let mut command = Command::new("git");
    let status = command.current_dir(root).args(arguments).arg(checkout).status()?;
    if status.success() { Ok(()) } else { Err("git failed".into()) }
}

fn run_in(
    root: &Path,
    checkout: &Path,
    only: Option<&str>,
    tell: impl Fn(&str),
) -> Result<(), Failure> {
    let mut alive = Vec::new();
    for mutant in all(root)? {
        if only.is_some_and(|only| only != mutant.name) {
            continue;
        }
        let file = checkout.join(&mutant.file);
        let source = std::fs::read_to_string(&file)?;
        std::fs::write(&file, mutant.apply(&source)?)?;
        let caught = caught_by(root, checkout, &mutant)?;
        std::fs::write(&file, source)?;
        let by = caught.as_deref().unwrap_or("NOTHING");
        tell(&format!("| {} | {} | `{by}` |", mutant.name, mutant.breaks));
        alive.extend(caught.is_none().then_some(mutant.name));
    }
    if alive.is_empty() { Ok(()) } else { Err(format!("not caught: {}", alive.join(", ")).into()) }
}

/// The first test that fails.
fn caught_by(root: &Path, checkout: &Path, mutant: &Mutant) -> Result<Option<String>, Failure> {
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.arg("test").args(&mutant.tests).args(arguments).current_dir(checkout);
        command.env("CARGO_TARGET_DIR", root.join("target")).stderr(Stdio::inherit());
        command
    };
    if !cargo(&["--no-run"]).status()?.success() {
        return Err(format!("{} does not compile", mutant.name).into());
    }
    let output = cargo(&[]).stderr(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let failed = text.lines().find_map(|line| {
        let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        Some(name.to_owned())
    });
    match (output.status.success(), failed) {
        (true, _) => Ok(None),
        (false, Some(name)) => Ok(Some(name)),
        (false, None) => Err(format!("{}: cargo failed without a test", mutant.name).into()),
    }
}
