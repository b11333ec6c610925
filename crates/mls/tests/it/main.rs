//! Tests of the public API, all on the default backend unless they say otherwise.

#![allow(clippy::unwrap_used, reason = "tests")]

mod life;
mod official;
