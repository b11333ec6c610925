//! The program `conclave-trials`: trials of any length.

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use trials::{Failure, checker, history, kill, mutants, simulate};

/// A line is printed after so many schedules.
const TELL_EVERY: u64 = 500;

/// Service and clients together, under everything that goes wrong.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    trial: Trial,
}

#[derive(Subcommand)]
enum Trial {
    /// Check a history that another trial has kept
    Check {
        /// Its file
        file: PathBuf,
    },
    /// Kill services and clients at random instants, and check what is left
    Kill {
        /// How many processes to kill
        #[arg(long, default_value_t = 300)]
        kills: u64,
        /// What determines what is done and when something is killed
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The program `conclave`; the one beside this program if not given
        #[arg(long, value_name = "FILE")]
        conclave: Option<PathBuf>,
        /// Where to keep a round that failed; must not exist
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
    },
    /// Build mutants of the source and see which test catches each; run in the workspace's root
    Mutants {
        /// Only this one; may be given several times
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// For how long the tests of one may run before those that still do count as hanging
        #[arg(long, default_value_t = 10)]
        minutes: u64,
    },
    /// Run schedules of service and clients over a network that a seed determines
    Simulate {
        /// The first seed
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// How many seeds
        #[arg(long, default_value_t = 1)]
        count: u64,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().trial) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(trial: Trial) -> Result<(), Failure> {
    match trial {
        Trial::Check { file } => {
            let records = history::read(&file)?;
            let breaches = checker::check(&records)?;
            breaches.iter().for_each(|breach| println!("{breach}"));
            println!("{} records, {} breaches", records.len(), breaches.len());
            if breaches.is_empty() { Ok(()) } else { Err("guarantees are broken".into()) }
        }
        Trial::Kill { kills, seed, conclave, keep } => {
            let program = match conclave {
                Some(program) => program,
                None => std::env::current_exe()?.with_file_name("conclave"),
            };
            println!("seed {seed}");
            let options = kill::Options { program, kills, seed, keep };
            kill::run(&options, |tally| println!("{tally}")).map(drop)
        }
        Trial::Mutants { only, minutes } => {
            let root = std::env::current_dir()?;
            let options = mutants::Options { only, patience: Duration::from_secs(60 * minutes) };
            mutants::run(&root, &options, |line| println!("{line}"))
        }
        Trial::Simulate { seed, count } => {
            let start = Instant::now();
            let tell = |tally: &simulate::Tally| {
                let due = tally.schedules.is_multiple_of(TELL_EVERY) || tally.schedules == count;
                if due && tally.schedules > 0 {
                    println!("{:>6.0} s {tally}", start.elapsed().as_secs_f64());
                }
            };
            simulate::run_many(seed, count, tell).map(drop)
        }
    }
}
