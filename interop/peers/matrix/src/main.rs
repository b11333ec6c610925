//! Runs Conclave and its peers against each other.
//!
//! * `conclave-interop matrix`: scenarios, and long random groups, in every company of stacks.
//! * `conclave-interop differential`: wrong messages, shown to all of them in the same situation.
//! * `conclave-interop serve`: one of the stacks, for any other runner.

mod deviations;
mod differential;
mod document;
mod matrix;
mod stacks;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use interop::{Server, ServerOptions};

use stacks::Stack;

#[derive(Parser)]
#[command(name = "conclave-interop", about = "Runs Conclave and its peers against each other")]
enum Command {
    /// Play scenarios and random groups in every company of stacks
    Matrix(matrix::Matrix),
    /// Show everyone the same wrong messages
    Differential(differential::Differential),
    /// Be a client of the harness until interrupted
    Serve(Serve),
}

#[derive(clap::Args)]
struct Serve {
    /// Which stack
    stack: Stack,
    /// Where to listen; port 0 takes any
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,
    /// Send no GREASE values, if it is Conclave
    #[arg(long)]
    no_grease: bool,
}

fn serve(serve: &Serve) -> std::io::Result<bool> {
    let server: Server =
        serve.stack.start(serve.listen, ServerOptions { grease: !serve.no_grease })?;
    println!("{} listening at {}", serve.stack.version(), server.local_addr());
    server.run_until_signal()?;
    Ok(true)
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Matrix(matrix) => matrix.run(),
        Command::Differential(differential) => differential.run(),
        Command::Serve(arguments) => serve(&arguments).map_err(|error| error.to_string()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
