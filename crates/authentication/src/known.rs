//! What a client believes of accounts.

use crate::statement::{decode_name, encode_name};
use crate::{AccountKey, DeviceCredential};
use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer};
use delivery_api::{DeviceId, Name};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// Why a root key is believed to be an account's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// It was the first one seen under the name, or follows it. Comparing safety numbers makes it
    /// certain.
    FirstUse,
    /// The user said so.
    ByHand,
}

impl Encode for KeySource {
    fn encode(&self, writer: &mut Writer) {
        let code: u8 = match self {
            Self::FirstUse => 1,
            Self::ByHand => 2,
        };
        code.encode(writer);
    }
}

impl Decode for KeySource {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("key source"));
        match u8::decode(reader)? {
            1 => Ok(Self::FirstUse),
            2 => Ok(Self::ByHand),
            _ => Err(error),
        }
    }
}

/// What is known of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAccount {
    /// Its name.
    pub name: Name,
    /// Its root key.
    pub key: AccountKey,
    /// Why that is believed.
    pub source: KeySource,
    /// The root keys that it had before.
    former: Vec<AccountKey>,
    /// The number of the last list of devices; 0 if none was seen.
    list_number: u64,
    devices: Vec<DeviceId>,
}

impl Encode for KnownAccount {
    fn encode(&self, writer: &mut Writer) {
        encode_name(&self.name, writer);
        self.key.encode(writer);
        self.source.encode(writer);
        self.former.encode(writer);
        self.list_number.encode(writer);
        self.devices.encode(writer);
    }
}

impl Decode for KnownAccount {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: decode_name(reader)?,
            key: Decode::decode(reader)?,
            source: Decode::decode(reader)?,
            former: Decode::decode(reader)?,
            list_number: Decode::decode(reader)?,
            devices: Decode::decode(reader)?,
        })
    }
}

impl KnownAccount {
    /// An account of which only the root key is known.
    #[must_use]
    pub fn new(name: Name, key: AccountKey, source: KeySource) -> Self {
        let (former, devices) = (Vec::new(), Vec::new());
        Self { name, key, source, former, list_number: 0, devices }
    }

    /// Whether a key is the account's or was.
    #[must_use]
    pub(crate) fn has_had(&self, key: &AccountKey) -> bool {
        self.key == *key || self.former.contains(key)
    }

    /// Whether a credential that verifies is one of this account: by its root key now, by one
    /// before, or by one that follows.
    #[must_use]
    pub(crate) fn is_of(&self, credential: &DeviceCredential) -> bool {
        self.has_had(&credential.statement().account)
            || credential.successions().iter().any(|step| step.from() == self.key)
    }

    /// The number of the last list of devices; 0 if none was seen.
    #[must_use]
    pub const fn list_number(&self) -> u64 {
        self.list_number
    }

    /// The devices on the last list; none if none was seen.
    #[must_use]
    pub fn devices(&self) -> &[DeviceId] {
        &self.devices
    }

    /// Whether the device of a credential of this account is listed, by the newer of its own list
    /// and the last one that was seen. The list of a former root key counts for nothing: it may be
    /// by whoever took the key.
    pub(crate) fn lists(&self, credential: &DeviceCredential) -> bool {
        let (statement, list) = (credential.statement(), credential.list());
        match list.number() > self.list_number && !self.former.contains(&statement.account) {
            true => list.names(&statement.device),
            false => self.devices.contains(&statement.device),
        }
    }

    /// Takes in what a credential of the account tells.
    fn learn(&mut self, credential: &DeviceCredential) {
        let key = credential.statement().account;
        if !self.has_had(&key) {
            let known = |step: &&crate::Succession| step.from() == self.key;
            let successions = credential.successions();
            let start = successions.iter().position(|step| known(&step)).unwrap_or(0);
            self.former.extend(successions[start..].iter().map(crate::Succession::from));
            self.key = key;
        }
        // A list by a former root is an old one, or one by whoever has the old key.
        let list = credential.list();
        if self.key == key && list.number() > self.list_number {
            self.list_number = list.number();
            self.devices = list.devices().to_vec();
        }
    }
}

/// A credential that [`crate::AccountPolicy`] has verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched(pub(crate) DeviceCredential);

impl Vouched {
    /// The credential.
    #[must_use]
    pub const fn credential(&self) -> &DeviceCredential {
        &self.0
    }
}

/// The accounts that a client knows, by name. The owner keeps them in step with its store.
#[derive(Debug, Default)]
pub struct KnownAccounts(RwLock<BTreeMap<Name, KnownAccount>>);

impl KnownAccounts {
    /// These accounts.
    #[must_use]
    pub fn new(accounts: impl IntoIterator<Item = KnownAccount>) -> Self {
        let accounts = accounts.into_iter().map(|account| (account.name.clone(), account));
        Self(RwLock::new(accounts.collect()))
    }

    /// What is known of an account.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<KnownAccount> {
        // A thread that panicked left the map as it was: it is changed by one insertion.
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// What is known of an account once a credential is taken in; `None` if that is nothing new,
    /// or the credential is not one of the account. It changes nothing: [`Self::put`] does.
    #[must_use]
    pub fn learned(&self, vouched: &Vouched) -> Option<KnownAccount> {
        let credential = vouched.credential();
        let statement = credential.statement();
        let before = self.get(&statement.name);
        let mut account = before.clone().unwrap_or_else(|| {
            KnownAccount::new(statement.name.clone(), statement.account, KeySource::FirstUse)
        });
        if !account.is_of(credential) {
            return None;
        }
        account.learn(credential);
        (before.as_ref() != Some(&account)).then_some(account)
    }

    /// Replaces what is known of an account.
    pub fn put(&self, account: KnownAccount) {
        let mut accounts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(account.name.clone(), account);
    }
}
