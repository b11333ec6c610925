//! A live group in which something is about to arrive at Bob: the same in each run of a build.
//!
//! Alice, Bob, Carol and Dave are members, a service may propose from outside, Erin and Frank would
//! like to join. Everything is in suite 1. Bob has received one proposal of Dave; Carol's commit
//! covers it, and is what must be accepted whatever came before.

use codec::{Decode, Encode};
use crypto::{Crypto, Secret};
use mls::{
    CipherSuite, CommitOptions, Credential, Extension, ExtensionType, Extensions,
    ExternalJoinOptions, ExternalSender, GroupInfoOptions, GroupParams, GroupStatus,
    HandshakeFormat, MemoryStorage, MlsMessage, MlsMessageBody, PathChoice, Proposal, Propose,
    Received, RowKey, SignatureKeyPair, Signer, external_proposal,
};
use testkit::{AcceptAll, NOW, Person, SeededRandom, Traits};
use tree::rules::LifetimeRules;
use tree::{Checks, PskPurpose, PublicGroup, PublicReceived};

use crate::Outcome;

/// The suite of every scene.
const SUITE: u16 = 1;

/// The id of every scene's group.
pub(crate) const GROUP_ID: &[u8] = b"scene";

/// The id of an external key that everyone has.
const PSK_ID: &[u8] = b"shared";

/// A group, and what is about to happen in it.
pub(crate) struct Scene {
    /// Deviates; knows what a member knows.
    pub(crate) alice: Person,
    bob: Person,
    /// Would like to join; has a key package that nobody has used.
    pub(crate) erin: Person,
    /// Honest messages for Bob, each of which he would accept now.
    pub(crate) messages: Vec<MlsMessage>,
    /// Carol's commit, and the authenticator of the epoch that it makes.
    next: (MlsMessage, Vec<u8>),
    /// Sees what Bob sees, if that is public.
    follower: Option<PublicGroup>,
}

/// Everything of a group that a refused message could have touched.
#[derive(PartialEq, Eq)]
struct View {
    epoch_authenticator: Vec<u8>,
    tree: Vec<u8>,
    pending: usize,
    rows: Vec<(RowKey, Vec<u8>)>,
}

impl View {
    fn of(person: &mut Person) -> Self {
        let rows = rows(&person.store);
        let group = person.group();
        Self {
            epoch_authenticator: group.epoch_authenticator().expose().to_vec(),
            tree: group.ratchet_tree().to_bytes(),
            pending: group.pending_proposals().count(),
            rows,
        }
    }
}

/// All rows of a store.
pub(crate) fn rows(store: &MemoryStorage) -> Vec<(RowKey, Vec<u8>)> {
    store.rows().map(|(key, value)| (key.clone(), Secret::expose(value).to_vec())).collect()
}

fn traits(handshakes: HandshakeFormat) -> Traits {
    let mut traits = Traits::new(SUITE).handshakes(handshakes);
    traits.psks.0.insert(PSK_ID.to_vec(), vec![7; 32]);
    traits
}

/// What the members' settings say, for whoever follows the group.
fn checks() -> Checks<'static> {
    Checks {
        identity: &AcceptAll,
        lifetimes: LifetimeRules::default(),
        now: NOW,
        sending: false,
        psk_purpose: PskPurpose::Ordinary,
    }
}

/// A proposal of a member, saved.
fn propose(person: &mut Person, propose: Propose) -> MlsMessage {
    let Person { group, random, .. } = person;
    let made = group.as_mut().expect("in a group").propose(propose, b"aad", NOW, random);
    person.save(made)
}

/// A GroupInfo with everything in it.
pub(crate) fn group_info(person: &mut Person) -> MlsMessage {
    let options = GroupInfoOptions { ratchet_tree: true, external_pub: true };
    let Person { group, random, .. } = person;
    let made = group.as_ref().expect("in a group").group_info(options, random);
    made.expect("a member describes its group")
}

/// The service that may propose from outside.
fn service() -> (SignatureKeyPair, Extension) {
    let suite = Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(SUITE));
    let suite = suite.expect("the suite is supported");
    let signer = SignatureKeyPair::generate(&suite, &mut SeededRandom::new(9));
    let signer = signer.expect("a key can be made");
    let sender = ExternalSender {
        signature_key: signer.public_key().clone(),
        credential: Credential::basic(b"service"),
    };
    (signer, Extension::new(ExtensionType::EXTERNAL_SENDERS, &vec![sender]))
}

