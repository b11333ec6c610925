//! A tree in which all members have committed, written down with all its private keys.
//!
//! Every leaf is signed by its own key for its place; every parent has a key of its own. Parent
//! hashes are chained as commits would have left them: of the two subtrees below a parent one
//! committed last, and its topmost filled node carries the parent's hash; that of the other carries
//! the hash of a parent that was replaced since, of which nothing is left to check. Leaf 0 and its
//! direct path are blank: a client fills them by an external commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use codec::{Encode, Writer};
use crypto::{Digest, HpkePublicKey, Random, Secret, SignatureKeyPair, Signer};
use tree::{LeafIndex, NodeIndex, RatchetTree, TreeSize};
use wire::{
    Capabilities, Credential, CredentialType, Extension, ExtensionType, Extensions, ExternalPub,
    GroupContext, GroupInfo, LeafNode, LeafNodeSource, MlsMessage, MlsMessageBody, Node,
    ParentNode, ProtocolVersion, RatchetTreeNodes,
};

use crate::{Failure, Tools};

const GROUP_ID: &[u8] = b"a warm group in the laboratory..";

/// A tree and everything that its members, taken together, know.
pub(super) struct WarmTree<'a> {
    tools: &'a Tools,
    random: &'a mut dyn Random,
    size: u32,
    nodes: Vec<Option<Node>>,
    /// The private keys of all nodes that are filled.
    pub(super) private_keys: BTreeMap<u32, Secret>,
    /// The signature keys of the leaves from 1 on.
    pub(super) signers: BTreeMap<u32, Arc<SignatureKeyPair>>,
    /// Counts the choices of who committed last.
    choices: u32,
}

fn position(node: NodeIndex) -> Result<usize, Failure> {
    usize::try_from(node.as_u32()).map_err(|_| Failure::Misuse("too large"))
}

impl<'a> WarmTree<'a> {
    /// The tree of members `1..size`.
    pub(super) fn new(
        tools: &'a Tools,
        size: u32,
        random: &'a mut dyn Random,
    ) -> Result<Self, Failure> {
        let wide = usize::try_from(size).ok().and_then(|size| size.checked_mul(2));
        let nodes = wide.and_then(|nodes| nodes.checked_sub(1)).and_then(TreeSize::with_room_for);
        let shape = nodes.ok_or(Failure::Misuse("no such tree"))?;
        let room = usize::try_from(shape.nodes()).map_err(|_| Failure::Misuse("too large"))?;
        let nodes = vec![None; room];
        let (private_keys, signers) = (BTreeMap::new(), BTreeMap::new());
        let mut tree = Self { tools, random, size, nodes, private_keys, signers, choices: 0 };
        let first = shape.leaf(0).ok_or(Failure::Misuse("no such tree"))?;
        for (_, copath) in shape.path_with_copath(first) {
            let replaced = tree.replaced_hash()?;
            tree.fill(copath, replaced)?;
        }
        Ok(tree)
    }

    /// The hash of a parent that is no more.
    fn replaced_hash(&mut self) -> Result<Digest, Failure> {
        let bytes = Secret::random(self.tools.suite().hash_length(), self.random)?;
        Ok(self.tools.suite().hash(bytes.expose())?)
    }

    fn new_key(&mut self, node: NodeIndex) -> Result<HpkePublicKey, Failure> {
        let pair = self.tools.suite().generate_key_pair(self.random)?;
        self.private_keys.insert(node.as_u32(), pair.private_key);
        Ok(pair.public_key)
    }

    fn is_empty(&self, node: NodeIndex) -> bool {
        *node.leaf_range().start() >= self.size
    }

    /// Fills a subtree whose topmost filled node carries this parent hash; returns its tree hash.
    fn fill(&mut self, node: NodeIndex, parent_hash: Digest) -> Result<Digest, Failure> {
        if let Some(leaf) = node.leaf() {
            if !self.is_empty(node) {
                self.fill_leaf(leaf, parent_hash)?;
            }
            return self.tree_hash(node, None);
        }
        let Some((left, right)) = node.children() else {
            return Err(Failure::Misuse("a parent without children"));
        };
        if self.is_empty(right) {
            let hashes = (self.fill(left, parent_hash)?, self.fill(right, parent_hash)?);
            return self.tree_hash(node, Some(hashes));
        }
        let encryption_key = self.new_key(node)?;
        let parent = ParentNode { encryption_key, parent_hash, unmerged_leaves: Vec::new() };
        // Either side may have committed last: a pattern that takes both.
        self.choices = self.choices.wrapping_add(1);
        let left_was_last = !self.choices.is_multiple_of(3);
        let (last, other) = if left_was_last { (left, right) } else { (right, left) };
        let replaced = self.replaced_hash()?;
        let other_hash = self.fill(other, replaced)?;
        // `ParentHashInput` of RFC 9420, section 7.9.
        let mut input = Writer::new();
        parent.encryption_key.encode(&mut input);
        parent.parent_hash.encode(&mut input);
        other_hash.encode(&mut input);
        let hash = self.tools.suite().hash(input.as_slice())?;
        self.nodes[position(node)?] = Some(Node::Parent(Arc::new(parent)));
        let last_hash = self.fill(last, hash)?;
        let hashes = if left_was_last { (last_hash, other_hash) } else { (other_hash, last_hash) };
        self.tree_hash(node, Some(hashes))
    }

