//! What one worker measures.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::primitives::Backend;

/// An implementation with a backend.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ValueEnum,
)]
pub enum Stack {
    /// Conclave on AWS-LC, rows in memory.
    ConclaveAwsLc,
    /// Conclave on AWS-LC, rows in SQLite, every write durable.
    ConclaveSqlite,
    /// Conclave on RustCrypto, rows in memory.
    ConclaveRustCrypto,
    /// mls-rs on AWS-LC.
    MlsRsAwsLc,
    /// mls-rs on RustCrypto.
    MlsRsRustCrypto,
    /// OpenMLS on RustCrypto.
    OpenMls,
}

impl Stack {
    /// All of them, Conclave first.
    pub const ALL: [Self; 6] = [
        Self::ConclaveAwsLc,
        Self::ConclaveSqlite,
        Self::ConclaveRustCrypto,
        Self::MlsRsAwsLc,
        Self::MlsRsRustCrypto,
        Self::OpenMls,
    ];

    /// Where its primitives come from.
    #[must_use]
    pub fn backend(self) -> Backend {
        match self {
            Self::ConclaveAwsLc | Self::ConclaveSqlite | Self::MlsRsAwsLc => Backend::AwsLc,
            Self::ConclaveRustCrypto | Self::MlsRsRustCrypto | Self::OpenMls => Backend::RustCrypto,
        }
    }

    /// Whether it is somebody else's.
    #[must_use]
    pub fn is_peer(self) -> bool {
        matches!(self, Self::MlsRsAwsLc | Self::MlsRsRustCrypto | Self::OpenMls)
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ConclaveAwsLc => "Conclave/AWS-LC",
            Self::ConclaveSqlite => "Conclave/AWS-LC/SQLite",
            Self::ConclaveRustCrypto => "Conclave/RustCrypto",
            Self::MlsRsAwsLc => "mls-rs/AWS-LC",
            Self::MlsRsRustCrypto => "mls-rs/RustCrypto",
            Self::OpenMls => "OpenMLS/RustCrypto",
        })
    }
}

/// Which part of the measurements.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ValueEnum,
)]
pub enum Phase {
    /// A group that was just made.
    Cold,
    /// A group in which everybody has committed.
    Warm,
    /// Memory.
    Heap,
    /// What must be refused at once; of three members, Conclave only.
    Hostile,
}

impl Phase {
    /// Those that compare implementations at every size.
    pub const COMPARED: [Self; 3] = [Self::Cold, Self::Warm, Self::Heap];

    /// Whether the program is needed whose allocator counts.
    #[must_use]
    pub fn counts_heap(self) -> bool {
        matches!(self, Self::Heap | Self::Hostile)
    }
}

/// What one worker measures.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Setting {
    /// The implementation.
    pub stack: Stack,
    /// The cipher suite.
    pub suite: u16,
    /// How many members.
    pub members: u32,
    /// Which part.
    pub phase: Phase,
    /// How many threads it may use for linear work.
    pub threads: usize,
    /// After how many seconds the driver ends it.
    pub seconds: u64,
}
