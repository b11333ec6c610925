//! The tree invariant of RFC 9420 (section 4.2): "The private key for a node in the tree is known
//! to a member of the group only if the node's subtree contains that member's leaf."
//!
//! * [`PaperGroup`] is a group's public state, moved by the tree crate's own code: proposals are
//!   validated and applied, paths filtered, merged and resolved by what production runs. Only the
//!   cryptography is on paper: keys are numbers, signatures are taken as valid.
//! * [`Knowledge`] tells beside it who knows which private key: whoever holds a key that a path
//!   secret is encrypted to learns that secret and what follows from it, members and former members
//!   alike, whether the rules allow them to or not.
//! * [`histories`] lives through random lives and compares the two after each commit, both ways: no
//!   node's key is known outside the node's subtree, nor unknown to a member who needs it; the
//!   epoch's secret is known to the members and to nobody else.
//!
//! A double join is a node whose key is known to somebody not below it: [`Knowledge::outsiders`].

mod client_set;
mod history;
mod knowledge;
mod paper_group;
mod paper_provider;
pub(crate) mod shape;
mod tree_of_2018;

pub use client_set::{Client, ClientSet};
pub use history::{Failed, Finding, Life, Tally, chaos, histories, live, random_act, table};
pub use knowledge::{Broken, Knowledge};
pub use paper_group::{Act, By, Done, KeyNumber, PaperGroup, PathStep};
pub use tree_of_2018::{PathOf2018, TreeOf2018};
