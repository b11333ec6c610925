//! The ratchets of a sender (RFC 9420, section 9.1): one for handshake messages, one for
//! application data.
//!
//! A ratchet holds the secret of its next generation and the keys, never the secrets, of
//! generations that were skipped. Looking a key up changes nothing; the step that erases it is
//! applied later.

use std::collections::BTreeMap;

use codec::{Decode, DecodeError, Encode, Reader, Writer};
use crypto::{CryptoError, Secret, Suite};
use tree::LeafIndex;
use wire::ContentType;

use crate::{Error, Limit, ReuseGuard, Violation};

/// Which of a sender's two ratchets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RatchetKind {
    /// For application data.
    Application,
    /// For proposals and commits.
    Handshake,
}

impl RatchetKind {
    /// The ratchet that encrypts content of this type.
    #[must_use]
    pub fn of(content_type: ContentType) -> Self {
        match content_type {
            ContentType::Application => Self::Application,
            ContentType::Proposal | ContentType::Commit => Self::Handshake,
        }
    }

    /// The label that derives the ratchet's first secret from its leaf.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Handshake => "handshake",
        }
    }
}

/// One ratchet of a secret tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RatchetId {
    /// The sender's leaf.
    pub leaf: LeafIndex,
    /// Which of its two ratchets.
    pub kind: RatchetKind,
}

/// How far receiving may stretch (RFC 9420, section 15.3). Each limit bounds what a member can make
/// the others do or keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RatchetLimits {
    /// How many generations a ratchet may be moved forward by one message. Each costs three key
    /// derivations, so 1000 cost milliseconds; an honest sender whose last 1000 messages all got
    /// lost within one epoch is rarer than an attack.
    pub forward_max: u32,
    /// How many keys of skipped generations a ratchet keeps; the oldest are erased first. As many
    /// as one message can skip, so that the largest accepted gap can still be filled.
    pub skipped_keys_max: usize,
    /// How many keys of skipped generations the epoch keeps over all ratchets, about 100 bytes
    /// each: members who collude cannot make the others keep more than a megabyte. The ratchet that
    /// has most loses its oldest first, so that a flood displaces itself.
    pub skipped_keys_total_max: usize,
}

impl Default for RatchetLimits {
    fn default() -> Self {
        Self { forward_max: 1000, skipped_keys_max: 1000, skipped_keys_total_max: 10_000 }
    }
}

/// The key and nonce of one generation: for one message, by whose protection they are used up.
pub struct MessageKey {
    generation: u32,
    key: Secret,
    nonce: Secret,
}

codec::fields!(MessageKey { generation, key, nonce });

impl MessageKey {
    fn derive(suite: &Suite, secret: &Secret, generation: u32) -> Result<Self, CryptoError> {
        let derive = |label, length| suite.derive_tree_secret(secret, label, generation, length);
        Ok(Self {
            generation,
            key: derive("key", suite.params().aead_key_length)?,
            nonce: derive("nonce", suite.params().aead_nonce_length)?,
        })
    }

    /// The generation.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// `ratchet_key_[N]_[j]`.
    #[must_use]
    pub fn key(&self) -> &Secret {
        &self.key
    }

    /// `ratchet_nonce_[N]_[j]`, to which the reuse guard is still to be applied.
    #[must_use]
    pub fn nonce(&self) -> &Secret {
        &self.nonce
    }

    /// Encrypts the content of a message.
    pub fn seal(
        mut self,
        suite: &Suite,
        guard: ReuseGuard,
        aad: &[u8],
        plaintext: &Secret,
    ) -> Result<Vec<u8>, CryptoError> {
        guard.apply(&mut self.nonce);
        suite.aead_seal(&self.key, self.nonce.expose(), aad, plaintext.expose())
    }

    /// Decrypts the content of a message.
    pub fn open(
        mut self,
        suite: &Suite,
        guard: ReuseGuard,
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Secret, CryptoError> {
        guard.apply(&mut self.nonce);
        suite.aead_open(&self.key, self.nonce.expose(), aad, ciphertext)
    }

    /// A second holder, while it is not known yet whether a message that fits the key is genuine.
    fn duplicate(&self) -> Self {
        let Self { generation, key, nonce } = self;
        Self { generation: *generation, key: key.duplicate(), nonce: nonce.duplicate() }
    }
}

/// A ratchet: the next generation with its secret, and the keys of those that were skipped.
pub(crate) struct Ratchet {
    generation: u32,
    secret: Secret,
    skipped: BTreeMap<u32, MessageKey>,
}

/// What using a key changes in its ratchet.
pub(crate) enum Step {
    /// The key of a skipped generation is erased.
    Take(u32),
    /// The ratchet moves on; keys of generations that it skips are kept.
    Advance { generation: u32, secret: Secret, skipped: Vec<MessageKey> },
}

impl Ratchet {
    /// `*_ratchet_secret_[N]_[0]`, derived from the leaf's secret.
    pub(crate) fn first(
        suite: &Suite,
        leaf_secret: &Secret,
        kind: RatchetKind,
    ) -> Result<Self, CryptoError> {
        let length = suite.hash_length();
        let secret = suite.expand_with_label(leaf_secret, kind.label(), &[], length)?;
        Ok(Self { generation: 0, secret, skipped: BTreeMap::new() })
    }

