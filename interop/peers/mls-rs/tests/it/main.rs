//! mls-rs behind sockets, alone and with Conclave.

#![allow(clippy::unwrap_used, reason = "tests")]
