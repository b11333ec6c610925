//! mls-rs behind [`Participant`]. State is written only when asked; a commit that is held survives
//! a restart only if the application stores it itself, which is not counted against it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mls_rs::client_builder::{
    BaseConfig, PaddingMode, WithCryptoProvider, WithGroupStateStorage, WithIdentityProvider,
    WithMlsRules,
};
use mls_rs::error::IntoAnyError;
use mls_rs::group::{ExportedTree, ReceivedMessage};
use mls_rs::identity::SigningIdentity;
use mls_rs::identity::basic::{BasicCredential, BasicIdentityProvider};
use mls_rs::mls_rules::{CommitOptions, DefaultMlsRules, EncryptionOptions};
use mls_rs::storage_provider::in_memory::InMemoryGroupStateStorage;
use mls_rs::{
    CipherSuite, CipherSuiteProvider, Client, CryptoProvider, ExtensionList, Group,
    GroupStateStorage, MlsMessage,
};
use mls_rs_core::group::{EpochRecord, GroupState};
use zeroize::Zeroizing;

use super::{Bytes, Change, Made, Participant, Stored};
use crate::Failure;
use crate::floor::count;

type Config<Provider> = WithGroupStateStorage<
    CountingStorage,
    WithCryptoProvider<
        Provider,
        WithIdentityProvider<BasicIdentityProvider, WithMlsRules<DefaultMlsRules, BaseConfig>>,
    >,
>;

/// The library's store in memory, counted.
#[derive(Clone, Debug)]
pub(crate) struct CountingStorage {
    inner: InMemoryGroupStateStorage,
    counts: Arc<Mutex<StoreCounts>>,
}

#[derive(Clone, Debug, Default)]
struct StoreCounts {
    written: Stored,
    /// The length of the state, and of the past epochs that are kept.
    state: u64,
    epochs: Vec<u64>,
}

/// How many past epochs the library keeps by default.
const EPOCHS_KEPT: usize = 3;

impl CountingStorage {
    fn new() -> Self {
        Self { inner: InMemoryGroupStateStorage::new(), counts: Arc::default() }
    }

    fn counts(&self) -> StoreCounts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl GroupStateStorage for CountingStorage {
    type Error = <InMemoryGroupStateStorage as GroupStateStorage>::Error;

    fn state(&self, group_id: &[u8]) -> Result<Option<State>, Self::Error> {
        self.inner.state(group_id)
    }

    fn epoch(&self, group_id: &[u8], epoch_id: u64) -> Result<Option<State>, Self::Error> {
        self.inner.epoch(group_id, epoch_id)
    }

    fn write(
        &mut self,
        state: GroupState,
        inserts: Vec<EpochRecord>,
        updates: Vec<EpochRecord>,
    ) -> Result<(), Self::Error> {
        {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let epochs = inserts.iter().chain(&updates).map(|epoch| count(epoch.data.len()));
            counts.written.bytes += count(state.data.len()) + epochs.sum::<u64>();
            counts.written.rows += count(1 + inserts.len() + updates.len());
            counts.state = count(state.data.len());
            counts.epochs.extend(inserts.iter().map(|epoch| count(epoch.data.len())));
            let surplus = counts.epochs.len().saturating_sub(EPOCHS_KEPT);
            counts.epochs.drain(..surplus);
        }
        self.inner.write(state, inserts, updates)
    }

    fn max_epoch_id(&self, group_id: &[u8]) -> Result<Option<u64>, Self::Error> {
        self.inner.max_epoch_id(group_id)
    }
}

type State = Zeroizing<Vec<u8>>;

/// A client of mls-rs.
pub struct MlsRs<Provider: CryptoProvider + Clone> {
    client: Client<Config<Provider>>,
    storage: CountingStorage,
    group_id: Vec<u8>,
    group: Option<Group<Config<Provider>>>,
}

impl<Provider: CryptoProvider + Clone> MlsRs<Provider> {
    /// A client with this provider of cryptography.
    pub fn new(provider: Provider, suite: u16, name: &str) -> Result<Self, Failure> {
        let suite = CipherSuite::from(suite);
        let functions = provider.cipher_suite_provider(suite).ok_or("no such suite")?;
        let (secret, public) =
            functions.signature_key_generate().map_err(IntoAnyError::into_any_error)?;
        let credential = BasicCredential::new(name.as_bytes().to_vec()).into_credential();
        let options =
            CommitOptions::new().with_path_required(false).with_ratchet_tree_extension(false);
        let rules = DefaultMlsRules::new()
            .with_commit_options(options)
            .with_encryption_options(EncryptionOptions::new(false, PaddingMode::None));
        let storage = CountingStorage::new();
        let client = Client::builder()
            .mls_rules(rules)
            .identity_provider(BasicIdentityProvider)
            .crypto_provider(provider)
            .group_state_storage(storage.clone())
            .key_package_lifetime(Duration::from_secs(84 * 24 * 3600))
            .signing_identity(SigningIdentity::new(credential, public), secret, suite)
            .build();
        Ok(Self { client, storage, group_id: Vec::new(), group: None })
    }

    fn group(&mut self) -> Result<&mut Group<Config<Provider>>, Failure> {
        self.group.as_mut().ok_or_else(|| "not in a group".into())
    }

