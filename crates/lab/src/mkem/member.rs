//! A member of an mKEM group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use codec::Encode;
use crypto::{HpkeKeyPair, HpkePublicKey, Random, Secret};

use super::message::{Change, Leaves, Message, Welcome};
use super::{GroupKey, Mkem};
use crate::{Failure, Held, Loot, Member, Sent, Tools};

/// What a message of one's own leads to.
struct Prepared {
    secret: Secret,
    /// The new key pair, if the message has new keys.
    key_pair: Option<HpkeKeyPair>,
}

pub(super) struct MkemMember {
    pub(super) tools: Tools,
    pub(super) protocol: Mkem,
    pub(super) slot: u32,
    pub(super) leaves: Arc<Leaves>,
    pub(super) key_pair: HpkeKeyPair,
    pub(super) key: GroupKey,
    pub(super) epoch: u64,
    is_removed: bool,
    prepared: BTreeMap<Vec<u8>, Prepared>,
}

impl MkemMember {
    pub(super) fn new(
        (tools, protocol): (Tools, Mkem),
        key_pair: HpkeKeyPair,
        leaves: Arc<Leaves>,
        key: GroupKey,
        epoch: u64,
    ) -> Result<Self, Failure> {
        let slot = leaves.slot_of(&key_pair.public_key);
        let slot = slot.ok_or(Failure::Message("not for this key".into()))?;
        let (is_removed, prepared) = (false, BTreeMap::new());
        Ok(Self { tools, protocol, slot, leaves, key_pair, key, epoch, is_removed, prepared })
    }

    fn check_active(&self) -> Result<(), Failure> {
        if self.is_removed { Err(Failure::Removed) } else { Ok(()) }
    }

    /// Makes a message with new keys for the sender.
    fn send(&mut self, change: Change, random: &mut dyn Random) -> Result<Sent, Failure> {
        self.check_active()?;
        let suite = self.tools.suite();
        let key_pair = suite.generate_key_pair(random)?;
        let secret = Secret::random(suite.hash_length(), random)?;
        let new_key = Some(key_pair.public_key.clone());
        let (epoch, sender, sealed) = (self.epoch, self.slot, Vec::new());
        let mut message = Message { epoch, sender, change, new_key, sealed };
        let recipients: Vec<_> =
            self.leaves.recipients(&message).map(|(_, key)| key.clone()).collect();
        let head = message.head();
        let form = self.protocol.form;
        message.sealed = form.seal((suite, &head), &recipients, &secret, random)?;
        let path_bytes = message.sealed.len();
        let message = self.finish(&message, Prepared { secret, key_pair: Some(key_pair) })?;
        Ok(Sent { message, path_bytes, welcome: Vec::new() })
    }

    /// Appends the tag under the group key.
    fn finish(&mut self, message: &Message, prepared: Prepared) -> Result<Vec<u8>, Failure> {
        let content = message.content();
        let tag = self.key.tag(self.tools.suite(), &content)?;
        let bytes = [&content, tag.expose()].concat();
        self.prepared.insert(bytes.clone(), prepared);
        Ok(bytes)
    }

    /// The new secret of a message, and the own new keys.
    fn open(
        &mut self,
        bytes: &[u8],
        message: &Message,
    ) -> Result<(Secret, Option<HpkeKeyPair>), Failure> {
        if let Some(own) = self.prepared.get(bytes) {
            let key_pair = own.key_pair.as_ref().map(HpkeKeyPair::duplicate);
            return Ok((own.secret.duplicate(), key_pair));
        }
        let suite = self.tools.suite();
        if matches!(message.change, Change::Add(_)) {
            return Ok((GroupKey::added_secret(suite), None));
        }
        if message.sender == self.slot {
            return Err(Failure::Message("an own message that was not made here".into()));
        }
        let mut recipients = self.leaves.recipients(message);
        let position = recipients.position(|(slot, _)| slot == self.slot);
        let position = position.ok_or(Failure::Message("not for this member".into()))?;
        let context = (suite, &*message.head());
        let secret = self.protocol.form.open(context, &self.key_pair, position, &message.sealed)?;
        Ok((secret, None))
    }

