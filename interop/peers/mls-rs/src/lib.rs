//! mls-rs as a client of the interoperability harness.
//!
//! [`Peer`] answers every call with what the library's public interface offers, and copies the
//! group before each change, so that a refused request changes nothing. What the library cannot do
//! is named in [`LACKS`]; most of these entries are about some cases of a call only.

mod actor;
mod commits;
mod decode;
mod failure;
mod joining;
mod outside;
mod proposals;
mod rules;
mod service;
mod slots;
mod state;
mod successors;

use std::sync::{Arc, Mutex};

use interop::Lack;

use slots::Slots;

/// Which mls-rs this is.
pub const VERSION: &str = "mls-rs 0.57.0";

/// What it cannot do.
pub const LACKS: &[Lack] = &[
    Lack { rpc: "CreateBranch", suites: &[], why: successors::BRANCH_EXTENSIONS },
    Lack { rpc: "HandleBranch", suites: &[], why: successors::BRANCH_EXTENSIONS_CHECK },
    Lack { rpc: "HandleReInitWelcome", suites: &[], why: successors::REINIT_BLANKS },
    Lack { rpc: "ReInitWelcome", suites: &[], why: successors::REINIT_BLANKS },
    Lack { rpc: "Unprotect", suites: &[], why: state::PAST_SENDER },
];

/// A client of the harness; a clone stands for the same one.
#[derive(Clone, Default)]
pub struct Peer {
    slots: Arc<Mutex<Slots>>,
}

impl Peer {
    /// A client without any state.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
