//! The actors by number, and who they are in their groups.
//!
//! States, transactions, signers and reinitializations are one series of numbers. A joiner keeps
//! its number when it becomes a member, and a member when its group is reinitialized.

use std::collections::BTreeMap;

use mls_rs::CipherSuite;
use mls_rs::group::{CommitEffect, ReceivedMessage};
use mls_rs::mls_rules::ProposalRef;
use mls_rs::time::MlsTime;

use crate::actor::{Actor, Group, Signer, is_named};
use crate::decode;
use crate::failure::Failure;

/// How many actors are kept at once.
const SLOTS_MAX: usize = 100_000;

/// What a number stands for.
pub(crate) enum Slot {
    /// Someone with a key package who waits for a Welcome.
    Joiner(Box<Actor>),
    /// Someone in a group.
    Member(Box<Member>),
    /// Someone who may propose from outside.
    Signer(Box<Signer>),
}

/// All actors.
#[derive(Default)]
pub(crate) struct Slots {
    slots: BTreeMap<u32, Slot>,
    last_id: u32,
}

impl Slots {
    /// A number for something new.
    pub(crate) fn insert(&mut self, slot: Slot) -> Result<u32, Failure> {
        if self.slots.len() >= SLOTS_MAX {
            return Err(Failure::not_now("too many states are alive: free some"));
        }
        self.last_id = self.last_id.wrapping_add(1);
        while self.last_id == 0 || self.slots.contains_key(&self.last_id) {
            self.last_id = self.last_id.wrapping_add(1);
        }
        self.slots.insert(self.last_id, slot);
        Ok(self.last_id)
    }

    /// Gives a number another meaning.
    pub(crate) fn replace(&mut self, id: u32, slot: Slot) {
        self.slots.insert(id, slot);
    }

    pub(crate) fn remove(&mut self, id: u32) {
        self.slots.remove(&id);
    }

    pub(crate) fn member(&mut self, id: u32) -> Result<&mut Member, Failure> {
        match self.slots.get_mut(&id) {
            Some(Slot::Member(member)) => Ok(member),
            _ => Err(Failure::not_found("state", id)),
        }
    }

    pub(crate) fn joiner(&self, id: u32) -> Result<&Actor, Failure> {
        match self.slots.get(&id) {
            Some(Slot::Joiner(joiner)) => Ok(joiner),
            _ => Err(Failure::not_found("transaction", id)),
        }
    }

    pub(crate) fn external_signer(&self, id: u32) -> Result<&Signer, Failure> {
        match self.slots.get(&id) {
            Some(Slot::Signer(signer)) => Ok(signer),
            _ => Err(Failure::not_found("external signer", id)),
        }
    }

    /// A joiner or member.
    pub(crate) fn actor_mut(&mut self, id: u32) -> Result<&mut Actor, Failure> {
        match self.slots.get_mut(&id) {
            Some(Slot::Joiner(joiner)) => Ok(joiner),
            Some(Slot::Member(member)) => Ok(&mut member.actor),
            _ => Err(Failure::not_found("state or transaction", id)),
        }
    }

    /// The signature key of an actor: the one it already has anywhere, otherwise a new one. The
    /// library joins a branch only with the key that signs in the group it comes from.
    pub(crate) fn signer(&self, suite: CipherSuite, identity: &[u8]) -> Result<Signer, Failure> {
        let known = self.slots.values().find_map(|slot| {
            match slot {
                Slot::Joiner(joiner) => Some(&joiner.signer),
                Slot::Member(member) => Some(&member.actor.signer),
                Slot::Signer(_) => None,
            }
            .filter(|signer| signer.is_of(suite, identity))
        });
        match known {
            Some(signer) => Ok(signer.clone()),
            None => Signer::generate(suite, identity),
        }
    }
}

/// An actor in a group.
pub(crate) struct Member {
    pub(crate) actor: Actor,
    pub(crate) group: Group,
    /// The proposals of this epoch by their messages.
    proposals: BTreeMap<Vec<u8>, ProposalRef>,
    /// The suite of the successor, if the group is closed.
    pub(crate) successor_suite: Option<CipherSuite>,
    /// The own key for the successor.
    pub(crate) successor_signer: Option<Signer>,
}

impl Member {
    /// A member of a new group, which is stored.
    pub(crate) fn new(actor: Actor, mut group: Group) -> Result<Self, Failure> {
        group.write_to_storage()?;
        Ok(Self {
            actor,
            group,
            proposals: BTreeMap::new(),
            successor_suite: None,
            successor_signer: None,
        })
    }

    /// Changes the group, or leaves all as it is.
    pub(crate) fn change<T>(
        &mut self,
        work: impl FnOnce(&mut Group) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut group = self.group.clone();
        let result = work(&mut group)?;
        group.write_to_storage()?;
        self.group = group;
        Ok(result)
    }

    /// Forgets what belonged to the epoch before a commit.
    pub(crate) fn epoch_began(&mut self, commit: &CommitEffect) {
        self.proposals.clear();
        self.successor_suite = match commit {
            CommitEffect::ReInit(reinit) => Some(reinit.proposal.new_cipher_suite()),
            _ => None,
        };
    }

    /// Notes the own proposal that the library has just put with the others.
    pub(crate) fn note_own_proposal(&mut self, message: &[u8]) {
        let cached = self.group.get_cached_proposals();
        let mut references = cached.iter().map(|cached| cached.proposal_ref());
        let new = references.find(|new| !self.proposals.values().any(|known| known == *new));
        if let Some(reference) = new {
            self.proposals.insert(message.to_vec(), reference.clone());
        }
    }

    /// Takes a proposal that the runner delivers, if it is not known yet. An encrypted one can be
    /// read only once.
    pub(crate) fn take_proposal(&mut self, bytes: &[u8]) -> Result<ProposalRef, Failure> {
        if let Some(reference) = self.proposals.get(bytes) {
            return Ok(reference.clone());
        }
        let message = decode::message(bytes)?;
        let received = self.change(|group| {
            Ok(group.process_incoming_message_with_time(message, MlsTime::now())?)
        })?;
        let ReceivedMessage::Proposal(proposal) = received else {
            return Err(Failure::invalid("the message is not a proposal"));
        };
        self.proposals.insert(bytes.to_vec(), proposal.proposal_ref.clone());
        Ok(proposal.proposal_ref)
    }

    /// The leaf with this identity in its basic credential.
    pub(crate) fn leaf_named(&self, identity: &[u8]) -> Result<u32, Failure> {
        let mut members = self.group.roster().members_iter();
        let found = members.find(|member| is_named(&member.signing_identity, identity));
        found.map(|member| member.index).ok_or_else(no_such_member)
    }

    pub(crate) fn epoch_authenticator(&self) -> Result<Vec<u8>, Failure> {
        Ok(self.group.epoch_authenticator()?.to_vec())
    }
}

/// Nobody in the group has the identity.
pub(crate) fn no_such_member() -> Failure {
    Failure::invalid("no member has this identity")
}
