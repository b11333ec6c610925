//! The trait that a cryptographic backend implements: primitives only, object-safe, stateless.

use std::sync::Arc;

use crate::{
    AeadId, CryptoError, Digest, HashAlgorithm, HpkeKeyPair, HpkePublicKey, KemId, Secret,
    SignaturePublicKey, SignatureScheme, SuiteParams, hpke,
};

/// A source of cryptographically secure random bytes.
pub trait Random {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError>;
}

/// A Diffie-Hellman private key that is ready for use; [`Provider::dh_key`] makes one.
pub trait DhKey: Send + Sync {
    /// [`Provider::dh_public_key`] of this key.
    fn public_key(&self) -> Result<HpkePublicKey, CryptoError>;

    /// [`Provider::dh`] with this key.
    fn dh(&self, public_key: &HpkePublicKey) -> Result<Secret, CryptoError>;
}

/// A private key that is ready to sign; [`Provider::signing_key`] makes one.
pub trait SigningKey: Send + Sync {
    /// [`Provider::sign`] with this key.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

/// A signature with what it is verified by.
#[derive(Clone, Copy)]
pub struct SignedMessage<'a> {
    /// The key of the signer.
    pub public_key: &'a SignaturePublicKey,
    /// What is signed.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

/// The primitives of a backend.
///
/// Every method answers [`CryptoError::Unsupported`] for an algorithm the backend lacks. Lengths
/// are checked here, not by the caller: no input makes a backend panic.
pub trait Provider: Send + Sync {
    /// Whether all algorithms of the suite are implemented.
    fn supports(&self, params: &SuiteParams) -> bool;

    /// Hash of `data`.
    fn hash(&self, hash: HashAlgorithm, data: &[u8]) -> Result<Digest, CryptoError>;

    /// HMAC (RFC 2104) of the concatenation of `data` under `key`; also HKDF-Extract with `key` as
    /// salt.
    fn hmac(&self, hash: HashAlgorithm, key: &[u8], data: &[&[u8]]) -> Result<Secret, CryptoError>;

    /// HKDF-Expand (RFC 5869, section 2.3). The pseudorandom key has at least the length of the
    /// hash and at most [`Digest::BYTES_MAX`] bytes; the output at most 255 times the length of the
    /// hash.
    fn hkdf_expand(
        &self,
        hash: HashAlgorithm,
        pseudorandom_key: &[u8],
        info: &[&[u8]],
        length: usize,
    ) -> Result<Secret, CryptoError>;

