//! The signature algorithms of certificates, computed by the application's crypto provider.
//!
//! `webpki` asks for implementations of a trait and brings some of its own, on other libraries.
//! Ours verify with the provider that verifies MLS signatures, so that a program has one source of
//! cryptography, Ed448 works like the others, and so do browsers.

use std::fmt;
use std::sync::Arc;

use crypto::{Provider, SignaturePublicKey, SignatureScheme};
use pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};

/// A scheme, the algorithm of its keys, and the algorithm of its signatures, as in RFC 5480 (ECDSA)
/// and RFC 8410 (EdDSA).
const ALGORITHMS: [(SignatureScheme, AlgorithmIdentifier, AlgorithmIdentifier); 5] = [
    (SignatureScheme::ED25519, alg_id::ED25519, alg_id::ED25519),
    (SignatureScheme::ECDSA_SECP256R1_SHA256, alg_id::ECDSA_P256, alg_id::ECDSA_SHA256),
    (SignatureScheme::ECDSA_SECP384R1_SHA384, alg_id::ECDSA_P384, alg_id::ECDSA_SHA384),
    (SignatureScheme::ECDSA_SECP521R1_SHA512, alg_id::ECDSA_P521, alg_id::ECDSA_SHA512),
    (SignatureScheme::ED448, alg_id::ED448, alg_id::ED448),
];

/// The scheme of keys with this algorithm identifier (the contents of its SEQUENCE).
pub(crate) fn scheme(algorithm: &[u8]) -> Option<SignatureScheme> {
    let found = ALGORITHMS.iter().find(|(_, key, _)| key.as_ref() == algorithm);
    found.map(|(scheme, ..)| *scheme)
}

/// The bytes of a public key as in leaves (RFC 9420, section 5.1.1): raw for EdDSA, an uncompressed
/// point for ECDSA. No two schemes have the same.
pub(crate) fn key_length(scheme: SignatureScheme) -> Option<usize> {
    match scheme {
        SignatureScheme::ED25519 => Some(32),
        SignatureScheme::ED448 => Some(57),
        SignatureScheme::ECDSA_SECP256R1_SHA256 => Some(1 + 2 * 32),
        SignatureScheme::ECDSA_SECP384R1_SHA384 => Some(1 + 2 * 48),
        SignatureScheme::ECDSA_SECP521R1_SHA512 => Some(1 + 2 * 66),
        _ => None,
    }
}

/// One algorithm.
pub(crate) struct Algorithm {
    provider: Arc<dyn Provider>,
    scheme: SignatureScheme,
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
}

/// All algorithms of the cipher suites.
pub(crate) fn all(provider: &Arc<dyn Provider>) -> Vec<Algorithm> {
    let all = ALGORITHMS.into_iter().map(|(scheme, key, signature)| Algorithm {
        provider: Arc::clone(provider),
        scheme,
        key,
        signature,
    });
    all.collect()
}

impl fmt::Debug for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scheme.fmt(formatter)
    }
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let public_key = SignaturePublicKey::from(public_key.to_vec());
        let verified = self.provider.verify(self.scheme, &public_key, message, signature);
        verified.map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}
