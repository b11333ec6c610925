//! The keys that sign requests, and the chain of a log.
//!
//! * The *device key* (Ed25519) is the account's address at the service and signs requests about
//!   it.
//! * The *inbox key* (HPKE) is what items for the device's inbox are sealed to; it is derived from
//!   the device key.
//! * The *root key* (Ed25519) signs credentials. One device of an account has it, or none.
//! * The *owner key* (Ed25519) owns the account's name at the service; it stays when the root key
//!   changes.
//! * The *backup keys* are derived from the root key: the address of the inbox where the account's
//!   devices leave their backups, and the key these are sealed to.
//! * The *access key* (Ed25519) of an epoch is what its members sign requests about the group's log
//!   with: `seed = MLS-Exporter("conclave delivery access", log id, 32)`. The service learns that
//!   *a* member acts, never which. The commit that begins the epoch publishes the public half.

use super::notice::Contact;
use crate::identity::Identity;
use crate::store::{AccountRecord, BelongingRecord};
use crate::{Error, Misuse, ServiceFault};
use authentication::{DeviceCard, DeviceCredential};
use codec::{Decode, Encode};
use crypto::{CipherSuite, HpkeKeyPair, Secret, SignatureKeyPair, Signer, Suite};
use delivery_api::log::{ChainLink, Entry, EntryKind, Receipt};
use delivery_api::{ChainHash, Credential, DeviceId, LogId, Position, PublicKey, Request};
use std::sync::Arc;

/// The suite of all groups and of the device and access keys. Others follow once accounts carry a
/// signature key per scheme.
pub(crate) const SUITE: CipherSuite = CipherSuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519;

/// The label of the exporter behind access keys.
const ACCESS_LABEL: &str = "conclave delivery access";

/// The label behind the inbox key.
const INBOX_LABEL: &str = "conclave inbox";

/// The label behind the address for backups.
const BACKUP_ADDRESS_LABEL: &str = "conclave backup address";

/// The label behind the key that backups are sealed to.
const BACKUP_KEY_LABEL: &str = "conclave backup key";

/// Length of an Ed25519 seed (RFC 8032, section 5.1.5).
pub(crate) const SEED_LENGTH: usize = 32;

/// The account's keys.
pub(crate) struct Keys {
    pub(crate) suite: Suite,
    pub(crate) identity: Identity,
    pub(crate) device: SignatureKeyPair,
    /// Opens the items of the device's inbox.
    pub(crate) inbox: HpkeKeyPair,
    /// The account's root key, if it is here: signs credentials, and nothing else.
    pub(crate) root: Option<SignatureKeyPair>,
    /// The key that owns the account's name at the service, where the root key is.
    pub(crate) owner: Option<SignatureKeyPair>,
    /// What the account says of this device, once made.
    pub(crate) credential: Option<DeviceCredential>,
    /// Signs leaves and messages.
    pub(crate) signature: Arc<SignatureKeyPair>,
    /// The service's key, once seen.
    pub(crate) service: Option<PublicKey>,
}

impl Keys {
    pub(crate) fn new(
        suite: Suite,
        account: &AccountRecord,
        belonging: &BelongingRecord,
    ) -> Result<Self, Error> {
        let key = |seed: &Secret| SignatureKeyPair::from_private_key(&suite, seed.duplicate());
        let device = key(&account.device_key)?;
        let signature = Arc::new(key(&account.signature_key)?);
        let identity =
            Identity { name: account.name.clone(), device: public_key(&device)?.device() };
        let elsewhere = |seed: &&Secret| seed.len() == SEED_LENGTH;
        let root = Some(&account.root_key).filter(elsewhere).map(key).transpose()?;
        let owner = Some(&belonging.owner_key).filter(elsewhere).map(key).transpose()?;
        let inbox = suite.expand_with_label(&account.device_key, INBOX_LABEL, &[], SEED_LENGTH)?;
        let inbox = suite.derive_key_pair(&inbox)?;
        let (credential, service) = (account.credential.clone(), account.service_key);
        Ok(Self { suite, identity, device, inbox, root, owner, credential, signature, service })
    }

    pub(crate) fn device_id(&self) -> DeviceId {
        self.identity.device
    }

    /// The root key, for what takes it.
    pub(crate) fn root(&self) -> Result<&SignatureKeyPair, Error> {
        Ok(self.root.as_ref().ok_or(Misuse::NoRootKey)?)
    }

    /// This device's keys and its word.
    pub(crate) fn card(&self) -> Result<DeviceCard, Error> {
        let (name, inbox) = (&self.identity.name, self.inbox.public_key.clone());
        let signature_key = self.signature.public_key().clone();
        Ok(DeviceCard::new(name, &self.device, signature_key, inbox)?)
    }

    /// The own credential, if the own leaf in a group does not have it yet.
    pub(crate) fn new_credential(&self, group: &mls::Group) -> Option<wire::Credential> {
        let current = self.credential.as_ref()?.to_credential();
        let own = group.member(group.own_leaf().as_u32())?;
        (own.leaf.credential != current).then_some(current)
    }

