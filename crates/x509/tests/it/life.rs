//! Groups whose members have certificates, in suites with every algorithm that certificates know
//! here.

use std::sync::Arc;

use crypto_aws_lc::SystemRandom;
use mls::{
    Client, ClientConfig, CommitOptions, Error, Extension, ExtensionType, Extensions,
    ExternalJoinOptions, ExternalSender, GroupInfoOptions, HandshakeFormat, IdentityPolicy,
    LeafChanges, MlsMessage, Propose, Received,
};
use testkit::{AcceptAll, NOW, Person, Traits, assert_agreement};
use x509::{Violation, X509Policy};

use crate::pki::{Authority, ClientKey, HALF_YEAR, policy, valid};

/// An authority, a suite, and how handshakes travel.
struct Town {
    suite: u16,
    handshakes: HandshakeFormat,
    authority: Authority,
    policy: Arc<X509Policy>,
}

impl Town {
    fn new(suite: u16, handshakes: HandshakeFormat) -> Self {
        let root = Authority::root("Root", suite);
        let authority = root.authority("Authority");
        let policy = Arc::new(policy(&root));
        Self { suite, handshakes, authority, policy }
    }

    /// Of this name, with a new key of this number.
    fn chain(&self, name: &str, number: u64) -> (ClientKey, Vec<Vec<u8>>) {
        let key = ClientKey::new(self.suite, number);
        let certificate = self.authority.certify(&key, &format!("im:{name}@example.com"));
        (key, vec![certificate, self.authority.der.clone()])
    }

    fn person(&self, name: &str, number: u64) -> Person {
        let (key, chain) = self.chain(name, number);
        self.person_with(name, &key, chain)
    }

    fn person_with(&self, name: &str, key: &ClientKey, chain: Vec<Vec<u8>>) -> Person {
        let mut traits = Traits::new(self.suite).handshakes(self.handshakes);
        traits.identity = Arc::clone(&self.policy) as Arc<dyn IdentityPolicy>;
        let mut person = Person::new(name, traits);
        change(&mut person, |config| {
            config.credential = x509::credential(chain);
            config.signers = vec![Arc::clone(&key.signer)];
        });
        person
    }

    /// A group with these members, made by the first; their keys are numbered from 1.
    fn group(&self, names: &[&str]) -> Vec<Person> {
        let numbered = (1..).zip(names);
        let mut people: Vec<_> = numbered.map(|(number, name)| self.person(name, number)).collect();
        people[0].create();
        let key_packages: Vec<_> = people[1..].iter_mut().map(Person::key_package).collect();
        let options =
            key_packages.into_iter().fold(CommitOptions::new(), CommitOptions::add_member);
        let sent = people[0].commit_and_advance(options);
        people[1..].iter_mut().for_each(|person| person.join(&sent.welcomes[0]));
        people
    }
}

/// Changes how a person is configured, from now on and for groups that are loaded again.
fn change(person: &mut Person, change: impl FnOnce(&mut ClientConfig)) {
    let mut config = person.client.config().clone();
    change(&mut config);
    person.client = Client::new(config);
}

/// A new certificate and key for the leaf; the person's next sessions have them too.
fn renewal(person: &mut Person, (key, chain): (ClientKey, Vec<Vec<u8>>)) -> LeafChanges {
    let credential = x509::credential(chain);
    change(person, |config| {
        config.credential = credential.clone();
        config.signers.insert(0, Arc::clone(&key.signer));
    });
    LeafChanges { credential: Some(credential), signer: Some(key.signer), extensions: None }
}

fn proposes(person: &mut Person, propose: Propose) -> MlsMessage {
    let proposed = person.group().propose(propose, b"", NOW, &mut SystemRandom);
    person.save(proposed)
}

fn group_info(person: &mut Person) -> MlsMessage {
    let options = GroupInfoOptions { ratchet_tree: true, external_pub: true };
    person.group().group_info(options, &mut SystemRandom).unwrap()
}

