//! Bugs that other implementations had in receiving messages: tags, senders, replays, ratchets.

use codec::Encode;
use mls::{
    BrokenRule, CommitOptions, Error, HandshakeFormat, LeafIndex, MlsMessage, MlsMessageBody,
    Received, Violation,
};
use testkit::forge::Insider;
use testkit::{NOW, Person, Traits, assert_agreement, group_of};
use wire::{Content, Proposal, Sender, WireFormat};

use crate::hostile_view::{View, assert_group_works, broken_rule, is_refused};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

fn three() -> Vec<Person> {
    group_of(&NAMES, || Traits::new(1).handshakes(HandshakeFormat::Public))
}

fn leaf(person: &mut Person, index: u32) -> LeafIndex {
    person.group().member(index).unwrap().index
}

/// Covers OpenMLS GHSA-8x3w-qj7j-gqhf: tags were compared up to the shorter length.
#[test]
fn membership_and_confirmation_tags_cut_short_are_refused() {
    let people = &mut three();
    let made = people[0].commit(CommitOptions::new());
    let MlsMessageBody::PublicMessage(genuine) = &made.commit.0 else { panic!("is public") };
    let insider = Insider::of(&people[2]);
    let context = insider.context.clone();
    for length in [0, 1, 16, 31] {
        let mut forged = (**genuine).clone();
        let tag = forged.membership_tag.as_ref().unwrap()[..length].into();
        forged.membership_tag = Some(tag);
        let forged = MlsMessage(MlsMessageBody::PublicMessage(Box::new(forged)));
        let rule = broken_rule(&mut people[1], &forged);
        assert_eq!(rule, BrokenRule::Protection(protection::Violation::InvalidMembershipTag));

        // The confirmation tag is cut, and another member tags the message as it is then.
        let mut content = wire::AuthenticatedContent {
            wire_format: WireFormat::PUBLIC_MESSAGE,
            content: genuine.content.clone(),
            auth: genuine.auth.clone(),
        };
        let tag = content.auth.confirmation_tag.as_ref().unwrap()[..length].into();
        content.auth.confirmation_tag = Some(tag);
        assert_eq!(content.content.epoch, context.epoch);
        let rule = broken_rule(&mut people[1], &insider.public(content));
        let wrong = treekem::Violation::WrongConfirmationTag;
        assert_eq!(rule, BrokenRule::KeyAgreement(wrong));
    }
    people[0].advance(made.pending);
    people[1].follow(&made.commit);
    people[2].follow(&made.commit);
    assert_group_works(people);
}

/// Covers OpenMLS #2182 and #2186, mls-rs #286 and #173: indices that no tree has were used as they
/// came.
#[test]
fn a_sender_outside_the_tree_is_refused_in_every_kind_of_message() {
    let people = &mut three();
    let mut insider = Insider::of(&people[0]);
    let bob = &mut people[1];
    for index in [3, 4, 1000, 1 << 30, (1 << 31) - 1, 1 << 31, u32::MAX - 1, u32::MAX] {
        for content in [remove(2), commit(&mut insider)] {
            let mut framed = insider.content(content);
            framed.sender = Sender::Member(index);
            let rule = broken_rule(bob, &insider.say_publicly(framed));
            assert_eq!(rule, BrokenRule::Group(Violation::SenderNotMember));
        }
        let genuine = insider.content(Content::Application(b"hello".into()));
        let MlsMessage(MlsMessageBody::PrivateMessage(message)) = insider.say_privately(genuine)
        else {
            panic!("is private")
        };
        let sender = wire::SenderData { leaf_index: index, generation: 0, reuse_guard: [1; 4] };
        let error = bob.group().process(&insider.seal_sender(sender, message), NOW).err().unwrap();
        let Error::Violation(rule) = error else { panic!("{error}") };
        // Index 3 is a leaf of the tree, only blank; nobody has its keys but everybody can make
        // them.
        let expected = match index {
            3 => protection::Violation::ContentNotAuthentic,
            _ => protection::Violation::UnknownSender,
        };
        assert_eq!(rule, BrokenRule::Protection(expected));
    }
    assert_group_works(people);
}

