//! Accounts, their devices and what is refused of them.

#![allow(clippy::unwrap_used, reason = "tests")]

mod digits;
mod people;
mod rules;
mod succession;
