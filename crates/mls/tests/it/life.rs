//! The life of a group, from creation to removal, with every member's view compared after each epoch.

use std::sync::Arc;

use crypto_aws_lc::SystemRandom;
use mls::{
    Candidate, CipherSuite, Client, ClientConfig, CommitOptions, Credential, Crypto, EpochChange,
    ExternalJoinOptions, ExternalSender, Group, GroupInfoOptions, GroupParams, HandshakeFormat,
    IdentityPolicy, KeyPackage, KeyPackageOptions, MemoryStorage, MlsMessage, NewCommit, NoPsks,
    Propose, Received, Refusal, Settings, SignatureKeyPair, Signer,
};

const NOW: u64 = 1_800_000_000;

struct AcceptAll;

impl IdentityPolicy for AcceptAll {
    fn validate_leaf(&self, _candidate: &Candidate<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn validate_external_sender(&self, _: &ExternalSender, _: u64) -> Result<(), Refusal> {
        Ok(())
    }
}

struct Person {
    client: Client,
    suite: CipherSuite,
    store: MemoryStorage,
    group: Option<Group>,
}

impl Person {
    fn new(name: &str, suite: CipherSuite, handshakes: HandshakeFormat) -> Self {
        let crypto = Crypto::new(crypto_aws_lc::provider());
        let bound = crypto.suite(suite).unwrap();
        let signer = SignatureKeyPair::generate(&bound, &mut SystemRandom).unwrap();
        let config = ClientConfig {
            crypto,
            credential: Credential::basic(name.as_bytes()),
            signers: vec![Arc::new(signer) as Arc<dyn Signer>],
            identity: Arc::new(AcceptAll),
            psks: Arc::new(NoPsks),
            settings: Settings { handshakes, ..Settings::default() },
        };
        let store = MemoryStorage::new();
        Self { client: Client::new(config), suite, store, group: None }
    }

    fn group(&mut self) -> &mut Group {
        self.group.as_mut().unwrap()
    }

    fn key_package(&mut self) -> KeyPackage {
        let options = KeyPackageOptions::default();
        let made = self.client.key_package(self.suite, options, NOW, &mut SystemRandom).unwrap();
        made.save(&mut self.store).unwrap()
    }

    fn create(&mut self) {
        let params = GroupParams::new(self.suite);
        let made = self.client.create_group(&self.store, params, NOW, &mut SystemRandom).unwrap();
        self.group = Some(made.save(&mut self.store).unwrap());
    }

    fn commit(&mut self, options: CommitOptions) -> NewCommit {
        let made = self.group.as_mut().unwrap().commit(options, NOW, &mut SystemRandom).unwrap();
        made.save(&mut self.store).unwrap()
    }

    fn advance(&mut self, next: impl Into<mls::StagedEpoch>) -> EpochChange {
        let moved = self.group.as_mut().unwrap().advance(next).unwrap();
        moved.save(&mut self.store).unwrap()
    }

    fn process(&mut self, message: &MlsMessage) -> Received {
        let received = self.group.as_mut().unwrap().process(message, NOW).unwrap();
        received.save(&mut self.store).unwrap()
    }

    fn follow(&mut self, message: &MlsMessage) -> EpochChange {
        match self.process(message) {
            Received::Commit(staged) => self.advance(*staged),
            _ => panic!("not a commit"),
        }
    }

    fn join(&mut self, welcome: &MlsMessage) {
        let joined = self.client.join(&self.store, welcome, None, NOW).unwrap();
        self.group = Some(joined.save(&mut self.store).unwrap());
    }

    fn say(&mut self, text: &str) -> MlsMessage {
        let group = self.group.as_mut().unwrap();
        let said = group.protect(text.as_bytes(), b"aad", &mut SystemRandom).unwrap();
        said.save(&mut self.store).unwrap()
    }

    fn hear(&mut self, message: &MlsMessage) -> String {
        match self.process(message) {
            Received::Application(message) => String::from_utf8(message.data).unwrap(),
            _ => panic!("not application data"),
        }
    }