    /// The messages, if they are of this epoch, by members, and right.
    fn verify(&self, messages: &[Vec<u8>]) -> Result<Vec<Message>, Failure> {
        let suite = self.tools.suite();
        let mut senders = BTreeSet::new();
        let mut verified = Vec::new();
        for bytes in messages {
            let (message, tag) = Message::read(bytes, suite.hash_length())?;
            let expected = self.key.tag(suite, &message.content())?;
            let is_new = senders.insert(message.sender);
            if expected != Secret::from_slice(tag)
                || message.epoch != self.epoch
                || self.leaves.key(message.sender).is_none()
                || !is_new
            {
                return Err(Failure::Message("tag, epoch or sender".into()));
            }
            if let Change::Remove(slot) = message.change
                && (slot == message.sender || self.leaves.key(slot).is_none())
            {
                return Err(Failure::Message("nobody to remove".into()));
            }
            let recipients = self.leaves.recipients(&message).count();
            let kem_bytes = self.key_pair.public_key.as_slice().len();
            let form = self.protocol.form;
            if message.sealed.len() != form.sealed_bytes(suite, kem_bytes, recipients) {
                return Err(Failure::Message("not one ciphertext for each recipient".into()));
            }
            if messages.len() > 1 && message.change != Change::Update {
                return Err(Failure::NotMergeable);
            }
            verified.push(message);
        }
        Ok(verified)
    }
}

impl Member for MkemMember {
    fn slot(&self) -> u32 {
        self.slot
    }

    fn members(&self) -> Vec<u32> {
        self.leaves.slots().collect()
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn add(&mut self, key_package: &[u8], random: &mut dyn Random) -> Result<Sent, Failure> {
        self.check_active()?;
        let key = HpkePublicKey::from(key_package.to_vec());
        let suite = self.tools.suite().clone();
        suite.check_hpke_public_key(&key)?;
        let change = Change::Add(key.clone());
        let (epoch, sender, sealed) = (self.epoch, self.slot, Vec::new());
        let message = Message { epoch, sender, change, new_key: None, sealed };
        let secret = GroupKey::added_secret(&suite);
        let next = self.key.next(&suite, &secret, &message.content())?;
        let mut leaves = Leaves::clone(&self.leaves);
        let slot = leaves.apply(&message).ok_or(Failure::Misuse("too many members"))?;
        let mut welcome =
            Welcome { epoch: epoch + 1, leaves, joiners: vec![slot], sealed: Default::default() };
        let head = welcome.head();
        let form = self.protocol.form;
        welcome.sealed = form.seal((&suite, &head), &[key], next.as_secret(), random)?.into();
        let message = self.finish(&message, Prepared { secret, key_pair: None })?;
        Ok(Sent { message, path_bytes: 0, welcome: welcome.to_bytes() })
    }

    fn remove(&mut self, slot: u32, random: &mut dyn Random) -> Result<Sent, Failure> {
        self.check_active()?;
        if slot == self.slot || self.leaves.key(slot).is_none() {
            return Err(Failure::Misuse("nobody to remove"));
        }
        self.send(Change::Remove(slot), random)
    }

    fn update(&mut self, random: &mut dyn Random) -> Result<Sent, Failure> {
        self.send(Change::Update, random)
    }

    fn process(&mut self, message: &[u8]) -> Result<(), Failure> {
        self.merge(&[message.to_vec()])
    }

    fn merge(&mut self, messages: &[Vec<u8>]) -> Result<(), Failure> {
        self.check_active()?;
        if messages.is_empty() {
            return Err(Failure::Misuse("nothing to process"));
        }
        let verified = self.verify(messages)?;
        if verified.iter().any(|message| message.change == Change::Remove(self.slot)) {
            self.is_removed = true;
            return Err(Failure::Removed);
        }
        // All are opened with the keys of this epoch before any of them changes a key.
        let (mut key, mut own) = (self.key.duplicate(), None);
        for (bytes, message) in messages.iter().zip(&verified) {
            let (secret, key_pair) = self.open(bytes, message)?;
            key = key.next(self.tools.suite(), &secret, &message.content())?;
            own = own.or(key_pair);
        }
        let leaves = Arc::make_mut(&mut self.leaves);
        for message in &verified {
            leaves.apply(message);
        }
        self.key_pair = own.unwrap_or(self.key_pair.duplicate());
        self.key = key;
        self.epoch += 1;
        self.prepared.clear();
        Ok(())
    }

    fn epoch_secret(&self) -> Secret {
        self.key.epoch_secret(self.tools.suite())
    }

    fn public_nodes(&self) -> Vec<(u32, Vec<u8>)> {
        let keys = (0_u32..).zip(&self.leaves.0);
        let keys =
            keys.filter_map(|(slot, key)| Some((2 * slot, key.as_ref()?.as_slice().to_vec())));
        keys.collect()
    }

    fn compromise(&self) -> Loot {
        let node = Some(2 * self.slot);
        let private_key = self.key_pair.private_key.duplicate();
        let secrets = vec![
            Held { what: "leaf private key", node, secret: private_key },
            Held { what: "group key", node: None, secret: self.key.as_secret().duplicate() },
        ];
        Loot { slot: self.slot, epoch: self.epoch, secrets, public: self.leaves.to_bytes() }
    }
}
