//! Framing and PublicMessages: what is allowed passes, each `Violation` is refused.

use crypto::{Secret, Signer};
use protection::{Error, Misuse, VerifiedContent, Violation, public_message, sign};
use wire::{AuthenticatedContent, Content, PublicMessage, Sender, WireFormat};

use crate::epoch::{Epoch, add, application, commit, remove};

const PUBLIC: WireFormat = WireFormat::PUBLIC_MESSAGE;
const PRIVATE: WireFormat = WireFormat::PRIVATE_MESSAGE;
const MEMBER: Sender = Sender::Member(0);

/// Frames anything; a member's with the right tag.
fn frame(epoch: &Epoch, content: AuthenticatedContent) -> PublicMessage {
    let tag = epoch.suite.mac(&epoch.membership_key, &content.to_be_maced(&epoch.context));
    let is_member = matches!(content.content.sender, Sender::Member(_));
    let membership_tag = is_member.then(|| tag.unwrap().expose().into());
    let AuthenticatedContent { wire_format: _, content, auth } = content;
    PublicMessage { content, auth, membership_tag }
}

fn hear(epoch: &Epoch, message: PublicMessage) -> Result<VerifiedContent, Error> {
    let content =
        public_message::unprotect(&epoch.suite, message, &epoch.membership_key, &epoch.context)?;
    let key = epoch.members[0].public_key();
    VerifiedContent::verify(&epoch.suite, content, key, &epoch.context)
}

/// Edge of `Violation::ApplicationInPublicMessage`, `Violation::ExternalSenderContent`,
/// `Violation::NewMemberCommitContent`, `Violation::NewMemberProposalContent`,
/// `Violation::NewMemberProposalType`, `Violation::InvalidMembershipTag`, `Violation::WrongEpoch`,
/// `Violation::WrongGroup`.
#[test]
fn what_section_6_1_allows_is_accepted() {
    let epoch = Epoch::new(7);
    let allowed = [
        (MEMBER, remove()),
        (MEMBER, commit()),
        (Sender::External(0), remove()),
        (Sender::External(3), add()),
        (Sender::NewMemberProposal, add()),
        (Sender::NewMemberCommit, commit()),
    ];
    for (sender, content) in allowed {
        let framed = epoch.framed(sender, content.clone());
        let mut signed =
            sign(&epoch.suite, &epoch.members[0], PUBLIC, framed, &epoch.context).unwrap();
        if matches!(content, Content::Commit(_)) {
            signed.auth.confirmation_tag = Some(b"tag".into());
        }
        let message = match sender {
            Sender::Member(_) => public_message::protect(
                &epoch.suite,
                signed.clone(),
                &epoch.membership_key,
                &epoch.context,
            ),
            _ => public_message::protect_from_outside(signed.clone()),
        };
        let heard = hear(&epoch, message.unwrap()).unwrap();
        assert_eq!(heard.authenticated(), &signed);
        assert_eq!(heard.sender(), sender);
        assert_eq!(VerifiedContent::trusted(signed.clone()).unwrap().into_inner(), signed);
    }
}

#[test]
fn what_section_6_1_forbids_is_neither_sent_nor_heard() {
    let epoch = Epoch::new(7);
    let forbidden = [
        (MEMBER, application("hello"), Violation::ApplicationInPublicMessage),
        (Sender::External(0), application("hello"), Violation::ApplicationInPublicMessage),
        (Sender::External(0), commit(), Violation::ExternalSenderContent),
        (Sender::NewMemberProposal, commit(), Violation::NewMemberProposalContent),
        (Sender::NewMemberProposal, remove(), Violation::NewMemberProposalType),
        (Sender::NewMemberCommit, add(), Violation::NewMemberCommitContent),
    ];
    for (sender, content, violation) in forbidden {
        let framed = epoch.framed(sender, content);
        let forged = epoch.signed(0, PUBLIC, framed.clone());
        assert_eq!(hear(&epoch, frame(&epoch, forged.clone())), Err(violation.into()));
        let misuse = Misuse::WouldViolate(violation).into();
        let signed = sign(&epoch.suite, &epoch.members[0], PUBLIC, framed, &epoch.context);
        assert_eq!(signed, Err(misuse));
        assert_eq!(VerifiedContent::trusted(forged.clone()), Err(misuse));
        let sent = match sender {
            Sender::Member(_) => {
                public_message::protect(&epoch.suite, forged, &epoch.membership_key, &epoch.context)
            }
            _ => public_message::protect_from_outside(forged),
        };
        assert_eq!(sent, Err(misuse));
    }
}

