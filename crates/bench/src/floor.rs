//! The floor of an operation: the primitives that RFC 9420 makes unavoidable for it, counted from
//! what is on the wire, at the prices of the run.
//!
//! Counted are curve operations, signatures, AEAD, every HMAC of the key schedule and of HPKE, and
//! the hashing of transcripts and of tree nodes that change. Not counted are encoding, decoding,
//! memory, lookups and storage: whatever an implementation does for those is above the floor.
//! A signature check counts as a single one, also where checks could be batched.

use codec::Encode;
use wire::{Content, MlsMessage, MlsMessageBody, ProposalOrRef, PublicMessage};

use crate::Failure;
use crate::prices::Prices;

/// How often each primitive is used, and over how many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Key pairs made from private keys: nodes, leaves, HPKE's ephemeral keys.
    pub key_pairs: u64,
    /// Diffie-Hellman.
    pub dhs: u64,
    /// Signatures made, and the bytes they cover.
    pub signs: (u64, u64),
    /// Signatures checked, and the bytes they cover.
    pub verifies: (u64, u64),
    /// Hashes, and the bytes hashed.
    pub hashes: (u64, u64),
    /// HMACs of short messages.
    pub hmacs: u64,
    /// Encryptions and decryptions, and their bytes.
    pub aeads: (u64, u64),
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let both = |one: (u64, u64), two: (u64, u64)| (one.0 + two.0, one.1 + two.1);
        Self {
            key_pairs: self.key_pairs + other.key_pairs,
            dhs: self.dhs + other.dhs,
            signs: both(self.signs, other.signs),
            verifies: both(self.verifies, other.verifies),
            hashes: both(self.hashes, other.hashes),
            hmacs: self.hmacs + other.hmacs,
            aeads: both(self.aeads, other.aeads),
        }
    }
}

impl Counts {
    /// Nanoseconds at these prices.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn at(&self, prices: &Prices) -> f64 {
        // Prices are for 256 bytes; shorter input costs less, longer more.
        let sized = |(uses, bytes): (u64, u64), price: f64, per_byte: f64| {
            let further = bytes as f64 - 256.0 * uses as f64;
            (uses as f64 * price + further * per_byte).max(0.0)
        };
        self.key_pairs as f64 * prices.key_pair
            + self.dhs as f64 * prices.dh
            + sized(self.signs, prices.sign, prices.sign_byte)
            + sized(self.verifies, prices.verify, prices.verify_byte)
            + sized(self.hashes, prices.hash, prices.hash_byte)
            + self.hmacs as f64 * prices.hmac
            + sized(self.aeads, prices.aead, prices.aead_byte)
    }

    /// The same, this many times.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        let both = |one: (u64, u64)| (one.0 * count, one.1 * count);
        Self {
            key_pairs: self.key_pairs * count,
            dhs: self.dhs * count,
            signs: both(self.signs),
            verifies: both(self.verifies),
            hashes: both(self.hashes),
            hmacs: self.hmacs * count,
            aeads: both(self.aeads),
        }
    }
}

/// What a node's public key and a hash take in `TreeHashInput` and `ParentHashInput`, about.
const PARENT_INPUT_BYTES: u64 = 150;

/// A leaf with a basic credential, about; it decides hashing only.
const LEAF_BYTES: u64 = 250;

/// `SealBase`: an ephemeral key pair, Diffie-Hellman, extraction and expansion of the KEM and of
/// the key schedule, one AEAD call. The part of the schedule that depends on `info` alone is
/// shared by the recipients of one `info` and not counted.
fn hpke_seal() -> Counts {
    Counts { key_pairs: 1, dhs: 1, hmacs: 5, aeads: (1, 48), ..Counts::default() }
}

/// `OpenBase`, with the private key parsed.
fn hpke_open() -> Counts {
    Counts { dhs: 1, hmacs: 6, aeads: (1, 48), ..Counts::default() }
}

/// From the commit secret to the secrets of the next epoch (section 8), the confirmation tag, and
/// the two transcript hashes and the membership tag over a commit of so many bytes.
fn next_epoch(commit_bytes: u64) -> Counts {
    Counts { hmacs: 15, hashes: (3, 2 * commit_bytes + 100), ..Counts::default() }
}

/// The hashes of a leaf and of all parents above it.
fn direct_path_hashes(height: u64) -> Counts {
    Counts { hashes: (height + 1, height * PARENT_INPUT_BYTES + LEAF_BYTES), ..Counts::default() }
}

/// The hashes of all nodes of a tree.
fn tree_hashes(members: u64, leaves: u64) -> Counts {
    let bytes = members * LEAF_BYTES + leaves * PARENT_INPUT_BYTES;
    Counts { hashes: (leaves + members, bytes), ..Counts::default() }
}

fn sign(bytes: u64) -> Counts {
    Counts { signs: (1, bytes), ..Counts::default() }
}

