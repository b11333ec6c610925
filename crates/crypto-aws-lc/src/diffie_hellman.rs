//! Diffie-Hellman as HPKE uses it (RFC 9180, sections 4.1 and 7.1).

use std::sync::Arc;

use aws_lc_rs::agreement::{
    self, ECDH_P256, ECDH_P384, ECDH_P521, ParsedPublicKey, PrivateKey, UnparsedPublicKey, X25519,
};
use crypto::{CryptoError, DhKey, HpkePublicKey, KemId, Secret};
use crypto_25519::is_weak_x25519;

/// AWS-LC's group of a KEM and the length of its serialized public key.
fn group(kem: KemId) -> Result<(&'static agreement::Algorithm, usize), CryptoError> {
    match kem {
        KemId::DHKEM_P256_HKDF_SHA256 => Ok((&ECDH_P256, 65)),
        KemId::DHKEM_P384_HKDF_SHA384 => Ok((&ECDH_P384, 97)),
        KemId::DHKEM_P521_HKDF_SHA512 => Ok((&ECDH_P521, 133)),
        KemId::DHKEM_X25519_HKDF_SHA256 => Ok((&X25519, 32)),
        _ => Err(CryptoError::Unsupported),
    }
}

pub(crate) fn supports(kem: KemId) -> bool {
    kem == KemId::DHKEM_X448_HKDF_SHA512 || group(kem).is_ok()
}

fn parse_private_key(kem: KemId, private_key: &Secret) -> Result<PrivateKey, CryptoError> {
    let (algorithm, _) = group(kem)?;
    PrivateKey::from_private_key(algorithm, private_key.expose())
        .map_err(|_| CryptoError::InvalidPrivateKey)
}

/// What AWS-LC does not refuse, or not with the same words.
fn check_encoding(kem: KemId, bytes: &[u8]) -> Result<&'static agreement::Algorithm, CryptoError> {
    let (algorithm, length) = group(kem)?;
    if bytes.len() != length {
        return Err(CryptoError::InvalidPublicKey);
    }
    let acceptable = match <&[u8; 32]>::try_from(bytes) {
        Ok(x25519) => !is_weak_x25519(x25519),
        // RFC 9180, section 7.1.1: NIST points are uncompressed. The length excludes every other
        // form that AWS-LC reads, except the hybrid one, which begins with 6 or 7.
        Err(_) => bytes[0] == 4,
    };
    if acceptable { Ok(algorithm) } else { Err(CryptoError::InvalidPublicKey) }
}

fn parse_public_key(
    kem: KemId,
    public_key: &HpkePublicKey,
) -> Result<ParsedPublicKey, CryptoError> {
    let bytes = public_key.as_slice();
    let algorithm = check_encoding(kem, bytes)?;
    ParsedPublicKey::try_from(UnparsedPublicKey::new(algorithm, bytes))
        .map_err(|_| CryptoError::InvalidPublicKey)
}

fn serialize_public_key(private_key: &PrivateKey) -> Result<HpkePublicKey, CryptoError> {
    let public_key =
        private_key.compute_public_key().map_err(|_| CryptoError::InvalidPrivateKey)?;
    Ok(public_key.as_ref().to_vec().into())
}

fn agree(private_key: &PrivateKey, public_key: ParsedPublicKey) -> Result<Secret, CryptoError> {
    // AWS-LC refuses an X25519 result of zeros, as RFC 9180, section 7.1.4 demands.
    agreement::agree(private_key, public_key, CryptoError::InvalidPublicKey, |shared| {
        Ok(Secret::from_slice(shared))
    })
}

/// A private key as AWS-LC has read it. AWS-LC overwrites what it frees.
struct ReadyKey {
    kem: KemId,
    key: PrivateKey,
}

impl DhKey for ReadyKey {
    fn public_key(&self) -> Result<HpkePublicKey, CryptoError> {
        serialize_public_key(&self.key)
    }

    fn dh(&self, public_key: &HpkePublicKey) -> Result<Secret, CryptoError> {
        agree(&self.key, parse_public_key(self.kem, public_key)?)
    }
}

/// To read an X25519 key is to compute its public key, a third of what Diffie-Hellman itself costs.
pub(crate) fn key(kem: KemId, private_key: &Secret) -> Result<Option<Arc<dyn DhKey>>, CryptoError> {
    if kem == KemId::DHKEM_X448_HKDF_SHA512 {
        return Ok(None);
    }
    Ok(Some(Arc::new(ReadyKey { kem, key: parse_private_key(kem, private_key)? })))
}

pub(crate) fn public_key(kem: KemId, private_key: &Secret) -> Result<HpkePublicKey, CryptoError> {
    if kem == KemId::DHKEM_X448_HKDF_SHA512 {
        return crypto_448::x448_public_key(private_key);
    }
    serialize_public_key(&parse_private_key(kem, private_key)?)
}

pub(crate) fn dh(
    kem: KemId,
    private_key: &Secret,
    public_key: &HpkePublicKey,
) -> Result<Secret, CryptoError> {
    if kem == KemId::DHKEM_X448_HKDF_SHA512 {
        return crypto_448::x448(private_key, public_key);
    }
    let public_key = parse_public_key(kem, public_key)?;
    agree(&parse_private_key(kem, private_key)?, public_key)
}

/// Both of the above. AWS-LC computes the public key whenever it reads a private key, so reading it
/// once for both saves about a sixth of an encapsulation.
pub(crate) fn dh_ephemeral(
    kem: KemId,
    private_key: &Secret,
    public_key: &HpkePublicKey,
) -> Result<(HpkePublicKey, Secret), CryptoError> {
    if kem == KemId::DHKEM_X448_HKDF_SHA512 {
        let shared = crypto_448::x448(private_key, public_key)?;
        return Ok((crypto_448::x448_public_key(private_key)?, shared));
    }
    let public_key = parse_public_key(kem, public_key)?;
    let private_key = parse_private_key(kem, private_key)?;
    Ok((serialize_public_key(&private_key)?, agree(&private_key, public_key)?))
}

pub(crate) fn check_public_key(kem: KemId, public_key: &HpkePublicKey) -> Result<(), CryptoError> {
    if kem == KemId::DHKEM_X448_HKDF_SHA512 {
        return crypto_448::check_x448_public_key(public_key);
    }
    match kem {
        // Every other string of the right length is a key.
        KemId::DHKEM_X25519_HKDF_SHA256 => check_encoding(kem, public_key.as_slice()).map(|_| ()),
        _ => parse_public_key(kem, public_key).map(|_| ()),
    }
}
