//! A group that was not lived through, with a *warm* tree: every parent is filled, as if all
//! members had committed in turn.
//!
//! Warming a tree by commits takes quadratic time, since everybody follows everybody. Here it is
//! written down directly: every leaf is signed by its own key for its place, every parent carries a
//! key of its own, and parent hashes are chained as commits would have left them: of the two
//! subtrees below a parent, one committed last, and the topmost node of that one carries the
//! parent's hash; the topmost node of the other carries the hash of a parent that has been replaced
//! since, which nobody can check any more and which is random here. Everything that a joiner can
//! verify holds, and every implementation verifies it on entry. Leaf 0 and what is above it are
//! blank, as after a removal: the first client to enter takes that place and fills its path, the
//! second comes in at the right end.

use std::sync::Arc;

use codec::Encode;
use crypto::{CipherSuite, Digest, Random, SignatureKeyPair, Signer, Suite};
use tree::{LeafIndex, NodeIndex, RatchetTree, TreeSize};
use wire::{
    Capabilities, Credential, CredentialType, Extension, ExtensionType, Extensions, ExternalPub,
    GroupContext, GroupInfo, LeafNode, LeafNodeSource, MlsMessage, MlsMessageBody, Node,
    ParentNode, ProtocolVersion, RatchetTreeNodes,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A group without a live member, ready to be entered.
pub struct WarmGroup {
    /// A GroupInfo with the key for external commits, as a message.
    pub group_info: Vec<u8>,
    /// The ratchet tree, as it is in the extension of that name.
    pub ratchet_tree: Vec<u8>,
    /// How many parents are not blank.
    pub parents: u64,
}

/// What a tree is written with.
struct Writer<'a> {
    suite: &'a Suite,
    random: &'a mut dyn Random,
    group_id: Vec<u8>,
    members: std::ops::Range<u32>,
    nodes: Vec<Option<Node>>,
    signers: Vec<Option<SignatureKeyPair>>,
    /// Counts the choices of who committed last.
    choices: u64,
}

/// A warm group whose members are at the leaves from 1 to `end`, without `end`.
///
/// # Errors
/// With fewer than two members, or if a primitive fails.
pub fn warm_group(suite: &Suite, end: u32, random: &mut dyn Random) -> Result<WarmGroup, Failure> {
    if end < 3 {
        return Err("a warm group has at least two members".into());
    }
    let size = TreeSize::with_room_for(2 * usize::try_from(end)? - 1).ok_or("too large")?;
    let mut writer = Writer {
        suite,
        random,
        group_id: b"a warm group".to_vec(),
        members: 1..end,
        nodes: vec![None; usize::try_from(size.nodes())?],
        signers: (0..end).map(|_| None).collect(),
        choices: 0,
    };
    // The path of leaf 0 is blank; what hangs off it is filled, under parents that are gone.
    let first = size.leaf(0).ok_or("no leaf")?;
    for (_, copath) in size.path_with_copath(first) {
        let replaced = writer.random_digest()?;
        writer.fill(copath, replaced)?;
    }
    writer.finish()
}

