//! The official TreeKEM vectors: paths of others are received, and own ones sent, in given trees.

use std::collections::{BTreeMap, BTreeSet};

use codec::{Decode, Encode};
use crypto::{Digest, HpkeKeyPair, Secret, SignatureKeyPair, Signer, Suite};
use crypto_aws_lc::SystemRandom;
use serde_json::Value;
use tree::{LeafIndex, RatchetTree};
use treekem::{NewPath, PathContext, PathSecret, PrivatePath, ReceivedPath};
use wire::{
    Extensions, GroupContext, LeafNode, LeafNodeSource, ProtocolVersion, RatchetTreeNodes,
    UpdatePath,
};

use crate::vectors::{bytes, list, load, number};

/// One entry: a tree, and the private view of each of its members.
struct Case {
    at: String,
    suite: Suite,
    tree: RatchetTree,
    private: BTreeMap<LeafIndex, PrivatePath>,
    signers: BTreeMap<LeafIndex, SignatureKeyPair>,
    context: GroupContext,
}

fn digest(value: &Value) -> Digest {
    Digest::new(&bytes(value)).unwrap()
}

fn secret(value: &Value) -> Secret {
    Secret::from_vec(bytes(value))
}

fn u32_of(value: &Value) -> u32 {
    u32::try_from(number(value)).unwrap()
}

impl Case {
    fn new(at: String, suite: Suite, entry: &Value) -> Self {
        let nodes = RatchetTreeNodes::from_bytes(&bytes(&entry["ratchet_tree"])).unwrap();
        let tree = RatchetTree::from_nodes(nodes).unwrap();
        let context = GroupContext {
            version: ProtocolVersion::MLS10,
            cipher_suite: suite.id(),
            group_id: bytes(&entry["group_id"]).into(),
            epoch: number(&entry["epoch"]),
            tree_hash: Digest::EMPTY,
            confirmed_transcript_hash: digest(&entry["confirmed_transcript_hash"]),
            extensions: Extensions::default(),
        };
        let (mut private, mut signers) = (BTreeMap::new(), BTreeMap::new());
        for member in list(&entry["leaves_private"]) {
            let leaf = tree.size().leaf(u32_of(&member["index"])).unwrap();
            private.insert(leaf, private_path(&suite, &tree, leaf, member));
            let signature_key = secret(&member["signature_priv"]);
            let signer = SignatureKeyPair::from_private_key(&suite, signature_key).unwrap();
            assert_eq!(signer.public_key(), &tree.leaf(leaf).unwrap().signature_key, "{at}");
            signers.insert(leaf, signer);
        }
        let members: Vec<_> = tree.members().map(|(leaf, _)| leaf).collect();
        assert_eq!(private.keys().copied().collect::<Vec<_>>(), members, "{at}");
        Self { at, suite, tree, private, signers, context }
    }

    /// The tree with a leaf and its path merged.
    fn merge(&self, sender: LeafIndex, path: &UpdatePath) -> (RatchetTree, Vec<u8>) {
        let mut tree = self.tree.clone();
        let keys: Vec<_> = path.nodes.iter().map(|node| node.encryption_key.clone()).collect();
        let parent_hash = tree.merge_path_keys(&self.suite, sender, keys.into_iter()).unwrap();
        assert_eq!(path.leaf_node.parent_hash(), Some(parent_hash), "{}", self.at);
        tree.set_leaf(sender, path.leaf_node.clone());
        let context = self.context_of(&mut tree);
        (tree, context)
    }

    fn context_of(&self, tree: &mut RatchetTree) -> Vec<u8> {
        let tree_hash = tree.tree_hash(&self.suite).unwrap();
        GroupContext { tree_hash, ..self.context.clone() }.to_bytes()
    }

