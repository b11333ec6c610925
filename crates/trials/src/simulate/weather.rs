//! The weather: what happens to whatever is on its way.

use testkit::SeededRandom;

/// Milliseconds after which a client gives up waiting for an answer.
pub(super) const PATIENCE: u64 = 3_000;

/// How a network behaves, in thousandths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    loses: usize,
    doubles: usize,
    delays: usize,
}

impl Weather {
    /// Nothing goes wrong.
    pub(super) const CALM: Self = Self { loses: 0, doubles: 0, delays: 0 };

    /// Some weather, from calm to stormy.
    pub(super) fn some(random: &mut SeededRandom) -> Self {
        let loses = [0, 20, 80, 200][random.below(4)];
        let doubles = [0, 20, 100, 300][random.below(4)];
        let delays = [0, 50, 200, 500][random.below(4)];
        Self { loses, doubles, delays }
    }

    pub(super) fn loses(self, random: &mut SeededRandom) -> bool {
        random.below(1000) < self.loses
    }

    pub(super) fn doubles(self, random: &mut SeededRandom) -> bool {
        random.below(1000) < self.doubles
    }

    /// How long something is on its way, in milliseconds.
    pub(super) fn latency(self, random: &mut SeededRandom) -> u64 {
        if random.below(1000) < self.delays {
            // Often longer than anybody waits.
            return random.below(2 * 3_000) as u64;
        }
        5 + random.below(40) as u64
    }
}
