//! Proposals: drawn, and sent by reference, by members and from outside.

use mls::{
    CredentialType, Decode, Encode, Extension, ExtensionType, Extensions, ExternalSender,
    KeyPackage, LeafChanges, LeafIndex, MlsMessage, Proposal, ProposalRef, Propose, Received,
    RequiredCapabilities, Signer, external_proposal,
};

use crate::Failure;
use crate::member::{self, Member, PSK_ID};
use crate::store::Store;
use crate::world::Soak;

/// A commit must come once so many proposals wait for it.
const PENDING_MAX: usize = 12;

/// A live member is removed in one of so many removals.
const LIVE_REMOVED_ONE_IN: usize = 12;

/// For how many epochs resumption PSKs are kept, by the settings.
const RESUMPTION_EPOCHS: u64 = 8;

/// The name of a change in the tally.
pub(crate) fn name(change: &Propose) -> &'static str {
    match change {
        Propose::Add(_) => "add",
        Propose::Update(_) => "update",
        Propose::Remove(_) => "remove",
        Propose::ExternalPsk(_) => "external PSK",
        Propose::ResumptionPsk { .. } => "resumption PSK",
        Propose::GroupContextExtensions(_) => "group context extensions",
        _ => "other",
    }
}

impl Soak {
    /// A change that `who` may propose or commit.
    pub(crate) fn draw_change(&mut self, who: usize) -> Result<Propose, Failure> {
        let spread = (self.usual_count / 50).max(4);
        let (few, many) =
            (self.count < self.usual_count - spread, self.count > self.usual_count + spread);
        Ok(match self.random.below(10) {
            _ if few => self.draw_add()?,
            _ if many => self.draw_remove(who)?,
            0..3 => self.draw_add()?,
            3..6 => self.draw_remove(who)?,
            6 => Propose::ExternalPsk(PSK_ID.to_vec()),
            // Whoever joins meanwhile does not know it, so this is rare while somebody may.
            7 if self.any_outside().is_none() || self.one_in(8) => self.draw_resumption_psk()?,
            _ => Propose::GroupContextExtensions(self.draw_extensions()),
        })
    }

    fn draw_add(&mut self) -> Result<Propose, Failure> {
        let invited = match self.any_outside() {
            Some(who) if self.one_in(2) && !self.has_leaf(who)? => {
                self.members[who].key_package(self.now, &mut self.random)?
            }
            _ => self.guest()?.1,
        };
        Ok(Propose::Add(Box::new(invited)))
    }

    /// A client that is not alive once it is in: its private keys are forgotten.
    pub(crate) fn guest(&mut self) -> Result<(Member, KeyPackage), Failure> {
        self.guests += 1;
        let client = member::client(&format!("guest {}", self.guests), &mut self.random)?;
        let mut guest = Member::new(client, Store::in_memory());
        let key_package = guest.key_package(self.now, &mut self.random)?;
        Ok((guest, key_package))
    }

    /// Whether a member that is outside has a leaf all the same: it was added by a commit with a
    /// key that it does not have.
    pub(crate) fn has_leaf(&self, who: usize) -> Result<bool, Failure> {
        let config = self.members[who].client.config();
        let key = config.signers.first().ok_or("a client has a signer")?.public_key();
        Ok(self.seen()?.members().any(|member| member.leaf.signature_key == *key))
    }

    fn draw_remove(&mut self, who: usize) -> Result<Propose, Failure> {
        if self.one_in(LIVE_REMOVED_ONE_IN)
            && let Some(other) = self.another_inside(who)
        {
            return Ok(Propose::Remove(self.members[other].group()?.own_leaf()));
        }
        let places = 2 * usize::try_from(self.count)?;
        loop {
            let place = u32::try_from(self.random.below(places))?;
            let Some(member) = self.seen()?.member(place) else { continue };
            let removed = member.index;
            if !self.is_live(removed) {
                return Ok(Propose::Remove(removed));
            }
        }
    }

    fn is_live(&self, leaf: LeafIndex) -> bool {
        let mut groups = self.members.iter().filter_map(|member| member.group.as_ref());
        groups.any(|group| group.own_leaf() == leaf)
    }

    /// Of an epoch that all live members have lived through.
    fn draw_resumption_psk(&mut self) -> Result<Propose, Failure> {
        let inside = self.members.iter().filter(|member| member.is_inside());
        let since = inside.map(|member| member.since).max().unwrap_or_default();
        let group = self.seen()?;
        let (group_id, epoch) = (group.group_id().to_vec(), group.epoch());
        let back = (epoch - since).min(RESUMPTION_EPOCHS);
        let back = u64::try_from(self.random.below(usize::try_from(back)? + 1))?;
        Ok(Propose::ResumptionPsk { group_id, epoch: epoch - back })
    }

