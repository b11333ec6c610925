//! Proposals from outside (RFC 9420, section 12.1.8): by a client that wants to join, and by
//! external senders.

use std::sync::Arc;

use interop::proto::{
    CreateExternalSignerRequest, CreateExternalSignerResponse, ExternalSignerProposalRequest,
    NewMemberAddProposalRequest, NewMemberAddProposalResponse, ProposalDescription,
    ProposalResponse,
};
use openmls::group::{ProposalStore, PublicGroup};
use openmls::messages::external_proposals::{ExternalProposal, JoinProposal};
use openmls::messages::group_info::VerifiableGroupInfo;
use openmls::prelude::tls_codec::VLBytes;
use openmls::prelude::{
    ExternalSender, LeafNodeIndex, MlsMessageOut, OpenMlsProvider, RatchetTreeIn,
    SenderExtensionIndex,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::{MemoryStorage, OpenMlsRustCrypto};
use tonic::Status;

use crate::actor::{Actor, named};
use crate::commits::unknown;
use crate::decode;
use crate::joining::NewJoiner;
use crate::lacks::lacks;
use crate::slots::{Slot, Slots, refused, suite};

impl Slots {
    pub(crate) fn new_member_add_proposal(
        &mut self,
        request: NewMemberAddProposalRequest,
    ) -> Result<NewMemberAddProposalResponse, Status> {
        let group_info = decode::group_info(&request.group_info)?;
        let NewJoiner { joiner, signature_private_key } =
            NewJoiner::generate(group_info.ciphersuite(), &request.identity)?;
        let proposal = JoinProposal::new::<MemoryStorage>(
            joiner.bundle.key_package().clone(),
            group_info.group_id().clone(),
            group_info.epoch(),
            &*joiner.actor.signer,
        );
        let proposal = decode::encoded(&proposal.map_err(refused)?)?;
        let init_priv = joiner.bundle.init_private_key().to_vec();
        let transaction_id = self.insert(Slot::Joiner(Box::new(joiner)))?;
        Ok(NewMemberAddProposalResponse {
            transaction_id,
            proposal,
            init_priv,
            encryption_priv: Vec::new(),
            signature_priv: signature_private_key,
        })
    }

    pub(crate) fn create_external_signer(
        &mut self,
        request: CreateExternalSignerRequest,
    ) -> Result<CreateExternalSignerResponse, Status> {
        let suite = suite(request.cipher_suite)?;
        let (actor, _) = Actor::generate(suite, &request.identity)?;
        let sender =
            ExternalSender::new(actor.credential.signature_key, actor.credential.credential);
        let external_sender = decode::raw(&sender)?;
        let signer_id = self.insert(Slot::Signer(actor.signer))?;
        Ok(CreateExternalSignerResponse { signer_id, external_sender })
    }

    /// The signer finds its place among the external senders by its key: the harness's own runner
    /// never says which it is.
    pub(crate) fn external_signer_proposal(
        &mut self,
        request: ExternalSignerProposalRequest,
    ) -> Result<ProposalResponse, Status> {
        let Some(Slot::Signer(signer)) = self.slots.get(&request.signer_id) else {
            return Err(Status::not_found("no such external signer"));
        };
        let signer = Arc::clone(signer);
        let group_info = decode::group_info(&request.group_info)?;
        let place = place(&group_info, &signer)?;
        let described = Described {
            ratchet_tree: decode::ratchet_tree(&request.ratchet_tree)?,
            group_info,
            signer,
            place,
        };
        let message = described.propose(request.description.unwrap_or_default())?;
        Ok(ProposalResponse { proposal: decode::encoded(&message)? })
    }
}

/// Which of the external senders has this key.
fn place(
    group_info: &VerifiableGroupInfo,
    signer: &SignatureKeyPair,
) -> Result<SenderExtensionIndex, Status> {
    let senders = group_info.group_context().extensions().external_senders();
    let mut senders = senders.into_iter().flatten();
    // The library does not tell the key of an external sender, only whether two are equal.
    let place = senders.position(|it| decode::raw(it).is_ok_and(|it| names(&it, signer.public())));
    let place = place.and_then(|place| u32::try_from(place).ok());
    place.map(SenderExtensionIndex::new).ok_or_else(|| {
        Status::failed_precondition("the group does not name this signer as external sender")
    })
}

/// Whether an encoded ExternalSender begins with a signature key.
fn names(external_sender: &[u8], signature_key: &[u8]) -> bool {
    let key = VLBytes::from(signature_key);
    decode::raw(&key).is_ok_and(|key| external_sender.starts_with(&key))
}

/// A group as its GroupInfo describes it, with a signer that may propose to it.
struct Described {
    group_info: VerifiableGroupInfo,
    ratchet_tree: Option<RatchetTreeIn>,
    signer: Arc<SignatureKeyPair>,
    place: SenderExtensionIndex,
}

impl Described {
    fn propose(self, description: ProposalDescription) -> Result<MlsMessageOut, Status> {
        let provider = OpenMlsRustCrypto::default();
        let (group_id, epoch) = (self.group_info.group_id().clone(), self.group_info.epoch());
        let (signer, place) = (Arc::clone(&self.signer), self.place);
        type Provider = OpenMlsRustCrypto;
        match &*description.proposal_type {
            b"add" => {
                let key_package = decode::key_package(&description.key_package, provider.crypto())?;
                ExternalProposal::new_add::<Provider>(key_package, group_id, epoch, &*signer, place)
                    .map_err(refused)
            }
            b"remove" => {
                let removed = self.leaf_named(&description.removed_id, &provider)?;
                ExternalProposal::new_remove::<Provider>(removed, group_id, epoch, &*signer, place)
                    .map_err(refused)
            }
            b"groupContextExtensions" => {
                let extensions = decode::extensions(description.extensions)?;
                ExternalProposal::new_group_context_extensions::<Provider>(
                    extensions, group_id, epoch, &*signer, place,
                )
                .map_err(refused)
            }
            b"externalPSK" | b"resumptionPSK" | b"reinit" => Err(lacks("ExternalSignerProposal")),
            other => Err(unknown(other)),
        }
    }

    /// The leaf with this identity in its basic credential, in the verified tree.
    fn leaf_named(
        self,
        identity: &[u8],
        provider: &OpenMlsRustCrypto,
    ) -> Result<LeafNodeIndex, Status> {
        let inside = self.group_info.extensions().ratchet_tree();
        let tree = inside.map(|inside| inside.ratchet_tree().clone()).or(self.ratchet_tree);
        let tree = tree.ok_or_else(|| Status::invalid_argument("the ratchet tree is missing"))?;
        let (group, _) = PublicGroup::from_external(
            provider.crypto(),
            provider.storage(),
            tree,
            self.group_info,
            ProposalStore::new(),
        )
        .map_err(refused)?;
        let wanted = named(identity);
        let found = group.members().find(|member| member.credential == wanted);
        let found = found.map(|member| member.index);
        found.ok_or_else(|| Status::invalid_argument("no member has this identity"))
    }
}
