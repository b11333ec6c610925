//! mls-rs behind the harness: called directly, and in scenarios alone and with Conclave.

#![allow(clippy::unwrap_used, reason = "tests")]

mod calls;
mod scenarios;
