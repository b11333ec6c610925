//! `PublicMessage` (RFC 9420, section 6.2).

use codec::{Decode, DecodeError, Encode, Opaque, Reader, Writer};

use crate::{AuthenticatedContent, FramedContent, FramedContentAuthData, Sender, WireFormat};

/// Signed content in the clear; a member's also carries a MAC that proves membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicMessage {
    /// What is said, by whom.
    pub content: FramedContent,
    /// The signature and tag.
    pub auth: FramedContentAuthData,
    /// `MAC(membership_key, AuthenticatedContentTBM)`; present exactly for members.
    pub membership_tag: Option<Opaque>,
}

impl PublicMessage {
    /// The content as it is signed and hashed.
    #[must_use]
    pub fn into_authenticated_content(self) -> AuthenticatedContent {
        let Self { content, auth, membership_tag: _ } = self;
        AuthenticatedContent { wire_format: WireFormat::PUBLIC_MESSAGE, content, auth }
    }
}

impl Encode for PublicMessage {
    fn encode(&self, writer: &mut Writer) {
        self.content.encode(writer);
        self.auth.encode(writer);
        if let Some(tag) = &self.membership_tag {
            tag.encode(writer);
        }
    }
}

impl Decode for PublicMessage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let content = FramedContent::decode(reader)?;
        let auth = FramedContentAuthData::decode(content.content.content_type(), reader)?;
        let membership_tag = match content.sender {
            Sender::Member(_) => Some(Opaque::decode(reader)?),
            Sender::External(_) | Sender::NewMemberProposal | Sender::NewMemberCommit => None,
        };
        Ok(Self { content, auth, membership_tag })
    }
}
