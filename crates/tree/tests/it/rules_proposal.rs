//! Proposals by themselves (RFC 9420, section 12.1): who may propose what, and what in itself is
//! invalid.

use crypto::Digest;
use testkit::NOW;
use tree::{Checks, Committer, Error, ListedProposal, ProposalSender, PskPurpose, Violation};
use tree::{LeafIndex, TreeSize, proposal};
use wire::{
    Extension, ExtensionType, Extensions, LeafNodeSource, PreSharedKeyId, Proposal, ProposalRef,
    ProposalType, ProtocolVersion, PskKind, ReInit, ResumptionPskUsage,
};

use crate::forge::{CHECKS, Group, broken, extension, listed};

fn judge(group: &Group, listed: &ListedProposal) -> Result<(), Error> {
    proposal::verify(group.base(), listed, &CHECKS).map(|_| ())
}

pub(crate) fn external_psk(nonce_length: usize) -> PreSharedKeyId {
    PreSharedKeyId {
        kind: PskKind::External { psk_id: b"psk".into() },
        psk_nonce: vec![7; nonce_length].into(),
    }
}

fn resumption_psk(usage: ResumptionPskUsage) -> Proposal {
    Proposal::PreSharedKey(PreSharedKeyId {
        kind: PskKind::Resumption { usage, psk_group_id: b"group".into(), psk_epoch: 1 },
        psk_nonce: vec![7; 32].into(),
    })
}

pub(crate) fn reinit(version: u16) -> ReInit {
    ReInit {
        group_id: b"successor".into(),
        version: ProtocolVersion(version),
        cipher_suite: crypto::CipherSuite(2),
        extensions: Extensions::default(),
    }
}

/// One valid proposal of each type, by type.
fn one_of_each(group: &mut Group) -> Vec<Proposal> {
    let person = group.person();
    vec![
        Proposal::Add(Box::new(group.key_package(&person, |_| {}))),
        Proposal::Update(Box::new(group.updated_leaf(1, |_| {}))),
        Proposal::Remove(1),
        Proposal::PreSharedKey(external_psk(32)),
        Proposal::ReInit(reinit(1)),
        Proposal::ExternalInit(b"kem output".into()),
        Proposal::GroupContextExtensions(Extensions::default()),
        Proposal::Other(ProposalType(0xf000), b"anything".into()),
    ]
}

/// Covers mlspp #429: each pair of sender and type.
///
/// Edge of `Violation::ExternalSenderProposal`.
/// Edge of `Violation::NewMemberProposal`.
#[test]
fn whoever_is_outside_proposes_only_what_section_12_1_8_lists() {
    let mut group = Group::of(3);
    let member = ProposalSender::Member(group.leaf(1));
    for proposal in one_of_each(&mut group) {
        let by = |sender| judge(&group, &listed(sender, proposal.clone()));
        match proposal {
            Proposal::ExternalInit(_) => {
                assert_eq!(broken(by(member)), Violation::ExternalInitByMember);
                assert!(by(ProposalSender::Joiner).is_ok());
            }
            _ => assert!(by(member).is_ok()),
        }
        match proposal {
            Proposal::Add(_) => assert!(by(ProposalSender::NewMember).is_ok()),
            _ => assert_eq!(broken(by(ProposalSender::NewMember)), Violation::NewMemberProposal),
        }
        let external = by(ProposalSender::External(0));
        match proposal {
            Proposal::Update(_) | Proposal::ExternalInit(_) | Proposal::Other(..) => {
                assert_eq!(broken(external), Violation::ExternalSenderProposal);
            }
            _ => assert!(external.is_ok()),
        }
    }
}

/// Covers the reports that mlspp and ts-mls do not check the length of a PSK's nonce.
///
/// Edge of `Violation::PskNonceLength`.
#[test]
fn a_psk_nonce_is_as_long_as_a_hash() {
    let group = Group::of(2);
    let with =
        |length| judge(&group, &group.proposed(0, Proposal::PreSharedKey(external_psk(length))));
    for length in [0, 31, 33, 64] {
        assert_eq!(broken(with(length)), Violation::PskNonceLength);
    }
    assert!(with(32).is_ok());
}

/// Edge of `Violation::PskUsage`.
#[test]
fn psks_of_usage_reinit_and_branch_are_for_those_operations() {
    let group = Group::of(2);
    let successor = Checks { psk_purpose: PskPurpose::Successor, ..CHECKS };
    for usage in [ResumptionPskUsage::ReInit, ResumptionPskUsage::Branch] {
        let psk = group.proposed(0, resumption_psk(usage));
        assert_eq!(broken(judge(&group, &psk)), Violation::PskUsage);
        assert!(proposal::verify(group.base(), &psk, &successor).is_ok());
    }
    let application = group.proposed(0, resumption_psk(ResumptionPskUsage::Application));
    assert!(judge(&group, &application).is_ok());
}

/// Edge of `Violation::ReInitVersion`.
#[test]
fn a_reinit_does_not_lead_to_an_older_version() {
    let group = Group::of(2);
    let to = |version| judge(&group, &group.proposed(0, Proposal::ReInit(reinit(version))));
    assert_eq!(broken(to(0)), Violation::ReInitVersion);
    assert!(to(1).is_ok());
    assert!(to(2).is_ok());
}

