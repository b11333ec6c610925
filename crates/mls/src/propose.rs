//! Proposals (RFC 9420, section 12.1): making, sending, receiving, and choosing which of the
//! received ones a commit covers.

use std::sync::Arc;

use crypto::{CipherSuite, HpkeKeyPair, Random, Secret, Suite};
use protection::VerifiedContent;
use tree::{Candidate, Committer, LeafIndex, LeafOrigin, ListedProposal, ProposalSender};
use wire::{
    Content, Extensions, KeyPackage, LeafNodeSource, MlsMessage, PreSharedKeyId, Proposal,
    ProposalRef, ProposalType, ProtocolVersion, PskKind, ReInit, ResumptionPskUsage, Sender,
};

use crate::client::sign_leaf;
use crate::commit::{UsedKey, renewed_leaf};
use crate::{
    Delta, Effect, Error, Group, LeafChanges, Limit, Misuse, Received, ReceivedProposal, Violation,
};

/// A change to propose.
#[derive(Clone)]
pub enum Propose {
    /// Add a client (section 12.1.1).
    Add(Box<KeyPackage>),
    /// Replace the own leaf (section 12.1.2). Only as a message of its own; a commit's path does it
    /// for the committer.
    Update(LeafChanges),
    /// Remove a member (section 12.1.3).
    Remove(LeafIndex),
    /// Mix in a key of the application (section 12.1.4).
    ExternalPsk(Vec<u8>),
    /// Mix in the resumption PSK of an epoch of this or another group (section 12.1.4).
    ResumptionPsk {
        /// The group.
        group_id: Vec<u8>,
        /// The epoch.
        epoch: u64,
    },
    /// Close the group in favour of a new one with the same members (section 12.1.5).
    ReInit {
        /// The new group's id.
        group_id: Vec<u8>,
        /// Its cipher suite.
        cipher_suite: CipherSuite,
        /// The extensions of its GroupContext.
        extensions: Extensions,
    },
    /// Replace the extensions of the GroupContext, all of them (section 12.1.7).
    GroupContextExtensions(Extensions),
    /// A proposal of the application's own type; its body.
    Other(ProposalType, Vec<u8>),
    /// A proposal as it travels.
    Raw(Box<Proposal>),
}

impl Propose {
    /// The proposal as it travels. An Update is not made here, since it needs a key.
    pub(crate) fn to_proposal(
        &self,
        suite: &Suite,
        random: &mut dyn Random,
    ) -> Result<Proposal, Error> {
        Ok(match self {
            Self::Add(key_package) => Proposal::Add(key_package.clone()),
            Self::Update(_) => return Err(Misuse::UpdateOutOfPlace.into()),
            Self::Remove(member) => Proposal::Remove(member.as_u32()),
            Self::ExternalPsk(psk_id) => {
                let kind = PskKind::External { psk_id: psk_id.clone().into() };
                Proposal::PreSharedKey(psk(suite, kind, random)?)
            }
            Self::ResumptionPsk { group_id, epoch } => {
                let kind = PskKind::Resumption {
                    usage: ResumptionPskUsage::Application,
                    psk_group_id: group_id.clone().into(),
                    psk_epoch: *epoch,
                };
                Proposal::PreSharedKey(psk(suite, kind, random)?)
            }
            Self::ReInit { group_id, cipher_suite, extensions } => Proposal::ReInit(ReInit {
                group_id: group_id.clone().into(),
                version: ProtocolVersion::MLS10,
                cipher_suite: *cipher_suite,
                extensions: extensions.clone(),
            }),
            Self::GroupContextExtensions(extensions) => {
                Proposal::GroupContextExtensions(extensions.clone())
            }
            Self::Other(proposal_type, body) => {
                Proposal::Other(*proposal_type, body.clone().into())
            }
            // The private key of the leaf would be missing when the Update is committed.
            Self::Raw(proposal) if matches!(**proposal, Proposal::Update(_)) => {
                return Err(Misuse::UpdateOutOfPlace.into());
            }
            Self::Raw(proposal) => (**proposal).clone(),
        })
    }
}

/// The id of a key with a fresh nonce: "The psk_nonce MUST be randomly sampled" (section 12.1.4).
pub(crate) fn psk(
    suite: &Suite,
    kind: PskKind,
    random: &mut dyn Random,
) -> Result<PreSharedKeyId, Error> {
    let mut psk_nonce = vec![0; suite.hash_length()];
    random.fill(&mut psk_nonce)?;
    Ok(PreSharedKeyId { kind, psk_nonce: psk_nonce.into() })
}

