//! The command line.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::report::{Outcome, Report};
use crate::run::Plan;
use crate::scenario::HeapProbe;
use crate::{Failure, Phase, Setting, Stack, machine, table, worker};

/// What operations of MLS cost: Conclave, its peers, and the floor of cryptography.
#[derive(Parser)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Measures and prints tables.
    Run(RunOptions),
    /// Measures one implementation at one size and prints lines of JSON; started by the others.
    Worker(WorkerOptions),
}

#[derive(Args)]
struct RunOptions {
    /// Cipher suites: 1, 2, 3.
    #[arg(long, value_delimiter = ',', default_values_t = [1])]
    suite: Vec<u16>,
    /// Numbers of members.
    #[arg(long, value_delimiter = ',', default_values_t = [2, 10, 100, 1_000])]
    members: Vec<u32>,
    /// Implementations.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Stack::ALL)]
    stack: Vec<Stack>,
    /// Parts.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Phase::ALL)]
    phase: Vec<Phase>,
    /// Threads for linear work; 0 for as many as there are processors.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// After how many seconds a worker is stopped.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Writes all measurements here.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct WorkerOptions {
    #[arg(long, value_enum)]
    stack: Stack,
    #[arg(long, default_value_t = 1)]
    suite: u16,
    #[arg(long)]
    members: u32,
    #[arg(long, value_enum)]
    phase: Phase,
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    #[arg(long)]
    cache: PathBuf,
}

/// Runs the program; `heap` if its allocator counts.
#[must_use]
pub fn main(heap: Option<HeapProbe>) -> ExitCode {
    let result = match Command::parse().action {
        Action::Run(options) => run(&options),
        Action::Worker(options) => work(options, heap),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn work(options: WorkerOptions, heap: Option<HeapProbe>) -> Result<(), Failure> {
    let WorkerOptions { stack, suite, members, phase, seconds, cache } = options;
    let setting = Setting { stack, suite, members, phase, threads: 1, seconds };
    worker::work(&setting, &cache, heap)
}

/// Tells what is going on, on the standard error.
fn progress(outcome: &Outcome) {
    let Setting { stack, suite, members, phase, .. } = &outcome.setting;
    let seconds = outcome.seconds;
    eprintln!("{members:>7} {phase:?} suite {suite} {stack}: {:?}, {seconds:.1} s", outcome.end);
}

fn run(options: &RunOptions) -> Result<(), Failure> {
    let threads = if options.threads == 0 { machine::processors() } else { options.threads };
    let mut plan = Plan::default();
    for &suite in &options.suite {
        for &members in &options.members {
            for &phase in &options.phase {
                let seconds = options.seconds;
                let settings = options.stack.iter().map(|&stack| Setting {
                    stack,
                    suite,
                    members,
                    phase,
                    threads,
                    seconds,
                });
                plan.settings.extend(settings);
            }
        }
    }
    let report = plan.run(&progress)?;
    finish(&report, options.json.as_ref())
}

fn finish(report: &Report, json: Option<&PathBuf>) -> Result<(), Failure> {
    if let Some(path) = json {
        fs::write(path, serde_json::to_vec_pretty(report)?)?;
    }
    println!("{}", table::tables(report));
    Ok(())
}