/// Joins from outside; the others follow.
fn comes_from_outside(person: &mut Person, info: &MlsMessage, resync: bool) -> MlsMessage {
    let options = ExternalJoinOptions { resync, ..Default::default() };
    let join = person.client.join_external(&person.store, info, options, NOW, &mut SystemRandom);
    let join = person.save(join);
    let group = person.client.complete_join(&person.store, &join.pending);
    person.group = Some(person.save(group));
    join.commit
}

fn assert_refused<T>(result: Result<T, Error>, violation: Violation) {
    match result.err().expect("it is refused") {
        Error::Refused(refusal) => assert!(refusal.0.contains(violation.rule()), "{refusal}"),
        other => panic!("refused for another reason: {other}"),
    }
}

fn life(suite: u16, handshakes: HandshakeFormat) {
    let town = Town::new(suite, handshakes);
    let mut people = town.group(&["alice", "bob", "carol"]);
    let [alice, bob, carol] = &mut people[..] else { panic!("three people") };
    assert_agreement(&mut [alice, bob, carol]);

    // Bob renews his certificate by a proposal that Carol commits.
    let new = renewal(bob, town.chain("bob", 12));
    let new_credential = new.credential.clone();
    let update = proposes(bob, Propose::Update(new));
    alice.process(&update);
    carol.process(&update);
    let sent = carol.commit_and_advance(CommitOptions::new());
    assert_eq!(sent.change.updated.len(), 2);
    alice.follow(&sent.commit);
    bob.follow(&sent.commit);
    let bobs_leaf = bob.group().own_leaf();
    let leaf_of_bob = alice.group().member(bobs_leaf.as_u32()).unwrap().leaf;
    assert_eq!(Some(&leaf_of_bob.credential), new_credential.as_ref());
    assert_agreement(&mut [alice, bob, carol]);

    // Alice renews hers by the path of her own commit.
    let leaf = renewal(alice, town.chain("alice", 11));
    let sent = alice.commit_and_advance(CommitOptions { leaf, ..CommitOptions::new() });
    bob.follow(&sent.commit);
    carol.follow(&sent.commit);
    assert_agreement(&mut [alice, bob, carol]);

    // Dave comes from outside, and Carol over her former self, with a new certificate.
    let mut dave = town.person("dave", 4);
    let info = group_info(alice);
    let commit = comes_from_outside(&mut dave, &info, false);
    for person in [&mut *alice, &mut *bob, &mut *carol] {
        person.follow(&commit);
    }
    assert_agreement(&mut [alice, bob, carol, &mut dave]);
    let _ = renewal(carol, town.chain("carol", 13));
    let info = group_info(bob);
    let commit = comes_from_outside(carol, &info, true);
    let change = [&mut *alice, &mut *bob, &mut dave].map(|person| person.follow(&commit));
    assert_eq!((change[0].removed.len(), change[0].added.len()), (1, 1));
    assert_agreement(&mut [alice, bob, carol, &mut dave]);

    // Dave is removed.
    let daves_leaf = dave.group().own_leaf();
    let sent = bob.commit_and_advance(CommitOptions::new().remove_member(daves_leaf));
    alice.follow(&sent.commit);
    carol.follow(&sent.commit);
    assert!(dave.follow(&sent.commit).self_removed);
    assert_agreement(&mut [alice, bob, carol]);
}

#[test]
fn people_with_certificates_live_through_every_kind_of_change() {
    for suite in [1, 2, 5, 7] {
        life(suite, HandshakeFormat::Private);
        life(suite, HandshakeFormat::Public);
    }
}

/// What a certified member does whose own policy minds nothing.
fn deviates(person: &mut Person) {
    change(person, |config| config.identity = Arc::new(AcceptAll));
    person.restart();
}

