//! Randomness that a seed determines: SplitMix64 (Steele, Lea, Flood, 2014), eight bytes a step.
//! Experiments repeat with it; it protects nothing.

use crypto::{CryptoError, Random};

/// A deterministic source: the same seed gives the same experiment.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// The source of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; zero if `end` is zero.
    pub fn below(&mut self, end: usize) -> usize {
        // 64 random bits make the bias invisible for the ranges of an experiment. A remainder by
        // a usize fits into one.
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next_u64() % end).unwrap_or_default()
    }
}

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        for chunk in bytes.chunks_mut(8) {
            let next = self.next_u64().to_be_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_determines_everything() {
        let draw = |seed| {
            let mut random = Seeded::new(seed);
            let mut bytes = [0; 21];
            random.fill(&mut bytes).unwrap();
            (bytes, random.below(1000))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn below_reaches_every_value_and_no_other() {
        let mut random = Seeded::new(1);
        let mut seen = [0; 5];
        (0..200).for_each(|_| seen[random.below(5)] += 1);
        assert!(seen.iter().all(|&count| count > 0));
    }
}
