//! What a Welcome tells a new member about the tree's private keys (RFC 9420, section 12.4.3.1).

use crypto::{HpkeKeyPair, Secret, Suite};
use tree::{LeafIndex, RatchetTree};

use crate::path_secret::derive_path;
use crate::{Error, PathSecret, PrivatePath, Violation};

impl PrivatePath {
    /// The private view of a new member at `leaf`.
    ///
    /// `path_secret` is the one of `GroupSecrets`, if there is one, with the leaf of
    /// `GroupInfo.signer`. Keys follow from it for the lowest common ancestor with the signer and
    /// every node above that the signer's path has set; all must be the tree's.
    pub fn join(
        suite: &Suite,
        tree: &RatchetTree,
        leaf: LeafIndex,
        leaf_key_pair: HpkeKeyPair,
        path_secret: Option<(LeafIndex, Secret)>,
    ) -> Result<Self, Error> {
        let mut path = Self::new(tree, leaf, leaf_key_pair)?;
        if let Some((signer, path_secret)) = path_secret {
            path.learn(suite, tree, signer, PathSecret::received(suite, path_secret)?)?;
        }
        // A member that lacks such a key can neither read what is encrypted to the node nor be left
        // out by it: the next path through it would shut the member out of the group.
        for (node, parent) in
            tree.size().direct_path(leaf).filter_map(|node| Some((node, tree.parent(node)?)))
        {
            let is_unmerged = parent.unmerged_leaves.contains(&leaf.as_u32());
            if !is_unmerged && path.key_pair(node).is_none() {
                return Err(Violation::PathSecretMissing.into());
            }
        }
        Ok(path)
    }

    /// Sets the keys of the nodes above both the member and the signer.
    fn learn(
        &mut self,
        suite: &Suite,
        tree: &RatchetTree,
        signer: LeafIndex,
        path_secret: PathSecret,
    ) -> Result<(), Error> {
        let ancestor = self.leaf().common_ancestor(signer);
        let path = tree.filtered_direct_path(signer).into_iter().map(|(node, _)| node);
        let mut above = path.skip_while(|&node| node != ancestor).peekable();
        // Section 12.4.3.1: "The private key MUST be the private key that corresponds to the public
        // key in the node."
        let mismatch = Violation::PathSecretKeyMismatch;
        above.peek().ok_or(mismatch)?;
        let expected: Option<Vec<_>> =
            above.map(|node| Some((node, tree.public_key(node)?))).collect();
        let expected = expected.ok_or(mismatch)?;
        let expected = expected.iter().map(|(node, key)| (*node, key)).collect();
        let (key_pairs, _) = derive_path(suite, path_secret, expected, mismatch)?;
        for (node, key_pair) in key_pairs {
            self.insert_derived(node, key_pair);
        }
        Ok(())
    }
}
