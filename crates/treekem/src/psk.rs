//! Pre-shared keys (RFC 9420, section 8.4): all keys of a commit or Welcome become one secret.

use codec::Encode;
use crypto::{Secret, Suite};
use wire::{PreSharedKeyId, PskLabel};

use crate::{Error, Violation};

/// How many pre-shared keys one commit or Welcome can name: `PSKLabel` counts them in 16 bits.
pub const PSKS_MAX: usize = u16::MAX as usize;

secret_newtype! {
    /// `psk_secret`: what the pre-shared keys add to the next epoch.
    PskSecret
}

impl PskSecret {
    /// The secret where no pre-shared key is used: all zero.
    #[must_use]
    pub fn none(suite: &Suite) -> Self {
        Self(Secret::zeros(suite.hash_length()))
    }
}

/// `psk_secret` of these keys, in the order of the proposals or of `GroupSecrets.psks`.
pub fn psk_secret(suite: &Suite, psks: &[(PreSharedKeyId, Secret)]) -> Result<PskSecret, Error> {
    let count = u16::try_from(psks.len()).map_err(|_| Violation::TooManyPreSharedKeys)?;
    let zero = Secret::zeros(suite.hash_length());
    let mut psk_secret = PskSecret::none(suite);
    for (index, (id, psk)) in (0..count).zip(psks) {
        let psk_extracted = suite.extract(&zero, psk)?;
        let label = PskLabel { id: id.clone(), index, count }.to_bytes();
        let psk_input =
            suite.expand_with_label(&psk_extracted, "derived psk", &label, suite.hash_length())?;
        psk_secret = suite.extract(&psk_input, psk_secret.as_secret())?.into();
    }
    Ok(psk_secret)
}