/// Edge of `Violation::OutsiderInPrivateMessage`, `Violation::UnframedWireFormat`.
#[test]
fn outsiders_and_other_wire_formats_have_no_private_messages() {
    let epoch = Epoch::new(7);
    let sign = |wire_format, sender| {
        let framed = epoch.framed(sender, add());
        sign(&epoch.suite, &epoch.members[0], wire_format, framed, &epoch.context).map(|_| ())
    };
    assert_eq!(sign(PRIVATE, MEMBER), Ok(()));
    let outsider = Misuse::WouldViolate(Violation::OutsiderInPrivateMessage).into();
    for sender in [Sender::External(0), Sender::NewMemberProposal] {
        assert_eq!(sign(PRIVATE, sender), Err(outsider));
    }
    let unframed = Misuse::WouldViolate(Violation::UnframedWireFormat).into();
    for wire_format in [WireFormat::WELCOME, WireFormat(0), WireFormat(0xffff)] {
        assert_eq!(sign(wire_format, MEMBER), Err(unframed));
    }
}

#[test]
fn a_wrong_membership_tag_is_refused() {
    let epoch = Epoch::new(7);
    let content = epoch.signed(0, PUBLIC, epoch.framed(MEMBER, remove()));
    let message = frame(&epoch, content);
    assert!(hear(&epoch, message.clone()).is_ok());
    let tag = message.membership_tag.clone().unwrap().into_vec();
    let mut flipped = tag.clone();
    flipped[31] ^= 1;
    let wrong = [flipped, tag[..31].to_vec(), [&tag[..], &[0]].concat(), Vec::new()];
    let tags = wrong.into_iter().map(|tag| Some(tag.into())).chain([None]);
    for membership_tag in tags {
        let forged = PublicMessage { membership_tag, ..message.clone() };
        assert_eq!(hear(&epoch, forged), Err(Violation::InvalidMembershipTag.into()));
    }
    // An outsider has no tag, so one with a tag is no message of an outsider.
    let content = epoch.signed(0, PUBLIC, epoch.framed(Sender::External(0), remove()));
    let membership_tag = Some(tag.into());
    let forged = PublicMessage { membership_tag, ..frame(&epoch, content) };
    assert_eq!(hear(&epoch, forged), Err(Violation::InvalidMembershipTag.into()));
    // A member of another group or epoch has another key.
    let other = Epoch { membership_key: Secret::from_slice(&[8; 32]), ..Epoch::new(7) };
    assert_eq!(hear(&other, message), Err(Violation::InvalidMembershipTag.into()));
}

#[test]
fn the_membership_tag_covers_signature_and_confirmation_tag() {
    let epoch = Epoch::new(7);
    let message = frame(&epoch, epoch.signed(0, PUBLIC, epoch.framed(MEMBER, commit())));
    let mut forged = message.clone();
    forged.auth.confirmation_tag = Some(b"gat".into());
    assert_eq!(hear(&epoch, forged), Err(Violation::InvalidMembershipTag.into()));
    let mut forged = message;
    forged.auth.signature = b"signature".into();
    assert_eq!(hear(&epoch, forged), Err(Violation::InvalidMembershipTag.into()));
}

