//! Proposals from outside the group (RFC 9420, section 12.1.8).

use mls::{
    CipherSuite, CommitOptions, Credential, Extension, ExtensionType, Extensions, ExternalSender,
    GroupParams, KeyPackage, MlsMessage, Proposal, ProposalSender, Propose, PskKind, ReInit,
    Received, SignatureKeyPair, Signer, external_proposal,
};
use testkit::{NOW, Person, SeededRandom, TestPsks, Traits};
use wire::{PreSharedKeyId, ProtocolVersion};

use crate::features_world::{FORMS, agree, commit_to_all, leaf_of};
use crate::rules_refusal::{broken, refusal};

/// A group whose `external_senders` has these keys.
pub(crate) fn group_with_senders(
    senders: &[&SignatureKeyPair],
    traits: impl Fn() -> Traits,
) -> Vec<Person> {
    let senders: Vec<_> = senders
        .iter()
        .map(|signer| ExternalSender {
            signature_key: signer.public_key().clone(),
            credential: Credential::basic(b"the server"),
        })
        .collect();
    let extension = Extension::new(ExtensionType::EXTERNAL_SENDERS, &senders);
    let mut people: Vec<_> =
        ["alice", "bob", "carol"].map(|name| Person::new(name, traits())).into();
    let params =
        GroupParams { extensions: Extensions(vec![extension]), ..GroupParams::new(CipherSuite(1)) };
    let Person { client, store, random, .. } = &mut people[0];
    let made = client.create_group(store, params, NOW, random);
    people[0].group = Some(people[0].save(made));
    let adds = people[1..].iter_mut().map(Person::key_package).collect::<Vec<_>>();
    let options = adds.into_iter().fold(CommitOptions::new(), CommitOptions::add_member);
    let sent = people[0].commit_and_advance(options);
    people[1..].iter_mut().for_each(|person| person.join(&sent.welcomes[0]));
    people
}

/// A signature key of suite 1.
pub(crate) fn signer(seed: u64) -> SignatureKeyPair {
    let suite = Traits::new(1).crypto.suite(CipherSuite(1)).unwrap();
    SignatureKeyPair::generate(&suite, &mut SeededRandom::new(seed)).unwrap()
}

/// A proposal of the external sender at a place.
pub(crate) fn external(
    person: &mut Person,
    sender: (u32, &SignatureKeyPair),
    proposal: Proposal,
) -> MlsMessage {
    let group = person.group();
    let sender = (sender.0, sender.1 as &dyn Signer);
    external_proposal(group.suite(), group.context(), sender, proposal, b"from outside").unwrap()
}

fn traits() -> Traits {
    let psks = TestPsks([(b"psk".to_vec(), b"value".to_vec())].into());
    Traits { psks, ..Traits::new(1) }
}

fn psk() -> Proposal {
    let kind = PskKind::External { psk_id: b"psk".as_slice().into() };
    Proposal::PreSharedKey(PreSharedKeyId { kind, psk_nonce: vec![9; 32].into() })
}

fn reinit() -> Proposal {
    Proposal::ReInit(ReInit {
        group_id: b"next".as_slice().into(),
        version: ProtocolVersion::MLS10,
        cipher_suite: CipherSuite(1),
        extensions: Extensions::default(),
    })
}