/// Covers OpenMLS #2194 and #2180: a message whose sender is the receiver, or a blank leaf.
#[test]
fn nobody_is_made_to_hear_itself_or_a_blank_leaf() {
    let people = &mut three();
    let mut insider = Insider::of(&people[0]);
    let bob = &mut people[1];
    let me = bob.group().own_leaf().as_u32();
    // The listener's own leaf has a signature key, and this is not by it.
    let not_by_me = BrokenRule::Protection(protection::Violation::InvalidSignature);
    let nobody = BrokenRule::Group(Violation::SenderNotMember);
    for (index, expected) in [(me, not_by_me), (3, nobody)] {
        for content in [Content::Application(b"hello".into()), remove(2), commit(&mut insider)] {
            let mut framed = insider.content(content);
            framed.sender = Sender::Member(index);
            let mut signed = insider.sign(WireFormat::PRIVATE_MESSAGE, framed.clone());
            let is_commit = matches!(framed.content, Content::Commit(_));
            signed.auth.confirmation_tag = is_commit.then(|| b"tag".into());
            let forged = insider.private(&signed);
            assert_eq!(broken_rule(bob, &forged), expected);
            if !matches!(framed.content, Content::Application(_)) {
                let mut signed = insider.sign(WireFormat::PUBLIC_MESSAGE, framed);
                signed.auth.confirmation_tag = is_commit.then(|| b"tag".into());
                let forged = insider.public(signed);
                assert_eq!(broken_rule(bob, &forged), expected);
            }
        }
    }
    assert_group_works(people);
}

fn remove(index: u32) -> Content {
    Content::Proposal(Proposal::Remove(index))
}

/// A commit as it would be by the insider.
fn commit(insider: &mut Insider) -> Content {
    insider.draft(&[], true).content.content
}

/// Covers OpenMLS #1944 and #1691, mls-rs #361: a late message was attributed to whoever has the
/// leaf now.
#[test]
fn a_late_message_is_from_whoever_had_the_leaf_then() {
    let people = &mut three();
    let late = people[2].say("from carol");
    let carols_leaf = people[2].group().own_leaf();
    let mut dave = Person::new("dave", Traits::new(1));
    let options = CommitOptions::new().remove_member(carols_leaf).add_member(dave.key_package());
    let sent = people[0].commit_and_advance(options);
    people[1].follow(&sent.commit);
    dave.join(&sent.welcomes[0]);
    assert_eq!(dave.group().own_leaf(), carols_leaf);
    people[1].restart();
    let Received::Application(message) = people[1].process(&late) else { panic!("is text") };
    assert_eq!((message.epoch, message.sender), (1, carols_leaf));
    assert_eq!(message.leaf.credential, mls::Credential::basic(b"carol"));
    // Dave was not there, and nobody can speak as Dave in Carol's epoch.
    assert!(is_refused(dave.group().process(&late, NOW)));
    let [alice, bob, _] = &mut people[..] else { panic!("are three") };
    assert_agreement(&mut [alice, bob, &mut dave]);
}

/// Covers OpenMLS #1846: the secret tree was not stored, so that a restart allowed replays and, for
/// the sender, the same keys again. Covers the counters that amethyst reset.
#[test]
fn a_restart_allows_neither_replays_nor_the_same_key_again() {
    let people = &mut three();
    let first = people[0].say("first");
    assert_eq!(people[1].hear(&first), "first");
    people[1].restart();
    let rule = broken_rule(&mut people[1], &first);
    assert_eq!(rule, BrokenRule::Protection(protection::Violation::ReusedGeneration));
    people[0].restart();
    let second = people[0].say("second");
    assert_eq!(people[1].hear(&second), "second");
    assert_eq!([people[2].hear(&second), people[2].hear(&first)], ["second", "first"]);
}

/// Covers mls-rs #228: a message that came twice deleted the sender's whole ratchet.
#[test]
fn a_message_that_comes_twice_costs_no_other() {
    let people = &mut three();
    let said = ["0", "1", "2", "3"].map(|text| people[0].say(text));
    assert_eq!(people[1].hear(&said[2]), "2");
    for _ in 0..3 {
        let rule = broken_rule(&mut people[1], &said[2]);
        assert_eq!(rule, BrokenRule::Protection(protection::Violation::ReusedGeneration));
    }
    for index in [0, 3, 1] {
        assert_eq!(people[1].hear(&said[index]), index.to_string());
    }
}

