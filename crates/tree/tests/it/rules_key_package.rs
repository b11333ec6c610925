//! Key packages (RFC 9420, section 10.1): each rule, and the last key package that obeys.

use crypto::CipherSuite;
use testkit::NOW;
use tree::rules::{VerifiedKeyPackage, verify_key_package};
use tree::{Error, Violation};
use wire::{KeyPackage, LeafNodeSource, ProtocolVersion};

use crate::forge::{Group, LIFETIMES, broken, extension};

/// A key package as it is judged after its signatures were made.
fn judge_damaged(
    change: impl FnOnce(&mut KeyPackage),
    damage: impl FnOnce(&mut KeyPackage),
) -> Result<VerifiedKeyPackage, Error> {
    let mut group = Group::alone(1);
    let person = group.person();
    let mut key_package = group.key_package(&person, change);
    damage(&mut key_package);
    verify_key_package(&group.suite, &key_package, (LIFETIMES, Some(NOW)), None)
}

/// A key package, changed before its signatures are made.
fn judge(change: impl FnOnce(&mut KeyPackage)) -> Result<VerifiedKeyPackage, Error> {
    judge_damaged(change, |_| {})
}

/// Covers mls-rs #323, and the report that mlspp does not compare versions.
///
/// Edge of `Violation::KeyPackageVersionOrCipherSuite`.
#[test]
fn a_key_package_is_for_the_version_and_suite_of_the_group() {
    for version in [0, 2, 0x0a0a, u16::MAX] {
        let other = judge(|key_package| key_package.version = ProtocolVersion(version));
        assert_eq!(broken(other), Violation::KeyPackageVersionOrCipherSuite);
    }
    // Suite 3 has the same keys and signatures.
    let other = judge(|key_package| {
        key_package.cipher_suite = CipherSuite(3);
        key_package.leaf_node.capabilities.cipher_suites.push(CipherSuite(3));
    });
    assert_eq!(broken(other), Violation::KeyPackageVersionOrCipherSuite);
    assert!(judge(|_| {}).is_ok());
}

/// Edge of `Violation::InitKeyIsEncryptionKey`.
#[test]
fn an_init_key_is_not_the_encryption_key() {
    let same = judge(|key_package| {
        key_package.init_key = key_package.leaf_node.encryption_key.clone();
    });
    assert_eq!(broken(same), Violation::InitKeyIsEncryptionKey);
    let other = judge(|key_package| {
        let mut key = key_package.leaf_node.encryption_key.as_slice().to_vec();
        key[0] ^= 1;
        key_package.init_key = key.into();
    });
    assert!(other.is_ok());
}

#[test]
fn an_init_key_can_be_encrypted_to() {
    for key in [&[0; 32][..], &[9; 31], &[]] {
        let weak = judge(|key_package| key_package.init_key = key.to_vec().into());
        assert_eq!(broken(weak), Violation::InvalidEncryptionKey);
    }
}

/// Covers mls-rs #313: in the lists of the key package and of its leaf.
#[test]
fn a_key_packages_extensions_are_of_different_types() {
    let list = |types: [u16; 2]| {
        judge(move |key_package| key_package.extensions.0 = types.map(extension).to_vec())
    };
    assert_eq!(broken(list([0xf000, 0xf000])), Violation::DuplicateExtension);
    assert!(list([0xf000, 0xf001]).is_ok());
}

/// Edge of `Violation::InvalidKeyPackageSignature`.
#[test]
fn a_key_packages_signature_covers_every_field() {
    let damages: [fn(&mut KeyPackage); 5] = [
        |key_package| key_package.init_key = vec![9; 32].into(),
        |key_package| key_package.extensions.0.push(extension(0xf000)),
        |key_package| key_package.signature = Default::default(),
        |key_package| key_package.signature = key_package.leaf_node.signature.clone(),
        |key_package| key_package.signature = [&key_package.signature[..], &[0]].concat().into(),
    ];
    for damage in damages {
        let rule = broken(judge_damaged(|_| {}, damage));
        assert_eq!(rule, Violation::InvalidKeyPackageSignature);
    }
    assert!(judge_damaged(|_| {}, |_| {}).is_ok());
}

#[test]
fn a_key_packages_leaf_obeys_the_rules_of_leaves() {
    let update =
        judge(|key_package| key_package.leaf_node.leaf_node_source = LeafNodeSource::Update);
    assert_eq!(broken(update), Violation::WrongLeafNodeSource);
    let damaged =
        judge_damaged(|_| {}, |key_package| key_package.leaf_node.extensions.0.push(extension(1)));
    assert_eq!(broken(damaged), Violation::InvalidLeafSignature);
}

#[test]
fn a_key_package_has_a_largest_size() {
    let padded = |key_package: &mut KeyPackage, bytes: usize| {
        let mut padding = extension(0xf000);
        padding.extension_data = vec![0; bytes].into();
        key_package.extensions.0.push(padding);
    };
    // All these lengths need four bytes.
    let (mut room, half) = (0, 1 << 16);
    let measure = |key_package: &mut KeyPackage| {
        room = (1 << 17) - key_package.to_be_signed().len();
    };
    assert!(judge_damaged(|key_package| padded(key_package, half), measure).is_ok());
    let more = |bytes| judge(|key_package| padded(key_package, half + bytes));
    assert!(more(room).is_ok());
    assert_eq!(broken(more(room + 1)), Violation::LeafTooLarge);
}