    /// The next generation, not used yet.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// How many keys of skipped generations are kept.
    pub(crate) fn skipped_count(&self) -> usize {
        self.skipped.len()
    }

    /// The key of a generation, and the step that erases it. Nothing changes yet.
    pub(crate) fn lookup(
        &self,
        suite: &Suite,
        limits: &RatchetLimits,
        generation: u32,
    ) -> Result<(MessageKey, Step), Error> {
        if generation == u32::MAX {
            return Err(Violation::LastGeneration.into());
        }
        let Some(distance) = generation.checked_sub(self.generation) else {
            let kept = self.skipped.get(&generation).ok_or(Violation::ReusedGeneration)?;
            return Ok((kept.duplicate(), Step::Take(generation)));
        };
        if distance > limits.forward_max {
            return Err(Limit::ForwardDistance.into());
        }
        // Keys that would be erased at once as too many are not derived in the first place.
        let kept = u32::try_from(limits.skipped_keys_max).unwrap_or(u32::MAX);
        let first_kept = generation.saturating_sub(kept);
        let mut skipped = Vec::new();
        let mut secret: Option<Secret> = None;
        for passed in self.generation..generation {
            let current = secret.as_ref().unwrap_or(&self.secret);
            if passed >= first_kept {
                skipped.push(MessageKey::derive(suite, current, passed)?);
            }
            secret = Some(next_secret(suite, current, passed)?);
        }
        let current = secret.as_ref().unwrap_or(&self.secret);
        let key = MessageKey::derive(suite, current, generation)?;
        let secret = next_secret(suite, current, generation)?;
        Ok((key, Step::Advance { generation: generation + 1, secret, skipped }))
    }

    /// Erases the key that was looked up and everything it can be derived from. Returns the
    /// generations whose keys are new among the skipped ones or gone from them.
    pub(crate) fn apply(&mut self, step: Step, skipped_keys_max: usize) -> Vec<u32> {
        match step {
            Step::Take(generation) => {
                self.skipped.remove(&generation);
                vec![generation]
            }
            Step::Advance { generation, secret, skipped } => {
                self.generation = generation;
                self.secret = secret;
                let mut changed: Vec<u32> = skipped.iter().map(MessageKey::generation).collect();
                self.skipped.extend(skipped.into_iter().map(|key| (key.generation, key)));
                while self.skipped.len() > skipped_keys_max {
                    changed.extend(self.erase_oldest());
                }
                changed
            }
        }
    }

    /// Erases the oldest key of a skipped generation; returns the generation.
    pub(crate) fn erase_oldest(&mut self) -> Option<u32> {
        self.skipped.pop_first().map(|(generation, _)| generation)
    }

    /// Appends the kept keys of one batch of skipped generations; returns whether there are any.
    pub(crate) fn encode_skipped(&self, batch: u32, writer: &mut Writer) -> bool {
        let keys = || self.skipped.range(batch_range(batch)).map(|(_, key)| key);
        writer.vector(|writer| keys().for_each(|key| key.encode(writer)));
        keys().next().is_some()
    }

    /// Takes back a batch of keys that [`Self::encode_skipped`] wrote.
    pub(crate) fn decode_skipped(&mut self, batch: u32, bytes: &[u8]) -> Result<(), Error> {
        for key in Vec::<MessageKey>::from_bytes(bytes).map_err(Error::Storage)? {
            let generation = key.generation;
            let is_skipped = generation < self.generation;
            if !is_skipped || !batch_range(batch).contains(&generation) {
                return Err(Error::inconsistent_rows("generation of a skipped key"));
            }
            self.skipped.insert(generation, key);
        }
        Ok(())
    }

    /// The batches that hold keys.
    pub(crate) fn batches(&self) -> impl Iterator<Item = u32> {
        self.skipped.keys().map(|&generation| batch_of(generation))
    }
}

/// The row of a ratchet holds its head only: a sender's row stays small however long the epoch, and
/// keys of skipped generations have rows of their own.
impl Encode for Ratchet {
    fn encode(&self, writer: &mut Writer) {
        self.generation.encode(writer);
        self.secret.encode(writer);
    }
}

impl Decode for Ratchet {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let generation = u32::decode(reader)?;
        Ok(Self { generation, secret: Secret::decode(reader)?, skipped: BTreeMap::new() })
    }
}

/// Skipped generations whose keys share a row, as a power of two: 16 keys of any suite stay below 1
/// KiB.
const BATCH_LOG2: u32 = 4;

/// The batch that a generation belongs to.
pub(crate) fn batch_of(generation: u32) -> u32 {
    generation >> BATCH_LOG2
}

fn batch_range(batch: u32) -> std::ops::RangeInclusive<u32> {
    let first = batch << BATCH_LOG2;
    first..=first | ((1 << BATCH_LOG2) - 1)
}

fn next_secret(suite: &Suite, secret: &Secret, generation: u32) -> Result<Secret, CryptoError> {
    suite.derive_tree_secret(secret, "secret", generation, suite.hash_length())
}
