//! Private keys as test vectors write them.
//!
//! Keys on the NIST curves are big-endian integers, and the official files leave leading zeros out;
//! MLS itself has them at full length (RFC 9180, section 7.1.2; RFC 9420, section 5.1.1).

use crypto::{HpkeKeyPair, KemId, Secret, SignatureKeyPair, SignatureScheme, Suite};

use crate::{Failure, Hex};

/// The signature key pair of a private key.
pub(crate) fn signature_key_pair(
    suite: &Suite,
    private_key: &Hex,
) -> Result<SignatureKeyPair, Failure> {
    let length = match suite.params().signature {
        SignatureScheme::ECDSA_SECP256R1_SHA256 => 32,
        SignatureScheme::ECDSA_SECP384R1_SHA384 => 48,
        SignatureScheme::ECDSA_SECP521R1_SHA512 => 66,
        _ => 0,
    };
    Ok(SignatureKeyPair::from_private_key(suite, with_leading_zeros(private_key, length))?)
}

/// The HPKE key pair of a private key.
pub(crate) fn hpke_key_pair(suite: &Suite, private_key: &Hex) -> Result<HpkeKeyPair, Failure> {
    let kem = suite.params().kem;
    let length = match kem {
        KemId::DHKEM_P256_HKDF_SHA256 => 32,
        KemId::DHKEM_P384_HKDF_SHA384 => 48,
        KemId::DHKEM_P521_HKDF_SHA512 => 66,
        _ => 0,
    };
    let private_key = with_leading_zeros(private_key, length);
    let public_key = suite.provider().dh_public_key(kem, &private_key)?;
    Ok(HpkeKeyPair::new(private_key, public_key))
}

fn with_leading_zeros(number: &Hex, length: usize) -> Secret {
    let missing = length.saturating_sub(number.as_slice().len());
    Secret::from_vec([&vec![0; missing], number.as_slice()].concat())
}
