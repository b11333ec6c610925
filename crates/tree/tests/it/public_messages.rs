//! Forged messages to a follower (RFC 9420, sections 6.1, 12.1.8 and 12.4.2): each rule that it
//! holds itself, and the closest message that it accepts.

use std::sync::Arc;

use crypto::Signer;
use tree::{Error, Misuse, PublicGroup, PublicReceived, Violation};
use wire::{
    Commit, Content, Credential, Extension, ExtensionType, ExternalSender, MlsMessage,
    MlsMessageBody, PrivateMessage, Proposal, ProposalOrRef, ProposalRef, Sender,
};

use crate::forge::{CHECKS, Group, Person, broken};
use crate::public_forge::{by_value, crypto, receive, stage, wrapped};
use crate::rules_external::init;
use crate::rules_proposal::external_psk;

fn psk() -> Content {
    Content::Proposal(Proposal::PreSharedKey(external_psk(32)))
}

fn bare_commit() -> Content {
    Content::Commit(Arc::new(Commit { proposals: Vec::new(), path: None }))
}

/// A group with an external sender, and who that is.
fn served() -> (Group, Person) {
    let mut group = Group::of(3);
    let server = group.person();
    let sender = ExternalSender {
        signature_key: server.signer.public_key().clone(),
        credential: Credential::basic(b"server"),
    };
    let senders = Extension::new(ExtensionType::EXTERNAL_SENDERS, &vec![sender]);
    let extensions = [group.extensions(vec![senders])];
    group.commit(0, &extensions);
    (group, server)
}

/// Edge of `Violation::WrongGroup`.
/// Edge of `Violation::WrongEpoch`.
#[test]
fn a_message_is_of_this_group_and_epoch() {
    let group = Group::of(3);
    let mut follower = group.follower();
    let person = group.member(1);
    let mut say = |change: &dyn Fn(&mut wire::FramedContent)| {
        receive(&mut follower, group.message(Sender::Member(1), psk(), &person, change))
    };
    let other_group = say(&|content| content.group_id = b"grouq".into());
    assert_eq!(broken(other_group), Violation::WrongGroup);
    for epoch in [0, 2, u64::MAX] {
        let other_epoch = say(&|content| content.epoch = epoch);
        assert_eq!(broken(other_epoch), Violation::WrongEpoch);
    }
    assert!(say(&|_| {}).is_ok());
}

/// Covers GHSA-8x3w-qj7j-gqhf as far as a follower can: a short or empty tag is none.
///
/// Edge of `Violation::TagLength`.
#[test]
fn tags_are_as_long_as_a_hash() {
    let mut group = Group::of(3);
    let mut follower = group.follower();
    let commit = group.commits(1, &[], vec![]);
    for tag in [None, Some(vec![]), Some(vec![1; 31]), Some(vec![1; 33])] {
        let mut membership = commit.clone();
        membership.membership_tag = tag.clone().map(Into::into);
        assert_eq!(broken(receive(&mut follower, membership)), Violation::TagLength);
        let mut confirmation = commit.clone();
        confirmation.auth.confirmation_tag = tag.map(Into::into);
        assert_eq!(broken(receive(&mut follower, confirmation)), Violation::TagLength);
    }
    let mut tagged_proposal = group.says(1, psk());
    tagged_proposal.auth.confirmation_tag = Some(vec![1; 32].into());
    assert_eq!(broken(receive(&mut follower, tagged_proposal)), Violation::TagLength);
    assert!(receive(&mut follower, commit).is_ok());
    let info = group.info(0, |info| info.confirmation_tag = vec![1; 31].into());
    assert_eq!(broken(PublicGroup::new(&crypto(), &info, None, &CHECKS)), Violation::TagLength);
}

/// Edge of `Violation::InvalidContentSignature`.
#[test]
fn a_signature_is_the_senders_and_covers_everything() {
    let mut group = Group::of(3);
    let mut follower = group.follower();
    let (bob, carol) = (group.member(1), group.member(2));
    let by_carol = group.message(Sender::Member(1), psk(), &carol, |_| {});
    assert_eq!(broken(receive(&mut follower, by_carol)), Violation::InvalidContentSignature);
    let right = group.message(Sender::Member(1), psk(), &bob, |_| {});
    let mut other_data = right.clone();
    other_data.content.authenticated_data = b"other".into();
    assert_eq!(broken(receive(&mut follower, other_data)), Violation::InvalidContentSignature);
    let mut other_content = right.clone();
    other_content.content.content = Content::Proposal(Proposal::Remove(0));
    assert_eq!(broken(receive(&mut follower, other_content)), Violation::InvalidContentSignature);
    let mut unsigned = right.clone();
    unsigned.auth.signature = Default::default();
    assert_eq!(broken(receive(&mut follower, unsigned)), Violation::InvalidContentSignature);
    // A member's signature covers the context, too.
    let mut elsewhere = Group::of(3);
    elsewhere.context.tree_hash = group.context.confirmed_transcript_hash;
    std::mem::swap(&mut elsewhere.context, &mut group.context);
    let in_another_state = group.message(Sender::Member(1), psk(), &bob, |_| {});
    assert_eq!(
        broken(receive(&mut follower, in_another_state)),
        Violation::InvalidContentSignature
    );
    assert_eq!(follower.proposals().count(), 0);
    assert!(receive(&mut follower, right).is_ok());
}

