//! One secret, encrypted to many public keys, in two forms.
//!
//! *Shared ephemeral* (Smart, 2005): one ephemeral key for all, and for each recipient only an AEAD
//! ciphertext: `32 + 48 r` bytes for `r` recipients. *HPKE*: a ciphertext of its own for each,
//! `80 r` bytes. Neither is framed: who the recipients are follows from the group.

use codec::Reader;
use crypto::{HpkeCiphertext, HpkeKeyPair, HpkePublicKey, Random, Secret, Suite};

use crate::Failure;

/// How a secret is encrypted to many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One HPKE ciphertext for each recipient.
    Hpke,
    /// One ephemeral key for all recipients.
    SharedEphemeral,
}

const LABEL: &str = "mKEM";
const TAG_BYTES: usize = 16;

impl Form {
    /// Encrypts a secret to all recipients.
    pub(super) fn seal(
        self,
        (suite, context): (&Suite, &[u8]),
        recipients: &[HpkePublicKey],
        secret: &Secret,
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, Failure> {
        let mut sealed = Vec::new();
        match self {
            Self::Hpke => {
                for recipient in recipients {
                    let target = (LABEL, context);
                    let one = suite.encrypt_with_label(recipient, target, secret, random)?;
                    sealed.extend_from_slice(&one.kem_output);
                    sealed.extend_from_slice(&one.ciphertext);
                }
            }
            Self::SharedEphemeral if recipients.is_empty() => {}
            Self::SharedEphemeral => {
                let ephemeral = suite.generate_key_pair(random)?;
                sealed.extend_from_slice(ephemeral.public_key.as_slice());
                for recipient in recipients {
                    let kem = suite.params().kem;
                    let shared = suite.provider().dh(kem, &ephemeral.private_key, recipient)?;
                    let (key, nonce) = key_and_nonce(suite, &shared, recipient)?;
                    let one = suite.aead_seal(&key, nonce.expose(), context, secret.expose())?;
                    sealed.extend_from_slice(&one);
                }
            }
        }
        Ok(sealed)
    }

    /// Decrypts what is for the recipient at a position.
    pub(super) fn open(
        self,
        (suite, context): (&Suite, &[u8]),
        key_pair: &HpkeKeyPair,
        position: usize,
        sealed: &[u8],
    ) -> Result<Secret, Failure> {
        let mut reader = Reader::new(sealed);
        let kem_bytes = key_pair.public_key.as_slice().len();
        let one = suite.hash_length() + TAG_BYTES;
        match self {
            Self::Hpke => {
                reader.take((kem_bytes + one) * position)?;
                let kem_output = reader.take(kem_bytes)?.into();
                let ciphertext =
                    HpkeCiphertext { kem_output, ciphertext: reader.take(one)?.into() };
                Ok(suite.decrypt_with_label(key_pair, LABEL, context, &ciphertext)?)
            }
            Self::SharedEphemeral => {
                let ephemeral = HpkePublicKey(reader.take(kem_bytes)?.into());
                reader.take(one * position)?;
                let (provider, kem) = (suite.provider(), suite.params().kem);
                let shared = provider.dh(kem, &key_pair.private_key, &ephemeral)?;
                let (key, nonce) = key_and_nonce(suite, &shared, &key_pair.public_key)?;
                Ok(suite.aead_open(&key, nonce.expose(), context, reader.take(one)?)?)
            }
        }
    }

    /// How long the encryption to so many recipients is.
    pub(super) fn sealed_bytes(self, suite: &Suite, kem_bytes: usize, recipients: usize) -> usize {
        let one = suite.hash_length() + TAG_BYTES;
        match self {
            Self::Hpke => recipients * (kem_bytes + one),
            Self::SharedEphemeral if recipients == 0 => 0,
            Self::SharedEphemeral => kem_bytes + recipients * one,
        }
    }
}

/// Bound to the recipient's key, since many share the ephemeral one.
fn key_and_nonce(
    suite: &Suite,
    shared: &Secret,
    recipient: &HpkePublicKey,
) -> Result<(Secret, Secret), Failure> {
    let extracted = suite.extract(&Secret::zeros(suite.hash_length()), shared)?;
    let params = suite.params();
    let derive =
        |label, length| suite.expand_with_label(&extracted, label, recipient.as_slice(), length);
    Ok((derive("key", params.aead_key_length)?, derive("nonce", params.aead_nonce_length)?))
}
