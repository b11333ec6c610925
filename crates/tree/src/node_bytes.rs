//! Nodes as they are kept: their encoding, of which a few fields are read in place (RFC 9420,
//! sections 7.1 and 7.2).
//!
//! [`LeafBytes::parse`] accepts exactly what `LeafNode` decodes, [`ParentBytes::parse`] what
//! `ParentNode` does; so bytes that passed once can be decoded later.

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader};
use crypto::Digest;
use wire::{CERTIFICATES_MAX, CredentialType, Extensions, LeafNode, LeafNodeSource, ParentNode};

/// The fields of a leaf that the tree's indices are made of.
pub(crate) struct LeafBytes<'a> {
    pub(crate) encryption_key: &'a [u8],
    pub(crate) signature_key: &'a [u8],
    pub(crate) credential_type: CredentialType,
    /// The encoding of the capabilities.
    pub(crate) capabilities: &'a [u8],
}

impl<'a> LeafBytes<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let encryption_key = reader.opaque()?;
        let signature_key = reader.opaque()?;
        let credential_type = CredentialType::decode(&mut reader)?;
        if credential_type == CredentialType::X509 {
            reader.elements::<Opaque>(CERTIFICATES_MAX, "certificates")?;
        } else {
            reader.opaque()?;
        }
        let before = reader.rest();
        for _ in 0..5 {
            let numbers = reader.vector()?;
            if !numbers.rest().len().is_multiple_of(2) {
                return Err(numbers.error(DecodeErrorKind::UnexpectedEnd));
            }
        }
        let capabilities = &before[..before.len() - reader.rest().len()];
        LeafNodeSource::decode(&mut reader)?;
        Extensions::decode(&mut reader)?;
        reader.opaque()?;
        reader.finish()?;
        Ok(Self { encryption_key, signature_key, credential_type, capabilities })
    }
}

/// The fields of a parent.
pub(crate) struct ParentBytes<'a> {
    pub(crate) encryption_key: &'a [u8],
    pub(crate) parent_hash: Digest,
    unmerged_leaves: &'a [u8],
}

impl<'a> ParentBytes<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let encryption_key = reader.opaque()?;
        let parent_hash = Digest::decode(&mut reader)?;
        let unmerged_leaves = reader.opaque()?;
        if !unmerged_leaves.len().is_multiple_of(4) {
            return Err(reader.error(DecodeErrorKind::UnexpectedEnd));
        }
        reader.finish()?;
        Ok(Self { encryption_key, parent_hash, unmerged_leaves })
    }

    pub(crate) fn unmerged_leaves(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        let (numbers, _) = self.unmerged_leaves.as_chunks::<4>();
        numbers.iter().map(|number| u32::from_be_bytes(*number))
    }

    /// Whether a leaf is among the unmerged ones, if their list is in order.
    pub(crate) fn lists_unmerged(&self, leaf: u32) -> bool {
        let (numbers, _) = self.unmerged_leaves.as_chunks::<4>();
        numbers.binary_search(&leaf.to_be_bytes()).is_ok()
    }
}

/// The encryption key of a node.
pub(crate) fn encryption_key(node: &[u8]) -> Option<&[u8]> {
    Reader::new(node).opaque().ok()
}

/// The signature key of a leaf.
pub(crate) fn signature_key(leaf: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(leaf);
    reader.opaque().ok()?;
    reader.opaque().ok()
}

/// What the census counts of a leaf: its credential type and the encoding of its capabilities.
pub(crate) fn features(leaf: &[u8]) -> Option<(CredentialType, &[u8])> {
    let leaf = LeafBytes::parse(leaf).ok()?;
    Some((leaf.credential_type, leaf.capabilities))
}

/// A leaf in full.
pub(crate) fn leaf_node(bytes: &[u8]) -> Option<LeafNode> {
    LeafNode::from_bytes(bytes).ok()
}

/// A parent in full.
pub(crate) fn parent_node(bytes: &[u8]) -> Option<ParentNode> {
    ParentNode::from_bytes(bytes).ok()
}

/// A leaf or parent as it is kept.
pub(crate) fn bytes(node: &impl Encode) -> std::sync::Arc<[u8]> {
    node.to_bytes().into()
}

#[cfg(test)]
mod tests {
    use testkit::{SeededRandom, mutations};
    use wire::{Capabilities, Credential, Extension, ExtensionType};

    use super::*;

    fn leaves() -> Vec<LeafNode> {
        let credentials = [
            Credential::basic(b"somebody"),
            Credential::X509(vec![vec![1, 2, 3].into(), Vec::new().into()]),
            Credential::Other(CredentialType(0xf000), vec![5; 70].into()),
        ];
        let sources = [
            LeafNodeSource::Update,
            LeafNodeSource::KeyPackage(wire::Lifetime { not_before: 1, not_after: 2 }),
            LeafNodeSource::Commit { parent_hash: Digest::new(&[7; 32]).unwrap() },
        ];
        let extension = Extension::new(ExtensionType(0xf001), &7_u32);
        let leaves = credentials.into_iter().zip(sources).map(|(credential, source)| LeafNode {
            encryption_key: vec![1; 32].into(),
            signature_key: vec![2; 32].into(),
            credential,
            capabilities: Capabilities {
                credentials: vec![CredentialType::BASIC, CredentialType::X509],
                ..Capabilities::default()
            },
            leaf_node_source: source,
            extensions: Extensions(vec![extension.clone()]),
            signature: vec![9; 64].into(),
        });
        leaves.collect()
    }

    fn agree(bytes: &[u8]) {
        let leaf = LeafNode::from_bytes(bytes);
        assert_eq!(LeafBytes::parse(bytes).is_ok(), leaf.is_ok(), "{bytes:02x?}");
        if let (Ok(read), Ok(leaf)) = (LeafBytes::parse(bytes), leaf) {
            assert_eq!(read.encryption_key, leaf.encryption_key.as_slice());
            assert_eq!(read.signature_key, leaf.signature_key.as_slice());
            assert_eq!(read.credential_type, leaf.credential.credential_type());
            assert_eq!(read.capabilities, leaf.capabilities.to_bytes());
        }
        let parent = ParentNode::from_bytes(bytes);
        assert_eq!(ParentBytes::parse(bytes).is_ok(), parent.is_ok(), "{bytes:02x?}");
        if let (Ok(read), Ok(parent)) = (ParentBytes::parse(bytes), parent) {
            assert_eq!(read.encryption_key, parent.encryption_key.as_slice());
            assert_eq!(read.parent_hash, parent.parent_hash);
            assert!(read.unmerged_leaves().eq(parent.unmerged_leaves));
        }
    }

    #[test]
    fn what_is_read_in_place_is_what_is_decoded_whatever_the_bytes() {
        let parent = ParentNode {
            encryption_key: vec![3; 32].into(),
            parent_hash: Digest::new(&[4; 32]).unwrap(),
            unmerged_leaves: vec![1, 5, 900],
        };
        let mut all: Vec<Vec<u8>> = leaves().iter().map(Encode::to_bytes).collect();
        all.push(parent.to_bytes());
        let mut random = SeededRandom::new(4);
        for bytes in &all {
            agree(bytes);
            mutations(bytes).for_each(|changed| agree(&changed));
            for _ in 0..2000 {
                let mut changed = bytes.clone();
                for _ in 0..=random.below(2) {
                    let place = random.below(changed.len());
                    changed[place] = u8::try_from(random.below(256)).unwrap();
                }
                agree(&changed);
            }
        }
    }
}
