//! The derivations that the real library makes, as a graph: a provider and a source of randomness
//! that write down each.
//!
//! A secret is known by its bytes, so it does not matter who computes it, or how often. What was
//! never drawn or derived is taken for public; that errs on the attacker's side.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use codec::Reader;
use crypto::{
    AeadId, CryptoError, Digest, HashAlgorithm, HpkePublicKey, KemId, Provider, Random, Secret,
    SignaturePublicKey, SignatureScheme, SignedMessage, SigningKey, SuiteParams,
};

use super::graph::{Graph, Knowledge, SecretId};

/// The lengths of the secrets of suite 1: nonces, AEAD keys, all others.
const LENGTHS: [usize; 3] = [12, 16, 32];
const LENGTH_MAX: usize = 32;
/// What random bytes are cut into: the library draws many seeds in one piece.
const SEED_LENGTH: usize = 32;

/// What is derived from an `epoch_secret` (RFC 9420, section 8), by label.
pub const EPOCH_LABELS: [&str; 9] = [
    "sender data",
    "encryption",
    "exporter",
    "external",
    "confirm",
    "membership",
    "resumption",
    "authentication",
    "init",
];

/// The bytes of a secret, padded.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Bytes(usize, [u8; LENGTH_MAX]);

impl Bytes {
    fn new(bytes: &[u8]) -> Option<Self> {
        let is_secret = LENGTHS.contains(&bytes.len());
        let mut padded = [0; LENGTH_MAX];
        is_secret.then(|| padded[..bytes.len()].copy_from_slice(bytes))?;
        Some(Self(bytes.len(), padded))
    }
}

/// The first bytes of a secret, by which a search begins.
fn head(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|head| u64::from_be_bytes(*head))
}

/// Everything that was drawn, derived, encrypted and decrypted.
#[derive(Clone, Default)]
pub struct Log {
    /// What follows from what.
    pub graph: Graph,
    by_bytes: HashMap<Bytes, SecretId>,
    heads: HashSet<u64>,
    /// Private keys by their public keys.
    private_keys: HashMap<HpkePublicKey, SecretId>,
    /// What is derived from a secret under one of [`EPOCH_LABELS`].
    epoch_children: HashMap<(SecretId, usize), SecretId>,
    /// What such a secret was derived from.
    epoch_parents: HashMap<SecretId, SecretId>,
    /// What each person ever held, if only for a moment.
    seen: Vec<Knowledge>,
}

impl Log {
    /// The secret of these bytes.
    #[must_use]
    pub fn secret(&self, bytes: &[u8]) -> Option<SecretId> {
        self.by_bytes.get(&Bytes::new(bytes)?).copied()
    }

    /// All secrets that stand somewhere in these bytes.
    #[must_use]
    pub fn search(&self, bytes: &[u8]) -> Vec<SecretId> {
        let mut found = Vec::new();
        for start in 0..bytes.len() {
            let rest = &bytes[start..];
            if head(rest).is_some_and(|head| self.heads.contains(&head)) {
                let runs = LENGTHS.iter().filter_map(|&length| rest.get(..length));
                found.extend(runs.filter_map(|run| self.secret(run)));
            }
        }
        found
    }

    /// The private key of an HPKE public key.
    #[must_use]
    pub fn private_key(&self, public_key: &HpkePublicKey) -> Option<SecretId> {
        self.private_keys.get(public_key).copied()
    }

    /// All secrets of the epoch that has this `epoch_authenticator`, in the order of
    /// [`EPOCH_LABELS`].
    #[must_use]
    pub fn epoch_secrets(&self, epoch_authenticator: &[u8]) -> Option<Vec<SecretId>> {
        let epoch_secret = self.epoch_parents.get(&self.secret(epoch_authenticator)?)?;
        let labels = 0..EPOCH_LABELS.len();
        labels.map(|label| self.epoch_children.get(&(*epoch_secret, label)).copied()).collect()
    }

    /// What a person ever held.
    #[must_use]
    pub fn seen(&self, person: usize) -> Knowledge {
        self.seen.get(person).cloned().unwrap_or_default()
    }

    /// Everybody reads these bytes.
    pub fn publish(&mut self, bytes: &[u8]) {
        for secret in self.search(bytes) {
            self.graph.publish(secret);
        }
    }

    /// A secret that comes from nowhere.
    pub fn note(&mut self, person: usize, bytes: &[u8]) -> Option<SecretId> {
        let name = Bytes::new(bytes)?;
        let graph = &mut self.graph;
        let id = *self.by_bytes.entry(name).or_insert_with(|| graph.fresh());
        self.heads.extend(head(bytes));
        if self.seen.len() <= person {
            self.seen.resize(person + 1, Knowledge::default());
        }
        self.seen[person].insert(id);
        Some(id)
    }

    fn derive(&mut self, person: usize, inputs: &[&[u8]], secret: &Secret) -> Option<SecretId> {
        // A seed may be longer than a secret: it was drawn in pieces.
        let premises = inputs.iter().flat_map(|input| match self.secret(input) {
            Some(secret) => vec![secret],
            None => self.search(input),
        });
        let premises: Vec<_> = premises.collect();
        let conclusion = self.note(person, secret.expose())?;
        self.graph.add_rule(&premises, conclusion);
        Some(conclusion)
    }

