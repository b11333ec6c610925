//! `tree-math`: relations of nodes in full trees (RFC 9420, section 4.1 and appendix C).

use crypto::{Crypto, Random};
use serde::{Deserialize, Serialize};
use tree::{NodeIndex, TreeSize};

use crate::failure::{At, expect_equal};
use crate::{Failure, Scale, Vector};

/// Every relation in the tree of one size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Leaves.
    pub n_leaves: u32,
    /// Nodes.
    pub n_nodes: u32,
    /// The root.
    pub root: u32,
    /// Each node's left child.
    pub left: Vec<Option<u32>>,
    /// Each node's right child.
    pub right: Vec<Option<u32>>,
    /// Each node's parent.
    pub parent: Vec<Option<u32>>,
    /// Each node's sibling.
    pub sibling: Vec<Option<u32>>,
}

impl Entry {
    fn of(size: TreeSize) -> Self {
        let nodes = || (0..size.nodes()).filter_map(|index| size.node(index));
        let number = |node: Option<NodeIndex>| node.map(NodeIndex::as_u32);
        Self {
            n_leaves: size.leaves(),
            n_nodes: size.nodes(),
            root: size.root().as_u32(),
            left: nodes().map(|node| number(node.children().map(|(left, _)| left))).collect(),
            right: nodes().map(|node| number(node.children().map(|(_, right)| right))).collect(),
            parent: nodes().map(|node| number(size.parent(node))).collect(),
            sibling: nodes().map(|node| number(size.sibling(node))).collect(),
        }
    }
}

impl Vector for Entry {
    fn verify(&self, _: &Crypto, _: &mut dyn Random) -> Result<(), Failure> {
        let size = TreeSize::from_leaves(self.n_leaves).at("n_leaves")?;
        expect_equal("n_nodes", &size.nodes(), &self.n_nodes)?;
        // Before anything is computed: a number costs nothing to write, its lists do.
        for list in [&self.left, &self.right, &self.parent, &self.sibling] {
            expect_equal("length of a list", &u32::try_from(list.len())?, &size.nodes())?;
        }
        let computed = Self::of(size);
        expect_equal("root", &computed.root, &self.root)?;
        expect_equal("left", &computed.left, &self.left)?;
        expect_equal("right", &computed.right, &self.right)?;
        expect_equal("parent", &computed.parent, &self.parent)?;
        expect_equal("sibling", &computed.sibling, &self.sibling)
    }

    fn generate(_: &Crypto, scale: Scale, _: &mut dyn Random) -> Result<Vec<Self>, Failure> {
        let powers = match scale {
            Scale::Small => 0..=5,
            Scale::Full => 0..=9,
        };
        Ok(powers.filter_map(|power| TreeSize::from_leaves(1 << power)).map(Self::of).collect())
    }
}
