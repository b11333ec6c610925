//! X448 (RFC 7748) and Ed448 (RFC 8032) for the backends: suites 4 and 6 of RFC 9420.
//!
//! One place for both backends, because AWS-LC lacks the curve; `docs/decisions/curve-448.md` says
//! why these libraries. What they accept beyond the RFCs is refused here: X448 keys of small order
//! in any encoding, and points that are not in their one encoding (RFC 8032, section 5.2.3).

use crypto::{CryptoError, HpkePublicKey, Secret, SignaturePublicKey};
use ed448_goldilocks::{Signature, SigningKey, VerifyingKey};
use x448::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Length of X448 keys and shared secrets in bytes.
const X448_LENGTH: usize = 56;
/// Length of Ed448 keys in bytes.
const ED448_KEY_LENGTH: usize = 57;
/// Length of Ed448 signatures in bytes.
const ED448_SIGNATURE_LENGTH: usize = 2 * ED448_KEY_LENGTH;

/// Length of an Ed448 private key, which is any string of that many bytes.
pub const ED448_SEED_LENGTH: usize = ED448_KEY_LENGTH;

fn x448_private_key(private_key: &Secret) -> Result<StaticSecret, CryptoError> {
    let bytes: Zeroizing<[u8; X448_LENGTH]> = Zeroizing::new(
        private_key.expose().try_into().map_err(|_| CryptoError::InvalidPrivateKey)?,
    );
    Ok(StaticSecret::from(*bytes))
}

/// The X448 public key of a private key, which is any string of 56 bytes.
pub fn x448_public_key(private_key: &Secret) -> Result<HpkePublicKey, CryptoError> {
    let public_key = PublicKey::from(&x448_private_key(private_key)?);
    Ok(public_key.as_bytes().to_vec().into())
}

/// X448 Diffie-Hellman (RFC 7748, section 6.2). Refuses a public key that gives zero.
pub fn x448(private_key: &Secret, public_key: &HpkePublicKey) -> Result<Secret, CryptoError> {
    check_x448_public_key(public_key)?;
    let public_key = PublicKey::from_bytes_unchecked(public_key.as_slice())
        .ok_or(CryptoError::InvalidPublicKey)?;
    let shared = x448_private_key(private_key)?.diffie_hellman(&public_key);
    let shared = Secret::from_slice(shared.as_bytes());
    // RFC 9180, section 7.1.4: recipients "MUST check whether the Diffie-Hellman shared secret is
    // the all-zero value and abort if so". After the check above this cannot happen.
    if shared == Secret::zeros(X448_LENGTH) {
        return Err(CryptoError::InvalidPublicKey);
    }
    Ok(shared)
}

/// Refuses an X448 public key of wrong length or small order.
pub fn check_x448_public_key(public_key: &HpkePublicKey) -> Result<(), CryptoError> {
    let bytes: &[u8; X448_LENGTH] =
        public_key.as_slice().try_into().map_err(|_| CryptoError::InvalidPublicKey)?;
    if X448_SMALL_ORDER.contains(bytes) {
        return Err(CryptoError::InvalidPublicKey);
    }
    Ok(())
}

/// The prime 2^448 - 2^224 - 1, little-endian.
const PRIME: [u8; X448_LENGTH] = {
    let mut bytes = [0xff; X448_LENGTH];
    bytes[28] = 0xfe;
    bytes
};

/// Every encoding of the `u` of points of small order on Curve448 and its twist: 0, 1, -1, and 0
/// and 1 once more as p and p + 1.
const X448_SMALL_ORDER: [[u8; X448_LENGTH]; 5] = {
    let zero = [0; X448_LENGTH];
    let mut one = zero;
    one[0] = 1;
    let mut minus_one = PRIME;
    minus_one[0] -= 1;
    let mut prime_plus_one = [0xff; X448_LENGTH];
    let mut index = 0;
    while index < X448_LENGTH / 2 {
        prime_plus_one[index] = 0;
        index += 1;
    }
    [zero, one, minus_one, PRIME, prime_plus_one]
};

fn ed448_private_key(private_key: &Secret) -> Result<SigningKey, CryptoError> {
    SigningKey::try_from(private_key.expose()).map_err(|_| CryptoError::InvalidPrivateKey)
}

/// The Ed448 public key of a private key.
pub fn ed448_public_key(private_key: &Secret) -> Result<SignaturePublicKey, CryptoError> {
    Ok(ed448_private_key(private_key)?.verifying_key().to_bytes().to_vec().into())
}

/// Signs with Ed448 (no context, no pre-hash).
pub fn ed448_sign(private_key: &Secret, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
    Ok(ed448_private_key(private_key)?.sign_raw(message).to_bytes().to_vec())
}

/// Verifies an Ed448 signature (no context, no pre-hash).
pub fn ed448_verify(
    public_key: &SignaturePublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    let key: &[u8; ED448_KEY_LENGTH] =
        public_key.as_slice().try_into().map_err(|_| CryptoError::InvalidPublicKey)?;
    let signature: &[u8; ED448_SIGNATURE_LENGTH] =
        signature.try_into().map_err(|_| CryptoError::InvalidSignature)?;
    if !is_reduced(key) {
        return Err(CryptoError::InvalidPublicKey);
    }
    let (commitment, _) = signature.split_at(ED448_KEY_LENGTH);
    if !is_reduced(commitment) {
        return Err(CryptoError::InvalidSignature);
    }
    let key = VerifyingKey::from_bytes(key).map_err(|_| CryptoError::InvalidPublicKey)?;
    key.verify_raw(&Signature::from_bytes(signature), message)
        .map_err(|_| CryptoError::InvalidSignature)
}

/// Whether the encoding of a point has its `y` below the prime and no bit set between `y` and the
/// sign of `x`. The library ignores both (RFC 8032, section 5.2.3: "decoding fails").
fn is_reduced(point: &[u8]) -> bool {
    let (y, last) = point.split_at(X448_LENGTH);
    last.iter().all(|byte| byte & 0x7f == 0) && y.iter().rev().lt(PRIME.iter().rev())
}

#[cfg(test)]
mod tests;
