//! Leaves by themselves (RFC 9420, sections 5.3, 7.2 and 7.3): each rule, and the last leaf that
//! obeys.

use crypto::{CipherSuite, Digest};
use testkit::{NOW, hex};
use tree::rules::{LeafPlace, LifetimeRules, VerifiedLeafNode, verify_leaf_node};
use tree::{Error, Violation};
use wire::{
    Credential, CredentialType, ExtensionType, LeafNode, LeafNodeSource, Lifetime, ProposalType,
    ProtocolVersion,
};

use crate::forge::{Group, HALF_LIFE, LIFETIME, LIFETIMES, broken, extension};

const GROUP: &[u8] = b"group";

/// A leaf for a key package, changed before it is signed, as it is judged at some time.
fn judge_at(
    lifetimes: LifetimeRules,
    now: Option<u64>,
    change: impl FnOnce(&mut LeafNode),
) -> Result<VerifiedLeafNode, Error> {
    let mut group = Group::alone(1);
    let person = group.person();
    let mut leaf = group.leaf_node(&person, LeafNodeSource::KeyPackage(LIFETIME));
    change(&mut leaf);
    let leaf = group.sign_leaf(leaf, &person, 0);
    verify_leaf_node(&group.suite, &leaf, LeafPlace::KeyPackage, (lifetimes, now), None)
}

fn judge(change: impl FnOnce(&mut LeafNode)) -> Result<VerifiedLeafNode, Error> {
    judge_at(LIFETIMES, Some(NOW), change)
}

/// Edge of `Violation::CredentialTypeNotInCapabilities`.
#[test]
fn a_leafs_credential_type_is_in_its_own_capabilities() {
    let unknown = CredentialType(0x7777);
    let other = |leaf: &mut LeafNode| leaf.credential = Credential::Other(unknown, b"me".into());
    let rule = broken(judge(other));
    assert_eq!(rule, Violation::CredentialTypeNotInCapabilities);
    let none = broken(judge(|leaf| leaf.capabilities.credentials.clear()));
    assert_eq!(none, Violation::CredentialTypeNotInCapabilities);
    let listed = judge(|leaf| {
        other(leaf);
        leaf.capabilities.credentials.push(unknown);
    });
    assert!(listed.is_ok(), "an unknown credential type is as good as any");
}

/// Covers the report that capabilities without the group's version or suite were accepted.
///
/// Edge of `Violation::VersionOrCipherSuiteNotInCapabilities`.
#[test]
fn a_leafs_capabilities_hold_the_version_and_suite_of_the_group() {
    let without_version = broken(judge(|leaf| leaf.capabilities.versions.clear()));
    assert_eq!(without_version, Violation::VersionOrCipherSuiteNotInCapabilities);
    let other_version = broken(judge(|leaf| {
        leaf.capabilities.versions = vec![ProtocolVersion(2)];
    }));
    assert_eq!(other_version, Violation::VersionOrCipherSuiteNotInCapabilities);
    let other_suite = broken(judge(|leaf| leaf.capabilities.cipher_suites = vec![CipherSuite(2)]));
    assert_eq!(other_suite, Violation::VersionOrCipherSuiteNotInCapabilities);
    let last_of_many = judge(|leaf| {
        leaf.capabilities.versions = vec![ProtocolVersion(0x0a0a), ProtocolVersion::MLS10];
        leaf.capabilities.cipher_suites = vec![CipherSuite(0x0a0a), CipherSuite(1)];
    });
    assert!(last_of_many.is_ok());
}

/// Covers mls-rs #313, and section 13.5: a GREASE extension of a leaf is listed like any other.
///
/// Edge of `Violation::ExtensionNotInCapabilities`.
#[test]
fn a_leafs_extensions_are_in_its_own_capabilities() {
    for extension_type in [0x0a0a, 0xf000] {
        let show = |leaf: &mut LeafNode| leaf.extensions.0.push(extension(extension_type));
        assert_eq!(broken(judge(show)), Violation::ExtensionNotInCapabilities);
        let listed = judge(|leaf| {
            show(leaf);
            leaf.capabilities.extensions.push(ExtensionType(extension_type));
        });
        assert!(listed.is_ok());
    }
    // "default" extensions are not listed (section 7.2).
    assert!(judge(|leaf| leaf.extensions.0.push(extension(1))).is_ok());
}

