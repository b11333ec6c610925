//! `treekem`: receiving and sending paths (RFC 9420, sections 7.4 to 7.9).

use std::collections::{BTreeMap, BTreeSet};

use codec::Encode;
use crypto::{Crypto, Random, SignatureKeyPair, Signer, Suite};
use serde::{Deserialize, Serialize};
use tree::{LeafIndex, RatchetTree};
use treekem::{NewPath, PathContext, PathSecret, PrivatePath, ReceivedPath};
use wire::{
    Extensions, GroupContext, LeafNode, LeafNodeSource, ProtocolVersion, RatchetTreeNodes,
    UpdatePath,
};

use crate::failure::{At, expect_bytes, expect_equal};
use crate::keys::{hpke_key_pair, signature_key_pair};
use crate::kind::{for_each_suite, random_bytes, random_u32, suite};
use crate::sample_tree::{SampleMember, SampleTree};
use crate::tree_validation::tree_of;
use crate::{Failure, Hex, Scale, Vector};

/// A group, all its private keys, and a path of each of some members.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The suite.
    pub cipher_suite: u16,
    /// The group.
    pub group_id: Hex,
    /// The epoch.
    pub epoch: u64,
    /// For the group context.
    pub confirmed_transcript_hash: Hex,
    /// The tree.
    pub ratchet_tree: Hex,
    /// What each member holds.
    pub leaves_private: Vec<LeafPrivate>,
    /// Paths, each for this same tree.
    pub update_paths: Vec<Path>,
}

/// What one member holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeafPrivate {
    /// The member's leaf.
    pub index: u32,
    /// The private key of `encryption_key`.
    pub encryption_priv: Hex,
    /// The private key of `signature_key`.
    pub signature_priv: Hex,
    /// The path secrets it knows.
    pub path_secrets: Vec<NodeSecret>,
}

/// The path secret of a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSecret {
    /// The node.
    pub node: u32,
    /// Its path secret.
    pub path_secret: Hex,
}

/// A path and what follows from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Path {
    /// The leaf of the member who sends it.
    pub sender: u32,
    /// The path.
    pub update_path: Hex,
    /// For each leaf, the path secret that is encrypted to it; none for the sender and for blanks.
    pub path_secrets: Vec<Option<Hex>>,
    /// The commit secret.
    pub commit_secret: Hex,
    /// The tree hash with the path merged.
    pub tree_hash_after: Hex,
}

/// One member of the group.
struct Member {
    signer: SignatureKeyPair,
    private: PrivatePath,
}

/// A group at the moment before a path.
struct Group<'a> {
    suite: &'a Suite,
    context: GroupContext,
    tree: RatchetTree,
    members: BTreeMap<LeafIndex, Member>,
}

/// A tree with a path merged, and its encoded provisional group context.
struct Merged {
    tree: RatchetTree,
    tree_hash: Hex,
    group_context: Vec<u8>,
}

/// Every path stands for itself, so nobody is added with it.
const NOBODY: &BTreeSet<LeafIndex> = &BTreeSet::new();

impl Merged {
    fn path_context(&self) -> PathContext<'_> {
        PathContext { tree: &self.tree, added: NOBODY, group_context: &self.group_context }
    }
}

impl<'a> Group<'a> {
    fn new(suite: &'a Suite, entry: &Entry) -> Result<Self, Failure> {
        let nodes: RatchetTreeNodes = entry.ratchet_tree.decode().at("ratchet_tree")?;
        // Not verified as a whole: leaves of the official files do not all list their own suite.
        let mut tree = tree_of(nodes).at("ratchet_tree")?;
        let context = GroupContext {
            version: ProtocolVersion::MLS10,
            cipher_suite: suite.id(),
            group_id: entry.group_id.opaque(),
            epoch: entry.epoch,
            tree_hash: tree.tree_hash(suite)?,
            confirmed_transcript_hash: entry
                .confirmed_transcript_hash
                .digest()
                .at("confirmed_transcript_hash")?,
            extensions: Extensions::default(),
        };
        let mut group = Self { suite, context, tree, members: BTreeMap::new() };
        for held in &entry.leaves_private {
            let (leaf, member) =
                group.member(held).at(format_args!("leaves_private, leaf {}", held.index))?;
            group.members.insert(leaf, member);
        }
        let held: Vec<_> = group.members.keys().copied().collect();
        let members: Vec<_> = group.tree.members().map(|(leaf, _)| leaf).collect();
        expect_equal("members with leaves_private", &held, &members)?;
        Ok(group)
    }

