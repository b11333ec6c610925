//! The public half of an UpdatePath (RFC 9420, sections 7.5 and 12.4.2): validating a received one
//! and merging it, or merging new keys before signing the new leaf.

use std::collections::BTreeSet;
use std::sync::Arc;

use crypto::{Digest, HpkePublicKey, Suite};
use wire::{GroupContext, LeafNode, UpdatePath};

use crate::proposal_list::{check_unique, finish};
use crate::rules::{LeafPlace, verify_leaf_node};
use crate::{
    AppliedProposals, Base, Candidate, Checks, Committer, Error, LeafIndex, LeafOrigin, NextTree,
    RatchetTree, Violation,
};

/// A tree with the new keys of a committer's path, waiting for the committer's new leaf.
pub struct PathTree {
    tree: RatchetTree,
    sender: LeafIndex,
    /// The leaf that the new one replaces: the committer's, or the former self of a joiner.
    predecessor: Option<Arc<LeafNode>>,
    /// The parent hash that the new leaf must carry.
    pub parent_hash: Digest,
}

impl AppliedProposals {
    /// The leaf that the committer will have, extending the tree for a joiner if it is full.
    ///
    /// "assign the sender the leftmost blank leaf node in the new ratchet tree" (section 12.4.2).
    pub fn sender_leaf(&mut self, committer: Committer) -> Result<LeafIndex, Violation> {
        match committer {
            Committer::Member(leaf) => Ok(leaf),
            Committer::NewMember => {
                self.tree.place_for_new_leaf().ok_or(Violation::RatchetTreeTooLarge)
            }
        }
    }

    /// Merges the new keys of a path, from the leaf's end to the root.
    pub fn merge_path(
        &self,
        suite: &Suite,
        (committer, sender): (Committer, LeafIndex),
        keys: &[HpkePublicKey],
    ) -> Result<PathTree, Error> {
        let predecessor = match committer {
            Committer::Member(leaf) => self.tree.leaf(leaf),
            Committer::NewMember => self.removed.first().map(|(_, leaf)| Arc::clone(leaf)),
        };
        let mut tree = self.tree.clone();
        let parent_hash = tree.merge_path_keys(suite, sender, keys.iter().cloned())?;
        Ok(PathTree { tree, sender, predecessor, parent_hash })
    }

    /// Validates a received path and merges it, or refuses it (section 12.4.2).
    pub fn merge_received_path(
        &mut self,
        base: Base<'_>,
        committer: Committer,
        path: &UpdatePath,
        checks: &Checks<'_>,
    ) -> Result<(LeafIndex, NextTree), Error> {
        let sender = self.sender_leaf(committer)?;
        let keys: Vec<_> = path.nodes.iter().map(|node| node.encryption_key.clone()).collect();
        check_path_keys(base.suite, &self.tree, &path.leaf_node, &keys)?;
        let merged = self.merge_path(base.suite, (committer, sender), &keys)?;
        // "verify that the parent_hash field of the leaf node matches" (section 7.5).
        if path.leaf_node.parent_hash().is_some_and(|hash| hash != merged.parent_hash) {
            return Err(Violation::PathLeafParentHash.into());
        }
        let next = merged.set_leaf(base, &self.extensions, path.leaf_node.clone(), checks)?;
        Ok((sender, next))
    }
}

impl PathTree {
    /// Puts the committer's new leaf in its place, after every check of section 7.3.
    pub fn set_leaf(
        self,
        base: Base<'_>,
        extensions: &wire::Extensions,
        leaf: LeafNode,
        checks: &Checks<'_>,
    ) -> Result<NextTree, Error> {
        let Self { mut tree, sender, predecessor, .. } = self;
        let GroupContext { group_id, .. } = base.context;
        let replaced = predecessor.as_ref().map(|old| &old.encryption_key);
        let place = LeafPlace::Commit { group_id, index: sender, replaced };
        verify_leaf_node(base.suite, &leaf, place, checks.lifetimes(), None)?;
        let joins = tree.is_blank(sender.node());
        checks.identity.validate_leaf(&Candidate {
            group_id,
            leaf: &leaf,
            index: sender,
            origin: if joins { LeafOrigin::ExternalCommit } else { LeafOrigin::CommitPath },
            predecessor: predecessor.as_deref(),
            now: checks.now,
        })?;
        if !joins {
            let others_hold = tree.find_signature_key(&leaf.signature_key);
            if others_hold.is_some_and(|holder| holder != sender) {
                return Err(Violation::DuplicateSignatureKey.into());
            }
        } else {
            check_unique(&tree, &leaf)?;
        }
        tree.set_leaf(sender, leaf);
        finish(tree, extensions, base.suite)
    }
}

/// "Verify that none of the public keys in the UpdatePath appear in any node of the new ratchet
/// tree" (section 12.4.2), nor twice in the path, and that each can be encrypted to.
fn check_path_keys(
    suite: &Suite,
    tree: &RatchetTree,
    leaf: &LeafNode,
    keys: &[HpkePublicKey],
) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for key in keys.iter().chain([&leaf.encryption_key]) {
        if !seen.insert(key) || tree.find_encryption_key(key).is_some() {
            return Err(Violation::PathKeyInTree.into());
        }
        suite.check_hpke_public_key(key).map_err(|_| Violation::InvalidEncryptionKey)?;
    }
    Ok(())
}
