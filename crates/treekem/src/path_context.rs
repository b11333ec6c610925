//! What the sender and the recipients of a path must agree on (RFC 9420, sections 7.5 and 7.6).

use std::collections::BTreeSet;

use crypto::HpkePublicKey;
use tree::{LeafIndex, NodeIndex, RatchetTree};

/// The label of path secrets in HPKE (section 7.6).
pub(crate) const LABEL: &str = "UpdatePathNode";

/// The surroundings of one path.
#[derive(Clone, Copy)]
pub struct PathContext<'a> {
    /// The new tree: proposals applied and the path's public keys merged.
    pub tree: &'a RatchetTree,
    /// The leaves added by the same commit; they learn what they need from a Welcome.
    pub added: &'a BTreeSet<LeafIndex>,
    /// The encoding of the provisional GroupContext (section 12.4.1).
    pub group_context: &'a [u8],
}

impl PathContext<'_> {
    /// The nodes that a path secret is encrypted to, with their keys, in order.
    ///
    /// Section 7.5: "Any new member (from an Add proposal) added in the same Commit MUST be
    /// excluded from this resolution."
    pub(crate) fn recipients(&self, copath_child: NodeIndex) -> Vec<(NodeIndex, HpkePublicKey)> {
        let resolution = self.tree.resolution(copath_child).into_iter();
        let is_added =
            |node: &NodeIndex| node.leaf().is_some_and(|leaf| self.added.contains(&leaf));
        resolution
            .filter(|node| !is_added(node))
            .filter_map(|node| Some((node, self.tree.public_key(node)?)))
            .collect()
    }
}
