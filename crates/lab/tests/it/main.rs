//! What every group key agreement does, asked through the one interface.

#![allow(clippy::unwrap_used, reason = "tests")]

mod costs;
mod oracle;
mod oracle_insider;
mod scenarios;
