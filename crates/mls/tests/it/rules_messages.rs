//! Who may say what (RFC 9420, section 6.1): forged senders, and proposals that commits do not
//! have.

use mls::{BrokenRule, CommitOptions, HandshakeFormat, MlsMessage, Propose, Received, Violation};
use testkit::forge::Insider;
use testkit::{Traits, group_of};
use wire::{Content, Proposal, ProposalOrRef, Sender, WireFormat};

use crate::features_senders::{external, group_with_senders, signer};
use crate::features_world::{FORMS, agree, candidate, form, leaf_of, propose};
use crate::rules_refusal::refused;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

fn remove(leaf: u32) -> Content {
    Content::Proposal(Proposal::Remove(leaf))
}

/// A message of this insider in one of the two forms, in the name of another leaf.
fn in_the_name_of(
    insider: &mut Insider,
    leaf: u32,
    content: Content,
    form: HandshakeFormat,
) -> MlsMessage {
    let mut content = insider.content(content);
    content.sender = Sender::Member(leaf);
    match form {
        HandshakeFormat::Public => insider.say_publicly(content),
        HandshakeFormat::Private => insider.say_privately(content),
    }
}

#[test]
fn a_sender_that_is_no_member_is_refused() {
    let mut people = group_of(&NAMES, form(FORMS[0]));
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let expected = BrokenRule::Group(Violation::SenderNotMember);
    // The blank leaf beside Carol, the first beyond the tree, the last there can be.
    for leaf in [3, 4, u32::MAX] {
        let mut insider = Insider::of(alice);
        let message = in_the_name_of(&mut insider, leaf, remove(1), HandshakeFormat::Public);
        assert_eq!(refused(bob, carol, &message), expected);
        let mut draft = insider.draft(&[], true);
        draft.content.sender = Sender::Member(leaf);
        let forged = draft.finish(&insider);
        assert_eq!(refused(bob, carol, &insider.public(forged.content)), expected);
    }
    // Encrypted, a blank leaf has keys like any other; leaves beyond the tree do not.
    for content in [remove(1), Content::Application(b"boo".as_slice().into())] {
        let mut insider = Insider::of(alice);
        let message = in_the_name_of(&mut insider, 3, content, HandshakeFormat::Private);
        assert_eq!(refused(bob, carol, &message), expected);
    }
    agree(&mut people);
}

/// Edge of `Violation::SenderNotMember`.
#[test]
fn the_last_member_of_the_tree_is_heard() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let mut insider = Insider::of(&people[2]);
        let message = in_the_name_of(&mut insider, 2, remove(0), handshakes);
        assert!(matches!(people[1].process(&message), Received::Proposal(_)));
    }
}

#[test]
fn nobody_speaks_in_the_name_of_whoever_listens() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
        let mut insider = Insider::of(alice);
        // Any member can claim the leaf; only with the right signature key is it more than a lie,
        // and even then: what this client did not send, it did not say.
        let lie = BrokenRule::Protection(protection::Violation::InvalidSignature);
        let stolen = BrokenRule::Group(Violation::NotSentByThisClient);
        let bobs = bob.signer();
        for (signer, expected) in [(None, lie), (Some(bobs), stolen)] {
            insider.signer = signer.unwrap_or(insider.signer);
            let message = in_the_name_of(&mut insider, 1, remove(2), handshakes);
            assert_eq!(refused(bob, carol, &message), expected);
        }
        agree(&mut people);
    }
}

/// Edge of `Violation::NotSentByThisClient`.
#[test]
fn what_this_client_sent_itself_is_recognised() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let text = people[1].say("mine");
        assert!(matches!(people[1].process(&text), Received::OwnMessage { epoch: 1 }));
        let proposal = propose(&mut people[1], Propose::Update(Default::default()));
        assert!(matches!(people[1].process(&proposal), Received::OwnMessage { epoch: 1 }));
        let made = candidate(&mut people[1]);
        let Received::OwnCommit(id) = people[1].process(&made.commit) else { panic!("not own") };
        assert_eq!(id, made.pending.id());
    }
}

#[test]
fn an_external_sender_that_the_group_does_not_list_is_refused() {
    let (known, stranger) = (signer(1), signer(2));
    let expected = BrokenRule::Group(Violation::ExternalSenderUnknown);
    let mut people = group_with_senders(&[&known], || Traits::new(1));
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
    for index in [1, 2, u32::MAX] {
        let message = external(alice, (index, &stranger), Proposal::Remove(2));
        assert_eq!(refused(bob, carol, &message), expected);
    }
    // A group without the extension lists nobody.
    let mut people = group_of(&NAMES, || Traits::new(1));
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let message = external(alice, (0, &known), Proposal::Remove(2));
    assert_eq!(refused(bob, carol, &message), expected);
}

