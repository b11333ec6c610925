//! The account's devices: how one comes to belong to it, and what they tell each other.
//!
//! Linking, with the new device on the left and the one that has the root key on the right:
//!
//! ```text
//! makes its keys; its card goes to the service as a blob,
//! sealed under a secret
//! shows the code: the blob's hash, and the secret ─────►  fetches the card, checks the hash
//!                                                         signs a list with the device on it,
//!                                                         and a credential, with a proof made
//! checks the proof, has its credential ◄─── inbox ─────   by the secret; seals all to the card
//! uploads key packages, tells the others ─── inbox ────►  add it to all groups
//! ```
//!
//! The root key's holder renews the credentials of all devices, and sends each its own. A device
//! without the root key is certified by it and holds nothing that could certify another one.

use super::asked::Asked;
use super::keys::{BackupKeys, Keys};
use super::notice::{Contact, Notice, Purpose, open, proof, send};
use super::standing::is_given_up;
use super::{BoxedRandom, Engine, Setup, Task, client, is_final, keys};
use crate::code::{LINK_SECRET_LENGTH, LinkCode};
use crate::store::{AccountRecord, BelongingRecord, NewEvent, StoreTransaction};
use crate::{Error, EventKind, Home, Misuse, StoreError};
use authentication::{
    AccountKey, DeviceCard, DeviceCredential, DeviceList, DeviceStatement, KeySource, KnownAccount,
    LIFETIME_SECONDS_MAX, Succession,
};
use codec::{Decode, Encode};
use crypto::{Random, Secret, SignatureKeyPair, Suite};
use delivery_api::blob::Blob;
use delivery_api::inbox::Item;
use delivery_api::request::{self, Failure};
use delivery_api::service::Done;
use delivery_api::{BlobId, DeviceId, Name, Position, Problem};
use std::collections::BTreeSet;

/// The label behind the key that a device's card is sealed with.
const CARD_LABEL: &str = "conclave link card";

/// What the root key says from now on.
pub(super) struct Restatement {
    pub(super) root: SignatureKeyPair,
    pub(super) successions: Vec<Succession>,
    pub(super) list: DeviceList,
    /// Devices that come in, each with the secret of its code.
    pub(super) linked: Vec<(DeviceCard, Secret)>,
    /// Devices of others that are to hear of it at once.
    pub(super) tell: Vec<Contact>,
    /// What the application is told.
    pub(super) event: Option<EventKind>,
}

/// A device of the own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDevice {
    /// The device.
    pub device: DeviceId,
    /// Whether it is this one.
    pub is_this: bool,
}

impl Engine {
    /// Makes a device in a folder that waits to be linked to an account: [`Engine::link_code`] is
    /// to be confirmed on the device that has the root key.
    ///
    /// # Errors
    /// As [`Engine::create`].
    pub fn create_linked(
        home: &Home,
        name: &Name,
        server: &str,
        mut setup: Setup,
    ) -> Result<Self, Error> {
        let account = fresh_device(name, server, Secret::zeros(0), &mut setup.random)?;
        let belonging = BelongingRecord {
            owner_key: Secret::zeros(0),
            link_secret: Secret::random(LINK_SECRET_LENGTH, &mut *setup.random)?,
            keep: None,
            backup: None,
            backed_up: None,
        };
        Self::found(home, (&account, &belonging), setup)
    }

    /// The devices on the account's list, as this one knows it.
    #[must_use]
    pub fn devices(&self) -> Vec<AccountDevice> {
        let own = self.keys.device_id();
        let known = self.policy.known().get(&self.keys.identity.name);
        let devices = known.map_or_else(Vec::new, |known| known.devices().to_vec());
        let device = |device| AccountDevice { device, is_this: device == own };
        devices.into_iter().map(device).collect()
    }

    /// Whether the account's root key is on this device.
    #[must_use]
    pub fn has_root(&self) -> bool {
        self.keys.root.is_some()
    }

    /// The code that a device shows which waits to be linked; `None` if it does not.
    ///
    /// # Errors
    /// The store or cryptography failed.
    pub fn link_code(&mut self) -> Result<Option<String>, Error> {
        let secret = self.store.transaction()?.belonging()?.link_secret;
        if secret.expose().is_empty() {
            return Ok(None);
        }
        let card = self.card_blob(&secret)?.0;
        LinkCode { card, secret }.to_text(&**self.keys.suite.provider()).map(Some)
    }

