//! What members of an mKEM group send, and the public state that it changes.

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use crypto::HpkePublicKey;

use crate::Failure;

/// What a message does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The owner of this key joins.
    Add(HpkePublicKey),
    /// The member at this slot leaves.
    Remove(u32),
    /// Nothing but new keys.
    Update,
}

/// A message, without the tag that follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) epoch: u64,
    pub(super) sender: u32,
    pub(super) change: Change,
    /// The sender's new public key, unless it adds somebody.
    pub(super) new_key: Option<HpkePublicKey>,
    /// The new secret, encrypted to [`recipients`].
    pub(super) sealed: Vec<u8>,
}

impl Message {
    /// The head, to which ciphertexts are bound.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.epoch.encode(&mut writer);
        self.sender.encode(&mut writer);
        match &self.change {
            Change::Add(key) => {
                1_u8.encode(&mut writer);
                key.encode(&mut writer);
            }
            Change::Remove(slot) => {
                2_u8.encode(&mut writer);
                slot.encode(&mut writer);
            }
            Change::Update => 3_u8.encode(&mut writer),
        }
        self.new_key.encode(&mut writer);
        writer.into_bytes()
    }

    /// The whole message but for the tag.
    pub(super) fn content(&self) -> Vec<u8> {
        [self.head(), self.sealed.clone()].concat()
    }

    /// A message whose last bytes are a tag of this length; returns message and tag.
    pub(super) fn read(bytes: &[u8], tag_bytes: usize) -> Result<(Self, &[u8]), Failure> {
        let end = bytes.len().checked_sub(tag_bytes);
        let (content, tag) = bytes.split_at(end.ok_or(Failure::Message("too short".into()))?);
        let mut reader = Reader::new(content);
        let (epoch, sender) = (u64::decode(&mut reader)?, u32::decode(&mut reader)?);
        let unknown = reader.error(DecodeErrorKind::InvalidValue("change"));
        let change = match u8::decode(&mut reader)? {
            1 => Change::Add(HpkePublicKey::decode(&mut reader)?),
            2 => Change::Remove(u32::decode(&mut reader)?),
            3 => Change::Update,
            _ => return Err(unknown.into()),
        };
        let new_key = Option::decode(&mut reader)?;
        let is_add = matches!(change, Change::Add(_));
        if new_key.is_some() == is_add {
            return Err(Failure::Message("new keys and an add exclude each other".into()));
        }
        let sealed = reader.rest().to_vec();
        Ok((Self { epoch, sender, change, new_key, sealed }, tag))
    }
}

/// The public keys of the members by slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaves(pub(super) Vec<Option<HpkePublicKey>>);

impl Leaves {
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).zip(&self.0).filter_map(|(slot, key)| key.as_ref().map(|_| slot))
    }

    pub(super) fn key(&self, slot: u32) -> Option<&HpkePublicKey> {
        self.0.get(usize::try_from(slot).ok()?)?.as_ref()
    }

    pub(super) fn slot_of(&self, key: &HpkePublicKey) -> Option<u32> {
        (0_u32..).zip(&self.0).find(|(_, other)| other.as_ref() == Some(key)).map(|(slot, _)| slot)
    }

    pub(super) fn set(&mut self, slot: u32, key: Option<HpkePublicKey>) {
        if let Some(place) = usize::try_from(slot).ok().and_then(|slot| self.0.get_mut(slot)) {
            *place = key;
        }
    }

    /// Whom the new secret of a message is encrypted to, in order.
    pub(super) fn recipients<'a>(
        &'a self,
        message: &'a Message,
    ) -> impl Iterator<Item = (u32, &'a HpkePublicKey)> + 'a {
        let removed = match message.change {
            Change::Remove(slot) => Some(slot),
            Change::Add(_) | Change::Update => None,
        };
        let is_add = matches!(message.change, Change::Add(_));
        let all = (0_u32..).zip(&self.0).filter_map(|(slot, key)| Some((slot, key.as_ref()?)));
        all.filter(move |(slot, _)| !is_add && *slot != message.sender && Some(*slot) != removed)
    }

    /// Makes the public change; returns the slot of somebody new.
    pub(super) fn apply(&mut self, message: &Message) -> Option<u32> {
        self.set_new_key(message);
        match &message.change {
            Change::Add(key) => {
                let free = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
                if free == self.0.len() {
                    self.0.push(None);
                }
                self.0[free] = Some(key.clone());
                u32::try_from(free).ok()
            }
            Change::Remove(slot) => {
                self.set(*slot, None);
                None
            }
            Change::Update => None,
        }
    }

    fn set_new_key(&mut self, message: &Message) {
        if let Some(key) = &message.new_key {
            self.set(message.sender, Some(key.clone()));
        }
    }
}

impl Encode for Leaves {
    fn encode(&self, writer: &mut Writer) {
        writer.vector(|writer| self.0.iter().for_each(|key| key.encode(writer)));
    }
}

impl Decode for Leaves {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut elements = reader.vector()?;
        let mut leaves = Vec::new();
        while !elements.is_empty() {
            leaves.push(Option::decode(&mut elements)?);
        }
        Ok(Self(leaves))
    }
}

/// What brings somebody in: the state of an epoch, and its secret encrypted to those who join.
pub(super) struct Welcome {
    pub(super) epoch: u64,
    pub(super) leaves: Leaves,
    /// The slots of those who join, in the order of the ciphertexts.
    pub(super) joiners: Vec<u32>,
    pub(super) sealed: Opaque,
}

codec::fields!(Welcome { epoch, leaves, joiners <= 1 << 20, sealed });

impl Welcome {
    /// What the ciphertexts are bound to.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.epoch.encode(&mut writer);
        self.leaves.encode(&mut writer);
        writer.into_bytes()
    }
}
