//! The proposals of a member's commit together (RFC 9420, section 12.2).

use tree::{ListedProposal, ProposalSender, Violation, path_required};
use wire::{PreSharedKeyId, Proposal, ProposalType};

use crate::forge::{Group, broken, extension, listed};
use crate::rules_proposal::{external_psk, reinit};

fn by_external(proposal: Proposal) -> ListedProposal {
    listed(ProposalSender::External(0), proposal)
}

/// Covers the reports that two Adds of one client passed, and that an Add of a client whom the same
/// commit removes did not.
///
/// Edge of `Violation::AddOfMember`.
#[test]
fn a_member_is_added_only_if_removed_by_the_same_commit() {
    let mut group = Group::of(4);
    let bob = group.member(1);
    let add = group.add_person(&bob, |_| {});
    assert_eq!(broken(group.apply(0, std::slice::from_ref(&add))), Violation::AddOfMember);
    let other = [group.remove(2), add.clone()];
    assert_eq!(broken(group.apply(0, &other)), Violation::AddOfMember);
    for list in [[group.remove(1), add.clone()], [add, group.remove(1)]] {
        let applied = group.apply(0, &list).unwrap();
        assert_eq!(applied.added[0].index, group.leaf(1), "the leftmost blank leaf");
    }
}

/// Edge of `Violation::AddTwice`.
#[test]
fn a_client_is_added_once() {
    let mut group = Group::of(2);
    let (carol, dave) = (group.person(), group.person());
    let twice = [group.add_person(&carol, |_| {}), group.add_person(&carol, |_| {})];
    assert_eq!(broken(group.apply(0, &twice)), Violation::AddTwice);
    let both = [group.add_person(&carol, |_| {}), group.add_person(&dave, |_| {})];
    assert_eq!(group.apply(0, &both).unwrap().added.len(), 2);
}

/// Edge of `Violation::CommitterRemovesItself`.
#[test]
fn a_committer_does_not_remove_itself() {
    let group = Group::of(3);
    for proposals in [[group.remove(0)], [group.proposed(1, Proposal::Remove(0))]] {
        assert_eq!(broken(group.apply(0, &proposals)), Violation::CommitterRemovesItself);
        assert!(group.apply(1, &proposals).is_ok(), "others remove it");
    }
}

/// Edge of `Violation::CommitterUpdatesItself`.
#[test]
fn a_committer_does_not_commit_its_own_update() {
    let mut group = Group::of(3);
    let update = [group.update(1)];
    assert_eq!(broken(group.apply(1, &update)), Violation::CommitterUpdatesItself);
    assert!(group.apply(0, &update).is_ok());
}

/// Covers OpenMLS #1943 and #1928.
///
/// Edge of `Violation::DuplicatePsk`.
#[test]
fn a_psk_is_named_once() {
    let group = Group::of(2);
    let psk = |first: u8| {
        let mut nonce = vec![7; 32];
        nonce[0] = first;
        let psk = PreSharedKeyId { psk_nonce: nonce.into(), ..external_psk(32) };
        group.proposed(0, Proposal::PreSharedKey(psk))
    };
    assert_eq!(broken(group.apply(0, &[psk(1), psk(2), psk(1)])), Violation::DuplicatePsk);
    let applied = group.apply(0, &[psk(2), psk(1)]).unwrap();
    let nonces = applied.psks.iter().map(|psk| psk.psk_nonce[0]);
    assert_eq!(nonces.collect::<Vec<_>>(), [2, 1], "in the order of the list");
}

/// Covers the report that ts-mls tells external commits by their content.
///
/// Edge of `Violation::ExternalInitByMember`.
#[test]
fn a_member_does_not_commit_an_external_init() {
    let group = Group::of(2);
    let init = Proposal::ExternalInit(b"kem output".into());
    let alone = [group.proposed(0, init.clone())];
    assert_eq!(broken(group.apply(0, &alone)), Violation::ExternalInitByMember);
    let by_another = [group.remove(1), group.proposed(1, init)];
    assert_eq!(broken(group.apply(0, &by_another)), Violation::ExternalInitByMember);
    assert!(group.apply(0, &[group.remove(1)]).is_ok());
}

