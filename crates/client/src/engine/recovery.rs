//! Coming back with nothing but the recovery code, and what makes that possible.
//!
//! While all is well, each device leaves a *backup* in an inbox whose address, and the key that
//! it is sealed to, are derived from the root key: the names of its groups, and some members of
//! each with the keys of their inboxes. The device signs it. It holds no key of a group and no
//! message.
//!
//! Whoever has the recovery code makes a new device, reads the backups, signs a new list of devices
//! and tells those members. They know the account; by the new list the lost device is none of its
//! any more, and the new one is. So whoever of them comes first replaces the one by the other, in
//! every group in which the account still is (`standing`). There is nothing in it that could be
//! replayed: a list is only news once, and who is in no group any more is put into none.

use super::asked::Asked;
use super::devices::{Restatement, add_event, fresh_device};
use super::keys::{self, BackupKeys};
use super::notice::{Contact, Purpose, open, send};
use super::policy::policy_of;
use super::{Engine, Setup, Task};
use crate::code::RecoveryCode;
use crate::identity::identity;
use crate::store::{BelongingRecord, GroupStatus};
use crate::{Error, EventKind, Home, Misuse};
use authentication::{AccountKey, DeviceCredential, KeySource, KnownAccount};
use codec::{Encode, Opaque, Writer};
use crypto::{Secret, SignatureKeyPair, SignatureScheme, Signer};
use delivery_api::inbox::InboxPage;
use delivery_api::request::{self, Failure, Window};
use delivery_api::{DeviceId, Problem};
use std::collections::{BTreeMap, BTreeSet};

/// The version of [`Backup`].
const VERSION: u8 = 1;

/// Members of each group that a backup names: some may be away for long.
const CONTACTS_PER_GROUP: usize = 8;

/// Contacts of one backup, so that it fits into an item.
const CONTACTS_MAX: usize = 5000;

/// Groups of one backup that are named, for the same reason.
const GROUPS_MAX: usize = 2000;

/// Items of one page.
const PAGE_LIMIT: u32 = 100;

/// What a device leaves behind, to be found if it is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Backup {
    version: u8,
    credential: DeviceCredential,
    groups: Vec<Opaque>,
    contacts: Vec<Contact>,
    signature: Opaque,
}
codec::fields!(Backup { version, credential, groups, contacts, signature });

impl Backup {
    /// What the device signs.
    fn to_be_signed(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.opaque(b"Conclave 1.0 backup");
        self.version.encode(&mut writer);
        self.credential.encode(&mut writer);
        self.groups.encode(&mut writer);
        self.contacts.encode(&mut writer);
        writer.into_bytes()
    }
}

/// What this process knows of the inbox for backups.
#[derive(Default)]
pub(super) struct BackupInbox {
    /// It was to be registered again since news was last wanted.
    pub(super) was_asked_for: bool,
    /// The application was told that it is not.
    was_told: bool,
}

/// Backups that were read, by the devices that left them: the last of each.
pub(super) type Backups = BTreeMap<DeviceId, Backup>;

impl Engine {
    /// Makes a device for an account of which nothing is left but the recovery code. Devices other
    /// than those in `keep` are no longer the account's.
    ///
    /// # Errors
    /// The code is mistyped, or as [`Engine::create`].
    pub fn recover(
        home: &Home,
        code: &str,
        keep: &[DeviceId],
        mut setup: Setup,
    ) -> Result<Self, Error> {
        let suite = setup.crypto.suite(keys::SUITE).ok_or(crypto::CryptoError::Unsupported)?;
        let code = RecoveryCode::read(&**suite.provider(), code)?;
        let account = fresh_device(&code.name, &code.server, code.root_key, &mut setup.random)?;
        let belonging = BelongingRecord {
            owner_key: code.owner_key,
            link_secret: Secret::zeros(0),
            keep: Some(keep.to_vec()),
            backup: None,
            backed_up: None,
        };
        let mut engine = Self::found(home, (&account, &belonging), setup)?;
        let key = AccountKey::of(engine.keys.root()?)?;
        let known = KnownAccount::new(code.name, key, KeySource::ByHand);
        let transaction = engine.store.transaction()?;
        transaction.put_known_account(&known)?;
        transaction.commit()?;
        engine.policy.known().put(known);
        Ok(engine)
    }

    /// The code from which the account can be recovered. It holds the root key.
    ///
    /// # Errors
    /// The root key is not here.
    pub fn recovery_code(&self) -> Result<String, Error> {
        let owner = self.keys.owner.as_ref().ok_or(Misuse::NoRootKey)?;
        let code = RecoveryCode {
            name: self.keys.identity.name.clone(),
            server: self.server.clone(),
            root_key: self.keys.root()?.private_key().duplicate(),
            owner_key: owner.private_key().duplicate(),
        };
        code.to_text(&**self.keys.suite.provider())
    }

