//! `conclave interop`: the MLS working group's interoperability harness, as one of its clients and
//! as its runner.

use crate::failure::Failure;
use crate::output::Output;
use interop::runner::{Assignments, Handshakes, RunOptions, Runner};
use interop::{Conclave, Server, ServerOptions};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(clap::Subcommand)]
pub(crate) enum Interop {
    /// Play scenario files against clients of the harness
    Run(Run),
    /// Be a client of the harness until interrupted
    Serve(Serve),
}

#[derive(clap::Args)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes any
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,
    /// Send no GREASE values, for peers that cannot read them
    #[arg(long)]
    no_grease: bool,
}

#[derive(clap::Args)]
pub(crate) struct Run {
    /// A client to play with; give several
    #[arg(long = "client", value_name = "NAME=ADDR", required = true, value_parser = client)]
    clients: Vec<(String, String)>,
    /// A scenario file, or a folder of them
    #[arg(long, value_name = "FILE|DIR")]
    config: PathBuf,
    /// Only this script, as the matrix names it: FILE/SCRIPT
    #[arg(long)]
    script: Option<String>,
    /// Only this suite; may be given several times
    #[arg(long = "suite")]
    suites: Vec<u32>,
    /// Handshakes in this form only
    #[arg(long, value_enum)]
    handshakes: Option<Form>,
    /// At most so many random assignments of actors to clients, instead of all
    #[arg(long, value_name = "N")]
    random: Option<usize>,
    /// Only the assignment of this number
    #[arg(long, value_name = "N")]
    assignment: Option<usize>,
    /// Decides what is left to chance
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Form {
    /// As PublicMessage
    Public,
    /// As PrivateMessage
    Private,
}

fn client(text: &str) -> Result<(String, String), String> {
    let (name, address) = text.split_once('=').ok_or("write NAME=HOST:PORT")?;
    Ok((name.to_owned(), address.to_owned()))
}

impl Interop {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Run(run) => run.run(output),
            Self::Serve(serve) => serve.run(output),
        }
    }
}

impl Serve {
    fn run(self, output: &mut Output) -> Result<(), Failure> {
        let client = Conclave::new(ServerOptions { grease: !self.no_grease });
        let server = Server::of(client, self.listen)?;
        let address = server.local_addr().to_string();
        let value = json!({"type": "listening", "address": address});
        output.print(&format!("listening at {address}"), &value)?;
        Ok(server.run_until_signal()?)
    }
}

impl Run {
    fn run(self, output: &mut Output) -> Result<(), Failure> {
        let runner = Runner::connect(&self.clients).map_err(Failure::check)?;
        for peer in runner.peers() {
            let value = json!({
                "type": "client", "name": peer.name, "stack": peer.stack, "suites": peer.suites,
            });
            let text = format!("{}: {}, suites {:?}", peer.name, peer.stack, peer.suites);
            output.print(&text, &value)?;
        }
        let mut printed = Ok(());
        let report = runner.run(&self.config, &self.options(), |outcome| {
            // People see what fails, programs see everything.
            if printed.is_ok() && (output.is_json() || outcome.failure.is_some()) {
                let mut text = outcome.to_string();
                if outcome.failure.is_some() {
                    text.push_str(&format!("\n  again:  {}", self.again(outcome)));
                }
                printed = output.print(&text, &outcome.to_json());
            }
        });
        let report = report.map_err(|error| Failure::usage(error.to_string()))?;
        printed?;
        output.print(&report.to_string(), &report.to_json())?;
        match report.failures.len() {
            0 => Ok(()),
            failed => Err(Failure::check(format!("{failed} runs failed"))),
        }
    }

    fn options(&self) -> RunOptions {
        RunOptions {
            script: self.script.clone(),
            suites: self.suites.clone(),
            handshakes: match self.handshakes {
                None => Handshakes::ALL.to_vec(),
                Some(Form::Public) => vec![Handshakes::Public],
                Some(Form::Private) => vec![Handshakes::Private],
            },
            assignments: self.random.map_or(Assignments::All, Assignments::Random),
            only: self.assignment,
            seed: self.seed,
        }
    }

    /// The arguments that repeat one run, beside the clients and the file.
    fn again(&self, outcome: &interop::runner::Outcome) -> String {
        let random = self.random.map(|random| format!(" --random {random}")).unwrap_or_default();
        format!(
            "--script {} --suite {} --handshakes {}{random} --assignment {} --seed {}",
            outcome.script,
            outcome.suite,
            outcome.handshakes.name(),
            outcome.number,
            self.seed,
        )
    }
}
