//! An actor of a script: a client with storage and keys of its own, alone or in a group.

use std::sync::Arc;

use openmls::group::{
    MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY, MIXED_PLAINTEXT_WIRE_FORMAT_POLICY, MlsGroup,
    MlsGroupJoinConfig, QueuedProposal, WireFormatPolicy,
};
use openmls::prelude::{
    BasicCredential, Capabilities, Ciphersuite, Credential, CredentialWithKey, KeyPackage,
    KeyPackageBundle, LeafNodeIndex, MlsMessageOut, OpenMlsCrypto, OpenMlsProvider,
    ProcessMessageError, ProcessedMessageContent, ProposalType, SenderRatchetConfiguration,
    StagedCommit,
};
use openmls::schedule::PreSharedKeyId;
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;
use tonic::Status;

use crate::decode;
use crate::lacks::lacks;
use crate::slots::refused;

/// For how many epochs messages can still be read, and resumption PSKs are kept: scripts go back
/// further than an application would.
const PAST_EPOCHS: usize = 64;

/// How many messages of a sender may be missing or late.
const GENERATIONS: u32 = 1000;

/// In which form proposals and commits leave. Either form is read.
pub(crate) fn wire_format(encrypt_handshake: bool) -> WireFormatPolicy {
    match encrypt_handshake {
        true => MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY,
        false => MIXED_PLAINTEXT_WIRE_FORMAT_POLICY,
    }
}

/// How members behave.
pub(crate) fn configuration(encrypt_handshake: bool) -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(wire_format(encrypt_handshake))
        .max_past_epochs(PAST_EPOCHS)
        .number_of_resumption_psks(PAST_EPOCHS)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(GENERATIONS, GENERATIONS))
        .build()
}

/// What an actor has of its own.
pub(crate) struct Actor {
    pub(crate) provider: OpenMlsRustCrypto,
    pub(crate) signer: Arc<SignatureKeyPair>,
    pub(crate) credential: CredentialWithKey,
}

impl Actor {
    /// An actor with a fresh signature key; the private key beside it.
    pub(crate) fn generate(suite: Ciphersuite, identity: &[u8]) -> Result<(Self, Vec<u8>), Status> {
        let provider = OpenMlsRustCrypto::default();
        let scheme = suite.signature_algorithm();
        let (private, public) = provider.crypto().signature_key_gen(scheme).map_err(refused)?;
        let signer = SignatureKeyPair::from_raw(scheme, private.clone(), public);
        Ok((Self::with_signer(provider, Arc::new(signer), identity), private))
    }

    /// An actor with a signature key that it had before.
    pub(crate) fn with_signer(
        provider: OpenMlsRustCrypto,
        signer: Arc<SignatureKeyPair>,
        identity: &[u8],
    ) -> Self {
        let signature_key = signer.to_public_vec().into();
        let credential = CredentialWithKey { credential: named(identity), signature_key };
        Self { provider, signer, credential }
    }

    /// A key package, whose private keys are now in the storage.
    pub(crate) fn key_package(&self, suite: Ciphersuite) -> Result<KeyPackageBundle, Status> {
        KeyPackage::builder()
            .leaf_node_capabilities(self.capabilities())
            .build(suite, &self.provider, &*self.signer, self.credential.clone())
            .map_err(refused)
    }

    /// What the leaves say that this client can do: the suites of the backend, no extension beyond
    /// those that everybody has (RFC 9420, section 7.2), and a GREASE value of each kind.
    pub(crate) fn capabilities(&self) -> Capabilities {
        Capabilities::for_provider(self.provider.crypto()).with_grease(self.provider.rand())
    }

    /// Takes over an external PSK that the runner hands out.
    pub(crate) fn store_psk(&self, psk_id: Vec<u8>, psk_secret: &[u8]) -> Result<(), Status> {
        // A stored PSK is found by its id alone; nonces belong to proposals.
        let id = PreSharedKeyId::external(psk_id, Vec::new());
        id.store(&self.provider, psk_secret).map_err(refused)
    }
}

/// The answer to a proposal that the library does not take from its sender.
fn unsupported(message: &[u8]) -> Status {
    match decode::external_proposal_type(message).map(ProposalType::from) {
        Some(ProposalType::PreSharedKey | ProposalType::Reinit) => lacks("HandleCommit"),
        _ => Status::invalid_argument("UnsupportedProposalType"),
    }
}

/// A basic credential.
pub(crate) fn named(identity: &[u8]) -> Credential {
    BasicCredential::new(identity.to_vec()).into()
}

/// An actor with a key package.
pub(crate) struct Joiner {
    pub(crate) actor: Actor,
    /// The key package with its private keys. The library deletes what it stored of them as soon as
    /// a Welcome fits, even if that turns out to be a bad one.
    pub(crate) bundle: KeyPackageBundle,
}