/// Covers mls-rs #313.
///
/// Edge of `Violation::DuplicateExtension`.
#[test]
fn a_leafs_extensions_are_of_different_types() {
    let list = |leaf: &mut LeafNode, types: [u16; 3]| {
        leaf.extensions.0 = types.map(extension).to_vec();
        leaf.capabilities.extensions = types.map(ExtensionType).to_vec();
    };
    let twice = broken(judge(|leaf| list(leaf, [0xf000, 0xf001, 0xf000])));
    assert_eq!(twice, Violation::DuplicateExtension);
    assert!(judge(|leaf| list(leaf, [0xf000, 0xf001, 0xf002])).is_ok());
}

/// Edge of `Violation::InvalidEncryptionKey`.
#[test]
fn an_encryption_key_can_be_encrypted_to() {
    // Points of small order, by which everyone would share one secret (RFC 7748, section 6.1), and
    // keys of a wrong length.
    let small_order = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
    for key in [&[0; 32][..], &hex(small_order), &[9; 31], &[9; 33], &[]] {
        let rule = broken(judge(|leaf| leaf.encryption_key = key.to_vec().into()));
        assert_eq!(rule, Violation::InvalidEncryptionKey);
    }
    assert!(judge(|leaf| leaf.encryption_key = vec![9; 32].into()).is_ok());
}

/// Edge of `Violation::LifetimeEndsBeforeStart`.
#[test]
fn a_lifetime_does_not_end_before_it_starts() {
    let live = |not_before, not_after| {
        let source = LeafNodeSource::KeyPackage(Lifetime { not_before, not_after });
        judge(|leaf| leaf.leaf_node_source = source)
    };
    assert_eq!(broken(live(NOW, NOW - 1)), Violation::LifetimeEndsBeforeStart);
    assert_eq!(broken(live(u64::MAX, 0)), Violation::LifetimeEndsBeforeStart);
    assert!(live(NOW, NOW).is_ok());
}

/// Covers OpenMLS #1379: the maximum lifetime was never enforced.
///
/// Edge of `Violation::LifetimeTooLong`.
#[test]
fn a_lifetime_is_at_most_as_long_as_the_application_allows() {
    let live = |not_after| {
        let lifetime = Lifetime { not_before: LIFETIME.not_before, not_after };
        judge(|leaf| leaf.leaf_node_source = LeafNodeSource::KeyPackage(lifetime))
    };
    assert_eq!(broken(live(LIFETIME.not_after + 1)), Violation::LifetimeTooLong);
    assert_eq!(broken(live(u64::MAX)), Violation::LifetimeTooLong);
    assert!(live(LIFETIME.not_after).is_ok());
    // Whatever the clock says.
    let forever = Lifetime { not_before: 0, not_after: u64::MAX };
    let forever = judge_at(LIFETIMES, None, |leaf| {
        leaf.leaf_node_source = LeafNodeSource::KeyPackage(forever);
    });
    assert_eq!(broken(forever), Violation::LifetimeTooLong);
}

/// Edge of `Violation::LifetimeExpired`.
#[test]
fn the_present_is_within_the_lifetime_where_that_is_asked() {
    let at = |now| judge_at(LIFETIMES, now, |_| {});
    for outside in [NOW - HALF_LIFE - 1, NOW + HALF_LIFE + 1, 0, u64::MAX] {
        assert_eq!(broken(at(Some(outside))), Violation::LifetimeExpired);
    }
    assert!(at(Some(NOW - HALF_LIFE)).is_ok());
    assert!(at(Some(NOW + HALF_LIFE)).is_ok());
    assert!(at(None).is_ok());
}

/// Edge of `Violation::LeafTooLarge`.
#[test]
fn a_leaf_has_a_largest_size() {
    let mut group = Group::alone(1);
    let person = group.person();
    let mut leaf = group.leaf_node(&person, LeafNodeSource::KeyPackage(LIFETIME));
    leaf.credential = Credential::basic(&[0; 1 << 15]);
    // Both credentials need a length of four bytes.
    let room = (1 << 16) - leaf.to_be_signed((&[], 0)).len();
    let judge = |more: usize| {
        let mut leaf = leaf.clone();
        leaf.credential = Credential::basic(&vec![0; (1 << 15) + more]);
        let leaf = group.sign_leaf(leaf, &person, 0);
        verify_leaf_node(&group.suite, &leaf, LeafPlace::KeyPackage, (LIFETIMES, None), None)
    };
    assert!(judge(room).is_ok());
    assert_eq!(broken(judge(room + 1)), Violation::LeafTooLarge);
}

