//! Damaged messages of every kind: each truncation and each change of one byte is refused with an
//! error or put aside, without a panic and without a trace, and the original is accepted
//! afterwards.
//!
//! Covers OpenMLS GHSA-rrmv-c79f-cf5r (a panic on truncated messages) and #2134 (trailing bytes).

use codec::{Decode, Encode};
use crypto_aws_lc::SystemRandom;
use mls::{
    CipherSuite, CommitOptions, Credential, Crypto, Error, Extension, ExtensionType, Extensions,
    ExternalJoinOptions, ExternalSender, GroupInfoOptions, GroupParams, HandshakeFormat,
    KeyPackage, MlsMessage, MlsMessageBody, Proposal, Propose, Received, SignatureKeyPair,
    external_proposal,
};
use testkit::{NOW, Person, Traits, group_of};

use crate::hostile_view::{
    View, assert_damage_is_refused, assert_group_works, damaged, is_commit, rows,
};

/// Every byte in one suite of each curve and AEAD; the largest curves, which are slow, at one byte
/// in so many.
const STRIDES: [(u16, usize); 5] = [(1, 1), (2, 1), (3, 1), (4, 9), (7, 5)];

fn group(suite: u16, handshakes: HandshakeFormat) -> Vec<Person> {
    group_of(&["alice", "bob", "carol"], || Traits::new(suite).handshakes(handshakes))
}

/// Damages a message for Bob in every suite; `make` also gives his verdict on the original.
fn refuses_damage(
    handshakes: HandshakeFormat,
    make: impl Fn(&mut [Person]) -> (MlsMessage, fn(Received) -> bool),
) {
    for (suite, stride) in STRIDES {
        let people = &mut group(suite, handshakes);
        let (message, is_expected) = make(people);
        let well_formed = assert_damage_is_refused(&mut people[1], &message, (0, stride));
        assert!(well_formed > 100 / stride, "only {well_formed} damaged copies were well-formed");
        assert!(is_expected(people[1].process(&message)), "the original is not accepted");
    }
}

fn propose(people: &mut [Person], sender: usize, propose: Propose) -> MlsMessage {
    let Person { group, store, .. } = &mut people[sender];
    let made = group.as_mut().unwrap().propose(propose, b"aad", NOW, &mut SystemRandom);
    made.unwrap().save(store).unwrap()
}

fn is_proposal(received: Received) -> bool {
    matches!(received, Received::Proposal(_))
}

#[test]
fn a_damaged_application_message_is_refused() {
    refuses_damage(HandshakeFormat::Private, |people| {
        let is_text = |received| matches!(received, Received::Application(_));
        (people[0].say("hello"), is_text)
    });
}

#[test]
fn a_damaged_late_application_message_is_refused() {
    refuses_damage(HandshakeFormat::Private, |people| {
        let late = people[0].say("hello");
        assert_group_works(people);
        (late, |received| matches!(received, Received::Application(message) if message.epoch == 1))
    });
}

#[test]
fn a_damaged_proposal_is_refused_encrypted_or_not() {
    for handshakes in [HandshakeFormat::Private, HandshakeFormat::Public] {
        refuses_damage(handshakes, |people| {
            (propose(people, 0, Propose::Update(Default::default())), is_proposal)
        });
    }
}

#[test]
fn a_damaged_commit_is_refused_encrypted_or_not() {
    for handshakes in [HandshakeFormat::Private, HandshakeFormat::Public] {
        refuses_damage(handshakes, |people| {
            let proposal = propose(people, 2, Propose::Update(Default::default()));
            people[0].process(&proposal);
            people[1].process(&proposal);
            let traits = Traits::new(people[0].suite.0);
            let dave = Person::new("dave", traits).key_package();
            (people[0].commit(CommitOptions::new().add_member(dave)).commit, is_commit)
        });
    }
}

/// A group whose context names an external sender, with that sender's key.
fn group_with_external_sender(suite: u16) -> (Vec<Person>, SignatureKeyPair) {
    let mut people: Vec<_> =
        ["alice", "bob"].iter().map(|name| Person::new(name, Traits::new(suite))).collect();
    let crypto = Crypto::new(crypto_aws_lc::provider());
    let suite = crypto.suite(CipherSuite(suite)).unwrap();
    let service = SignatureKeyPair::generate(&suite, &mut SystemRandom).unwrap();
    let sender = ExternalSender {
        signature_key: mls::Signer::public_key(&service).clone(),
        credential: Credential::basic(b"service"),
    };
    let extension = Extension::new(ExtensionType::EXTERNAL_SENDERS, &vec![sender]);
    let extensions = Extensions(vec![extension]);
    let params = GroupParams { extensions, ..GroupParams::new(suite.id()) };
    let bob = people[1].key_package();
    let Person { client, store, random, .. } = &mut people[0];
    let made = client.create_group(store, params, NOW, random);
    people[0].group = Some(people[0].save(made));
    let sent = people[0].commit_and_advance(CommitOptions::new().add_member(bob));
    people[1].join(&sent.welcomes[0]);
    (people, service)
}

#[test]
fn a_damaged_proposal_from_outside_is_refused() {
    for (suite, stride) in STRIDES {
        let (mut people, service) = group_with_external_sender(suite);
        let group = people[0].group();
        let sender = (0, &service as &dyn mls::Signer);
        let (id, context) = (group.suite().clone(), group.context().clone());
        let made = external_proposal(&id, &context, sender, Proposal::Remove(0), b"aad");
        let mut dave = Person::new("dave", Traits::new(suite));
        let key_package = dave.key_package();
        let asked = dave.client.propose_self(&context, key_package, b"aad");
        for proposal in [made.unwrap(), asked.unwrap()] {
            assert_damage_is_refused(&mut people[1], &proposal, (0, stride));
            assert!(is_proposal(people[1].process(&proposal)));
        }
    }
}

