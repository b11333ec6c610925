//! The crate's public functions, on official test vectors and against forged input.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod forged_paths;
mod group;
mod key_schedule;
mod official;
mod paths;
mod private_path;
mod psk;
