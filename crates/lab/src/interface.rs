//! One small interface over group key agreements, from a *member's* point of view.
//!
//! It is object-safe, so that a group key agreement is chosen by a value when a group is created.
//! Messages are bytes, randomness is an argument. The delivery service's promise is assumed: all
//! members process the same messages in the same order, whoever sent one takes it back from there
//! like everybody else, and what was sent but not processed never happened. So several members may
//! send in one epoch; one message wins, or, where the protocol can, all are merged.

use std::fmt;
use std::sync::Arc;

use crypto::{CipherSuite, Crypto, CryptoError, Random, Secret, Suite};

use crate::mkem::Mkem;
use crate::rfc9420::Rfc9420;
use crate::{Counter, Ops, ops::CountingProvider};

/// The group key agreements that a group can be created with. Every scenario, measurement and table
/// goes through this list.
pub const PROTOCOLS: &[&dyn Protocol] = &[
    &Mkem::SHARED_EPHEMERAL,
    &Mkem::HPKE,
    &crate::art::prototype::Prototype,
    &crate::art::DRAFT01,
    &crate::art::MODERN,
    &crate::treekem2018::DRAFT01,
    &Rfc9420,
];

/// The group key agreement of this name.
#[must_use]
pub fn protocol(name: &str) -> Option<&'static dyn Protocol> {
    PROTOCOLS.iter().copied().find(|protocol| protocol.name() == name)
}