    /// Removes the root key from this device, if `code` is the recovery code for it.
    ///
    /// # Errors
    /// It is not, or the root key is not here.
    pub fn forget_root(&mut self, code: &str) -> Result<(), Error> {
        let code = RecoveryCode::read(&**self.keys.suite.provider(), code)?;
        let root = self.keys.root()?.private_key();
        let owner = self.keys.owner.as_ref().ok_or(Misuse::NoRootKey)?.private_key();
        if code.root_key != *root || code.owner_key != *owner {
            return Err(Misuse::InvalidCode.into());
        }
        let credential = self.keys.credential.clone().ok_or(Misuse::NotLinked)?;
        let transaction = self.store.transaction()?;
        let mut belonging = transaction.belonging()?;
        belonging.owner_key = Secret::zeros(0);
        transaction.put_belonging(&belonging)?;
        transaction.set_credential(&Secret::zeros(0), &credential)?;
        for other in transaction.device_credentials()? {
            transaction.delete_device_credential(&other.statement().device)?;
        }
        transaction.commit()?;
        (self.keys.root, self.keys.owner) = (None, None);
        Ok(())
    }

    /// Brings the root key to this device. The credentials of all devices are made anew.
    ///
    /// # Errors
    /// The code is mistyped, or not for this account.
    pub fn import_root(&mut self, code: &str) -> Result<(), Error> {
        let code = RecoveryCode::read(&**self.keys.suite.provider(), code)?;
        let key =
            |seed: &Secret| SignatureKeyPair::from_private_key(&self.keys.suite, seed.duplicate());
        let (root, owner) = (key(&code.root_key)?, key(&code.owner_key)?);
        let credential = self.keys.credential.clone().ok_or(Misuse::NotLinked)?;
        if AccountKey::of(&root)? != credential.statement().account {
            return Err(Misuse::InvalidCode.into());
        }
        let keep = self.listed().into_iter().collect();
        let transaction = self.store.transaction()?;
        let mut belonging = transaction.belonging()?;
        belonging.owner_key = code.owner_key;
        belonging.keep = Some(keep);
        transaction.put_belonging(&belonging)?;
        transaction.set_credential(&code.root_key, &credential)?;
        transaction.register_again()?;
        transaction.commit()?;
        (self.keys.root, self.keys.owner) = (Some(root), Some(owner));
        self.recovering = true;
        Ok(())
    }

    /// Leaves a backup if there is anything new to say.
    pub(super) fn back_up(&mut self) -> Result<(), Error> {
        let Some(credential) = self.keys.credential.clone() else { return Ok(()) };
        let transaction = self.store.transaction()?;
        let mut belonging = transaction.belonging()?;
        let Some(address) = belonging.backup.clone() else { return Ok(()) };
        let records = transaction.group_records()?;
        drop(transaction);
        let is_in = |status| !matches!(status, GroupStatus::Removed);
        let (mut groups, mut contacts) = (Vec::new(), BTreeMap::new());
        for record in records.into_iter().filter(|record| is_in(record.status)).take(GROUPS_MAX) {
            let name = record.name.into_bytes().into();
            let open = match self.take_open(&record.id) {
                // This client has lost the group's state, and not yet come back: the last backup
                // knows more.
                Err(Error::Misuse(Misuse::NoSuchGroup(_))) => return Ok(()),
                other => other?,
            };
            let members = open.group.members();
            let members = members.filter_map(|it| DeviceCredential::read(&it.leaf.credential).ok());
            let admins = policy_of(&open.group).admins;
            // Whom the group lets take somebody in.
            let others = members.filter(|it| {
                let name = identity(it).name;
                name != self.keys.identity.name && (admins.is_empty() || admins.contains(&name))
            });
            for other in others.take(CONTACTS_PER_GROUP) {
                if contacts.len() < CONTACTS_MAX {
                    contacts.insert(other.statement().device, Contact::of(&other));
                }
            }
            self.open.insert(record.id, open);
            groups.push(name);
        }
        let contacts = contacts.into_values().collect();
        let signature = Opaque::default();
        let mut backup = Backup { version: VERSION, credential, groups, contacts, signature };
        let message = backup.to_be_signed();
        let hash = self.keys.suite.hash(&message)?.as_slice().to_vec();
        if belonging.backed_up.as_ref() == Some(&hash) {
            return Ok(());
        }
        backup.signature = self.keys.device.sign(&message)?.into();
        belonging.backed_up = Some(hash);
        let transaction = self.store.transaction()?;
        let by = (&self.keys.suite, &mut *self.random as &mut dyn crypto::Random);
        send(&transaction, by, (&address, Purpose::Backup), &backup)?;
        transaction.put_belonging(&belonging)?;
        Ok(transaction.commit()?)
    }

