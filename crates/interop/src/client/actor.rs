//! An actor of a script: a client with its rows and pre-shared keys, alone or in a group.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mls::{
    Candidate, Client, ClientConfig, Credential, Decode, Encode, ExternalSender, Group,
    IdentityPolicy, KeyPackage, KeyPackageOptions, KeyPackageRef, MemoryStorage, MlsMessage,
    MlsMessageBody, PendingCommit, ProposalRef, PskStore, Received, Refusal, Secret, Settings,
    SignatureKeyPair, Signer, Suite,
};

use super::{Blame, Failure, HarnessClient, Moment};

/// Accepts everyone: the runner of a test says who is who, and nobody else can tell.
struct NamedByTheRunner;

impl IdentityPolicy for NamedByTheRunner {
    fn validate_leaf(&self, _candidate: &Candidate<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn validate_external_sender(&self, _: &ExternalSender, _: u64) -> Result<(), Refusal> {
        Ok(())
    }
}

/// The pre-shared keys that the runner hands to an actor.
#[derive(Default)]
pub(super) struct Psks(Mutex<BTreeMap<Vec<u8>, Secret>>);

impl Psks {
    pub(super) fn store(&self, psk_id: Vec<u8>, psk_secret: Vec<u8>) {
        let mut psks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        psks.insert(psk_id, Secret::from_vec(psk_secret));
    }

    /// Takes over the keys of another.
    pub(super) fn extend(&self, other: &Self) {
        let other = other.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut psks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        psks.extend(other.iter().map(|(id, psk)| (id.clone(), psk.duplicate())));
    }
}

impl PskStore for Psks {
    fn external(&self, psk_id: &[u8]) -> Option<Secret> {
        let psks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        psks.get(psk_id).map(Secret::duplicate)
    }
}

/// What an actor has of its own.
pub(super) struct Actor {
    pub(super) client: Client,
    pub(super) store: MemoryStorage,
    pub(super) psks: Arc<Psks>,
}

impl Actor {
    /// The same actor with other settings.
    pub(super) fn with_settings(&self, settings: Settings) -> Client {
        Client::new(ClientConfig { settings, ..self.client.config().clone() })
    }

    /// Gives the actor a signature key, which its next leaves show.
    pub(super) fn add_signer(&mut self, signer: Arc<dyn Signer>) {
        let mut config = self.client.config().clone();
        config.signers.insert(0, signer);
        self.client = Client::new(config);
    }
}

/// An actor with a key package.
pub(super) struct Joiner {
    pub(super) actor: Actor,
    pub(super) reference: KeyPackageRef,
    /// The signer of the key package.
    pub(super) signer: Arc<dyn Signer>,
}

/// A key package with all its private keys, as the runner asks for them.
pub(super) struct NewJoiner {
    pub(super) joiner: Joiner,
    pub(super) key_package: KeyPackage,
    pub(super) init_private_key: Secret,
    pub(super) leaf_private_key: Secret,
    pub(super) signature_private_key: Secret,
}

impl HarnessClient {
    /// A new actor with a fresh signature key for a suite.
    pub(super) fn actor(
        &mut self,
        suite: &Suite,
        identity: &[u8],
        settings: Settings,
    ) -> Result<(Actor, Arc<SignatureKeyPair>), Failure> {
        let signer = Arc::new(SignatureKeyPair::generate(suite, &mut *self.random)?);
        let psks = Arc::new(Psks::default());
        let client = Client::new(ClientConfig {
            crypto: self.crypto.clone(),
            credential: Credential::basic(identity),
            signers: vec![Arc::clone(&signer) as Arc<dyn Signer>],
            identity: Arc::new(NamedByTheRunner),
            psks: Arc::clone(&psks) as Arc<dyn PskStore>,
            settings,
        });
        Ok((Actor { client, store: MemoryStorage::new(), psks }, signer))
    }