fn verify(bytes: u64) -> Counts {
    Counts { verifies: (1, bytes), ..Counts::default() }
}

/// What a commit is made of, as everybody can see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitShape {
    /// The message's length.
    pub bytes: u64,
    /// Nodes and ciphertexts of the path, if there is one.
    pub path: Option<(u64, u64)>,
    /// Adds by value.
    pub adds: u64,
    /// Proposals by reference.
    pub references: u64,
}

/// The shape of a commit that travels as a PublicMessage.
pub fn commit_shape(message: &MlsMessage) -> Result<CommitShape, Failure> {
    let MlsMessageBody::PublicMessage(public) = &message.0 else {
        return Err("a commit that is not public".into());
    };
    let PublicMessage { content, .. } = &**public;
    let Content::Commit(commit) = &content.content else { return Err("not a commit".into()) };
    let path = commit.path.as_ref().map(|path| {
        let ciphertexts = path.nodes.iter().map(|node| node.encrypted_path_secret.len()).sum();
        (count(path.nodes.len()), count(ciphertexts))
    });
    let is_add = |proposal: &&ProposalOrRef| match proposal {
        ProposalOrRef::Proposal(it) => matches!(**it, wire::Proposal::Add(_)),
        ProposalOrRef::Reference(_) => false,
    };
    let is_reference = |proposal: &&ProposalOrRef| matches!(proposal, ProposalOrRef::Reference(_));
    let adds = count(commit.proposals.iter().filter(is_add).count());
    let references = count(commit.proposals.iter().filter(is_reference).count());
    Ok(CommitShape { bytes: count(message.to_bytes().len()), path, adds, references })
}

/// A length as the numbers here.
#[must_use]
pub fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The number of leaves of the smallest tree for so many members, and its height.
fn size(members: u64) -> (u64, u64) {
    let leaves = members.next_power_of_two();
    (leaves, u64::from(leaves.trailing_zeros()))
}

/// A new path (section 7.4 to 7.6): the leaf's key pair and each node's, their secrets, the parent
/// hashes, the ciphertexts, the leaf's signature.
fn make_path((nodes, ciphertexts): (u64, u64)) -> Counts {
    let keys = Counts {
        key_pairs: nodes + 1,
        hmacs: 4 * nodes + 3,
        hashes: (nodes, nodes * PARENT_INPUT_BYTES),
        ..Counts::default()
    };
    keys + hpke_seal().times(ciphertexts) + sign(LEAF_BYTES)
}

/// A Welcome for some joiners: a GroupInfo signed and encrypted, the group secrets sealed.
fn make_welcome(joiners: u64) -> Counts {
    if joiners == 0 {
        return Counts::default();
    }
    let group_info = Counts { hmacs: 3, aeads: (1, 400), ..Counts::default() };
    group_info + sign(300) + hpke_seal().times(joiners)
}

/// Creating a commit in a group of so many members. `joiners` counts Adds by reference too; their
/// key packages were verified on receipt.
#[must_use]
pub fn create_commit(shape: CommitShape, members: u64, joiners: u64) -> Counts {
    let (leaves, height) = size(members + joiners);
    // Each Add: the signatures of key package and leaf, the reference, the hashes of a new leaf
    // and what is above it, at most once for the whole tree.
    let mut counts = Counts { hashes: (joiners, joiners * 300), ..Counts::default() };
    counts = counts + (verify(300) + verify(LEAF_BYTES)).times(shape.adds);
    let singly = direct_path_hashes(height).times(joiners.max(1));
    let whole = tree_hashes(joiners, leaves);
    counts = counts + if singly.hashes.0 < whole.hashes.0 { singly } else { whole };
    if let Some(path) = shape.path {
        counts = counts + make_path(path);
    }
    counts + sign(shape.bytes) + next_epoch(shape.bytes) + make_welcome(joiners)
}

/// Processing a commit that changes one leaf, as a member in the other half of the tree, where only
/// the root's secret is new.
#[must_use]
pub fn process_commit(shape: CommitShape, members: u64, joiners: u64) -> Counts {
    let (_, height) = size(members + joiners);
    let mut counts = verify(shape.bytes)
        + next_epoch(shape.bytes)
        + direct_path_hashes(height).times(joiners.max(1))
        + (verify(300) + verify(LEAF_BYTES)).times(shape.adds);
    if let Some((nodes, _)) = shape.path {
        let root = Counts {
            key_pairs: 1,
            hmacs: 4,
            hashes: (nodes, nodes * PARENT_INPUT_BYTES),
            ..Counts::default()
        };
        counts = counts + verify(LEAF_BYTES) + hpke_open() + root;
    }
    counts
}

