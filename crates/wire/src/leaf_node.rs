//! `LeafNode` (RFC 9420, section 7.2).

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use crypto::{Digest, HpkePublicKey, SignaturePublicKey};

use crate::{Capabilities, Credential, Extensions};

/// `Lifetime`: seconds since 1970, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lifetime {
    /// First second of validity.
    pub not_before: u64,
    /// Last second of validity.
    pub not_after: u64,
}

codec::fields!(Lifetime { not_before, not_after });

/// Where a leaf comes from, with what only such a leaf carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeafNodeSource {
    /// From a key package.
    KeyPackage(Lifetime),
    /// From an Update proposal.
    Update,
    /// From the UpdatePath of a Commit.
    Commit {
        /// The parent hash of section 7.9.
        parent_hash: Digest,
    },
}

impl Encode for LeafNodeSource {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::KeyPackage(lifetime) => {
                1_u8.encode(writer);
                lifetime.encode(writer);
            }
            Self::Update => 2_u8.encode(writer),
            Self::Commit { parent_hash } => {
                3_u8.encode(writer);
                parent_hash.encode(writer);
            }
        }
    }
}

impl Decode for LeafNodeSource {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.clone();
        match u8::decode(reader)? {
            1 => Ok(Self::KeyPackage(Lifetime::decode(reader)?)),
            2 => Ok(Self::Update),
            3 => Ok(Self::Commit { parent_hash: Digest::decode(reader)? }),
            _ => Err(at.error(DecodeErrorKind::InvalidValue("leaf_node_source"))),
        }
    }
}

/// A member's leaf: keys, credential, capabilities, signed by the member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeafNode {
    /// The HPKE key that path secrets are encrypted to.
    pub encryption_key: HpkePublicKey,
    /// The key that verifies the member's signatures.
    pub signature_key: SignaturePublicKey,
    /// Who the member claims to be.
    pub credential: Credential,
    /// What the member can do.
    pub capabilities: Capabilities,
    /// Where the leaf comes from.
    pub leaf_node_source: LeafNodeSource,
    /// Extensions of the leaf.
    pub extensions: Extensions,
    /// `SignWithLabel(., "LeafNodeTBS", LeafNodeTBS)`.
    pub signature: Opaque,
}

codec::fields!(LeafNode {
    encryption_key,
    signature_key,
    credential,
    capabilities,
    leaf_node_source,
    extensions,
    signature,
});

impl LeafNode {
    /// The label of the leaf's signature.
    pub const SIGNATURE_LABEL: &str = "LeafNodeTBS";

    /// `LeafNodeTBS`: what the signature covers. A leaf that does not come from a key package is
    /// bound to its group and its place; `placement` is ignored for one that does.
    #[must_use]
    pub fn to_be_signed(&self, placement: (&[u8], u32)) -> Vec<u8> {
        let mut writer = Writer::new();
        self.encryption_key.encode(&mut writer);
        self.signature_key.encode(&mut writer);
        self.credential.encode(&mut writer);
        self.capabilities.encode(&mut writer);
        self.leaf_node_source.encode(&mut writer);
        self.extensions.encode(&mut writer);
        if !matches!(self.leaf_node_source, LeafNodeSource::KeyPackage(_)) {
            let (group_id, leaf_index) = placement;
            writer.opaque(group_id);
            leaf_index.encode(&mut writer);
        }
        writer.into_bytes()
    }

    /// The parent hash, which only a leaf from a Commit has.
    #[must_use]
    pub fn parent_hash(&self) -> Option<Digest> {
        match self.leaf_node_source {
            LeafNodeSource::Commit { parent_hash } => Some(parent_hash),
            LeafNodeSource::KeyPackage(_) | LeafNodeSource::Update => None,
        }
    }
}
