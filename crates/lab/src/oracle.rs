//! The knowledge oracle: what a stolen state tells, found by following every derivation.
//!
//! 1. People with the real library live through a history; each derivation, encryption and draw
//!    goes into a graph ([`log`], [`graph`]).
//! 2. At chosen moments somebody's rows leak: every secret that stands in them.
//! 3. The attacker, who has everything that was sent, learns what follows.
//! 4. That is compared with what should follow ([`audit`]), which is computed from the history
//!    alone ([`history`]).
//!
//! [`explore`] tries all histories up to a bound; [`exposure`] makes tables of some; [`model`] is a
//! twin of the library's rules that can be weakened. The attacker is passive: it reads and steals,
//! but sends nothing; signature keys are of no use to it.

pub mod audit;
pub mod explore;
pub mod exposure;
pub mod graph;
pub mod history;
pub mod log;
pub mod model;
pub mod real;
