//! An attacker on an mKEM group: opens whatever it has a key for.

use codec::{Decode, Reader};
use crypto::{HpkeKeyPair, Secret};

use super::message::{Change, Leaves, Message};
use super::{GroupKey, Mkem};
use crate::{Adversary, Failure, Loot, Tools};

pub(super) struct MkemAdversary {
    tools: Tools,
    protocol: Mkem,
    leaves: Leaves,
    key_pairs: Vec<HpkeKeyPair>,
    key: Option<GroupKey>,
}

impl MkemAdversary {
    pub(super) fn new(tools: &Tools, protocol: Mkem, mut loot: Vec<Loot>) -> Result<Self, Failure> {
        loot.sort_by_key(|loot| loot.epoch);
        let latest = loot.last().ok_or(Failure::Misuse("an attacker without loot"))?;
        let leaves = Leaves::decode(&mut Reader::new(&latest.public))?;
        let key = latest.secrets.iter().find(|held| held.node.is_none());
        let key = key.map(|held| GroupKey::from(held.secret.duplicate()));
        let mut key_pairs = Vec::new();
        for held in loot.into_iter().flat_map(|loot| loot.secrets) {
            if held.node.is_some() {
                let kem = tools.suite().params().kem;
                let public_key = tools.suite().provider().dh_public_key(kem, &held.secret)?;
                key_pairs.push(HpkeKeyPair::new(held.secret, public_key));
            }
        }
        Ok(Self { tools: tools.clone(), protocol, leaves, key_pairs, key })
    }

    /// The secret that a message brings, if any key that is held opens it.
    fn open(&self, message: &Message) -> Option<Secret> {
        if matches!(message.change, Change::Add(_)) {
            return Some(GroupKey::added_secret(self.tools.suite()));
        }
        let head = message.head();
        let recipients = self.leaves.recipients(message).enumerate();
        let mut held = recipients.filter_map(|(position, (_, public_key))| {
            let mut pairs = self.key_pairs.iter();
            Some((position, pairs.find(|pair| pair.public_key == *public_key)?))
        });
        held.find_map(|(position, pair)| {
            let context = (self.tools.suite(), &*head);
            self.protocol.form.open(context, pair, position, &message.sealed).ok()
        })
    }
}

impl Adversary for MkemAdversary {
    fn read(&mut self, message: &[u8]) {
        self.read_merged(&[message.to_vec()]);
    }

    fn read_merged(&mut self, messages: &[Vec<u8>]) {
        let suite = self.tools.suite().clone();
        let parsed = messages.iter().map(|bytes| Message::read(bytes, suite.hash_length()));
        let Ok(parsed) = parsed.collect::<Result<Vec<_>, _>>() else {
            self.key = None;
            return;
        };
        for (message, _) in &parsed {
            let secret = self.open(message);
            let next = self.key.take().zip(secret);
            self.key =
                next.and_then(|(key, secret)| key.next(&suite, &secret, &message.content()).ok());
        }
        for (message, _) in &parsed {
            self.leaves.apply(message);
        }
    }

    fn epoch_secret(&self) -> Option<Secret> {
        Some(self.key.as_ref()?.epoch_secret(self.tools.suite()))
    }
}
