//! The laboratory: the group key agreements that the working group weighed in 2018, and the one it
//! standardised, behind one small interface; compared, attacked and measured.
//!
//! * To choose a group key agreement at a group's creation, take a [`Protocol`] from [`PROTOCOLS`].
//! * To play a group's life: [`Protocol::newcomer`] makes people, [`Newcomer::create`] and
//!   [`Newcomer::join`] make [`Member`]s of them. Whoever sends a message does not move on by
//!   itself: as if a delivery service sent it back, [`Member::process`] takes it everywhere.
//! * To play a group with all its members at once: [`Circle`].
//! * To enter a large group in which all have updated: [`Protocol::warm`].
//! * To count what an operation costs: [`Tools::measure`].
//! * To attack: [`Member::compromise`] is what a thief gets; [`Protocol::adversary`] makes the most
//!   of it.
//!
//! Everything follows from a seed ([`Seeded`]). Nothing here is for production: production code
//! knows one group key agreement and has no such interface.

mod circle;
mod interface;
mod left_balanced;
mod ops;
mod seeded;
mod table;

pub mod art;
pub mod attacker;
pub mod concurrency;
pub mod conversation;
pub mod curves;
pub mod group2018;
pub mod invariant;
pub mod measure;
pub mod mkem;
pub mod oracle;
pub mod plot;
pub mod rfc9420;
pub mod treekem2018;

pub use circle::Circle;
pub use interface::{
    Adversary, Failure, Held, Loot, Member, Newcomer, PROTOCOLS, Protocol, Sent, Tools, WarmGroup,
    protocol,
};
pub use left_balanced::LeftBalanced;
pub use ops::{Counter, Ops};
pub use seeded::Seeded;
pub use table::{Cell, Table};
