//! External commits (RFC 9420, sections 12.2 and 12.4.3.2).

use crypto::Digest;
use tree::{AppliedProposals, Committer, Error, ListedProposal, NextTree, Violation, apply};
use wire::{LeafNode, Proposal, ProposalRef};

use crate::forge::{CHECKS, Group, Person, broken, listed};
use crate::rules_proposal::{external_psk, reinit};

/// A proposal by value of the joiner.
pub(crate) fn own(proposal: Proposal) -> ListedProposal {
    listed(tree::ProposalSender::Joiner, proposal)
}

pub(crate) fn init() -> ListedProposal {
    own(Proposal::ExternalInit(b"kem output".into()))
}

pub(crate) fn apply_external(
    group: &Group,
    list: &[ListedProposal],
) -> Result<AppliedProposals, Error> {
    apply(group.base(), Committer::NewMember, list, &CHECKS)
}

/// The external commit of a person, as members judge it.
pub(crate) fn join(
    group: &mut Group,
    person: &Person,
    list: &[ListedProposal],
    change: impl FnOnce(&mut LeafNode),
) -> Result<(u32, NextTree), Error> {
    let mut applied = apply_external(group, list)?;
    let path = group.path(&mut applied, (Committer::NewMember, person), change);
    // The receiver starts from the list, too.
    let mut applied = apply_external(group, list)?;
    let merged = applied.merge_received_path(group.base(), Committer::NewMember, &path, &CHECKS)?;
    Ok((merged.0.as_u32(), merged.1))
}

/// Covers the report that OpenMLS names too many Removes after the ExternalInit.
///
/// Edge of `Violation::ExternalInitCount`.
#[test]
fn an_external_commit_has_exactly_one_external_init() {
    let mut group = Group::of(3);
    let none = [group.remove(1)];
    assert_eq!(broken(apply_external(&group, &none)), Violation::ExternalInitCount);
    assert_eq!(broken(apply_external(&group, &[])), Violation::ExternalInitCount);
    let two = [init(), init()];
    assert_eq!(broken(apply_external(&group, &two)), Violation::ExternalInitCount);
    let one = [init()];
    let applied = apply_external(&group, &one).unwrap();
    assert!(applied.path_required && applied.external_init.is_some());
    let person = group.person();
    assert_eq!(join(&mut group, &person, &one, |_| {}).unwrap().0, 3, "the leftmost blank leaf");
}

/// Edge of `Violation::ExternalCommitRemoves`.
#[test]
fn an_external_commit_removes_at_most_one() {
    let group = Group::of(4);
    let two = [init(), group.remove(1), group.remove(2)];
    assert_eq!(broken(apply_external(&group, &two)), Violation::ExternalCommitRemoves);
    let same = [init(), group.remove(1), group.remove(1)];
    assert_eq!(broken(apply_external(&group, &same)), Violation::ExternalCommitRemoves);
    let one = [group.remove(1), init()];
    assert_eq!(apply_external(&group, &one).unwrap().removed.len(), 1);
    // Covers mlspp, which does not validate this Remove.
    let nobody = [init(), group.remove(4)];
    assert_eq!(broken(apply_external(&group, &nobody)), Violation::RemoveOfBlank);
}

/// Covers the report that ts-mls and mls-rs let custom proposals pass in external commits.
///
/// Edge of `Violation::ExternalCommitProposal`.
#[test]
fn an_external_commit_holds_nothing_but_init_remove_and_psks() {
    let mut group = Group::of(3);
    let others = [
        (*group.add().proposal).clone(),
        (*group.update(1).proposal).clone(),
        (*group.extensions(vec![]).proposal).clone(),
        Proposal::ReInit(reinit(1)),
        Proposal::Other(wire::ProposalType(0xf000), b"".into()),
    ];
    for other in others {
        let list = [init(), own(other)];
        assert_eq!(broken(apply_external(&group, &list)), Violation::ExternalCommitProposal);
    }
    let psk = |length| own(Proposal::PreSharedKey(external_psk(length)));
    let all = [psk(32), init(), group.remove(1)];
    assert!(apply_external(&group, &all).is_ok());
    let twice = [psk(32), init(), psk(32)];
    assert_eq!(broken(apply_external(&group, &twice)), Violation::DuplicatePsk);
    let short = [init(), psk(31)];
    assert_eq!(broken(apply_external(&group, &short)), Violation::PskNonceLength);
}

/// Covers the report that ts-mls accepts proposals by reference in external commits.
///
/// Edge of `Violation::ExternalCommitReference`.
#[test]
fn an_external_commit_refers_to_no_proposal() {
    let group = Group::of(3);
    let mut remove = group.remove(1);
    let by_value = [init(), remove.clone()];
    remove.reference = Some(ProposalRef(Digest::EMPTY));
    let by_reference = [init(), remove];
    assert_eq!(broken(apply_external(&group, &by_reference)), Violation::ExternalCommitReference);
    assert!(apply_external(&group, &by_value).is_ok());
}

/// Section 12.2: "the LeafNode in the path field ... MUST meet the same criteria as would the
/// LeafNode in an Update for the removed leaf".
#[test]
fn a_resync_replaces_the_former_self_by_a_leaf_with_a_new_key() {
    let mut group = Group::of(3);
    let bob = group.member(1);
    let list = [init(), group.remove(1)];
    let old = group.tree.leaf(group.leaf(1)).unwrap().encryption_key.clone();
    let kept = join(&mut group, &bob, &list, |leaf| leaf.encryption_key = old);
    assert_eq!(broken(kept), Violation::UnchangedEncryptionKey);
    let (leaf, next) = join(&mut group, &bob, &list, |_| {}).unwrap();
    assert_eq!((leaf, next.tree.member_count()), (1, 3));
}

#[test]
fn a_joiner_shares_no_key_with_a_member() {
    let mut group = Group::of(3);
    let (bob, carol) = (group.member(1), group.person());
    let list = [init()];
    let twice = join(&mut group, &bob, &list, |_| {});
    assert_eq!(broken(twice), Violation::DuplicateSignatureKey);
    let taken = group.tree.leaf(group.leaf(1)).unwrap().encryption_key.clone();
    let shared = join(&mut group, &carol, &list, |leaf| leaf.encryption_key = taken);
    assert_eq!(broken(shared), Violation::PathKeyInTree);
}

/// The tree grows for a joiner if it is full, also where the Remove has just made it shrink.
#[test]
fn a_joiner_gets_the_leftmost_blank_leaf_or_a_new_one() {
    let mut full = Group::of(4);
    let person = full.person();
    let list = [init()];
    let (leaf, next) = join(&mut full, &person, &list, |_| {}).unwrap();
    assert_eq!((leaf, next.tree.size().leaves()), (4, 8));

    let mut five = Group::of(5);
    let last = five.member(4);
    let list = [init(), five.remove(4)];
    let (leaf, next) = join(&mut five, &last, &list, |_| {}).unwrap();
    assert_eq!((leaf, next.tree.size().leaves()), (4, 8));
    assert!(five.join_nodes(next.tree.to_nodes()).is_ok());
}
