//! What the members of the resulting group must fulfil together (RFC 9420, sections 7.3, 11.1, 12.3
//! and 13.4).

use crypto::SignaturePublicKey;
use tree::Violation;
use wire::{
    Credential, CredentialType, Extension, ExtensionType, ExternalSender, KeyPackage, LeafNode,
    ProposalType, RequiredCapabilities,
};

use crate::forge::{Group, broken, extension};

const CUSTOM_EXTENSION: ExtensionType = ExtensionType(0xf001);
const CUSTOM_PROPOSAL: ProposalType = ProposalType(0xf002);
const CUSTOM_CREDENTIAL: CredentialType = CredentialType(0xf003);

fn required(
    extension_types: &[ExtensionType],
    proposal_types: &[ProposalType],
    credential_types: &[CredentialType],
) -> Extension {
    let required = RequiredCapabilities {
        extension_types: extension_types.to_vec(),
        proposal_types: proposal_types.to_vec(),
        credential_types: credential_types.to_vec(),
    };
    Extension::new(ExtensionType::REQUIRED_CAPABILITIES, &required)
}

/// Demands each of the custom types by itself.
fn demands() -> [Extension; 3] {
    [
        required(&[CUSTOM_EXTENSION], &[], &[]),
        required(&[], &[CUSTOM_PROPOSAL], &[]),
        required(&[], &[], &[CUSTOM_CREDENTIAL]),
    ]
}

fn able(leaf: &mut LeafNode) {
    leaf.capabilities.extensions.push(CUSTOM_EXTENSION);
    leaf.capabilities.proposals.push(CUSTOM_PROPOSAL);
    leaf.capabilities.credentials.push(CUSTOM_CREDENTIAL);
}

fn able_package(key_package: &mut KeyPackage) {
    able(&mut key_package.leaf_node);
}

/// A group whose members are able but for the last, if any.
fn group(able_members: u32, unable: bool) -> Group {
    let mut group = Group::alone(1);
    let creator = group.person();
    group.tree = tree::RatchetTree::new(group.key_package(&creator, able_package).leaf_node);
    let mut adds: Vec<_> = (1..able_members).map(|_| group.add_with(able_package)).collect();
    adds.extend(unable.then(|| group.add()));
    group.commit_without_path(0, &adds);
    group
}

/// Covers the reports that OpenMLS and core-crypto compare new demands with extension types only.
///
/// Edge of `Violation::RequiredCapabilities`.
#[test]
fn new_demands_are_met_by_every_member_that_results() {
    let mut group = group(3, true);
    for demand in demands() {
        let demand = group.extensions(vec![demand]);
        let of_all = group.result(0, std::slice::from_ref(&demand));
        assert_eq!(broken(of_all), Violation::RequiredCapabilities);
        let without = [demand.clone(), group.remove(3)];
        assert!(group.result(0, &without).is_ok(), "whoever leaves need not meet it");
        let updated = [group.update_with(3, able), demand.clone()];
        assert!(group.result(0, &updated).is_ok(), "the updated leaf meets it");
        let unable_update = [group.update(1), demand, group.remove(3)];
        assert_eq!(broken(group.result(0, &unable_update)), Violation::RequiredCapabilities);
    }
    // What everyone supports by default is met without being listed.
    let default = required(&[ExtensionType(1)], &[ProposalType(1)], &[CredentialType::BASIC]);
    assert!(group.result(0, &[group.extensions(vec![default])]).is_ok());
}

