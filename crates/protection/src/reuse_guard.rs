//! The reuse guard (RFC 9420, section 6.3.1): random bytes that keep a nonce from being used twice
//! even if a client loses its state and uses a generation again.

use crypto::{CryptoError, Random, Secret};

/// Four bytes that are combined with the first four of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReuseGuard(pub [u8; 4]);

impl ReuseGuard {
    /// Section 6.3.1: "the sender of a message MUST generate a fresh random four-byte "reuse guard"
    /// value".
    pub fn random(random: &mut dyn Random) -> Result<Self, CryptoError> {
        let mut bytes = [0; 4];
        random.fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// XORs the guard into the first four bytes.
    pub(crate) fn apply(self, nonce: &mut Secret) {
        for (byte, guard) in nonce.expose_mut().iter_mut().zip(self.0) {
            *byte ^= guard;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_changes_the_first_four_bytes_only() {
        let mut nonce = Secret::from_slice(&[0xff, 1, 2, 3, 4, 5]);
        ReuseGuard([0x0f, 1, 0, 4]).apply(&mut nonce);
        assert_eq!(nonce.expose(), [0xf0, 0, 2, 7, 4, 5]);
    }
}
