//! Proposals from outside (RFC 9420, section 12.1.8): by a client that wants to join, and by
//! external senders.

use std::sync::Arc;

use mls::{
    CipherSuite, Credential, Encode, ExternalSender, GroupInfo, PreSharedKeyId, Proposal, PskKind,
    Random, RatchetTreeNodes, ReInit, ResumptionPskUsage, SignatureKeyPair, Signer, Suite,
    external_proposal,
};
use wire::{Node, ProtocolVersion};

use super::actor::NewJoiner;
use super::{Blame, Failure, HarnessClient, Slot, decode};
use crate::proto::{
    CreateExternalSignerRequest, CreateExternalSignerResponse, ExternalSignerProposalRequest,
    NewMemberAddProposalRequest, NewMemberAddProposalResponse, ProposalDescription,
    ProposalResponse,
};

/// An external sender's key.
pub(super) struct ExternalSigner {
    signer: Arc<SignatureKeyPair>,
}

impl HarnessClient {
    /// `NewMemberAddProposal`.
    pub fn new_member_add_proposal(
        &mut self,
        request: NewMemberAddProposalRequest,
    ) -> Result<NewMemberAddProposalResponse, Failure> {
        let context = decode::group_info(&request.group_info)?.group_context;
        let suite = self.suite(context.cipher_suite.0.into())?;
        let made = self.new_joiner(&suite, &request.identity)?;
        let NewJoiner { joiner, key_package, .. } = made;
        let proposal = joiner.actor.client.propose_self(&context, key_package, b"")?;
        let transaction_id = self.insert(Slot::Joiner(Box::new(joiner)))?;
        Ok(NewMemberAddProposalResponse {
            transaction_id,
            proposal: proposal.to_bytes(),
            init_priv: made.init_private_key.expose().to_vec(),
            encryption_priv: made.leaf_private_key.expose().to_vec(),
            signature_priv: made.signature_private_key.expose().to_vec(),
        })
    }

    /// `CreateExternalSigner`.
    pub fn create_external_signer(
        &mut self,
        request: CreateExternalSignerRequest,
    ) -> Result<CreateExternalSignerResponse, Failure> {
        let suite = self.suite(request.cipher_suite)?;
        let signer = Arc::new(SignatureKeyPair::generate(&suite, &mut *self.random)?);
        let sender = ExternalSender {
            signature_key: signer.public_key().clone(),
            credential: Credential::basic(&request.identity),
        };
        let signer_id = self.insert(Slot::Signer(ExternalSigner { signer }))?;
        Ok(CreateExternalSignerResponse { signer_id, external_sender: sender.to_bytes() })
    }

    /// `ExternalSignerProposal`. The signer finds its place among the external senders by its key:
    /// the harness's own runner never says which it is.
    pub fn external_signer_proposal(
        &mut self,
        request: ExternalSignerProposalRequest,
    ) -> Result<ProposalResponse, Failure> {
        let Some(Slot::Signer(ExternalSigner { signer })) = self.slots.get(&request.signer_id)
        else {
            return Err(Failure::new(Blame::NotFound, "no such external signer"));
        };
        let signer = Arc::clone(signer);
        let group_info = decode::group_info(&request.group_info)?;
        let context = &group_info.group_context;
        let suite = self.suite(context.cipher_suite.0.into())?;
        let senders = context.extensions.external_senders()?.unwrap_or_default();
        let place = senders.iter().position(|it| it.signature_key == *signer.public_key());
        let place = place.and_then(|place| u32::try_from(place).ok());
        let place = place.ok_or_else(|| {
            Failure::new(Blame::NotNow, "the group does not name this signer as external sender")
        })?;
        let tree = decode::ratchet_tree(&request.ratchet_tree)?;
        let group = DescribedGroup { suite: &suite, group_info: &group_info, tree };
        let description = request.description.unwrap_or_default();
        let proposal = group.proposal(description, &mut *self.random)?;
        let message = external_proposal(&suite, context, (place, &*signer), proposal, b"")?;
        Ok(ProposalResponse { proposal: message.to_bytes() })
    }
}

/// A group as its GroupInfo describes it.
struct DescribedGroup<'a> {
    suite: &'a Suite,
    group_info: &'a GroupInfo,
    tree: Option<RatchetTreeNodes>,
}

impl DescribedGroup<'_> {
    fn proposal(
        &self,
        description: ProposalDescription,
        random: &mut dyn Random,
    ) -> Result<Proposal, Failure> {
        Ok(match &*description.proposal_type {
            b"add" => Proposal::Add(Box::new(decode::key_package(&description.key_package)?)),
            b"remove" => Proposal::Remove(self.leaf_named(&description.removed_id)?),
            b"externalPSK" => {
                let psk_id = description.psk_id.into();
                self.psk(PskKind::External { psk_id }, random)?
            }
            b"resumptionPSK" => {
                let kind = PskKind::Resumption {
                    usage: ResumptionPskUsage::Application,
                    psk_group_id: self.group_info.group_context.group_id.clone(),
                    psk_epoch: description.epoch_id,
                };
                self.psk(kind, random)?
            }
            b"groupContextExtensions" => {
                Proposal::GroupContextExtensions(decode::extensions(description.extensions)?)
            }
            b"reinit" => Proposal::ReInit(ReInit {
                group_id: description.group_id.into(),
                version: ProtocolVersion::MLS10,
                cipher_suite: u16::try_from(description.cipher_suite)
                    .map(CipherSuite)
                    .map_err(|_| Failure::invalid("a cipher suite has two bytes"))?,
                extensions: decode::extensions(description.extensions)?,
            }),
            other => {
                let other = String::from_utf8_lossy(other);
                return Err(Failure::invalid(format!("no proposal type is called {other:?}")));
            }
        })
    }

    /// A PreSharedKey proposal with a fresh nonce.
    fn psk(&self, kind: PskKind, random: &mut dyn Random) -> Result<Proposal, Failure> {
        let mut psk_nonce = vec![0; self.suite.hash_length()];
        random.fill(&mut psk_nonce)?;
        Ok(Proposal::PreSharedKey(PreSharedKeyId { kind, psk_nonce: psk_nonce.into() }))
    }

    /// The leaf with this identity in its basic credential.
    fn leaf_named(&self, identity: &[u8]) -> Result<u32, Failure> {
        let wanted = Credential::basic(identity);
        let inside = self.group_info.extensions.ratchet_tree()?;
        let tree = self.tree.as_ref().or(inside.as_ref());
        let tree = tree.ok_or_else(|| Failure::invalid("the ratchet tree is missing"))?;
        // Leaves are the nodes at even places (appendix C).
        let mut leaves = tree.0.iter().step_by(2);
        let found = leaves
            .position(|node| matches!(node, Some(Node::Leaf(leaf)) if leaf.credential == wanted));
        let found = found.and_then(|leaf| u32::try_from(leaf).ok());
        found.ok_or_else(|| Failure::invalid("no member has this identity"))
    }
}
