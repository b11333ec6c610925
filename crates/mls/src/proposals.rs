//! The proposals of the current epoch that wait for a commit (RFC 9420, sections 12.1 and 12.4).

use std::collections::BTreeMap;
use std::sync::Arc;

use codec::{Decode, Encode, Opaque, Writer};
use crypto::{HpkeKeyPair, HpkePublicKey};
use tree::{ListedProposal, ProposalSender, TreeSize, proposal::VerifiedProposal};
use wire::{Proposal, ProposalRef, Sender};

use crate::rows::{structure, value};
use crate::{Delta, Error, RowKey, RowKind, Storage};

/// Proposals by reference, and the private keys of own Updates.
#[derive(Default)]
pub(crate) struct Proposals {
    by_reference: BTreeMap<ProposalRef, Waiting>,
    own_updates: BTreeMap<HpkePublicKey, HpkeKeyPair>,
    /// The number of the next proposal: commits prefer the most recent Update.
    next_number: u32,
}

struct Waiting {
    number: u32,
    sender: ProposalSender,
    proposal: Arc<Proposal>,
    verified: Option<VerifiedProposal>,
}

impl Proposals {
    pub(crate) fn len(&self) -> usize {
        self.by_reference.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_reference.is_empty()
    }

    /// All proposals, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ProposalRef, ProposalSender, &Proposal)> {
        let mut waiting: Vec<_> = self.by_reference.iter().collect();
        waiting.sort_by_key(|(_, waiting)| waiting.number);
        waiting
            .into_iter()
            .map(|(reference, waiting)| (*reference, waiting.sender, &*waiting.proposal))
    }

    /// All proposals as a commit lists them, oldest first.
    pub(crate) fn listed(&self) -> Vec<ListedProposal> {
        let references: Vec<ProposalRef> = self.iter().map(|(reference, ..)| reference).collect();
        references.iter().filter_map(|reference| self.find(reference)).collect()
    }

    /// The proposal that a commit names.
    pub(crate) fn find(&self, reference: &ProposalRef) -> Option<ListedProposal> {
        let waiting = self.by_reference.get(reference)?;
        Some(ListedProposal {
            proposal: Arc::clone(&waiting.proposal),
            sender: waiting.sender,
            reference: Some(*reference),
            verified: waiting.verified,
        })
    }

    /// Remembers a proposal that is valid by itself. One that is known keeps its place: whoever
    /// delivers or sends a message again must not make an older proposal the most recent one, and
    /// all members shall have them in one order.
    pub(crate) fn insert(
        &mut self,
        group_id: &[u8],
        reference: ProposalRef,
        listed: ListedProposal,
        delta: &mut Delta,
    ) {
        if self.by_reference.contains_key(&reference) {
            return;
        }
        let ListedProposal { proposal, sender, verified, .. } = listed;
        let waiting = Waiting { number: self.next_number, sender, proposal, verified };
        self.next_number = self.next_number.saturating_add(1);
        let row = RowKey::new(group_id, RowKind::Proposal, reference.0.as_slice());
        delta.put(row, value(&waiting));
        self.by_reference.insert(reference, waiting);
    }

    /// Remembers the private key of an own Update.
    pub(crate) fn insert_own_update(
        &mut self,
        group_id: &[u8],
        key_pair: HpkeKeyPair,
        delta: &mut Delta,
    ) {
        let public_key = key_pair.public_key.clone();
        let row = RowKey::new(group_id, RowKind::OwnUpdate, public_key.as_slice());
        delta.put(row, value(&key_pair));
        self.own_updates.insert(public_key, key_pair);
    }

    /// The private key of an own Update that a commit covers.
    pub(crate) fn own_update(&self, encryption_key: &HpkePublicKey) -> Option<&HpkeKeyPair> {
        self.own_updates.get(encryption_key)
    }

    /// Forgets a proposal, and the private key if it is an own Update.
    pub(crate) fn remove(&mut self, group_id: &[u8], reference: ProposalRef, delta: &mut Delta) {
        let Some(waiting) = self.by_reference.remove(&reference) else { return };
        delta.delete(RowKey::new(group_id, RowKind::Proposal, reference.0.as_slice()));
        if let Proposal::Update(leaf) = &*waiting.proposal
            && self.own_updates.remove(&leaf.encryption_key).is_some()
        {
            let id = leaf.encryption_key.as_slice();
            delta.delete(RowKey::new(group_id, RowKind::OwnUpdate, id));
        }
    }

    /// Forgets everything: the epoch is over, or the application says so.
    pub(crate) fn clear(&mut self, group_id: &[u8], delta: &mut Delta) {
        if !self.by_reference.is_empty() {
            delta.delete_prefix(RowKey::new(group_id, RowKind::Proposal, []));
        }
        if !self.own_updates.is_empty() {
            delta.delete_prefix(RowKey::new(group_id, RowKind::OwnUpdate, []));
        }
        *self = Self::default();
    }

    /// The stored proposals. Their signatures are verified again when a commit covers them.
    pub(crate) fn load(
        storage: &dyn Storage,
        group_id: &[u8],
        size: TreeSize,
    ) -> Result<Self, Error> {
        let corrupt = || Error::corrupt("proposal");
        let mut proposals = Self::default();
        for (id, bytes) in storage.scan(group_id, RowKind::Proposal, &[])? {
            let reference = crypto::Digest::new(&id).map(ProposalRef).ok_or_else(corrupt)?;
            let stored: StoredProposal = structure(&bytes, "proposal")?;
            let waiting = stored.into_waiting(size).ok_or_else(corrupt)?;
            proposals.next_number = proposals.next_number.max(waiting.number.saturating_add(1));
            proposals.by_reference.insert(reference, waiting);
        }
        for (_, bytes) in storage.scan(group_id, RowKind::OwnUpdate, &[])? {
            let key_pair: HpkeKeyPair = structure(&bytes, "own update")?;
            proposals.own_updates.insert(key_pair.public_key.clone(), key_pair);
        }
        Ok(proposals)
    }
}

/// A waiting proposal as it is stored: its sender not checked against a tree yet.
struct StoredProposal {
    number: u32,
    sender: Sender,
    proposal: Opaque,
}

codec::fields!(StoredProposal { number, sender, proposal });

impl Encode for Waiting {
    fn encode(&self, writer: &mut Writer) {
        let sender = match self.sender {
            ProposalSender::Member(leaf) => Sender::Member(leaf.as_u32()),
            ProposalSender::External(index) => Sender::External(index),
            ProposalSender::NewMember => Sender::NewMemberProposal,
            ProposalSender::Joiner => Sender::NewMemberCommit,
        };
        let proposal = self.proposal.to_bytes().into();
        StoredProposal { number: self.number, sender, proposal }.encode(writer);
    }
}

impl StoredProposal {
    fn into_waiting(self, size: TreeSize) -> Option<Waiting> {
        let sender = match self.sender {
            Sender::Member(leaf) => ProposalSender::Member(size.leaf(leaf)?),
            Sender::External(index) => ProposalSender::External(index),
            Sender::NewMemberProposal => ProposalSender::NewMember,
            Sender::NewMemberCommit => return None,
        };
        let proposal = Arc::new(Proposal::from_bytes(&self.proposal).ok()?);
        Some(Waiting { number: self.number, sender, proposal, verified: None })
    }
}
