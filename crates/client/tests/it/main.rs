//! Accounts over a service in the same process: no sockets, faults on demand. Only `dump` and
//! `network` have sockets.

#![allow(clippy::unwrap_used, reason = "tests")]

mod agreement;
mod anchors;
mod at_rest;
mod conversation;
mod crashes;
mod devices;
mod dump;
mod engine;
mod examination;
mod fencing;
mod files;
mod history;
mod leaving;
mod malicious;
mod network;
mod races;
mod rejoin;
mod repair;
mod schedule;
mod standing;
mod trust;
mod world;
