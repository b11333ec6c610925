//! The left-balanced trees of 2018: as many leaves as members, and every left subtree full.
//!
//! Nodes are numbered as in RFC 9420, appendix C (leaves even, parents odd), so a node keeps its
//! number while the tree grows. Where the full tree of the RFC has a parent without a right child,
//! a left-balanced tree has no parent at all: the only child moves up to the next ancestor.

use tree::{LeafIndex, NodeIndex, TreeSize};

/// The shape of a left-balanced tree with some number of leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftBalanced {
    leaves: u32,
    /// The full tree that has room for it.
    full: TreeSize,
}

impl LeftBalanced {
    /// The tree with this many leaves; `None` for none or more than 2^31.
    #[must_use]
    pub fn with_leaves(leaves: u32) -> Option<Self> {
        let full = TreeSize::from_leaves(leaves.checked_next_power_of_two()?)?;
        (leaves > 0).then_some(Self { leaves, full })
    }

    /// The tree with one leaf more; `None` beyond 2^31.
    #[must_use]
    pub fn grown(self) -> Option<Self> {
        Self::with_leaves(self.leaves.checked_add(1)?)
    }

    /// Leaves in the tree.
    #[must_use]
    pub fn leaves(self) -> u32 {
        self.leaves
    }

    /// Nodes in the tree.
    #[must_use]
    pub fn nodes(self) -> u32 {
        self.leaves - 1 + self.leaves
    }

    /// The leaf with this number, if there is one.
    #[must_use]
    pub fn leaf(self, index: u32) -> Option<LeafIndex> {
        self.full.leaf(index).filter(|_| index < self.leaves)
    }

    /// The node with this number, if there is one.
    #[must_use]
    pub fn node(self, index: u32) -> Option<NodeIndex> {
        self.full.node(index).filter(|_| index < self.nodes())
    }

    /// All leaves, from the left.
    pub fn iter_leaves(self) -> impl Iterator<Item = LeafIndex> {
        self.full.iter_leaves().take_while(move |leaf| leaf.as_u32() < self.leaves)
    }

    /// All nodes by their numbers: every parent comes between its left and its right subtree.
    pub fn iter_nodes(self) -> impl Iterator<Item = NodeIndex> {
        (0..self.nodes()).filter_map(move |index| self.full.node(index))
    }

    /// The root: with leaves that fill a tree, or one level above the largest full left subtree.
    #[must_use]
    pub fn root(self) -> NodeIndex {
        self.full.root()
    }

    /// The node with the highest number: the rightmost leaf.
    #[must_use]
    pub fn last_node(self) -> NodeIndex {
        self.full.node(self.nodes() - 1).unwrap_or(self.root())
    }

    /// The parent of a node; `None` for the root.
    #[must_use]
    pub fn parent(self, node: NodeIndex) -> Option<NodeIndex> {
        let mut above = self.full.parent(node)?;
        while above.as_u32() >= self.nodes() {
            above = self.full.parent(above)?;
        }
        Some(above)
    }

    /// The left and right child; `None` for a leaf.
    #[must_use]
    pub fn children(self, node: NodeIndex) -> Option<(NodeIndex, NodeIndex)> {
        let (left, mut right) = node.children()?;
        while right.as_u32() >= self.nodes() {
            right = right.children()?.0;
        }
        Some((left, right))
    }

    /// The other child of the node's parent; `None` for the root.
    #[must_use]
    pub fn sibling(self, node: NodeIndex) -> Option<NodeIndex> {
        let (left, right) = self.children(self.parent(node)?)?;
        Some(if node == left { right } else { left })
    }

    /// A leaf and its ancestors, from itself to the root.
    pub fn path(self, leaf: LeafIndex) -> impl Iterator<Item = NodeIndex> {
        std::iter::successors(Some(leaf.node()), move |&node| self.parent(node))
    }

    /// How many parents are above a leaf.
    #[must_use]
    pub fn depth(self, leaf: LeafIndex) -> usize {
        self.path(leaf).count() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recursive definition: the left subtree has the largest power of two below the number of
    /// leaves. Answers the children of every parent and the root.
    fn slow(first: u32, leaves: u32, parents: &mut Vec<(u32, u32, u32)>) -> u32 {
        if leaves == 1 {
            return first * 2;
        }
        let left_leaves = leaves.next_power_of_two() / 2;
        let left = slow(first, left_leaves, parents);
        let right = slow(first + left_leaves, leaves - left_leaves, parents);
        // Between its subtrees, next to the last leaf on the left.
        let node = (first + left_leaves) * 2 - 1;
        parents.push((node, left, right));
        node
    }

    #[test]
    fn shapes_are_those_of_the_recursive_definition() {
        for leaves in 1..200 {
            let shape = LeftBalanced::with_leaves(leaves).unwrap();
            let mut parents = Vec::new();
            assert_eq!(shape.root().as_u32(), slow(0, leaves, &mut parents), "{leaves}");
            assert_eq!(parents.len(), usize::try_from(leaves - 1).unwrap());
            for (node, left, right) in parents {
                let node = shape.full.node(node).unwrap();
                let children = shape.children(node).unwrap();
                assert_eq!((children.0.as_u32(), children.1.as_u32()), (left, right), "{leaves}");
                assert_eq!(shape.parent(children.0), Some(node));
                assert_eq!(shape.parent(children.1), Some(node));
                assert_eq!(shape.sibling(children.0), Some(children.1));
            }
            assert_eq!(shape.parent(shape.root()), None);
        }
    }

    #[test]
    fn there_is_no_tree_without_leaves_and_none_beyond_the_largest() {
        assert!(LeftBalanced::with_leaves(0).is_none());
        assert!(LeftBalanced::with_leaves((1 << 31) + 1).is_none());
        assert!(LeftBalanced::with_leaves(1 << 31).is_some());
    }
}