/// Covers OpenMLS #453: a forged message moved the ratchet, and the genuine one could not be read.
#[test]
fn a_forged_message_does_not_burn_the_key_of_the_genuine_one() {
    let people = &mut three();
    let genuine = people[0].say("genuine");
    // Carol knows the keys of all, but not Alice's signature key.
    let mut insider = Insider::of(&people[2]);
    let mut framed = insider.content(Content::Application(b"forged".into()));
    framed.sender = Sender::Member(0);
    let forged = insider.say_privately(framed);
    let rule = broken_rule(&mut people[1], &forged);
    assert_eq!(rule, BrokenRule::Protection(protection::Violation::InvalidSignature));
    people[1].restart();
    assert_eq!(people[1].hear(&genuine), "genuine");
}

/// Covers OpenMLS #1112: data was used before it was authenticated.
#[test]
fn authenticated_data_that_was_changed_never_comes_out() {
    let people = &mut three();
    let genuine = people[0].say("hello");
    let MlsMessageBody::PrivateMessage(message) = &genuine.0 else { panic!("is private") };
    for changed in [&b""[..], b"aae", b"aad "] {
        let mut message = message.clone();
        message.authenticated_data = changed.into();
        let changed = MlsMessage(MlsMessageBody::PrivateMessage(message));
        let rule = broken_rule(&mut people[1], &changed);
        assert_eq!(rule, BrokenRule::Protection(protection::Violation::ContentNotAuthentic));
    }
    let Received::Application(message) = people[1].process(&genuine) else { panic!("is text") };
    assert_eq!(message.authenticated_data, b"aad");
}

/// Covers core-crypto #2630: messages of the future were buffered, and one that never became good
/// blocked a commit for ever. Here nothing is buffered: the log has it.
#[test]
fn ten_thousand_messages_of_other_epochs_change_nothing() {
    let people = &mut three();
    let message = people[0].say("hello");
    let MlsMessageBody::PrivateMessage(message) = message.0 else { panic!("is private") };
    let before = View::of(&mut people[1]);
    for number in 0..10_000 {
        let mut junk = message.clone();
        junk.epoch = if number % 2 == 0 { 2 + number } else { u64::MAX - number };
        junk.ciphertext = number.to_bytes().into();
        let junk = MlsMessage(MlsMessageBody::PrivateMessage(junk));
        let (received, delta) = people[1].group().process(&junk, NOW).unwrap().into_parts();
        assert!(matches!(received, Received::OtherEpoch { .. }) && delta.is_empty());
    }
    assert!(View::of(&mut people[1]) == before);
    assert_group_works(people);
}

/// Covers the amethyst bug of an exporter that gave the secret of another epoch.
#[test]
fn an_exported_secret_belongs_to_the_epoch_in_which_it_is_asked_for() {
    let people = &mut three();
    let export = |person: &mut Person| person.group().export("label", b"context", 32).unwrap();
    let old = export(&mut people[0]);
    let made = people[0].commit(CommitOptions::new());
    assert_eq!(export(&mut people[0]), old, "the commit is not accepted yet");
    let suite = people[0].group().suite().clone();
    let next = made.pending.export(&suite, "label", b"context", 32).unwrap();
    assert_ne!(next, old);
    people[0].advance(made.pending);
    people[1].follow(&made.commit);
    for person in &mut people[..2] {
        assert_eq!(export(person), next);
        person.restart();
        assert_eq!(export(person), next);
    }
    assert_eq!(export(&mut people[2]), old);
}

/// Covers the class of "zero as no sender": the first leaf and the first generation are ordinary.
#[test]
fn generation_zero_of_leaf_zero_is_a_message_like_any_other() {
    let people = &mut three();
    assert_eq!(leaf(&mut people[1], 0).as_u32(), 0);
    let said = people[0].say("first of the epoch");
    let Received::Application(message) = people[1].process(&said) else { panic!("is text") };
    assert_eq!(message.sender.as_u32(), 0);
}