    fn draw_extensions(&mut self) -> Extensions {
        let mut extensions = Extensions::default();
        if !self.one_in(4) {
            let sender = |number| ExternalSender {
                signature_key: self.external_sender.public_key().clone(),
                credential: mls::Credential::basic(format!("outside {number}").as_bytes()),
            };
            let senders: Vec<_> = (0..3).map(sender).collect();
            let kept = 1 + self.random.below(senders.len());
            let senders = senders[..kept].to_vec();
            extensions.set(Extension::new(ExtensionType::EXTERNAL_SENDERS, &senders));
        }
        if self.one_in(2) {
            let required = RequiredCapabilities {
                extension_types: Vec::new(),
                proposal_types: Vec::new(),
                credential_types: vec![CredentialType::BASIC],
            };
            extensions.set(Extension::new(ExtensionType::REQUIRED_CAPABILITIES, &required));
        }
        extensions
    }

    /// Somebody inside proposes something.
    pub(crate) fn propose(&mut self) -> Result<bool, Failure> {
        let who = self.any_inside()?;
        if self.members[who].group()?.pending_proposals().count() >= PENDING_MAX {
            return Ok(false);
        }
        let change = match self.one_in(4) {
            true => Propose::Update(LeafChanges::default()),
            false => self.draw_change(who)?,
        };
        self.tally.count(format!("proposals by reference: {}", name(&change)));
        let member = &mut self.members[who];
        let proposed = member.group.as_mut().ok_or("outside")?.propose(
            change,
            b"",
            self.now,
            &mut self.random,
        );
        let message = member.save(proposed)?;
        self.deliver_proposal(Some(who), &message)?;
        Ok(true)
    }

    /// The external sender proposes something, or somebody asks to be added.
    pub(crate) fn propose_from_outside(&mut self) -> Result<bool, Failure> {
        let (listens, context) = {
            let group = self.seen()?;
            if group.pending_proposals().count() >= PENDING_MAX {
                return Ok(false);
            }
            let senders = group.extensions().find(ExtensionType::EXTERNAL_SENDERS);
            (senders.is_some(), group.context().clone())
        };
        let message = if listens && self.one_in(2) {
            let who = self.any_inside()?;
            let proposal = match self.draw_remove(who)? {
                Propose::Remove(leaf) if self.one_in(2) => Proposal::Remove(leaf.as_u32()),
                _ => Proposal::Add(Box::new(self.guest()?.1)),
            };
            self.tally.count("proposals by the external sender");
            let sender = (0, &*self.external_sender as &dyn Signer);
            external_proposal(&self.suite, &context, sender, proposal, b"")?
        } else {
            self.tally.count("proposals to add oneself");
            match self.any_outside() {
                Some(who) if !self.has_leaf(who)? => {
                    let outside = &mut self.members[who];
                    let key_package = outside.key_package(self.now, &mut self.random)?;
                    outside.client.propose_self(&context, key_package, b"")?
                }
                _ => {
                    let (guest, key_package) = self.guest()?;
                    guest.client.propose_self(&context, key_package, b"")?
                }
            }
        };
        self.deliver_proposal(None, &message)?;
        Ok(true)
    }

    /// Everybody inside gets a proposal; its sender recognises it.
    fn deliver_proposal(
        &mut self,
        from: Option<usize>,
        message: &MlsMessage,
    ) -> Result<(), Failure> {
        let bytes = message.to_bytes();
        let mut names: Vec<ProposalRef> = Vec::new();
        for (index, member) in self.members.iter_mut().enumerate() {
            let Some(group) = &mut member.group else { continue };
            let received = group.process(&MlsMessage::from_bytes(&bytes)?, self.now);
            match member.save(received)? {
                Received::Proposal(received) if from != Some(index) => {
                    names.push(received.reference);
                }
                Received::OwnMessage { .. } if from == Some(index) => {}
                _ => return Err("a proposal is taken for something else".into()),
            }
        }
        let mut lists =
            self.members.iter().filter_map(|member| member.group.as_ref()).map(|group| {
                group.pending_proposals().map(|(reference, ..)| reference).collect::<Vec<_>>()
            });
        let first = lists.next().ok_or("nobody is alive")?;
        if lists.any(|other| other != first) {
            return Err("members do not have the same proposals".into());
        }
        // Not always the last: an external sender that says the same twice sends the same bytes.
        if names.iter().any(|name| !first.contains(name)) {
            return Err("a proposal that was received is not pending".into());
        }
        Ok(())
    }
}