/// Covers mls-rs #286 and #173: leaf numbers up to 2^32 - 1.
///
/// Edge of `Violation::RemoveOfBlank`.
#[test]
fn a_remove_names_a_member() {
    let mut group = Group::of(6);
    let removes = [group.remove(3)];
    group.commit(0, &removes);
    let judge = |removed| judge(&group, &group.remove(removed));
    assert_eq!(group.tree.size().leaves(), 8);
    for nobody in [3, 6, 7, 8, 9, 1 << 30, 1 << 31, u32::MAX] {
        assert_eq!(broken(judge(nobody)), Violation::RemoveOfBlank);
    }
    for member in [0, 1, 2, 4, 5] {
        assert!(judge(member).is_ok());
    }
}

/// A number that was a leaf in a larger tree is no way around the check.
///
/// Edge of `Violation::UpdateOfBlank`.
#[test]
fn an_update_is_by_a_member() {
    let mut group = Group::of(6);
    let removes = [group.remove(3)];
    group.commit(0, &removes);
    let leaf = group.updated_leaf(5, |_| {});
    let by = |sender: LeafIndex| {
        let proposal = Proposal::Update(Box::new(leaf.clone()));
        judge(&group, &listed(ProposalSender::Member(sender), proposal))
    };
    let large = TreeSize::from_leaves(1 << 31).unwrap();
    for nobody in [3, 6, 7, 8, (1 << 31) - 1] {
        assert_eq!(broken(by(large.leaf(nobody).unwrap())), Violation::UpdateOfBlank);
    }
    assert!(by(group.leaf(5)).is_ok());
    // Someone else's place is not covered by the signature.
    assert_eq!(broken(by(group.leaf(4))), Violation::InvalidLeafSignature);
}

#[test]
fn an_update_replaces_a_leaf_by_one_with_another_key() {
    let mut group = Group::of(2);
    let old = group.tree.leaf(group.leaf(1)).unwrap().encryption_key.clone();
    let kept = group.update_with(1, |leaf| leaf.encryption_key = old);
    assert_eq!(broken(judge(&group, &kept)), Violation::UnchangedEncryptionKey);
    let commit = LeafNodeSource::Commit { parent_hash: Digest::EMPTY };
    let wrong = group.update_with(1, |leaf| leaf.leaf_node_source = commit);
    assert_eq!(broken(judge(&group, &wrong)), Violation::WrongLeafNodeSource);
}

/// Covers mls-rs #313, in the lists that proposals carry.
#[test]
fn lists_of_extensions_in_proposals_hold_a_type_once() {
    let group = Group::of(2);
    for types in [[1, 1], [0xf000, 0xf000]] {
        let twice = Extensions(types.map(extension).to_vec());
        let reinit = Proposal::ReInit(ReInit { extensions: twice.clone(), ..reinit(1) });
        for proposal in [reinit, Proposal::GroupContextExtensions(twice)] {
            let rule = broken(judge(&group, &group.proposed(0, proposal)));
            assert_eq!(rule, Violation::DuplicateExtension);
        }
    }
}

#[test]
fn extensions_of_the_rfc_that_do_not_parse_are_malformed() {
    let group = Group::of(2);
    for extension_type in [ExtensionType::REQUIRED_CAPABILITIES, ExtensionType::EXTERNAL_SENDERS] {
        let extension = Extension { extension_type, extension_data: vec![0x80].into() };
        let result = judge(&group, &group.extensions(vec![extension]));
        assert!(matches!(result, Err(Error::Malformed(_))));
    }
}

#[test]
fn an_earlier_look_spares_the_signatures_and_nothing_else() {
    let mut group = Group::of(2);
    let mut update = group.update(1);
    let seen = proposal::verify(group.base(), &update, &CHECKS).unwrap();
    update.verified = Some(seen);
    assert!(judge(&group, &update).is_ok());
    let mut add = group.add();
    add.verified = Some(proposal::verify(group.base(), &add, &CHECKS).unwrap());
    add.reference = Some(ProposalRef(Digest::EMPTY));
    assert!(judge(&group, &add).is_ok());
    let later = Checks { now: NOW + 10_000, ..CHECKS };
    let rule = broken(proposal::verify(group.base(), &add, &later));
    assert_eq!(rule, Violation::LifetimeExpired);
}

/// Section 7.3: what is sent is compared with the clock, whatever the setting for what is received.
#[test]
fn an_expired_key_package_is_not_sent_in_an_add() {
    let mut group = Group::of(2);
    let add = group.add();
    let mut checks = Checks { now: NOW + 10_000, ..CHECKS };
    checks.lifetimes.check_received = false;
    assert!(proposal::verify(group.base(), &add, &checks).is_ok());
    checks.sending = true;
    let rule = broken(proposal::verify(group.base(), &add, &checks));
    assert_eq!(rule, Violation::LifetimeExpired);
    let committer = Committer::Member(group.leaf(0));
    let rule = broken(tree::apply(group.base(), committer, &[add], &checks));
    assert_eq!(rule, Violation::LifetimeExpired);
}