    /// A member whose private keys are those of the tree.
    fn member(&self, held: &LeafPrivate) -> Result<(LeafIndex, Member), Failure> {
        let (leaf, node) = self.tree.member(held.index).at("index")?;
        let signer = signature_key_pair(self.suite, &held.signature_priv).at("signature_priv")?;
        let public_key = Hex::from(node.signature_key.as_slice());
        expect_bytes("signature_priv", signer.public_key().as_slice(), &public_key)?;
        let key_pair = hpke_key_pair(self.suite, &held.encryption_priv).at("encryption_priv")?;
        let mut private = PrivatePath::new(&self.tree, leaf, key_pair).at("encryption_priv")?;
        for NodeSecret { node, path_secret } in &held.path_secrets {
            let place = format!("path_secrets, node {node}");
            let node = self.tree.size().node(*node).at(&place)?;
            let path_secret = PathSecret::received(self.suite, path_secret.secret()).at(&place)?;
            let key_pair = path_secret.node_key_pair(self.suite)?;
            private.insert(&self.tree, node, key_pair).at(&place)?;
        }
        Ok((leaf, Member { signer, private }))
    }

    /// Merges the keys of a path; `leaf_node` makes the sender's new leaf from its parent hash.
    fn merge(
        &self,
        sender: LeafIndex,
        keys: Vec<crypto::HpkePublicKey>,
        leaf_node: impl FnOnce(&LeafNode, LeafNodeSource) -> Result<LeafNode, Failure>,
    ) -> Result<Merged, Failure> {
        let mut tree = self.tree.clone();
        let old = tree.leaf(sender).at("sender")?.clone();
        let parent_hash = tree.merge_path_keys(self.suite, sender, keys.into_iter())?;
        let new = leaf_node(&old, LeafNodeSource::Commit { parent_hash })?;
        let signed = new.to_be_signed((&self.context.group_id, sender.as_u32()));
        self.suite
            .verify_with_label(
                &new.signature_key,
                LeafNode::SIGNATURE_LABEL,
                &signed,
                &new.signature,
            )
            .at("leaf_node")?;
        tree.set_leaf(sender, new);
        let tree_hash = tree.tree_hash(self.suite)?;
        let group_context = GroupContext { tree_hash, ..self.context.clone() }.to_bytes();
        Ok(Merged { tree, tree_hash: tree_hash.into(), group_context })
    }

    /// Merges a path that was received.
    fn merge_received(&self, sender: LeafIndex, path: &UpdatePath) -> Result<Merged, Failure> {
        let keys = path.nodes.iter().map(|node| node.encryption_key.clone()).collect();
        self.merge(sender, keys, |_, source| {
            expect_equal("leaf_node_source", &source, &path.leaf_node.leaf_node_source)?;
            Ok(path.leaf_node.clone())
        })
    }

    /// A fresh path of a member, and what follows from it.
    fn send(&self, sender: LeafIndex, random: &mut dyn Random) -> Result<Path, Failure> {
        let suite = self.suite;
        let Member { signer, .. } = self.members.get(&sender).at("sender")?;
        let path = NewPath::generate(suite, &self.tree, sender, random)?;
        let merged = self.merge(sender, path.public_keys(), |old, leaf_node_source| {
            let encryption_key = path.leaf_public_key().clone();
            let mut leaf = LeafNode { encryption_key, leaf_node_source, ..old.clone() };
            let signed = leaf.to_be_signed((&self.context.group_id, sender.as_u32()));
            leaf.signature =
                suite.sign_with_label(signer, LeafNode::SIGNATURE_LABEL, &signed)?.into();
            Ok(leaf)
        })?;
        let nodes = path.seal(suite, &merged.path_context(), random)?;
        let received = ReceivedPath::new(merged.path_context(), sender, &nodes)?;
        let mut path_secrets = Vec::new();
        for leaf in self.tree.size().iter_leaves() {
            let recipient = self.members.get(&leaf).filter(|_| leaf != sender);
            path_secrets.push(match recipient {
                None => None,
                Some(Member { private, .. }) => {
                    Some(received.path_secret(suite, private)?.as_secret().into())
                }
            });
        }
        let leaf_node = merged.tree.leaf(sender).at("sender")?;
        let update_path = UpdatePath { leaf_node: LeafNode::clone(&leaf_node), nodes };
        Ok(Path {
            sender: sender.as_u32(),
            update_path: Hex::encoding(&update_path),
            path_secrets,
            commit_secret: path.commit_secret().as_secret().into(),
            tree_hash_after: merged.tree_hash,
        })
    }

