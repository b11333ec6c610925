//! Tests of the public API, all on the default backend unless they say otherwise.

#![allow(clippy::unwrap_used, reason = "tests")]

mod hostile_bytes;
mod hostile_view;
mod known_bugs_commits;
mod known_bugs_joins;
mod known_bugs_messages;
mod life;
mod official;
