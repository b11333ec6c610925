//! Content authentication (RFC 9420, section 6.1): signing, and the steps from a message to proof.
//!
//! [`UnprotectedContent`] says that the framing is one the RFC allows and that the outer protection
//! was checked: the membership tag of a member's PublicMessage, the AEAD of a PrivateMessage.
//! [`VerifiedContent`] says that, moreover, the signature verifies in a given group and epoch with
//! a given key. Whose key it is, the caller knows.

use crypto::{CryptoError, SignaturePublicKey, Signer, Suite};
use wire::{
    AuthenticatedContent, Content, FramedContent, FramedContentAuthData, GroupContext, Proposal,
    Sender, WireFormat,
};

use crate::{Error, Limit, Misuse, PRIVATE_MESSAGE_BYTES_MAX, Violation};

/// Signs content for the wire format it will travel in.
///
/// A commit still lacks its `confirmation_tag`, which depends on the signature; the caller adds it.
pub fn sign(
    suite: &Suite,
    signer: &dyn Signer,
    wire_format: WireFormat,
    content: FramedContent,
    context: &GroupContext,
) -> Result<AuthenticatedContent, Error> {
    check_framing(wire_format, &content).map_err(Misuse::WouldViolate)?;
    check_context(&content, context).map_err(|_| Misuse::WrongContext)?;
    check_length(&content)?;
    let signed = AuthenticatedContent::to_be_signed(wire_format, &content, context);
    let signature =
        suite.sign_with_label(signer, AuthenticatedContent::SIGNATURE_LABEL, &signed)?.into();
    let auth = FramedContentAuthData { signature, confirmation_tag: None };
    Ok(AuthenticatedContent { wire_format, content, auth })
}

/// Refuses data of the application that no message can hold, before it is encoded.
fn check_length(content: &FramedContent) -> Result<(), Limit> {
    let data = match &content.content {
        Content::Application(data) => data.len(),
        Content::Proposal(_) | Content::Commit(_) => 0,
    };
    let length = data.saturating_add(content.authenticated_data.len());
    if length > PRIVATE_MESSAGE_BYTES_MAX { Err(Limit::MessageBytes) } else { Ok(()) }
}

/// Content of a message whose outer protection was checked; nobody has verified the signature yet.
#[derive(Debug)]
pub struct UnprotectedContent(AuthenticatedContent);

impl UnprotectedContent {
    /// The caller has checked the membership tag or opened the ciphertext.
    pub(crate) fn new(content: AuthenticatedContent) -> Result<Self, Error> {
        check_framing(content.wire_format, &content.content)?;
        Ok(Self(content))
    }

    pub(crate) fn authenticated(&self) -> &AuthenticatedContent {
        &self.0
    }

    /// Who claims to say it: what to look up the signature key by.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.0.content.sender
    }

    /// The content, not verified: to find the key of a sender that is not a member, which is in the
    /// content itself, and for logs.
    #[must_use]
    pub fn unverified(&self) -> &FramedContent {
        &self.0.content
    }
}

/// Proof that content of a known group and epoch is signed by the key it was verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedContent(AuthenticatedContent);

impl VerifiedContent {
    /// Verifies the signature with the key that section 6.1 assigns to the sender's type.
    pub fn verify(
        suite: &Suite,
        content: UnprotectedContent,
        public_key: &SignaturePublicKey,
        context: &GroupContext,
    ) -> Result<Self, Error> {
        let UnprotectedContent(content) = content;
        check_context(&content.content, context)?;
        // Section 6.1: "Recipients of an MLSMessage MUST verify the signature with the key
        // depending on the sender_type of the sender".
        match content.verify_signature(suite, public_key, context) {
            Ok(_) => Ok(Self(content)),
            Err(CryptoError::InvalidSignature | CryptoError::InvalidPublicKey) => {
                Err(Violation::InvalidSignature.into())
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Content that needs no verification: this client signed it, or loads it back from its own
    /// store, having verified it before. Never for anything that arrived.
    pub fn trusted(content: AuthenticatedContent) -> Result<Self, Error> {
        check_framing(content.wire_format, &content.content).map_err(Misuse::WouldViolate)?;
        Ok(Self(content))
    }

    /// The content with its signature and tag.
    #[must_use]
    pub fn authenticated(&self) -> &AuthenticatedContent {
        &self.0
    }

    /// The content.
    #[must_use]
    pub fn content(&self) -> &FramedContent {
        &self.0.content
    }

    /// Who says it.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.0.content.sender
    }

    /// The content with its signature and tag, to be kept.
    #[must_use]
    pub fn into_inner(self) -> AuthenticatedContent {
        self.0
    }
}

/// Refuses combinations of wire format, sender and content that sections 6 and 6.1 forbid.
///
/// Which proposals an `external` sender may make (section 12.1.8) is a matter of proposal lists.
pub(crate) fn check_framing(
    wire_format: WireFormat,
    content: &FramedContent,
) -> Result<(), Violation> {
    let FramedContent { sender, content, .. } = content;
    match (wire_format, sender, content) {
        // Section 6: "Applications MUST use PrivateMessage to encrypt application messages".
        (WireFormat::PUBLIC_MESSAGE, _, Content::Application(_)) => {
            return Err(Violation::ApplicationInPublicMessage);
        }
        // Section 6: "Messages from senders that aren't in the group are sent as PublicMessage."
        (WireFormat::PRIVATE_MESSAGE, Sender::Member(_), _) | (WireFormat::PUBLIC_MESSAGE, ..) => {}
        (WireFormat::PRIVATE_MESSAGE, ..) => return Err(Violation::OutsiderInPrivateMessage),
        _ => return Err(Violation::UnframedWireFormat),
    }
    // Section 6.1, the MUSTs in the list of senders.
    match (sender, content) {
        (Sender::Member(_), _)
        | (Sender::External(_), Content::Proposal(_))
        | (Sender::NewMemberProposal, Content::Proposal(Proposal::Add(_)))
        | (Sender::NewMemberCommit, Content::Commit(_)) => Ok(()),
        (Sender::External(_), _) => Err(Violation::ExternalSenderContent),
        (Sender::NewMemberProposal, Content::Proposal(_)) => Err(Violation::NewMemberProposalType),
        (Sender::NewMemberProposal, _) => Err(Violation::NewMemberProposalContent),
        (Sender::NewMemberCommit, _) => Err(Violation::NewMemberCommitContent),
    }
}

/// Refuses content of another group or epoch. The signature of an outsider's proposal does not
/// cover the context, so this check is what binds it.
pub(crate) fn check_context(
    content: &FramedContent,
    context: &GroupContext,
) -> Result<(), Violation> {
    if content.group_id != context.group_id {
        return Err(Violation::WrongGroup);
    }
    if content.epoch != context.epoch {
        return Err(Violation::WrongEpoch);
    }
    Ok(())
}

/// Refuses to send a commit without its tag, or a tag with other content.
pub(crate) fn check_confirmation_tag(content: &AuthenticatedContent) -> Result<(), Misuse> {
    let is_commit = matches!(content.content.content, Content::Commit(_));
    if content.auth.confirmation_tag.is_some() == is_commit {
        Ok(())
    } else {
        Err(Misuse::ConfirmationTag)
    }
}
