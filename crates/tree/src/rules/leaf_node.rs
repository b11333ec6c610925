//! Leaf node validation (RFC 9420, section 7.3), as far as it concerns the leaf alone.
//!
//! What concerns the leaf among the other members (required capabilities, mutual support of
//! credential types, unique keys) is checked once for the resulting group, in `members` and by the
//! tree's indices.

use crypto::{HpkePublicKey, SignedContent, Suite, VerifiedSignature};
use wire::{LeafNode, LeafNodeSource, Lifetime, ProtocolVersion};

use crate::{Error, LeafIndex, Violation};

/// The largest leaf that is accepted, in bytes as signed. A chain of X.509 certificates fits many
/// times; without a limit one member could make every other's state grow by megabytes.
pub(crate) const LEAF_NODE_BYTES_MAX: usize = 1 << 16;

/// The application's rules about lifetimes (sections 7.2 and 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifetimeRules {
    /// The longest total lifetime, in seconds, that a leaf may have; section 7.2 demands one.
    pub lifetime_max_seconds: u64,
    /// Whether the current time must be within the lifetime of leaves in messages that are
    /// received. For what is sent it always must.
    pub check_received: bool,
    /// Whether the current time must be within the lifetime of leaves in the tree of a group that
    /// is joined. Off, a group whose members have been quiet for long can still be joined.
    pub check_tree: bool,
}

/// 93 days: a quarter, and the day by which clocks may differ.
const LIFETIME_MAX_SECONDS: u64 = 93 * 24 * 3600;

impl Default for LifetimeRules {
    /// 93 days in all. What is received is not compared with the clock: whether a commit is valid
    /// would then depend on whose clock is asked, and members who disagree about that are in
    /// different groups from then on. An Add that this client *sends* is always compared.
    fn default() -> Self {
        Self {
            lifetime_max_seconds: LIFETIME_MAX_SECONDS,
            check_received: false,
            check_tree: false,
        }
    }
}

impl LifetimeRules {
    /// Checks a lifetime; `now` is `None` where the current time does not matter.
    pub(crate) fn check(self, lifetime: Lifetime, now: Option<u64>) -> Result<(), Violation> {
        let total = lifetime.not_after.checked_sub(lifetime.not_before);
        if total.ok_or(Violation::LifetimeEndsBeforeStart)? > self.lifetime_max_seconds {
            return Err(Violation::LifetimeTooLong);
        }
        match now {
            Some(now) if !(lifetime.not_before..=lifetime.not_after).contains(&now) => {
                Err(Violation::LifetimeExpired)
            }
            _ => Ok(()),
        }
    }
}

/// Where a leaf stands, which decides what it must look like.
#[derive(Clone, Copy, Debug)]
pub enum LeafPlace<'a> {
    /// In a key package.
    KeyPackage,
    /// In an Update proposal, replacing the leaf with this key.
    Update {
        /// The group.
        group_id: &'a [u8],
        /// The sender's place.
        index: LeafIndex,
        /// The key of the leaf that is replaced.
        replaced: &'a HpkePublicKey,
    },
    /// In the path of a commit, replacing the leaf with this key, if any.
    Commit {
        /// The group.
        group_id: &'a [u8],
        /// The committer's place.
        index: LeafIndex,
        /// The key of the leaf that is replaced; `None` for a joiner without a former self.
        replaced: Option<&'a HpkePublicKey>,
    },
    /// In a ratchet tree.
    Tree {
        /// The group.
        group_id: &'a [u8],
        /// The leaf's place.
        index: LeafIndex,
    },
}

/// Proof that a leaf obeys section 7.3 as far as it concerns the leaf alone.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedLeafNode {
    signature: VerifiedSignature,
}

impl VerifiedLeafNode {
    /// The proof that the leaf's signature verified.
    #[must_use]
    pub fn signature(self) -> VerifiedSignature {
        self.signature
    }
}

