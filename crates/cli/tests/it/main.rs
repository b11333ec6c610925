//! The program as its users meet it: separate processes, transcripts, exit codes.

#![allow(clippy::unwrap_used, reason = "tests")]

mod demo;
mod doctor;
mod files;
mod follow;
mod killed;
mod kills;
mod manual;
mod program;
mod serve;
mod shell;
mod terminal;
mod transcripts;
mod vectors;