/// Covers the reports that OpenMLS, ts-mls and core-crypto judge Adds by the old extensions.
#[test]
fn adds_and_updates_are_judged_by_the_new_extensions() {
    for demand in demands() {
        let mut group = group(2, false);
        let now = group.extensions(vec![demand.clone()]);
        let unable = [now.clone(), group.add()];
        assert_eq!(broken(group.result(0, &unable)), Violation::RequiredCapabilities);
        let listed_before = [group.add(), now.clone()];
        assert_eq!(broken(group.result(0, &listed_before)), Violation::RequiredCapabilities);
        let able_add = [now.clone(), group.add_with(able_package)];
        assert!(group.result(0, &able_add).is_ok());

        // And a demand that the same commit drops no longer binds.
        group.commit_without_path(0, &[now]);
        let add = group.add();
        let still = group.result(0, std::slice::from_ref(&add));
        assert_eq!(broken(still), Violation::RequiredCapabilities);
        let dropped = [add, group.extensions(vec![])];
        assert!(group.result(0, &dropped).is_ok());
    }
}

#[test]
fn a_path_leaf_meets_the_demands_too() {
    let mut group = group(2, false);
    let demand = [group.extensions(demands()[..1].to_vec())];
    group.commit_without_path(0, &demand);
    let unable = group.receive_path(0, &[], |_| {});
    assert_eq!(broken(unable), Violation::RequiredCapabilities);
    assert!(group.receive_path(0, &[], able).is_ok());
}

/// Covers the report that OpenMLS demands more: an extension in use need not be in
/// required_capabilities.
///
/// Edge of `Violation::ExtensionNotSupportedByMembers`.
#[test]
fn an_extension_in_use_is_supported_by_every_member_that_results() {
    let mut group = group(2, true);
    let in_use = group.extensions(vec![extension(CUSTOM_EXTENSION.0)]);
    let of_all = group.result(0, std::slice::from_ref(&in_use));
    assert_eq!(broken(of_all), Violation::ExtensionNotSupportedByMembers);
    let without = [in_use.clone(), group.remove(2)];
    assert!(group.result(0, &without).is_ok());
    let and_another = [group.remove(2), in_use, group.add()];
    assert_eq!(broken(group.result(0, &and_another)), Violation::ExtensionNotSupportedByMembers);
    // The RFC's own extensions are supported by all.
    assert!(group.result(0, &[group.extensions(vec![extension(1)])]).is_ok());
}

/// Covers the report that ts-mls compares one side only.
///
/// Edge of `Violation::CredentialTypeNotSupportedByMembers`.
#[test]
fn credential_types_are_supported_by_everyone_both_ways() {
    let mut group = group(2, false);
    let custom = |leaf: &mut LeafNode| {
        leaf.credential = Credential::Other(CUSTOM_CREDENTIAL, b"me".into());
    };
    let join = |group: &mut Group, change: &dyn Fn(&mut LeafNode)| {
        let add = [group.add_with(|key_package| change(&mut key_package.leaf_node))];
        group.result(0, &add).map(|_| ())
    };
    let both_ways = join(&mut group, &|leaf| {
        able(leaf);
        custom(leaf);
    });
    assert!(both_ways.is_ok());
    // The new member does not support what the others present.
    let new_lacks = join(&mut group, &|leaf| {
        custom(leaf);
        leaf.capabilities.credentials = vec![CUSTOM_CREDENTIAL];
    });
    assert_eq!(broken(new_lacks), Violation::CredentialTypeNotSupportedByMembers);
    // A member does not support what the new one presents.
    let add = [group.add()];
    group.commit_without_path(0, &add);
    let old_lacks = join(&mut group, &|leaf| {
        able(leaf);
        custom(leaf);
    });
    assert_eq!(broken(old_lacks), Violation::CredentialTypeNotSupportedByMembers);
}