/// The members, in an epoch that Bob has reached by a commit, and a message that comes late.
fn members(handshakes: HandshakeFormat, senders: Extension) -> ([Person; 4], MlsMessage) {
    let new = |name| Person::new(name, traits(handshakes));
    let mut people = ["alice", "bob", "carol", "dave"].map(new);
    let others = people[1..].iter_mut().map(Person::key_package);
    let options = others.fold(CommitOptions::new(), CommitOptions::add_member);
    let params = GroupParams {
        group_id: Some(GROUP_ID.to_vec()),
        extensions: Extensions(vec![senders]),
        ..GroupParams::new(CipherSuite(SUITE))
    };
    let alice = &mut people[0];
    let made = alice.client.create_group(&alice.store, params, NOW, &mut alice.random);
    alice.group = Some(alice.save(made));
    let sent = alice.commit_and_advance(options);
    people[1..].iter_mut().for_each(|person| person.join(&sent.welcomes[0]));
    let late = people[0].say("late");
    let sent = people[3].commit_and_advance(CommitOptions::new());
    people[..3].iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
    (people, late)
}

impl Scene {
    /// A group whose handshake messages are sent so.
    pub(crate) fn new(handshakes: HandshakeFormat) -> Self {
        let (service, senders) = service();
        let ([mut alice, mut bob, mut carol, mut dave], late) = members(handshakes, senders);
        let mut follower = (handshakes == HandshakeFormat::Public).then(|| {
            let MlsMessageBody::GroupInfo(info) = group_info(&mut alice).0 else {
                panic!("a GroupInfo is one")
            };
            let crypto = Crypto::new(crypto_aws_lc::provider());
            let follower = PublicGroup::new(&crypto, &info, None, &checks());
            follower.expect("the group can be followed")
        });
        let hello = alice.say("hello");
        let known = propose(&mut dave, Propose::Update(Default::default()));
        for person in [&mut alice, &mut bob, &mut carol] {
            person.process(&known);
        }
        if let Some(follower) = &mut follower {
            follower.process(&known, &checks()).expect("the proposal is public");
        }
        let mut messages = vec![late, hello];
        messages.extend(commits(&mut alice));
        messages.extend(proposals(&mut alice));
        let mut erin = Person::new("erin", traits(handshakes));
        messages.extend(from_outside(&mut alice, &mut erin, &service));
        let sent = carol.commit_and_advance(CommitOptions::new());
        let authenticator = carol.group().epoch_authenticator().expose().to_vec();
        erin.key_package();
        Self { alice, bob, erin, messages, next: (sent.commit, authenticator), follower }
    }

    /// Bob as he is before anything arrives.
    fn bob(&self) -> Person {
        copy(&self.bob)
    }

    /// Delivers bytes to Bob, and asserts what must hold whatever they are: what is refused leaves
    /// no trace, what is accepted is stored, who follows the group accepts it too, and the group
    /// goes on.
    pub(crate) fn deliver(&self, bytes: &[u8]) -> Outcome {
        let Ok(message) = MlsMessage::from_bytes(bytes) else { return Outcome::Refused };
        let mut bob = self.bob();
        let before = View::of(&mut bob);
        let outcome = match bob.group().process(&message, NOW) {
            Err(error) => {
                assert!(!matches!(error, mls::Error::Storage(_)), "the store is in order: {error}");
                Outcome::Refused
            }
            Ok(effect) => {
                let (received, delta) = effect.into_parts();
                let nothing = matches!(received, Received::OtherEpoch { .. });
                assert!(!nothing || delta.is_empty(), "what is put aside changes nothing");
                mls::Storage::write(&mut bob.store, &delta).expect("memory does not fail");
                if nothing { Outcome::Refused } else { self.accept(&mut bob, &message, received) }
            }
        };
        if outcome == Outcome::Refused {
            assert!(View::of(&mut bob) == before, "refused, but not without a trace");
        }
        self.goes_on(bob);
        outcome
    }

