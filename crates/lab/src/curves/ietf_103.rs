//! The warm-up curves of the slides on double joins at IETF 103, for a left-balanced tree.

use std::ops::Range;

use super::{Cost, Order, Point};
use crate::invariant::shape::Shape;

/// The members in the slides.
pub(super) const MEMBERS: usize = 1000;

/// The levels that the slides call the top three percent: 31 of 999 parents.
pub(super) const LEVELS: u32 = 5;

/// What the next update costs after so many members have come online, each with one update, in
/// random order; the top levels were filled before. The mean over the seeds.
#[must_use]
pub fn ietf_103(members: usize, levels: u32, seeds: Range<u64>, at: &[usize]) -> Vec<Point> {
    let shape = Shape::new(members);
    let mut runs = vec![Vec::new(); at.len()];
    for seed in seeds {
        let mut filled = vec![false; shape.node_count()];
        (0..members).for_each(|leaf| filled[shape.leaf(leaf)] = true);
        shape.top(levels).for_each(|node| filled[node] = true);
        let mut online = Order::Random(seed).of(members).into_iter();
        let mut came = 0;
        for (runs, &at) in runs.iter_mut().zip(at) {
            for leaf in online.by_ref().take(at.saturating_sub(came)) {
                shape.path(leaf).into_iter().for_each(|(node, _)| filled[node] = true);
            }
            came = came.max(at);
            runs.push(Cost::of(&shape.costs(&|node| filled[node])));
        }
    }
    let points = at.iter().zip(&runs);
    points.map(|(at, runs)| Point { at: *at, cost: Cost::mean_of(runs) }).collect()
}

/// The two curves of the slides, with the top filled and without, as far as the slides go.
#[must_use]
pub fn at_ietf_103(seeds: u64) -> [Vec<Point>; 2] {
    const AT: [usize; 13] = [0, 1, 2, 5, 10, 20, 50, 100, 200, 300, 420, 600, 1000];
    [LEVELS, 0].map(|levels| ietf_103(MEMBERS, levels, 0..seeds, &AT))
}