/// An actor in a group.
pub(crate) struct Member {
    pub(crate) actor: Actor,
    pub(crate) group: MlsGroup,
    /// The message of the own commit that waits.
    pub(crate) pending: Option<Vec<u8>>,
    /// The proposals of this epoch by their messages, in the order of their arrival. An encrypted
    /// one can be read only once, and an own one not at all.
    proposals: Vec<(Vec<u8>, QueuedProposal)>,
}

impl Member {
    pub(crate) fn new(actor: Actor, group: MlsGroup) -> Self {
        Self { actor, group, pending: None, proposals: Vec::new() }
    }

    pub(crate) fn epoch_authenticator(&self) -> Vec<u8> {
        self.group.epoch_authenticator().as_slice().to_vec()
    }

    /// The member with this identity in its basic credential.
    pub(crate) fn leaf_named(&self, identity: &[u8]) -> Result<LeafNodeIndex, Status> {
        let found = self.group.member_leaf_index(&named(identity));
        found.ok_or_else(|| Status::invalid_argument("no member has this identity"))
    }

    /// Notes an own proposal that was just made.
    pub(crate) fn note_own_proposal(&mut self, message: &MlsMessageOut) -> Result<Vec<u8>, Status> {
        let bytes = decode::encoded(message)?;
        if let Some(proposal) = self.group.pending_proposals().last() {
            self.proposals.push((bytes.clone(), proposal.clone()));
        }
        Ok(bytes)
    }

    /// Takes a proposal that the runner delivers, if it is not known yet.
    pub(crate) fn take_proposal(&mut self, bytes: &[u8]) -> Result<QueuedProposal, Status> {
        if let Some((_, proposal)) = self.proposals.iter().find(|(message, _)| message == bytes) {
            return Ok(proposal.clone());
        }
        let message = decode::protocol_message(bytes)?;
        let provider = &self.actor.provider;
        let received = self.group.process_message(provider, message);
        let received = received.map_err(|error| match error {
            ProcessMessageError::UnsupportedProposalType => unsupported(bytes),
            error => refused(error),
        })?;
        let proposal = match received.into_content() {
            ProcessedMessageContent::ProposalMessage(proposal)
            | ProcessedMessageContent::ExternalJoinProposalMessage(proposal) => *proposal,
            _ => return Err(Status::invalid_argument("the message is not a proposal of another")),
        };
        self.group.store_pending_proposal(provider.storage(), proposal.clone()).map_err(refused)?;
        self.proposals.push((bytes.to_vec(), proposal.clone()));
        Ok(proposal)
    }

    /// Lets the library know exactly these proposals. It commits all it knows.
    pub(crate) fn offer(&mut self, proposals: Vec<QueuedProposal>) -> Result<(), Status> {
        let storage = self.actor.provider.storage();
        self.group.clear_pending_proposals(storage).map_err(refused)?;
        for proposal in proposals {
            self.group.store_pending_proposal(storage, proposal).map_err(refused)?;
        }
        Ok(())
    }

    /// Lets the library know all proposals of this epoch. It follows a commit only to those.
    pub(crate) fn offer_all(&mut self) -> Result<(), Status> {
        self.offer(self.proposals.iter().map(|(_, proposal)| proposal.clone()).collect())
    }

    /// Takes a commit that the runner delivers, and moves to the next epoch. `inspect` sees a
    /// commit of another before it counts.
    pub(crate) fn take_commit(
        &mut self,
        proposals: &[Vec<u8>],
        commit: &[u8],
        inspect: impl FnOnce(&StagedCommit) -> Result<(), Status>,
    ) -> Result<(), Status> {
        if self.pending.as_deref() == Some(commit) {
            return self.take_pending_commit();
        }
        for proposal in proposals {
            self.take_proposal(proposal)?;
        }
        let message = decode::protocol_message(commit)?;
        let provider = &self.actor.provider;
        let received = self.group.process_message(provider, message).map_err(refused)?;
        match received.into_content() {
            ProcessedMessageContent::StagedCommitMessage(staged) => {
                inspect(&staged)?;
                self.group.merge_staged_commit(provider, *staged).map_err(refused)?;
            }
            _ => return Err(Status::invalid_argument("the message is not a commit of another")),
        }
        self.epoch_began();
        Ok(())
    }

    /// Moves to the epoch of the own commit.
    pub(crate) fn take_pending_commit(&mut self) -> Result<(), Status> {
        if self.pending.is_none() {
            return Err(Status::failed_precondition("no commit is pending"));
        }
        self.group.merge_pending_commit(&self.actor.provider).map_err(refused)?;
        self.epoch_began();
        Ok(())
    }

    /// Forgets what belonged to the epoch before.
    fn epoch_began(&mut self) {
        self.pending = None;
        self.proposals.clear();
    }
}
