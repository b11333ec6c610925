//! A backend whose results are concealed: the pure Rust one, given what is revealed to it.
//!
//! The primitives are not looked at here; what is looked at is everything around them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crypto::{
    AeadId, CryptoError, Digest, HashAlgorithm, HpkePublicKey, KemId, Provider, Random, Secret,
    SignaturePublicKey, SignatureScheme, SuiteParams,
};

use crate::valgrind::{conceal, reveal};

pub(crate) struct Concealing {
    inner: Arc<dyn Provider>,
    /// The place of a content's byte that is changed after decryption, counted from its end.
    changed: AtomicUsize,
}

impl Concealing {
    pub(crate) fn new() -> Self {
        Self { inner: crypto_rustcrypto::provider(), changed: AtomicUsize::new(0) }
    }

    /// From now on this byte of a decrypted content, counted from its end, is not what the sender
    /// encrypted; with 0 every byte is.
    pub(crate) fn change(&self, from_end: usize) {
        self.changed.store(from_end, Ordering::Relaxed);
    }
}

/// Runs a primitive on inputs that may be concealed, and conceals what comes out.
fn primitive(
    inputs: &[&[u8]],
    run: impl FnOnce() -> Result<Secret, CryptoError>,
) -> Result<Secret, CryptoError> {
    // Copies of secrets would stay revealed, so the originals are, and concealed again after.
    reveal_all(inputs);
    let output = run()?;
    inputs.iter().for_each(|input| conceal(input));
    conceal(output.expose());
    Ok(output)
}

fn reveal_all(inputs: &[&[u8]]) {
    inputs.iter().for_each(|input| reveal(input));
}

impl Provider for Concealing {
    fn supports(&self, params: &SuiteParams) -> bool {
        self.inner.supports(params)
    }

    fn hash(&self, hash: HashAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        self.inner.hash(hash, data)
    }

    fn hmac(&self, hash: HashAlgorithm, key: &[u8], data: &[&[u8]]) -> Result<Secret, CryptoError> {
        primitive(&[key], || self.inner.hmac(hash, key, data))
    }

    fn hkdf_expand(
        &self,
        hash: HashAlgorithm,
        pseudorandom_key: &[u8],
        info: &[&[u8]],
        length: usize,
    ) -> Result<Secret, CryptoError> {
        let expand = || self.inner.hkdf_expand(hash, pseudorandom_key, info, length);
        primitive(&[pseudorandom_key], expand)
    }

    fn aead_seal(
        &self,
        aead: AeadId,
        key: &Secret,
        nonce: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        reveal_all(&[key.expose(), nonce, plaintext]);
        self.inner.aead_seal(aead, key, nonce, aad, plaintext)
    }

    /// Sender data is revealed: who sent a message and which generation it has decide, in every
    /// implementation, where to look. Of a content its lengths are: a signature of 64 bytes behind
    /// what the application said.
    fn aead_open(
        &self,
        aead: AeadId,
        key: &Secret,
        nonce: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Secret, CryptoError> {
        reveal_all(&[key.expose(), nonce]);
        let mut plaintext = self.inner.aead_open(aead, key, nonce, aad, ciphertext)?;
        if plaintext.len() > SENDER_DATA_BYTES {
            let changed = plaintext.len() - self.changed.load(Ordering::Relaxed);
            if let Some(byte) = plaintext.expose_mut().get_mut(changed) {
                *byte ^= 1;
            }
            conceal_content(plaintext.expose());
        }
        Ok(plaintext)
    }

    fn dh_public_key(
        &self,
        kem: KemId,
        private_key: &Secret,
    ) -> Result<HpkePublicKey, CryptoError> {
        self.inner.dh_public_key(kem, private_key)
    }

    fn dh(
        &self,
        kem: KemId,
        private_key: &Secret,
        public_key: &HpkePublicKey,
    ) -> Result<Secret, CryptoError> {
        self.inner.dh(kem, private_key, public_key)
    }

    fn check_hpke_public_key(
        &self,
        kem: KemId,
        public_key: &HpkePublicKey,
    ) -> Result<(), CryptoError> {
        self.inner.check_hpke_public_key(kem, public_key)
    }

    fn signature_generate(
        &self,
        scheme: SignatureScheme,
        random: &mut dyn Random,
    ) -> Result<Secret, CryptoError> {
        self.inner.signature_generate(scheme, random)
    }

    fn signature_public_key(
        &self,
        scheme: SignatureScheme,
        private_key: &Secret,
    ) -> Result<SignaturePublicKey, CryptoError> {
        self.inner.signature_public_key(scheme, private_key)
    }

    fn sign(
        &self,
        scheme: SignatureScheme,
        private_key: &Secret,
        message: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.inner.sign(scheme, private_key, message)
    }

    fn verify(
        &self,
        scheme: SignatureScheme,
        public_key: &SignaturePublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.inner.verify(scheme, public_key, message, signature)
    }
}

/// Length of an encoded `SenderData`.
const SENDER_DATA_BYTES: usize = 12;

/// Conceals a `PrivateMessageContent` of application data, but for its two length headers (RFC
/// 9420, section 6.3.1): the data, the signature, and the padding.
pub(crate) fn conceal_content(plaintext: &[u8]) {
    conceal(plaintext);
    let header = |at: usize| {
        let Some(first) = plaintext.get(at) else { return at };
        reveal(std::slice::from_ref(first));
        let more = (1_usize << (first >> 6)) - 1;
        let Some(rest) = plaintext.get(at + 1..at + 1 + more) else { return at };
        reveal(rest);
        let length =
            rest.iter().fold(usize::from(first & 0x3f), |sum, byte| sum << 8 | usize::from(*byte));
        at + 1 + more + length
    };
    header(header(0));
}
