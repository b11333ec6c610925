//! Validation of a whole ratchet tree, as a joiner does it (RFC 9420, section 12.4.3.1).
//!
//! The only place in the library that visits every member of an existing group. It does so in
//! parallel where threads exist, and verifies signatures in batches.

use crypto::{SignedContent, Suite};
use wire::{GroupContext, LeafNode, ParentNode, RatchetTreeNodes};

use super::leaf_node::{LeafPlace, LifetimeRules, signed_leaf_node, verify_leaf_node};
use super::members::verify_members;
use crate::in_chunks::try_in_chunks;
use crate::parent_hash::CHUNK_PARENTS_MAX;
use crate::{
    Candidate, Error, IdentityPolicy, LeafIndex, LeafOrigin, NodeIndex, RatchetTree, Violation,
};

/// With this many signatures, a batch is as fast as it gets within some percent.
const CHUNK_MEMBERS_MAX: usize = 2048;

/// A tree that obeys every rule of section 12.4.3.1 for its GroupContext.
pub struct VerifiedTree(RatchetTree);

impl VerifiedTree {
    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &RatchetTree {
        &self.0
    }

    /// The tree, without the proof.
    #[must_use]
    pub fn into_tree(self) -> RatchetTree {
        self.0
    }
}

/// Verifies the tree of a group that is joined or followed.
pub fn verify_ratchet_tree(
    suite: &Suite,
    context: &GroupContext,
    nodes: RatchetTreeNodes,
    (lifetimes, now): (LifetimeRules, u64),
    identity: &dyn IdentityPolicy,
) -> Result<VerifiedTree, Error> {
    let mut tree = RatchetTree::from_nodes(nodes)?;
    // "Verify that the tree hash of the ratchet tree matches the tree_hash field in GroupInfo".
    if tree.tree_hash(suite)? != context.tree_hash {
        return Err(Violation::WrongTreeHash.into());
    }
    verify_parents(suite, &tree)?;
    // "For each non-empty parent node, verify that it is parent-hash valid".
    tree.verify_parent_hashes(suite)?;
    // "For each non-empty leaf node, validate the LeafNode".
    let members: Vec<_> = tree.members().collect();
    let members: Vec<(LeafIndex, &LeafNode)> =
        members.iter().map(|(index, leaf)| (*index, &**leaf)).collect();
    let clock = lifetimes.check_tree.then_some(now);
    try_in_chunks(&members, CHUNK_MEMBERS_MAX, |chunk| {
        verify_leaves(suite, &context.group_id, chunk, (lifetimes, clock))
    })?;
    verify_members(&tree, &context.extensions)?;
    // A policy may verify chains of certificates; so this is spread like the signatures.
    try_in_chunks(&members, CHUNK_MEMBERS_MAX, |chunk| {
        chunk.iter().try_for_each(|&(index, leaf)| {
            identity.validate_leaf(&candidate(context, index, leaf, now)).map_err(Error::from)
        })
    })?;
    if let Some(senders) = context.extensions.external_senders()? {
        senders.iter().try_for_each(|sender| identity.validate_external_sender(sender, now))?;
    }
    Ok(VerifiedTree(tree))
}

/// Verifies the leaves of some members, their signatures together.
fn verify_leaves(
    suite: &Suite,
    group_id: &[u8],
    members: &[(LeafIndex, &LeafNode)],
    lifetimes: (LifetimeRules, Option<u64>),
) -> Result<(), Error> {
    let place = |index| LeafPlace::Tree { group_id, index };
    // A leaf that is too large is refused below; no leaf after it needs a proof.
    let signed =
        members.iter().map_while(|&(index, leaf)| signed_leaf_node(leaf, place(index)).ok());
    let signed: Vec<SignedContent<'_>> = signed.collect();
    let mut proofs = suite.verify_batch_with_label(&signed).into_iter();
    members.iter().try_for_each(|&(index, leaf)| {
        verify_leaf_node(suite, leaf, place(index), lifetimes, proofs.next()).map(|_| ())
    })
}

fn candidate<'a>(
    context: &'a GroupContext,
    index: LeafIndex,
    leaf: &'a LeafNode,
    now: u64,
) -> Candidate<'a> {
    let (group_id, origin) = (&*context.group_id, LeafOrigin::Tree);
    Candidate { group_id, leaf, index, origin, predecessor: None, now }
}

fn verify_parents(suite: &Suite, tree: &RatchetTree) -> Result<(), Error> {
    let parents: Vec<NodeIndex> = tree.parents().collect();
    try_in_chunks(&parents, CHUNK_PARENTS_MAX, |chunk| {
        chunk.iter().try_for_each(|&node| {
            let Some(parent) = tree.parent(node) else { return Ok(()) };
            suite
                .check_hpke_public_key(&parent.encryption_key)
                .map_err(|_| Violation::InvalidEncryptionKey.at_node(node))?;
            verify_unmerged_leaves(tree, node, &parent).map_err(|violation| violation.at_node(node))
        })
    })
}

fn verify_unmerged_leaves(
    tree: &RatchetTree,
    node: NodeIndex,
    parent: &ParentNode,
) -> Result<(), Violation> {
    let unmerged = &parent.unmerged_leaves;
    if !unmerged.is_sorted_by(|left, right| left < right) {
        return Err(Violation::UnsortedUnmergedLeaves);
    }
    for &entry in unmerged {
        // "the entry represents a non-blank leaf node that is a descendant of the parent node".
        let below = tree.size().leaf(entry).filter(|index| node.covers(*index));
        let Some(index) = below.filter(|index| !tree.is_blank(index.node())) else {
            return Err(Violation::UnmergedLeafNotDescendant);
        };
        // "every non-blank intermediate node between the leaf node and the parent node also has an
        // entry for the leaf node in its unmerged_leaves".
        let between = tree.size().direct_path(index).take_while(|&above| above != node);
        // Lists can be as long as the tree is wide: they are searched where they are.
        let mut between = between.filter_map(|above| tree.parent_bytes(above));
        if !between.all(|above| above.lists_unmerged(entry)) {
            return Err(Violation::UnmergedLeafNotListedBetween);
        }
    }
    Ok(())
}
