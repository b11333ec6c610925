//! What every group key agreement does, asked through the one interface.

#![allow(clippy::unwrap_used, reason = "tests")]

mod attacks;
mod contributivity;
mod costs;
mod counts;
mod invariant;
mod oracle;
mod oracle_insider;
mod scenarios;
