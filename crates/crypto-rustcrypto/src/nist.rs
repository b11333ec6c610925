//! ECDH and ECDSA on the NIST curves: one module per curve, all alike.
//!
//! Private keys are big-endian scalars of full length, public keys are uncompressed points (RFC
//! 9180, section 7.1.1; RFC 9420, section 5.1.1), signatures are DER.

macro_rules! curve {
    ($curve:ident, $scalar_length:expr) => {
        pub(crate) mod $curve {
            use crypto::{CryptoError, Secret};
            use $curve::ecdsa::signature::{Signer as _, Verifier as _};
            use $curve::ecdsa::{DerSignature, SigningKey, VerifyingKey};
            use $curve::elliptic_curve::sec1::ToSec1Point as _;
            use $curve::{FieldBytes, PublicKey, SecretKey, ecdh};

            pub(crate) const SCALAR_LENGTH: usize = $scalar_length;

            fn parse_private_key(private_key: &Secret) -> Result<SecretKey, CryptoError> {
                let scalar: &FieldBytes =
                    private_key.expose().try_into().map_err(|_| CryptoError::InvalidPrivateKey)?;
                SecretKey::from_bytes(scalar).map_err(|_| CryptoError::InvalidPrivateKey)
            }

            /// The parser also reads compressed points, which MLS does not allow.
            fn check_form(public_key: &[u8]) -> Result<(), CryptoError> {
                if public_key.len() != 2 * SCALAR_LENGTH + 1 || public_key[0] != 4 {
                    return Err(CryptoError::InvalidPublicKey);
                }
                Ok(())
            }

            fn parse_public_key(public_key: &[u8]) -> Result<PublicKey, CryptoError> {
                check_form(public_key)?;
                PublicKey::from_sec1_bytes(public_key).map_err(|_| CryptoError::InvalidPublicKey)
            }

            pub(crate) fn check_public_key(public_key: &[u8]) -> Result<(), CryptoError> {
                parse_public_key(public_key)?;
                Ok(())
            }

            pub(crate) fn public_key(private_key: &Secret) -> Result<Vec<u8>, CryptoError> {
                let public_key = parse_private_key(private_key)?.public_key();
                Ok(public_key.to_sec1_point(false).as_bytes().to_vec())
            }

            pub(crate) fn dh(
                private_key: &Secret,
                public_key: &[u8],
            ) -> Result<Secret, CryptoError> {
                let public_key = parse_public_key(public_key)?;
                let scalar = parse_private_key(private_key)?.to_nonzero_scalar();
                let shared = ecdh::diffie_hellman(scalar, public_key.as_affine());
                Ok(Secret::from_slice(shared.raw_secret_bytes()))
            }

            pub(crate) fn sign(
                private_key: &Secret,
                message: &[u8],
            ) -> Result<Vec<u8>, CryptoError> {
                let key = SigningKey::from(parse_private_key(private_key)?);
                let signature: DerSignature =
                    key.try_sign(message).map_err(|_| CryptoError::InvalidPrivateKey)?;
                Ok(signature.as_bytes().to_vec())
            }

            pub(crate) fn verify(
                public_key: &[u8],
                message: &[u8],
                signature: &[u8],
            ) -> Result<(), CryptoError> {
                check_form(public_key)?;
                // A key off the curve counts as a wrong signature, because AWS-LC says no more.
                let key = VerifyingKey::from_sec1_bytes(public_key)
                    .map_err(|_| CryptoError::InvalidSignature)?;
                let signature =
                    DerSignature::try_from(signature).map_err(|_| CryptoError::InvalidSignature)?;
                key.verify(message, &signature).map_err(|_| CryptoError::InvalidSignature)
            }
        }
    };
}

curve!(p256, 32);
curve!(p384, 48);
curve!(p521, 66);
