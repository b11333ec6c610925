//! The program `conclave-soak`: a soak of any size, under an allocator that counts.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use peak_alloc::PeakAlloc;
use soak::{Failure, Soak};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Random operations on a large group, with three live members who must agree.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How many members the group has
    #[arg(long, default_value_t = 10_000)]
    members: u32,
    /// How many operations there are
    #[arg(long, default_value_t = 10_000)]
    operations: u64,
    /// What determines all of them
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stop after so many minutes, with fewer operations
    #[arg(long)]
    minutes: Option<u64>,
}

/// Memory is checked, and a line printed, after so many operations.
const CHECK_EVERY: u64 = 250;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { members, operations, seed, minutes } = arguments;
    let (folder, start) = (tempfile::tempdir()?, Instant::now());
    let end = minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let mut soak = Soak::new(*members, *seed, folder.path())?;
    let report = |soak: &Soak, done: u64| -> Result<(), Failure> {
        let standing = soak.check(ALLOCATOR.current_usage())?;
        println!("{:>6.0} s {done:>8} operations: {standing}", start.elapsed().as_secs_f64());
        Ok(())
    };
    report(&soak, 0)?;
    for done in 1..=*operations {
        let failed = |failure| format!("seed {seed}, operation {done}: {failure}");
        soak.step().map_err(failed)?;
        let late = end.is_some_and(|end| start.elapsed() >= end);
        if late || done % CHECK_EVERY == 0 || done == *operations {
            report(&soak, done).map_err(failed)?;
        }
        if late {
            break;
        }
    }
    println!("\n{}", soak.tally());
    println!("peak heap with stores: {} kB", ALLOCATOR.peak_usage() / 1000);
    println!("written to the three stores: {} kB", soak.written() / 1000);
    Ok(())
}
