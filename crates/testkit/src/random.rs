//! Randomness that a seed determines: SplitMix64 (Steele, Lea, Flood, 2014), eight bytes a step.

use crypto::{CryptoError, Random};

/// A deterministic source for tests. Two with the same seed give the same bytes, however they are
/// cut into requests.
#[derive(Clone, Debug)]
pub struct SeededRandom {
    state: u64,
    pending: [u8; 8],
    used: usize,
}

impl SeededRandom {
    /// The source of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed, pending: [0; 8], used: 8 }
    }

    /// The next number, independent of bytes that are left from an earlier request.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end`, without `end`.
    ///
    /// # Panics
    /// If `end` is zero.
    pub fn below(&mut self, end: usize) -> usize {
        // 64 random bits make the bias invisible for the ranges of a test.
        let end = u64::try_from(end).expect("a usize has at most 64 bits");
        usize::try_from(self.next_u64() % end).expect("less than a usize")
    }
}

impl Random for SeededRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        for byte in bytes {
            if self.used == self.pending.len() {
                self.pending = self.next_u64().to_be_bytes();
                self.used = 0;
            }
            *byte = self.pending[self.used];
            self.used += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_determines_the_bytes_however_they_are_requested() {
        let mut whole = [0; 20];
        SeededRandom::new(7).fill(&mut whole).unwrap();
        let (mut head, mut tail) = ([0; 3], [0; 17]);
        let mut random = SeededRandom::new(7);
        random.fill(&mut head).unwrap();
        random.fill(&mut tail).unwrap();
        assert_eq!(whole[..], [head.as_slice(), &tail].concat());
        let mut other = [0; 20];
        SeededRandom::new(8).fill(&mut other).unwrap();
        assert_ne!(whole, other);
    }

    #[test]
    fn below_reaches_every_value_and_no_other() {
        let mut random = SeededRandom::new(1);
        let mut seen = [0; 5];
        (0..200).for_each(|_| seen[random.below(5)] += 1);
        assert!(seen.iter().all(|&count| count > 0));
    }
}
