//! Encrypting to many recipients under one label and context: the path secrets of a commit, the
//! group secrets of a Welcome. The context is hashed once, and the work is spread over threads.
//!
//! Randomness cannot be shared between threads, so a seed is drawn for each ciphertext. The seed is
//! the key of HKDF-Expand (RFC 5869), whose output is indistinguishable from random bytes to
//! whoever does not know it; it serves one ciphertext and is then erased.

use rayon::prelude::*;

use crate::labels::labelled;
use crate::{CryptoError, HpkeCiphertext, HpkePublicKey, Random, Secret, Suite};

/// With fewer ciphertexts than this, threads cost more than they save. The path of a warm tree
/// stays below, with one for each level.
const PARALLEL_CIPHERTEXTS_MIN: usize = 24;

impl Suite {
    /// [`Self::encrypt_with_label`] for each recipient, in order.
    pub fn encrypt_to_many(
        &self,
        (label, context): (&str, &[u8]),
        recipients: &[(&HpkePublicKey, &Secret)],
        random: &mut dyn Random,
    ) -> Result<Vec<HpkeCiphertext>, CryptoError> {
        let context = self.hpke_context(&labelled(label, context))?;
        let seeds: Result<Vec<_>, CryptoError> =
            recipients.iter().map(|_| DerivedRandom::draw(self, random)).collect();
        let seal = |(recipient, mut random): (&(&HpkePublicKey, &Secret), DerivedRandom<'_>)| {
            let (public_key, plaintext) = recipient;
            self.hpke_seal_in(&context, public_key, plaintext, &mut random)
        };
        if recipients.len() < PARALLEL_CIPHERTEXTS_MIN {
            recipients.iter().zip(seeds?).map(seal).collect()
        } else {
            recipients.par_iter().zip(seeds?).map(seal).collect()
        }
    }
}

/// A source of the bytes that follow from one seed.
struct DerivedRandom<'a> {
    suite: &'a Suite,
    seed: Secret,
    draws: u32,
}

impl<'a> DerivedRandom<'a> {
    /// A source whose seed is drawn from `random`.
    fn draw(suite: &'a Suite, random: &mut dyn Random) -> Result<Self, CryptoError> {
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