    /// Signs a request about the account.
    pub(crate) fn sign_as_device<A: Decode>(
        &self,
        request: Request<A>,
        now: u64,
    ) -> Result<Request<A>, Error> {
        self.sign(request, &self.device, now)
    }

    /// Signs a request about a group's log.
    pub(crate) fn sign_as_member<A: Decode>(
        &self,
        request: Request<A>,
        access_seed: &Secret,
        now: u64,
    ) -> Result<Request<A>, Error> {
        let key = SignatureKeyPair::from_private_key(&self.suite, access_seed.duplicate())?;
        self.sign(request, &key, now)
    }

    /// Signs a request with another key of the account's.
    pub(crate) fn sign<A: Decode>(
        &self,
        request: Request<A>,
        key: &SignatureKeyPair,
        now: u64,
    ) -> Result<Request<A>, Error> {
        let unknown = ServiceFault::Inconsistent("it was asked before its key was known");
        let service = self.service.ok_or(unknown)?;
        let credential = Credential { service, key: public_key(key)?, time_seconds: now };
        Ok(request.sign(&credential, |tbs| key.sign(tbs))?)
    }

    /// Whether the service's key signed a receipt.
    pub(crate) fn is_signed(&self, receipt: &Receipt) -> bool {
        let Some(service) = self.service else { return false };
        let (scheme, key) = (self.suite.params().signature, service.as_bytes().to_vec().into());
        let (message, signature) = (receipt.to_be_signed(), &receipt.signature);
        self.suite.provider().verify(scheme, &key, &message, signature).is_ok()
    }

    /// The chain of a log without entries.
    pub(crate) fn genesis(&self, log: LogId) -> Result<ChainHash, Error> {
        Ok(ChainHash::new(self.sha256(&ChainLink::genesis(log))?))
    }

    /// The chain behind one more entry.
    pub(crate) fn next_chain_hash(
        &self,
        previous: ChainHash,
        (position, kind): (Position, EntryKind),
        bytes: &[u8],
    ) -> Result<ChainHash, Error> {
        let entry_hash = self.sha256(bytes)?;
        let link = ChainLink { previous, position, kind, entry_hash };
        Ok(ChainHash::new(self.sha256(&link.to_bytes())?))
    }

    /// [`Self::next_chain_hash`] of an entry as it was read.
    pub(crate) fn chain_over(
        &self,
        previous: ChainHash,
        entry: &Entry,
    ) -> Result<ChainHash, Error> {
        self.next_chain_hash(previous, (entry.position, entry.kind), &entry.bytes)
    }

    fn sha256(&self, bytes: &[u8]) -> Result<[u8; 32], Error> {
        let digest = self.suite.hash(bytes)?;
        // The suite's hash is SHA-256.
        digest.as_slice().try_into().map_err(|_| crypto::CryptoError::InvalidLength.into())
    }
}

/// The public half of an Ed25519 key as the delivery protocol writes it.
pub(crate) fn public_key(key: &SignatureKeyPair) -> Result<PublicKey, Error> {
    let bytes = key.public_key().as_slice().try_into();
    Ok(PublicKey::new(bytes.map_err(|_| crypto::CryptoError::InvalidPublicKey)?))
}

/// The keys of the account's backups.
pub(crate) struct BackupKeys {
    /// Signs requests about the inbox with the backups.
    pub(crate) device: SignatureKeyPair,
    /// Opens them.
    pub(crate) key: HpkeKeyPair,
}

impl BackupKeys {
    /// The keys that belong to a root key.
    pub(crate) fn of(suite: &Suite, root: &SignatureKeyPair) -> Result<Self, Error> {
        let seed = |label| suite.expand_with_label(root.private_key(), label, &[], SEED_LENGTH);
        let device = seed(BACKUP_ADDRESS_LABEL)?;
        let key = suite.derive_key_pair(&seed(BACKUP_KEY_LABEL)?)?;
        Ok(Self { device: SignatureKeyPair::from_private_key(suite, device)?, key })
    }

    /// What the account's devices need of them.
    pub(crate) fn address(&self) -> Result<Contact, Error> {
        let device = public_key(&self.device)?.device();
        Ok(Contact { device, key: self.key.public_key.clone() })
    }
}

/// The public half of the access key with this seed.
pub(crate) fn access_public_key(suite: &Suite, seed: &Secret) -> Result<PublicKey, Error> {
    public_key(&SignatureKeyPair::from_private_key(suite, seed.duplicate())?)
}

/// The seed of the access key of the group's current epoch.
pub(crate) fn access_seed(group: &mls::Group, log: LogId) -> Result<Secret, Error> {
    Ok(group.export(ACCESS_LABEL, log.as_bytes(), SEED_LENGTH)?)
}

/// The seed of the access key of the epoch that a commit leads to.
pub(crate) fn next_access_seed(
    pending: &mls::PendingCommit,
    suite: &Suite,
    log: LogId,
) -> Result<Secret, Error> {
    Ok(pending.export(suite, ACCESS_LABEL, log.as_bytes(), SEED_LENGTH)?)
}