    /// Wants the device that shows a code linked to this account. It is done once the engine has
    /// nothing more to ask.
    ///
    /// # Errors
    /// The code is mistyped, or the root key is not here.
    pub fn link(&mut self, code: &str) -> Result<(), Error> {
        self.keys.root()?;
        let code = LinkCode::read(&**self.keys.suite.provider(), code)?;
        self.plan.push_back(Task::FetchCard(code.card, code.secret));
        Ok(())
    }

    /// This device's card as it lies at the service: sealed for who is shown the code.
    fn card_blob(&self, secret: &Secret) -> Result<(BlobId, Vec<u8>), Error> {
        let suite = &self.keys.suite;
        let (key, nonce) = card_key(suite, secret)?;
        let bytes = suite.aead_seal(&key, &nonce, &[], &self.keys.card()?.to_bytes())?;
        let hash = self.keys.suite.hash(&bytes)?;
        let id = hash.as_slice().try_into().map_err(|_| crypto::CryptoError::InvalidLength)?;
        Ok((BlobId::new(id), bytes))
    }

    pub(super) fn ask_put_card(&mut self, now: u64) -> Result<Option<Asked>, Error> {
        let secret = self.store.transaction()?.belonging()?.link_secret;
        if secret.expose().is_empty() {
            // It is linked, and its name is not its own to register.
            return self.name_put(Ok(Done)).map(|()| None);
        }
        let (id, bytes) = self.card_blob(&secret)?;
        let request = request::put_blob(id, bytes);
        Ok(Some(Asked::PutCard(self.keys.sign_as_device(request, now)?)))
    }

    pub(super) fn ask_card(card: BlobId, secret: Secret) -> Asked {
        Asked::FetchCard(request::get_blob(card), card, secret)
    }

    /// Lists and certifies the device of a card.
    pub(super) fn card_fetched(
        &mut self,
        answer: Result<Blob, Failure>,
        (id, secret): (BlobId, Secret),
        now: u64,
    ) -> Result<(), Error> {
        let Blob(bytes) = match answer {
            Err(Failure::Problem(Problem::UnknownBlob)) => return Err(Misuse::InvalidCode.into()),
            other => other?,
        };
        let untrusted = || Error::Untrusted("the service gave another card".to_owned());
        if self.keys.suite.hash(&bytes)?.as_slice() != id.as_bytes() {
            return Err(untrusted());
        }
        let (key, nonce) = card_key(&self.keys.suite, &secret)?;
        let card = self.keys.suite.aead_open(&key, &nonce, &[], &bytes);
        let card = card.map_err(|_| Misuse::InvalidCode)?;
        let card = DeviceCard::from_bytes(card.expose()).map_err(|_| untrusted())?;
        let provider = &**self.keys.suite.provider();
        card.verify(provider, &self.keys.identity.name)
            .map_err(|violation| Error::Untrusted(violation.to_string()))?;
        let mut devices = self.listed();
        devices.insert(card.device());
        let list = self.new_list(&devices, now)?;
        self.restate(list, (vec![(card, secret)], Vec::new()), now)
    }

    /// The devices on the last list.
    pub(super) fn listed(&self) -> BTreeSet<DeviceId> {
        self.devices().into_iter().map(|device| device.device).collect()
    }

    /// A list of devices with a number that was not used before: the time, unless that is not
    /// higher. So whoever recovers the account comes behind the lists that they have not seen.
    pub(super) fn new_list(
        &self,
        devices: &BTreeSet<DeviceId>,
        now: u64,
    ) -> Result<DeviceList, Error> {
        let (name, number) = (&self.keys.identity.name, self.list_number(now));
        Ok(DeviceList::new(name, self.keys.root()?, number, devices)?)
    }

    /// The number of the next list.
    pub(super) fn list_number(&self, now: u64) -> u64 {
        let known = self.policy.known().get(&self.keys.identity.name);
        known.map_or(0, |known| known.list_number()).saturating_add(1).max(now)
    }

