//! Receiving a path (RFC 9420, sections 7.5 and 12.4.2).
//!
//! 1. [`ReceivedPath::new`] checks the path's shape against the tree: every member comes to the
//!    same verdict, also about ciphertexts that are not its own.
//! 2. [`ReceivedPath::open`] decrypts the one path secret that is meant for the member, derives the
//!    rest of the path, and compares it with the path's public keys.

use crypto::Suite;
use tree::{LeafIndex, NodeIndex};
use wire::UpdatePathNode;

use crate::path_context::LABEL;
use crate::path_secret::derive_path;
use crate::{CommitSecret, Error, Misuse, PathContext, PathSecret, PrivatePath, Violation};

/// A path from a commit, of the right shape for the tree.
pub struct ReceivedPath<'a> {
    context: PathContext<'a>,
    sender: LeafIndex,
    nodes: Vec<ReceivedNode<'a>>,
}

struct ReceivedNode<'a> {
    node: NodeIndex,
    copath_child: NodeIndex,
    recipients: Vec<NodeIndex>,
    received: &'a UpdatePathNode,
}

impl<'a> ReceivedPath<'a> {
    /// The path that `sender` sent, if it has one entry per node of the filtered direct path and
    /// one ciphertext per recipient.
    pub fn new(
        context: PathContext<'a>,
        sender: LeafIndex,
        path: &'a [UpdatePathNode],
    ) -> Result<Self, Error> {
        let filtered = context.tree.filtered_direct_path(sender);
        if filtered.len() != path.len() {
            return Err(Violation::PathLengthMismatch.into());
        }
        let mut nodes = Vec::with_capacity(path.len());
        for ((node, copath_child), received) in filtered.into_iter().zip(path) {
            let recipients = context.recipients(copath_child);
            // Section 7.6: "The length of the encrypted_path_secret vector MUST be equal to the
            // length of the resolution of the copath node (excluding new leaf nodes)".
            if received.encrypted_path_secret.len() != recipients.len() {
                return Err(Violation::CiphertextCountMismatch.into());
            }
            let recipients = recipients.into_iter().map(|(node, _)| node).collect();
            nodes.push(ReceivedNode { node, copath_child, recipients, received });
        }
        Ok(Self { context, sender, nodes })
    }

    /// What the member holds once the commit is accepted, and the commit secret.
    ///
    /// `private` is the member's present view. If the commit holds an Update of its own, the new
    /// leaf key must be in it.
    pub fn open(
        &self,
        suite: &Suite,
        private: &PrivatePath,
    ) -> Result<(PrivatePath, CommitSecret), Error> {
        let (position, path_secret) = self.decrypt(suite, private)?;
        let above = self.nodes.iter().skip(position);
        let expected = above.map(|node| (node.node, &node.received.encryption_key)).collect();
        // Section 7.5: "Verify that the derived public keys are the same as the corresponding
        // public keys sent in the UpdatePath."
        let (key_pairs, commit_secret) =
            derive_path(suite, path_secret, expected, Violation::PathKeyMismatch)?;
        let mut next = private.duplicate();
        for (node, key_pair) in key_pairs {
            next.insert(self.context.tree, node, key_pair)?;
        }
        next.retain_matching(self.context.tree);
        Ok((next, commit_secret))
    }

    /// The path secret that is encrypted to the member, before anything is derived from it.
    pub fn path_secret(&self, suite: &Suite, private: &PrivatePath) -> Result<PathSecret, Error> {
        Ok(self.decrypt(suite, private)?.1)
    }

    /// The path secret together with the position of its node on the path.
    fn decrypt(&self, suite: &Suite, private: &PrivatePath) -> Result<(usize, PathSecret), Error> {
        let leaf = private.leaf();
        if leaf == self.sender {
            return Err(Misuse::OwnPath.into());
        }
        // "Identify a node in the filtered direct path for which the recipient is in the subtree of
        // the non-updated child", then "a node in the resolution of the copath node for which the
        // recipient has a private key" (section 7.5).
        let is_above = |node: &ReceivedNode<'_>| node.copath_child.covers(leaf);
        let position = self.nodes.iter().position(is_above).ok_or(Misuse::NoPrivateKey)?;
        let ReceivedNode { recipients, received, .. } = &self.nodes[position];
        let mut candidates = recipients.iter().zip(&received.encrypted_path_secret);
        let (key_pair, ciphertext) = candidates
            .find_map(|(&node, ciphertext)| {
                // Cheap, and false for all but a few of the many recipients in a blank tree.
                let may_hold = node.covers(leaf);
                let held = || private.matching_key_pair(self.context.tree, node);
                Some((may_hold.then(held)??, ciphertext))
            })
            .ok_or(Misuse::NoPrivateKey)?;
        let path_secret = suite
            .decrypt_with_label(key_pair, LABEL, self.context.group_context, ciphertext)
            .map_err(Error::blame(Violation::PathSecretUndecryptable))?;
        Ok((position, PathSecret::received(suite, path_secret)?))
    }
}
