//! What a member tells, sends and reads.

use interop::proto::{
    ExportRequest, ExportResponse, GroupInfoRequest, GroupInfoResponse, ProtectRequest,
    ProtectResponse, StateAuthRequest, StateAuthResponse, UnprotectRequest, UnprotectResponse,
};
use openmls::prelude::{OpenMlsProvider, ProcessedMessageContent};
use tonic::Status;

use crate::decode;
use crate::slots::{Slots, refused};

impl Slots {
    pub(crate) fn group_info(
        &mut self,
        request: GroupInfoRequest,
    ) -> Result<GroupInfoResponse, Status> {
        let member = self.member(request.state_id)?;
        let (crypto, signer) = (member.actor.provider.crypto(), &*member.actor.signer);
        let group_info = member.group.export_group_info(crypto, signer, !request.external_tree);
        let ratchet_tree = match request.external_tree {
            true => decode::raw(&member.group.export_ratchet_tree())?,
            false => Vec::new(),
        };
        let group_info = decode::encoded(&group_info.map_err(refused)?)?;
        Ok(GroupInfoResponse { group_info, ratchet_tree })
    }

    pub(crate) fn state_auth(
        &mut self,
        request: StateAuthRequest,
    ) -> Result<StateAuthResponse, Status> {
        let member = self.member(request.state_id)?;
        Ok(StateAuthResponse { state_auth_secret: member.epoch_authenticator() })
    }

    pub(crate) fn export(&mut self, request: ExportRequest) -> Result<ExportResponse, Status> {
        let member = self.member(request.state_id)?;
        let length = usize::try_from(request.key_length).map_err(refused)?;
        let crypto = member.actor.provider.crypto();
        let exported_secret =
            member.group.export_secret(crypto, &request.label, &request.context, length);
        Ok(ExportResponse { exported_secret: exported_secret.map_err(refused)? })
    }

    /// Refused while proposals are pending, as section 12.4 of RFC 9420 wants it.
    pub(crate) fn protect(&mut self, request: ProtectRequest) -> Result<ProtectResponse, Status> {
        let member = self.member(request.state_id)?;
        member.group.set_aad(request.authenticated_data);
        let (provider, signer) = (&member.actor.provider, &*member.actor.signer);
        let message = member.group.create_message(provider, signer, &request.plaintext);
        // A refused message leaves its authenticated data behind.
        member.group.set_aad(Vec::new());
        Ok(ProtectResponse { ciphertext: decode::encoded(&message.map_err(refused)?)? })
    }

    pub(crate) fn unprotect(
        &mut self,
        request: UnprotectRequest,
    ) -> Result<UnprotectResponse, Status> {
        let member = self.member(request.state_id)?;
        let message = decode::protocol_message(&request.ciphertext)?;
        let provider = &member.actor.provider;
        let received = member.group.process_message(provider, message).map_err(refused)?;
        let authenticated_data = received.aad().to_vec();
        match received.into_content() {
            ProcessedMessageContent::ApplicationMessage(message) => {
                Ok(UnprotectResponse { authenticated_data, plaintext: message.into_bytes() })
            }
            _ => Err(Status::invalid_argument("the message is not application data of another")),
        }
    }
}
