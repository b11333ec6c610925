//! The account's standing: its credential and the renewal of it, its root key, its revoked devices,
//! and the members of its groups who have lost theirs.
//!
//! A credential is made anew when two thirds of its lifetime are over, when the root key changes,
//! and when a device is revoked. Then the stock of key packages is replaced, and each group is
//! *tended*: the own leaf gets the new credential by a commit, and members who must go are removed.
//! Tending is repeated every day, so what was interrupted is taken up again.

use super::policy::{may_change, policy_of};
use super::{Engine, Task, client};
use crate::store::{GroupStatus, Intent};
use crate::{Error, GroupId, Misuse};
use authentication::{
    AccountKey, DeviceCredential, DeviceStatement, KeySource, KnownAccount, LIFETIME_SECONDS_MAX,
    RevocationList, Succession,
};
use crypto::{Secret, SignatureKeyPair, Signer};
use delivery_api::{DeviceId, Name};
use std::collections::BTreeSet;

/// How often groups are tended.
const TENDING_SECONDS: u64 = 86_400;

impl Engine {
    /// The account's root key.
    ///
    /// # Errors
    /// None, for a key that was made here.
    pub fn account_key(&self) -> Result<AccountKey, Error> {
        Ok(AccountKey::of(&self.keys.root)?)
    }

    /// What is known of another account.
    ///
    /// # Errors
    /// Nothing is.
    pub fn known_account(&self, name: &Name) -> Result<KnownAccount, Error> {
        let known = self.policy.known().get(name);
        known.ok_or_else(|| Misuse::UnknownAccount(name.to_string()).into())
    }

    /// The safety number with another account: sixty digits that its owner sees too, if each has
    /// the other's root key.
    ///
    /// # Errors
    /// Nothing is known of the account.
    pub fn safety_number(&self, name: &Name) -> Result<String, Error> {
        let theirs = self.known_account(name)?.key;
        let provider = &**self.keys.suite.provider();
        let ours = (&self.keys.identity.name, &self.account_key()?);
        Ok(authentication::safety_number(provider, ours, (name, &theirs))?)
    }

    /// A group's epoch authenticator as thirty digits: its other members see the same ones.
    ///
    /// # Errors
    /// There is no such group, or this account is no member of it.
    pub fn authenticator(&mut self, group: &GroupId) -> Result<String, Error> {
        let open = self.take_open(group)?;
        let provider = &**self.keys.suite.provider();
        let authenticator = open.group.epoch_authenticator();
        let digits = authentication::authenticator_digits(provider, authenticator.expose());
        self.open.insert(group.clone(), open);
        Ok(digits?)
    }

    /// Believes that a root key is an account's, because the user says so.
    ///
    /// # Errors
    /// The name is known to stand for another account.
    pub fn trust(&mut self, name: &Name, key: AccountKey) -> Result<(), Error> {
        let mut known = match self.policy.known().get(name) {
            Some(known) if known.key != key => {
                let text = format!("{name} is known with another account key: {}", known.key);
                return Err(Error::Untrusted(text));
            }
            Some(known) => known,
            None => KnownAccount::new(name.clone(), key, KeySource::ByHand),
        };
        known.source = KeySource::ByHand;
        let transaction = self.store.transaction()?;
        transaction.put_known_account(&known)?;
        transaction.commit()?;
        self.policy.known().put(known);
        Ok(())
    }

    /// Makes a new root key for the account. Whoever knows the old one follows.
    ///
    /// # Errors
    /// The store or cryptography failed.
    pub fn rotate_root(&mut self, now: u64) -> Result<(), Error> {
        self.renew(now)?;
        let root = Secret::random(super::keys::SEED_LENGTH, &mut *self.random)?;
        let root = SignatureKeyPair::from_private_key(&self.keys.suite, root)?;
        let name = &self.keys.identity.name;
        let step = Succession::new(name, &self.keys.root, &root)?;
        let current = self.keys.credential.as_ref();
        let mut successions = current.map_or_else(Vec::new, |it| it.successions().to_vec());
        successions.push(step);
        let list = match current.and_then(DeviceCredential::revocations) {
            Some(list) => {
                let devices = list.devices().iter().copied().collect();
                Some(RevocationList::new(name, &root, list.number().saturating_add(1), &devices)?)
            }
            None => None,
        };
        let old = std::mem::replace(&mut self.keys.root, root);
        let certified = self.certify(&successions, list, now);
        if certified.is_err() {
            self.keys.root = old;
        }
        certified
    }

