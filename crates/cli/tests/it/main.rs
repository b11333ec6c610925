//! The program as its users meet it: separate processes, transcripts, exit codes.

#![allow(clippy::unwrap_used, reason = "tests")]

mod demo;
mod follow;
mod killed;
mod program;
mod serve;
mod shell;
mod transcripts;
mod vectors;
