//! Proposals of members.

use interop::proto;
use mls_rs::extension::built_in::ExternalSendersExt;
use mls_rs::identity::SigningIdentity;
use mls_rs::mls_rs_codec::MlsDecode;
use mls_rs::psk::ExternalPskId;
use mls_rs::{MlsMessage, ProtocolVersion};

use crate::actor::Group;
use crate::decode;
use crate::failure::Failure;
use crate::slots::Slots;

impl Slots {
    /// Sends what `make` makes of the group.
    fn propose(
        &mut self,
        state_id: u32,
        make: impl FnOnce(&mut Group) -> Result<MlsMessage, Failure>,
    ) -> Result<proto::ProposalResponse, Failure> {
        let member = self.member(state_id)?;
        let proposal = member.change(make)?.to_bytes()?;
        member.note_own_proposal(&proposal);
        Ok(proto::ProposalResponse { proposal })
    }

    pub(crate) fn add_proposal(
        &mut self,
        request: proto::AddProposalRequest,
    ) -> Result<proto::ProposalResponse, Failure> {
        let key_package = decode::message(&request.key_package)?;
        self.propose(request.state_id, |group| Ok(group.propose_add(key_package, Vec::new())?))
    }

    pub(crate) fn update_proposal(
        &mut self,
        request: proto::UpdateProposalRequest,
    ) -> Result<proto::ProposalResponse, Failure> {
        self.propose(request.state_id, |group| Ok(group.propose_update(Vec::new())?))
    }

    pub(crate) fn remove_proposal(
        &mut self,
        request: proto::RemoveProposalRequest,
    ) -> Result<proto::ProposalResponse, Failure> {
        let leaf = self.member(request.state_id)?.leaf_named(&request.removed_id)?;
        self.propose(request.state_id, |group| Ok(group.propose_remove(leaf, Vec::new())?))
    }

    pub(crate) fn external_psk_proposal(
        &mut self,
        request: proto::ExternalPskProposalRequest,
    ) -> Result<proto::ProposalResponse, Failure> {
        let psk_id = ExternalPskId::new(request.psk_id);
        self.propose(request.state_id, |group| Ok(group.propose_external_psk(psk_id, Vec::new())?))
    }

    /// Of the same group.
    pub(crate) fn resumption_psk_proposal(
        &mut self,
        request: proto::ResumptionPskProposalRequest,
    ) -> Result<proto::ProposalResponse, Failure> {
        self.propose(request.state_id, |group| {
            Ok(group.propose_resumption_psk(request.epoch_id, Vec::new())?)
        })
    }

    /// Replaces the whole list.
    pub(crate) fn group_context_extensions_proposal(
        &mut self,
        request: proto::GroupContextExtensionsProposalRequest,
    ) -> Result<proto::ProposalResponse, Failure> {
        let extensions = decode::extensions(request.extensions)?;
        self.propose(request.state_id, |group| {
            Ok(group.propose_group_context_extensions(extensions, Vec::new())?)
        })
    }

    pub(crate) fn re_init_proposal(
        &mut self,
        request: proto::ReInitProposalRequest,
    ) -> Result<proto::ProposalResponse, Failure> {
        let suite = decode::suite(request.cipher_suite)?;
        let extensions = decode::extensions(request.extensions)?;
        let (group_id, version) = (Some(request.group_id), ProtocolVersion::MLS_10);
        self.propose(request.state_id, |group| {
            Ok(group.propose_reinit(group_id, version, suite, extensions, Vec::new())?)
        })
    }

    /// The extensions as they are, with one more external sender.
    pub(crate) fn add_external_signer(
        &mut self,
        request: proto::AddExternalSignerRequest,
    ) -> Result<proto::ProposalResponse, Failure> {
        let sender = SigningIdentity::mls_decode(&mut &*request.external_sender)?;
        self.propose(request.state_id, |group| {
            let mut extensions = group.context().extensions().clone();
            let senders = extensions.get_as::<ExternalSendersExt>()?;
            let mut senders = senders.map(|it| it.allowed_senders().to_vec()).unwrap_or_default();
            senders.push(sender);
            extensions.set_from(ExternalSendersExt::new(senders))?;
            Ok(group.propose_group_context_extensions(extensions, Vec::new())?)
        })
    }
}
