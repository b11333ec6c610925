//! Proposals of members.

use interop::proto::{
    AddExternalSignerRequest, AddProposalRequest, ExternalPskProposalRequest,
    GroupContextExtensionsProposalRequest, ProposalResponse, RemoveProposalRequest,
    ResumptionPskProposalRequest, UpdateProposalRequest,
};
use openmls::group::GroupContext;
use openmls::prelude::tls_codec::Deserialize as _;
use openmls::prelude::{
    Extension, Extensions, ExternalSender, LeafNodeParameters, OpenMlsProvider,
};
use openmls::schedule::psk::{ResumptionPsk, ResumptionPskUsage};
use openmls::schedule::{ExternalPsk, PreSharedKeyId, Psk};
use tonic::Status;

use crate::actor::Member;
use crate::decode;
use crate::slots::{Slots, refused};

/// An external PSK with a fresh nonce.
pub(crate) fn external_psk(member: &Member, psk_id: Vec<u8>) -> Result<PreSharedKeyId, Status> {
    with_nonce(member, Psk::External(ExternalPsk::new(psk_id)))
}

/// A resumption PSK of the same group with a fresh nonce.
pub(crate) fn resumption_psk(member: &Member, epoch: u64) -> Result<PreSharedKeyId, Status> {
    let group_id = member.group.group_id().clone();
    let usage = ResumptionPskUsage::Application;
    with_nonce(member, Psk::Resumption(ResumptionPsk::new(usage, group_id, epoch.into())))
}

fn with_nonce(member: &Member, psk: Psk) -> Result<PreSharedKeyId, Status> {
    PreSharedKeyId::new(member.group.ciphersuite(), member.actor.provider.rand(), psk)
        .map_err(refused)
}

impl Slots {
    pub(crate) fn add_proposal(
        &mut self,
        request: AddProposalRequest,
    ) -> Result<ProposalResponse, Status> {
        let member = self.member(request.state_id)?;
        let (provider, signer) = (&member.actor.provider, &*member.actor.signer);
        let key_package = decode::key_package(&request.key_package, provider.crypto())?;
        let made = member.group.propose_add_member(provider, signer, &key_package);
        let (message, _) = made.map_err(refused)?;
        Ok(ProposalResponse { proposal: member.note_own_proposal(&message)? })
    }

    pub(crate) fn update_proposal(
        &mut self,
        request: UpdateProposalRequest,
    ) -> Result<ProposalResponse, Status> {
        let member = self.member(request.state_id)?;
        let (provider, signer) = (&member.actor.provider, &*member.actor.signer);
        let unchanged = LeafNodeParameters::default();
        let made = member.group.propose_self_update(provider, signer, unchanged);
        let (message, _) = made.map_err(refused)?;
        Ok(ProposalResponse { proposal: member.note_own_proposal(&message)? })
    }

    pub(crate) fn remove_proposal(
        &mut self,
        request: RemoveProposalRequest,
    ) -> Result<ProposalResponse, Status> {
        let member = self.member(request.state_id)?;
        let removed = member.leaf_named(&request.removed_id)?;
        let (provider, signer) = (&member.actor.provider, &*member.actor.signer);
        let made = member.group.propose_remove_member(provider, signer, removed);
        let (message, _) = made.map_err(refused)?;
        Ok(ProposalResponse { proposal: member.note_own_proposal(&message)? })
    }

    pub(crate) fn external_psk_proposal(
        &mut self,
        request: ExternalPskProposalRequest,
    ) -> Result<ProposalResponse, Status> {
        let member = self.member(request.state_id)?;
        let psk = external_psk(member, request.psk_id)?;
        propose_psk(member, psk)
    }

    pub(crate) fn resumption_psk_proposal(
        &mut self,
        request: ResumptionPskProposalRequest,
    ) -> Result<ProposalResponse, Status> {
        let member = self.member(request.state_id)?;
        let psk = resumption_psk(member, request.epoch_id)?;
        propose_psk(member, psk)
    }

    /// Replaces the whole list.
    pub(crate) fn group_context_extensions_proposal(
        &mut self,
        request: GroupContextExtensionsProposalRequest,
    ) -> Result<ProposalResponse, Status> {
        let extensions = decode::extensions(request.extensions)?;
        propose_extensions(self.member(request.state_id)?, extensions)
    }

    /// The extensions as they are, with one more external sender.
    pub(crate) fn add_external_signer(
        &mut self,
        request: AddExternalSignerRequest,
    ) -> Result<ProposalResponse, Status> {
        let sender = ExternalSender::tls_deserialize_exact(&request.external_sender);
        let member = self.member(request.state_id)?;
        let mut extensions = member.group.extensions().clone();
        let mut senders = extensions.external_senders().cloned().unwrap_or_default();
        senders.push(sender.map_err(refused)?);
        extensions.add_or_replace(Extension::ExternalSenders(senders)).map_err(refused)?;
        propose_extensions(member, extensions)
    }
}

fn propose_psk(member: &mut Member, psk: PreSharedKeyId) -> Result<ProposalResponse, Status> {
    let (provider, signer) = (&member.actor.provider, &*member.actor.signer);
    let made = member.group.propose_pre_shared_key(provider, signer, psk);
    let (message, _) = made.map_err(refused)?;
    Ok(ProposalResponse { proposal: member.note_own_proposal(&message)? })
}

fn propose_extensions(
    member: &mut Member,
    extensions: Extensions<GroupContext>,
) -> Result<ProposalResponse, Status> {
    let (provider, signer) = (&member.actor.provider, &*member.actor.signer);
    let made = member.group.propose_group_context_extensions(provider, extensions, signer);
    let (message, _) = made.map_err(refused)?;
    Ok(ProposalResponse { proposal: member.note_own_proposal(&message)? })
}