    /// A new path of `sender` with a signed leaf, and its commit secret.
    fn send(&self, sender: LeafIndex) -> (UpdatePath, Secret) {
        let suite = &self.suite;
        let path = NewPath::generate(suite, &self.tree, sender, &mut SystemRandom).unwrap();
        let mut tree = self.tree.clone();
        let keys = path.public_keys().into_iter();
        let parent_hash = tree.merge_path_keys(suite, sender, keys).unwrap();
        let mut leaf_node = LeafNode {
            encryption_key: path.leaf_public_key().clone(),
            leaf_node_source: LeafNodeSource::Commit { parent_hash },
            ..LeafNode::clone(tree.leaf(sender).unwrap())
        };
        let signed = leaf_node.to_be_signed((&self.context.group_id, sender.as_u32()));
        let signature =
            suite.sign_with_label(&self.signers[&sender], LeafNode::SIGNATURE_LABEL, &signed);
        leaf_node.signature = signature.unwrap().into();
        tree.set_leaf(sender, leaf_node.clone());
        let group_context = self.context_of(&mut tree);
        let context =
            PathContext { tree: &tree, added: &BTreeSet::new(), group_context: &group_context };
        let nodes = path.seal(suite, &context, &mut SystemRandom).unwrap();
        let (private, commit_secret) = path.into_private_path();
        assert_eq!(private.nodes().count(), nodes.len() + 1, "{}", self.at);
        (UpdatePath { leaf_node, nodes }, commit_secret.into_secret())
    }

    /// Every other member receives the path; `path_secrets` are those that the vector promises.
    fn receive(
        &self,
        sender: LeafIndex,
        path: &UpdatePath,
        path_secrets: Option<&[Value]>,
    ) -> Secret {
        let (tree, group_context) = self.merge(sender, path);
        let added = BTreeSet::new();
        let context = PathContext { tree: &tree, added: &added, group_context: &group_context };
        let received = ReceivedPath::new(context, sender, &path.nodes).unwrap();
        let mut commit_secrets = Vec::new();
        for (leaf, private) in self.private.iter().filter(|&(&leaf, _)| leaf != sender) {
            let at = format!("{} sender {sender:?} receiver {leaf:?}", self.at);
            if let Some(path_secrets) = path_secrets {
                let path_secret = received.path_secret(&self.suite, private).unwrap();
                let expected = secret(&path_secrets[leaf.as_u32() as usize]);
                assert_eq!(path_secret.as_secret(), &expected, "{at}");
            }
            let (_, commit_secret) = received.open(&self.suite, private).unwrap();
            commit_secrets.push(commit_secret);
        }
        let first = commit_secrets.pop().unwrap();
        assert!(commit_secrets.iter().all(|secret| secret == &first), "{}", self.at);
        first.into_secret()
    }
}

fn private_path(suite: &Suite, tree: &RatchetTree, leaf: LeafIndex, member: &Value) -> PrivatePath {
    let private_key = secret(&member["encryption_priv"]);
    let kem = suite.params().kem;
    let public_key = suite.provider().dh_public_key(kem, &private_key).unwrap();
    let leaf_key_pair = HpkeKeyPair { private_key, public_key };
    let mut path = PrivatePath::new(tree, leaf, leaf_key_pair).unwrap();
    for entry in list(&member["path_secrets"]) {
        let node = tree.size().node(u32_of(&entry["node"])).unwrap();
        let path_secret = PathSecret::received(suite, secret(&entry["path_secret"])).unwrap();
        // Inserting verifies that the node is not blank and has the public key.
        path.insert(tree, node, path_secret.node_key_pair(suite).unwrap()).unwrap();
    }
    path
}

#[test]
fn vectors_treekem() {
    for (index, suite, entry) in load("treekem.json") {
        let case = Case::new(format!("treekem.json[{index}]"), suite, &entry);
        for update in list(&entry["update_paths"]) {
            let sender = case.tree.size().leaf(u32_of(&update["sender"])).unwrap();
            let path = UpdatePath::from_bytes(&bytes(&update["update_path"])).unwrap();
            let (mut tree, _) = case.merge(sender, &path);
            let tree_hash = tree.tree_hash(&case.suite).unwrap();
            assert_eq!(tree_hash, digest(&update["tree_hash_after"]), "{}", case.at);
            let commit_secret = case.receive(sender, &path, Some(list(&update["path_secrets"])));
            assert_eq!(commit_secret, secret(&update["commit_secret"]), "{}", case.at);

            let (path, commit_secret) = case.send(sender);
            assert_eq!(case.receive(sender, &path, None), commit_secret, "{}", case.at);
        }
    }
}
