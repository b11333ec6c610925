//! The account's standing: its credential and the renewal of it, its root key, its devices, and the
//! members of its groups who have lost theirs.
//!
//! Credentials are made anew when two thirds of their lifetime are over, when the root key changes,
//! and when a device comes or goes. Then the stock of key packages is replaced, and each group is
//! *tended*: the own leaf gets the new credential by a commit, members who must go are removed, and
//! the own account's devices that are missing are added. If all devices of an account must go and
//! it has others, these are taken in instead: so comes back who has lost a device. Tending is
//! repeated every day, so what was interrupted is taken up again.

use super::devices::Restatement;
use super::notice::Contact;
use super::{Engine, Task};
use crate::identity::identity_of;
use crate::store::{GroupStatus, Intent, Invitee, NewEvent, StoreTransaction};
use crate::{Error, EventKind, GroupId, Identity, Misuse, StoreError};
use authentication::{
    AccountKey, AccountPolicy, DeviceList, KeySource, KnownAccount, Succession, Violation,
};
use crypto::{Secret, SignatureKeyPair};
use delivery_api::{DeviceId, Name, Position};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wire::LeafNode;

/// How often groups are tended.
const TENDING_SECONDS: u64 = 86_400;

impl Engine {
    /// The account's root key: its public half.
    ///
    /// # Errors
    /// This device waits to be linked.
    pub fn account_key(&self) -> Result<AccountKey, Error> {
        match (&self.keys.root, &self.keys.credential) {
            (Some(root), _) => Ok(AccountKey::of(root)?),
            (None, Some(credential)) => Ok(credential.statement().account),
            (None, None) => Err(Misuse::NotLinked.into()),
        }
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

    /// Makes a new root key for the account. Whoever knows the old one follows. A recovery code
    /// made before is of no use any more.
    ///
    /// # Errors
    /// The root key is not here, or the store or cryptography failed.
    pub fn rotate_root(&mut self, now: u64) -> Result<(), Error> {
        self.renew(now)?;
        let root = Secret::random(super::keys::SEED_LENGTH, &mut *self.random)?;
        let root = SignatureKeyPair::from_private_key(&self.keys.suite, root)?;
        let name = &self.keys.identity.name;
        let step = Succession::new(name, self.keys.root()?, &root)?;
        let current = self.keys.credential.as_ref();
        let mut successions = current.map_or_else(Vec::new, |it| it.successions().to_vec());
        successions.push(step);
        let number = self.list_number(now);
        let list = DeviceList::new(name, &root, number, &self.listed())?;
        let (linked, tell, event) = (Vec::new(), Vec::new(), None);
        self.certify(Restatement { root, successions, list, linked, tell, event }, now)
    }

    /// Takes a device from the account's list: nobody who has heard of it lets it in, and it is
    /// removed from groups.
    ///
    /// # Errors
    /// The root key is not here, or the store or cryptography failed.
    pub fn revoke(&mut self, device: DeviceId, now: u64) -> Result<(), Error> {
        self.renew(now)?;
        let mut devices = self.listed();
        self.keys.root()?;
        if !devices.remove(&device) {
            return Err(Misuse::NoSuchDevice(device.to_string()).into());
        }
        let list = self.new_list(&devices, now)?;
        // It is told, too: it may be in somebody's hands who does not know that it is over.
        let credentials = self.store.transaction()?.device_credentials()?;
        let its = credentials.iter().filter(|other| other.statement().device == device);
        self.restate(list, (Vec::new(), its.map(Contact::of).collect()), now)
    }

    /// Refuses what a device cannot do that its account has given up.
    pub(super) fn check_listed(&self) -> Result<(), Misuse> {
        let own = &self.keys.identity;
        // Whoever has the root key can put the device back on the list; one that waits to be linked
        // was never there.
        let is_subject = self.keys.root.is_none() && self.keys.credential.is_some();
        let known = self.policy.known().get(&own.name).filter(|_| is_subject);
        match known.is_some_and(|it| it.list_number() > 0 && !it.devices().contains(&own.device)) {
            true => Err(Misuse::DeviceRevoked),
            false => Ok(()),
        }
    }

    /// Makes the credentials anew if there is none yet, or if it is time. That takes the root key:
    /// a device without it gets its own from the one that has it.
    pub(super) fn renew(&mut self, now: u64) -> Result<(), Error> {
        if self.keys.root.is_none() || self.recovering {
            return Ok(());
        }
        let list = match &self.keys.credential {
            None => self.new_list(&BTreeSet::from([self.keys.device_id()]), now)?,
            Some(current) if !current.statement().is_due(now) => return Ok(()),
            Some(current) => current.list().clone(),
        };
        self.restate(list, (Vec::new(), Vec::new()), now)
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
        // A device that is given up has no say any more.
        let is_listed = self.check_listed().is_ok();
        let records = self.store.transaction()?.group_records()?;
        for record in records {
            if is_listed && record.status == GroupStatus::Active {
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
        let me = &self.keys.identity.name.clone();
        // The accounts with a device that must go, and the devices that their list lacks.
        let (mut leaving, mut present) = (BTreeMap::new(), BTreeMap::new());
        for member in open.group.members() {
            let Some(Identity { name, device }) = identity_of(&member.leaf) else { continue };
            let must_go = self.policy.check_member(&member.leaf, now).err();
            match must_go.filter(|_| member.index != own_leaf) {
                Some(why) => leaving.entry(name).or_insert_with(Vec::new).push((device, why)),
                None => drop(present.entry(name).or_insert_with(BTreeSet::new).insert(device)),
            }
        }
        self.open.insert(group.clone(), open);
        if !self.may_change(group)? {
            // What becomes of other accounts is for the admins of this group to see to.
            leaving.retain(|name, _| name == me);
        }
        let mut intents = Vec::new();
        // All devices of the own account come in; of others, only instead of those that go.
        for name in leaving.keys().chain((!leaving.contains_key(me)).then_some(me)) {
            let stays = present.remove(name).unwrap_or_default();
            let known = self.policy.known().get(name);
            let devices = known.map_or_else(Vec::new, |known| known.devices().to_vec());
            let invitees: Vec<Invitee> = match name == me || stays.is_empty() {
                true => devices.into_iter().filter(|device| !stays.contains(device)).collect(),
                false => Vec::new(),
            }
            .into_iter()
            .map(|device| Invitee { name: name.clone(), device: Some(device), key_package: None })
            .collect();
            if leaving.contains_key(name) || !invitees.is_empty() {
                intents.push(Intent::Reconcile { name: name.clone(), invitees });
            }
        }
        if intents.is_empty() && is_stale {
            // Otherwise the commit brings the credential along.
            intents.push(Intent::Update);
        }
        self.want(group, &intents, &leaving)
    }

    /// Stores what tending a group found, unless it is wanted already, and reports the devices that
    /// are on no list.
    fn want(
        &mut self,
        group: &GroupId,
        intents: &[Intent],
        leaving: &BTreeMap<Name, Vec<(DeviceId, Violation)>>,
    ) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        let wanted = transaction.intents()?;
        let is_wanted = |intent: &Intent| {
            let of_group = wanted.iter().filter(|record| record.group == *group);
            of_group.map(|record| &record.intent).any(|other| match (intent, other) {
                (Intent::Reconcile { name, .. }, Intent::Reconcile { name: other, .. }) => {
                    name == other
                }
                (intent, other) => intent == other,
            })
        };
        for intent in intents.iter().filter(|intent| !is_wanted(intent)) {
            transaction.add_intent(group, intent)?;
            let Intent::Reconcile { name, .. } = intent else { continue };
            let unlisted = leaving.get(name).into_iter().flatten();
            for (device, _) in unlisted.filter(|(_, why)| *why == Violation::NotListed) {
                let (name, device) = (name.to_string(), device.to_string());
                transaction.add_event(&NewEvent {
                    group: Some(group.clone()),
                    position: Position::START,
                    epoch: 0,
                    kind: EventKind::DeviceNotListed { name, device },
                    message_id: None,
                    unread: true,
                })?;
            }
        }
        Ok(transaction.commit()?)
    }
}

/// Whether what is learned of the own account is that it has given this device up.
pub(super) fn is_given_up(policy: &AccountPolicy, own: &Identity, learned: &KnownAccount) -> bool {
    let names_us = |account: &KnownAccount| account.devices().contains(&own.device);
    let before = policy.known().get(&own.name);
    learned.name == own.name && !names_us(learned) && before.is_some_and(|it| names_us(&it))
}

/// Takes in what leaves of a group's tree tell of their accounts. It is believed at once, since the
/// next entry may be about the same account, and durable with the transaction. Returns whether
/// the devices of an account have changed, or one is not listed.
pub(super) fn learn(
    (policy, own): (&AccountPolicy, &Identity),
    transaction: &StoreTransaction<'_>,
    leaves: impl Iterator<Item = Arc<LeafNode>>,
) -> Result<bool, StoreError> {
    let known = policy.known();
    let mut has_changed = false;
    for leaf in leaves {
        // Time is not asked for here: whether it has expired, tending finds out.
        has_changed |= policy.check_member(&leaf, 0).is_err();
        let vouched = policy.verify(&leaf).ok();
        if let Some(account) = vouched.and_then(|vouched| known.learned(&vouched)) {
            if is_given_up(policy, own, &account) {
                super::devices::add_event(transaction, EventKind::DeviceRevoked {})?;
            }
            transaction.put_known_account(&account)?;
            let before = known.get(&account.name);
            let before = before.map_or(0, |before| before.list_number());
            has_changed |= account.list_number() > before && before > 0;
            known.put(account);
        }
    }
    Ok(has_changed)
}