    fn enter(&mut self, group: Group<Config<Provider>>) {
        self.group_id = group.group_id().to_vec();
        self.group = Some(group);
    }
}

impl<Provider: CryptoProvider + Clone> Participant for MlsRs<Provider> {
    fn key_package(&mut self) -> Result<Bytes, Failure> {
        let (none, neither) = (ExtensionList::new(), ExtensionList::new());
        Ok(self.client.generate_key_package_message(none, neither, None)?.to_bytes()?)
    }

    fn validate_key_package(&mut self, key_package: &[u8]) -> Result<(), Failure> {
        let message = MlsMessage::from_bytes(key_package)?;
        match self.group()?.process_incoming_message(message)? {
            ReceivedMessage::KeyPackage(_) => Ok(()),
            _ => Err("not a key package".into()),
        }
    }

    fn create_group(&mut self) -> Result<(), Failure> {
        let (none, neither) = (ExtensionList::new(), ExtensionList::new());
        let group = self.client.create_group(none, neither, None)?;
        self.enter(group);
        Ok(())
    }

    fn commit(&mut self, change: Change<'_>) -> Result<Made, Failure> {
        let mut commit = self.group()?.commit_builder();
        match change {
            Change::Update | Change::Received => {}
            Change::Add(messages) => {
                for message in messages {
                    commit = commit.add_member(MlsMessage::from_bytes(message)?)?;
                }
            }
            Change::Remove(leaf) => commit = commit.remove_member(leaf)?,
        }
        let made = commit.build()?;
        let welcome = made.welcome_messages().first().map(MlsMessage::to_bytes).transpose()?;
        Ok(Made { commit: made.commit_message().to_bytes()?, welcome })
    }

    fn persist_held(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn apply(&mut self) -> Result<(), Failure> {
        // An external commit has been applied as it was made.
        if self.group()?.has_pending_commit() {
            self.group()?.apply_pending_commit()?;
        }
        Ok(())
    }

    fn process(&mut self, message: &[u8]) -> Result<(), Failure> {
        let message = MlsMessage::from_bytes(message)?;
        match self.group()?.process_incoming_message(message)? {
            ReceivedMessage::Commit(_) | ReceivedMessage::Proposal(_) => Ok(()),
            _ => Err("neither a commit nor a proposal".into()),
        }
    }

    fn persist(&mut self) -> Result<(), Failure> {
        // Key packages are stored as they are made.
        match &mut self.group {
            Some(group) => Ok(group.write_to_storage()?),
            None => Ok(()),
        }
    }

    fn join(&mut self, welcome: &[u8], ratchet_tree: &[u8]) -> Result<(), Failure> {
        let welcome = MlsMessage::from_bytes(welcome)?;
        let ratchet_tree = ExportedTree::from_bytes(ratchet_tree)?;
        let (group, _) = self.client.join_group(Some(ratchet_tree), &welcome, None)?;
        self.enter(group);
        Ok(())
    }

    fn join_external(&mut self, group_info: &[u8], ratchet_tree: &[u8]) -> Result<Bytes, Failure> {
        let ratchet_tree = ExportedTree::from_bytes(ratchet_tree)?;
        let commit = self.client.external_commit_builder()?.with_tree_data(ratchet_tree);
        let (group, commit) = commit.build(MlsMessage::from_bytes(group_info)?)?;
        self.enter(group);
        Ok(commit.to_bytes()?)
    }

    fn propose_add(&mut self, key_package: &[u8]) -> Result<Bytes, Failure> {
        let key_package = MlsMessage::from_bytes(key_package)?;
        Ok(self.group()?.propose_add(key_package, Vec::new())?.to_bytes()?)
    }

    fn protect(&mut self, data: &[u8]) -> Result<Bytes, Failure> {
        Ok(self.group()?.encrypt_application_message(data, Vec::new())?.to_bytes()?)
    }

    fn unprotect(&mut self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let message = MlsMessage::from_bytes(message)?;
        match self.group()?.process_incoming_message(message)? {
            ReceivedMessage::ApplicationMessage(message) => Ok(message.data().to_vec()),
            _ => Err("not application data".into()),
        }
    }

    fn group_info(&mut self) -> Result<Bytes, Failure> {
        Ok(self.group()?.group_info_message_allowing_ext_commit(false)?.to_bytes()?)
    }

    fn ratchet_tree(&mut self) -> Result<Bytes, Failure> {
        Ok(self.group()?.export_tree().to_bytes()?)
    }

    fn forget(&mut self) {
        self.group = None;
    }

    fn load(&mut self) -> Result<(), Failure> {
        self.group = Some(self.client.load_group(&self.group_id)?);
        Ok(())
    }

    fn epoch_authenticator(&mut self) -> Result<Vec<u8>, Failure> {
        Ok(self.group()?.epoch_authenticator()?.to_vec())
    }

    fn written(&self) -> Stored {
        self.storage.counts().written
    }

    fn stored(&self) -> Stored {
        let counts = self.storage.counts();
        let epochs: u64 = counts.epochs.iter().sum();
        Stored { rows: 1 + count(counts.epochs.len()), bytes: counts.state + epochs }
    }
}