/// Why an operation did not succeed. Nothing of the member's state has changed.
#[derive(Debug)]
pub enum Failure {
    /// A primitive failed.
    Crypto(CryptoError),
    /// The message cannot be read: its bytes, its keys or its tags are wrong.
    Message(String),
    /// The caller asked for something that makes no sense, such as removing an empty slot.
    Misuse(&'static str),
    /// Messages of one epoch cannot be merged in this protocol.
    NotMergeable,
    /// The member is not in the group any more.
    Removed,
    /// This protocol has no such operation.
    Unsupported,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crypto(error) => write!(formatter, "a primitive failed: {error}"),
            Self::Message(what) => write!(formatter, "a message was refused: {what}"),
            Self::Misuse(what) => formatter.write_str(what),
            Self::NotMergeable => formatter.write_str("messages of one epoch cannot be merged"),
            Self::Removed => formatter.write_str("not a member any more"),
            Self::Unsupported => formatter.write_str("the protocol has no such operation"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<CryptoError> for Failure {
    fn from(error: CryptoError) -> Self {
        Self::Crypto(error)
    }
}

/// What everybody in one experiment computes with: a cipher suite whose operations are counted.
#[derive(Clone)]
pub struct Tools {
    suite: Suite,
    crypto: Crypto,
    counter: Arc<Counter>,
}

impl Tools {
    /// Suite 1 of RFC 9420 (X25519, AES-128-GCM, SHA-256, Ed25519) on the native backend, and a
    /// counter of its own.
    pub fn new() -> Result<Self, Failure> {
        Self::with_suite(CipherSuite(1))
    }

    /// The same for another suite.
    pub fn with_suite(id: CipherSuite) -> Result<Self, Failure> {
        let counter = Arc::new(Counter::default());
        let provider = CountingProvider::new(crypto_aws_lc::provider(), id, Arc::clone(&counter));
        let crypto = Crypto::new(Arc::new(provider));
        let suite = crypto.suite(id).ok_or(CryptoError::Unsupported)?;
        Ok(Self { suite, crypto, counter })
    }

    /// The suite; whatever is computed through it or its provider is counted.
    #[must_use]
    pub fn suite(&self) -> &Suite {
        &self.suite
    }

    /// The same suite, and no other, for what chooses suites itself.
    #[must_use]
    pub fn crypto(&self) -> &Crypto {
        &self.crypto
    }

    /// The counter, to report operations to that do not go through the suite.
    #[must_use]
    pub fn counter(&self) -> &Counter {
        &self.counter
    }

    /// What `work` returns and which operations it took. Nobody else may be at work with the same
    /// tools meanwhile.
    pub fn measure<T>(&self, work: impl FnOnce() -> T) -> (T, Ops) {
        let before = self.counter.read();
        let result = work();
        (result, self.counter.read() - before)
    }
}

/// A group key agreement.
pub trait Protocol: Send + Sync {
    /// A short name: lower-case letters, digits and hyphens.
    fn name(&self) -> &'static str;

    /// One line for tables: what it is and where it is from.
    fn title(&self) -> &'static str;

    /// Whether members can be added and removed. Without, [`Member::add`] and [`Member::remove`]
    /// answer [`Failure::Unsupported`].
    fn is_dynamic(&self) -> bool {
        true
    }

    /// Whether [`Member::merge`] takes several messages of one epoch.
    fn is_mergeable(&self) -> bool {
        false
    }

    /// Somebody who is in no group yet: makes long-term and one-time keys. `identity` is their
    /// name, of four bytes; it is all that tells them from others.
    fn newcomer(
        &self,
        tools: &Tools,
        identity: u32,
        random: &mut dyn Random,
    ) -> Result<Box<dyn Newcomer>, Failure>;

    /// A group of `size` members at slots `0..size` in which everybody has updated since joining,
    /// written down directly instead of lived through: it must be a state that a life could have
    /// led to. Members are made of it one by one, so that groups of 100,000 can be looked at.
    fn warm(
        &self,
        tools: &Tools,
        size: u32,
        random: &mut dyn Random,
    ) -> Result<Box<dyn WarmGroup>, Failure>;

    /// An attacker who holds the spoils of some members' states, has read no message since, and
    /// now reads the wire. It does whatever the keys allow, without regard to rules, members that
    /// were removed included.
    fn adversary(&self, tools: &Tools, loot: Vec<Loot>) -> Result<Box<dyn Adversary>, Failure>;
}

/// Somebody who can create a group or be brought into one.
pub trait Newcomer: Send {
    /// What is published so that others can add the newcomer: public keys, signed if the protocol
    /// signs.
    fn key_package(&self) -> Vec<u8>;

    /// Creates a group of oneself, at slot 0, and of the owners of these key packages at slots 1
    /// and on, in this order. The message is the one Welcome (or setup message) that they all
    /// [`Newcomer::join`] with; it is empty if there are none. The creator is in the group at once.
    fn create(
        self: Box<Self>,
        others: &[Vec<u8>],
        random: &mut dyn Random,
    ) -> Result<(Box<dyn Member>, Vec<u8>), Failure>;

    /// Joins with the Welcome of a creation or an add.
    fn join(self: Box<Self>, welcome: &[u8]) -> Result<Box<dyn Member>, Failure>;
}

/// What a member sends.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The message to all members, the sender included.
    pub message: Vec<u8>,
    /// How many of its bytes are the path: the part that carries keys through the tree, encoded as
    /// the protocol's own path structure, without framing, leaf, signatures and tags.
    pub path_bytes: usize,
    /// For those who are added; empty otherwise. It is valid once the message is processed.
    pub welcome: Vec<u8>,
}

/// A member of a group.
///
/// `add`, `remove` and `update` make a message and change nothing that can be seen: the group moves
/// when the message comes back to `process`, and what is processed may be somebody else's. What was
/// prepared for a message is kept until the epoch ends.
pub trait Member: Send {
    /// The slot (leaf) of the member itself.
    fn slot(&self) -> u32;

    /// The slots of all members, in ascending order.
    fn members(&self) -> Vec<u32>;

    /// How often the group has moved; equal for all members, also those who joined later.
    fn epoch(&self) -> u64;

    /// Brings in the owner of a key package.
    fn add(&mut self, key_package: &[u8], random: &mut dyn Random) -> Result<Sent, Failure>;

    /// Takes the member at `slot`, which is not the own one, out of the group.
    fn remove(&mut self, slot: u32, random: &mut dyn Random) -> Result<Sent, Failure>;

    /// Gives the member new keys.
    fn update(&mut self, random: &mut dyn Random) -> Result<Sent, Failure>;

    /// Moves with everybody to the next epoch. [`Failure::Removed`] tells the member that it is
    /// out; it stays in the old epoch and cannot send any more.
    fn process(&mut self, message: &[u8]) -> Result<(), Failure>;

    /// Moves with everybody over several messages that were sent in one epoch, in the order that
    /// the delivery service gave them.
    fn merge(&mut self, messages: &[Vec<u8>]) -> Result<(), Failure> {
        match messages {
            [message] => self.process(message),
            _ => Err(Failure::NotMergeable),
        }
    }

    /// What all members of the epoch share, and nobody else should know.
    fn epoch_secret(&self) -> Secret;

    /// The public keys of all tree nodes as this member sees them, by node index of a left-balanced
    /// tree (leaves even, RFC 9420 appendix C); blank nodes are left out, flat protocols have
    /// leaves alone. Members of one epoch see the same.
    fn public_nodes(&self) -> Vec<(u32, Vec<u8>)>;

    /// A copy of everything that the state holds: what a thief of the device gets now.
    fn compromise(&self) -> Loot;
}

/// A secret that a member's state holds.
pub struct Held {
    /// What it is, in the protocol's words, for example "node private key".
    pub what: &'static str,
    /// The tree node it belongs to, if it belongs to one.
    pub node: Option<u32>,
    /// The secret.
    pub secret: Secret,
}

/// Everything that a member's state held at one moment.
pub struct Loot {
    /// Whose it was.
    pub slot: u32,
    /// The epoch it is of.
    pub epoch: u64,
    /// Its secrets: of nodes, of the epoch, of the leaf, of signing.
    pub secrets: Vec<Held>,
    /// The rest, which is public or follows from it: the tree and the context, in a form of the
    /// protocol's own.
    pub public: Vec<u8>,
}

/// An attacker with keys and the wire.
pub trait Adversary: Send {
    /// Reads the message that led to the next epoch, and learns from it what it can.
    fn read(&mut self, message: &[u8]);

    /// Reads messages that were merged.
    fn read_merged(&mut self, messages: &[Vec<u8>]) {
        if let [message] = messages {
            self.read(message);
        }
    }

    /// The secret of the current epoch, if the attacker has derived it.
    fn epoch_secret(&self) -> Option<Secret>;
}

/// A group that was written down, of which members can be made.
pub trait WarmGroup: Send + Sync {
    /// How many members it has.
    fn size(&self) -> u32;

    /// The member at a slot, as it would be if it had lived in the group. It counts nothing.
    fn member(&self, slot: u32) -> Result<Box<dyn Member>, Failure>;
}