    /// [`Engine::certify`] under the root key at hand, with devices that come in and others that
    /// are to hear of it.
    pub(super) fn restate(
        &mut self,
        list: DeviceList,
        (linked, tell): (Vec<(DeviceCard, Secret)>, Vec<Contact>),
        now: u64,
    ) -> Result<(), Error> {
        let root = self.keys.root()?.private_key().duplicate();
        let root = SignatureKeyPair::from_private_key(&self.keys.suite, root)?;
        let current = self.keys.credential.as_ref();
        let successions = current.map_or_else(Vec::new, |it| it.successions().to_vec());
        let event = None;
        self.certify(Restatement { root, successions, list, linked, tell, event }, now)
    }

    /// Makes the credentials of all devices, sends each its own, and puts ours to use everywhere.
    pub(super) fn certify(&mut self, restatement: Restatement, now: u64) -> Result<(), Error> {
        let own = restatement.credential(&self.keys, &self.keys.card()?, now)?;
        let learned = self.learned(&own)?;
        let backup = BackupKeys::of(&self.keys.suite, &restatement.root)?.address()?;
        let transaction = self.store.transaction()?;
        let others = restatement.others(&self.keys, &transaction, now)?;
        let contacts: Vec<Contact> = others.iter().map(|(other, _)| Contact::of(other)).collect();
        for (other, secret) in others {
            transaction.put_device_credential(&other)?;
            let to = Contact::of(&other);
            let is_other = |contact: &&Contact| contact.device != to.device;
            let mut rest: Vec<Contact> = contacts.iter().filter(is_other).cloned().collect();
            rest.push(Contact::of(&own));
            let notice = Notice::Certified {
                proof: proof(&self.keys.suite, &secret, &other)?.expose().into(),
                credential: Box::new(other),
                backup: backup.clone(),
                others: rest,
            };
            let by = (&self.keys.suite, &mut *self.random as &mut dyn Random);
            send(&transaction, by, (&to, Purpose::Notice), &notice)?;
        }
        tell(&transaction, (&self.keys, &mut self.random), &restatement.tell, &own)?;
        let mut belonging = transaction.belonging()?;
        if belonging.backup.as_ref() != Some(&backup) {
            belonging.backed_up = None;
        }
        (belonging.backup, belonging.keep) = (Some(backup), None);
        transaction.put_belonging(&belonging)?;
        transaction.set_credential(restatement.root.private_key(), &own)?;
        transaction.register_again()?;
        restatement.event.map_or(Ok(()), |kind| add_event(&transaction, kind))?;
        learned.iter().try_for_each(|account| transaction.put_known_account(account))?;
        transaction.commit()?;
        self.keys.root = Some(restatement.root);
        self.recovering = false;
        self.use_credential(own, learned, now)
    }

    /// What an own credential teaches of the account, once it is verified.
    pub(super) fn learned(
        &self,
        credential: &DeviceCredential,
    ) -> Result<Option<KnownAccount>, Error> {
        let signature_key = &credential.statement().signature_key;
        let as_carried = credential.to_credential();
        let vouched = self.policy.verify_credential(&as_carried, signature_key);
        let vouched = vouched.map_err(|violation| Error::Untrusted(violation.to_string()))?;
        let mut learned = self.policy.known().learned(&vouched);
        learned.iter_mut().for_each(|account| account.source = KeySource::ByHand);
        Ok(learned)
    }

    /// Puts a credential to use that is durable.
    fn use_credential(
        &mut self,
        credential: DeviceCredential,
        learned: Option<KnownAccount>,
        now: u64,
    ) -> Result<(), Error> {
        learned.into_iter().for_each(|account| self.policy.known().put(account));
        let is_first = self.keys.credential.replace(credential).is_none();
        self.client = client(&self.client.config().crypto, &self.keys, &self.policy)?;
        // With the first one there is nothing to replace; a stock comes with registration.
        if !is_first {
            self.replace_stock(now)?;
            self.tend_soon();
        }
        Ok(())
    }

    /// Takes an item that another device put into the inbox. What is not for us, or not so, is
    /// acknowledged and forgotten.
    pub(super) fn take_notice(&mut self, item: &Item, now: u64) -> Result<(), Error> {
        let key = (&self.keys.inbox, Purpose::Notice);
        match open::<Notice>(&self.keys.suite, key, &item.bytes) {
            Some(Notice::Certified { credential, proof, backup, others })
                if self.is_ours(&credential, &proof)? =>
            {
                self.take_certificate(*credential, (backup, &others), now)?;
            }
            Some(Notice::Standing { credential }) => self.take_standing(&credential)?,
            Some(Notice::Anchor { offer }) => self.take_offer(*offer)?,
            Some(Notice::Certified { .. }) | None => {}
        }
        // Taking a notice twice does nothing, so this may come after it.
        let transaction = self.store.transaction()?;
        transaction.put_inbox_done(item.number)?;
        Ok(transaction.commit()?)
    }

