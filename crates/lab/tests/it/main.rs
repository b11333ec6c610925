//! What every group key agreement does, asked through the one interface.

#![allow(clippy::unwrap_used, reason = "tests")]

mod attacks;
mod concurrency;
mod contributivity;
mod conversations;
mod costs;
mod counts;
mod curves;
mod double_join;
mod group2018;
mod invariant;
mod malicious_adder;
mod oracle;
mod oracle_insider;
mod real_keys;
mod scenarios;
mod sizes_2018;