    /// Looks at what was accepted. Bob is as he would be if he dropped a commit.
    fn accept(&self, bob: &mut Person, message: &MlsMessage, received: Received) -> Outcome {
        let is_handshake = matches!(received, Received::Proposal(_) | Received::Commit(_));
        let is_public = matches!(message.0, MlsMessageBody::PublicMessage(_));
        let mut followed = None;
        if let (true, true, Some(follower)) = (is_handshake, is_public, &self.follower) {
            let seen = follower.clone().process(message, &checks());
            followed = Some(seen.expect("what members accept, followers accept"));
        }
        if let Received::Commit(staged) = received {
            let mut after = copy(bob);
            let change = after.advance(*staged);
            let here = after.group().context().clone();
            if let Some(PublicReceived::Commit(staged)) = followed {
                assert!(*staged.next().context() == here, "the follower is elsewhere");
                assert_eq!(staged.change().epoch, change.epoch);
            }
            let authenticator = after.group().epoch_authenticator().duplicate();
            after.restart();
            assert!(*after.group().epoch_authenticator() == authenticator, "stored differently");
            if matches!(after.group().status(), GroupStatus::Active) {
                after.commit_and_advance(CommitOptions::new());
            }
        }
        bob.restart();
        Outcome::Accepted
    }

    /// The next honest commit is followed, to where everyone else is.
    fn goes_on(&self, mut bob: Person) {
        let (commit, authenticator) = &self.next;
        bob.follow(commit);
        assert!(bob.group().epoch_authenticator().expose() == authenticator, "epochs differ");
    }
}

/// A person with a copy of the store, and whatever group it holds.
pub(crate) fn copy(person: &Person) -> Person {
    let Person { client, suite, store, random, .. } = person;
    let (client, store, random) = (client.clone(), store.duplicate(), random.clone());
    let mut copy = Person { client, suite: *suite, store, group: None, random };
    if let Some(group) = &person.group {
        let loaded = copy.client.load_group(&copy.store, group.group_id());
        copy.group = loaded.expect("the store is right");
    }
    copy
}

/// Proposals of every kind.
fn proposals(alice: &mut Person) -> Vec<MlsMessage> {
    let newcomer = Person::new("grace", traits(HandshakeFormat::Public)).key_package();
    let dave = alice.group().members().last().expect("there are members").index;
    let (group_id, extensions) = (alice.group().group_id().to_vec(), alice.group().extensions());
    let extensions = extensions.clone();
    let kinds = [
        Propose::Add(Box::new(newcomer)),
        Propose::Update(Default::default()),
        Propose::Remove(dave),
        Propose::ExternalPsk(PSK_ID.to_vec()),
        Propose::ResumptionPsk { group_id, epoch: 1 },
        Propose::ReInit {
            group_id: b"next".to_vec(),
            cipher_suite: CipherSuite(2),
            extensions: Extensions::default(),
        },
        Propose::GroupContextExtensions(extensions),
    ];
    kinds.map(|kind| propose(alice, kind)).into()
}

/// Commits of every kind: each is a candidate of its own, and none is advanced to.
fn commits(alice: &mut Person) -> Vec<MlsMessage> {
    let newcomer = Person::new("heidi", traits(HandshakeFormat::Public)).key_package();
    let dave = alice.group().members().last().expect("there are members").index;
    let without_path = CommitOptions {
        path: PathChoice::IfRequired,
        only_received: Some(Vec::new()),
        ..CommitOptions::new().propose(Propose::ExternalPsk(PSK_ID.to_vec()))
    };
    let kinds = [
        CommitOptions::new(),
        CommitOptions::new().add_member(newcomer),
        CommitOptions { ignore_received: true, ..CommitOptions::new().remove_member(dave) },
        without_path,
    ];
    kinds.map(|options| alice.commit(options).commit).into()
}

/// What those say who are not members.
fn from_outside(alice: &mut Person, erin: &mut Person, service: &dyn Signer) -> Vec<MlsMessage> {
    let info = group_info(alice);
    let group = alice.group();
    let (suite, context) = (group.suite().clone(), group.context().clone());
    let remove = external_proposal(&suite, &context, (0, service), Proposal::Remove(3), b"aad");
    let mut frank = Person::new("frank", traits(HandshakeFormat::Public));
    let key_package = frank.key_package();
    let asked = frank.client.propose_self(&context, key_package, b"aad");
    let options = ExternalJoinOptions::default();
    let Person { client, store, random, .. } = erin;
    let joining = client.join_external(store, &info, options, NOW, random);
    let (joining, _) = joining.expect("the group lets Erin in").into_parts();
    vec![
        remove.expect("the service proposes"),
        asked.expect("Frank asks to be added"),
        joining.commit,
    ]
}