#[test]
fn a_member_does_not_become_somebody_else() {
    let town = Town::new(1, HandshakeFormat::Private);
    let mut people = town.group(&["alice", "bob", "mallory"]);
    let [alice, bob, mallory] = &mut people[..] else { panic!("three people") };
    // Mallory really is certified as Eve too.
    let update = LeafChanges {
        credential: Some(x509::credential(town.chain("eve", 20).1)),
        signer: Some(town.chain("eve", 20).0.signer),
        extensions: None,
    };
    let honest = mallory.group().commit(
        CommitOptions { leaf: update.clone(), ..CommitOptions::new() },
        NOW,
        &mut SystemRandom,
    );
    assert_refused(honest, Violation::OtherIdentity);
    deviates(mallory);

    // As the path of a commit.
    let made = mallory.commit(CommitOptions { leaf: update.clone(), ..CommitOptions::new() });
    assert_refused(alice.group().process(&made.commit, NOW), Violation::OtherIdentity);
    assert_refused(bob.group().process(&made.commit, NOW), Violation::OtherIdentity);
    let discarded = mallory.group().discard(made.pending);
    mallory.save(Ok(discarded));
    assert_agreement(&mut [alice, bob, mallory]);

    // As a proposal, which an honest member does not take, so that it does not follow who commits
    // it.
    deviates(bob);
    let proposal = proposes(mallory, Propose::Update(update));
    assert_refused(alice.group().process(&proposal, NOW), Violation::OtherIdentity);
    bob.process(&proposal);
    let made = bob.commit(CommitOptions::new());
    assert!(alice.group().process(&made.commit, NOW).is_err());
    let sent = alice.commit_and_advance(CommitOptions::new());
    bob.follow(&sent.commit);
    mallory.follow(&sent.commit);
    assert_agreement(&mut [alice, bob, mallory]);
}

#[test]
fn nobody_is_added_without_a_certificate_that_is_good() {
    let town = Town::new(2, HandshakeFormat::Private);
    let mut people = town.group(&["alice", "bob"]);
    let [alice, bob] = &mut people[..] else { panic!("two people") };
    let key = ClientKey::new(2, 30);
    let stranger = Authority::root("Stranger", 2);
    let expired = town.authority.certify_with(&key, "im:carol@example.com", |params| {
        valid(params, NOW - HALF_YEAR, NOW - 1);
    });
    let for_other = town.chain("carol", 31).1;
    let cases = [
        (vec![stranger.certify(&key, "im:carol@example.com")], Violation::UnknownIssuer),
        (vec![expired, town.authority.der.clone()], Violation::Expired),
        (for_other, Violation::WrongKey),
        (vec![], Violation::EmptyChain),
    ];
    deviates(bob);
    for (chain, violation) in cases {
        let mut carol = town.person_with("carol", &key, chain);
        deviates_before_joining(&mut carol);
        let mut add = || CommitOptions::new().add_member(carol.key_package());
        assert_refused(alice.group().commit(add(), NOW, &mut SystemRandom), violation);
        // Bob, who would not mind, adds her; Alice minds.
        let made = bob.commit(add());
        assert_refused(alice.group().process(&made.commit, NOW), violation);
        let discarded = bob.group().discard(made.pending);
        bob.save(Ok(discarded));
        // Nor does she come from outside.
        let info = group_info(alice);
        let commit = comes_from_outside(&mut carol, &info, false);
        assert_refused(alice.group().process(&commit, NOW), violation);
    }
    assert_agreement(&mut [alice, bob]);
}

fn deviates_before_joining(person: &mut Person) {
    change(person, |config| config.identity = Arc::new(AcceptAll));
}

