//! Accounts over a service in the same process: no sockets, faults on demand.

#![allow(clippy::unwrap_used, reason = "tests")]

mod agreement;
mod conversation;
mod crashes;
mod engine;
mod files;
mod races;
mod repair;
mod standing;
mod trust;
mod world;