    /// Every other member receives the path and comes to what the vector says.
    fn receive(&self, path: &Path) -> Result<(), Failure> {
        let sender = self.tree.size().leaf(path.sender).at("sender")?;
        let update_path: UpdatePath = path.update_path.decode().at("update_path")?;
        let merged = self.merge_received(sender, &update_path).at("update_path")?;
        expect_equal("tree_hash_after", &merged.tree_hash, &path.tree_hash_after)?;
        let received = ReceivedPath::new(merged.path_context(), sender, &update_path.nodes)?;
        for (index, expected) in path.path_secrets.iter().enumerate() {
            let place = format!("path_secrets[{index}]");
            let leaf = self.tree.size().leaf(u32::try_from(index)?).at(&place)?;
            let member = self.members.get(&leaf).filter(|_| leaf != sender);
            let (member, expected) = match (member, expected) {
                (None, None) => continue,
                (Some(member), Some(expected)) => (member, expected),
                _ => return Err(Failure::new(format!("{place}: present for the wrong leaf"))),
            };
            let path_secret = received.path_secret(self.suite, &member.private).at(&place)?;
            expect_bytes(&place, path_secret.as_secret().expose(), expected)?;
            let (next, commit_secret) = received.open(self.suite, &member.private).at(&place)?;
            let place = format!("commit_secret of leaf {index}");
            expect_bytes(place, commit_secret.as_secret().expose(), &path.commit_secret)?;
            expect_equal("leaf of the private path", &next.leaf(), &leaf)?;
        }
        Ok(())
    }
}

impl Vector for Entry {
    fn verify(&self, crypto: &Crypto, random: &mut dyn Random) -> Result<(), Failure> {
        let suite = suite(crypto, self.cipher_suite)?;
        let group = Group::new(&suite, self)?;
        for (index, path) in self.update_paths.iter().enumerate() {
            group.receive(path).at(format_args!("update_paths[{index}]"))?;
            let sender = group.tree.size().leaf(path.sender).at("sender")?;
            let own = group.send(sender, random).at("own path")?;
            group.receive(&own).at("own path")?;
        }
        Ok(())
    }

    fn generate(
        crypto: &Crypto,
        scale: Scale,
        random: &mut dyn Random,
    ) -> Result<Vec<Self>, Failure> {
        for_each_suite(crypto, |suite| {
            let samples = samples(suite, scale, random)?;
            samples.into_iter().map(|sample| Self::of(&sample, scale, random)).collect()
        })
    }
}

/// Full trees, trees with blanks at their end and inside, trees with unmerged leaves.
fn samples<'a>(
    suite: &'a Suite,
    scale: Scale,
    random: &mut dyn Random,
) -> Result<Vec<SampleTree<'a>>, Failure> {
    let sizes = match scale {
        Scale::Small => 2..=2,
        Scale::Full => 2..=8,
    };
    let grown = |leaves| SampleTree::grown(suite, leaves, random);
    let mut samples: Vec<_> = sizes.map(grown).collect::<Result<_, Failure>>()?;
    if scale == Scale::Full {
        samples.push(SampleTree::with_internal_blanks(suite, (&[2, 3], 1), random)?);
        samples.push(SampleTree::with_internal_blanks(suite, (&[1, 2, 3], 0), random)?);
        samples.push(SampleTree::with_unmerged_leaf(suite, random)?);
    }
    samples.push(SampleTree::with_unmerged_leaf_and_skipped_blank(suite, random)?);
    Ok(samples)
}

impl Entry {
    fn of(sample: &SampleTree<'_>, scale: Scale, random: &mut dyn Random) -> Result<Self, Failure> {
        let suite = sample.suite;
        let held = |(&leaf, member)| LeafPrivate::of(sample, leaf, member);
        let mut entry = Self {
            cipher_suite: suite.id().0,
            group_id: Hex::from(sample.group_id.as_slice()),
            epoch: random_u32(random)?.into(),
            confirmed_transcript_hash: random_bytes(suite.hash_length(), random)?.into(),
            ratchet_tree: Hex::encoding(&sample.tree.to_nodes()),
            leaves_private: sample.members.iter().map(held).collect(),
            update_paths: Vec::new(),
        };
        let group = Group::new(suite, &entry)?;
        let senders = match scale {
            Scale::Small => 2,
            Scale::Full => usize::MAX,
        };
        for &sender in sample.members.keys().take(senders) {
            entry.update_paths.push(group.send(sender, random)?);
        }
        Ok(entry)
    }
}

impl LeafPrivate {
    fn of(sample: &SampleTree<'_>, leaf: LeafIndex, member: &SampleMember) -> Self {
        // A member knows what is above it, unless it was added after a node was set.
        let knows = |node: &tree::NodeIndex| {
            let parent = sample.tree.parent(*node);
            parent.is_some_and(|parent| !parent.unmerged_leaves.contains(&leaf.as_u32()))
        };
        let path = sample.tree.size().direct_path(leaf).filter(knows);
        let node_secret = |node| {
            let path_secret = sample.path_secrets.get(&node)?.into();
            Some(NodeSecret { node: node.as_u32(), path_secret })
        };
        Self {
            index: leaf.as_u32(),
            encryption_priv: (&member.encryption.private_key).into(),
            signature_priv: member.signer.private_key().into(),
            path_secrets: path.filter_map(node_secret).collect(),
        }
    }
}
