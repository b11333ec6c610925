//! The one type for secret bytes: no `Debug` of contents, no `Clone`, constant-time equality,
//! erased on drop.

use codec::{Decode, DecodeError, Encode, Reader, Writer};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::{CryptoError, Random};

/// Secret bytes: a key, a nonce, a secret of the key schedule, or plaintext that holds one.
///
/// Erased when dropped. It encodes as `opaque<V>`; write structures that hold secrets with
/// [`Writer::erasing`].
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes the bytes over; nothing is copied.
    #[must_use]
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        if bytes.len() == bytes.capacity() {
            return Self(bytes.into_boxed_slice());
        }
        // Shrinking might move the bytes and leave the old place unerased.
        let mut bytes = bytes;
        let secret = Self(bytes.as_slice().into());
        bytes.zeroize();
        secret
    }

    /// Copies the bytes; the caller answers for the original.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// `length` random bytes.
    pub fn random(length: usize, random: &mut dyn Random) -> Result<Self, CryptoError> {
        let mut secret = Self::zeros(length);
        random.fill(&mut secret.0)?;
        Ok(secret)
    }

    /// `length` zero bytes: the RFC's "0" of a given length (section 8).
    #[must_use]
    pub fn zeros(length: usize) -> Self {
        Self(vec![0; length].into_boxed_slice())
    }

    /// The bytes, for a primitive or for the encrypted or protected place they are stored in.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be filled in or changed in place.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A second holder of the same secret, where the RFC needs two. Deliberately not `Clone`, so
    /// that every copy is visible in the text.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// The encoding of a structure that holds secrets.
    #[must_use]
    pub fn encoding(value: &impl Encode) -> Self {
        let mut writer = Writer::erasing();
        value.encode(&mut writer);
        Self::from_vec(writer.into_bytes())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

impl Encode for Secret {
    fn encode(&self, writer: &mut Writer) {
        writer.opaque(&self.0);
    }
}

impl Decode for Secret {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self::from_slice(reader.opaque()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_and_equality_is_by_content_and_length() {
        let secret = Secret::from_vec(vec![1, 2, 3]);
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert!(secret == Secret::from_slice(&[1, 2, 3]));
        assert!(secret != Secret::from_slice(&[1, 2]));
        assert!(secret != Secret::from_slice(&[]));
    }
}
