//! Diffie-Hellman as HPKE uses it (RFC 9180, sections 4.1 and 7.1).

use crypto::{CryptoError, HpkePublicKey, KemId, Secret};
use crypto_25519::is_weak_x25519;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::nist::{p256, p384, p521};

pub(crate) fn supports(kem: KemId) -> bool {
    matches!(
        kem,
        KemId::DHKEM_P256_HKDF_SHA256
            | KemId::DHKEM_P384_HKDF_SHA384
            | KemId::DHKEM_P521_HKDF_SHA512
            | KemId::DHKEM_X25519_HKDF_SHA256
            | KemId::DHKEM_X448_HKDF_SHA512
    )
}

pub(crate) fn public_key(kem: KemId, private_key: &Secret) -> Result<HpkePublicKey, CryptoError> {
    match kem {
        KemId::DHKEM_P256_HKDF_SHA256 => p256::public_key(private_key).map(Into::into),
        KemId::DHKEM_P384_HKDF_SHA384 => p384::public_key(private_key).map(Into::into),
        KemId::DHKEM_P521_HKDF_SHA512 => p521::public_key(private_key).map(Into::into),
        KemId::DHKEM_X25519_HKDF_SHA256 => {
            let public_key = PublicKey::from(&parse_x25519_private_key(private_key)?);
            Ok(public_key.as_bytes().to_vec().into())
        }
        KemId::DHKEM_X448_HKDF_SHA512 => crypto_448::x448_public_key(private_key),
        _ => Err(CryptoError::Unsupported),
    }
}

pub(crate) fn dh(
    kem: KemId,
    private_key: &Secret,
    public_key: &HpkePublicKey,
) -> Result<Secret, CryptoError> {
    match kem {
        KemId::DHKEM_P256_HKDF_SHA256 => p256::dh(private_key, public_key.as_slice()),
        KemId::DHKEM_P384_HKDF_SHA384 => p384::dh(private_key, public_key.as_slice()),
        KemId::DHKEM_P521_HKDF_SHA512 => p521::dh(private_key, public_key.as_slice()),
        KemId::DHKEM_X25519_HKDF_SHA256 => x25519(private_key, public_key),
        KemId::DHKEM_X448_HKDF_SHA512 => crypto_448::x448(private_key, public_key),
        _ => Err(CryptoError::Unsupported),
    }
}

pub(crate) fn check_public_key(kem: KemId, public_key: &HpkePublicKey) -> Result<(), CryptoError> {
    match kem {
        KemId::DHKEM_P256_HKDF_SHA256 => p256::check_public_key(public_key.as_slice()),
        KemId::DHKEM_P384_HKDF_SHA384 => p384::check_public_key(public_key.as_slice()),
        KemId::DHKEM_P521_HKDF_SHA512 => p521::check_public_key(public_key.as_slice()),
        KemId::DHKEM_X25519_HKDF_SHA256 => parse_x25519_public_key(public_key).map(|_| ()),
        KemId::DHKEM_X448_HKDF_SHA512 => crypto_448::check_x448_public_key(public_key),
        _ => Err(CryptoError::Unsupported),
    }
}

fn parse_x25519_private_key(private_key: &Secret) -> Result<StaticSecret, CryptoError> {
    let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(
        private_key.expose().try_into().map_err(|_| CryptoError::InvalidPrivateKey)?,
    );
    Ok(StaticSecret::from(*bytes))
}

fn parse_x25519_public_key(public_key: &HpkePublicKey) -> Result<PublicKey, CryptoError> {
    let bytes: [u8; 32] =
        public_key.as_slice().try_into().map_err(|_| CryptoError::InvalidPublicKey)?;
    if is_weak_x25519(&bytes) {
        return Err(CryptoError::InvalidPublicKey);
    }
    Ok(PublicKey::from(bytes))
}

fn x25519(private_key: &Secret, public_key: &HpkePublicKey) -> Result<Secret, CryptoError> {
    let public_key = parse_x25519_public_key(public_key)?;
    let shared = parse_x25519_private_key(private_key)?.diffie_hellman(&public_key);
    // RFC 9180, section 7.1.4: recipients "MUST check whether the Diffie-Hellman shared secret is
    // the all-zero value and abort if so". After the check above this cannot happen.
    if !shared.was_contributory() {
        return Err(CryptoError::InvalidPublicKey);
    }
    Ok(Secret::from_slice(shared.as_bytes()))
}
