//! A model of the delivery service's log, small enough to look at every state that it can reach.
//!
//! It shows the promises G1 to G5, G9 and G10 of `docs/delivery-protocol.md`, and that honest
//! members can always go on, for submit, compare-and-swap, crash, retry, idempotency, access keys
//! and repair by anchors, in the presence of an insider who posts garbage commits and bogus keys
//! and becomes an ex-member. And it shows that each of these depends on the design: with a decision
//! switched off, the checker finds the schedule that breaks a promise.
//!
//! * [`design`]: the decisions.
//! * [`log`]: the service. [`member`]: what members make of a log. [`system`]: every step.
//! * [`promises`]: the properties. [`recovery`]: whether members can go on.
//! * [`scenario`]: who does how much.
//!
//! `cargo run --release` checks small bounds, `cargo run --release -- large` larger ones.

pub mod design;
pub mod log;
pub mod member;
pub mod promises;
pub mod recovery;
pub mod scenario;
pub mod system;
