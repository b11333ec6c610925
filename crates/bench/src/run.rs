//! The driver: for every size all implementations in turn, each in a process of its own.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::record::Line;
use crate::report::{End, Outcome, Report};
use crate::{Failure, Phase, Setting, machine};

/// What a run covers.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// In this order.
    pub settings: Vec<Setting>,
}

/// Where workers find what was made before.
#[must_use]
pub fn cache() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.parent().and_then(Path::parent).unwrap_or(Path::new(".")).join("conclave-bench-cache")
}

impl Plan {
    /// Runs all of it. Whoever takes too long at one size is not tried at larger ones.
    pub fn run(&self, progress: &dyn Fn(&Outcome)) -> Result<Report, Failure> {
        let mut report = Report { machine: machine::facts(), outcomes: Vec::new() };
        let mut exhausted = BTreeSet::new();
        for setting in &self.settings {
            let line = (setting.stack, setting.suite, setting.phase, setting.threads);
            let outcome = if exhausted.contains(&line) {
                Outcome::empty(setting.clone(), End::NotTried)
            } else {
                worker(setting)?
            };
            if outcome.end == End::Stopped {
                exhausted.insert(line);
            }
            progress(&outcome);
            report.outcomes.push(outcome);
        }
        report.machine.push(("load at the end".to_string(), machine::load()));
        Ok(report)
    }
}

/// The program to start: for memory the one whose allocator counts.
fn program(phase: Phase) -> Result<PathBuf, Failure> {
    let this = std::env::current_exe()?;
    let name = if phase.counts_heap() { "conclave-bench-heap" } else { "conclave-bench" };
    Ok(this.with_file_name(name))
}

fn start(setting: &Setting) -> Result<Child, Failure> {
    use clap::ValueEnum;
    let name = |value: Option<clap::builder::PossibleValue>| {
        value.map(|value| value.get_name().to_string()).unwrap_or_default()
    };
    let child = Command::new(program(setting.phase)?)
        .arg("worker")
        .args(["--stack", &name(setting.stack.to_possible_value())])
        .args(["--phase", &name(setting.phase.to_possible_value())])
        .args(["--suite", &setting.suite.to_string()])
        .args(["--members", &setting.members.to_string()])
        .args(["--seconds", &setting.seconds.to_string()])
        .arg("--cache")
        .arg(cache())
        .env("RAYON_NUM_THREADS", setting.threads.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    Ok(child)
}

/// Runs one worker to its end, or to the end of its time.
fn worker(setting: &Setting) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let mut child = start(setting)?;
    let (sender, receiver) = mpsc::channel();
    let output = child.stdout.take().ok_or("a worker without output")?;
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens any more once the worker has been stopped.
            let _ = sender.send(line);
        }
    });
    let mut outcome = Outcome::empty(setting.clone(), End::Finished);
    loop {
        let left = Duration::from_secs(setting.seconds).saturating_sub(started.elapsed());
        match receiver.recv_timeout(left) {
            Ok(line) => outcome.take(serde_json::from_str::<Line>(&line)?),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                child.kill()?;
                outcome.end = End::Stopped;
                break;
            }
        }
    }
    let output = child.wait_with_output()?;
    reader.join().map_err(|_| "reading a worker's output failed")?;
    if outcome.end == End::Finished && !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        outcome.end = End::Failed(words.lines().last().unwrap_or_default().to_string());
    }
    outcome.seconds = started.elapsed().as_secs_f64();
    Ok(outcome)
}
