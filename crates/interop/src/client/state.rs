//! What a member tells, sends and reads.

use mls::{Encode, GroupInfoOptions, Received};

use super::{Failure, HarnessClient, decode};
use crate::proto::{
    ExportRequest, ExportResponse, GroupInfoRequest, GroupInfoResponse, ProtectRequest,
    ProtectResponse, StateAuthRequest, StateAuthResponse, UnprotectRequest, UnprotectResponse,
};

impl HarnessClient {
    /// `GroupInfo`: always with `external_pub`.
    pub fn group_info(&mut self, request: GroupInfoRequest) -> Result<GroupInfoResponse, Failure> {
        let (member, mut moment) = self.member(request.state_id)?;
        let options = GroupInfoOptions { ratchet_tree: !request.external_tree, external_pub: true };
        let group_info = member.group.group_info(options, &mut moment)?.to_bytes();
        let ratchet_tree = match request.external_tree {
            true => member.group.ratchet_tree().to_bytes(),
            false => Vec::new(),
        };
        Ok(GroupInfoResponse { group_info, ratchet_tree })
    }

    /// `StateAuth`.
    pub fn state_auth(&mut self, request: StateAuthRequest) -> Result<StateAuthResponse, Failure> {
        let (member, _) = self.member(request.state_id)?;
        Ok(StateAuthResponse { state_auth_secret: member.epoch_authenticator() })
    }

    /// `Export`.
    pub fn export(&mut self, request: ExportRequest) -> Result<ExportResponse, Failure> {
        let (member, _) = self.member(request.state_id)?;
        let length = usize::try_from(request.key_length)
            .map_err(|_| Failure::invalid("the length does not fit into memory"))?;
        let secret = member.group.export(&request.label, &request.context, length)?;
        Ok(ExportResponse { exported_secret: secret.expose().to_vec() })
    }

    /// `Protect`.
    pub fn protect(&mut self, request: ProtectRequest) -> Result<ProtectResponse, Failure> {
        let (member, mut moment) = self.member(request.state_id)?;
        let (data, authenticated) = (&request.plaintext, &request.authenticated_data);
        let message = member.group.protect(data, authenticated, &mut moment)?;
        let ciphertext = message.save(&mut member.actor.store)?.to_bytes();
        Ok(ProtectResponse { ciphertext })
    }

    /// `Unprotect`: of this epoch or one of the last before.
    pub fn unprotect(&mut self, request: UnprotectRequest) -> Result<UnprotectResponse, Failure> {
        let (member, moment) = self.member(request.state_id)?;
        let message = decode::message(&request.ciphertext)?;
        let received = member.group.process(&message, moment.now)?;
        match received.save(&mut member.actor.store)? {
            Received::Application(received) => Ok(UnprotectResponse {
                authenticated_data: received.authenticated_data,
                plaintext: received.data,
            }),
            Received::OtherEpoch { epoch } => {
                Err(Failure::invalid(format!("the keys of epoch {epoch} are not there")))
            }
            _ => Err(Failure::invalid("the message is not application data of another member")),
        }
    }
}
