//! The native backend: [`crypto::Provider`] over aws-lc-rs.
//!
//! * AWS-LC computes everything of RFC 9420, section 17.1, but curve 448, which it lacks: X448 and
//!   Ed448 of suites 4 and 6 come from `crypto_448`.
//! * Keys and signatures are checked for their one MLS encoding (RFC 9420, section 5.1) before they
//!   are handed over, because AWS-LC also reads others, for example keys in X.509 form.
//! * Private keys enter as bytes with each call and no state is kept.
//!
//! ```
//! # fn main() -> Result<(), crypto::CryptoError> {
//! let crypto = crypto::Crypto::new(crypto_aws_lc::provider());
//! let suite = crypto.suite(crypto::CipherSuite(1)).ok_or(crypto::CryptoError::Unsupported)?;
//! let secret = crypto::Secret::random(32, &mut crypto_aws_lc::SystemRandom)?;
//! let plaintext = crypto::Secret::from_slice(b"hello");
//! let key_pair = suite.derive_key_pair(&secret)?;
//! let mut random = crypto_aws_lc::SystemRandom;
//! let context = ("label", b"context".as_slice());
//! let sealed =
//!     suite.encrypt_with_label(&key_pair.public_key, context, &plaintext, &mut random)?;
//! let opened = suite.decrypt_with_label(&key_pair, context.0, context.1, &sealed)?;
//! assert!(opened == plaintext);
//! # Ok(())
//! # }
//! ```

mod aead;
mod diffie_hellman;
mod hash;
mod signature;

use std::sync::Arc;

use crypto::{
    AeadId, CryptoError, DhKey, Digest, HashAlgorithm, HpkePublicKey, KemId, Provider, Random,
    Secret, SignaturePublicKey, SignatureScheme, SignedMessage, SigningKey, SuiteParams,
};

/// The backend; it has no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct AwsLc;

/// The backend, ready for [`crypto::Crypto::new`].
#[must_use]
pub fn provider() -> Arc<dyn Provider> {
    Arc::new(AwsLc)
}

/// AWS-LC's random generator, seeded by the operating system. It has no state of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| CryptoError::Random)
    }
}

impl Provider for AwsLc {
    fn supports(&self, params: &SuiteParams) -> bool {
        let lengths = aead::lengths(params.aead);
        lengths == Some((params.aead_key_length, params.aead_nonce_length))
            && diffie_hellman::supports(params.kem)
            && signature::supports(params.signature)
    }

    fn hash(&self, hash: HashAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        hash::hash(hash, data)
    }

    fn hmac(&self, hash: HashAlgorithm, key: &[u8], data: &[&[u8]]) -> Result<Secret, CryptoError> {
        hash::hmac(hash, key, data)
    }

    fn hkdf_expand(
        &self,
        hash: HashAlgorithm,
        pseudorandom_key: &[u8],
        info: &[&[u8]],
        length: usize,
    ) -> Result<Secret, CryptoError> {
        hash::hkdf_expand(hash, pseudorandom_key, info, length)
    }

    fn aead_seal(
        &self,
        aead: AeadId,
        key: &Secret,
        nonce: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        aead::seal(&aead::key(aead, key)?, nonce, aad, plaintext)
    }

    fn aead_open(
        &self,
        aead: AeadId,
        key: &Secret,
        nonce: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Secret, CryptoError> {
        aead::open(&aead::key(aead, key)?, nonce, aad, ciphertext)
    }

    fn dh_public_key(
        &self,
        kem: KemId,
        private_key: &Secret,
    ) -> Result<HpkePublicKey, CryptoError> {
        diffie_hellman::public_key(kem, private_key)
    }

    fn dh_key(
        &self,
        kem: KemId,
        private_key: &Secret,
    ) -> Result<Option<Arc<dyn DhKey>>, CryptoError> {
        diffie_hellman::key(kem, private_key)
    }

    fn dh(
        &self,
        kem: KemId,
        private_key: &Secret,
        public_key: &HpkePublicKey,
    ) -> Result<Secret, CryptoError> {
        diffie_hellman::dh(kem, private_key, public_key)
    }

    fn dh_ephemeral(
        &self,
        kem: KemId,
        private_key: &Secret,
        public_key: &HpkePublicKey,
    ) -> Result<(HpkePublicKey, Secret), CryptoError> {
        diffie_hellman::dh_ephemeral(kem, private_key, public_key)
    }

    fn check_hpke_public_key(
        &self,
        kem: KemId,
        public_key: &HpkePublicKey,
    ) -> Result<(), CryptoError> {
        diffie_hellman::check_public_key(kem, public_key)
    }

    fn signature_generate(
        &self,
        scheme: SignatureScheme,
        random: &mut dyn Random,
    ) -> Result<Secret, CryptoError> {
        signature::generate(scheme, random)
    }

    fn signature_public_key(
        &self,
        scheme: SignatureScheme,
        private_key: &Secret,
    ) -> Result<SignaturePublicKey, CryptoError> {
        signature::public_key(scheme, private_key)
    }

    fn sign(
        &self,
        scheme: SignatureScheme,
        private_key: &Secret,
        message: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        signature::sign(scheme, private_key, message)
    }

    fn signing_key(
        &self,
        scheme: SignatureScheme,
        private_key: &Secret,
    ) -> Result<Option<Box<dyn SigningKey>>, CryptoError> {
        signature::signing_key(scheme, private_key)
    }

    fn verify(
        &self,
        scheme: SignatureScheme,
        public_key: &SignaturePublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        signature::verify(scheme, public_key, message, signature)
    }
    fn verify_batch(
        &self,
        scheme: SignatureScheme,
        batch: &[SignedMessage<'_>],
    ) -> Result<(), CryptoError> {
        signature::verify_batch(scheme, batch)
    }
}