    /// Whether a credential is one for this device, by its account, and news.
    fn is_ours(&mut self, credential: &DeviceCredential, proof: &[u8]) -> Result<bool, Error> {
        let statement = credential.statement();
        let is_valid = self.learned(credential).is_ok();
        if !is_valid || credential.card() != self.keys.card()? || self.keys.root.is_some() {
            return Ok(false);
        }
        if let Some(current) = &self.keys.credential {
            let age = |it: &DeviceCredential| (it.list().number(), it.statement().not_after);
            return Ok(age(credential) > age(current));
        }
        let secret = self.store.transaction()?.belonging()?.link_secret;
        let expected = super::notice::proof(&self.keys.suite, &secret, credential)?;
        let is_proven = !secret.expose().is_empty() && expected == Secret::from_slice(proof);
        Ok(is_proven && statement.name == self.keys.identity.name)
    }

    /// Makes a credential for this device durable and uses it.
    fn take_certificate(
        &mut self,
        credential: DeviceCredential,
        (backup, others): (Contact, &[Contact]),
        now: u64,
    ) -> Result<(), Error> {
        let is_first = self.keys.credential.is_none();
        let learned = self.learned(&credential)?;
        let transaction = self.store.transaction()?;
        let mut belonging = transaction.belonging()?;
        belonging.link_secret = Secret::zeros(0);
        belonging.backed_up = None;
        belonging.backup = Some(backup);
        transaction.put_belonging(&belonging)?;
        if is_first {
            add_event(&transaction, EventKind::Linked {})?;
            // They add us to groups once they hear that there are key packages.
            tell(&transaction, (&self.keys, &mut self.random), others, &credential)?;
        }
        transaction.set_credential(&Secret::zeros(0), &credential)?;
        learned.iter().try_for_each(|account| transaction.put_known_account(account))?;
        transaction.commit()?;
        self.use_credential(credential, learned, now)?;
        self.plan.push_back(Task::Stock);
        Ok(())
    }

    /// Hears how an account stands. Only of accounts that are known already, and by their root key:
    /// what a stranger says is nothing to us. It only tells which devices an account has; whether
    /// that changes anything, the groups say in which the account is.
    fn take_standing(&mut self, credential: &DeviceCredential) -> Result<(), Error> {
        let statement = credential.statement();
        let as_carried = credential.to_credential();
        let vouched = self.policy.verify_credential(&as_carried, &statement.signature_key);
        let is_known = self.policy.known().get(&statement.name).is_some();
        let Some(vouched) = vouched.ok().filter(|_| is_known) else { return Ok(()) };
        if let Some(account) = self.policy.known().learned(&vouched) {
            let transaction = self.store.transaction()?;
            if is_given_up(&self.policy, &self.keys.identity, &account) {
                add_event(&transaction, EventKind::DeviceRevoked {})?;
            }
            transaction.put_known_account(&account)?;
            transaction.commit()?;
            self.policy.known().put(account);
            self.tend_soon();
        } else if statement.name == self.keys.identity.name {
            // A device of ours can be added now.
            self.tend_soon();
        }
        Ok(())
    }

    pub(super) fn ask_put_notice(&mut self, now: u64) -> Result<Option<Asked>, Error> {
        let Some((number, recipient, item)) = self.store.transaction()?.next_item()? else {
            return Ok(None);
        };
        let request = request::put_item(recipient, &item);
        Ok(Some(Asked::PutNotice(self.keys.sign_as_device(request, now)?, number)))
    }

