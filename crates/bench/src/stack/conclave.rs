//! Conclave behind [`Participant`], on either backend, with rows in memory or in SQLite.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use codec::{Decode, Encode};
use crypto_aws_lc::SystemRandom;
use mls::{
    CipherSuite, Client, ClientConfig, CommitOptions, Credential, Crypto, Delta, Effect,
    ExternalJoinOptions, Group, GroupInfoOptions, GroupParams, HandshakeFormat, KeyPackage,
    KeyPackageOptions, MlsMessage, MlsMessageBody, PaddingPolicy, PathChoice, PendingCommit,
    Propose, RatchetTreeNodes, Received, Settings, SignatureKeyPair, Storage,
};
use tree::rules::{LifetimeRules, verify_key_package};

use super::store::CountingStore;
use super::{Bytes, Change, Made, Participant, Stored};
use crate::Failure;
use crate::primitives::Backend;

/// A client of Conclave.
pub struct Conclave {
    client: Client,
    suite: CipherSuite,
    store: CountingStore,
    group_id: Vec<u8>,
    group: Option<Group>,
    held: Option<PendingCommit>,
    /// What is not in the store yet.
    unsaved: Delta,
}

/// Seconds since 1970: the peers read the clock themselves, so that this is the time for all.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Conclave {
    /// A client on a backend, with rows in memory or in a new file.
    pub fn new(
        backend: Backend,
        suite: u16,
        name: &str,
        file: Option<&Path>,
    ) -> Result<Self, Failure> {
        let provider = match backend {
            Backend::AwsLc => crypto_aws_lc::provider(),
            Backend::RustCrypto => crypto_rustcrypto::provider(),
        };
        let crypto = Crypto::new(provider);
        let id = CipherSuite(suite);
        let suite = crypto.suite(id).ok_or("no such suite")?;
        let signer = Arc::new(SignatureKeyPair::generate(&suite, &mut SystemRandom)?);
        let credential = Credential::basic(name.as_bytes());
        let mut config =
            ClientConfig::new(crypto, credential, signer, Arc::new(testkit::AcceptAll));
        // As the peers are set up: public handshakes, no padding, no GREASE.
        config.settings = Settings {
            handshakes: HandshakeFormat::Public,
            padding: PaddingPolicy::None,
            grease: false,
            ..Settings::default()
        };
        let store = match file {
            Some(path) => CountingStore::in_file(path)?,
            None => CountingStore::in_memory(),
        };
        Ok(Self {
            client: Client::new(config),
            suite: id,
            store,
            group_id: Vec::new(),
            group: None,
            held: None,
            unsaved: Delta::default(),
        })
    }

    fn group(&mut self) -> Result<&mut Group, Failure> {
        self.group.as_mut().ok_or_else(|| "not in a group".into())
    }

    /// The output of an effect, whose rows wait for [`Participant::persist`].
    fn keep<T>(&mut self, effect: Effect<T>) -> T {
        let (output, delta) = effect.into_parts();
        self.unsaved.append(delta);
        output
    }

    fn enter(&mut self, group: Group) {
        self.group_id = group.group_id().to_vec();
        self.group = Some(group);
    }
}

fn key_package(message: &[u8]) -> Result<KeyPackage, Failure> {
    match MlsMessage::from_bytes(message)?.0 {
        MlsMessageBody::KeyPackage(key_package) => Ok(*key_package),
        _ => Err("not a key package".into()),
    }
}

impl Participant for Conclave {
    fn key_package(&mut self) -> Result<Bytes, Failure> {
        let options = KeyPackageOptions::default();
        let made = self.client.key_package(self.suite, options, now(), &mut SystemRandom)?;
        let made = self.keep(made);
        Ok(MlsMessage(MlsMessageBody::KeyPackage(Box::new(made))).to_bytes())
    }

    fn validate_key_package(&mut self, message: &[u8]) -> Result<(), Failure> {
        let key_package = key_package(message)?;
        let suite = self.client.config().crypto.suite(self.suite).ok_or("no such suite")?;
        let lifetimes = (LifetimeRules::default(), Some(now()));
        verify_key_package(&suite, &key_package, lifetimes, None)?;
        Ok(())
    }

    fn create_group(&mut self) -> Result<(), Failure> {
        let params = GroupParams::new(self.suite);
        let made = self.client.create_group(&self.store, params, now(), &mut SystemRandom)?;
        let group = self.keep(made);
        self.enter(group);
        Ok(())
    }

