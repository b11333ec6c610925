//! `ParentNode` (RFC 9420, section 7.1) and the nodes of the `ratchet_tree` extension (section
//! 12.4.3.3).

use std::sync::Arc;

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer};
use crypto::{Digest, HpkePublicKey};

use crate::LeafNode;

/// The largest tree that is accepted, in leaves. Larger groups are beyond RFC 9750's horizon, and a
/// blank node costs one byte on the wire but far more in memory.
pub const RATCHET_TREE_LEAVES_MAX: usize = 1 << 20;

/// A parent node that is not blank.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ParentNode {
    /// The HPKE key that path secrets are encrypted to.
    pub encryption_key: HpkePublicKey,
    /// The parent hash of section 7.9.
    pub parent_hash: Digest,
    /// Leaves below that do not hold this node's private key, in ascending order.
    pub unmerged_leaves: Vec<u32>,
}

codec::fields!(ParentNode { encryption_key, parent_hash, unmerged_leaves });

/// `Node`: a leaf or a parent, shared by every holder of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A leaf.
    Leaf(Arc<LeafNode>),
    /// A parent.
    Parent(Arc<ParentNode>),
}

impl Encode for Node {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Leaf(leaf) => {
                1_u8.encode(writer);
                leaf.encode(writer);
            }
            Self::Parent(parent) => {
                2_u8.encode(writer);
                parent.encode(writer);
            }
        }
    }
}

impl Decode for Node {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.clone();
        match u8::decode(reader)? {
            1 => Ok(Self::Leaf(Arc::decode(reader)?)),
            2 => Ok(Self::Parent(Arc::decode(reader)?)),
            _ => Err(at.error(DecodeErrorKind::InvalidValue("node_type"))),
        }
    }
}

/// `optional<Node> ratchet_tree<V>`: nodes from left to right, blanks at the right end left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RatchetTreeNodes(pub Vec<Option<Node>>);

impl Encode for RatchetTreeNodes {
    fn encode(&self, writer: &mut Writer) {
        self.0.encode(writer);
    }
}

impl Decode for RatchetTreeNodes {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(reader.elements(2 * RATCHET_TREE_LEAVES_MAX, "ratchet tree leaves")?))
    }
}
