//! The trials themselves: that they pass, and that they can fail.

#![allow(clippy::unwrap_used, reason = "tests")]

mod checker;
mod mutants;
mod simulate;