/// Edge of `Violation::MultipleGroupContextExtensions`.
#[test]
fn extensions_are_replaced_once() {
    let group = Group::of(2);
    let once = group.extensions(vec![extension(5)]);
    let twice = [once.clone(), group.extensions(vec![])];
    assert_eq!(broken(group.apply(0, &twice)), Violation::MultipleGroupContextExtensions);
    let same_twice = [once.clone(), once];
    assert_eq!(broken(group.apply(0, &same_twice)), Violation::MultipleGroupContextExtensions);
    assert!(group.apply(0, &[group.extensions(vec![])]).is_ok());
}

/// Edge of `Violation::MultipleProposalsForLeaf`.
#[test]
fn a_leaf_is_updated_or_removed_once() {
    let mut group = Group::of(4);
    let lists = [
        [group.update(1), group.update(1)],
        [group.update(1), group.remove(1)],
        [group.remove(1), group.update(1)],
        [group.remove(1), group.proposed(2, Proposal::Remove(1))],
        [group.remove(1), by_external(Proposal::Remove(1))],
    ];
    for list in lists {
        assert_eq!(broken(group.apply(0, &list)), Violation::MultipleProposalsForLeaf);
    }
    let different = [group.update(1), group.remove(2), group.update(3)];
    let applied = group.apply(0, &different).unwrap();
    assert_eq!((applied.updated.len(), applied.removed.len()), (2, 1));
}

/// Edge of `Violation::ReInitNotAlone`.
#[test]
fn a_reinit_stands_alone() {
    let mut group = Group::of(3);
    let reinit = || group.proposed(0, Proposal::ReInit(reinit(1)));
    let psk = group.proposed(0, Proposal::PreSharedKey(external_psk(32)));
    for list in [[reinit(), psk.clone()], [psk, reinit()], [reinit(), reinit()]] {
        assert_eq!(broken(group.apply(0, &list)), Violation::ReInitNotAlone);
    }
    let applied = group.apply(0, &[reinit()]).unwrap();
    assert!(applied.reinit.is_some() && !applied.path_required);
    let update = group.update(1);
    let with_update =
        [update, group.proposed(0, Proposal::ReInit(crate::rules_proposal::reinit(1)))];
    assert_eq!(broken(group.apply(0, &with_update)), Violation::ReInitNotAlone);
}

/// Covers the report that ts-mls does not check support of custom proposals.
///
/// Edge of `Violation::UnsupportedProposalType`.
#[test]
fn whoever_processes_the_commit_supports_its_proposal_types() {
    let custom = ProposalType(0xf000);
    let mut group = Group::alone(1);
    let able = |key_package: &mut wire::KeyPackage| {
        key_package.leaf_node.capabilities.proposals.push(custom);
    };
    let creator = group.person();
    let leaf = group.key_package(&creator, able).leaf_node;
    group.tree = tree::RatchetTree::new(leaf);
    let adds = [group.add_with(able), group.add_with(able), group.add()];
    group.commit_without_path(0, &adds);

    let propose = |group: &Group| group.proposed(0, Proposal::Other(custom, b"".into()));
    let alone = [propose(&group)];
    assert_eq!(broken(group.apply(0, &alone)), Violation::UnsupportedProposalType);
    // Members 0 to 2 support it; member 3 does not, and is removed.
    let with_remove = [propose(&group), group.remove(3)];
    assert!(group.apply(0, &with_remove).is_ok());
    // Whoever is added need not support it, and does not stand in for those who must.
    let with_add = [group.add(), propose(&group), group.remove(3)];
    assert!(group.apply(0, &with_add).is_ok());
    let add_able = [group.add_with(able), propose(&group)];
    assert_eq!(broken(group.apply(0, &add_able)), Violation::UnsupportedProposalType);
}

#[test]
fn a_path_is_required_by_the_types_that_section_12_4_says() {
    let mut group = Group::of(2);
    let required = [group.update(1), group.remove(1), group.extensions(vec![])];
    for proposal in required {
        assert!(path_required(std::slice::from_ref(&proposal)));
        assert!(group.apply(0, &[proposal]).unwrap().path_required);
    }
    let init = listed(ProposalSender::NewMember, Proposal::ExternalInit(b"".into()));
    assert!(path_required(&[init]));
    let optional = [
        group.add(),
        group.proposed(0, Proposal::PreSharedKey(external_psk(32))),
        group.proposed(0, Proposal::ReInit(reinit(1))),
    ];
    for proposal in optional {
        assert!(!group.apply(0, std::slice::from_ref(&proposal)).unwrap().path_required);
        let with_another = [proposal, group.remove(1)];
        assert!(path_required(&with_another));
    }
    assert!(path_required(&[]) && group.apply(0, &[]).unwrap().path_required);
}
