//! The harness against itself: two of our clients behind sockets, and scenarios played on them.

#![allow(clippy::unwrap_used, reason = "tests")]

mod requests;
mod scenarios;
mod sockets;
