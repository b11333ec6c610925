//! Message protection through its public functions: the official vectors, the flows between
//! members, and a forged message for each `Violation`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod epoch;
mod forged_private;
mod forged_public;
mod official;
mod past_epochs;
mod private_message;
mod transcript_hashes;