    fn commit(&mut self, change: Change<'_>) -> Result<Made, Failure> {
        let welcome_info = GroupInfoOptions { ratchet_tree: false, external_pub: false };
        let path = PathChoice::IfRequired;
        let mut options = CommitOptions { path, welcome_info, ..CommitOptions::new() };
        match change {
            Change::Update => options.path = PathChoice::Always,
            Change::Add(messages) => {
                for message in messages {
                    options = options.add_member(key_package(message)?);
                }
            }
            Change::Remove(leaf) => {
                let member = self.group()?.member(leaf).ok_or("nobody to remove")?.index;
                options = options.remove_member(member);
            }
            Change::Received => {}
        }
        let made = self.group()?.commit(options, now(), &mut SystemRandom)?;
        let made = self.keep(made);
        self.held = Some(made.pending);
        let welcome = made.welcomes.first().map(|(welcome, _)| welcome.to_bytes());
        Ok(Made { commit: made.commit.to_bytes(), welcome })
    }

    fn persist_held(&mut self) -> Result<(), Failure> {
        self.persist()
    }

    fn apply(&mut self) -> Result<(), Failure> {
        // An external commit has been applied as it was made.
        if let Some(held) = self.held.take() {
            let moved = self.group()?.advance(held)?;
            self.keep(moved);
        }
        Ok(())
    }

    fn process(&mut self, message: &[u8]) -> Result<(), Failure> {
        let message = MlsMessage::from_bytes(message)?;
        let received = self.group()?.process(&message, now())?;
        match self.keep(received) {
            Received::Commit(staged) => {
                let moved = self.group()?.advance(*staged)?;
                self.keep(moved);
                Ok(())
            }
            Received::Proposal(_) => Ok(()),
            _ => Err("neither a commit nor a proposal".into()),
        }
    }

    fn persist(&mut self) -> Result<(), Failure> {
        let delta = std::mem::take(&mut self.unsaved);
        Ok(self.store.write(&delta)?)
    }

    fn join(&mut self, welcome: &[u8], ratchet_tree: &[u8]) -> Result<(), Failure> {
        let welcome = MlsMessage::from_bytes(welcome)?;
        let ratchet_tree = RatchetTreeNodes::from_bytes(ratchet_tree)?;
        let joined = self.client.join(&self.store, &welcome, Some(ratchet_tree), now())?;
        let group = self.keep(joined);
        self.enter(group);
        Ok(())
    }

    fn join_external(&mut self, group_info: &[u8], ratchet_tree: &[u8]) -> Result<Bytes, Failure> {
        let group_info = MlsMessage::from_bytes(group_info)?;
        let ratchet_tree = Some(RatchetTreeNodes::from_bytes(ratchet_tree)?);
        let options = ExternalJoinOptions { ratchet_tree, ..ExternalJoinOptions::default() };
        let Self { client, store, .. } = self;
        let made = client.join_external(store, &group_info, options, now(), &mut SystemRandom)?;
        // The candidate is a row until it is accepted; it comes from the store.
        let made = made.save(&mut self.store)?;
        let joined = self.client.complete_join(&self.store, &made.pending)?;
        let group = self.keep(joined);
        self.enter(group);
        Ok(made.commit.to_bytes())
    }

    fn propose_add(&mut self, message: &[u8]) -> Result<Bytes, Failure> {
        let propose = Propose::Add(Box::new(key_package(message)?));
        let proposed = self.group()?.propose(propose, b"", now(), &mut SystemRandom)?;
        Ok(self.keep(proposed).to_bytes())
    }

    fn protect(&mut self, data: &[u8]) -> Result<Bytes, Failure> {
        let message = self.group()?.protect(data, b"", &mut SystemRandom)?;
        Ok(self.keep(message).to_bytes())
    }

    fn unprotect(&mut self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let message = MlsMessage::from_bytes(message)?;
        let received = self.group()?.process(&message, now())?;
        match self.keep(received) {
            Received::Application(message) => Ok(message.data),
            _ => Err("not application data".into()),
        }
    }

    fn group_info(&mut self) -> Result<Bytes, Failure> {
        let options = GroupInfoOptions { ratchet_tree: false, external_pub: true };
        Ok(self.group()?.group_info(options, &mut SystemRandom)?.to_bytes())
    }

    fn ratchet_tree(&mut self) -> Result<Bytes, Failure> {
        Ok(self.group()?.ratchet_tree().to_bytes())
    }

    fn forget(&mut self) {
        self.group = None;
    }

    fn load(&mut self) -> Result<(), Failure> {
        let loaded = self.client.load_group(&self.store, &self.group_id)?;
        self.group = Some(loaded.ok_or("no such group")?);
        Ok(())
    }

    fn load_and_protect(&mut self, data: &[u8]) -> Result<Bytes, Failure> {
        let opened = self.client.open_group(&self.store, &self.group_id)?;
        let message = opened.ok_or("no such group")?.protect(data, b"", &mut SystemRandom)?;
        Ok(self.keep(message).to_bytes())
    }

    fn epoch_authenticator(&mut self) -> Result<Vec<u8>, Failure> {
        Ok(self.group()?.epoch_authenticator().expose().to_vec())
    }

    fn written(&self) -> Stored {
        self.store.written
    }

    fn stored(&self) -> Stored {
        self.store.stored()
    }
}