impl Group {
    /// Sends a proposal. It is pending here too: the next commit, of whomever, should cover it.
    pub fn propose(
        &mut self,
        propose: Propose,
        authenticated_data: &[u8],
        now: u64,
        random: &mut dyn Random,
    ) -> Result<Effect<MlsMessage>, Error> {
        self.check_active()?;
        let mut delta = Delta::default();
        let (proposal, key_pair) = match &propose {
            Propose::Update(changes) => {
                let (proposal, key_pair) = self.update_proposal(changes, random)?;
                (proposal, Some(key_pair))
            }
            other => (other.to_proposal(&self.suite, random)?, None),
        };
        let mut listed = ListedProposal {
            proposal: Arc::new(proposal),
            sender: ProposalSender::Member(self.own_leaf()),
            reference: None,
            verified: None,
        };
        let checks = self.client.checks(now, true);
        listed.verified = Some(tree::proposal::verify(self.base(), &listed, &checks)?);
        self.check_newcomer(&listed.proposal, now)?;
        self.check_room()?;
        let wire_format = self.client.settings().handshakes.wire_format();
        let content = Content::Proposal((*listed.proposal).clone());
        let content = self.sign_content(wire_format, authenticated_data, content)?;
        let reference = content.proposal_ref(&self.suite)?;
        let (message, _) = self.protect_handshake(content, random, &mut delta)?;
        let group_id = self.epoch.context.group_id.clone();
        self.proposals.insert(&group_id, reference, listed, &mut delta);
        if let Some(key_pair) = key_pair {
            self.proposals.insert_own_update(&group_id, key_pair, &mut delta);
        }
        if let Propose::Update(LeafChanges { signer: Some(signer), .. }) = propose {
            self.signers.push(signer);
        }
        Ok(self.effect(message, delta))
    }

    /// A new leaf for this member, and its private key.
    fn update_proposal(
        &self,
        changes: &LeafChanges,
        random: &mut dyn Random,
    ) -> Result<(Proposal, HpkeKeyPair), Error> {
        let key_pair = self.suite.generate_key_pair(random)?;
        let signer = changes.signer.clone().map_or_else(|| self.signer(), Ok)?;
        let old = self.epoch.own_leaf_node()?;
        let mut leaf = renewed_leaf(&self.client, &old, changes)?;
        leaf.encryption_key = key_pair.public_key.clone();
        leaf.signature_key = signer.public_key().clone();
        leaf.leaf_node_source = LeafNodeSource::Update;
        let group_id = self.epoch.context.group_id.clone();
        let placement = (&*group_id, self.own_leaf().as_u32());
        sign_leaf(&self.suite, &*signer, &mut leaf, placement)?;
        Ok((Proposal::Update(Box::new(leaf)), key_pair))
    }

    fn check_room(&self) -> Result<(), Error> {
        if self.proposals.len() >= self.client.settings().proposals_max {
            return Err(Error::Limit(Limit::Proposals));
        }
        Ok(())
    }

    /// Remembers a received proposal if it is valid by itself.
    pub(crate) fn receive_proposal(
        &mut self,
        content: &VerifiedContent,
        key: Option<UsedKey>,
        now: u64,
    ) -> Result<Effect<Received>, Error> {
        let Content::Proposal(proposal) = &content.content().content else {
            return Err(Misuse::WrongMessageKind.into());
        };
        let sender = match content.sender() {
            Sender::Member(index) => {
                let member = self.epoch.tree.member(index).ok_or(Violation::SenderNotMember)?;
                ProposalSender::Member(member.0)
            }
            Sender::External(index) => ProposalSender::External(index),
            Sender::NewMemberProposal => ProposalSender::NewMember,
            Sender::NewMemberCommit => return Err(Violation::SenderNotMember.into()),
        };
        let proposal = Arc::new(proposal.clone());
        let mut listed = ListedProposal {
            proposal: Arc::clone(&proposal),
            sender,
            reference: None,
            verified: None,
        };
        let checks = self.client.checks(now, false);
        listed.verified = Some(tree::proposal::verify(self.base(), &listed, &checks)?);
        self.check_newcomer(&proposal, now)?;
        let reference = content.authenticated().proposal_ref(&self.suite)?;
        if self.proposals.find(&reference).is_none() {
            self.check_room()?;
        }
        let group_id = self.epoch.context.group_id.clone();
        let mut delta = self.erase_key(key)?;
        self.proposals.insert(&group_id, reference, listed, &mut delta);
        let authenticated_data = content.content().authenticated_data.to_vec();
        let received = ReceivedProposal { reference, sender, proposal, authenticated_data };
        Ok(self.effect(Received::Proposal(received), delta))
    }

    /// Asks the identity policy about a client that someone wants to add, before the proposal is
    /// remembered: while it is, nobody speaks, and whoever knows the group may propose itself. The
    /// commit that adds the client asks again, since its place may be another by then.
    fn check_newcomer(&self, proposal: &Proposal, now: u64) -> Result<(), Error> {
        let Proposal::Add(key_package) = proposal else { return Ok(()) };
        let index = self.epoch.tree.clone().place_for_new_leaf();
        let index = index.ok_or(tree::Violation::RatchetTreeTooLarge)?;
        Ok(self.client.config.identity.validate_leaf(&Candidate {
            group_id: self.group_id(),
            leaf: &key_package.leaf_node,
            index,
            origin: LeafOrigin::Add,
            predecessor: None,
            now,
        })?)
    }

