//! OpenMLS behind [`Participant`], on its own provider with its own store in memory. It writes its
//! state within each call.
//!
//! What a call writes is found by comparing the store before and after: values that were written
//! again unchanged are not seen, so that the count is rather too low.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::PoisonError;

use openmls::prelude::tls_codec::{Deserialize, Serialize};
use openmls::prelude::{
    BasicCredential, Ciphersuite, CredentialWithKey, GroupId, KeyPackage, KeyPackageIn,
    LeafNodeIndex, MIXED_PLAINTEXT_WIRE_FORMAT_POLICY, MlsGroup, MlsGroupCreateConfig,
    MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn, OpenMlsProvider, ProcessedMessageContent,
    ProtocolVersion, RatchetTreeIn, SenderRatchetConfiguration, StagedWelcome,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;

use super::{Bytes, Change, Made, Participant, Stored};
use crate::Failure;
use crate::floor::count;

/// A client of OpenMLS.
pub struct OpenMls {
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
    credential: CredentialWithKey,
    suite: Ciphersuite,
    group_id: Option<GroupId>,
    group: Option<MlsGroup>,
    /// Hashes of the values that were in the store at the last look, and what has changed since
    /// the beginning.
    seen: RefCell<(HashMap<Vec<u8>, u64>, Stored)>,
}

/// Late messages are expected to be further apart than by default.
fn ratchets() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(5, 2000)
}

impl OpenMls {
    /// A client on the RustCrypto provider.
    pub fn new(suite: u16, name: &str) -> Result<Self, Failure> {
        let suite = Ciphersuite::try_from(suite)?;
        let signer = SignatureKeyPair::new(suite.signature_algorithm())
            .map_err(|error| format!("{error:?}"))?;
        let credential = CredentialWithKey {
            credential: BasicCredential::new(name.as_bytes().to_vec()).into(),
            signature_key: signer.to_public_vec().into(),
        };
        Ok(Self {
            provider: OpenMlsRustCrypto::default(),
            signer,
            credential,
            suite,
            group_id: None,
            group: None,
            seen: RefCell::default(),
        })
    }

    fn join_config() -> MlsGroupJoinConfig {
        MlsGroupJoinConfig::builder()
            .wire_format_policy(MIXED_PLAINTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(false)
            .sender_ratchet_configuration(ratchets())
            .build()
    }

    fn enter(&mut self, group: MlsGroup) {
        self.group_id = Some(group.group_id().clone());
        self.group = Some(group);
    }

    fn validated(&self, message: &[u8]) -> Result<KeyPackage, Failure> {
        let MlsMessageBodyIn::KeyPackage(key_package) = body(message)? else {
            return Err("not a key package".into());
        };
        let key_package: KeyPackageIn = key_package;
        Ok(key_package.validate(self.provider.crypto(), ProtocolVersion::Mls10)?)
    }
}

fn body(mut message: &[u8]) -> Result<MlsMessageBodyIn, Failure> {
    Ok(MlsMessageIn::tls_deserialize(&mut message)?.extract())
}

fn tree(mut bytes: &[u8]) -> Result<RatchetTreeIn, Failure> {
    Ok(RatchetTreeIn::tls_deserialize(&mut bytes)?)
}

impl Participant for OpenMls {
    fn key_package(&mut self) -> Result<Bytes, Failure> {
        let credential = self.credential.clone();
        let made =
            KeyPackage::builder().build(self.suite, &self.provider, &self.signer, credential)?;
        let message = openmls::prelude::MlsMessageOut::from(made.key_package().clone());
        Ok(message.tls_serialize_detached()?)
    }

    fn validate_key_package(&mut self, key_package: &[u8]) -> Result<(), Failure> {
        self.validated(key_package).map(|_| ())
    }

