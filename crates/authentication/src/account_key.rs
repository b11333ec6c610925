//! The public half of an account's root key, and the one way in which keys sign here.

use crypto::{CryptoError, Provider, SignaturePublicKey, SignatureScheme, Signer};
use delivery_api::DeviceId;

/// The root key of an account: an Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey(pub(crate) [u8; 32]);

codec::fields!(AccountKey { 0 });

impl AccountKey {
    /// The key that a signer signs with.
    ///
    /// # Errors
    /// It is not an Ed25519 key.
    pub fn of(signer: &dyn Signer) -> Result<Self, CryptoError> {
        if signer.scheme() != SignatureScheme::ED25519 {
            return Err(CryptoError::Unsupported);
        }
        let bytes = signer.public_key().as_slice().try_into();
        Ok(Self(bytes.map_err(|_| CryptoError::InvalidPublicKey)?))
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads what [`std::fmt::Display`] writes: 64 lowercase hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        DeviceId::from_hex(text).map(|bytes| Self(*bytes.as_bytes()))
    }
}

impl std::fmt::Display for AccountKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl std::fmt::Debug for AccountKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{self}")
    }
}

/// Whether the holder of an Ed25519 key signed a message.
pub(crate) fn is_signed(
    provider: &dyn Provider,
    key: &[u8; 32],
    message: &[u8],
    signature: &[u8],
) -> bool {
    let key = SignaturePublicKey::from(key.to_vec());
    provider.verify(SignatureScheme::ED25519, &key, message, signature).is_ok()
}
