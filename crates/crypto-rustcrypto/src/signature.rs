//! EdDSA (RFC 8032) and ECDSA (FIPS 186-5), encoded as in RFC 9420, sections 5.1.1 and 5.1.2.

use crypto::{CryptoError, Random, Secret, SignaturePublicKey, SignatureScheme, SignedMessage};
use crypto_25519::{ed25519_verify, ed25519_verify_batch};
use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use crate::nist::{p256, p384, p521};

pub(crate) fn supports(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::ECDSA_SECP256R1_SHA256
            | SignatureScheme::ECDSA_SECP384R1_SHA384
            | SignatureScheme::ECDSA_SECP521R1_SHA512
            | SignatureScheme::ED25519
            | SignatureScheme::ED448
    )
}

pub(crate) fn generate(
    scheme: SignatureScheme,
    random: &mut dyn Random,
) -> Result<Secret, CryptoError> {
    let (length, mask) = match scheme {
        SignatureScheme::ECDSA_SECP256R1_SHA256 => (p256::SCALAR_LENGTH, 0xff),
        SignatureScheme::ECDSA_SECP384R1_SHA384 => (p384::SCALAR_LENGTH, 0xff),
        SignatureScheme::ECDSA_SECP521R1_SHA512 => (p521::SCALAR_LENGTH, 0x01),
        SignatureScheme::ED25519 => return Secret::random(32, random),
        SignatureScheme::ED448 => return Secret::random(crypto_448::ED448_SEED_LENGTH, random),
        _ => return Err(CryptoError::Unsupported),
    };
    // FIPS 186-5, appendix A.2.2: rejection sampling. A candidate fails with probability below
    // 2^-31 (P-256, the worst), so that many failures mean a broken generator.
    for _ in 0..u8::MAX {
        let mut candidate = Secret::random(length, random)?;
        candidate.expose_mut()[0] &= mask;
        if public_key(scheme, &candidate).is_ok() {
            return Ok(candidate);
        }
    }
    Err(CryptoError::Random)
}

pub(crate) fn public_key(
    scheme: SignatureScheme,
    private_key: &Secret,
) -> Result<SignaturePublicKey, CryptoError> {
    match scheme {
        SignatureScheme::ECDSA_SECP256R1_SHA256 => p256::public_key(private_key).map(Into::into),
        SignatureScheme::ECDSA_SECP384R1_SHA384 => p384::public_key(private_key).map(Into::into),
        SignatureScheme::ECDSA_SECP521R1_SHA512 => p521::public_key(private_key).map(Into::into),
        SignatureScheme::ED25519 => {
            let public_key = parse_ed25519_key(private_key)?.verifying_key();
            Ok(public_key.as_bytes().to_vec().into())
        }
        SignatureScheme::ED448 => crypto_448::ed448_public_key(private_key),
        _ => Err(CryptoError::Unsupported),
    }
}

/// An Ed25519 key with its public key; the library erases it when it is dropped.
struct ReadyKey(SigningKey);

impl crypto::SigningKey for ReadyKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }
}

pub(crate) fn signing_key(
    scheme: SignatureScheme,
    private_key: &Secret,
) -> Result<Option<Box<dyn crypto::SigningKey>>, CryptoError> {
    match scheme {
        SignatureScheme::ED25519 => Ok(Some(Box::new(ReadyKey(parse_ed25519_key(private_key)?)))),
        _ => Ok(None),
    }
}

pub(crate) fn sign(
    scheme: SignatureScheme,
    private_key: &Secret,
    message: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    match scheme {
        SignatureScheme::ECDSA_SECP256R1_SHA256 => p256::sign(private_key, message),
        SignatureScheme::ECDSA_SECP384R1_SHA384 => p384::sign(private_key, message),
        SignatureScheme::ECDSA_SECP521R1_SHA512 => p521::sign(private_key, message),
        SignatureScheme::ED25519 => {
            Ok(parse_ed25519_key(private_key)?.sign(message).to_bytes().to_vec())
        }
        SignatureScheme::ED448 => crypto_448::ed448_sign(private_key, message),
        _ => Err(CryptoError::Unsupported),
    }
}

pub(crate) fn verify_batch(
    scheme: SignatureScheme,
    batch: &[SignedMessage<'_>],
) -> Result<(), CryptoError> {
    match scheme {
        SignatureScheme::ED25519 => ed25519_verify_batch(batch),
        _ => batch.iter().try_for_each(|signed| {
            verify(scheme, signed.public_key, signed.message, signed.signature)
        }),
    }
}

pub(crate) fn verify(
    scheme: SignatureScheme,
    public_key: &SignaturePublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    let key = public_key.as_slice();
    match scheme {
        SignatureScheme::ECDSA_SECP256R1_SHA256 => p256::verify(key, message, signature),
        SignatureScheme::ECDSA_SECP384R1_SHA384 => p384::verify(key, message, signature),
        SignatureScheme::ECDSA_SECP521R1_SHA512 => p521::verify(key, message, signature),
        SignatureScheme::ED25519 => ed25519_verify(public_key, message, signature),
        SignatureScheme::ED448 => crypto_448::ed448_verify(public_key, message, signature),
        _ => Err(CryptoError::Unsupported),
    }
}

fn parse_ed25519_key(private_key: &Secret) -> Result<SigningKey, CryptoError> {
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(
        private_key.expose().try_into().map_err(|_| CryptoError::InvalidPrivateKey)?,
    );
    Ok(SigningKey::from_bytes(&seed))
}