/// Covers OpenMLS #2182 and #2180: impossible leaf indices as senders.
#[test]
fn a_sender_is_a_member() {
    let mut group = Group::of(6);
    let removes = [group.remove(3)];
    group.commit(0, &removes);
    let mut follower = group.follower();
    let person = group.member(1);
    for nobody in [3, 6, 7, 8, 1 << 30, 1 << 31, u32::MAX] {
        for content in [psk(), bare_commit()] {
            let message = group.message(Sender::Member(nobody), content, &person, |_| {});
            assert_eq!(broken(receive(&mut follower, message)), Violation::SenderNotMember);
        }
    }
}

/// Edge of `Violation::ApplicationInPublicMessage`.
#[test]
fn application_data_is_not_public() {
    let group = Group::of(2);
    let mut follower = group.follower();
    let data = group.says(1, Content::Application(b"hello".into()));
    let result = receive(&mut follower, data);
    assert_eq!(broken(result), Violation::ApplicationInPublicMessage);
    assert!(receive(&mut follower, group.says(1, psk())).is_ok());
}

/// Covers mlspp #429: who is outside says what its type of sender may, and no more.
///
/// Edge of `Violation::ExternalSenderContent`.
/// Edge of `Violation::ExternalSenderUnknown`.
#[test]
fn an_external_sender_is_listed_and_proposes() {
    let (mut group, server) = served();
    let mut follower = group.follower();
    let by = |index, content| group.message(Sender::External(index), content, &server, |_| {});
    let commit = receive(&mut follower, by(0, bare_commit()));
    assert_eq!(broken(commit), Violation::ExternalSenderContent);
    for unknown in [1, 1 << 31, u32::MAX] {
        let result = receive(&mut follower, by(unknown, psk()));
        assert_eq!(broken(result), Violation::ExternalSenderUnknown);
    }
    let update = Content::Proposal((*group.update(1).proposal).clone());
    let by = |index, content| group.message(Sender::External(index), content, &server, |_| {});
    let result = receive(&mut follower, by(0, update));
    assert_eq!(broken(result), Violation::ExternalSenderProposal);
    let carol = group.member(2);
    let forged = group.message(Sender::External(0), psk(), &carol, |_| {});
    assert_eq!(broken(receive(&mut follower, forged)), Violation::InvalidContentSignature);
    let remove =
        group.message(Sender::External(0), Content::Proposal(Proposal::Remove(2)), &server, |_| {});
    assert!(receive(&mut follower, remove).is_ok());
    let none = Group::of(2);
    let result =
        receive(&mut none.follower(), none.message(Sender::External(0), psk(), &server, |_| {}));
    assert_eq!(broken(result), Violation::ExternalSenderUnknown);
}

/// Edge of `Violation::NewMemberProposalContent`.
/// Edge of `Violation::NewMemberCommitContent`.
#[test]
fn newcomers_propose_or_commit_as_their_type_says() {
    let mut group = Group::of(3);
    let mut follower = group.follower();
    let dave = group.person();
    let add = group.key_package(&dave, |_| {});
    let add = Content::Proposal(Proposal::Add(Box::new(add)));
    let join = group.joins(&dave, &[init()]);
    let by = |sender, content| group.message(sender, content, &dave, |_| {});
    let commit = by(Sender::NewMemberProposal, join.content.content.clone());
    assert_eq!(broken(receive(&mut follower, commit)), Violation::NewMemberProposalContent);
    let other = by(Sender::NewMemberProposal, psk());
    assert_eq!(broken(receive(&mut follower, other)), Violation::NewMemberProposal);
    let proposal = by(Sender::NewMemberCommit, add.clone());
    assert_eq!(broken(receive(&mut follower, proposal)), Violation::NewMemberCommitContent);
    let proposal = by(Sender::NewMemberProposal, add);
    assert!(receive(&mut follower, proposal).is_ok());
    assert!(receive(&mut follower, join).is_ok());
}