    /// Drops everything in memory and starts again from the store.
    fn restart(&mut self) {
        let group_id = self.group().group_id().to_vec();
        self.group = self.client.load_group(&self.store, &group_id).unwrap();
    }
}

fn agree(people: &mut [&mut Person]) {
    let first = people[0].group().epoch_authenticator().duplicate();
    let tree = people[0].group().ratchet_tree();
    for person in people.iter_mut() {
        assert!(*person.group().epoch_authenticator() == first);
        assert!(person.group().ratchet_tree() == tree);
        // What is stored is what is in memory.
        person.restart();
        assert!(*person.group().epoch_authenticator() == first);
        assert!(person.group().ratchet_tree() == tree);
    }
    for speaker in 0..people.len() {
        let message = people[speaker].say("hello");
        for (listener, person) in people.iter_mut().enumerate() {
            if listener == speaker {
                assert!(matches!(person.process(&message), Received::OwnMessage { .. }));
            } else {
                assert_eq!(person.hear(&message), "hello");
            }
        }
    }
}

fn life(suite: CipherSuite, handshakes: HandshakeFormat) {
    let mut alice = Person::new("alice", suite, handshakes);
    let mut bob = Person::new("bob", suite, handshakes);
    let mut carol = Person::new("carol", suite, handshakes);
    alice.create();
    let options = CommitOptions::new().add(bob.key_package()).add(carol.key_package());
    let made = alice.commit(options);
    assert_eq!(alice.advance(made.pending).added.len(), 2);
    bob.join(&made.welcomes[0].0);
    carol.join(&made.welcomes[0].0);
    agree(&mut [&mut alice, &mut bob, &mut carol]);

    // Bob proposes an update, Carol commits it.
    let propose = Propose::Update(Default::default());
    let proposed = bob.group().propose(propose, b"", NOW, &mut SystemRandom).unwrap();
    let proposed = proposed.save(&mut bob.store).unwrap();
    alice.process(&proposed);
    carol.process(&proposed);
    assert!(alice.group().protect(b"no", b"", &mut SystemRandom).is_err());
    bob.restart();
    alice.restart();
    carol.restart();
    let made = carol.commit(CommitOptions::new());
    assert!(
        matches!(carol.process(&made.commit), Received::OwnCommit(id) if id == made.pending.id())
    );
    alice.follow(&made.commit);
    bob.follow(&made.commit);
    carol.restart();
    let mut pending = {
        let Person { group, store, .. } = &mut carol;
        group.as_ref().unwrap().pending_commits(store).unwrap()
    };
    let change = carol.advance(pending.pop().unwrap());
    assert_eq!(change.updated.len(), 2);
    agree(&mut [&mut alice, &mut bob, &mut carol]);

    // Alice removes Carol, who is told.
    let carols_leaf = carol.group().own_leaf();
    let made = alice.commit(CommitOptions::new().remove(carols_leaf));
    alice.advance(made.pending);
    bob.follow(&made.commit);
    assert!(carol.follow(&made.commit).self_removed);
    assert_eq!(carol.store.rows().count(), 0);
    agree(&mut [&mut alice, &mut bob]);

    // Carol comes back from outside.
    let options = GroupInfoOptions { ratchet_tree: true, external_pub: true };
    let info = bob.group().group_info(options, &mut SystemRandom).unwrap();
    let options = ExternalJoinOptions::default();
    let join = carol.client.join_external(&carol.store, &info, options, NOW, &mut SystemRandom);
    let join = join.unwrap().save(&mut carol.store).unwrap();
    alice.follow(&join.commit);
    bob.follow(&join.commit);
    let joined = carol.client.complete_join(&carol.store, &join.pending).unwrap();
    carol.group = Some(joined.save(&mut carol.store).unwrap());
    agree(&mut [&mut alice, &mut bob, &mut carol]);
}

#[test]
fn three_members_live_through_every_kind_of_change_in_every_suite() {
    for suite in 1..=7 {
        life(CipherSuite(suite), HandshakeFormat::Private);
        life(CipherSuite(suite), HandshakeFormat::Public);
    }
}