/// Covers OpenMLS (by reading: keys of Updates and paths were not compared) and ts-mls.
///
/// Edge of `Violation::DuplicateSignatureKey`.
#[test]
fn signature_keys_are_unique_among_the_members_that_result() {
    let mut group = Group::of(4);
    let person = group.member(1);
    // Carol updates to Bob's signature key; she has it, and signs with it.
    let mut leaf = group.leaf_node(&person, wire::LeafNodeSource::Update);
    leaf.credential = Credential::basic(b"carol");
    let leaf = group.sign_leaf(leaf, &person, 2);
    let update = group.proposed(2, wire::Proposal::Update(Box::new(leaf)));
    let taken = group.result(0, std::slice::from_ref(&update));
    assert_eq!(broken(taken), Violation::DuplicateSignatureKey);
    assert!(group.result(0, &[update.clone(), group.remove(1)]).is_ok(), "Bob leaves");

    let in_path = group.path_signed_by(2, &person);
    assert_eq!(broken(in_path), Violation::DuplicateSignatureKey);
    let fresh = group.person();
    assert!(group.path_signed_by(2, &fresh).is_ok(), "a signature key may change");
    let own = group.member(2);
    assert!(group.path_signed_by(2, &own).is_ok(), "and need not");
}

/// Covers ts-mls (by reading: two Adds with one HPKE key collapse in a set).
///
/// Edge of `Violation::DuplicateEncryptionKey`.
#[test]
fn encryption_keys_are_unique_in_the_tree_that_results() {
    let mut group = Group::warm(4);
    let bobs = group.tree.leaf(group.leaf(1)).unwrap().encryption_key.clone();
    let roots = group.tree.public_key(group.tree.size().root()).unwrap().clone();
    let fresh = group.key();
    for (key, holder_leaves) in [(bobs, true), (roots, true), (fresh.clone(), false)] {
        let add = group.add_with(|key_package| key_package.leaf_node.encryption_key = key);
        let alone = group.result(0, std::slice::from_ref(&add));
        match holder_leaves {
            true => assert_eq!(broken(alone), Violation::DuplicateEncryptionKey),
            false => assert!(alone.is_ok()),
        }
        // Removing Bob takes his key and the root's out of the tree.
        assert!(group.result(0, &[group.remove(1), add]).is_ok());
    }
    let one_key = |group: &mut Group| {
        let key = fresh.clone();
        group.add_with(|key_package| key_package.leaf_node.encryption_key = key)
    };
    let two = [one_key(&mut group), one_key(&mut group)];
    assert_eq!(broken(group.result(0, &two)), Violation::DuplicateEncryptionKey);
    let mut update = |member| group.update_with(member, |leaf| leaf.encryption_key = fresh.clone());
    let two = [update(1), update(2)];
    assert_eq!(broken(group.result(0, &two)), Violation::DuplicateEncryptionKey);
}

/// A list is judged by its result: two members may exchange their keys.
#[test]
fn updates_are_judged_together_whatever_their_order() {
    let mut group = Group::of(4);
    let key =
        |group: &Group, leaf| group.tree.leaf(group.leaf(leaf)).unwrap().encryption_key.clone();
    let (bobs, carols) = (key(&group, 1), key(&group, 2));
    let bob = group.update_with(1, |leaf| leaf.encryption_key = carols);
    let carol = group.update_with(2, |leaf| leaf.encryption_key = bobs);
    for list in [[bob.clone(), carol.clone()], [carol, bob]] {
        assert!(group.result(0, &list).is_ok());
    }
}

#[test]
fn lists_of_the_group_context_are_judged_on_joining_too() {
    let mut group = Group::of(3);
    group.context.extensions.0 = vec![extension(1), extension(1)];
    assert_eq!(broken(group.join(|_| {})), Violation::DuplicateExtension);
    group.context.extensions.0 = vec![extension(CUSTOM_EXTENSION.0)];
    assert_eq!(broken(group.join(|_| {})), Violation::ExtensionNotSupportedByMembers);
    for demand in demands() {
        group.context.extensions.0 = vec![demand];
        assert_eq!(broken(group.join(|_| {})), Violation::RequiredCapabilities);
    }
    let sender = ExternalSender {
        signature_key: SignaturePublicKey::from(vec![1]),
        credential: Credential::basic(b"server"),
    };
    let senders = Extension::new(ExtensionType::EXTERNAL_SENDERS, &vec![sender]);
    group.context.extensions.0 = vec![senders];
    assert!(group.join(|_| {}).is_ok());
}
