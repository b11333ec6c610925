//! Commits with wrong frames and senders, proposals of people who may not make them, and external
//! commits, that break one rule each.

use wire::{Content, Extensions, Proposal, Sender};

use super::commits::{BLANK, FRIEND, leaf, value};
use super::forgery::{Evidence, Forgery};

/// Frames and senders.
pub(crate) const FRAMES: &[Forgery] = &[
    Forgery {
        name: "a tag one byte short",
        rule: Some("WrongConfirmationTag"),
        make: |s| {
            s.commit_signed(|content| {
                let tag = content.auth.confirmation_tag.take().unwrap_or_default();
                content.auth.confirmation_tag = Some(tag[1..].to_vec().into());
            })
        },
    },
    Forgery {
        name: "an empty tag",
        rule: Some("WrongConfirmationTag"),
        make: |s| {
            s.commit_signed(|content| content.auth.confirmation_tag = Some(Vec::new().into()))
        },
    },
    Forgery {
        name: "a wrong signature",
        rule: Some("InvalidSignature"),
        make: |s| s.commit_signed(|content| content.auth.signature = vec![3; 64].into()),
    },
    Forgery {
        name: "an empty signature",
        rule: Some("InvalidSignature"),
        make: |s| s.commit_signed(|content| content.auth.signature = Vec::new().into()),
    },
    Forgery {
        name: "a wrong membership tag",
        rule: Some("InvalidMembershipTag"),
        make: |s| s.commit_framed(|message| message.membership_tag = Some(vec![0; 32].into())),
    },
    Forgery {
        name: "an empty membership tag",
        rule: Some("InvalidMembershipTag"),
        make: |s| s.commit_framed(|message| message.membership_tag = Some(Vec::new().into())),
    },
    Forgery {
        name: "a sender with a blank leaf",
        rule: Some("SenderNotMember"),
        make: |s| s.commit_changed(|draft, _| draft.content.sender = Sender::Member(BLANK)),
    },
    Forgery {
        name: "the sender is another",
        rule: Some("InvalidSignature"),
        make: |s| s.commit_changed(|draft, _| draft.content.sender = Sender::Member(FRIEND)),
    },
    Forgery {
        name: "another group",
        rule: Some("WrongGroup"),
        make: |s| {
            s.commit_changed(|draft, _| draft.content.group_id = b"another".as_slice().into())
        },
    },
    Forgery {
        name: "another epoch",
        rule: Some("the commit is for epoch"),
        make: |s| s.commit_changed(|draft, _| draft.content.epoch += 1),
    },
    Forgery {
        name: "a proposal that claims a server sent it",
        rule: Some("ExternalSenderUnknown"),
        make: |s| s.proposal_from(Sender::External(0), Proposal::Remove(FRIEND)),
    },
    Forgery {
        name: "a stranger who proposes a remove",
        rule: Some("NewMemberProposalType"),
        make: |s| s.proposal_from(Sender::NewMemberProposal, Proposal::Remove(FRIEND)),
    },
    Forgery {
        name: "an application message in the open",
        rule: Some("ApplicationInPublicMessage"),
        make: |s| {
            let content = s.insider.content(Content::Application(b"hello".as_slice().into()));
            let message = codec::Encode::to_bytes(&s.insider.say_publicly(content));
            Evidence::Texts(vec![(message, b"hello".to_vec())])
        },
    },
];

/// External commits.
pub(crate) const EXTERNAL: &[Forgery] = &[
    Forgery { name: "an external commit", rule: None, make: |s| s.external(s.changes(), |_| {}) },
    Forgery {
        name: "an external commit that replaces a member",
        rule: None,
        make: |s| {
            let changes = s.changes().remove_member(s.friend.leaf);
            s.external_by(b"friend", changes, |_| {})
        },
    },
    Forgery {
        name: "an external commit with two inits",
        rule: Some("ExternalInitCount"),
        make: |s| {
            s.external(s.changes(), |draft| {
                let first = draft.commit().proposals[0].clone();
                draft.commit().proposals.push(first);
            })
        },
    },
    Forgery {
        name: "an external commit without an init",
        rule: Some("ExternalInitCount"),
        make: |s| s.external(s.changes(), |draft| draft.commit().proposals.clear()),
    },
    Forgery {
        name: "an external commit that adds",
        rule: Some("ExternalCommitProposal"),
        make: |s| {
            let newcomer = s.newcomer(|_| {});
            let changes = s.changes().add_member(newcomer);
            s.external(changes, |_| {})
        },
    },
    Forgery {
        name: "an external commit with extensions",
        rule: Some("ExternalCommitProposal"),
        make: |s| {
            let changes = s.changes().extend(Extensions::default());
            s.external(changes, |_| {})
        },
    },
    Forgery {
        name: "an external commit with two removes",
        rule: Some("ExternalCommitRemoves"),
        make: |s| {
            let last = s.stage.seats.len();
            let changes = s.changes().remove_member(leaf(s, FRIEND));
            let own = s.insider.leaf;
            let changes = if last > 0 { changes.remove_member(own) } else { changes };
            s.external(changes, |_| {})
        },
    },
    Forgery {
        name: "an external commit of a blank's remove",
        rule: Some("RemoveOfBlank"),
        make: |s| {
            let changes = s.changes().say(Proposal::Remove(BLANK));
            s.external(changes, |_| {})
        },
    },
    Forgery {
        name: "an external commit by reference",
        rule: Some("ExternalCommitReference"),
        make: |s| {
            let (message, listed) = s.friend_proposes(Proposal::Remove(0));
            let mut changes = s.changes().remove_member(s.insider.leaf);
            changes.proposals = vec![listed];
            match s.external(changes, |_| {}) {
                Evidence::Commit { commit, authenticator, .. } => {
                    Evidence::Commit { proposals: vec![message], commit, authenticator }
                }
                other => other,
            }
        },
    },
    Forgery {
        name: "an external commit without a path",
        rule: Some("PathMissing"),
        make: |s| s.external(s.changes(), |draft| draft.commit().path = None),
    },
    Forgery {
        name: "an init that cannot be opened",
        rule: Some("ExternalInitUndecapsulable"),
        make: |s| {
            s.external(s.changes(), |draft| {
                draft.commit().proposals[0] = value(Proposal::ExternalInit(vec![1; 5].into()));
            })
        },
    },
];
