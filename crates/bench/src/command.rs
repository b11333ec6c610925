//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::scenario::HeapProbe;
use crate::{Failure, Phase, Setting, Stack, worker};

/// What operations of MLS cost: Conclave, its peers, and the floor of cryptography.
#[derive(Parser)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Measures one implementation at one size and prints lines of JSON.
    Worker(WorkerOptions),
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
