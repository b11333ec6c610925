//! Mutants: copies of the source with one guarantee broken, each of which the suites must catch.
//!
//! A mutant is a file of `crates/trials/mutants`: what it breaks, the file, the tests that should
//! notice, and a text that stands in the file exactly once with what stands there instead. The
//! mutants are built and tested one by one in a checkout of their own, with the workspace's
//! dependencies; that takes minutes each, so it is no test. That all of them still fit the source
//! is one. A test that hangs counts: the time of each mutant has an end, and what then has run for
//! long is named.

use crate::Failure;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The folder of the mutants, from the root of the workspace.
const FOLDER: &str = "crates/trials/mutants";

/// Separates the parts of a mutant's file.
const SEARCH: &str = "--- instead of\n";
const REPLACE: &str = "\n--- there is\n";

/// Which mutants to test, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only these; all if empty.
    pub only: Vec<String>,
    /// How long the tests of one may run, once they are built.
    pub patience: Duration,
}

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
pub fn run(root: &Path, options: &Options, tell: impl Fn(&str)) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let checkout = folder.path().join("checkout");
    git(root, &["worktree", "add", "--detach"], &checkout)?;
    let outcome = run_in(root, &checkout, options, tell);
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
    options: &Options,
    tell: impl Fn(&str),
) -> Result<(), Failure> {
    let (mutants, mut alive) = (all(root)?, Vec::new());
    let is_there = |name: &&String| mutants.iter().any(|mutant| mutant.name == **name);
    if let Some(name) = options.only.iter().find(|name| !is_there(name)) {
        return Err(format!("no mutant {name}").into());
    }
    for mutant in mutants {
        if !options.only.is_empty() && !options.only.contains(&mutant.name) {
            continue;
        }
        let file = checkout.join(&mutant.file);
        let source = std::fs::read_to_string(&file)?;
        std::fs::write(&file, mutant.apply(&source)?)?;
        let caught = caught_by(root, checkout, &mutant, options.patience)?;
        std::fs::write(&file, source)?;
        let by = caught.as_deref().unwrap_or("NOTHING");
        tell(&format!("| {} | {} | `{by}` |", mutant.name, mutant.breaks));
        alive.extend(caught.is_none().then_some(mutant.name));
    }
    if alive.is_empty() { Ok(()) } else { Err(format!("not caught: {}", alive.join(", ")).into()) }
}

/// The test that notices, if one does; the others are not waited for.
fn caught_by(
    root: &Path,
    checkout: &Path,
    mutant: &Mutant,
    patience: Duration,
) -> Result<Option<String>, Failure> {
    let cargo = |last: &[&str]| {
        let mut command = Command::new("cargo");
        command.arg("test").args(&mutant.tests).args(last).current_dir(checkout);
        command.env("CARGO_TARGET_DIR", root.join("target"));
        command
    };
    if !cargo(&["--no-run"]).status()?.success() {
        return Err(format!("{} does not compile", mutant.name).into());
    }
    let mut command = cargo(&[]);
    // A group of its own: cargo and the tests that it started are ended together.
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let out = child.stdout.take().ok_or("cargo has no output")?;
    let watched = watch(out, patience);
    if !matches!(watched, Watched::Ended) {
        let group = format!("-{}", child.id());
        Command::new("kill").args(["-KILL", "--", &group]).status()?;
    }
    let status = child.wait()?;
    match watched {
        Watched::Failed(name) => Ok(Some(name)),
        Watched::Stuck(names) if names.is_empty() => {
            let minutes = patience.as_secs() / 60;
            Err(format!("{}: no test has failed or hung in {minutes} min", mutant.name).into())
        }
        Watched::Stuck(names) => Ok(Some(format!("{}, which does not end", names.join(", ")))),
        Watched::Ended if status.success() => Ok(None),
        Watched::Ended => Err(format!("{}: cargo failed without a test", mutant.name).into()),
    }
}

/// What tests do.
#[derive(Debug, PartialEq, Eq)]
enum Watched {
    /// They have ended, and none failed.
    Ended,
    /// This one has failed.
    Failed(String),
    /// The time is over, and these have run for long.
    Stuck(Vec<String>),
}

/// Reads what the test harness prints, until a test fails or the time is over.
fn watch(out: impl Read + Send + 'static, patience: Duration) -> Watched {
    let (sender, lines) = mpsc::channel();
    // Ends with the output, which ends with the processes that write it.
    std::thread::spawn(move || {
        BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    let end = Instant::now() + patience;
    let mut slow: Vec<String> = Vec::new();
    loop {
        let line = match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => return Watched::Ended,
            Err(RecvTimeoutError::Timeout) => return Watched::Stuck(slow),
        };
        let Some(rest) = line.strip_prefix("test ") else { continue };
        if let Some(name) = rest.strip_suffix(" ... FAILED") {
            return Watched::Failed(name.to_owned());
        }
        if let Some((name, _)) = rest.split_once(" has been running for over") {
            slow.push(name.to_owned());
        } else if let Some((name, _)) = rest.split_once(" ... ") {
            slow.retain(|it| it != name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    const LONG: Duration = Duration::from_secs(600);

    fn seen(text: &'static str) -> Watched {
        watch(text.as_bytes(), LONG)
    }

    #[test]
    fn the_first_test_that_fails_is_named() {
        let ended = "running 2 tests\ntest a::b ... ok\ntest c ... ignored\n";
        assert_eq!(seen(ended), Watched::Ended);
        let failed = "test a ... ok\ntest b::c ... FAILED\ntest d ... FAILED\n";
        assert_eq!(seen(failed), Watched::Failed("b::c".to_owned()));
    }

    #[test]
    fn tests_that_do_not_end_are_named() {
        let text = "test a has been running for over 60 seconds\n\
                    test b has been running for over 60 seconds\ntest a ... ok\ntest c ... ok\n";
        // What is written stays open: nothing says that it is all.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut writer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (reader, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut writer, text.as_bytes()).unwrap();
        let watched = watch(reader, Duration::from_secs(2));
        assert_eq!(watched, Watched::Stuck(vec!["b".to_owned()]));
        drop(writer);
    }
}