    fn fill_leaf(&mut self, leaf: LeafIndex, parent_hash: Digest) -> Result<(), Failure> {
        let suite = self.tools.suite();
        let signer = SignatureKeyPair::generate(suite, self.random)?;
        let mut node = LeafNode {
            encryption_key: self.new_key(leaf.node())?,
            signature_key: signer.public_key().clone(),
            credential: Credential::basic(&leaf.as_u32().to_be_bytes()),
            capabilities: Capabilities {
                versions: vec![ProtocolVersion::MLS10],
                cipher_suites: vec![suite.id()],
                extensions: Vec::new(),
                proposals: Vec::new(),
                credentials: vec![CredentialType::BASIC],
            },
            leaf_node_source: LeafNodeSource::Commit { parent_hash },
            extensions: Extensions::default(),
            signature: Default::default(),
        };
        let signed = node.to_be_signed((GROUP_ID, leaf.as_u32()));
        node.signature = suite.sign_with_label(&signer, LeafNode::SIGNATURE_LABEL, &signed)?.into();
        self.nodes[position(leaf.node())?] = Some(Node::Leaf(Arc::new(node)));
        self.signers.insert(leaf.as_u32(), Arc::new(signer));
        Ok(())
    }

    /// `TreeHashInput` of RFC 9420, section 7.8, hashed.
    fn tree_hash(
        &self,
        node: NodeIndex,
        children: Option<(Digest, Digest)>,
    ) -> Result<Digest, Failure> {
        let mut input = Writer::new();
        let filled = self.nodes[position(node)?].as_ref();
        let kind = if node.is_leaf() { 1_u8 } else { 2_u8 };
        kind.encode(&mut input);
        if let Some(leaf) = node.leaf() {
            leaf.as_u32().encode(&mut input);
        }
        u8::from(filled.is_some()).encode(&mut input);
        match filled {
            Some(Node::Leaf(leaf)) => leaf.encode(&mut input),
            Some(Node::Parent(parent)) => parent.encode(&mut input),
            None => {}
        }
        if let Some((left, right)) = children {
            left.encode(&mut input);
            right.encode(&mut input);
        }
        Ok(self.tools.suite().hash(input.as_slice())?)
    }

    /// The group as a joiner from outside is told of it, signed by member 1.
    pub(super) fn group_info(&mut self) -> Result<(MlsMessage, RatchetTreeNodes), Failure> {
        let suite = self.tools.suite();
        let filled = self.nodes.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        let nodes = RatchetTreeNodes(self.nodes[..filled].to_vec());
        let tree = RatchetTree::from_nodes(nodes.clone());
        let mut tree = tree.map_err(|rule| Failure::Message(format!("{rule:?}")))?;
        let external_pub = suite.generate_key_pair(self.random)?.public_key;
        let external_pub = ExternalPub { external_pub };
        let mut info = GroupInfo {
            group_context: GroupContext {
                version: ProtocolVersion::MLS10,
                cipher_suite: suite.id(),
                group_id: GROUP_ID.into(),
                epoch: u64::from(self.size),
                tree_hash: tree.tree_hash(suite)?,
                confirmed_transcript_hash: suite.hash(GROUP_ID)?,
                extensions: Extensions::default(),
            },
            extensions: Extensions(vec![Extension::new(
                ExtensionType::EXTERNAL_PUB,
                &external_pub,
            )]),
            // Only members of that epoch could check it, and none of them is asked.
            confirmation_tag: vec![0; suite.hash_length()].into(),
            signer: 1,
            signature: Default::default(),
        };
        let signer = self.signers.get(&1).ok_or(Failure::Misuse("no signer"))?;
        let signed = info.to_be_signed();
        let label = GroupInfo::SIGNATURE_LABEL;
        info.signature = suite.sign_with_label(&**signer, label, &signed)?.into();
        Ok((MlsMessage(MlsMessageBody::GroupInfo(Box::new(info))), nodes))
    }
}