    /// What is inside a ciphertext follows from the key alone: a nonce is no defence.
    fn encrypted(&mut self, person: usize, key: &Secret, plaintext: &[u8]) {
        let key = self.secret(key.expose());
        let mut inside = self.search(plaintext);
        // A secret that nobody drew or derived here is taken for one all the same.
        inside.extend(self.note(person, plaintext));
        for secret in inside {
            self.graph.add_rule(key.as_slice(), secret);
        }
    }
}

/// Where the people of one experiment write.
#[derive(Clone, Default)]
pub struct SharedLog(Arc<Mutex<Log>>);

impl SharedLog {
    /// A log that goes on where another is.
    #[must_use]
    pub fn of(log: Log) -> Self {
        Self(Arc::new(Mutex::new(log)))
    }

    /// The log itself.
    ///
    /// # Panics
    /// If somebody panicked while writing.
    pub fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().expect("nobody panics while writing")
    }
}

/// A backend that does what another does, and writes it into the log.
pub struct Tracing {
    inner: Arc<dyn Provider>,
    log: SharedLog,
    person: usize,
}

impl Tracing {
    /// The backend of one person.
    #[must_use]
    pub fn new(inner: Arc<dyn Provider>, log: SharedLog, person: usize) -> Self {
        Self { inner, log, person }
    }
}

/// Whether the info of an expansion is a `KDFLabel` (section 8) with one of [`EPOCH_LABELS`] and no
/// context.
fn epoch_label(info: &[&[u8]]) -> Option<usize> {
    let info = info.concat();
    let mut reader = Reader::new(info.get(2..)?);
    let label = reader.opaque().ok()?.strip_prefix(b"MLS 1.0 ")?;
    let context = reader.opaque().ok()?;
    EPOCH_LABELS.iter().position(|it| it.as_bytes() == label && context.is_empty())
}

impl Provider for Tracing {
    fn supports(&self, params: &SuiteParams) -> bool {
        self.inner.supports(params)
    }

    fn hash(&self, hash: HashAlgorithm, data: &[u8]) -> Result<Digest, CryptoError> {
        self.inner.hash(hash, data)
    }

    fn hmac(&self, hash: HashAlgorithm, key: &[u8], data: &[&[u8]]) -> Result<Secret, CryptoError> {
        let secret = self.inner.hmac(hash, key, data)?;
        self.log.lock().derive(self.person, &[&[key], data].concat(), &secret);
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
        let mut log = self.log.lock();
        let from = log.secret(pseudorandom_key);
        let derived = log.derive(self.person, &[pseudorandom_key], &secret);
        if let (Some(from), Some(derived), Some(label)) = (from, derived, epoch_label(info)) {
            log.epoch_children.insert((from, label), derived);
            log.epoch_parents.insert(derived, from);
        }
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
        self.log.lock().encrypted(self.person, key, plaintext);
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
        let plaintext = self.inner.aead_open(aead, key, nonce, aad, ciphertext)?;
        let mut log = self.log.lock();
        for secret in log.search(plaintext.expose()) {
            log.seen[self.person].insert(secret);
        }
        log.encrypted(self.person, key, plaintext.expose());
        Ok(plaintext)
    }

    fn dh_public_key(
        &self,
        kem: KemId,
        private_key: &Secret,
    ) -> Result<HpkePublicKey, CryptoError> {
        let public_key = self.inner.dh_public_key(kem, private_key)?;
        let mut log = self.log.lock();
        if let Some(id) = log.note(self.person, private_key.expose()) {
            log.private_keys.insert(public_key.clone(), id);
        }
        Ok(public_key)
    }

    fn dh(
        &self,
        kem: KemId,
        private_key: &Secret,
        public_key: &HpkePublicKey,
    ) -> Result<Secret, CryptoError> {
        let shared = self.inner.dh(kem, private_key, public_key)?;
        let mut log = self.log.lock();
        if let Some(id) = log.derive(self.person, &[private_key.expose()], &shared)
            && let Some(other) = log.private_key(public_key)
        {
            // Also if its owner never computes it: a thief of that key does.
            log.graph.add_rule(&[other], id);
        }
        Ok(shared)
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

    fn signing_key(
        &self,
        scheme: SignatureScheme,
        private_key: &Secret,
    ) -> Result<Option<Box<dyn SigningKey>>, CryptoError> {
        self.inner.signing_key(scheme, private_key)
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

    fn verify_batch(
        &self,
        scheme: SignatureScheme,
        batch: &[SignedMessage<'_>],
    ) -> Result<(), CryptoError> {
        self.inner.verify_batch(scheme, batch)
    }
}

/// Randomness that is written into the log as what nobody can derive.
pub struct TracedRandom<'a> {
    /// Where the bytes come from.
    pub inner: &'a mut dyn Random,
    /// The log.
    pub log: &'a SharedLog,
    /// Who draws.
    pub person: usize,
}

impl Random for TracedRandom<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.fill(bytes)?;
        let mut log = self.log.lock();
        for seed in bytes.chunks(SEED_LENGTH) {
            log.note(self.person, seed);
        }
        Ok(())
    }
}
