//! `FramedContent` and `Sender` (RFC 9420, section 6).

use std::sync::Arc;

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};

use crate::{Commit, Proposal};

/// `ContentType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentType {
    /// Application data.
    Application,
    /// A proposal.
    Proposal,
    /// A commit.
    Commit,
}

impl Encode for ContentType {
    fn encode(&self, writer: &mut Writer) {
        let value: u8 = match self {
            Self::Application => 1,
            Self::Proposal => 2,
            Self::Commit => 3,
        };
        value.encode(writer);
    }
}

impl Decode for ContentType {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.clone();
        match u8::decode(reader)? {
            1 => Ok(Self::Application),
            2 => Ok(Self::Proposal),
            3 => Ok(Self::Commit),
            _ => Err(at.error(DecodeErrorKind::InvalidValue("content_type"))),
        }
    }
}

/// `Sender`: who says it; a claim until the signature is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The member at this leaf.
    Member(u32),
    /// The entry at this place of the `external_senders` extension.
    External(u32),
    /// A client that proposes to add itself.
    NewMemberProposal,
    /// A client that joins by an external commit.
    NewMemberCommit,
}

impl Encode for Sender {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Member(index) => {
                1_u8.encode(writer);
                index.encode(writer);
            }
            Self::External(index) => {
                2_u8.encode(writer);
                index.encode(writer);
            }
            Self::NewMemberProposal => 3_u8.encode(writer),
            Self::NewMemberCommit => 4_u8.encode(writer),
        }
    }
}

impl Decode for Sender {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.clone();
        match u8::decode(reader)? {
            1 => Ok(Self::Member(u32::decode(reader)?)),
            2 => Ok(Self::External(u32::decode(reader)?)),
            3 => Ok(Self::NewMemberProposal),
            4 => Ok(Self::NewMemberCommit),
            _ => Err(at.error(DecodeErrorKind::InvalidValue("sender_type"))),
        }
    }
}

/// What is said: the three kinds of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Application data.
    Application(Opaque),
    /// A proposal.
    Proposal(Proposal),
    /// A commit. Shared, since a path may be long and content is copied on its way.
    Commit(Arc<Commit>),
}

impl Content {
    /// The content type on the wire.
    #[must_use]
    pub fn content_type(&self) -> ContentType {
        match self {
            Self::Application(_) => ContentType::Application,
            Self::Proposal(_) => ContentType::Proposal,
            Self::Commit(_) => ContentType::Commit,
        }
    }

    /// Appends the content without its type, as in `PrivateMessageContent`.
    pub fn encode_body(&self, writer: &mut Writer) {
        match self {
            Self::Application(data) => data.encode(writer),
            Self::Proposal(proposal) => proposal.encode(writer),
            Self::Commit(commit) => commit.encode(writer),
        }
    }

    /// Reads content of a type that is known from elsewhere.
    pub fn decode_body(
        content_type: ContentType,
        reader: &mut Reader<'_>,
    ) -> Result<Self, DecodeError> {
        Ok(match content_type {
            ContentType::Application => Self::Application(Opaque::decode(reader)?),
            ContentType::Proposal => Self::Proposal(Proposal::decode(reader)?),
            ContentType::Commit => Self::Commit(Arc::decode(reader)?),
        })
    }
}

impl Encode for Content {
    fn encode(&self, writer: &mut Writer) {
        self.content_type().encode(writer);
        self.encode_body(writer);
    }
}

impl Decode for Content {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let content_type = ContentType::decode(reader)?;
        Self::decode_body(content_type, reader)
    }
}

/// `FramedContent`: content with its group, epoch and sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FramedContent {
    /// The group.
    pub group_id: Opaque,
    /// The epoch it belongs to.
    pub epoch: u64,
    /// Who says it.
    pub sender: Sender,
    /// Data of the application that is authenticated but never encrypted.
    pub authenticated_data: Opaque,
    /// What is said.
    pub content: Content,
}

codec::fields!(FramedContent { group_id, epoch, sender, authenticated_data, content });