/// Edge of `Violation::PathMissing`.
#[test]
fn a_commit_has_the_path_that_it_needs() {
    let mut group = Group::of(3);
    let mut follower = group.follower();
    let dave = group.person();
    let (remove, add) = ([group.remove(2)], [group.add()]);
    for proposals in [&[][..], &remove] {
        let mut commit = group.commits(1, proposals, by_value(proposals));
        let Content::Commit(body) = &mut commit.content.content else { panic!("a commit") };
        Arc::make_mut(body).path = None;
        let again = group.says(1, commit.content.content);
        assert_eq!(broken(receive(&mut follower, again)), Violation::PathMissing);
    }
    let join = Commit { proposals: by_value(&[init()]), path: None };
    let join = Content::Commit(Arc::new(join));
    let join = group.message(Sender::NewMemberCommit, join, &dave, |_| {});
    assert_eq!(broken(receive(&mut follower, join)), Violation::PathMissing);
    let bare = Commit { proposals: by_value(&add), path: None };
    let bare = group.says(1, Content::Commit(Arc::new(bare)));
    assert_eq!(stage(&mut follower, bare).change().updated.len(), 0);
}

/// Edge of `Violation::CommitOfUnknownProposal`.
#[test]
fn a_commit_refers_to_proposals_of_this_epoch() {
    let mut group = Group::of(3);
    let mut follower = group.follower();
    let update = group.update(2);
    let proposed = group.proposes(2, &update.proposal);
    let content = proposed.clone().into_authenticated_content();
    let reference = content.proposal_ref(&group.suite).unwrap();
    let name = |reference| vec![ProposalOrRef::Reference(reference)];
    let commit = group.commits(0, &[update], name(reference));
    let early = receive(&mut follower, commit.clone());
    assert_eq!(broken(early), Violation::CommitOfUnknownProposal);
    let Ok(PublicReceived::Proposal(proposal)) = receive(&mut follower, proposed) else {
        panic!("a proposal")
    };
    assert_eq!(proposal.reference, reference);
    let Some(wrong) = crypto::Digest::new(&[7; 32]) else { panic!("a hash") };
    let other = group.commits(0, &[], name(ProposalRef(wrong)));
    assert_eq!(broken(receive(&mut follower, other)), Violation::CommitOfUnknownProposal);
    let staged = stage(&mut follower, commit.clone());
    follower.advance(staged).unwrap();
    group.catch_up(&follower);
    assert_eq!(follower.proposals().count(), 0, "they end with the epoch");
    let late = group.says(0, commit.content.content);
    assert_eq!(broken(receive(&mut follower, late)), Violation::CommitOfUnknownProposal);
}

/// Edge of `Violation::LastEpoch`.
#[test]
fn epochs_do_not_start_again_from_zero() {
    let mut group = Group::of(2);
    for (epoch, last) in [(u64::MAX - 1, false), (u64::MAX, true)] {
        group.context.epoch = epoch;
        let mut follower = group.follower();
        let commit = group.commits(1, &[], vec![]);
        match last {
            true => assert_eq!(broken(receive(&mut follower, commit)), Violation::LastEpoch),
            false => assert_eq!(stage(&mut follower, commit).next().epoch(), u64::MAX),
        }
    }
}

#[test]
fn what_is_not_a_public_message_is_refused_by_name() {
    let group = Group::of(2);
    let mut follower = group.follower();
    let private = PrivateMessage {
        group_id: group.context.group_id.clone(),
        epoch: group.context.epoch,
        content_type: wire::ContentType::Commit,
        authenticated_data: b"".into(),
        encrypted_sender_data: b"".into(),
        ciphertext: b"".into(),
    };
    let private = MlsMessage(MlsMessageBody::PrivateMessage(private));
    let result = follower.process(&private, &CHECKS).map(|_| ());
    assert_eq!(result, Err(Error::Misuse(Misuse::Encrypted)));
    let info = MlsMessage(MlsMessageBody::GroupInfo(Box::new(group.info(0, |_| {}))));
    let result = follower.process(&info, &CHECKS).map(|_| ());
    assert_eq!(result, Err(Error::Misuse(Misuse::WrongMessageKind)));
}

#[test]
fn proposals_have_a_limit_and_repetition_does_not_count() {
    let group = Group::of(2);
    let mut follower = group.follower();
    let number = |number: usize| {
        let mut psk = external_psk(32);
        psk.psk_nonce =
            [vec![0; 28], u32::try_from(number).unwrap().to_be_bytes().to_vec()].concat().into();
        wrapped(group.proposes(1, &Proposal::PreSharedKey(psk)))
    };
    for count in 0..PublicGroup::PROPOSALS_MAX {
        assert!(follower.process(&number(count), &CHECKS).is_ok());
    }
    assert!(follower.process(&number(7), &CHECKS).is_ok(), "known");
    let result = follower.process(&number(PublicGroup::PROPOSALS_MAX), &CHECKS).map(|_| ());
    assert_eq!(result, Err(Error::Misuse(Misuse::TooManyProposals)));
    assert_eq!(follower.proposals().count(), PublicGroup::PROPOSALS_MAX);
}
