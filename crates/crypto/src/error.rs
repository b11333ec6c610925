//! What can go wrong inside cryptography.

use std::fmt;

/// A cryptographic operation did not succeed.
///
/// Carries no secrets and no detail that could serve as an oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CryptoError {
    /// The AEAD tag does not authenticate the ciphertext.
    AeadOpen,
    /// A private key has the wrong length or is out of range.
    InvalidPrivateKey,
    /// A public key has the wrong length, is not on the curve, or has a small order.
    InvalidPublicKey,
    /// The signature does not verify.
    InvalidSignature,
    /// A length is outside what the primitive can take.
    InvalidLength,
    /// The source of randomness failed.
    Random,
    /// The backend does not implement this algorithm.
    Unsupported,
}

impl fmt::Display for CryptoError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::AeadOpen => "ciphertext is not authentic",
            Self::InvalidPrivateKey => "invalid private key",
            Self::InvalidPublicKey => "invalid public key",
            Self::InvalidSignature => "invalid signature",
            Self::InvalidLength => "invalid length",
            Self::Random => "no randomness available",
            Self::Unsupported => "algorithm not supported by this backend",
        })
    }
}

impl std::error::Error for CryptoError {}
