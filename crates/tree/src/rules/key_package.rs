//! Key package validation (RFC 9420, section 10.1).

use crypto::{SignedContent, Suite, VerifiedSignature};
use wire::{KeyPackage, ProtocolVersion};

use super::leaf_node::{
    LEAF_NODE_BYTES_MAX, LeafPlace, LifetimeRules, signed_leaf_node, verify_leaf_node,
};
use crate::{Error, Violation};

/// Proof that a key package obeys section 10.1 for a group of one suite.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedKeyPackage(KeyPackageSignatures);

impl VerifiedKeyPackage {
    /// The proof that both signatures verified.
    #[must_use]
    pub fn signatures(self) -> KeyPackageSignatures {
        self.0
    }
}

/// Proof that both signatures of a key package verified.
#[derive(Clone, Copy, Debug)]
pub struct KeyPackageSignatures {
    /// That of its leaf.
    pub leaf_node: VerifiedSignature,
    /// Its own.
    pub key_package: VerifiedSignature,
}

/// Verifies a key package. `verified` is the proof of an earlier look at the same key package,
/// which spares verifying its two signatures again.
pub fn verify_key_package(
    suite: &Suite,
    key_package: &KeyPackage,
    lifetimes: (LifetimeRules, Option<u64>),
    verified: Option<KeyPackageSignatures>,
) -> Result<VerifiedKeyPackage, Error> {
    // "Verify that the cipher suite and protocol version of the KeyPackage match those in the
    // GroupContext" (section 10.1).
    if key_package.version != ProtocolVersion::MLS10 || key_package.cipher_suite != suite.id() {
        return Err(Violation::KeyPackageVersionOrCipherSuite.into());
    }
    let leaf = verify_leaf_node(
        suite,
        &key_package.leaf_node,
        LeafPlace::KeyPackage,
        lifetimes,
        verified.map(|verified| verified.leaf_node),
    )?;
    if key_package.extensions.duplicate().is_some() {
        return Err(Violation::DuplicateExtension.into());
    }
    // "Verify that the value of leaf_node.encryption_key is different from the value of the
    // init_key field" (section 10.1).
    if key_package.init_key == key_package.leaf_node.encryption_key {
        return Err(Violation::InitKeyIsEncryptionKey.into());
    }
    suite
        .check_hpke_public_key(&key_package.init_key)
        .map_err(|_| Violation::InvalidEncryptionKey)?;
    let key_package = match verified {
        Some(verified) => verified.key_package,
        None => verify_signature(suite, key_package)?,
    };
    Ok(VerifiedKeyPackage(KeyPackageSignatures { leaf_node: leaf.signature(), key_package }))
}

fn verify_signature(suite: &Suite, key_package: &KeyPackage) -> Result<VerifiedSignature, Error> {
    let signed = signed_key_package(key_package)?;
    let SignedContent { public_key, label, content, signature } = &signed;
    let verified = suite.verify_with_label(public_key, label, content, signature);
    verified.map_err(|_| Violation::InvalidKeyPackageSignature.into())
}

/// Both signatures of a key package and what they cover, the leaf's first.
pub(crate) fn signed_contents(
    key_package: &KeyPackage,
) -> Result<[SignedContent<'_>; 2], Violation> {
    let leaf_node = signed_leaf_node(&key_package.leaf_node, LeafPlace::KeyPackage)?;
    Ok([leaf_node, signed_key_package(key_package)?])
}

/// The signature of a key package, and what it covers.
fn signed_key_package(key_package: &KeyPackage) -> Result<SignedContent<'_>, Violation> {
    let content = key_package.to_be_signed();
    if content.len() > 2 * LEAF_NODE_BYTES_MAX {
        return Err(Violation::LeafTooLarge);
    }
    let (public_key, signature) = (&key_package.leaf_node.signature_key, &key_package.signature);
    Ok(SignedContent { public_key, label: KeyPackage::SIGNATURE_LABEL, content, signature })
}
