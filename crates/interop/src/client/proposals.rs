//! Proposals of members.

use mls::{
    Credential, Decode, Extension, ExtensionType, Extensions, ExternalSender, Group, LeafChanges,
    LeafIndex, Propose,
};

use super::{Failure, HarnessClient, decode};
use crate::proto::{
    AddExternalSignerRequest, AddProposalRequest, ExternalPskProposalRequest,
    GroupContextExtensionsProposalRequest, ProposalDescription, ProposalResponse,
    ReInitProposalRequest, RemoveProposalRequest, ResumptionPskProposalRequest,
    UpdateProposalRequest,
};

/// The member with this identity in its basic credential.
fn member_named(group: &Group, identity: &[u8]) -> Result<LeafIndex, Failure> {
    let wanted = Credential::basic(identity);
    let mut members = group.members();
    let found = members.find(|member| member.leaf.credential == wanted);
    found.map(|member| member.index).ok_or_else(|| Failure::invalid("no member has this identity"))
}

/// A proposal that a commit carries by value.
pub(super) fn by_value(
    group: &Group,
    description: ProposalDescription,
) -> Result<Propose, Failure> {
    Ok(match &*description.proposal_type {
        b"add" => Propose::Add(Box::new(decode::key_package(&description.key_package)?)),
        b"remove" => Propose::Remove(member_named(group, &description.removed_id)?),
        b"externalPSK" => Propose::ExternalPsk(description.psk_id),
        b"resumptionPSK" => Propose::ResumptionPsk {
            group_id: group.group_id().to_vec(),
            epoch: description.epoch_id,
        },
        b"groupContextExtensions" => {
            Propose::GroupContextExtensions(decode::extensions(description.extensions)?)
        }
        other => {
            let other = String::from_utf8_lossy(other);
            return Err(Failure::invalid(format!("no proposal type is called {other:?}")));
        }
    })
}

impl HarnessClient {
    /// Sends what `make` makes of the group.
    fn propose(
        &mut self,
        state_id: u32,
        make: impl FnOnce(&Group) -> Result<Propose, Failure>,
    ) -> Result<ProposalResponse, Failure> {
        let (member, mut moment) = self.member(state_id)?;
        let propose = make(&member.group)?;
        let now = moment.now;
        let made = member.group.propose(propose, b"", now, &mut moment)?;
        let message = made.save(&mut member.actor.store)?;
        Ok(ProposalResponse { proposal: member.note_own_proposal(&message) })
    }

    /// `AddProposal`.
    pub fn add_proposal(
        &mut self,
        request: AddProposalRequest,
    ) -> Result<ProposalResponse, Failure> {
        let key_package = decode::key_package(&request.key_package)?;
        self.propose(request.state_id, |_| Ok(Propose::Add(Box::new(key_package))))
    }

    /// `UpdateProposal`.
    pub fn update_proposal(
        &mut self,
        request: UpdateProposalRequest,
    ) -> Result<ProposalResponse, Failure> {
        self.propose(request.state_id, |_| Ok(Propose::Update(LeafChanges::default())))
    }

    /// `RemoveProposal`.
    pub fn remove_proposal(
        &mut self,
        request: RemoveProposalRequest,
    ) -> Result<ProposalResponse, Failure> {
        self.propose(request.state_id, |group| {
            Ok(Propose::Remove(member_named(group, &request.removed_id)?))
        })
    }

    /// `ExternalPSKProposal`.
    pub fn external_psk_proposal(
        &mut self,
        request: ExternalPskProposalRequest,
    ) -> Result<ProposalResponse, Failure> {
        self.propose(request.state_id, |_| Ok(Propose::ExternalPsk(request.psk_id)))
    }

    /// `ResumptionPSKProposal`: of the same group.
    pub fn resumption_psk_proposal(
        &mut self,
        request: ResumptionPskProposalRequest,
    ) -> Result<ProposalResponse, Failure> {
        self.propose(request.state_id, |group| {
            let (group_id, epoch) = (group.group_id().to_vec(), request.epoch_id);
            Ok(Propose::ResumptionPsk { group_id, epoch })
        })
    }

    /// `GroupContextExtensionsProposal`: replaces the whole list.
    pub fn group_context_extensions_proposal(
        &mut self,
        request: GroupContextExtensionsProposalRequest,
    ) -> Result<ProposalResponse, Failure> {
        let extensions = decode::extensions(request.extensions)?;
        self.propose(request.state_id, |_| Ok(Propose::GroupContextExtensions(extensions)))
    }

    /// `ReInitProposal`.
    pub fn re_init_proposal(
        &mut self,
        request: ReInitProposalRequest,
    ) -> Result<ProposalResponse, Failure> {
        let cipher_suite = self.suite(request.cipher_suite)?.id();
        let extensions = decode::extensions(request.extensions)?;
        let group_id = request.group_id;
        self.propose(request.state_id, |_| {
            Ok(Propose::ReInit { group_id, cipher_suite, extensions })
        })
    }

    /// `AddExternalSigner`: the extensions as they are, with one more external sender.
    pub fn add_external_signer(
        &mut self,
        request: AddExternalSignerRequest,
    ) -> Result<ProposalResponse, Failure> {
        let sender = ExternalSender::from_bytes(&request.external_sender)?;
        self.propose(request.state_id, |group| {
            let mut senders = group.extensions().external_senders()?.unwrap_or_default();
            senders.push(sender);
            let Extensions(mut extensions) = group.extensions().clone();
            extensions.retain(|it| it.extension_type != ExtensionType::EXTERNAL_SENDERS);
            extensions.push(Extension::new(ExtensionType::EXTERNAL_SENDERS, &senders));
            Ok(Propose::GroupContextExtensions(Extensions(extensions)))
        })
    }
}
