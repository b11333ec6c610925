//! The program `conclave`: one file per command, in `commands`.
//!
//! Data goes to standard output, diagnostics to standard error. With `--json` every line of both is
//! one JSON object with a `type`; fields are added over time and keep their meaning. Exit codes are
//! listed in `failure`.

mod base64;
mod commands;
mod config;
mod failure;
mod files;
mod interrupt;
mod output;
mod passphrase;
mod progress;

use clap::{Parser, Subcommand};
use client::{Home, StoreKey};
use commands::{
    account, ca, chat, completions, demo, device, doctor, fetch, group, history, inspect, interop,
    lab, man, mls, receive, send, serve, service, vectors,
};
use config::Config;
use failure::Failure;
use output::Output;
use std::path::PathBuf;
use std::process::ExitCode;

/// Messaging Layer Security (RFC 9420): delivery service, accounts, groups, messages.
#[derive(Parser)]
#[command(name = "conclave", version, about, after_help = failure::EXIT_CODES)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(clap::Args)]
struct Common {
    /// The folder of the account
    #[arg(long, global = true, env = "CONCLAVE_HOME", value_name = "DIR")]
    home: Option<PathBuf>,
    /// The file whose first line is the passphrase of the account's folder
    #[arg(long, global = true, env = "CONCLAVE_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The invitation token, where the delivery service asks for one
    #[arg(
        long,
        global = true,
        env = "CONCLAVE_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
    /// What the configuration file says.
    #[arg(skip)]
    config: Config,
}

#[derive(Subcommand)]
enum Command {
    /// Make an account, or show it
    #[command(subcommand)]
    Account(account::Account),
    /// Be an authority that certifies keys for `mls --certificate`
    #[command(subcommand)]
    Ca(ca::Ca),
    /// Hold conversations in the terminal
    Chat(chat::Chat),
    /// Print what a shell needs to complete the command line
    Completions(completions::Completions),
    /// Hold a whole conversation on this machine and check it
    Demo(demo::Demo),
    /// Make another device for an account, and list them
    #[command(subcommand)]
    Device(device::Device),
    /// Look at everything that can be wrong with an account
    Doctor(doctor::Doctor),
    /// Fetch a file that somebody shared
    Fetch(fetch::Fetch),
    /// Make, change and look at groups
    #[command(subcommand)]
    Group(group::Group),
    /// Print what was said and happened in a group, from this device
    History(history::History),
    /// Explain a message, a ratchet tree or the state of an offline client
    Inspect(Box<inspect::Inspect>),
    /// Be tested, and test others, with the MLS working group's scenarios
    #[command(subcommand)]
    Interop(interop::Interop),
    /// Compare, attack and measure group key agreements
    #[command(subcommand)]
    Lab(lab::Lab),
    /// Print or write the manual pages
    Man(man::Man),
    /// An offline MLS client: every operation on files
    Mls(Box<mls::Mls>),
    /// Fetch and print what is new
    Receive(receive::Receive),
    /// Look for words in everything that was said, on this device
    Search(history::Search),
    /// Say something in a group, or share a file
    Send(send::Send),
    /// Run the delivery service
    Serve(serve::Serve),
    /// Look after the store of a delivery service
    #[command(subcommand)]
    Service(service::Service),
    /// Check or make test vectors of RFC 9420
    #[command(subcommand)]
    Vectors(vectors::Vectors),
}

impl Common {
    /// Opens the account. Whoever sits at the terminal is asked for its passphrase, if it has one
    /// that no file holds.
    fn account(&self) -> Result<client::Account, Failure> {
        Ok(self.account_and_home()?.0)
    }

    /// The account, and what opened it.
    fn account_and_home(&self) -> Result<(client::Account, Home), Failure> {
        use client::{Error, Protection, StoreError};
        let home = self.home()?;
        match client::Account::open(&home) {
            Err(Error::Store(StoreError::OtherProtection(Protection::Passphrase))) => {
                let home = self.home_with(home.folder(), passphrase::ask(&home)?);
                Ok((client::Account::open(&home)?, home))
            }
            Err(error @ Error::Store(StoreError::OtherProtection(Protection::Unprotected))) => {
                Err(Failure::from(error).and(": open it without a passphrase"))
            }
            opened => Ok((opened?, home)),
        }
    }

    /// The folder of an account that is to be made; `ask` for a passphrase for it, or not.
    fn new_home(&self, ask: bool) -> Result<Home, Failure> {
        let home = self.home()?;
        match ask {
            true => Ok(self.home_with(home.folder(), passphrase::ask_new()?)),
            false => Ok(home),
        }
    }

    fn home(&self) -> Result<Home, Failure> {
        let folder = self.home.as_deref().or(self.config.home.as_deref()).ok_or_else(|| {
            Failure::usage("which account? Give --home DIR or set CONCLAVE_HOME".to_owned())
        })?;
        let key = self.passphrase_file.as_deref().map(passphrase::from_file);
        Ok(self.home_with(folder, key.transpose()?.unwrap_or(StoreKey::Unprotected)))
    }

    /// A folder with what opens it, and the token for its service.
    fn home_with(&self, folder: &std::path::Path, key: StoreKey) -> Home {
        Home::new(folder, key).with_token(self.token.clone())
    }

    /// The delivery service of a new account.
    fn server(&self, given: Option<String>) -> Result<String, Failure> {
        given.or_else(|| self.config.server.clone()).ok_or_else(|| {
            Failure::usage("which service? Give --server URL or set CONCLAVE_SERVER".to_owned())
        })
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { mut common, command } = arguments;
    common.config = Config::read()?;
    let mut output = Output::new(common.json);
    match command {
        Command::Account(command) => command.run(&common, &mut output),
        Command::Device(command) => command.run(&common, &mut output),
        Command::Ca(command) => command.run(&mut output),
        Command::Chat(command) => command.run(&common, &output),
        Command::Completions(command) => command.run(&mut output),
        Command::Demo(command) => command.run(&mut output),
        Command::Doctor(command) => command.run(&common, &mut output),
        Command::Fetch(command) => command.run(&common, &mut output),
        Command::Group(command) => command.run(&common, &mut output),
        Command::History(command) => command.run(&common, &mut output),
        Command::Inspect(command) => command.run(&mut output),
        Command::Interop(command) => command.run(&mut output),
        Command::Lab(command) => command.run(&mut output),
        Command::Man(command) => command.run(&mut output),
        Command::Mls(command) => command.run(&mut output),
        Command::Receive(command) => command.run(&common, &mut output),
        Command::Search(command) => command.run(&common, &mut output),
        Command::Send(command) => command.run(&common, &mut output),
        Command::Serve(command) => command.run(&mut output),
        Command::Service(command) => command.run(&mut output),
        Command::Vectors(command) => command.run(&mut output),
    }
}

/// The arguments; what is wrong with them, for a program that asks for JSON.
fn arguments() -> Result<Arguments, Failure> {
    Arguments::try_parse().map_err(|error| {
        let as_json = std::env::args_os().any(|argument| argument == "--json");
        // Help and version are no errors.
        if !as_json || !error.use_stderr() {
            error.exit();
        }
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        Failure::usage(line.trim_start_matches("error: ").to_owned())
    })
}

fn main() -> ExitCode {
    let arguments = arguments();
    let as_json = arguments.as_ref().map_or(true, |arguments| arguments.common.json);
    match arguments.and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(as_json);
            failure.exit_code()
        }
    }
}
