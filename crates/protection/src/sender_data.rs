//! Who sent a private message (RFC 9420, section 6.3.2): encrypted under a key derived from a
//! sample of the ciphertext.

use codec::{Decode, Encode};
use crypto::{CryptoError, Secret, Suite};
use wire::{PrivateMessage, SenderData, SenderDataAad};

use crate::{Error, Violation};

/// The longest `encrypted_sender_data` that is looked at: 12 bytes and an AEAD tag, generously.
const ENCRYPTED_BYTES_MAX: usize = 64;

/// The key and nonce that encrypt the sender data of one ciphertext.
pub struct SenderDataKey {
    key: Secret,
    nonce: Secret,
}

impl SenderDataKey {
    /// Derives both from the first `KDF.Nh` bytes of the ciphertext, or from all of it if it is
    /// shorter. (A signature makes every honest ciphertext longer.)
    pub fn derive(
        suite: &Suite,
        sender_data_secret: &Secret,
        ciphertext: &[u8],
    ) -> Result<Self, CryptoError> {
        let sample = &ciphertext[..suite.hash_length().min(ciphertext.len())];
        let params = suite.params();
        let expand =
            |label, length| suite.expand_with_label(sender_data_secret, label, sample, length);
        Ok(Self {
            key: expand("key", params.aead_key_length)?,
            nonce: expand("nonce", params.aead_nonce_length)?,
        })
    }

    /// `sender_data_key`.
    #[must_use]
    pub fn key(&self) -> &Secret {
        &self.key
    }

    /// `sender_data_nonce`.
    #[must_use]
    pub fn nonce(&self) -> &Secret {
        &self.nonce
    }
}

/// Encrypts the sender data into a message that has everything else.
pub(crate) fn seal(
    suite: &Suite,
    sender_data_secret: &Secret,
    sender_data: &SenderData,
    message: &PrivateMessage,
) -> Result<Vec<u8>, CryptoError> {
    let SenderDataKey { key, nonce } =
        SenderDataKey::derive(suite, sender_data_secret, &message.ciphertext)?;
    let plaintext = sender_data.to_bytes();
    suite.aead_seal(&key, nonce.expose(), &aad(message).to_bytes(), &plaintext)
}

/// Decrypts the sender data of a message.
pub(crate) fn open(
    suite: &Suite,
    sender_data_secret: &Secret,
    message: &PrivateMessage,
) -> Result<SenderData, Error> {
    let encrypted = &message.encrypted_sender_data;
    if encrypted.len() > ENCRYPTED_BYTES_MAX {
        return Err(Violation::SenderDataNotAuthentic.into());
    }
    let SenderDataKey { key, nonce } =
        SenderDataKey::derive(suite, sender_data_secret, &message.ciphertext)?;
    match suite.aead_open(&key, nonce.expose(), &aad(message).to_bytes(), encrypted) {
        Ok(plaintext) => SenderData::from_bytes(plaintext.expose()).map_err(Error::Malformed),
        Err(CryptoError::AeadOpen | CryptoError::InvalidLength) => {
            Err(Violation::SenderDataNotAuthentic.into())
        }
        Err(other) => Err(other.into()),
    }
}

/// `SenderDataAAD`: the first three fields of the message.
fn aad(message: &PrivateMessage) -> SenderDataAad {
    let PrivateMessage { group_id, epoch, content_type, .. } = message;
    SenderDataAad { group_id: group_id.clone(), epoch: *epoch, content_type: *content_type }
}
