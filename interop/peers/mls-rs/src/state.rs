//! What a member tells, sends and reads.

use interop::proto;
use mls_rs::error::MlsError;
use mls_rs::group::ReceivedMessage;
use mls_rs::time::MlsTime;

use crate::decode;
use crate::failure::Failure;
use crate::slots::Slots;

/// What `Unprotect` cannot do.
pub(crate) const PAST_SENDER: &str = "a message of an earlier epoch is refused if its sender has \
    since been removed or has another signature key (MemberNotFound); RFC 9420 has no such rule";

impl Slots {
    /// Always with `external_pub`.
    pub(crate) fn group_info(
        &mut self,
        request: proto::GroupInfoRequest,
    ) -> Result<proto::GroupInfoResponse, Failure> {
        let group = &self.member(request.state_id)?.group;
        let inside = !request.external_tree;
        let group_info = group.group_info_message_allowing_ext_commit(inside)?.to_bytes()?;
        let ratchet_tree = match request.external_tree {
            true => group.export_tree().to_bytes()?,
            false => Vec::new(),
        };
        Ok(proto::GroupInfoResponse { group_info, ratchet_tree })
    }

    pub(crate) fn state_auth(
        &mut self,
        request: proto::StateAuthRequest,
    ) -> Result<proto::StateAuthResponse, Failure> {
        let state_auth_secret = self.member(request.state_id)?.epoch_authenticator()?;
        Ok(proto::StateAuthResponse { state_auth_secret })
    }

    pub(crate) fn export(
        &mut self,
        request: proto::ExportRequest,
    ) -> Result<proto::ExportResponse, Failure> {
        let length = usize::try_from(request.key_length)
            .map_err(|_| Failure::invalid("the length does not fit into memory"))?;
        let group = &self.member(request.state_id)?.group;
        let secret = group.export_secret(request.label.as_bytes(), &request.context, length)?;
        Ok(proto::ExportResponse { exported_secret: secret.to_vec() })
    }

    pub(crate) fn protect(
        &mut self,
        request: proto::ProtectRequest,
    ) -> Result<proto::ProtectResponse, Failure> {
        let proto::ProtectRequest { state_id, authenticated_data, plaintext } = request;
        let message = self.member(state_id)?.change(|group| {
            Ok(group.encrypt_application_message(&plaintext, authenticated_data)?)
        })?;
        Ok(proto::ProtectResponse { ciphertext: message.to_bytes()? })
    }

    /// Of this epoch or one of the last before.
    pub(crate) fn unprotect(
        &mut self,
        request: proto::UnprotectRequest,
    ) -> Result<proto::UnprotectResponse, Failure> {
        let message = decode::message(&request.ciphertext)?;
        self.member(request.state_id)?.change(|group| {
            let is_past = message.epoch().is_some_and(|epoch| epoch < group.current_epoch());
            let received = group.process_incoming_message_with_time(message, MlsTime::now());
            match received.map_err(|error| match error {
                MlsError::MemberNotFound if is_past => Failure::lack(PAST_SENDER),
                error => Failure::from(error),
            })? {
                ReceivedMessage::ApplicationMessage(received) => Ok(proto::UnprotectResponse {
                    plaintext: received.data().to_vec(),
                    authenticated_data: received.authenticated_data,
                }),
                _ => Err(Failure::invalid("the message is not application data")),
            }
        })
    }
}
