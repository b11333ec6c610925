//! OpenMLS behind the harness's interface: by scenarios, and by what its answers contain.

#![allow(clippy::unwrap_used, reason = "tests")]

mod calls;
mod scenarios;
