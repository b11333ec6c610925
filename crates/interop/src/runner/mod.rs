//! Playing the scenarios of the harness against a set of clients.
//!
//! Each script is played for every suite that all its clients share, with handshakes in both
//! forms, in every assignment of actors to clients. Whatever is left to chance follows from the
//! seed and from which run it is, so that one run alone repeats what it did among others.

mod assignment;
mod chance;
mod play;
mod random;
mod report;
mod scenario;
mod steps;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};

pub use assignment::Assignments;
pub use random::RandomGroup;
pub use report::{Outcome, Refusal, Report, StepFailure};
pub use scenario::{Scenario, ScenarioError};

use crate::proto::mls_client_client::MlsClientClient;
use crate::proto::{NameRequest, SupportedCiphersuitesRequest};
use crate::server::MESSAGE_BYTES_MAX;
use chance::Chance;
use play::Play;

/// How long a client may take to come up.
const CONNECT_SECONDS: u64 = 10;

/// Which form proposals and commits take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshakes {
    /// PublicMessage.
    Public,
    /// PrivateMessage.
    Private,
}

impl Handshakes {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Public, Self::Private];

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// A client that takes part.
pub struct Peer {
    /// The name that reports give it.
    pub name: String,
    /// What it calls itself.
    pub stack: String,
    /// The suites it supports.
    pub suites: Vec<u32>,
    rpc: MlsClientClient<Channel>,
}

/// What to play.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Only the script of this name.
    pub script: Option<String>,
    /// Only these suites; all if empty.
    pub suites: Vec<u32>,
    /// These forms.
    pub handshakes: Vec<Handshakes>,
    /// These assignments of actors to clients.
    pub assignments: Assignments,
    /// Only the assignment of this number.
    pub only: Option<usize>,
    /// Decides what is left to chance.
    pub seed: u64,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            script: None,
            suites: Vec::new(),
            handshakes: Handshakes::ALL.to_vec(),
            assignments: Assignments::All,
            only: None,
            seed: 0,
        }
    }
}

/// Clients that scripts are played against.
pub struct Runner {
    runtime: Runtime,
    peers: Vec<Peer>,
}

impl Runner {
    /// Connects to clients, by name and address (`host:port`).
    pub fn connect(clients: &[(String, String)]) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let mut peers = Vec::new();
        for (name, address) in clients {
            let peer = runtime.block_on(Peer::connect(name, address));
            peers.push(peer.map_err(|error| format!("{name} at {address}: {error}"))?);
        }
        Ok(Self { runtime, peers })
    }

    /// The clients.
    #[must_use]
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// Plays all scripts of a file, or of every `.json` file in a folder, and tells each outcome as
    /// it comes.
    pub fn run(
        &self,
        config: &Path,
        options: &RunOptions,
        mut told: impl FnMut(&Outcome),
    ) -> Result<Report, ScenarioError> {
        let mut report = Report::default();
        for scenario in Scenario::load(config)? {
            if options.script.as_ref().is_none_or(|wanted| *wanted == scenario.name) {
                self.run_scenario(&scenario, options, &mut |outcome| {
                    told(&outcome);
                    report.add(outcome);
                });
            }
        }
        Ok(report)
    }

    /// Plays one script with a cast that is given: for each actor, the number of the client.
    #[must_use]
    pub fn play(
        &self,
        scenario: &Scenario,
        cast: BTreeMap<String, usize>,
        (suite, handshakes): (u32, Handshakes),
        seed: u64,
    ) -> Outcome {
        let chance = Chance::of(seed, &[scenario.name.as_bytes()]);
        let play = Play::new(&self.peers, cast, (suite, handshakes), chance);
        self.runtime.block_on(play.run(scenario, 0))
    }

    fn run_scenario(
        &self,
        scenario: &Scenario,
        options: &RunOptions,
        told: &mut dyn FnMut(Outcome),
    ) {
        let actors = scenario.actors();
        for suite in self.suites(options) {
            let able: Vec<usize> = (0..self.peers.len())
                .filter(|&peer| self.peers[peer].suites.contains(&suite))
                .collect();
            let chance = Chance::of(options.seed, &[scenario.name.as_bytes()]);
            let assignments = options.assignments.of(able.len(), actors.len(), chance);
            for &handshakes in &options.handshakes {
                for (number, assignment) in assignments.iter().enumerate() {
                    if options.only.is_some_and(|only| only != number) {
                        continue;
                    }
                    let run = [
                        suite.to_be_bytes(),
                        u32::from(handshakes == Handshakes::Public).to_be_bytes(),
                    ];
                    let chance = Chance::of(
                        options.seed,
                        &[scenario.name.as_bytes(), &run.concat(), &number.to_be_bytes()],
                    );
                    let cast = actors.iter().cloned();
                    let cast = cast.zip(assignment.iter().map(|&peer| able[peer])).collect();
                    let play = Play::new(&self.peers, cast, (suite, handshakes), chance);
                    let outcome = self.runtime.block_on(play.run(scenario, number));
                    told(outcome);
                }
            }
        }
    }

    /// The suites that any client supports, in order. A client that lacks one just does not take
    /// part there.
    fn suites(&self, options: &RunOptions) -> Vec<u32> {
        let mut suites: Vec<u32> =
            self.peers.iter().flat_map(|peer| peer.suites.iter().copied()).collect();
        suites.sort_unstable();
        suites.dedup();
        suites.retain(|suite| options.suites.is_empty() || options.suites.contains(suite));
        suites
    }
}

impl Peer {
    async fn connect(name: &str, address: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS));
        let channel = endpoint.connect().await?;
        let mut rpc = MlsClientClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let stack = rpc.name(NameRequest {}).await?.into_inner().name;
        let suites = rpc.supported_ciphersuites(SupportedCiphersuitesRequest {}).await?;
        let suites = suites.into_inner().ciphersuites;
        Ok(Self { name: name.to_owned(), stack, suites, rpc })
    }
}