/// Verifies a leaf in its place. `verified` is the proof of an earlier look at the same leaf in the
/// same place, which spares verifying its signature again. `now` is `None` where lifetimes are not
/// compared with the clock.
pub fn verify_leaf_node(
    suite: &Suite,
    leaf: &LeafNode,
    place: LeafPlace<'_>,
    lifetimes: (LifetimeRules, Option<u64>),
    verified: Option<VerifiedSignature>,
) -> Result<VerifiedLeafNode, Error> {
    check_source(leaf, place)?;
    check_capabilities(suite, leaf)?;
    if let LeafNodeSource::KeyPackage(lifetime) = leaf.leaf_node_source {
        lifetimes.0.check(lifetime, lifetimes.1)?;
    }
    suite
        .check_hpke_public_key(&leaf.encryption_key)
        .map_err(|_| Violation::InvalidEncryptionKey)?;
    let signature = match verified {
        Some(signature) => signature,
        None => verify_signature(suite, leaf, place)?,
    };
    Ok(VerifiedLeafNode { signature })
}

/// "Verify that the signature on the LeafNode is valid using signature_key" (section 7.3).
fn verify_signature(
    suite: &Suite,
    leaf: &LeafNode,
    place: LeafPlace<'_>,
) -> Result<VerifiedSignature, Error> {
    let signed = signed_leaf_node(leaf, place)?;
    let SignedContent { public_key, label, content, signature } = &signed;
    let verified = suite.verify_with_label(public_key, label, content, signature);
    verified.map_err(|_| Violation::InvalidLeafSignature.into())
}

/// The signature of a leaf in its place, and what it covers.
pub(crate) fn signed_leaf_node<'a>(
    leaf: &'a LeafNode,
    place: LeafPlace<'_>,
) -> Result<SignedContent<'a>, Violation> {
    let placement = match place {
        LeafPlace::KeyPackage => (&[][..], 0),
        LeafPlace::Update { group_id, index, .. }
        | LeafPlace::Commit { group_id, index, .. }
        | LeafPlace::Tree { group_id, index } => (group_id, index.as_u32()),
    };
    let content = leaf.to_be_signed(placement);
    if content.len() > LEAF_NODE_BYTES_MAX {
        return Err(Violation::LeafTooLarge);
    }
    let (public_key, signature) = (&leaf.signature_key, &leaf.signature);
    Ok(SignedContent { public_key, label: LeafNode::SIGNATURE_LABEL, content, signature })
}

/// "Verify the leaf_node_source field" (section 7.3).
fn check_source(leaf: &LeafNode, place: LeafPlace<'_>) -> Result<(), Violation> {
    let (right, replaced) = match (place, &leaf.leaf_node_source) {
        (LeafPlace::KeyPackage, LeafNodeSource::KeyPackage(_)) | (LeafPlace::Tree { .. }, _) => {
            (true, None)
        }
        (LeafPlace::Update { replaced, .. }, LeafNodeSource::Update) => (true, Some(replaced)),
        (LeafPlace::Commit { replaced, .. }, LeafNodeSource::Commit { .. }) => (true, replaced),
        _ => (false, None),
    };
    if !right {
        return Err(Violation::WrongLeafNodeSource);
    }
    // "... encryption_key represents a different public key than the encryption_key in the leaf
    // node being replaced" (section 7.3).
    if replaced == Some(&leaf.encryption_key) {
        return Err(Violation::UnchangedEncryptionKey);
    }
    Ok(())
}

/// What a leaf shows must be in its capabilities (sections 5.3, 7.2 and 7.3).
fn check_capabilities(suite: &Suite, leaf: &LeafNode) -> Result<(), Violation> {
    let capabilities = &leaf.capabilities;
    if !capabilities.versions.contains(&ProtocolVersion::MLS10)
        || !capabilities.cipher_suites.contains(&suite.id())
    {
        return Err(Violation::VersionOrCipherSuiteNotInCapabilities);
    }
    if !capabilities.supports_credential(leaf.credential.credential_type()) {
        return Err(Violation::CredentialTypeNotInCapabilities);
    }
    if leaf.extensions.duplicate().is_some() {
        return Err(Violation::DuplicateExtension);
    }
    // "... the ID for each extension in the extensions field is listed in the
    // capabilities.extensions field of the LeafNode" (section 7.3); the RFC's own are not listed
    // (section 7.2).
    if !leaf.extensions.types().all(|extension| capabilities.supports_extension(extension)) {
        return Err(Violation::ExtensionNotInCapabilities);
    }
    Ok(())
}