    /// Forgets an item that was taken, or that the service will never take.
    pub(super) fn notice_put(
        &mut self,
        answer: Result<Done, Failure>,
        number: u64,
    ) -> Result<(), Error> {
        let is_unknown = matches!(answer, Err(Failure::Problem(Problem::UnknownDevice)));
        match answer {
            Err(Failure::Problem(problem)) if is_final(&problem) => {}
            other => drop(other?),
        }
        let transaction = self.store.transaction()?;
        let recipient = transaction.next_item()?.filter(|item| item.0 == number).map(|item| item.1);
        let backup = transaction.belonging()?.backup.map(|backup| backup.device);
        transaction.delete_item(number)?;
        transaction.commit()?;
        match is_unknown && recipient.is_some() && recipient == backup {
            true => self.backup_unknown(),
            false => Ok(()),
        }
    }
}

impl Restatement {
    /// The credential of one device.
    fn credential(
        &self,
        keys: &Keys,
        card: &DeviceCard,
        now: u64,
    ) -> Result<DeviceCredential, Error> {
        let statement = DeviceStatement {
            name: keys.identity.name.clone(),
            account: AccountKey::of(&self.root)?,
            device: card.device(),
            signature_key: card.signature_key().clone(),
            inbox_key: card.inbox_key().clone(),
            not_before: now,
            not_after: now.saturating_add(LIFETIME_SECONDS_MAX),
        };
        let account = (self.successions.as_slice(), self.list.clone());
        Ok(DeviceCredential::new(statement, &self.root, card, account)?)
    }

    /// The credentials of the other devices, each with the secret of its code. Those that are not
    /// listed any more are forgotten.
    fn others(
        &self,
        keys: &Keys,
        transaction: &StoreTransaction<'_>,
        now: u64,
    ) -> Result<Vec<(DeviceCredential, Secret)>, Error> {
        let known = transaction.device_credentials()?;
        let is_linked = |device| self.linked.iter().any(|(card, _)| card.device() == device);
        let known = known.iter().map(DeviceCredential::card);
        let known = known.filter(|card| !is_linked(card.device()));
        let known = known.map(|card| (card, Secret::zeros(0)));
        let linked = self.linked.iter().map(|(card, secret)| (card.clone(), secret.duplicate()));
        let mut others = Vec::new();
        for (card, secret) in known.chain(linked) {
            if !self.list.names(&card.device()) {
                transaction.delete_device_credential(&card.device())?;
            } else if card.device() != keys.device_id() {
                others.push((self.credential(keys, &card, now)?, secret));
            }
        }
        Ok(others)
    }
}

/// What a card is sealed with; its key is used for nothing else.
fn card_key(suite: &Suite, secret: &Secret) -> Result<(Secret, Vec<u8>), Error> {
    let (key, nonce) = (suite.params().aead_key_length, suite.params().aead_nonce_length);
    // The secret is shorter than what HKDF takes.
    let secret = suite.mac(secret, CARD_LABEL.as_bytes())?;
    Ok((suite.expand_with_label(&secret, CARD_LABEL, &[], key)?, vec![0; nonce]))
}

/// Lets other devices hear how the account of a credential stands.
fn tell(
    transaction: &StoreTransaction<'_>,
    (keys, random): (&Keys, &mut BoxedRandom),
    contacts: &[Contact],
    credential: &DeviceCredential,
) -> Result<(), Error> {
    let notice = Notice::Standing { credential: Box::new(credential.clone()) };
    contacts.iter().try_for_each(|contact| {
        send(
            transaction,
            (&keys.suite, &mut **random as &mut dyn Random),
            (contact, Purpose::Notice),
            &notice,
        )
    })
}

/// Notes an event about the account.
pub(super) fn add_event(
    transaction: &StoreTransaction<'_>,
    kind: EventKind,
) -> Result<(), StoreError> {
    transaction.add_event(&NewEvent {
        group: None,
        position: Position::START,
        epoch: 0,
        kind,
        message_id: None,
        unread: true,
    })?;
    Ok(())
}

/// A new device of an account.
pub(super) fn fresh_device(
    name: &Name,
    server: &str,
    root_key: Secret,
    random: &mut BoxedRandom,
) -> Result<AccountRecord, Error> {
    Ok(AccountRecord {
        name: name.clone(),
        server: server.to_owned(),
        service_key: None,
        device_key: Secret::random(keys::SEED_LENGTH, &mut **random)?,
        signature_key: Secret::random(keys::SEED_LENGTH, &mut **random)?,
        root_key,
        // Made once the time is known, or by the device that has the root key.
        credential: None,
        registered: false,
    })
}
