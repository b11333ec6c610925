//! EdDSA (RFC 8032) and ECDSA (FIPS 186-5), encoded as in RFC 9420, sections 5.1.1 and 5.1.2.

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521};
use aws_lc_rs::rand;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1,
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING,
    ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, Ed25519KeyPair,
    KeyPair as _, UnparsedPublicKey,
};
use crypto::{
    CryptoError, Random, Secret, SignaturePublicKey, SignatureScheme, SignedMessage, SigningKey,
};
use crypto_25519::{ed25519_verify, ed25519_verify_batch, is_weak_ed25519};

const ED25519_KEY_LENGTH: usize = 32;

/// What ECDSA needs to know of a curve.
struct Ecdsa {
    verification: &'static EcdsaVerificationAlgorithm,
    signing: &'static EcdsaSigningAlgorithm,
    agreement: &'static agreement::Algorithm,
    scalar_length: usize,
    /// The bits of the first byte of a scalar that can be set.
    scalar_mask: u8,
}

fn ecdsa(scheme: SignatureScheme) -> Result<Ecdsa, CryptoError> {
    match scheme {
        SignatureScheme::ECDSA_SECP256R1_SHA256 => Ok(Ecdsa {
            verification: &ECDSA_P256_SHA256_ASN1,
            signing: &ECDSA_P256_SHA256_ASN1_SIGNING,
            agreement: &ECDH_P256,
            scalar_length: 32,
            scalar_mask: 0xff,
        }),
        SignatureScheme::ECDSA_SECP384R1_SHA384 => Ok(Ecdsa {
            verification: &ECDSA_P384_SHA384_ASN1,
            signing: &ECDSA_P384_SHA384_ASN1_SIGNING,
            agreement: &ECDH_P384,
            scalar_length: 48,
            scalar_mask: 0xff,
        }),
        SignatureScheme::ECDSA_SECP521R1_SHA512 => Ok(Ecdsa {
            verification: &ECDSA_P521_SHA512_ASN1,
            signing: &ECDSA_P521_SHA512_ASN1_SIGNING,
            agreement: &ECDH_P521,
            scalar_length: 66,
            scalar_mask: 0x01,
        }),
        _ => Err(CryptoError::Unsupported),
    }
}

pub(crate) fn supports(scheme: SignatureScheme) -> bool {
    matches!(scheme, SignatureScheme::ED25519 | SignatureScheme::ED448) || ecdsa(scheme).is_ok()
}

pub(crate) fn generate(
    scheme: SignatureScheme,
    random: &mut dyn Random,
) -> Result<Secret, CryptoError> {
    let curve = match scheme {
        SignatureScheme::ED25519 => return Secret::random(ED25519_KEY_LENGTH, random),
        SignatureScheme::ED448 => return Secret::random(crypto_448::ED448_SEED_LENGTH, random),
        _ => ecdsa(scheme)?,
    };
    // FIPS 186-5, appendix A.2.2: rejection sampling. A candidate fails with probability below
    // 2^-31 (P-256, the worst), so that many failures mean a broken generator.
    for _ in 0..u8::MAX {
        let mut candidate = Secret::random(curve.scalar_length, random)?;
        candidate.expose_mut()[0] &= curve.scalar_mask;
        if parse_ecdh_key(&curve, &candidate).is_ok() {
            return Ok(candidate);
        }
    }
    Err(CryptoError::Random)
}

fn parse_ecdh_key(
    curve: &Ecdsa,
    private_key: &Secret,
) -> Result<agreement::PrivateKey, CryptoError> {
    agreement::PrivateKey::from_private_key(curve.agreement, private_key.expose())
        .map_err(|_| CryptoError::InvalidPrivateKey)
}

fn parse_ed25519_key(private_key: &Secret) -> Result<Ed25519KeyPair, CryptoError> {
    if private_key.len() != ED25519_KEY_LENGTH {
        return Err(CryptoError::InvalidPrivateKey);
    }
    Ed25519KeyPair::from_seed_unchecked(private_key.expose())
        .map_err(|_| CryptoError::InvalidPrivateKey)
}

pub(crate) fn public_key(
    scheme: SignatureScheme,
    private_key: &Secret,
) -> Result<SignaturePublicKey, CryptoError> {
    match scheme {
        SignatureScheme::ED25519 => {
            let key_pair = parse_ed25519_key(private_key)?;
            Ok(key_pair.public_key().as_ref().to_vec().into())
        }
        SignatureScheme::ED448 => crypto_448::ed448_public_key(private_key),
        _ => {
            let public_key = parse_ecdh_key(&ecdsa(scheme)?, private_key)?
                .compute_public_key()
                .map_err(|_| CryptoError::InvalidPrivateKey)?;
            Ok(public_key.as_ref().to_vec().into())
        }
    }
}

