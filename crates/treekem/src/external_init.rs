//! External initialization (RFC 9420, section 8.3): a joiner brings its own init secret.

use codec::Opaque;
use crypto::{HpkePublicKey, Random, Suite};

use crate::{EpochSecrets, Error, InitSecret, Violation};

/// The exporter context of both directions.
const EXPORTER_CONTEXT: &[u8] = b"MLS 1.0 external init secret";

impl InitSecret {
    /// The joiner's side: a fresh init secret, and the `kem_output` that tells it to the members of
    /// the epoch that published `external_pub`.
    pub fn send_external(
        suite: &Suite,
        external_pub: &HpkePublicKey,
        random: &mut dyn Random,
    ) -> Result<(Opaque, Self), Error> {
        let length = suite.hash_length();
        let (kem_output, secret) = suite
            .hpke_export_send(external_pub, EXPORTER_CONTEXT, length, random)
            .map_err(Error::blame(Violation::ExternalPubInvalid))?;
        Ok((kem_output, secret.into()))
    }
}

impl EpochSecrets {
    /// The members' side: the init secret in the `kem_output` of an ExternalInit proposal.
    pub fn receive_external_init(
        &self,
        suite: &Suite,
        kem_output: &[u8],
    ) -> Result<InitSecret, Error> {
        let key_pair = self.external_key_pair(suite)?;
        let secret = suite
            .hpke_export_receive(&key_pair, kem_output, EXPORTER_CONTEXT, suite.hash_length())
            .map_err(Error::blame(Violation::ExternalInitUndecapsulable))?;
        Ok(secret.into())
    }
}
