//! Bytes as JSON carries them in test vectors: a string of lower-case hexadecimal digits.

use codec::{Decode, Encode, Opaque};
use crypto::{Digest, Secret, SignaturePublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Failure;

/// Bytes, some of which are secrets: test vectors publish their secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl Hex {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// The encoding of a structure.
    #[must_use]
    pub fn encoding(value: &impl Encode) -> Self {
        Self(value.to_bytes())
    }

    /// The structure that the bytes encode, all of them, and in no other way.
    pub(crate) fn decode<T: Decode + Encode>(&self) -> Result<T, Failure> {
        let value = T::from_bytes(&self.0)?;
        if value.to_bytes() == self.0 {
            Ok(value)
        } else {
            Err(Failure::new("decodes, but encodes differently"))
        }
    }

    /// The bytes as a secret.
    pub(crate) fn secret(&self) -> Secret {
        Secret::from_slice(&self.0)
    }

    /// The bytes as `opaque`.
    pub(crate) fn opaque(&self) -> Opaque {
        self.0.as_slice().into()
    }

    /// The bytes as a hash value.
    pub(crate) fn digest(&self) -> Result<Digest, Failure> {
        Digest::new(&self.0).ok_or_else(|| Failure::new("is too long for a hash value"))
    }

    /// The bytes as a signature public key.
    pub(crate) fn signature_public_key(&self) -> SignaturePublicKey {
        self.0.clone().into()
    }
}

impl AsRef<[u8]> for Hex {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Hex {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Hex {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&Secret> for Hex {
    fn from(secret: &Secret) -> Self {
        Self(secret.expose().to_vec())
    }
}

impl From<Digest> for Hex {
    fn from(digest: Digest) -> Self {
        Self(digest.as_slice().to_vec())
    }
}

impl std::fmt::Display for Hex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&hex::encode(&self.0))
    }
}

impl std::fmt::Debug for Hex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{self}")
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        hex::decode(digits).map(Self).map_err(de::Error::custom)
    }
}
