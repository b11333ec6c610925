//! Proposals from outside (RFC 9420, section 12.1.8): by a client that wants to join, and by
//! external senders.

use interop::proto;
use mls_rs::external_client::ExternalClient;
use mls_rs::identity::basic::BasicIdentityProvider;
use mls_rs::mls_rs_codec::MlsEncode;
use mls_rs::psk::ExternalPskId;
use mls_rs::time::MlsTime;
use mls_rs::{ExtensionList, ProtocolVersion};

use crate::actor::{Signer, crypto, is_named};
use crate::decode;
use crate::failure::Failure;
use crate::joining::group_info;
use crate::slots::{Slot, Slots, no_such_member};

impl Slots {
    pub(crate) fn new_member_add_proposal(
        &mut self,
        request: proto::NewMemberAddProposalRequest,
    ) -> Result<proto::NewMemberAddProposalResponse, Failure> {
        let message = decode::message(&request.group_info)?;
        let suite = group_info(&message)?.group_context().cipher_suite();
        let actor = self.new_joiner(suite, &request.identity)?;
        let proposal = actor.client.external_add_proposal(
            &message,
            None,
            Vec::new(),
            ExtensionList::new(),
            ExtensionList::new(),
            Some(MlsTime::now()),
        )?;
        let proposal = proposal.to_bytes()?;
        let data = actor.key_package_data()?;
        let signature_priv = actor.signer.secret.as_bytes().to_vec();
        let transaction_id = self.insert(Slot::Joiner(Box::new(actor)))?;
        Ok(proto::NewMemberAddProposalResponse {
            transaction_id,
            proposal,
            init_priv: data.init_key.to_vec(),
            encryption_priv: data.leaf_node_key.to_vec(),
            signature_priv,
        })
    }

    pub(crate) fn create_external_signer(
        &mut self,
        request: proto::CreateExternalSignerRequest,
    ) -> Result<proto::CreateExternalSignerResponse, Failure> {
        let signer = Signer::generate(decode::suite(request.cipher_suite)?, &request.identity)?;
        let external_sender = signer.identity.mls_encode_to_vec()?;
        let signer_id = self.insert(Slot::Signer(Box::new(signer)))?;
        Ok(proto::CreateExternalSignerResponse { signer_id, external_sender })
    }

    /// The library finds the signer's place by its key; runners never say it.
    pub(crate) fn external_signer_proposal(
        &mut self,
        request: proto::ExternalSignerProposalRequest,
    ) -> Result<proto::ProposalResponse, Failure> {
        let signer = self.external_signer(request.signer_id)?;
        let client = ExternalClient::builder()
            .crypto_provider(crypto())
            .identity_provider(BasicIdentityProvider::new())
            .signer(signer.secret.clone(), signer.identity.clone())
            .build();
        let message = decode::message(&request.group_info)?;
        let tree = decode::tree(&request.ratchet_tree)?;
        let mut group = client.observe_group(message, tree, Some(MlsTime::now()))?;
        let description = request.description.unwrap_or_default();
        let data = Vec::new();
        let proposal = match &*description.proposal_type {
            b"add" => group.propose_add(decode::message(&description.key_package)?, data)?,
            b"remove" => {
                let found = group
                    .roster()
                    .members_iter()
                    .find(|member| is_named(&member.signing_identity, &description.removed_id));
                group.propose_remove(found.ok_or_else(no_such_member)?.index, data)?
            }
            b"externalPSK" => {
                group.propose_external_psk(ExternalPskId::new(description.psk_id), data)?
            }
            b"resumptionPSK" => group.propose_resumption_psk(description.epoch_id, data)?,
            b"groupContextExtensions" => {
                let extensions = decode::extensions(description.extensions)?;
                group.propose_group_context_extensions(extensions, data)?
            }
            b"reinit" => group.propose_reinit(
                Some(description.group_id),
                ProtocolVersion::MLS_10,
                decode::suite(description.cipher_suite)?,
                decode::extensions(description.extensions)?,
                data,
            )?,
            other => {
                let other = String::from_utf8_lossy(other);
                return Err(Failure::invalid(format!("no proposal type is called {other:?}")));
            }
        };
        Ok(proto::ProposalResponse { proposal: proposal.to_bytes()? })
    }
}
