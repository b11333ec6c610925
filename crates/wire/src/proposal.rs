//! `Proposal` (RFC 9420, section 12.1).

use codec::{Decode, DecodeError, Encode, Opaque, Reader, Writer};
use crypto::CipherSuite;

use crate::{Extensions, KeyPackage, LeafNode, PreSharedKeyId, ProposalType, ProtocolVersion};

/// A change that someone proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// Adds a client (section 12.1.1).
    Add(Box<KeyPackage>),
    /// Replaces the sender's leaf (section 12.1.2).
    Update(Box<LeafNode>),
    /// Removes the member at this leaf (section 12.1.3).
    Remove(u32),
    /// Mixes in a pre-shared key (section 12.1.4).
    PreSharedKey(PreSharedKeyId),
    /// Closes the group in favour of a new one (section 12.1.5).
    ReInit(ReInit),
    /// Opens an external commit (section 12.1.6): the `kem_output`.
    ExternalInit(Opaque),
    /// Replaces the extensions of the GroupContext (section 12.1.7).
    GroupContextExtensions(Extensions),
    /// A type beyond the RFC's own: its body is carried as one `opaque<V>`.
    Other(ProposalType, Opaque),
}

impl Proposal {
    /// The type on the wire.
    #[must_use]
    pub fn proposal_type(&self) -> ProposalType {
        match self {
            Self::Add(_) => ProposalType::ADD,
            Self::Update(_) => ProposalType::UPDATE,
            Self::Remove(_) => ProposalType::REMOVE,
            Self::PreSharedKey(_) => ProposalType::PSK,
            Self::ReInit(_) => ProposalType::REINIT,
            Self::ExternalInit(_) => ProposalType::EXTERNAL_INIT,
            Self::GroupContextExtensions(_) => ProposalType::GROUP_CONTEXT_EXTENSIONS,
            Self::Other(proposal_type, _) => *proposal_type,
        }
    }

    /// Whether a commit that covers this proposal must carry a path (section 12.4).
    #[must_use]
    pub fn requires_path(&self) -> bool {
        match self {
            Self::Update(_)
            | Self::Remove(_)
            | Self::ExternalInit(_)
            | Self::GroupContextExtensions(_) => true,
            Self::Add(_) | Self::PreSharedKey(_) | Self::ReInit(_) | Self::Other(..) => false,
        }
    }
}

impl Encode for Proposal {
    fn encode(&self, writer: &mut Writer) {
        self.proposal_type().encode(writer);
        match self {
            Self::Add(key_package) => key_package.encode(writer),
            Self::Update(leaf_node) => leaf_node.encode(writer),
            Self::Remove(removed) => removed.encode(writer),
            Self::PreSharedKey(psk) => psk.encode(writer),
            Self::ReInit(reinit) => reinit.encode(writer),
            Self::GroupContextExtensions(extensions) => extensions.encode(writer),
            Self::ExternalInit(opaque) | Self::Other(_, opaque) => opaque.encode(writer),
        }
    }
}

impl Decode for Proposal {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match ProposalType::decode(reader)? {
            ProposalType::ADD => Self::Add(Box::decode(reader)?),
            ProposalType::UPDATE => Self::Update(Box::decode(reader)?),
            ProposalType::REMOVE => Self::Remove(u32::decode(reader)?),
            ProposalType::PSK => Self::PreSharedKey(PreSharedKeyId::decode(reader)?),
            ProposalType::REINIT => Self::ReInit(ReInit::decode(reader)?),
            ProposalType::EXTERNAL_INIT => Self::ExternalInit(Opaque::decode(reader)?),
            ProposalType::GROUP_CONTEXT_EXTENSIONS => {
                Self::GroupContextExtensions(Extensions::decode(reader)?)
            }
            other => Self::Other(other, Opaque::decode(reader)?),
        })
    }
}

/// `ReInit` (section 12.1.5): the parameters of the group that replaces this one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReInit {
    /// The new group's id.
    pub group_id: Opaque,
    /// Its protocol version.
    pub version: ProtocolVersion,
    /// Its cipher suite.
    pub cipher_suite: CipherSuite,
    /// The extensions of its GroupContext.
    pub extensions: Extensions,
}

codec::fields!(ReInit { group_id, version, cipher_suite, extensions });