    /// Forgets one pending proposal: an own one, for example, that was stored but never left
    /// because the program ended in between. Whoever forgets what others know cannot follow a
    /// commit that covers it.
    pub fn forget_proposal(&mut self, reference: ProposalRef) -> Effect<()> {
        let mut delta = Delta::default();
        let group_id = self.epoch.context.group_id.clone();
        self.proposals.remove(&group_id, reference, &mut delta);
        self.effect((), delta)
    }

    /// Forgets all pending proposals, as if they had not been received.
    pub fn clear_proposals(&mut self) -> Effect<()> {
        let mut delta = Delta::default();
        let group_id = self.epoch.context.group_id.clone();
        self.proposals.clear(&group_id, &mut delta);
        self.effect((), delta)
    }

    /// The received proposals with these names.
    pub(crate) fn received_by_reference(
        &self,
        references: &[ProposalRef],
    ) -> Result<Vec<ListedProposal>, Error> {
        let found = references.iter().map(|reference| self.proposals.find(reference));
        found.collect::<Option<_>>().ok_or(Error::Misuse(Misuse::NoSuchProposal))
    }

    /// The own proposals of a commit together with as many of the received ones as make a valid
    /// list.
    ///
    /// "The sender of a Commit SHOULD include all proposals that it has received during the current
    /// epoch that are valid ..., as long as this results in a valid proposal list" (section 12.4).
    pub(crate) fn with_received(
        &self,
        own: Vec<ListedProposal>,
        now: u64,
    ) -> Result<Vec<ListedProposal>, Error> {
        let received = self.preferred(&own);
        let mut list = own;
        self.append_fitting(&mut list, &received, now);
        Ok(list)
    }

    /// Appends those of `received` that fit into the list. Many are tried at once and halved where
    /// some do not fit: one that fits nowhere, which any member can send, must not make each of the
    /// others a trial of its own. Their signatures are known to verify.
    fn append_fitting(
        &self,
        list: &mut Vec<ListedProposal>,
        received: &[ListedProposal],
        now: u64,
    ) {
        let before = list.len();
        list.extend_from_slice(received);
        if received.is_empty() || self.makes_valid_list(list, now) {
            return;
        }
        list.truncate(before);
        if received.len() > 1 {
            let (first, rest) = received.split_at(received.len() / 2);
            self.append_fitting(list, first, now);
            self.append_fitting(list, rest, now);
        }
    }

    fn makes_valid_list(&self, list: &[ListedProposal], now: u64) -> bool {
        let checks = self.client.checks(now, true);
        let committer = Committer::Member(self.own_leaf());
        let applied = tree::apply(self.base(), committer, list, &checks);
        applied.is_ok_and(|applied| {
            let psks_found = applied.psks.iter().all(|id| self.find_psk(id).is_ok());
            psks_found && applied.without_path(&self.suite).is_ok()
        })
    }

    /// The received proposals that a commit may cover: of several for one leaf "they SHOULD prefer
    /// any Remove received, or the most recent Update" (section 12.2); of a ReInit and others, the
    /// others.
    fn preferred(&self, own: &[ListedProposal]) -> Vec<ListedProposal> {
        let received = self.proposals.listed();
        let own_leaf = self.own_leaf();
        let target = |listed: &ListedProposal| match (&*listed.proposal, listed.sender) {
            (Proposal::Remove(removed), _) => Some((*removed, true)),
            (Proposal::Update(_), ProposalSender::Member(leaf)) => Some((leaf.as_u32(), false)),
            _ => None,
        };
        let is_reinit = |listed: &&ListedProposal| matches!(*listed.proposal, Proposal::ReInit(_));
        let others = received.iter().chain(own).any(|listed| !is_reinit(&listed));
        let mut kept: Vec<ListedProposal> = Vec::new();
        for listed in &received {
            if is_reinit(&listed) && (others || !kept.is_empty()) {
                continue;
            }
            if let Some((leaf, removes)) = target(listed) {
                if leaf == own_leaf.as_u32() {
                    continue;
                }
                let rival =
                    kept.iter().position(|other| target(other).is_some_and(|t| t.0 == leaf));
                match rival {
                    Some(rival) if target(&kept[rival]).is_some_and(|t| t.1) && !removes => {
                        continue;
                    }
                    Some(rival) => drop(kept.remove(rival)),
                    None => {}
                }
            }
            kept.push(listed.clone());
        }
        kept
    }

    /// The secret of a pre-shared key that a commit names.
    pub(crate) fn find_psk(&self, id: &PreSharedKeyId) -> Result<Secret, Error> {
        let found = match &id.kind {
            PskKind::External { psk_id } => self.client.config.psks.external(psk_id),
            PskKind::Resumption { psk_group_id, psk_epoch, .. }
                if **psk_group_id == *self.group_id() =>
            {
                self.resumption_psk(*psk_epoch).map(Secret::duplicate)
            }
            PskKind::Resumption { psk_group_id, psk_epoch, .. } => {
                self.client.config.psks.resumption(psk_group_id, *psk_epoch)
            }
        };
        found.ok_or_else(|| Error::MissingPsk(id.kind.clone()))
    }
}