    /// The service does not know the inbox for backups: the backup is left once it does. Whoever
    /// has the root key registers it.
    pub(super) fn backup_unknown(&mut self) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        let mut belonging = transaction.belonging()?;
        belonging.backed_up = None;
        transaction.put_belonging(&belonging)?;
        transaction.commit()?;
        if self.keys.root.is_some() && !self.backup_inbox.was_asked_for {
            self.backup_inbox.was_asked_for = true;
            self.plan.push_back(Task::RegisterBackup);
        }
        Ok(())
    }

    /// The service does not want to know it.
    pub(super) fn backup_refused(&mut self) -> Result<(), Error> {
        self.backup_inbox.was_asked_for = true;
        if std::mem::replace(&mut self.backup_inbox.was_told, true) {
            return Ok(());
        }
        let transaction = self.store.transaction()?;
        add_event(&transaction, EventKind::BackupRefused {})?;
        Ok(transaction.commit()?)
    }

    pub(super) fn ask_backups(&mut self, after: u64, now: u64) -> Result<Asked, Error> {
        if after == 0 {
            self.backups.clear();
        }
        let keys = BackupKeys::of(&self.keys.suite, self.keys.root()?)?;
        let window =
            Window { after: delivery_api::Position(after), limit: PAGE_LIMIT, wait_seconds: 0 };
        let request = request::read_inbox(keys.address()?.device, window);
        Ok(Asked::ReadBackups(self.keys.sign(request, &keys.device, now)?))
    }

    /// Takes a page of backups; behind the last, the account is taken over.
    pub(super) fn backups_read(
        &mut self,
        answer: Result<InboxPage, Failure>,
        now: u64,
    ) -> Result<(), Error> {
        let page = match answer {
            // Nobody has left one.
            Err(Failure::Problem(Problem::UnknownDevice)) => {
                InboxPage { items: Vec::new(), more: false }
            }
            other => other?,
        };
        let keys = BackupKeys::of(&self.keys.suite, self.keys.root()?)?;
        for item in &page.items {
            let key = (&keys.key, Purpose::Backup);
            let backup = open::<Backup>(&self.keys.suite, key, &item.bytes);
            if let Some(backup) = backup.filter(|backup| self.is_own_backup(backup)) {
                self.backups.insert(backup.credential.statement().device, backup);
            }
        }
        match page.items.last() {
            Some(last) if page.more => {
                self.plan.push_front(Task::ReadBackups(last.number));
                Ok(())
            }
            _ => self.take_over(now),
        }
    }

    /// Whether a device of this account left a backup.
    fn is_own_backup(&self, backup: &Backup) -> bool {
        let statement = backup.credential.statement();
        let as_carried = backup.credential.to_credential();
        let is_ours = statement.name == self.keys.identity.name
            && self.policy.verify_credential(&as_carried, &statement.signature_key).is_ok();
        let key = statement.device.as_bytes().to_vec().into();
        let (message, provider) = (backup.to_be_signed(), self.keys.suite.provider());
        let scheme = SignatureScheme::ED25519;
        backup.version == VERSION
            && is_ours
            && provider.verify(scheme, &key, &message, &backup.signature).is_ok()
    }

    /// Signs a new list of devices and tells whoever can do something about it.
    fn take_over(&mut self, now: u64) -> Result<(), Error> {
        let Some(keep) = self.store.transaction()?.belonging()?.keep else { return Ok(()) };
        let backups = std::mem::take(&mut self.backups);
        let newest = backups.values().max_by_key(|it| it.credential.list().number());
        let newest = newest.map(|backup| &backup.credential);
        if let Some(newest) = newest {
            let learned = self.learned(newest)?;
            learned.into_iter().for_each(|account| self.policy.known().put(account));
        }
        // What a device left that the account has given up since is not believed.
        let is_listed = |backup: &&Backup| {
            let device = &backup.credential.statement().device;
            newest.is_some_and(|newest| newest.list().names(device))
        };
        let mut devices: BTreeSet<DeviceId> = keep.into_iter().collect();
        let (mut groups, mut contacts) = (BTreeSet::new(), BTreeMap::new());
        let mut linked = Vec::new();
        for backup in backups.values().filter(is_listed) {
            groups.extend(backup.groups.iter().map(|name| String::from_utf8_lossy(name)));
            contacts.extend(backup.contacts.iter().map(|it| (it.device, it.clone())));
            if devices.contains(&backup.credential.statement().device) {
                linked.push((backup.credential.card(), Secret::zeros(0)));
            }
        }
        devices.insert(self.keys.device_id());
        let current = self.keys.credential.as_ref();
        // Whoever has a credential has not lost its groups.
        let event = current.is_none().then(|| EventKind::Recovering {
            groups: groups.into_iter().map(Into::into).collect(),
        });
        let known = current.or(newest);
        let successions = known.map_or_else(Vec::new, |it| it.successions().to_vec());
        let root = self.keys.root()?.private_key().duplicate();
        let root = SignatureKeyPair::from_private_key(&self.keys.suite, root)?;
        let list = self.new_list(&devices, now)?;
        let tell = contacts.into_values().collect();
        self.certify(Restatement { root, successions, list, linked, tell, event }, now)
    }
}
