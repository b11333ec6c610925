//! A live member: a client with its store, its group, and messages that are still on their way.

use std::sync::Arc;

use crypto_aws_lc::provider;
use mls::{
    CipherSuite, Client, ClientConfig, Credential, Crypto, Decode, Effect, Error, Group,
    HandshakeFormat, KeyPackage, KeyPackageOptions, MlsMessage, Random, Received, SignatureKeyPair,
    Suite,
};
use testkit::{AcceptAll, SeededRandom, TestPsks};

use crate::Failure;
use crate::store::Store;

/// The name of the key that everybody has from elsewhere.
pub(crate) const PSK_ID: &[u8] = b"a key from elsewhere";

/// The suite of the group, on the fast backend.
pub(crate) fn suite() -> Result<Suite, Failure> {
    let suite = Crypto::new(provider()).suite(CipherSuite(1));
    suite.ok_or_else(|| "the backend has the suite that every client must have".into())
}

/// A client with keys of its own.
pub(crate) fn client(name: &str, random: &mut dyn Random) -> Result<Client, Failure> {
    let signer = Arc::new(SignatureKeyPair::generate(&suite()?, random)?);
    let credential = Credential::basic(name.as_bytes());
    let crypto = Crypto::new(provider());
    let mut config = ClientConfig::new(crypto, credential, signer, Arc::new(AcceptAll));
    config.psks = Arc::new(TestPsks([(PSK_ID.to_vec(), b"its value".to_vec())].into()));
    Ok(Client::new(config))
}

/// An application message on its way.
pub(crate) struct Letter {
    pub(crate) epoch: u64,
    /// Whether it comes back to its sender.
    pub(crate) own: bool,
    pub(crate) message: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

/// A live member, or one that is outside for a while.
pub(crate) struct Member {
    pub(crate) client: Client,
    pub(crate) store: Store,
    /// `None` outside.
    pub(crate) group: Option<Group>,
    /// The epoch in which it joined.
    pub(crate) since: u64,
    pub(crate) mail: Vec<Letter>,
}

impl Member {
    pub(crate) fn new(client: Client, store: Store) -> Self {
        Self { client, store, group: None, since: 0, mail: Vec::new() }
    }

    pub(crate) fn is_inside(&self) -> bool {
        self.group.is_some()
    }

    pub(crate) fn group(&mut self) -> Result<&mut Group, Failure> {
        self.group.as_mut().ok_or_else(|| "the member is outside".into())
    }

    /// Stores the rows of an effect and takes its output.
    pub(crate) fn save<T>(&mut self, effect: Result<Effect<T>, Error>) -> Result<T, Failure> {
        Ok(effect?.save(&mut self.store)?)
    }

    /// Processes a message that must be in order.
    pub(crate) fn process(&mut self, message: &[u8], now: u64) -> Result<Received, Failure> {
        let message = MlsMessage::from_bytes(message)?;
        let received = self.group()?.process(&message, now);
        self.save(received)
    }

    /// A new key package; its private keys are stored.
    pub(crate) fn key_package(
        &mut self,
        now: u64,
        random: &mut SeededRandom,
    ) -> Result<KeyPackage, Failure> {
        let options = KeyPackageOptions::default();
        let made = self.client.key_package(CipherSuite(1), options, now, random);
        self.save(made)
    }

    /// Starts in a group: key packages that others did not use are of no more use.
    pub(crate) fn enter(&mut self, group: Group) -> Result<(), Failure> {
        let suite = suite()?;
        for key_package in self.client.key_packages(&self.store)? {
            let reference = key_package.reference(&suite)?;
            let deleted = self.client.delete_key_package(&reference);
            self.save(Ok(deleted))?;
        }
        self.since = group.epoch();
        self.group = Some(group);
        self.mail.clear();
        Ok(())
    }

    /// Leaves a group that has removed this member: nothing of it may be left in the store.
    pub(crate) fn leave(&mut self) -> Result<(), Failure> {
        let group = self.group.take().ok_or("the member is outside")?;
        self.mail.clear();
        match self.store.has_membership(group.group_id())? {
            true => Err("rows of a group that was left".into()),
            false => Ok(()),
        }
    }

    /// Drops what is in memory and starts from the rows, with the other form of handshake messages
    /// perhaps.
    pub(crate) fn restart(&mut self, handshakes: HandshakeFormat) -> Result<(), Failure> {
        let old = self.group.take().ok_or("the member is outside")?;
        let (group_id, seen) = (old.group_id().to_vec(), View::of(&old));
        drop(old);
        self.store.reopen()?;
        let mut config = self.client.config().clone();
        config.settings.handshakes = handshakes;
        self.client = Client::new(config);
        let loaded = self.client.load_group(&self.store, &group_id)?;
        let loaded = loaded.ok_or("the group is not in the store")?;
        if View::of(&loaded) != seen {
            return Err("a loaded group is not what it was".into());
        }
        self.group = Some(loaded);
        Ok(())
    }
}

/// What a restart must not change.
#[derive(PartialEq, Eq)]
struct View {
    epoch: u64,
    epoch_authenticator: Vec<u8>,
    member_count: u32,
    pending: Vec<Vec<u8>>,
}

impl View {
    fn of(group: &Group) -> Self {
        let pending = group.pending_proposals();
        Self {
            epoch: group.epoch(),
            epoch_authenticator: group.epoch_authenticator().expose().to_vec(),
            member_count: group.member_count(),
            pending: pending.map(|(reference, ..)| reference.0.as_slice().to_vec()).collect(),
        }
    }
}