    /// AEAD encryption; the tag is at the end of the result.
    fn aead_seal(
        &self,
        aead: AeadId,
        key: &Secret,
        nonce: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError>;

    /// AEAD decryption of what [`Self::aead_seal`] returns.
    fn aead_open(
        &self,
        aead: AeadId,
        key: &Secret,
        nonce: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Secret, CryptoError>;

    /// The public key of a Diffie-Hellman private key, serialized as in RFC 9180, section 7.1.1.
    ///
    /// [`CryptoError::InvalidPrivateKey`] if a NIST scalar is zero or not below the order.
    fn dh_public_key(&self, kem: KemId, private_key: &Secret)
    -> Result<HpkePublicKey, CryptoError>;

    /// Diffie-Hellman: `DH(skX, pkY)` of RFC 9180, section 4.1. Refuses an all-zero result.
    fn dh(
        &self,
        kem: KemId,
        private_key: &Secret,
        public_key: &HpkePublicKey,
    ) -> Result<Secret, CryptoError>;

    /// A Diffie-Hellman private key in the form that a backend needs, for backends that gain by
    /// keeping it. It is erased when it is dropped.
    fn dh_key(
        &self,
        _kem: KemId,
        _private_key: &Secret,
    ) -> Result<Option<Arc<dyn DhKey>>, CryptoError> {
        Ok(None)
    }

    /// [`Self::dh_public_key`] and [`Self::dh`] of one private key, for backends that can share
    /// work between the two.
    fn dh_ephemeral(
        &self,
        kem: KemId,
        private_key: &Secret,
        public_key: &HpkePublicKey,
    ) -> Result<(HpkePublicKey, Secret), CryptoError> {
        let shared = self.dh(kem, private_key, public_key)?;
        Ok((self.dh_public_key(kem, private_key)?, shared))
    }

    /// Refuses a public key of wrong length, off the curve, or of small order: one that nobody
    /// could encrypt to.
    fn check_hpke_public_key(
        &self,
        kem: KemId,
        public_key: &HpkePublicKey,
    ) -> Result<(), CryptoError>;

    /// `DeriveKeyPair(ikm)` of RFC 9180, section 7.1.3.
    fn kem_derive_key_pair(&self, kem: KemId, ikm: &Secret) -> Result<HpkeKeyPair, CryptoError> {
        hpke::dhkem_derive_key_pair(self, kem, ikm)
    }

    /// How many random bytes [`Self::kem_encap`] draws, in one piece.
    fn kem_random_length(&self, kem: KemId) -> Result<usize, CryptoError> {
        hpke::dhkem_random_length(kem)
    }

    /// `Encap(pkR)`: a shared secret and its encapsulation.
    fn kem_encap(
        &self,
        kem: KemId,
        public_key: &HpkePublicKey,
        random: &mut dyn Random,
    ) -> Result<(Secret, Vec<u8>), CryptoError> {
        hpke::dhkem_encap(self, kem, public_key, random)
    }

    /// `Decap(enc, skR)`: the shared secret of an encapsulation.
    fn kem_decap(
        &self,
        kem: KemId,
        private_key: &HpkeKeyPair,
        encapsulated: &[u8],
    ) -> Result<Secret, CryptoError> {
        hpke::dhkem_decap(self, kem, private_key, encapsulated)
    }

    /// A new signature private key: a seed (EdDSA) or a big-endian scalar (ECDSA).
    fn signature_generate(
        &self,
        scheme: SignatureScheme,
        random: &mut dyn Random,
    ) -> Result<Secret, CryptoError>;

    /// The public key of a signature private key, as in RFC 9420, section 5.1.1.
    fn signature_public_key(
        &self,
        scheme: SignatureScheme,
        private_key: &Secret,
    ) -> Result<SignaturePublicKey, CryptoError>;

    /// Signs; the encoding is the one of RFC 9420, section 5.1.2 (DER for ECDSA).
    fn sign(
        &self,
        scheme: SignatureScheme,
        private_key: &Secret,
        message: &[u8],
    ) -> Result<Vec<u8>, CryptoError>;

    /// A signature private key in the form that signing needs, for backends that gain by keeping
    /// it: with Ed25519 half of the work of [`Self::sign`] is to make the key ready. It is erased
    /// when it is dropped.
    fn signing_key(
        &self,
        _scheme: SignatureScheme,
        _private_key: &Secret,
    ) -> Result<Option<Box<dyn SigningKey>>, CryptoError> {
        Ok(None)
    }

    /// Verifies a signature. All backends accept and refuse the same.
    ///
    /// [`CryptoError::InvalidPublicKey`] if the key is not in its one form (RFC 9420, section
    /// 5.1.1) or of small order; [`CryptoError::InvalidSignature`] for everything else.
    fn verify(
        &self,
        scheme: SignatureScheme,
        public_key: &SignaturePublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError>;

    /// Verifies many signatures: succeeds exactly if [`Self::verify`] accepts each of them. Which
    /// one is refused it does not tell. For backends that need less for it than all those calls.
    fn verify_batch(
        &self,
        scheme: SignatureScheme,
        batch: &[SignedMessage<'_>],
    ) -> Result<(), CryptoError> {
        batch.iter().try_for_each(|signed| {
            self.verify(scheme, signed.public_key, signed.message, signed.signature)
        })
    }
}
