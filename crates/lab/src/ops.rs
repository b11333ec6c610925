//! Counting what cryptography is used: a [`Provider`] that does what another does and counts it.
//!
//! What is counted is what the published comparisons count: Diffie-Hellman, multiplications of the
//! base point, AEAD seals and opens, hashes, MACs, signatures. An HPKE seal shows as one of each of
//! `base`, `dh` and `seal` and several of `mac`. Deriving a key pair from a secret shows as `base`.

use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crypto::{
    AeadId, CipherSuite, CryptoError, DhKey, Digest, HashAlgorithm, HpkePublicKey, KemId, Provider,
    Random, Secret, SignaturePublicKey, SignatureScheme, SignedMessage, SigningKey, SuiteParams,
};

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// How often each operation was done.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Ops { $($(#[$doc])* pub $name: u64,)* }

        impl Ops {
            /// Names and numbers, in the order of the fields.
            #[must_use]
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }

        impl Add for Ops {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self { $($name: self.$name + other.$name),* }
            }
        }

        /// What was done since it was made, less `earlier`.
        impl Sub for Ops {
            type Output = Self;
            fn sub(self, earlier: Self) -> Self {
                Self { $($name: self.$name.saturating_sub(earlier.$name)),* }
            }
        }

        /// Counts operations; shared by everybody who uses the same [`crate::Tools`].
        #[derive(Debug, Default)]
        pub struct Counter { $($name: AtomicU64,)* }

        impl Counter {
            /// What was counted so far.
            #[must_use]
            pub fn read(&self) -> Ops {
                Ops { $($name: self.$name.load(Ordering::Relaxed)),* }
            }

            $(
                /// Counts one, for what is computed without the counting provider.
                pub fn $name(&self) {
                    self.$name.fetch_add(1, Ordering::Relaxed);
                }
            )*
        }
    };
}

ops! {
    /// Diffie-Hellman of a private key and somebody's public key.
    dh,
    /// Multiplications of the base point: public keys made from private ones.
    base,
    /// AEAD encryptions.
    seal,
    /// AEAD decryptions.
    open,
    /// Hashes.
    hash,
    /// HMACs, and HKDF-Expands.
    mac,
    /// Signatures made.
    sign,
    /// Signatures verified, each of a batch.
    verify,
}

/// A provider that counts what it has another one do.
pub(crate) struct CountingProvider {
    inner: Arc<dyn Provider>,
    /// The one suite that it supports, so that capabilities have the same length everywhere.
    suite: CipherSuite,
    counter: Arc<Counter>,
}

impl CountingProvider {
    pub(crate) fn new(inner: Arc<dyn Provider>, suite: CipherSuite, counter: Arc<Counter>) -> Self {
        Self { inner, suite, counter }
    }
}

struct CountingDhKey {
    inner: Arc<dyn DhKey>,
    counter: Arc<Counter>,
}

impl DhKey for CountingDhKey {
    fn public_key(&self) -> Result<HpkePublicKey, CryptoError> {
        self.counter.base();
        self.inner.public_key()
    }

    fn dh(&self, public_key: &HpkePublicKey) -> Result<Secret, CryptoError> {
        self.counter.dh();
        self.inner.dh(public_key)
    }
}

struct CountingSigningKey {
    inner: Box<dyn SigningKey>,
    counter: Arc<Counter>,
}

impl SigningKey for CountingSigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.counter.sign();
        self.inner.sign(message)
    }
}

// The KEM's methods are the trait's own, so that they come back here for their Diffie-Hellman.
impl Provider for CountingProvider {
    fn supports(&self, params: &SuiteParams) -> bool {
        params.id == self.suite && self.inner.supports(params)
    }

    fn hash(&self, hash: HashAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        self.counter.hash();
        self.inner.hash(hash, data)
    }

    fn hmac(&self, hash: HashAlgorithm, key: &[u8], data: &[&[u8]]) -> Result<Secret, CryptoError> {
        self.counter.mac();
        self.inner.hmac(hash, key, data)
    }

    fn hkdf_expand(
        &self,
        hash: HashAlgorithm,
        pseudorandom_key: &[u8],
        info: &[&[u8]],
        length: usize,
    ) -> Result<Secret, CryptoError> {
        self.counter.mac();
        self.inner.hkdf_expand(hash, pseudorandom_key, info, length)
    }

    fn aead_seal(
        &self,
        aead: AeadId,
        key: &Secret,
        nonce: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        self.counter.seal();
        self.inner.aead_seal(aead, key, nonce, aad, plaintext)
    }

    fn aead_open(
        &self,
        aead: AeadId,
        key: &Secret,
        nonce: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Secret, CryptoError> {
        self.counter.open();
        self.inner.aead_open(aead, key, nonce, aad, ciphertext)
    }

    fn dh_public_key(
        &self,
        kem: KemId,
        private_key: &Secret,
    ) -> Result<HpkePublicKey, CryptoError> {
        self.counter.base();
        self.inner.dh_public_key(kem, private_key)
    }

    fn dh(
        &self,
        kem: KemId,
        private_key: &Secret,
        public_key: &HpkePublicKey,
    ) -> Result<Secret, CryptoError> {
        self.counter.dh();
        self.inner.dh(kem, private_key, public_key)
    }

    fn dh_key(
        &self,
        kem: KemId,
        private_key: &Secret,
    ) -> Result<Option<Arc<dyn DhKey>>, CryptoError> {
        let counter = Arc::clone(&self.counter);
        let key = self.inner.dh_key(kem, private_key)?;
        Ok(key.map(|inner| Arc::new(CountingDhKey { inner, counter }) as Arc<dyn DhKey>))
    }

    fn dh_ephemeral(
        &self,
        kem: KemId,
        private_key: &Secret,
        public_key: &HpkePublicKey,
    ) -> Result<(HpkePublicKey, Secret), CryptoError> {
        self.counter.base();
        self.counter.dh();
        self.inner.dh_ephemeral(kem, private_key, public_key)
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
        self.counter.sign();
        self.inner.sign(scheme, private_key, message)
    }

    fn signing_key(
        &self,
        scheme: SignatureScheme,
        private_key: &Secret,
    ) -> Result<Option<Box<dyn SigningKey>>, CryptoError> {
        let counter = Arc::clone(&self.counter);
        let key = self.inner.signing_key(scheme, private_key)?;
        Ok(key.map(|inner| Box::new(CountingSigningKey { inner, counter }) as Box<dyn SigningKey>))
    }

    fn verify(
        &self,
        scheme: SignatureScheme,
        public_key: &SignaturePublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.counter.verify();
        self.inner.verify(scheme, public_key, message, signature)
    }

    fn verify_batch(
        &self,
        scheme: SignatureScheme,
        batch: &[SignedMessage<'_>],
    ) -> Result<(), CryptoError> {
        batch.iter().for_each(|_| self.counter.verify());
        self.inner.verify_batch(scheme, batch)
    }
}
