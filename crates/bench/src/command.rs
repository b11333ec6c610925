//! The command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::report::{Outcome, Report};
use crate::run::Plan;
use crate::scenario::{Guarded, HeapProbe};
use crate::{
    Failure, Phase, Setting, Stack, docs, instructions, machine, plan, plot, table, targets, worker,
};

/// What operations of MLS cost: Conclave, its peers, and the floor of cryptography.
#[derive(Parser)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Measures, and prints tables and targets. Without any choice this is the whole comparison.
    Run(RunOptions),
    /// Measures what the targets for large groups need, and prints each with what was measured.
    Targets(TargetsOptions),
    /// Prints the tables of an earlier run, or draws its plots.
    Show(ShowOptions),
    /// Counts the instructions of some operations, and compares with what is expected.
    Instructions {
        /// Replaces what is expected.
        #[arg(long)]
        update: bool,
    },
    /// Repeats an operation; started by `instructions`.
    Repeat {
        /// What to repeat.
        operation: Guarded,
        /// How often.
        times: u64,
    },
    /// Measures one implementation at one size and prints lines of JSON; started by the others.
    Worker(WorkerOptions),
}

#[derive(Args)]
struct RunOptions {
    /// Cipher suites: 1, 2, 3.
    #[arg(long, value_delimiter = ',')]
    suite: Vec<u16>,
    /// Numbers of members.
    #[arg(long, short, value_delimiter = ',')]
    n: Vec<u32>,
    /// Implementations.
    #[arg(long, value_enum, value_delimiter = ',')]
    stack: Vec<Stack>,
    /// Parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    phase: Vec<Phase>,
    /// Threads for linear work; 0 for as many as there are processors.
    #[arg(long)]
    threads: Option<usize>,
    /// After how many seconds a worker is stopped.
    #[arg(long, default_value_t = 90)]
    seconds: u64,
    #[command(flatten)]
    output: Output,
}

/// Where results go besides the standard output.
#[derive(Args)]
struct Output {
    /// Writes all measurements here.
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(flatten)]
    pages: Pages,
}

/// What is made for readers.
#[derive(Args)]
struct Pages {
    /// Draws plots into this folder.
    #[arg(long)]
    plots: Option<PathBuf>,
    /// Renews the tables and plots of this documentation folder.
    #[arg(long)]
    docs: Option<PathBuf>,
}

#[derive(Args)]
struct TargetsOptions {
    /// One JSON object per line instead of a table.
    #[arg(long)]
    json: bool,
    /// Takes the measurements of an earlier run.
    #[arg(long)]
    from: Option<PathBuf>,
    /// After how many seconds a worker is stopped.
    #[arg(long, default_value_t = 90)]
    seconds: u64,
}

#[derive(Args)]
struct ShowOptions {
    /// What `run --json` wrote.
    from: PathBuf,
    #[command(flatten)]
    pages: Pages,
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
        Action::Targets(options) => print_targets(&options),
        Action::Show(options) => show(&options),
        Action::Instructions { update } => instructions::guard(update),
        Action::Repeat { operation, times } => instructions::work(operation, times),
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

fn or_all<T: Clone>(chosen: &[T], all: &[T]) -> Vec<T> {
    if chosen.is_empty() { all.to_vec() } else { chosen.to_vec() }
}

fn run(options: &RunOptions) -> Result<(), Failure> {
    let RunOptions { suite, n, stack, phase, threads, seconds, output } = options;
    let threads = threads.map(|wanted| if wanted == 0 { machine::processors() } else { wanted });
    let settings =
        if let ([], [], [], [], None) = (&suite[..], &n[..], &stack[..], &phase[..], threads) {
            plan::whole(*seconds)
        } else {
            let stacks = or_all(stack, &Stack::ALL);
            let phases = or_all(phase, &Phase::COMPARED);
            let (suites, members) = (or_all(suite, &[1]), or_all(n, &[2, 10, 100, 1_000]));
            let threads = threads.unwrap_or(1);
            plan::every(&suites, &members, &phases, &|setting| {
                let one = |&stack| Setting { stack, threads, seconds: *seconds, ..setting.clone() };
                stacks.iter().map(one).collect()
            })
        };
    let report = Plan { settings }.run(&progress)?;
    if let Some(path) = &output.json {
        fs::write(path, serde_json::to_vec(&report)?)?;
    }
    print(&report, &output.pages)
}

fn print(report: &Report, pages: &Pages) -> Result<(), Failure> {
    let targets = table::of_targets(&targets::targets(report));
    println!("{}\n{targets}", table::tables(report));
    if let Some(folder) = &pages.plots {
        draw(report, folder)?;
    }
    if let Some(folder) = &pages.docs {
        docs::renew(report, folder)?;
        draw(report, &folder.join("performance"))?;
    }
    Ok(())
}

fn draw(report: &Report, folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)?;
    for (name, contents) in plot::plots(report, 1) {
        fs::write(folder.join(name), contents)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Report, Failure> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn show(options: &ShowOptions) -> Result<(), Failure> {
    print(&read(&options.from)?, &options.pages)
}

fn print_targets(options: &TargetsOptions) -> Result<(), Failure> {
    let report = match &options.from {
        Some(path) => read(path)?,
        None => {
            let settings = targets::plan(options.seconds, machine::processors());
            Plan { settings }.run(&progress)?
        }
    };
    let targets = targets::targets(&report);
    if options.json {
        for target in &targets {
            println!("{}", serde_json::to_string(target)?);
        }
    } else {
        println!("{}", table::of_targets(&targets));
    }
    Ok(())
}
