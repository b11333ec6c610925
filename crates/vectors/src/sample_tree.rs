//! A tree that grows as in a real group, with every member's private keys in one hand: the origin
//! of generated trees (RFC 9420, sections 7 and 12.1, appendix B).

use std::collections::BTreeMap;

use codec::Opaque;
use crypto::{HpkeKeyPair, Random, Secret, SignatureKeyPair, Signer, Suite};
use tree::{LeafIndex, NodeIndex, RatchetTree};
use wire::{
    Capabilities, Credential, CredentialType, Extensions, KeyPackage, LeafNode, LeafNodeSource,
    Lifetime, ProtocolVersion,
};

use crate::Failure;
use crate::failure::At;
use crate::kind::random_bytes;

/// A member's private keys.
pub(crate) struct SampleMember {
    pub(crate) signer: SignatureKeyPair,
    pub(crate) encryption: HpkeKeyPair,
}

/// A tree and all private keys below it.
pub(crate) struct SampleTree<'a> {
    pub(crate) suite: &'a Suite,
    pub(crate) group_id: Opaque,
    pub(crate) tree: RatchetTree,
    pub(crate) members: BTreeMap<LeafIndex, SampleMember>,
    /// The path secret of every parent that is not blank; older ones may remain of blank nodes.
    pub(crate) path_secrets: BTreeMap<NodeIndex, Secret>,
}

/// Key packages of samples never expire.
const FOREVER: Lifetime = Lifetime { not_before: 0, not_after: u64::MAX };

impl SampleMember {
    pub(crate) fn generate(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        Ok(Self {
            signer: SignatureKeyPair::generate(suite, random)?,
            encryption: suite.generate_key_pair(random)?,
        })
    }

    /// The member's signed leaf in its place.
    pub(crate) fn leaf_node(
        &self,
        suite: &Suite,
        leaf_node_source: LeafNodeSource,
        placement: (&[u8], u32),
    ) -> Result<LeafNode, Failure> {
        let public_key = self.signer.public_key();
        let mut leaf = LeafNode {
            encryption_key: self.encryption.public_key.clone(),
            signature_key: public_key.clone(),
            credential: Credential::basic(b"a member of a sample"),
            capabilities: Capabilities {
                versions: vec![ProtocolVersion::MLS10],
                cipher_suites: vec![suite.id()],
                extensions: Vec::new(),
                proposals: Vec::new(),
                credentials: vec![CredentialType::BASIC],
            },
            leaf_node_source,
            extensions: Extensions::default(),
            signature: Opaque::default(),
        };
        let signed = leaf.to_be_signed(placement);
        let signature = suite.sign_with_label(&self.signer, LeafNode::SIGNATURE_LABEL, &signed)?;
        leaf.signature = signature.into();
        Ok(leaf)
    }

    /// The leaf of a key package.
    pub(crate) fn new_leaf_node(&self, suite: &Suite) -> Result<LeafNode, Failure> {
        self.leaf_node(suite, LeafNodeSource::KeyPackage(FOREVER), (&[], 0))
    }

    /// A key package, and the key that a Welcome for it is encrypted to.
    pub(crate) fn key_package(
        &self,
        suite: &Suite,
        random: &mut dyn Random,
    ) -> Result<(KeyPackage, HpkeKeyPair), Failure> {
        let init = suite.generate_key_pair(random)?;
        let mut key_package = KeyPackage {
            version: ProtocolVersion::MLS10,
            cipher_suite: suite.id(),
            init_key: init.public_key.clone(),
            leaf_node: self.new_leaf_node(suite)?,
            extensions: Extensions::default(),
            signature: Opaque::default(),
        };
        let signed = key_package.to_be_signed();
        let signature =
            suite.sign_with_label(&self.signer, KeyPackage::SIGNATURE_LABEL, &signed)?;
        key_package.signature = signature.into();
        Ok((key_package, init))
    }
}

impl<'a> SampleTree<'a> {
    /// A group of one.
    pub(crate) fn new(suite: &'a Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let creator = SampleMember::generate(suite, random)?;
        let tree = RatchetTree::new(creator.new_leaf_node(suite)?);
        let first = tree.size().leaf(0).at("first leaf")?;
        Ok(Self {
            suite,
            group_id: random_bytes(16, random)?.into(),
            tree,
            members: BTreeMap::from([(first, creator)]),
            path_secrets: BTreeMap::new(),
        })
    }

