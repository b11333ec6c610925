//! What one use of each primitive costs here and now.
//!
//! Prices are taken several times in the course of a worker's run, between the operations, so that
//! a machine that speeds up or slows down changes both sides of a ratio. A price is processor time:
//! the median over all batches of a few milliseconds.

use serde::{Deserialize, Serialize};

use crate::clock::{median, time};
use crate::primitives::{Backend, LONG, Message, Primitives, SHORT, primitives};

/// Nanoseconds of processor time for one use; for what depends on length, for 256 bytes, and for
/// every further byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// A key pair from a private key.
    pub key_pair: f64,
    /// Diffie-Hellman.
    pub dh: f64,
    /// A signature over 256 bytes.
    pub sign: f64,
    /// Every further byte signed.
    pub sign_byte: f64,
    /// Checking a signature over 256 bytes.
    pub verify: f64,
    /// Every further byte.
    pub verify_byte: f64,
    /// A hash of 256 bytes.
    pub hash: f64,
    /// Every further byte.
    pub hash_byte: f64,
    /// HMAC of a short message: one step of HKDF.
    pub hmac: f64,
    /// AEAD of 256 bytes under a new key, either way.
    pub aead: f64,
    /// Every further byte.
    pub aead_byte: f64,
}

/// Batches last about this long; shorter ones would measure the clock.
const BATCH_NANOSECONDS: u64 = 1_000_000;

/// The most uses in a batch.
const BATCH_MAX: u64 = 4096;

/// Takes prices of one backend and suite, and remembers all of them.
pub struct PriceTaker {
    primitives: Box<dyn Primitives>,
    batches: [Vec<u64>; 11],
}

/// Picoseconds of one use, from one batch.
fn batch(mut one: impl FnMut()) -> u64 {
    let ((), first) = time(&mut one);
    let uses = (BATCH_NANOSECONDS / first.cpu.max(1)).clamp(1, BATCH_MAX);
    let ((), taken) = time(|| (0..uses).for_each(|_| one()));
    taken.cpu.saturating_mul(1000) / uses
}

impl PriceTaker {
    /// The primitives of a suite, not priced yet.
    #[must_use]
    pub fn new(backend: Backend, suite: u16) -> Self {
        Self { primitives: primitives(backend, suite), batches: Default::default() }
    }

    /// One more batch of each primitive: some fifteen milliseconds.
    pub fn take(&mut self) {
        let it = &*self.primitives;
        let (short, long) = (vec![7; SHORT], vec![7; LONG]);
        let (mut sealed_short, mut sealed_long) = (short.clone(), long.clone());
        let taken = [
            batch(|| it.key_pair()),
            batch(|| it.dh()),
            batch(|| it.sign(&short)),
            batch(|| it.sign(&long)),
            batch(|| it.verify(Message::Short)),
            batch(|| it.verify(Message::Long)),
            batch(|| it.hash(&short)),
            batch(|| it.hash(&long)),
            batch(|| it.hmac()),
            batch(|| it.seal(&mut sealed_short)),
            batch(|| it.seal(&mut sealed_long)),
        ];
        self.batches.iter_mut().zip(taken).for_each(|(all, one)| all.push(one));
    }

    /// The medians of all batches so far.
    #[must_use]
    pub fn prices(&self) -> Prices {
        let [
            key_pair,
            dh,
            sign,
            sign_long,
            verify,
            verify_long,
            hash,
            hash_long,
            hmac,
            aead,
            aead_long,
        ] = self.batches.each_ref().map(|batches| nanoseconds(median(batches.clone())));
        let per_byte = |long: f64, short: f64| (long - short).max(0.0) / 65_536.0;
        Prices {
            key_pair,
            dh,
            sign,
            sign_byte: per_byte(sign_long, sign),
            verify,
            verify_byte: per_byte(verify_long, verify),
            hash,
            hash_byte: per_byte(hash_long, hash),
            hmac,
            aead,
            aead_byte: per_byte(aead_long, aead),
        }
    }
}

fn nanoseconds(picoseconds: u64) -> f64 {
    // Exact up to 2^53 picoseconds, which is two hours and a half.
    #[allow(clippy::cast_precision_loss)]
    let exact = picoseconds as f64;
    exact / 1000.0
}
