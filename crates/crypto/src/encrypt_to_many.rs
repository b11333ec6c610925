//! Encrypting to many recipients under one label and context: the path secrets of a commit, the
//! group secrets of a Welcome. The context is hashed once, and the work is spread over threads.
//!
//! Randomness cannot be shared between threads, so the bytes for all ciphertexts are drawn before,
//! in order: what is sent does not depend on how many threads there are.

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
        let length = self.provider.kem_random_length(self.params.kem)?.max(1);
        let drawn = length.checked_mul(recipients.len()).ok_or(CryptoError::Random)?;
        let drawn = Secret::random(drawn, random)?;
        let seal = |((public_key, plaintext), drawn): (&(&HpkePublicKey, &Secret), &[u8])| {
            self.hpke_seal_in(&context, public_key, plaintext, &mut Drawn(drawn))
        };
        if recipients.len() < PARALLEL_CIPHERTEXTS_MIN {
            recipients.iter().zip(drawn.expose().chunks_exact(length)).map(seal).collect()
        } else {
            recipients.par_iter().zip(drawn.expose().par_chunks_exact(length)).map(seal).collect()
        }
    }
}

/// Gives out bytes that were drawn before, each once.
struct Drawn<'a>(&'a [u8]);

impl Random for Drawn<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        let (next, rest) = self.0.split_at_checked(bytes.len()).ok_or(CryptoError::Random)?;
        bytes.copy_from_slice(next);
        self.0 = rest;
        Ok(())
    }
}
