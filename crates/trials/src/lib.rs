//! Trials: service and clients together, under everything that goes wrong, and what they promise.
//!
//! * [`history`] records what clients asked and what they were answered, outside every process
//!   that may be killed, and at the end what the service serves.
//! * [`checker`] reads a history and names every breach of the guarantees G1 to G10 of
//!   `docs/delivery-protocol.md`.
//! * [`agreement`] compares what clients of a group have in the end.
//! * [`kill`] is the kill loop: real processes, killed at random instants.
//! * [`mutants`] are copies of the source that break a guarantee; the suites must catch them.
//! * [`simulate`] is the simulator: real logic and engines over a seeded network.

pub mod agreement;
pub mod checker;
mod ed25519;
pub mod history;
pub mod kill;
pub mod mutants;
pub mod simulate;
pub mod speaker;
pub mod toy;

pub use ed25519::{Key, suite};

/// Why a trial could not be carried out, as opposed to what it found.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
