//! `AuthenticatedContent` and `FramedContentAuthData` (RFC 9420, sections 6 and 6.1).

use codec::{Decode, DecodeError, Encode, Opaque, Reader, Writer};
use crypto::{CryptoError, Digest, SignaturePublicKey, Suite, VerifiedSignature};

use crate::{
    Content, ContentType, FramedContent, GroupContext, ProtocolVersion, Sender, WireFormat,
};

/// `FramedContentAuthData`: the signature and, for a commit, the confirmation tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FramedContentAuthData {
    /// `SignWithLabel(., "FramedContentTBS", FramedContentTBS)`.
    pub signature: Opaque,
    /// `MAC(confirmation_key, confirmed_transcript_hash)`; present exactly for commits.
    pub confirmation_tag: Option<Opaque>,
}

impl FramedContentAuthData {
    /// Appends the structure; a commit's tag follows the signature.
    pub fn encode(&self, writer: &mut Writer) {
        self.signature.encode(writer);
        if let Some(tag) = &self.confirmation_tag {
            tag.encode(writer);
        }
    }

    /// Reads the structure that belongs to content of this type.
    pub fn decode(content_type: ContentType, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let signature = Opaque::decode(reader)?;
        let confirmation_tag = match content_type {
            ContentType::Commit => Some(Opaque::decode(reader)?),
            ContentType::Application | ContentType::Proposal => None,
        };
        Ok(Self { signature, confirmation_tag })
    }
}

/// Content with its signature, independent of how it is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatedContent {
    /// How it travels; the signature covers this.
    pub wire_format: WireFormat,
    /// What is said, by whom.
    pub content: FramedContent,
    /// The signature and tag.
    pub auth: FramedContentAuthData,
}

impl Encode for AuthenticatedContent {
    fn encode(&self, writer: &mut Writer) {
        self.wire_format.encode(writer);
        self.content.encode(writer);
        self.auth.encode(writer);
    }
}

impl Decode for AuthenticatedContent {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let wire_format = WireFormat::decode(reader)?;
        let content = FramedContent::decode(reader)?;
        let auth = FramedContentAuthData::decode(content.content.content_type(), reader)?;
        Ok(Self { wire_format, content, auth })
    }
}

/// `ProposalRef` (section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProposalRef(pub Digest);

codec::fields!(ProposalRef { 0 });

impl AuthenticatedContent {
    /// The label of the content's signature.
    pub const SIGNATURE_LABEL: &str = "FramedContentTBS";

    /// `FramedContentTBS`: what the signature covers. The context is included for members and for
    /// external commits.
    #[must_use]
    pub fn to_be_signed(
        wire_format: WireFormat,
        content: &FramedContent,
        context: &GroupContext,
    ) -> Vec<u8> {
        let mut writer = Writer::new();
        write_to_be_signed(&mut writer, wire_format, content, context);
        writer.into_bytes()
    }

    /// Verifies the signature with a key that the caller has looked up by the sender's type
    /// (section 6.1).
    pub fn verify_signature(
        &self,
        suite: &Suite,
        public_key: &SignaturePublicKey,
        context: &GroupContext,
    ) -> Result<VerifiedSignature, CryptoError> {
        let signed = Self::to_be_signed(self.wire_format, &self.content, context);
        let signature = &self.auth.signature;
        suite.verify_with_label(public_key, Self::SIGNATURE_LABEL, &signed, signature)
    }

    /// `AuthenticatedContentTBM`: what the membership tag covers (section 6.2).
    #[must_use]
    pub fn to_be_maced(&self, context: &GroupContext) -> Vec<u8> {
        let mut writer = Writer::new();
        write_to_be_signed(&mut writer, self.wire_format, &self.content, context);
        self.auth.encode(&mut writer);
        writer.into_bytes()
    }

    /// `ConfirmedTranscriptHashInput` of a commit (section 8.2).
    #[must_use]
    pub fn confirmed_transcript_hash_input(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.wire_format.encode(&mut writer);
        self.content.encode(&mut writer);
        self.auth.signature.encode(&mut writer);
        writer.into_bytes()
    }

    /// `MakeProposalRef` of content that is a proposal (section 5.2).
    pub fn proposal_ref(&self, suite: &Suite) -> Result<ProposalRef, CryptoError> {
        debug_assert!(matches!(self.content.content, Content::Proposal(_)));
        Ok(ProposalRef(suite.ref_hash_of("MLS 1.0 Proposal Reference", self)?))
    }
}

fn write_to_be_signed(
    writer: &mut Writer,
    wire_format: WireFormat,
    content: &FramedContent,
    context: &GroupContext,
) {
    ProtocolVersion::MLS10.encode(writer);
    wire_format.encode(writer);
    content.encode(writer);
    match content.sender {
        Sender::Member(_) | Sender::NewMemberCommit => context.encode(writer),
        Sender::External(_) | Sender::NewMemberProposal => {}
    }
}