/// Edge of `Violation::InvalidLeafSignature`.
#[test]
fn a_leafs_signature_covers_every_field_and_its_place() {
    let mut group = Group::alone(1);
    let person = group.person();
    let other = group.person();
    let (index, key) = (group.leaf(0), group.key());
    let leaf = group.leaf_node(&person, LeafNodeSource::Update);
    let leaf = group.sign_leaf(leaf, &person, 0);
    let replaced = &key;
    let judge = |leaf: &LeafNode, group_id| {
        let place = LeafPlace::Update { group_id, index, replaced };
        verify_leaf_node(&group.suite, leaf, place, (LIFETIMES, None), None)
    };
    assert!(judge(&leaf, GROUP).is_ok());
    let changes: [fn(&mut LeafNode); 4] = [
        |leaf| leaf.encryption_key = vec![9; 32].into(),
        |leaf| leaf.credential = Credential::basic(b"someone else"),
        |leaf| leaf.capabilities.proposals.push(ProposalType(0xf000)),
        |leaf| leaf.extensions.0.push(extension(1)),
    ];
    for change in changes {
        let mut changed = leaf.clone();
        change(&mut changed);
        assert_eq!(broken(judge(&changed, GROUP)), Violation::InvalidLeafSignature);
    }
    let elsewhere = group.sign_leaf(leaf.clone(), &person, 1);
    assert_eq!(broken(judge(&elsewhere, GROUP)), Violation::InvalidLeafSignature);
    assert_eq!(broken(judge(&leaf, b"another group")), Violation::InvalidLeafSignature);
    let by_another = group.sign_leaf(leaf.clone(), &other, 0);
    assert_eq!(broken(judge(&by_another, GROUP)), Violation::InvalidLeafSignature);
    for signature in [&[][..], &leaf.signature[1..], &[&leaf.signature[..], &[0]].concat()] {
        let cut = LeafNode { signature: signature.into(), ..leaf.clone() };
        assert_eq!(broken(judge(&cut, GROUP)), Violation::InvalidLeafSignature);
    }
}

/// Edge of `Violation::WrongLeafNodeSource`.
#[test]
fn a_leaf_comes_from_the_source_that_its_place_demands() {
    let mut group = Group::alone(1);
    let person = group.person();
    let (index, key, group_id) = (group.leaf(0), group.key(), GROUP);
    let sources = [
        LeafNodeSource::KeyPackage(LIFETIME),
        LeafNodeSource::Update,
        LeafNodeSource::Commit { parent_hash: Digest::EMPTY },
    ];
    let leaves = sources.map(|source| {
        let leaf = group.leaf_node(&person, source);
        group.sign_leaf(leaf, &person, 0)
    });
    let places = [
        LeafPlace::KeyPackage,
        LeafPlace::Update { group_id, index, replaced: &key },
        LeafPlace::Commit { group_id, index, replaced: Some(&key) },
    ];
    for (right, place) in places.into_iter().enumerate() {
        for (source, leaf) in leaves.iter().enumerate() {
            let judged = verify_leaf_node(&group.suite, leaf, place, (LIFETIMES, None), None);
            match source == right {
                true => assert!(judged.is_ok()),
                false => assert_eq!(broken(judged), Violation::WrongLeafNodeSource),
            }
        }
    }
    for leaf in &leaves {
        let place = LeafPlace::Tree { group_id, index };
        assert!(verify_leaf_node(&group.suite, leaf, place, (LIFETIMES, None), None).is_ok());
    }
}

/// Edge of `Violation::UnchangedEncryptionKey`.
#[test]
fn a_new_leaf_has_a_new_encryption_key() {
    let mut group = Group::alone(1);
    let person = group.person();
    let (index, group_id) = (group.leaf(0), GROUP);
    let commit = LeafNodeSource::Commit { parent_hash: Digest::EMPTY };
    for source in [LeafNodeSource::Update, commit] {
        let leaf = group.leaf_node(&person, source);
        let leaf = group.sign_leaf(leaf, &person, 0);
        let judge = |replaced| {
            let place = match source {
                LeafNodeSource::Update => LeafPlace::Update { group_id, index, replaced },
                _ => LeafPlace::Commit { group_id, index, replaced: Some(replaced) },
            };
            verify_leaf_node(&group.suite, &leaf, place, (LIFETIMES, None), None)
        };
        assert_eq!(broken(judge(&leaf.encryption_key)), Violation::UnchangedEncryptionKey);
        assert!(judge(&vec![9; 32].into()).is_ok());
    }
}
