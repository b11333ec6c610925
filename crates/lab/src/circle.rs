//! A group with all its members in one process: what is sent reaches everybody in order.

use std::collections::BTreeMap;

use crypto::{Random, Secret};

use crate::{Failure, Member, Newcomer, Protocol, Sent, Tools};

/// All members of one group, by slot.
pub struct Circle {
    protocol: &'static dyn Protocol,
    tools: Tools,
    members: BTreeMap<u32, Box<dyn Member>>,
    identities: u32,
}

/// Every function moves all members, and fails if one of them does.
impl Circle {
    /// A new group of `size` members, made by the one at slot 0.
    pub fn new(
        protocol: &'static dyn Protocol,
        tools: &Tools,
        size: u32,
        random: &mut dyn Random,
    ) -> Result<Self, Failure> {
        let mut people = Vec::new();
        for identity in 0..size {
            people.push(protocol.newcomer(tools, identity, random)?);
        }
        let mut people = people.into_iter();
        let creator = people.next().ok_or(Failure::Misuse("a group without members"))?;
        let others: Vec<Box<dyn Newcomer>> = people.collect();
        let packages: Vec<_> = others.iter().map(|other| other.key_package()).collect();
        let (creator, setup) = creator.create(&packages, random)?;
        let mut members = BTreeMap::from([(creator.slot(), creator)]);
        for other in others {
            let member = other.join(&setup)?;
            members.insert(member.slot(), member);
        }
        Ok(Self { protocol, tools: tools.clone(), members, identities: size })
    }

    /// The member at a slot.
    pub fn member(&mut self, slot: u32) -> Result<&mut dyn Member, Failure> {
        let member = self.members.get_mut(&slot).ok_or(Failure::Misuse("an empty slot"))?;
        Ok(&mut **member)
    }

    /// The occupied slots in order.
    #[must_use]
    pub fn slots(&self) -> Vec<u32> {
        self.members.keys().copied().collect()
    }

    /// Every member processes a message. Who is removed by it is returned as it was before.
    pub fn deliver(&mut self, message: &[u8]) -> Result<Vec<Box<dyn Member>>, Failure> {
        self.deliver_merged(&[message.to_vec()])
    }

    /// Every member processes messages of one epoch.
    pub fn deliver_merged(
        &mut self,
        messages: &[Vec<u8>],
    ) -> Result<Vec<Box<dyn Member>>, Failure> {
        let mut removed = Vec::new();
        for (slot, mut member) in std::mem::take(&mut self.members) {
            match member.merge(messages) {
                Ok(()) => drop(self.members.insert(slot, member)),
                Err(Failure::Removed) => removed.push(member),
                Err(failure) => return Err(failure),
            }
        }
        Ok(removed)
    }

    /// The member at a slot updates.
    pub fn update(&mut self, slot: u32, random: &mut dyn Random) -> Result<Sent, Failure> {
        let sent = self.member(slot)?.update(random)?;
        self.deliver(&sent.message)?;
        Ok(sent)
    }

    /// The member at a slot adds somebody new; returns the new slot.
    pub fn add(&mut self, slot: u32, random: &mut dyn Random) -> Result<(u32, Sent), Failure> {
        let newcomer = self.protocol.newcomer(&self.tools, self.identities, random)?;
        self.identities += 1;
        let sent = self.member(slot)?.add(&newcomer.key_package(), random)?;
        self.deliver(&sent.message)?;
        let member = newcomer.join(&sent.welcome)?;
        let new = member.slot();
        if self.members.insert(new, member).is_some() {
            return Err(Failure::Message("the new member has the slot of another".into()));
        }
        Ok((new, sent))
    }

    /// The member at a slot removes another; returns the removed.
    pub fn remove(
        &mut self,
        slot: u32,
        removed: u32,
        random: &mut dyn Random,
    ) -> Result<(Box<dyn Member>, Sent), Failure> {
        let sent = self.member(slot)?.remove(removed, random)?;
        let mut gone = self.deliver(&sent.message)?;
        match (gone.pop(), gone.is_empty()) {
            (Some(member), true) => Ok((member, sent)),
            _ => Err(Failure::Message("not exactly one member was removed".into())),
        }
    }

    /// The epoch secret on which all agree, together with epoch, members and public keys.
    pub fn agreement(&self) -> Result<Secret, Failure> {
        let mut members = self.members.values();
        let first = members.next().ok_or(Failure::Misuse("a group without members"))?;
        let secret = first.epoch_secret();
        let slots = self.slots();
        let nodes = first.public_nodes();
        if first.members() != slots {
            return Err(Failure::Message("the members are not those of the circle".into()));
        }
        for (member, slot) in self.members.values().zip(&slots) {
            let same = member.epoch_secret() == secret
                && member.epoch() == first.epoch()
                && member.members() == slots
                && member.slot() == *slot
                && member.public_nodes() == nodes;
            if !same {
                return Err(Failure::Message(format!("the member at {slot} is elsewhere")));
            }
        }
        Ok(secret)
    }
}