    /// Takes the account's word back for a device: nobody who has heard of it lets it in, and it
    /// is removed from groups.
    ///
    /// # Errors
    /// There are too many revoked devices, or the store or cryptography failed.
    pub fn revoke(&mut self, device: DeviceId, now: u64) -> Result<(), Error> {
        self.renew(now)?;
        let current = self.keys.credential.as_ref();
        let list = current.and_then(DeviceCredential::revocations);
        let mut devices: BTreeSet<DeviceId> =
            list.map_or_else(BTreeSet::new, |list| list.devices().iter().copied().collect());
        if !devices.insert(device) {
            return Ok(());
        }
        let number = list.map_or(0, RevocationList::number).saturating_add(1);
        let name = &self.keys.identity.name;
        let list = RevocationList::new(name, &self.keys.root, number, &devices)?;
        let successions = current.map_or_else(Vec::new, |it| it.successions().to_vec());
        self.certify(&successions, Some(list), now)
    }

    /// Makes the credential anew if there is none yet, or if it is time.
    pub(super) fn renew(&mut self, now: u64) -> Result<(), Error> {
        let (successions, list) = match &self.keys.credential {
            None => (Vec::new(), None),
            Some(current) if !current.statement().is_due(now) => return Ok(()),
            Some(current) => (current.successions().to_vec(), current.revocations().cloned()),
        };
        self.certify(&successions, list, now)
    }

    /// Makes the account's credential with the root key at hand, and puts it to use everywhere.
    fn certify(
        &mut self,
        successions: &[Succession],
        revocations: Option<RevocationList>,
        now: u64,
    ) -> Result<(), Error> {
        let keys = &self.keys;
        let signature_key = keys.signature.public_key();
        let statement = DeviceStatement {
            name: keys.identity.name.clone(),
            account: self.account_key()?,
            device: keys.device_id(),
            signature_key: signature_key.clone(),
            not_before: now,
            not_after: now.saturating_add(LIFETIME_SECONDS_MAX),
        };
        let signers: (&dyn Signer, &dyn Signer) = (&keys.root, &keys.device);
        let credential = DeviceCredential::new(statement, signers, successions, revocations)?;
        let as_carried = credential.to_credential();
        let vouched = self.policy.verify_credential(&as_carried, signature_key);
        let vouched = vouched.map_err(|violation| Error::Untrusted(violation.to_string()))?;
        let transaction = self.store.transaction()?;
        transaction.set_credential(keys.root.private_key(), &credential)?;
        let mut learned = self.policy.known().learned(&vouched);
        if let Some(account) = &mut learned {
            account.source = KeySource::ByHand;
            transaction.put_known_account(account)?;
        }
        transaction.commit()?;
        learned.into_iter().for_each(|account| self.policy.known().put(account));
        let is_first = self.keys.credential.replace(credential).is_none();
        self.client = client(&self.client.config().crypto, &self.keys, &self.policy)?;
        if !is_first {
            self.replace_stock(now)?;
            self.tend_soon();
        }
        Ok(())
    }

    /// Plans to tend all groups: somebody's standing is another one.
    pub(super) fn tend_soon(&mut self) {
        self.tend_from = 0;
        self.plan.push_back(Task::Tend);
    }

    /// Tends every group in use, if it is time.
    pub(super) fn tend(&mut self, now: u64) -> Result<(), Error> {
        if now < self.tend_from {
            return Ok(());
        }
        let records = self.store.transaction()?.group_records()?;
        for record in records {
            if record.status == GroupStatus::Active {
                self.tend_group(&record.id, now)?;
            }
        }
        self.tend_from = now.saturating_add(TENDING_SECONDS);
        Ok(())
    }

    fn tend_group(&mut self, group: &GroupId, now: u64) -> Result<(), Error> {
        let open = self.take_open(group)?;
        let own_leaf = open.group.own_leaf();
        let is_stale = self.keys.new_credential(&open.group).is_some();
        let mut leaving = Vec::new();
        for member in open.group.members().filter(|member| member.index != own_leaf) {
            if self.policy.check_member(&member.leaf, now).is_err() {
                leaving.extend(crate::identity::identity_of(&member.leaf).map(|it| it.name));
            }
        }
        let policy = policy_of(&open.group);
        let me = &self.keys.identity.name;
        let may_remove = may_change(&open.group, &policy, me);
        // Others' devices are for the admins to remove, and their engines do.
        leaving.retain(|name| may_remove || name == me);
        self.open.insert(group.clone(), open);
        let intent = match (leaving.is_empty(), is_stale) {
            // The commit brings the credential along.
            (false, _) => Intent::Remove(leaving),
            (true, true) => Intent::Update,
            (true, false) => return Ok(()),
        };
        let transaction = self.store.transaction()?;
        let intents = transaction.intents()?;
        let is_wanted =
            |record: &crate::store::IntentRecord| record.group == *group && record.intent == intent;
        if !intents.iter().any(is_wanted) {
            transaction.add_intent(group, &intent)?;
            transaction.commit()?;
        }
        Ok(())
    }
}