/// Keys as AWS-LC holds them; it erases them when it frees them.
enum ReadyKey {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl SigningKey for ReadyKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let signature = match self {
            Self::Ed25519(key_pair) => {
                key_pair.try_sign(message).map_err(|_| CryptoError::InvalidPrivateKey)?
            }
            Self::Ecdsa(key_pair) => key_pair
                .sign(&rand::SystemRandom::new(), message)
                .map_err(|_| CryptoError::Random)?,
        };
        Ok(signature.as_ref().to_vec())
    }
}

fn ready_key(scheme: SignatureScheme, private_key: &Secret) -> Result<ReadyKey, CryptoError> {
    if scheme == SignatureScheme::ED25519 {
        return Ok(ReadyKey::Ed25519(parse_ed25519_key(private_key)?));
    }
    let curve = ecdsa(scheme)?;
    let der = ec_private_key_der(&curve, private_key)?;
    let key_pair = EcdsaKeyPair::from_private_key_der(curve.signing, der.expose())
        .map_err(|_| CryptoError::InvalidPrivateKey)?;
    Ok(ReadyKey::Ecdsa(key_pair))
}

pub(crate) fn signing_key(
    scheme: SignatureScheme,
    private_key: &Secret,
) -> Result<Option<Box<dyn SigningKey>>, CryptoError> {
    if scheme == SignatureScheme::ED448 {
        return Ok(None);
    }
    Ok(Some(Box::new(ready_key(scheme, private_key)?)))
}

pub(crate) fn sign(
    scheme: SignatureScheme,
    private_key: &Secret,
    message: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    match scheme {
        SignatureScheme::ED448 => crypto_448::ed448_sign(private_key, message),
        _ => ready_key(scheme, private_key)?.sign(message),
    }
}

/// `ECPrivateKey` (RFC 5915, section 3) with a scalar only. This is the one form from which AWS-LC
/// takes a signing key without being told its public key.
fn ec_private_key_der(curve: &Ecdsa, private_key: &Secret) -> Result<Secret, CryptoError> {
    let scalar = private_key.expose();
    if scalar.len() != curve.scalar_length {
        return Err(CryptoError::InvalidPrivateKey);
    }
    // No scalar is longer than 66 bytes, so every length fits the short form.
    let length = u8::try_from(scalar.len()).map_err(|_| CryptoError::InvalidPrivateKey)?;
    let header = [0x30, length + 5, 0x02, 0x01, 0x01, 0x04, length];
    Ok(Secret::from_vec([&header, scalar].concat()))
}

pub(crate) fn verify_batch(
    scheme: SignatureScheme,
    batch: &[SignedMessage<'_>],
) -> Result<(), CryptoError> {
    match (scheme, batch) {
        (SignatureScheme::ED25519, [_, _, ..]) => ed25519_verify_batch(batch),
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
    match scheme {
        SignatureScheme::ED25519 => verify_ed25519(public_key, message, signature),
        SignatureScheme::ED448 => crypto_448::ed448_verify(public_key, message, signature),
        _ => verify_ecdsa(&ecdsa(scheme)?, public_key.as_slice(), message, signature),
    }
}

fn verify_ed25519(
    public_key: &SignaturePublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    let key: &[u8; ED25519_KEY_LENGTH] =
        public_key.as_slice().try_into().map_err(|_| CryptoError::InvalidPublicKey)?;
    if is_weak_ed25519(key) {
        return Err(CryptoError::InvalidPublicKey);
    }
    // AWS-LC is the faster one, but checks the equation without the cofactor. What satisfies that
    // one satisfies the equation with the cofactor too; about the rest, the latter decides.
    match UnparsedPublicKey::new(&ED25519, key).verify(message, signature) {
        Ok(()) => Ok(()),
        Err(_) => ed25519_verify(public_key, message, signature),
    }
}

fn verify_ecdsa(
    curve: &Ecdsa,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    // RFC 9420, section 5.1.1: an uncompressed point. AWS-LC would read other forms too.
    if public_key.len() != 2 * curve.scalar_length + 1 || public_key[0] != 4 {
        return Err(CryptoError::InvalidPublicKey);
    }
    UnparsedPublicKey::new(curve.verification, public_key)
        .verify(message, signature)
        .map_err(|_| CryptoError::InvalidSignature)
}