#[test]
fn a_signature_of_another_key_is_refused() {
    let epoch = Epoch::new(7);
    for sender in [MEMBER, Sender::External(0)] {
        let by_another = epoch.signed(1, PUBLIC, epoch.framed(sender, remove()));
        let refused = hear(&epoch, frame(&epoch, by_another));
        assert_eq!(refused, Err(Violation::InvalidSignature.into()));
        // Signed for the other wire format (section 6.1: the signature covers it).
        let mut moved = epoch.signed(0, PRIVATE, epoch.framed(sender, remove()));
        moved.wire_format = PUBLIC;
        let refused = hear(&epoch, frame(&epoch, moved));
        assert_eq!(refused, Err(Violation::InvalidSignature.into()));
    }
    let message = frame(&epoch, epoch.signed(0, PUBLIC, epoch.framed(MEMBER, remove())));
    let Epoch { suite, context, membership_key, .. } = &epoch;
    let content = public_message::unprotect(suite, message, membership_key, context).unwrap();
    assert_eq!(content.sender(), MEMBER);
    assert_eq!(content.unverified().content, remove());
    let refused = VerifiedContent::verify(suite, content, &vec![1; 3].into(), context);
    assert_eq!(refused, Err(Violation::InvalidSignature.into()));
}

#[test]
fn content_of_another_group_or_epoch_is_neither_sent_nor_heard() {
    let epoch = Epoch::new(7);
    for sender in [MEMBER, Sender::External(0)] {
        let mut elsewhere = epoch.framed(sender, remove());
        elsewhere.group_id = b"other".into();
        let mut earlier = epoch.framed(sender, remove());
        earlier.epoch = 6;
        let wrong = [(elsewhere, Violation::WrongGroup), (earlier, Violation::WrongEpoch)];
        for (content, violation) in wrong {
            let forged = epoch.signed(0, PUBLIC, content.clone());
            assert_eq!(hear(&epoch, frame(&epoch, forged)), Err(violation.into()));
            let signed = sign(&epoch.suite, &epoch.members[0], PUBLIC, content, &epoch.context);
            assert_eq!(signed, Err(Misuse::WrongContext.into()));
        }
    }
}

#[test]
fn an_honest_message_of_another_epoch_is_refused_for_its_epoch() {
    let (earlier, epoch) = (Epoch::new(6), Epoch::new(7));
    let message = frame(&earlier, earlier.signed(0, PUBLIC, earlier.framed(MEMBER, remove())));
    assert!(hear(&earlier, message.clone()).is_ok());
    assert_eq!(hear(&epoch, message), Err(Violation::WrongEpoch.into()));
}

#[test]
fn callers_cannot_mix_up_senders_formats_and_tags() {
    let epoch = Epoch::new(7);
    let Epoch { suite, context, membership_key, .. } = &epoch;
    let protect = |content| {
        public_message::protect(suite, content, membership_key, context).map(|_| ()).unwrap_err()
    };
    let from_outside =
        |content| public_message::protect_from_outside(content).map(|_| ()).unwrap_err();
    let signed = |format, sender, content| epoch.signed(0, format, epoch.framed(sender, content));
    assert_eq!(protect(signed(PUBLIC, Sender::External(0), add())), Misuse::SenderType.into());
    assert_eq!(from_outside(signed(PUBLIC, MEMBER, add())), Misuse::SenderType.into());
    assert_eq!(protect(signed(PRIVATE, MEMBER, add())), Misuse::WireFormat.into());
    let mut untagged = signed(PUBLIC, MEMBER, commit());
    untagged.auth.confirmation_tag = None;
    assert_eq!(protect(untagged), Misuse::ConfirmationTag.into());
    let mut tagged = signed(PUBLIC, Sender::NewMemberProposal, add());
    tagged.auth.confirmation_tag = Some(b"tag".into());
    assert_eq!(from_outside(tagged), Misuse::ConfirmationTag.into());
    let mut elsewhere = signed(PUBLIC, MEMBER, add());
    elsewhere.content.epoch = 8;
    assert_eq!(protect(elsewhere), Misuse::WrongContext.into());
}
