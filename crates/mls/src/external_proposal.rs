//! Proposals from outside the group (RFC 9420, section 12.1.8): by an external sender that the
//! group names, and by a client that asks to be added.

use crypto::{Signer, Suite};
use protection::{public_message, sign};
use wire::{
    Content, FramedContent, GroupContext, KeyPackage, MlsMessage, MlsMessageBody, Proposal, Sender,
    WireFormat,
};

use crate::{Client, Error};

/// A proposal of an external sender: the entry at `sender_index` of the group's `external_senders`.
///
/// It may be an Add, Remove, PreSharedKey, ReInit or GroupContextExtensions. The context says for
/// which group and epoch; the group's GroupInfo has it.
pub fn external_proposal(
    suite: &Suite,
    context: &GroupContext,
    (sender_index, signer): (u32, &dyn Signer),
    proposal: Proposal,
    authenticated_data: &[u8],
) -> Result<MlsMessage, Error> {
    let sender = Sender::External(sender_index);
    from_outside(suite, context, (sender, signer), proposal, authenticated_data)
}

impl Client {
    /// A proposal to add this client, made by itself. The key package is one of its own.
    pub fn propose_self(
        &self,
        context: &GroupContext,
        key_package: KeyPackage,
        authenticated_data: &[u8],
    ) -> Result<MlsMessage, Error> {
        let suite = self.suite(context.cipher_suite)?;
        let key = &key_package.leaf_node.signature_key;
        let signer = self.signer_for(key).ok_or(crate::Misuse::NoSigner)?;
        let proposal = Proposal::Add(Box::new(key_package));
        let sender = (Sender::NewMemberProposal, &*signer);
        from_outside(&suite, context, sender, proposal, authenticated_data)
    }
}

fn from_outside(
    suite: &Suite,
    context: &GroupContext,
    (sender, signer): (Sender, &dyn Signer),
    proposal: Proposal,
    authenticated_data: &[u8],
) -> Result<MlsMessage, Error> {
    let content = FramedContent {
        group_id: context.group_id.clone(),
        epoch: context.epoch,
        sender,
        authenticated_data: authenticated_data.into(),
        content: Content::Proposal(proposal),
    };
    // "An external proposal MUST be sent as a PublicMessage object" (section 12.1.8).
    let content = sign(suite, signer, WireFormat::PUBLIC_MESSAGE, content, context)?;
    let message = public_message::protect_from_outside(content)?;
    Ok(MlsMessage(MlsMessageBody::PublicMessage(Box::new(message))))
}
