//! The stacks that take part.

use std::net::SocketAddr;

use interop::runner::Runner;
use interop::{Conclave, Lack, Server, ServerOptions};

/// An implementation of MLS behind the harness's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Stack {
    /// Conclave
    Conclave,
    /// OpenMLS
    Openmls,
    /// mls-rs
    MlsRs,
}

impl Stack {
    /// Everyone, alone, pairwise and together.
    pub(crate) const COMPANIES: [&[Self]; 7] = [
        &[Self::Conclave],
        &[Self::Openmls],
        &[Self::MlsRs],
        &[Self::Conclave, Self::Openmls],
        &[Self::Conclave, Self::MlsRs],
        &[Self::Openmls, Self::MlsRs],
        &[Self::Conclave, Self::Openmls, Self::MlsRs],
    ];

    pub(crate) const ALL: [Self; 3] = [Self::Conclave, Self::Openmls, Self::MlsRs];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Conclave => "conclave",
            Self::Openmls => "openmls",
            Self::MlsRs => "mls-rs",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stack| stack.name() == name)
    }

    pub(crate) fn version(self) -> String {
        match self {
            Self::Conclave => concat!("conclave ", env!("CARGO_PKG_VERSION")).to_owned(),
            Self::Openmls => {
                format!("openmls {}", peer_openmls::VERSION.trim_start_matches("openmls "))
            }
            Self::MlsRs => format!("mls-rs {}", peer_mls_rs::VERSION.trim_start_matches("mls-rs ")),
        }
    }

    /// What it cannot do.
    pub(crate) fn lacks(self) -> &'static [Lack] {
        match self {
            Self::Conclave => &[],
            Self::Openmls => peer_openmls::LACKS,
            Self::MlsRs => peer_mls_rs::LACKS,
        }
    }

    /// Whether it is known not to do this; names are compared without case and underscores.
    pub(crate) fn is_lacking(self, rpc: &str, suite: u32) -> bool {
        let plain = |name: &str| name.replace('_', "").to_lowercase();
        self.lacks().iter().any(|lack| {
            let in_suite = lack.suites.is_empty()
                || lack.suites.iter().any(|&lacking| u32::from(lacking) == suite);
            plain(lack.rpc) == plain(rpc) && in_suite
        })
    }

    /// Starts it behind a socket.
    pub(crate) fn start(
        self,
        address: SocketAddr,
        options: ServerOptions,
    ) -> std::io::Result<Server> {
        match self {
            Self::Conclave => Server::of(Conclave::new(options), address),
            Self::Openmls => Server::of(peer_openmls::Peer::new(), address),
            Self::MlsRs => Server::of(peer_mls_rs::Peer::new(), address),
        }
    }
}

/// Stacks that are up, and a runner that is connected to them in this order.
pub(crate) struct Company {
    pub(crate) stacks: Vec<Stack>,
    pub(crate) runner: Runner,
    _servers: Vec<Server>,
}

impl Company {
    /// Starts these stacks. In company with OpenMLS, which cannot read them, Conclave sends no
    /// GREASE values.
    pub(crate) fn start(stacks: &[Stack]) -> Result<Self, String> {
        let options = ServerOptions { grease: !stacks.contains(&Stack::Openmls) };
        let mut servers = Vec::new();
        let mut clients = Vec::new();
        for stack in stacks {
            let started = stack.start(([127, 0, 0, 1], 0).into(), options);
            let server = started.map_err(|error| error.to_string())?;
            clients.push((stack.name().to_owned(), server.local_addr().to_string()));
            servers.push(server);
        }
        let runner = Runner::connect(&clients)?;
        Ok(Self { stacks: stacks.to_vec(), runner, _servers: servers })
    }

    /// `conclave + openmls`.
    pub(crate) fn name(&self) -> String {
        self.stacks.iter().map(|stack| stack.name()).collect::<Vec<_>>().join(" + ")
    }

    /// The suites that all of them have.
    pub(crate) fn suites(&self) -> Vec<u32> {
        let Some((first, others)) = self.runner.peers().split_first() else { return Vec::new() };
        let shared = |suite: &u32| others.iter().all(|peer| peer.suites.contains(suite));
        first.suites.iter().copied().filter(shared).collect()
    }
}
