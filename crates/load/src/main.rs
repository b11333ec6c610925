//! The program `conclave-load`: a delivery service in a process of its own, clients who press it,
//! and the machine that both run on, measured in the same minutes.
//!
//! ```text
//! conclave-load run                     the table, for SQLite and, if CONCLAVE_POSTGRES names a
//!                                       server, for PostgreSQL
//! conclave-load soak --minutes 60       mixed work for an hour; fails if memory grows
//! ```
//!
//! Clients and service share the machine, so what they cannot do is what neither can do alone.

mod machine;
mod people;
mod report;
mod scenarios;
mod server;
mod soak;

use clap::{Parser, Subcommand};
use report::Report;
use scenarios::Sizes;
use server::{Place, Server, Site};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use trials::Failure;

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, and print a table
    Run {
        /// How many seconds each rate is measured for
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// How many groups are opened
        #[arg(long, default_value_t = 10_000)]
        groups: u32,
        /// How many readers wait for one message
        #[arg(long, default_value_t = 1_000)]
        readers: u32,
        /// Where the stores are made; the system's place for temporary files if not given
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
        /// Print one JSON object per row instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Mixed work, for long, with an eye on memory
    Soak {
        /// How long
        #[arg(long, default_value_t = 60)]
        minutes: u64,
        /// Where the store is made
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// The service itself, for the others to start
    #[command(hide = true)]
    Serve {
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        database: Option<String>,
        #[arg(long)]
        entries_kept: Option<u64>,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run { seconds, groups, readers, folder, json } => {
            let time = Duration::from_secs(seconds);
            run(Sizes { time, groups, readers }, folder, json)
        }
        Command::Soak { minutes, folder } => soak::run(minutes, folder),
        Command::Serve { data, database, entries_kept } => {
            server::serve(&data, database.as_deref(), entries_kept)
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(sizes: Sizes, folder: Option<PathBuf>, json: bool) -> Result<(), Failure> {
    let mut report = Report::new(json);
    let place = Place::new(folder)?;
    machine::describe(place.path(), &mut report)?;
    measure(&place.sqlite()?, &sizes, &mut report)?;
    match std::env::var("CONCLAVE_POSTGRES") {
        Ok(url) => measure(&place.postgres(&url)?, &sizes, &mut report)?,
        Err(_) => eprintln!("no PostgreSQL: CONCLAVE_POSTGRES names no server"),
    }
    report.print();
    Ok(())
}

fn measure(site: &Site, sizes: &Sizes, report: &mut Report) -> Result<(), Failure> {
    scenarios::all(&Server::start(site, None)?, sizes, report)
}
