//! `psk_secret`: several pre-shared keys become one secret (RFC 9420, section 8.4).

use crypto::{Crypto, Random, Secret, Suite};
use serde::{Deserialize, Serialize};
use wire::{PreSharedKeyId, PskKind};

use crate::failure::expect_bytes;
use crate::kind::{for_each_suite, random_bytes, suite};
use crate::{Failure, Hex, Scale, Vector};

/// Some keys and their `psk_secret`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The suite.
    pub cipher_suite: u16,
    /// The keys in order.
    pub psks: Vec<Psk>,
    /// The result.
    pub psk_secret: Hex,
}

/// One external pre-shared key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Psk {
    /// The application's name for it.
    pub psk_id: Hex,
    /// The key.
    pub psk: Hex,
    /// The nonce of this use.
    pub psk_nonce: Hex,
}

impl Psk {
    fn generate(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let length = suite.hash_length();
        Ok(Self {
            psk_id: random_bytes(32, random)?.into(),
            psk: random_bytes(length, random)?.into(),
            psk_nonce: random_bytes(length, random)?.into(),
        })
    }

    fn with_id(&self) -> (PreSharedKeyId, Secret) {
        let kind = PskKind::External { psk_id: self.psk_id.opaque() };
        (PreSharedKeyId { kind, psk_nonce: self.psk_nonce.opaque() }, self.psk.secret())
    }
}

fn psk_secret(suite: &Suite, psks: &[Psk]) -> Result<Hex, Failure> {
    let psks: Vec<_> = psks.iter().map(Psk::with_id).collect();
    Ok(treekem::psk_secret(suite, &psks)?.as_secret().into())
}

impl Vector for Entry {
    fn verify(&self, crypto: &Crypto, _: &mut dyn Random) -> Result<(), Failure> {
        let suite = suite(crypto, self.cipher_suite)?;
        expect_bytes("psk_secret", psk_secret(&suite, &self.psks)?, &self.psk_secret)
    }

    fn generate(
        crypto: &Crypto,
        scale: Scale,
        random: &mut dyn Random,
    ) -> Result<Vec<Self>, Failure> {
        let most = match scale {
            Scale::Small => 3,
            Scale::Full => 10,
        };
        for_each_suite(crypto, |suite| {
            let entry = |count| {
                let psks: Vec<_> = (0..count)
                    .map(|_| Psk::generate(suite, random))
                    .collect::<Result<_, Failure>>()?;
                let psk_secret = psk_secret(suite, &psks)?;
                Ok(Self { cipher_suite: suite.id().0, psks, psk_secret })
            };
            (0..=most).map(entry).collect()
        })
    }
}