/// Edge of `Violation::ExternalSenderUnknown`.
#[test]
fn the_last_external_sender_of_the_list_is_heard() {
    let senders = [signer(1), signer(2)];
    let mut people = group_with_senders(&[&senders[0], &senders[1]], || Traits::new(1));
    let message = external(&mut people[0], (1, &senders[1]), Proposal::Remove(2));
    assert!(matches!(people[1].process(&message), Received::Proposal(_)));
    // Its key, not just its place.
    let mut people = group_with_senders(&[&senders[0], &senders[1]], || Traits::new(1));
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let message = external(alice, (0, &senders[1]), Proposal::Remove(2));
    let expected = BrokenRule::Protection(protection::Violation::InvalidSignature);
    assert_eq!(refused(bob, carol, &message), expected);
}

#[test]
fn a_commit_of_a_proposal_that_was_not_received_is_refused() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
        let expected = BrokenRule::Group(Violation::CommitOfUnknownProposal);
        // One that only its sender knows.
        propose(alice, Propose::ResumptionPsk { group_id: b"elsewhere".to_vec(), epoch: 0 });
        let secret = propose(carol, Propose::Update(Default::default()));
        let cleared = carol.group().clear_proposals();
        cleared.save(&mut carol.store).unwrap();
        alice.process(&secret);
        let made = candidate(alice);
        assert_eq!(refused(bob, carol, &made.commit), expected);
        // One that never was.
        let mut insider = Insider::of(alice);
        let mut draft = insider.draft(&[], true);
        let unknown = wire::ProposalRef(crypto::Digest::new(&[7; 32]).unwrap());
        draft.commit().proposals.push(ProposalOrRef::Reference(unknown));
        if handshakes == HandshakeFormat::Private {
            draft.wire_format = WireFormat::PRIVATE_MESSAGE;
        }
        let forged = draft.finish(&insider).content;
        let message = match handshakes {
            HandshakeFormat::Private => insider.private(&forged),
            HandshakeFormat::Public => insider.public(forged),
        };
        assert_eq!(refused(bob, carol, &message), expected);
    }
}

/// A proposal counts in its epoch only, also if it could be repeated in the next.
#[test]
fn a_commit_of_a_proposal_of_the_epoch_before_is_refused() {
    let mut people = group_of(&NAMES, form(HandshakeFormat::Public));
    let alices = leaf_of(&people[0]);
    let proposal = propose(&mut people[2], Propose::Remove(alices));
    let Received::Proposal(received) = people[1].process(&proposal) else { panic!("a proposal") };
    let options = CommitOptions { ignore_received: true, ..CommitOptions::new() };
    let sent = people[0].commit_and_advance(options);
    people[1..].iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
    let [alice, bob, carol] = people.as_mut_slice() else { panic!("three") };
    let mut insider = Insider::of(alice);
    let mut draft = insider.draft(&[], true);
    draft.commit().proposals.push(ProposalOrRef::Reference(received.reference));
    let message = insider.public(draft.finish(&insider).content);
    let expected = BrokenRule::Group(Violation::CommitOfUnknownProposal);
    assert_eq!(refused(bob, carol, &message), expected);
    agree(&mut people);
}

/// Edge of `Violation::CommitOfUnknownProposal`.
#[test]
fn a_commit_of_a_proposal_that_was_received_is_accepted() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let proposal = propose(&mut people[2], Propose::Update(Default::default()));
        people[0].process(&proposal);
        people[1].process(&proposal);
        let sent = people[0].commit_and_advance(CommitOptions::new());
        assert_eq!(people[1].follow(&sent.commit).updated.len(), 2);
        people[2].follow(&sent.commit);
        agree(&mut people);
    }
}

#[test]
fn a_message_of_another_group_is_refused_and_one_of_another_epoch_is_left_alone() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let mut other = group_of(&["dave", "erin"], form(handshakes));
        let [_, bob, carol] = people.as_mut_slice() else { panic!("three") };
        let expected = BrokenRule::Protection(protection::Violation::WrongGroup);
        for message in [other[0].say("hello"), candidate(&mut other[0]).commit] {
            assert_eq!(refused(bob, carol, &message), expected);
        }
        let stale = candidate(bob).commit;
        let sent = carol.commit_and_advance(CommitOptions::new());
        let future = carol.say("not yet");
        let before = crate::rules_refusal::Snapshot::of(&people[0]);
        assert!(matches!(people[0].process(&future), Received::OtherEpoch { epoch: 2 }));
        assert!(crate::rules_refusal::Snapshot::of(&people[0]) == before);
        people[0].follow(&sent.commit);
        assert_eq!(people[0].hear(&future), "not yet");
        let late = people[0].process(&stale);
        assert!(matches!(late, Received::OtherEpoch { epoch: 1 }));
    }
}