#[test]
fn a_damaged_external_commit_is_refused() {
    refuses_damage(HandshakeFormat::Private, |people| {
        let info = group_info(&mut people[0]);
        let mut dave = Person::new("dave", Traits::new(people[0].suite.0));
        let options = ExternalJoinOptions::default();
        let Person { client, store, random, .. } = &mut dave;
        let join = client.join_external(store, &info, options, NOW, random).unwrap();
        (join.save(store).unwrap().commit, is_commit)
    });
}

fn group_info(person: &mut Person) -> MlsMessage {
    let options = GroupInfoOptions { ratchet_tree: true, external_pub: true };
    person.group().group_info(options, &mut SystemRandom).unwrap()
}

#[test]
fn a_damaged_group_info_is_refused_by_whoever_would_join_with_it() {
    for (suite, stride) in STRIDES {
        let people = &mut group(suite, HandshakeFormat::Private);
        let info = group_info(&mut people[0]);
        let mut dave = Person::new("dave", Traits::new(suite));
        let mut join = |info: &MlsMessage| {
            let Person { client, store, random, .. } = &mut dave;
            let options = ExternalJoinOptions::default();
            client.join_external(store, info, options, NOW, random).map(|_| ())
        };
        for bytes in damaged(&info.to_bytes(), 0, stride) {
            let Ok(damaged) = MlsMessage::from_bytes(&bytes) else { continue };
            assert!(join(&damaged).is_err(), "accepted: {}", testkit::to_hex(&bytes));
        }
        assert!(join(&info).is_ok());
    }
}

#[test]
fn a_damaged_welcome_is_refused_and_leaves_the_key_package_usable() {
    for (suite, stride) in STRIDES {
        let mut people: Vec<_> =
            ["alice", "bob"].iter().map(|name| Person::new(name, Traits::new(suite))).collect();
        people[0].create();
        let bob = people[1].key_package();
        let sent = people[0].commit_and_advance(CommitOptions::new().add_member(bob));
        let before = rows(&people[1]);
        let join = |bob: &Person, welcome: &MlsMessage| {
            bob.client.join(&bob.store, welcome, None, NOW).map(|_| ())
        };
        for bytes in damaged(&sent.welcomes[0].to_bytes(), 0, stride) {
            let Ok(damaged) = MlsMessage::from_bytes(&bytes) else { continue };
            assert!(join(&people[1], &damaged).is_err(), "accepted: {}", testkit::to_hex(&bytes));
        }
        assert!(rows(&people[1]) == before);
        people[1].join(&sent.welcomes[0]);
        assert_group_works(&mut people);
    }
}

/// The whole tree may come from anywhere: it is bound by the tree hash of the signed GroupContext.
#[test]
fn a_damaged_ratchet_tree_beside_a_welcome_is_refused() {
    let mut people = group(1, HandshakeFormat::Private);
    let mut dave = Person::new("dave", Traits::new(1));
    let mut options = CommitOptions::new().add_member(dave.key_package());
    options.welcome_info = GroupInfoOptions { ratchet_tree: false, external_pub: false };
    let sent = people[0].commit_and_advance(options);
    people[1..].iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
    let tree = people[0].group().ratchet_tree();
    let welcome = &sent.welcomes[0];
    assert!(dave.client.join(&dave.store, welcome, None, NOW).is_err(), "there is no tree");
    for bytes in damaged(&tree.to_bytes(), 0, 3) {
        let Ok(damaged) = mls::RatchetTreeNodes::from_bytes(&bytes) else { continue };
        let joined = dave.client.join(&dave.store, welcome, Some(damaged), NOW);
        assert!(joined.is_err(), "accepted: {}", testkit::to_hex(&bytes));
    }
    let joined = dave.client.join(&dave.store, welcome, Some(tree), NOW);
    dave.group = Some(dave.save(joined));
    people.push(dave);
    assert_group_works(&mut people);
}

#[test]
fn a_damaged_key_package_is_not_added() {
    for (suite, stride) in STRIDES {
        let people = &mut group(suite, HandshakeFormat::Private);
        let key_package = Person::new("dave", Traits::new(suite)).key_package();
        let message = MlsMessage(MlsMessageBody::KeyPackage(Box::new(key_package.clone())));
        let before = View::of(&mut people[0]);
        let mut add = |key_package: KeyPackage| {
            let options = CommitOptions::new().add_member(key_package);
            let Person { group, random, .. } = &mut people[0];
            group.as_mut().unwrap().commit(options, NOW, random).map(|_| ())
        };
        let mut well_formed = 0;
        for bytes in damaged(&message.to_bytes(), 0, stride) {
            let Ok(MlsMessage(MlsMessageBody::KeyPackage(damaged))) =
                MlsMessage::from_bytes(&bytes)
            else {
                continue;
            };
            well_formed += 1;
            assert!(add(*damaged).is_err(), "accepted: {}", testkit::to_hex(&bytes));
        }
        assert!(well_formed > 100 / stride);
        assert!(View::of(&mut people[0]) == before);
        // What is processed by a group is another matter: a key package is not.
        let processed = people[1].group().process(&message, NOW);
        assert!(matches!(processed, Err(Error::Misuse(mls::Misuse::WrongMessageKind))));
        let sent = people[0].commit_and_advance(CommitOptions::new().add_member(key_package));
        people[1].follow(&sent.commit);
    }
}
