//! Key package validation (RFC 9420, section 10.1).

use crypto::{Suite, VerifiedSignature};
use wire::{KeyPackage, ProtocolVersion};

use super::leaf_node::{LEAF_NODE_BYTES_MAX, LeafPlace, LifetimeRules, verify_leaf_node};
use crate::{Error, Violation};

/// Proof that a key package obeys section 10.1 for a group of one suite.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedKeyPackage {
    key_package: VerifiedSignature,
    leaf_node: VerifiedSignature,
}

/// Verifies a key package. `verified` is the proof of an earlier look at the same key package,
/// which spares verifying its two signatures again.
pub fn verify_key_package(
    suite: &Suite,
    key_package: &KeyPackage,
    lifetimes: (LifetimeRules, Option<u64>),
    verified: Option<VerifiedKeyPackage>,
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
    let signature = match verified {
        Some(verified) => verified.key_package,
        None => verify_signature(suite, key_package)?,
    };
    Ok(VerifiedKeyPackage { key_package: signature, leaf_node: leaf.signature() })
}

fn verify_signature(suite: &Suite, key_package: &KeyPackage) -> Result<VerifiedSignature, Error> {
    let signed = key_package.to_be_signed();
    if signed.len() > 2 * LEAF_NODE_BYTES_MAX {
        return Err(Violation::LeafTooLarge.into());
    }
    let verified = suite.verify_with_label(
        &key_package.leaf_node.signature_key,
        KeyPackage::SIGNATURE_LABEL,
        &signed,
        &key_package.signature,
    );
    verified.map_err(|_| Violation::InvalidKeyPackageSignature.into())
}