impl Writer<'_> {
    fn random_digest(&mut self) -> Result<Digest, Failure> {
        let mut bytes = vec![0; self.suite.hash_length()];
        self.random.fill(&mut bytes)?;
        Digest::new(&bytes).ok_or_else(|| "a hash".into())
    }

    fn has_members(&self, node: NodeIndex) -> bool {
        let leaves = node.leaf_range();
        *leaves.start() < self.members.end && *leaves.end() >= self.members.start
    }

    /// Fills the subtree whose topmost node that is not blank carries this parent hash, and returns
    /// its tree hash.
    fn fill(&mut self, node: NodeIndex, parent_hash: Digest) -> Result<Digest, Failure> {
        if let Some(leaf) = node.leaf() {
            if self.members.contains(&leaf.as_u32()) {
                self.fill_leaf(leaf, parent_hash)?;
            }
            return self.leaf_hash(leaf);
        }
        let (left, right) = node.children().ok_or("a parent has children")?;
        if !self.has_members(left) || !self.has_members(right) {
            let hashes = (self.fill(left, parent_hash)?, self.fill(right, parent_hash)?);
            return self.parent_node_hash(node, hashes);
        }
        let encryption_key = self.suite.generate_key_pair(self.random)?.public_key;
        let parent = ParentNode { encryption_key, parent_hash, unmerged_leaves: Vec::new() };
        // Either side may have committed last; a fixed pattern takes both.
        self.choices += 1;
        let left_was_last = !self.choices.is_multiple_of(3);
        let (last, other) = if left_was_last { (left, right) } else { (right, left) };
        let replaced = self.random_digest()?;
        let other_hash = self.fill(other, replaced)?;
        let mut input = codec::Writer::new();
        parent.encryption_key.encode(&mut input);
        parent.parent_hash.encode(&mut input);
        other_hash.encode(&mut input);
        let hash = self.suite.hash(input.as_slice())?;
        self.nodes[usize::try_from(node.as_u32())?] = Some(Node::Parent(Arc::new(parent)));
        let last_hash = self.fill(last, hash)?;
        let hashes = if left_was_last { (last_hash, other_hash) } else { (other_hash, last_hash) };
        self.parent_node_hash(node, hashes)
    }

    fn fill_leaf(&mut self, leaf: LeafIndex, parent_hash: Digest) -> Result<(), Failure> {
        let signer = SignatureKeyPair::generate(self.suite, self.random)?;
        let mut node = LeafNode {
            encryption_key: self.suite.generate_key_pair(self.random)?.public_key,
            signature_key: signer.public_key().clone(),
            credential: Credential::basic(format!("member {:06}", leaf.as_u32()).as_bytes()),
            capabilities: Capabilities {
                versions: vec![ProtocolVersion::MLS10],
                cipher_suites: vec![CipherSuite(1), CipherSuite(2), CipherSuite(3)],
                extensions: Vec::new(),
                proposals: Vec::new(),
                credentials: vec![CredentialType::BASIC],
            },
            leaf_node_source: LeafNodeSource::Commit { parent_hash },
            extensions: Extensions::default(),
            signature: Default::default(),
        };
        let signed = node.to_be_signed((&self.group_id, leaf.as_u32()));
        let label = LeafNode::SIGNATURE_LABEL;
        node.signature = self.suite.sign_with_label(&signer, label, &signed)?.into();
        self.nodes[usize::try_from(leaf.node().as_u32())?] = Some(Node::Leaf(Arc::new(node)));
        self.signers[usize::try_from(leaf.as_u32())?] = Some(signer);
        Ok(())
    }

    /// `TreeHashInput` of a leaf (section 7.8).
    fn leaf_hash(&self, leaf: LeafIndex) -> Result<Digest, Failure> {
        let mut input = codec::Writer::new();
        1_u8.encode(&mut input);
        leaf.as_u32().encode(&mut input);
        match &self.nodes[usize::try_from(leaf.node().as_u32())?] {
            Some(Node::Leaf(node)) => {
                1_u8.encode(&mut input);
                node.encode(&mut input);
            }
            _ => 0_u8.encode(&mut input),
        }
        Ok(self.suite.hash(input.as_slice())?)
    }

    /// `TreeHashInput` of a parent.
    fn parent_node_hash(
        &self,
        node: NodeIndex,
        (left, right): (Digest, Digest),
    ) -> Result<Digest, Failure> {
        let mut input = codec::Writer::new();
        2_u8.encode(&mut input);
        match &self.nodes[usize::try_from(node.as_u32())?] {
            Some(Node::Parent(parent)) => {
                1_u8.encode(&mut input);
                parent.encode(&mut input);
            }
            _ => 0_u8.encode(&mut input),
        }
        left.encode(&mut input);
        right.encode(&mut input);
        Ok(self.suite.hash(input.as_slice())?)
    }

    fn finish(mut self) -> Result<WarmGroup, Failure> {
        let parents = self.nodes.iter().flatten().filter(|node| matches!(node, Node::Parent(_)));
        let parents = u64::try_from(parents.count())?;
        while self.nodes.last().is_some_and(Option::is_none) {
            self.nodes.pop();
        }
        let nodes = RatchetTreeNodes(self.nodes);
        let ratchet_tree = nodes.to_bytes();
        let mut tree = RatchetTree::from_nodes(nodes).map_err(|rule| format!("{rule:?}"))?;
        let external_pub = self.suite.generate_key_pair(self.random)?.public_key;
        let external_pub = ExternalPub { external_pub };
        let replaced = self.suite.generate_key_pair(self.random)?.public_key;
        let mut group_info = GroupInfo {
            group_context: GroupContext {
                version: ProtocolVersion::MLS10,
                cipher_suite: self.suite.id(),
                group_id: self.group_id.into(),
                epoch: 7,
                tree_hash: tree.tree_hash(self.suite)?,
                confirmed_transcript_hash: self.suite.hash(replaced.as_slice())?,
                extensions: Extensions::default(),
            },
            extensions: Extensions(vec![Extension::new(
                ExtensionType::EXTERNAL_PUB,
                &external_pub,
            )]),
            // Only members could check it, and there is none.
            confirmation_tag: vec![7; self.suite.hash_length()].into(),
            signer: 1,
            signature: Default::default(),
        };
        let signer = self.signers.into_iter().flatten().next().ok_or("a signer")?;
        let signed = group_info.to_be_signed();
        let label = GroupInfo::SIGNATURE_LABEL;
        group_info.signature = self.suite.sign_with_label(&signer, label, &signed)?.into();
        let group_info = MlsMessage(MlsMessageBody::GroupInfo(Box::new(group_info))).to_bytes();
        Ok(WarmGroup { group_info, ratchet_tree, parents })
    }
}

