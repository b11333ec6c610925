//! A provider that remembers every secret it derives and every key it encrypts or decrypts under.
//!
//! Derivations remember what they start from, so that whatever a key could be computed from is
//! known too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use codec::Reader;
use crypto::{
    AeadId, CryptoError, Digest, HashAlgorithm, HpkeKeyPair, HpkePublicKey, KemId, Provider,
    Random, Secret, SignaturePublicKey, SignatureScheme, SuiteParams,
};

/// One derived secret.
#[derive(Clone)]
pub(crate) struct Derived {
    /// The RFC's label; `extract`, `dh`, `private key` or `hpke` where there is none.
    pub(crate) label: String,
    /// The context that went in with the label.
    pub(crate) context: Vec<u8>,
    /// What it was derived from.
    pub(crate) from: Vec<u8>,
    /// The secret.
    pub(crate) secret: Vec<u8>,
}

/// One use of an AEAD key.
#[derive(Clone)]
pub(crate) struct KeyUse {
    pub(crate) key: Vec<u8>,
    pub(crate) nonce: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
}

/// Everything that passed, in order.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) derived: Vec<Derived>,
    pub(crate) seals: Vec<KeyUse>,
    pub(crate) opens: Vec<KeyUse>,
}

impl Trace {
    /// All secrets with a label.
    pub(crate) fn labelled(&self, label: &str) -> BTreeSet<Vec<u8>> {
        let found = self.derived.iter().filter(|derived| derived.label == label);
        found.map(|derived| derived.secret.clone()).collect()
    }

    /// What each secret was derived from.
    pub(crate) fn origins(&self) -> BTreeMap<&[u8], &Derived> {
        self.derived.iter().map(|derived| (derived.secret.as_slice(), derived)).collect()
    }
}

/// A backend that writes a [`Trace`].
pub(crate) struct TracingProvider {
    inner: Arc<dyn Provider>,
    trace: Mutex<Trace>,
}

impl TracingProvider {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inner: crypto_aws_lc::provider(), trace: Mutex::default() })
    }

    pub(crate) fn trace(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().unwrap()
    }

    fn note(&self, (label, context): (&str, &[u8]), from: &[u8], secret: &Secret) {
        self.trace().derived.push(Derived {
            label: label.to_owned(),
            context: context.to_vec(),
            from: from.to_vec(),
            secret: secret.expose().to_vec(),
        });
    }
}

/// Label and context of a `KDFLabel` (RFC 9420, section 5.1).
fn kdf_label(info: &[&[u8]]) -> (String, Vec<u8>) {
    let info = info.concat();
    let mut reader = Reader::new(info.get(2..).unwrap_or_default());
    let label = reader.opaque().ok().and_then(|label| label.strip_prefix(b"MLS 1.0 "));
    match (label, reader.opaque()) {
        (Some(label), Ok(context)) => {
            (String::from_utf8(label.to_vec()).unwrap(), context.to_vec())
        }
        _ => ("hpke".to_owned(), info),
    }
}

impl Provider for TracingProvider {
    fn supports(&self, params: &SuiteParams) -> bool {
        self.inner.supports(params)
    }

    fn hash(&self, hash: HashAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        self.inner.hash(hash, data)
    }

    fn hmac(&self, hash: HashAlgorithm, key: &[u8], data: &[&[u8]]) -> Result<Secret, CryptoError> {
        let secret = self.inner.hmac(hash, key, data)?;
        self.note(("extract", &[]), key, &secret);
        Ok(secret)
    }

    fn hkdf_expand(
        &self,
        hash: HashAlgorithm,
        pseudorandom_key: &[u8],
        info: &[&[u8]],
        length: usize,
    ) -> Result<Secret, CryptoError> {
        let secret = self.inner.hkdf_expand(hash, pseudorandom_key, info, length)?;
        let (label, context) = kdf_label(info);
        self.note((&label, &context), pseudorandom_key, &secret);
        Ok(secret)
    }

    fn aead_seal(
        &self,
        aead: AeadId,
        key: &Secret,
        nonce: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let ciphertext = self.inner.aead_seal(aead, key, nonce, aad, plaintext)?;
        let (key, nonce) = (key.expose().to_vec(), nonce.to_vec());
        self.trace().seals.push(KeyUse { key, nonce, ciphertext: ciphertext.clone() });
        Ok(ciphertext)
    }

    fn aead_open(
        &self,
        aead: AeadId,
        key: &Secret,
        nonce: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Secret, CryptoError> {
        let plaintext = self.inner.aead_open(aead, key, nonce, aad, ciphertext)?;
        let (key, nonce) = (key.expose().to_vec(), nonce.to_vec());
        self.trace().opens.push(KeyUse { key, nonce, ciphertext: ciphertext.to_vec() });
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
        let secret = self.inner.dh(kem, private_key, public_key)?;
        self.note(("dh", &[]), private_key.expose(), &secret);
        Ok(secret)
    }

    fn check_hpke_public_key(
        &self,
        kem: KemId,
        public_key: &HpkePublicKey,
    ) -> Result<(), CryptoError> {
        self.inner.check_hpke_public_key(kem, public_key)
    }

    fn kem_derive_key_pair(&self, kem: KemId, ikm: &Secret) -> Result<HpkeKeyPair, CryptoError> {
        let key_pair = self.inner.kem_derive_key_pair(kem, ikm)?;
        let context = key_pair.public_key.as_slice().to_vec();
        self.note(("private key", &context), ikm.expose(), &key_pair.private_key);
        Ok(key_pair)
    }

    fn signature_generate(
        &self,
        scheme: SignatureScheme,
        random: &mut dyn Random,
    ) -> Result<Secret, CryptoError> {
        let secret = self.inner.signature_generate(scheme, random)?;
        self.note(("signature key", &[]), &[], &secret);
        Ok(secret)
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
