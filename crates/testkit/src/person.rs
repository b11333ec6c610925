//! People in tests: a client with a store and at most one group, and everything they do saved at
//! once.

use std::collections::BTreeMap;
use std::sync::Arc;

use mls::{
    Candidate, CipherSuite, Client, ClientConfig, CommitOptions, Credential, Crypto, Effect,
    EpochChange, Error, ExternalSender, Group, GroupParams, HandshakeFormat, IdentityPolicy,
    KeyPackage, KeyPackageOptions, MemoryStorage, MlsMessage, NewCommit, PskStore, Received,
    Refusal, Secret, Settings, SignatureKeyPair, Signer, StagedEpoch,
};

use crate::SeededRandom;

/// The time at which tests take place, in seconds since 1970.
pub const NOW: u64 = 1_800_000_000;

/// An identity policy that accepts everyone: for tests only, which is why it is here.
pub struct AcceptAll;

impl IdentityPolicy for AcceptAll {
    fn validate_leaf(&self, _candidate: &Candidate<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn validate_external_sender(&self, _: &ExternalSender, _: u64) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Pre-shared keys by id.
#[derive(Default)]
pub struct TestPsks(pub BTreeMap<Vec<u8>, Vec<u8>>);

impl PskStore for TestPsks {
    fn external(&self, psk_id: &[u8]) -> Option<Secret> {
        self.0.get(psk_id).map(|psk| Secret::from_slice(psk))
    }
}

/// A client, its store, and at most one group. Every effect is saved where it arises.
pub struct Person {
    /// The client.
    pub client: Client,
    /// The suite of its groups.
    pub suite: CipherSuite,
    /// What a crash would leave.
    pub store: MemoryStorage,
    /// The group, once there is one.
    pub group: Option<Group>,
    /// Randomness that follows from the name.
    pub random: SeededRandom,
}

/// How a person differs from the ordinary.
pub struct Traits {
    /// The suite.
    pub suite: CipherSuite,
    /// The settings.
    pub settings: Settings,
    /// The backend.
    pub crypto: Crypto,
    /// The identity policy.
    pub identity: Arc<dyn IdentityPolicy>,
    /// The pre-shared keys.
    pub psks: TestPsks,
}

impl Traits {
    /// Default settings on the default backend, accepting everyone.
    #[must_use]
    pub fn new(suite: u16) -> Self {
        Self {
            suite: CipherSuite(suite),
            settings: Settings::default(),
            crypto: Crypto::new(crypto_aws_lc::provider()),
            identity: Arc::new(AcceptAll),
            psks: TestPsks::default(),
        }
    }

    /// The same with this form of handshake messages.
    #[must_use]
    pub fn handshakes(mut self, handshakes: HandshakeFormat) -> Self {
        self.settings.handshakes = handshakes;
        self
    }
}

/// A seed that follows from a name.
fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Everything here panics where an operation fails: a test that expects failure calls the client or
/// group itself.
impl Person {
    /// A person of this name with a basic credential of the same name.
    #[must_use]
    pub fn new(name: &str, traits: Traits) -> Self {
        let mut random = SeededRandom::new(seed(name));
        let suite = traits.crypto.suite(traits.suite).expect("the suite is supported");
        let signer = SignatureKeyPair::generate(&suite, &mut random).expect("a key can be made");
        let client = Client::new(ClientConfig {
            crypto: traits.crypto,
            credential: Credential::basic(name.as_bytes()),
            signers: vec![Arc::new(signer) as Arc<dyn Signer>],
            identity: traits.identity,
            psks: Arc::new(traits.psks),
            settings: traits.settings,
        });
        let suite = traits.suite;
        Self { client, suite, store: MemoryStorage::new(), group: None, random }
    }

    /// The group.
    pub fn group(&mut self) -> &mut Group {
        self.group.as_mut().expect("the person is in a group")
    }

    /// The signer of the person's leaves.
    #[must_use]
    pub fn signer(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.client.config().signers[0])
    }

    /// Saves an effect and hands its output over.
    pub fn save<T>(&mut self, effect: Result<Effect<T>, Error>) -> T {
        let effect = effect.expect("the operation succeeds");
        effect.save(&mut self.store).expect("memory does not fail")
    }

    /// A new key package.
    pub fn key_package(&mut self) -> KeyPackage {
        let options = KeyPackageOptions::default();
        let made = self.client.key_package(self.suite, options, NOW, &mut self.random);
        self.save(made)
    }

    /// Creates a group.
    pub fn create(&mut self) {
        let params = GroupParams::new(self.suite);
        let made = self.client.create_group(&self.store, params, NOW, &mut self.random);
        self.group = Some(self.save(made));
    }

    /// Makes a commit.
    pub fn commit(&mut self, options: CommitOptions) -> NewCommit {
        let Self { group, random, .. } = self;
        let made = group.as_mut().expect("in a group").commit(options, NOW, random);
        self.save(made)
    }

    /// Moves to the next epoch.
    pub fn advance(&mut self, next: impl Into<StagedEpoch>) -> EpochChange {
        let moved = self.group().advance(next);
        self.save(moved)
    }

    /// Makes a commit and moves on at once, as if it had been accepted.
    pub fn commit_and_advance(&mut self, options: CommitOptions) -> NewCommitSent {
        let NewCommit { pending, commit, welcomes, group_info } = self.commit(options);
        let change = self.advance(pending);
        let welcomes = welcomes.into_iter().map(|(welcome, _)| welcome).collect();
        NewCommitSent { commit, welcomes, group_info, change }
    }

    /// Processes a message that must be in order.
    pub fn process(&mut self, message: &MlsMessage) -> Received {
        let received = self.group().process(message, NOW);
        self.save(received)
    }

    /// Processes a commit and moves on.
    pub fn follow(&mut self, message: &MlsMessage) -> EpochChange {
        match self.process(message) {
            Received::Commit(staged) => self.advance(*staged),
            _ => panic!("not a commit"),
        }
    }

    /// Joins by a Welcome with the tree inside.
    pub fn join(&mut self, welcome: &MlsMessage) {
        let joined = self.client.join(&self.store, welcome, None, NOW);
        self.group = Some(self.save(joined));
    }

    /// Encrypts a text.
    pub fn say(&mut self, text: &str) -> MlsMessage {
        let Self { group, random, .. } = self;
        let said = group.as_mut().expect("in a group").protect(text.as_bytes(), b"aad", random);
        self.save(said)
    }

    /// Decrypts a text.
    pub fn hear(&mut self, message: &MlsMessage) -> String {
        match self.process(message) {
            Received::Application(message) => {
                String::from_utf8(message.data).expect("what was said is text")
            }
            _ => panic!("not application data"),
        }
    }

    /// Drops everything in memory and starts again from the store.
    pub fn restart(&mut self) {
        let group_id = self.group().group_id().to_vec();
        let loaded = self.client.load_group(&self.store, &group_id).expect("the store is right");
        self.group = loaded;
    }
}

/// A commit that was made and advanced to.
pub struct NewCommitSent {
    /// The commit, for the other members.
    pub commit: MlsMessage,
    /// For new members.
    pub welcomes: Vec<MlsMessage>,
    /// If it was asked for.
    pub group_info: Option<MlsMessage>,
    /// What changed.
    pub change: EpochChange,
}

/// A group whose members are these, made by the first.
#[must_use]
pub fn group_of(names: &[&str], traits: impl Fn() -> Traits) -> Vec<Person> {
    let mut people: Vec<_> = names.iter().map(|name| Person::new(name, traits())).collect();
    let Some((first, others)) = people.split_first_mut() else { return people };
    first.create();
    if !others.is_empty() {
        let adds = others.iter_mut().map(Person::key_package);
        let options = adds.fold(CommitOptions::new(), CommitOptions::add_member);
        let sent = first.commit_and_advance(options);
        others.iter_mut().for_each(|other| other.join(&sent.welcomes[0]));
    }
    people
}

/// Asserts that all see the same epoch, in memory and in their stores, and hear each other.
///
/// # Panics
/// If they do not.
pub fn assert_agreement(people: &mut [&mut Person]) {
    let first = people[0].group().epoch_authenticator().duplicate();
    let tree = people[0].group().ratchet_tree();
    for person in people.iter_mut() {
        for _ in ["in memory", "in the store"] {
            assert!(*person.group().epoch_authenticator() == first, "epochs differ");
            assert!(person.group().ratchet_tree() == tree, "trees differ");
            person.restart();
        }
    }
    for speaker in 0..people.len() {
        let message = people[speaker].say("hello");
        for (listener, person) in people.iter_mut().enumerate() {
            if listener == speaker {
                let echo = person.process(&message);
                assert!(matches!(echo, Received::OwnMessage { .. }), "the echo is not recognised");
            } else {
                assert_eq!(person.hear(&message), "hello");
            }
        }
    }
}