    /// `get_tree(leaves)` of the format's description: each member in turn adds the next and
    /// commits.
    pub(crate) fn grown(
        suite: &'a Suite,
        leaves: u32,
        random: &mut dyn Random,
    ) -> Result<Self, Failure> {
        let mut grown = Self::new(suite, random)?;
        for committer in 0..leaves - 1 {
            grown.add(random)?;
            grown.commit(committer, random)?;
        }
        Ok(grown)
    }

    /// A group whose creator adds all others with one commit.
    pub(crate) fn founded(
        suite: &'a Suite,
        leaves: u32,
        random: &mut dyn Random,
    ) -> Result<Self, Failure> {
        let mut founded = Self::new(suite, random)?;
        for _ in 1..leaves {
            founded.add(random)?;
        }
        founded.commit(0, random)?;
        Ok(founded)
    }

    /// The leaf with this number.
    pub(crate) fn leaf(&self, leaf: u32) -> Result<LeafIndex, Failure> {
        self.tree.size().leaf(leaf).at(format_args!("leaf {leaf}"))
    }

    /// Adds a member.
    pub(crate) fn add(&mut self, random: &mut dyn Random) -> Result<LeafIndex, Failure> {
        let member = SampleMember::generate(self.suite, random)?;
        let leaf = self.tree.add_leaf(member.new_leaf_node(self.suite)?).at("room for a leaf")?;
        self.members.insert(leaf, member);
        Ok(leaf)
    }

    /// Removes a member.
    pub(crate) fn remove(&mut self, leaf: u32) -> Result<(), Failure> {
        let leaf = self.leaf(leaf)?;
        self.tree.take_leaf(leaf).at("member to remove")?;
        self.tree.truncate();
        self.members.remove(&leaf);
        Ok(())
    }

    /// A member's commit: new keys for its leaf and its filtered direct path (section 7.5).
    pub(crate) fn commit(&mut self, sender: u32, random: &mut dyn Random) -> Result<(), Failure> {
        let (suite, sender) = (self.suite, self.leaf(sender)?);
        let mut path_secret = Secret::random(suite.hash_length(), random)?;
        let mut keys = Vec::new();
        for (node, _) in self.tree.filtered_direct_path(sender) {
            let node_secret = suite.derive_secret(&path_secret, "node")?;
            keys.push(suite.derive_key_pair(&node_secret)?.public_key);
            let above = suite.derive_secret(&path_secret, "path")?;
            self.path_secrets.insert(node, path_secret);
            path_secret = above;
        }
        let parent_hash = self.tree.merge_path_keys(suite, sender, keys.into_iter())?;
        let member = self.members.get_mut(&sender).at("committer")?;
        member.encryption = suite.generate_key_pair(random)?;
        let source = LeafNodeSource::Commit { parent_hash };
        let leaf = member.leaf_node(suite, source, (&self.group_id, sender.as_u32()))?;
        self.tree.set_leaf(sender, leaf);
        Ok(())
    }

    /// The tree of the RFC's figure on parent hashes (appendix B): unmerged leaves, and links that
    /// skip a blank.
    pub(crate) fn with_unmerged_leaf_and_skipped_blank(
        suite: &'a Suite,
        random: &mut dyn Random,
    ) -> Result<Self, Failure> {
        let mut tree = Self::founded(suite, 7, random)?;
        tree.remove(5)?;
        tree.commit(0, random)?;
        tree.commit(4, random)?;
        tree.add(random)?;
        Ok(tree)
    }

    /// `get_tree(8)` after its first member removed these others and added this many.
    pub(crate) fn with_internal_blanks(
        suite: &'a Suite,
        (removed, added): (&[u32], u32),
        random: &mut dyn Random,
    ) -> Result<Self, Failure> {
        let mut tree = Self::grown(suite, 8, random)?;
        for &leaf in removed {
            tree.remove(leaf)?;
        }
        for _ in 0..added {
            tree.add(random)?;
        }
        tree.commit(0, random)?;
        Ok(tree)
    }

    /// `get_tree(7)` after its first member added another with a partial commit.
    pub(crate) fn with_unmerged_leaf(
        suite: &'a Suite,
        random: &mut dyn Random,
    ) -> Result<Self, Failure> {
        let mut tree = Self::grown(suite, 7, random)?;
        tree.add(random)?;
        Ok(tree)
    }
}