#[test]
fn nobody_joins_a_group_with_a_member_whose_certificate_is_not_good() {
    let town = Town::new(1, HandshakeFormat::Private);
    let stranger = Authority::root("Stranger", 1);
    let key = ClientKey::new(1, 40);
    let mut mallory =
        town.person_with("mallory", &key, vec![stranger.certify(&key, "im:mallory@example.com")]);
    deviates_before_joining(&mut mallory);
    mallory.create();
    let mut alice = town.person("alice", 1);
    let sent = mallory.commit_and_advance(CommitOptions::new().add_member(alice.key_package()));
    let joined = alice.client.join(&alice.store, &sent.welcomes[0], None, NOW);
    assert_refused(joined, Violation::UnknownIssuer);
    let info = group_info(&mut mallory);
    let options = ExternalJoinOptions::default();
    let joined = alice.client.join_external(&alice.store, &info, options, NOW, &mut SystemRandom);
    assert_refused(joined, Violation::UnknownIssuer);
}

#[test]
fn a_former_self_is_replaced_by_the_same_identity_only() {
    let town = Town::new(7, HandshakeFormat::Public);
    let mut people = town.group(&["alice", "bob"]);
    let [alice, bob] = &mut people[..] else { panic!("two people") };
    // Bob's key was stolen by Eve, who has a certificate of her own for another key.
    let mut eve = town.person("eve", 50);
    deviates_before_joining(&mut eve);
    change(&mut eve, |config| config.signers.extend(bob.client.config().signers.clone()));
    let info = group_info(alice);
    let commit = comes_from_outside(&mut eve, &info, true);
    assert_refused(alice.group().process(&commit, NOW), Violation::OtherIdentity);
    assert_agreement(&mut [alice, bob]);
}

/// A commit that sets the external senders of a group.
fn senders(sender: &ExternalSender) -> CommitOptions {
    let senders = mls::Encode::to_bytes(&vec![sender.clone()]);
    let extension = Extension {
        extension_type: ExtensionType::EXTERNAL_SENDERS,
        extension_data: senders.into(),
    };
    let extensions = Extensions(vec![extension]);
    CommitOptions::new().propose(Propose::GroupContextExtensions(extensions))
}

#[test]
fn external_senders_of_a_group_have_certificates_too() {
    let town = Town::new(2, HandshakeFormat::Private);
    let mut people = town.group(&["alice", "bob"]);
    let [alice, bob] = &mut people[..] else { panic!("two people") };
    let (key, chain) = town.chain("server", 60);
    let good = ExternalSender {
        signature_key: key.public().clone(),
        credential: x509::credential(chain.clone()),
    };
    let bad = ExternalSender {
        signature_key: ClientKey::new(2, 61).public().clone(),
        credential: x509::credential(chain),
    };
    let refused = alice.group().commit(senders(&bad), NOW, &mut SystemRandom);
    assert_refused(refused, Violation::WrongKey);
    let sent = alice.commit_and_advance(senders(&good));
    bob.follow(&sent.commit);
    assert_agreement(&mut [alice, bob]);
}

#[test]
fn a_member_stays_until_removed_when_its_certificate_expires() {
    let town = Town::new(1, HandshakeFormat::Private);
    let mut people = town.group(&["alice", "bob"]);
    let [alice, bob] = &mut people[..] else { panic!("two people") };
    let later = NOW + HALF_YEAR + 1;
    // Bob commits although his certificate has expired, and Alice follows: it is the same
    // certificate.
    let made = bob.group().commit(CommitOptions::new(), later, &mut SystemRandom);
    let made = bob.save(made);
    let processed = alice.group().process(&made.commit, later);
    let Received::Commit(staged) = alice.save(processed) else { panic!("not a commit") };
    alice.advance(*staged);
    bob.advance(made.pending);
    // Alice finds out by looking, and removes him.
    let index = bob.group().own_leaf();
    let leaf = alice.group().member(index.as_u32()).unwrap().leaf.clone();
    let found = town.policy.verify(&leaf.credential, &leaf.signature_key, later);
    assert_eq!(
        found,
        Err(x509::Error::Violation { violation: Violation::Expired, certificate: Some(0) })
    );
    let sent = alice.commit_and_advance(CommitOptions::new().remove_member(index));
    assert!(bob.follow(&sent.commit).self_removed);
}
