//! Random bytes that follow from a seed, so that work which needs randomness can be handed to other
//! threads without sharing the source.
//!
//! The seed is the key of HKDF-Expand (RFC 5869), whose output is indistinguishable from random
//! bytes to whoever does not know it. Each seed serves one ciphertext and is then erased.

use crypto::{CryptoError, Random, Secret, Suite};

/// A source of the bytes that follow from one seed.
pub(crate) struct DerivedRandom<'a> {
    suite: &'a Suite,
    seed: Secret,
    draws: u32,
}

impl<'a> DerivedRandom<'a> {
    /// A source whose seed is drawn from `random`.
    pub(crate) fn draw(suite: &'a Suite, random: &mut dyn Random) -> Result<Self, CryptoError> {
        let seed = Secret::random(suite.hash_length(), random)?;
        Ok(Self { suite, seed, draws: 0 })
    }
}

impl Random for DerivedRandom<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.draws = self.draws.checked_add(1).ok_or(CryptoError::Random)?;
        let hash = self.suite.params().hash;
        let info = self.draws.to_be_bytes();
        let provider = self.suite.provider();
        let output = provider.hkdf_expand(hash, self.seed.expose(), &[&info], bytes.len())?;
        bytes.copy_from_slice(output.expose());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crypto::{CipherSuite, Crypto};

    use super::*;

    #[test]
    fn every_draw_and_every_seed_gives_other_bytes_and_a_seed_always_the_same() {
        let crypto = Crypto::new(crypto_aws_lc::provider());
        let suite = crypto.suite(CipherSuite(1)).unwrap();
        let draw_two = |seed| {
            let mut source = testkit::SeededRandom::new(seed);
            let mut random = DerivedRandom::draw(&suite, &mut source).unwrap();
            let mut drawn = [[0; 66]; 2];
            drawn.iter_mut().for_each(|bytes| random.fill(bytes).unwrap());
            drawn
        };
        let ([one, two], [three, four]) = (draw_two(1), draw_two(2));
        assert_eq!(draw_two(1), [one, two]);
        let distinct = std::collections::BTreeSet::from([one, two, three, four]);
        assert_eq!(distinct.len(), 4);
    }
}