    fn create_group(&mut self) -> Result<(), Failure> {
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(self.suite)
            .wire_format_policy(MIXED_PLAINTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(false)
            .sender_ratchet_configuration(ratchets())
            .build();
        let credential = self.credential.clone();
        let group = MlsGroup::new(&self.provider, &self.signer, &config, credential)?;
        self.enter(group);
        Ok(())
    }

    fn commit(&mut self, change: Change<'_>) -> Result<Made, Failure> {
        let added = match change {
            Change::Add(messages) => {
                let added = messages.iter().map(|message| self.validated(message));
                added.collect::<Result<Vec<_>, _>>()?
            }
            _ => Vec::new(),
        };
        let Self { group, provider, signer, .. } = self;
        let group = group.as_mut().ok_or("not in a group")?;
        let mut commit = group.commit_builder().propose_adds(added);
        match change {
            Change::Update => commit = commit.force_self_update(true),
            Change::Remove(leaf) => commit = commit.propose_removals([LeafNodeIndex::new(leaf)]),
            Change::Add(_) | Change::Received => {}
        }
        let made = commit
            .load_psks(provider.storage())?
            .build(provider.rand(), provider.crypto(), signer, |_| true)?
            .stage_commit(provider)?;
        let (commit, welcome, _) = made.into_messages();
        let welcome = welcome.map(|welcome| welcome.tls_serialize_detached()).transpose()?;
        Ok(Made { commit: commit.tls_serialize_detached()?, welcome })
    }

    fn persist_held(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn apply(&mut self) -> Result<(), Failure> {
        let Self { group, provider, .. } = self;
        Ok(group.as_mut().ok_or("not in a group")?.merge_pending_commit(provider)?)
    }

    fn process(&mut self, message: &[u8]) -> Result<(), Failure> {
        let Self { group, provider, .. } = self;
        let group = group.as_mut().ok_or("not in a group")?;
        let mut message = message;
        let message = MlsMessageIn::tls_deserialize(&mut message)?.try_into_protocol_message()?;
        match group.process_message(provider, message)?.into_content() {
            ProcessedMessageContent::StagedCommitMessage(staged) => {
                Ok(group.merge_staged_commit(provider, *staged)?)
            }
            ProcessedMessageContent::ProposalMessage(proposal) => {
                Ok(group.store_pending_proposal(provider.storage(), *proposal)?)
            }
            _ => Err("neither a commit nor a proposal".into()),
        }
    }

    fn persist(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn join(&mut self, welcome: &[u8], ratchet_tree: &[u8]) -> Result<(), Failure> {
        let MlsMessageBodyIn::Welcome(welcome) = body(welcome)? else {
            return Err("not a Welcome".into());
        };
        let ratchet_tree = Some(tree(ratchet_tree)?);
        let config = Self::join_config();
        let staged =
            StagedWelcome::new_from_welcome(&self.provider, &config, welcome, ratchet_tree)?;
        let group = staged.into_group(&self.provider)?;
        self.enter(group);
        Ok(())
    }

    fn join_external(&mut self, group_info: &[u8], ratchet_tree: &[u8]) -> Result<Bytes, Failure> {
        let MlsMessageBodyIn::GroupInfo(group_info) = body(group_info)? else {
            return Err("not a GroupInfo".into());
        };
        let Self { provider, signer, credential, .. } = self;
        let (group, made) = MlsGroup::external_commit_builder()
            .with_ratchet_tree(tree(ratchet_tree)?)
            .with_config(Self::join_config())
            .build_group(provider, group_info, credential.clone())?
            .load_psks(provider.storage())?
            .build(provider.rand(), provider.crypto(), signer, |_| true)?
            .finalize(provider)?;
        let commit = made.into_commit().tls_serialize_detached()?;
        self.enter(group);
        Ok(commit)
    }

    fn propose_add(&mut self, key_package: &[u8]) -> Result<Bytes, Failure> {
        let key_package = self.validated(key_package)?;
        let Self { group, provider, signer, .. } = self;
        let group = group.as_mut().ok_or("not in a group")?;
        let (message, _) = group.propose_add_member(provider, signer, &key_package)?;
        Ok(message.tls_serialize_detached()?)
    }

    fn protect(&mut self, data: &[u8]) -> Result<Bytes, Failure> {
        let Self { group, provider, signer, .. } = self;
        let group = group.as_mut().ok_or("not in a group")?;
        Ok(group.create_message(provider, signer, data)?.tls_serialize_detached()?)
    }

    fn unprotect(&mut self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let Self { group, provider, .. } = self;
        let group = group.as_mut().ok_or("not in a group")?;
        let mut message = message;
        let message = MlsMessageIn::tls_deserialize(&mut message)?.try_into_protocol_message()?;
        match group.process_message(provider, message)?.into_content() {
            ProcessedMessageContent::ApplicationMessage(message) => Ok(message.into_bytes()),
            _ => Err("not application data".into()),
        }
    }

    fn group_info(&mut self) -> Result<Bytes, Failure> {
        let Self { group, provider, signer, .. } = self;
        let group = group.as_mut().ok_or("not in a group")?;
        let info = group.export_group_info(provider.crypto(), signer, false)?;
        Ok(info.tls_serialize_detached()?)
    }

    fn ratchet_tree(&mut self) -> Result<Bytes, Failure> {
        let group = self.group.as_ref().ok_or("not in a group")?;
        Ok(group.export_ratchet_tree().tls_serialize_detached()?)
    }

    fn forget(&mut self) {
        self.group = None;
    }

    fn load(&mut self) -> Result<(), Failure> {
        let group_id = self.group_id.as_ref().ok_or("no group")?;
        self.group = MlsGroup::load(self.provider.storage(), group_id)?;
        if self.group.is_some() { Ok(()) } else { Err("no such group".into()) }
    }

    fn epoch_authenticator(&mut self) -> Result<Vec<u8>, Failure> {
        let group = self.group.as_ref().ok_or("not in a group")?;
        Ok(group.epoch_authenticator().as_slice().to_vec())
    }

    fn written(&self) -> Stored {
        let (seen, written) = &mut *self.seen.borrow_mut();
        let values = self.provider.storage().values.read();
        let values = values.unwrap_or_else(PoisonError::into_inner);
        let mut gone = count(seen.len());
        for (key, value) in values.iter() {
            let mut hasher = DefaultHasher::new();
            value.hash(&mut hasher);
            let hash = hasher.finish();
            let before = seen.insert(key.clone(), hash);
            gone -= u64::from(before.is_some());
            if before != Some(hash) {
                written.rows += 1;
                written.bytes += count(key.len() + value.len());
            }
        }
        // Rows that were deleted.
        written.rows += gone;
        seen.retain(|key, _| values.contains_key(key));
        *written
    }

    fn stored(&self) -> Stored {
        let values = self.provider.storage().values.read();
        let values = values.unwrap_or_else(PoisonError::into_inner);
        let bytes = values.iter().map(|(key, value)| count(key.len() + value.len())).sum();
        Stored { rows: count(values.len()), bytes }
    }
}
