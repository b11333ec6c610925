//! What avoiding double joins costs: the warm-up curves of IETF 103, those of RFC 9420, and what
//! healing policies do to them.
//!
//! The cost of a commit is the number of keys that its path is encrypted to: a public-key operation
//! of the sender and 82 bytes for everybody. In a filled tree of N members it is log N; each blank
//! node above the copath makes it larger, up to N - 1.
//!
//! * [`ietf_103()`]: the curves that the working group was shown in November 2018, on a
//!   left-balanced tree with and without its top filled.
//! * [`rfc_9420()`]: the same question for the tree of today, moved by the tree crate.
//! * [`healing`]: policies for who commits when, with their bytes and what they leave.
//! * [`first_days`]: what early renewals are worth before everybody has had a turn.
//! * [`worst_case`]: many are added, nobody else ever speaks, and what helps.
//! * [`late_joiners`]: many join a group whose tree is filled.
//! * [`tables()`] and [`plots()`]: all of it, to be printed and drawn.

mod ietf_103;
mod plots;
mod policies;
mod rfc_9420;
mod tables;

use crate::Seeded;

pub use ietf_103::{at_ietf_103, ietf_103};
pub use plots::plots;
pub use policies::{
    Book, FirstDays, Helped, Policy, first_days, healing, late_joiners, warm_up_with_book,
    worst_case,
};
pub use rfc_9420::{Curve, costs, parents_that_could_be_filled, rfc_9420};
pub use tables::tables;

/// What the next commit costs, over all members that might make it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// The mean.
    pub mean: f64,
    /// The most.
    pub max: f64,
    /// The least.
    pub min: f64,
}

impl Cost {
    /// Of these costs, one for each member.
    #[must_use]
    pub fn of(costs: &[u64]) -> Self {
        if costs.is_empty() {
            return Self::default();
        }
        let number = |cost: &u64| u32::try_from(*cost).map_or(f64::INFINITY, f64::from);
        let count = number(&u64::try_from(costs.len()).unwrap_or(u64::MAX));
        Self {
            mean: costs.iter().map(number).sum::<f64>() / count,
            max: costs.iter().map(number).fold(0.0, f64::max),
            min: costs.iter().map(number).fold(f64::INFINITY, f64::min),
        }
    }

    /// The mean of each over several runs.
    fn mean_of(runs: &[Self]) -> Self {
        let count = u32::try_from(runs.len()).map_or(f64::INFINITY, f64::from);
        let mean = |of: fn(&Self) -> f64| runs.iter().map(of).sum::<f64>() / count;
        Self { mean: mean(|it| it.mean), max: mean(|it| it.max), min: mean(|it| it.min) }
    }
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// How far the group has come; the curve says in what.
    pub at: usize,
    /// What the next commit costs there.
    pub cost: Cost,
}

/// In which order members come online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the left to the right.
    LeftToRight,
    /// At random.
    Random(u64),
    /// By the bits of their numbers in reverse: neighbours far apart, as the client's schedule has
    /// it.
    Spread,
}

impl Order {
    /// The numbers below `count` in this order.
    #[must_use]
    pub fn of(self, count: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..count).collect();
        match self {
            Self::LeftToRight => {}
            Self::Spread => numbers.sort_by_key(|number| number.reverse_bits()),
            Self::Random(seed) => {
                let mut random = Seeded::new(seed);
                for last in (1..count).rev() {
                    numbers.swap(last, random.below(last + 1));
                }
            }
        }
        numbers
    }
}