/// Creating a group: the creator's leaf, and the first epoch.
#[must_use]
pub fn create_group() -> Counts {
    Counts { key_pairs: 1, hmacs: 12, hashes: (3, 600), ..Counts::default() } + sign(LEAF_BYTES)
}

/// Joining by a Welcome: every leaf's signature, the whole tree's hashes, a parent hash for every
/// parent that is not blank, the GroupInfo, the group secrets.
#[must_use]
pub fn join(members: u64, parents: u64) -> Counts {
    let (leaves, _) = size(members);
    let group_info = Counts { hmacs: 4, aeads: (1, 400), ..Counts::default() } + verify(300);
    let parent_hashes =
        Counts { hashes: (parents, parents * PARENT_INPUT_BYTES), ..Counts::default() };
    verify(LEAF_BYTES).times(members)
        + tree_hashes(members, leaves)
        + parent_hashes
        + group_info
        + hpke_open()
        + next_epoch(0)
}

/// Joining by an external commit of this shape: what a joiner verifies, and what a committer makes.
#[must_use]
pub fn external_join(shape: CommitShape, members: u64, parents: u64) -> Counts {
    let (leaves, height) = size(members + 1);
    let parent_hashes =
        Counts { hashes: (parents, parents * PARENT_INPUT_BYTES), ..Counts::default() };
    verify(LEAF_BYTES).times(members)
        + verify(300)
        + tree_hashes(members, leaves)
        + parent_hashes
        + Counts { key_pairs: 1, dhs: 1, hmacs: 6, ..Counts::default() }
        + make_path(shape.path.unwrap_or_default())
        + direct_path_hashes(height)
        + sign(shape.bytes)
        + next_epoch(shape.bytes)
}

/// Encrypting an application message: a step of the ratchet, the content, the sender data.
#[must_use]
pub fn protect(bytes: u64) -> Counts {
    let aeads = (2, bytes + 100);
    Counts { hmacs: 5, aeads, ..Counts::default() } + sign(bytes + 150)
}

/// Decrypting one that is so many generations ahead of the last.
#[must_use]
pub fn unprotect(bytes: u64, skipped: u64) -> Counts {
    let aeads = (2, bytes + 100);
    Counts { hmacs: 5 + 3 * skipped, aeads, ..Counts::default() } + verify(bytes + 150)
}

/// Making a key package: two key pairs, two signatures.
#[must_use]
pub fn create_key_package() -> Counts {
    Counts { key_pairs: 2, hmacs: 4, ..Counts::default() } + sign(LEAF_BYTES) + sign(300)
}

/// Validating one.
#[must_use]
pub fn validate_key_package() -> Counts {
    verify(LEAF_BYTES) + verify(300)
}

/// Receiving a proposal to add somebody: the message's signature, the key package's two, the
/// membership tag, the proposal's reference.
#[must_use]
pub fn receive_add() -> Counts {
    verify(500) + validate_key_package() + Counts { hashes: (2, 1000), ..Counts::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prices that tell the primitives apart.
    fn prices() -> Prices {
        Prices { key_pair: 1e12, dh: 1e10, sign: 1e8, verify: 1e6, hmac: 1e4, ..Prices::default() }
    }

    #[test]
    fn an_update_costs_what_its_path_carries() {
        let shape = CommitShape { bytes: 2000, path: Some((14, 14)), adds: 0, references: 0 };
        // A leaf key, fourteen nodes, fourteen ephemeral keys; as many agreements; two signatures.
        let expected = 29.0 * 1e12 + 14.0 * 1e10 + 2.0 * 1e8;
        let hmacs = f64::from(4 * 14 + 3 + 5 * 14 + 15) * 1e4;
        let counted = create_commit(shape, 10_000, 0).at(&prices());
        assert!((counted - expected - hmacs).abs() < 1.0, "{counted}");
        // The receiver checks two signatures, decrypts once, and makes the root's key.
        let expected = 1e12 + 1e10 + 2.0 * 1e6 + f64::from(15 + 6 + 4) * 1e4;
        let counted = process_commit(shape, 10_000, 0).at(&prices());
        assert!((counted - expected).abs() < 1.0, "{counted}");
    }

    #[test]
    fn bytes_are_paid_beyond_the_first_256() {
        let prices = Prices { sign: 10.0, sign_byte: 1.0, ..Prices::default() };
        let at = |bytes| sign(bytes).at(&prices);
        assert!((at(256) - 10.0).abs() < 1e-9);
        assert!((at(300) - 54.0).abs() < 1e-9);
        assert!(at(0).abs() < 1e-9);
    }

    #[test]
    fn everybody_who_is_added_costs_two_checks_and_a_ciphertext() {
        let shape = CommitShape { bytes: 0, path: None, adds: 9, references: 0 };
        let counts = create_commit(shape, 1, 9);
        assert_eq!((counts.verifies.0, counts.dhs, counts.signs.0), (18, 9, 2));
    }
}