#[cfg(test)]
mod tests {
    use codec::Decode;
    use tree::rules::{LifetimeRules, verify_ratchet_tree};

    use super::*;
    use crate::{AcceptAll, SeededRandom};

    fn suite() -> Suite {
        let crypto = crypto::Crypto::new(crypto_aws_lc::provider());
        crypto.suite(CipherSuite(1)).unwrap()
    }

    fn warm(end: u32) -> WarmGroup {
        warm_group(&suite(), end, &mut SeededRandom::new(1)).unwrap()
    }

    fn verify(warm: &WarmGroup, change: impl FnOnce(&mut RatchetTreeNodes)) -> bool {
        let suite = suite();
        let info = MlsMessage::from_bytes(&warm.group_info).unwrap();
        let MlsMessageBody::GroupInfo(info) = info.0 else { panic!("is a GroupInfo") };
        let mut nodes = RatchetTreeNodes::from_bytes(&warm.ratchet_tree).unwrap();
        change(&mut nodes);
        let mut context = info.group_context;
        let mut tree = RatchetTree::from_nodes(nodes.clone()).unwrap();
        context.tree_hash = tree.tree_hash(&suite).unwrap();
        let rules = (LifetimeRules::default(), 0);
        verify_ratchet_tree(&suite, &context, nodes, rules, &AcceptAll).is_ok()
    }

    #[test]
    fn a_warm_tree_verifies_at_every_shape() {
        for end in 3..40 {
            assert!(verify(&warm(end), |_| ()), "leaves 1 to {end}");
        }
    }

    #[test]
    fn all_parents_beside_the_first_path_are_filled() {
        // Sixteen leaves without the first and the last: fourteen, below eleven parents, since the
        // four above leaf 0 are blank and the pair of leaves 14 and 15 has one member.
        let warm = warm(15);
        assert_eq!(warm.parents, 10);
    }

    #[test]
    fn a_parent_that_was_not_set_with_its_children_is_refused() {
        let warm = warm(11);
        let forged = verify(&warm, |nodes| {
            let parent = nodes.0.iter_mut().flatten().find_map(|node| match node {
                Node::Parent(parent) => Some(parent),
                Node::Leaf(_) => None,
            });
            let parent = Arc::make_mut(parent.unwrap());
            parent.encryption_key = vec![9; 32].into();
        });
        assert!(!forged);
    }
}