#[test]
fn an_external_sender_proposes_the_five_kinds_it_may() {
    for handshakes in FORMS {
        let server = signer(1);
        let mut dave = Person::new("dave", traits());
        let add: KeyPackage = dave.key_package();
        let proposals: [fn(KeyPackage) -> Proposal; 5] = [
            |add| Proposal::Add(Box::new(add)),
            |_| Proposal::Remove(2),
            |_| psk(),
            |_| reinit(),
            |_| Proposal::GroupContextExtensions(Extensions::default()),
        ];
        for (kind, proposal) in proposals.into_iter().enumerate() {
            let mut people = group_with_senders(&[&server], || traits().handshakes(handshakes));
            let message = external(&mut people[0], (0, &server), proposal(add.clone()));
            for person in &mut people {
                let Received::Proposal(received) = person.process(&message) else {
                    panic!("not a proposal")
                };
                assert_eq!(received.sender, ProposalSender::External(0));
                assert_eq!(received.authenticated_data, b"from outside");
                person.restart();
            }
            let made = people[1].commit(CommitOptions::new());
            let change = people[1].advance(made.pending);
            for index in [0, 2] {
                people[index].follow(&made.commit);
            }
            let happened = [
                change.added.len() == 1,
                change.removed.len() == 1,
                change.psks.len() == 1,
                change.reinit.is_some(),
                change.extensions_changed,
            ];
            assert!(happened[kind], "kind {kind}");
            assert_eq!(happened.iter().filter(|it| **it).count(), 1, "and nothing else");
        }
    }
}

#[test]
fn an_external_sender_may_not_propose_anything_else() {
    let server = signer(1);
    let mut people = group_with_senders(&[&server], traits);
    let leaf = (*people[1].group().member(1).unwrap().leaf).clone();
    for proposal in [
        Proposal::Update(Box::new(leaf)),
        Proposal::ExternalInit(vec![0; 32].into()),
        Proposal::Other(mls::ProposalType(0xf000), b"own".as_slice().into()),
    ] {
        let message = external(&mut people[0], (0, &server), proposal);
        let rule = broken(refusal(&mut people[1], &message));
        let expected = tree::Violation::ExternalSenderProposal;
        assert_eq!(rule, mls::BrokenRule::Tree(expected, None));
    }
    agree(&mut people);
}

#[test]
fn a_client_proposes_to_add_itself() {
    for handshakes in FORMS {
        let traits = || traits().handshakes(handshakes);
        let mut people = testkit::group_of(&["alice", "bob"], traits);
        let mut carol = Person::new("carol", traits());
        let key_package = carol.key_package();
        let context = people[0].group().context().clone();
        let message = carol.client.propose_self(&context, key_package, b"hello").unwrap();
        for person in &mut people {
            let Received::Proposal(received) = person.process(&message) else {
                panic!("not a proposal")
            };
            assert_eq!(received.sender, ProposalSender::NewMember);
            person.restart();
        }
        let sent = commit_to_all(&mut people, 1, CommitOptions::new());
        assert_eq!(sent.change.added.len(), 1);
        carol.join(&sent.welcomes[0]);
        people.push(carol);
        agree(&mut people);
    }
}

/// The list of external senders can change, and so do the indices.
#[test]
fn the_list_of_external_senders_is_that_of_the_epoch() {
    let (first, second) = (signer(1), signer(2));
    let mut people = group_with_senders(&[&first, &second], traits);
    let carol = leaf_of(&people[2]);
    let remove = Proposal::Remove(carol.as_u32());
    let message = external(&mut people[0], (1, &second), remove.clone());
    assert!(matches!(people[1].process(&message), Received::Proposal(_)));
    let only = ExternalSender {
        signature_key: second.public_key().clone(),
        credential: Credential::basic(b"the server"),
    };
    let extension = Extension::new(ExtensionType::EXTERNAL_SENDERS, &vec![only]);
    let change = Propose::GroupContextExtensions(Extensions(vec![extension]));
    let options = CommitOptions { ignore_received: true, ..CommitOptions::new() };
    commit_to_all(&mut people, 0, options.propose(change));
    let message = external(&mut people[0], (1, &second), remove.clone());
    let rule = broken(refusal(&mut people[1], &message));
    assert_eq!(rule, mls::BrokenRule::Group(mls::Violation::ExternalSenderUnknown));
    let message = external(&mut people[0], (0, &second), remove);
    assert!(matches!(people[1].process(&message), Received::Proposal(_)));
}