    /// A new actor with a key package.
    pub(super) fn new_joiner(
        &mut self,
        suite: &Suite,
        identity: &[u8],
    ) -> Result<NewJoiner, Failure> {
        let settings = self.settings(true);
        let (mut actor, signer) = self.actor(suite, identity, settings)?;
        let options = KeyPackageOptions::default();
        let made = actor.client.key_package(suite.id(), options, self.now, &mut *self.random)?;
        let key_package = made.save(&mut actor.store)?;
        let reference = key_package.reference(suite)?;
        let exported = actor.client.export_key_package(&actor.store, &reference)?;
        let (key_package, init_private_key, leaf_private_key) = exported
            .ok_or_else(|| Failure::new(Blame::Internal, "the new key package is not stored"))?;
        let signature_private_key = signer.private_key().duplicate();
        let joiner = Joiner { actor, reference, signer };
        Ok(NewJoiner {
            joiner,
            key_package,
            init_private_key,
            leaf_private_key,
            signature_private_key,
        })
    }
}

/// An actor in a group.
pub(super) struct Member {
    pub(super) actor: Actor,
    pub(super) group: Group,
    /// The own commit that waits.
    pub(super) pending: Option<PendingCommit>,
    /// The proposals of this epoch, by their messages. An encrypted one can be read only once, and
    /// an own one not at all.
    proposals: BTreeMap<Vec<u8>, ProposalRef>,
    /// The key package for the successor of a closed group.
    pub(super) successor_key_package: Option<KeyPackageRef>,
}

impl Member {
    pub(super) fn new(actor: Actor, group: Group) -> Self {
        let (pending, successor_key_package) = (None, None);
        Self { actor, group, pending, proposals: BTreeMap::new(), successor_key_package }
    }

    /// Notes an own proposal that was just made.
    pub(super) fn note_own_proposal(&mut self, message: &MlsMessage) -> Vec<u8> {
        let bytes = message.to_bytes();
        if let Some((reference, ..)) = self.group.pending_proposals().last() {
            self.proposals.insert(bytes.clone(), reference);
        }
        bytes
    }

    /// Takes a proposal that the runner delivers, if it is not known yet.
    pub(super) fn take_proposal(
        &mut self,
        bytes: &[u8],
        moment: &Moment<'_>,
    ) -> Result<ProposalRef, Failure> {
        if let Some(reference) = self.proposals.get(bytes) {
            return Ok(*reference);
        }
        let message = MlsMessage::from_bytes(bytes)?;
        let received = self.group.process(&message, moment.now)?.save(&mut self.actor.store)?;
        match received {
            Received::Proposal(received) => {
                self.proposals.insert(bytes.to_vec(), received.reference);
                Ok(received.reference)
            }
            Received::OtherEpoch { epoch } => {
                Err(Failure::invalid(format!("the proposal is for epoch {epoch}")))
            }
            _ => Err(Failure::invalid("the message is not a proposal")),
        }
    }

    /// Takes a commit that the runner delivers, and moves to the next epoch.
    pub(super) fn take_commit(
        &mut self,
        proposals: &[Vec<u8>],
        commit: &[u8],
        moment: &Moment<'_>,
    ) -> Result<(), Failure> {
        for proposal in proposals {
            self.take_proposal(proposal, moment)?;
        }
        let message = MlsMessage::from_bytes(commit)?;
        let received = self.group.process(&message, moment.now)?.save(&mut self.actor.store)?;
        let advanced = match received {
            Received::Commit(staged) => self.group.advance(*staged)?,
            Received::OwnCommit(id) => match self.pending.take() {
                Some(pending) if pending.id() == id => self.group.advance(pending)?,
                _ => return Err(Failure::new(Blame::NotNow, "the own commit was discarded")),
            },
            Received::OtherEpoch { epoch } => {
                return Err(Failure::invalid(format!("the commit is for epoch {epoch}")));
            }
            _ => return Err(Failure::invalid("the message is not a commit")),
        };
        advanced.save(&mut self.actor.store)?;
        self.epoch_began();
        Ok(())
    }

    /// Forgets what belonged to the epoch before.
    pub(super) fn epoch_began(&mut self) {
        self.pending = None;
        self.proposals.clear();
    }

    pub(super) fn epoch_authenticator(&self) -> Vec<u8> {
        self.group.epoch_authenticator().expose().to_vec()
    }
}

/// A key package in its MLSMessage.
pub(super) fn key_package_message(key_package: KeyPackage) -> Vec<u8> {
    MlsMessage(MlsMessageBody::KeyPackage(Box::new(key_package))).to_bytes()
}
