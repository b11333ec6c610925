//! Cryptography on paper: hashes are real, every signature is taken as valid, every key can be
//! encrypted to, and there is nothing else.
//!
//! Who can forge signatures is not what the tree invariant is about, and ten thousand histories
//! would mostly be spent on verifying them.

use std::sync::Arc;

use crypto::{
    AeadId, CryptoError, Digest, HashAlgorithm, HpkePublicKey, KemId, Provider, Random, Secret,
    SignaturePublicKey, SignatureScheme, SuiteParams,
};

/// See the module.
pub(super) struct PaperProvider {
    hashes: Arc<dyn Provider>,
}

impl PaperProvider {
    pub(super) fn new() -> Self {
        Self { hashes: crypto_aws_lc::provider() }
    }
}

const UNSUPPORTED: CryptoError = CryptoError::Unsupported;

impl Provider for PaperProvider {
    fn supports(&self, params: &SuiteParams) -> bool {
        self.hashes.supports(params)
    }

    fn hash(&self, hash: HashAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        self.hashes.hash(hash, data)
    }

    fn hmac(&self, _: HashAlgorithm, _: &[u8], _: &[&[u8]]) -> Result<Secret, CryptoError> {
        Err(UNSUPPORTED)
    }

    fn hkdf_expand(
        &self,
        _: HashAlgorithm,
        _: &[u8],
        _: &[&[u8]],
        _: usize,
    ) -> Result<Secret, CryptoError> {
        Err(UNSUPPORTED)
    }

    fn aead_seal(
        &self,
        _: AeadId,
        _: &Secret,
        _: &[u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        Err(UNSUPPORTED)
    }

    fn aead_open(
        &self,
        _: AeadId,
        _: &Secret,
        _: &[u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<Secret, CryptoError> {
        Err(UNSUPPORTED)
    }

    fn dh_public_key(&self, _: KemId, _: &Secret) -> Result<HpkePublicKey, CryptoError> {
        Err(UNSUPPORTED)
    }

    fn dh(&self, _: KemId, _: &Secret, _: &HpkePublicKey) -> Result<Secret, CryptoError> {
        Err(UNSUPPORTED)
    }

    fn check_hpke_public_key(&self, _: KemId, _: &HpkePublicKey) -> Result<(), CryptoError> {
        Ok(())
    }

    fn signature_generate(
        &self,
        _: SignatureScheme,
        _: &mut dyn Random,
    ) -> Result<Secret, CryptoError> {
        Err(UNSUPPORTED)
    }

    fn signature_public_key(
        &self,
        _: SignatureScheme,
        _: &Secret,
    ) -> Result<SignaturePublicKey, CryptoError> {
        Err(UNSUPPORTED)
    }

    fn sign(&self, _: SignatureScheme, _: &Secret, _: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Err(UNSUPPORTED)
    }

    fn verify(
        &self,
        _: SignatureScheme,
        _: &SignaturePublicKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<(), CryptoError> {
        Ok(())
    }
}
