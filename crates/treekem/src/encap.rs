//! Sending a path (RFC 9420, sections 7.4 to 7.6 and 12.4.1).
//!
//! 1. [`NewPath::generate`] makes fresh keys for the sender's leaf and its filtered direct path.
//! 2. The caller merges the public keys into the tree, signs the new leaf, and knows the
//!    provisional GroupContext.
//! 3. [`NewPath::seal`] encrypts the path secrets to the rest of the group.
//! 4. [`NewPath::path_secret_for`] is what a Welcome tells each new member.
//! 5. [`NewPath::into_private_path`] ends it; the path secrets are erased.

use crypto::{HpkeKeyPair, HpkePublicKey, Random, Suite};
use tree::{LeafIndex, NodeIndex, RatchetTree};
use wire::UpdatePathNode;

use crate::path_context::LABEL;
use crate::{CommitSecret, Error, PathContext, PathSecret, PrivatePath};

/// Fresh keys for a leaf and its filtered direct path.
pub struct NewPath {
    sender: LeafIndex,
    leaf_key_pair: HpkeKeyPair,
    nodes: Vec<NewNode>,
    commit_secret: CommitSecret,
}

struct NewNode {
    node: NodeIndex,
    copath_child: NodeIndex,
    path_secret: PathSecret,
    key_pair: HpkeKeyPair,
}

impl NewPath {
    /// Fresh keys for the path of `sender` in a tree to which the commit's proposals are applied.
    pub fn generate(
        suite: &Suite,
        tree: &RatchetTree,
        sender: LeafIndex,
        random: &mut dyn Random,
    ) -> Result<Self, Error> {
        let leaf_key_pair = suite.generate_key_pair(random)?;
        let mut path_secret = PathSecret::random(suite, random)?;
        let mut nodes = Vec::new();
        for (node, copath_child) in tree.filtered_direct_path(sender) {
            let key_pair = path_secret.node_key_pair(suite)?;
            let next = path_secret.next(suite)?;
            nodes.push(NewNode { node, copath_child, path_secret, key_pair });
            path_secret = next;
        }
        let commit_secret = path_secret.into_commit_secret();
        Ok(Self { sender, leaf_key_pair, nodes, commit_secret })
    }

    /// The `encryption_key` of the sender's new leaf.
    #[must_use]
    pub fn leaf_public_key(&self) -> &HpkePublicKey {
        &self.leaf_key_pair.public_key
    }

    /// The public keys along the filtered direct path, to be merged into the tree.
    #[must_use]
    pub fn public_keys(&self) -> Vec<HpkePublicKey> {
        self.nodes.iter().map(|node| node.key_pair.public_key.clone()).collect()
    }

    /// `commit_secret`: what the path adds to the next epoch.
    #[must_use]
    pub fn commit_secret(&self) -> &CommitSecret {
        &self.commit_secret
    }

    /// The `nodes` of the UpdatePath: each path secret, encrypted to the resolution of its node's
    /// copath child without the leaves just added.
    pub fn seal(
        &self,
        suite: &Suite,
        context: &PathContext<'_>,
        random: &mut dyn Random,
    ) -> Result<Vec<UpdatePathNode>, Error> {
        let keys: Vec<_> =
            self.nodes.iter().map(|node| context.recipients(node.copath_child)).collect();
        let counts = keys.iter().map(Vec::len);
        let recipients = self.nodes.iter().zip(&keys).flat_map(|(node, keys)| {
            keys.iter().map(|(_, key)| (key, node.path_secret.as_secret()))
        });
        let recipients: Vec<_> = recipients.collect();
        let target = (LABEL, context.group_context);
        let mut ciphertexts = suite.encrypt_to_many(target, &recipients, random)?.into_iter();
        let nodes = self.nodes.iter().zip(counts).map(|(node, count)| UpdatePathNode {
            encryption_key: node.key_pair.public_key.clone(),
            encrypted_path_secret: ciphertexts.by_ref().take(count).collect(),
        });
        Ok(nodes.collect())
    }

    /// The path secret that a Welcome tells the new member at `joiner`: the one of the lowest
    /// common ancestor with the sender. `None` only for the sender itself or a leaf that is blank.
    #[must_use]
    pub fn path_secret_for(&self, joiner: LeafIndex) -> Option<&PathSecret> {
        let ancestor = self.sender.common_ancestor(joiner);
        let node = self.nodes.iter().find(|node| node.node == ancestor)?;
        Some(&node.path_secret)
    }

    /// What the sender holds from now on, and the commit secret. Of older keys nothing remains: the
    /// path replaces or blanks every node that the sender knew.
    #[must_use]
    pub fn into_private_path(self) -> (PrivatePath, CommitSecret) {
        let mut path = PrivatePath::empty(self.sender);
        path.insert_derived(self.sender.node(), self.leaf_key_pair);
        for node in self.nodes {
            path.insert_derived(node.node, node.key_pair);
        }
        (path, self.commit_secret)
    }
}
