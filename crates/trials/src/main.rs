//! The program `conclave-trials`: trials of any length.

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use trials::{Failure, checker, history};

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
    }
}
