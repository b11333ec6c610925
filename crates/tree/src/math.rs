//! Tree arithmetic over the array representation (RFC 9420, section 4.1 and appendix C).
//!
//! [`LeafIndex`] and [`NodeIndex`] exist only once they were checked against a [`TreeSize`]; no
//! number from a message is used as an index before that. Everything here is constant time per step
//! and allocates nothing.

/// Number of leaves of a tree: a power of two, at most 2^31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeSize(u32);

/// A leaf's place, counted from the left among leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafIndex(u32);

/// A node's place in the array: leaves are even, parents odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(u32);

impl TreeSize {
    /// A tree of one leaf.
    pub const ONE: Self = Self(1);

    /// The size of a tree with exactly this many leaves; `None` unless a power of two up to 2^31.
    #[must_use]
    pub fn from_leaves(leaves: u32) -> Option<Self> {
        leaves.is_power_of_two().then_some(Self(leaves))
    }

    /// The smallest tree whose array has room for `nodes` nodes; `None` for zero or too many.
    #[must_use]
    pub fn with_room_for(nodes: usize) -> Option<Self> {
        let leaves = u32::try_from(nodes / 2 + 1).ok()?.checked_next_power_of_two()?;
        (nodes > 0).then_some(Self(leaves))
    }

    /// Leaves in the tree.
    #[must_use]
    pub fn leaves(self) -> u32 {
        self.0
    }

    /// Nodes in the tree: twice the leaves, less one.
    #[must_use]
    pub fn nodes(self) -> u32 {
        self.0 - 1 + self.0
    }

    /// The tree of twice the leaves; `None` beyond 2^31.
    #[must_use]
    pub fn doubled(self) -> Option<Self> {
        self.0.checked_mul(2).map(Self)
    }

    /// The tree of half the leaves; `None` for a single leaf.
    #[must_use]
    pub fn halved(self) -> Option<Self> {
        (self.0 > 1).then_some(Self(self.0 / 2))
    }

    /// The leaf with this index, if there is one.
    #[must_use]
    pub fn leaf(self, index: u32) -> Option<LeafIndex> {
        (index < self.0).then_some(LeafIndex(index))
    }

    /// The node with this index, if there is one.
    #[must_use]
    pub fn node(self, index: u32) -> Option<NodeIndex> {
        (index < self.nodes()).then_some(NodeIndex(index))
    }

    /// The root.
    #[must_use]
    pub fn root(self) -> NodeIndex {
        NodeIndex(self.0 - 1)
    }

    /// The parent of a node; `None` for the root, and for a node of a larger tree.
    #[must_use]
    pub fn parent(self, node: NodeIndex) -> Option<NodeIndex> {
        if node == self.root() || node.0 >= self.nodes() {
            return None;
        }
        let level = node.level();
        let bit = (node.0 >> (level + 1)) & 1;
        Some(NodeIndex((node.0 | (1 << level)) ^ (bit << (level + 1))))
    }

    /// The other child of the node's parent; `None` for the root.
    #[must_use]
    pub fn sibling(self, node: NodeIndex) -> Option<NodeIndex> {
        let (left, right) = self.parent(node)?.children()?;
        Some(if node == left { right } else { left })
    }

    /// The ancestors of a node, from its parent to the root.
    pub fn ancestors(self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        std::iter::successors(self.parent(node), move |&node| self.parent(node))
    }

    /// The direct path of a leaf: its ancestors, from parent to root.
    pub fn direct_path(self, leaf: LeafIndex) -> impl Iterator<Item = NodeIndex> {
        self.ancestors(leaf.node())
    }

    /// The direct path of a leaf together with the copath: each ancestor with its child that is
    /// *not* on the way to the leaf.
    pub fn path_with_copath(self, leaf: LeafIndex) -> impl Iterator<Item = (NodeIndex, NodeIndex)> {
        let mut below = leaf.node();
        self.direct_path(leaf).filter_map(move |node| {
            let sibling = self.sibling(below);
            below = node;
            sibling.map(|sibling| (node, sibling))
        })
    }

    /// All leaves.
    pub fn iter_leaves(self) -> impl ExactSizeIterator<Item = LeafIndex> + use<> {
        (0..self.0).map(LeafIndex)
    }
}

impl LeafIndex {
    /// The index as a number, as it travels.
    #[must_use]
    pub fn as_u32(self) -> u32 {
        self.0
    }

    /// The leaf as a node.
    #[must_use]
    pub fn node(self) -> NodeIndex {
        NodeIndex(self.0 * 2)
    }

    /// The lowest common ancestor of two different leaves; the leaf itself if they are equal.
    #[must_use]
    pub fn common_ancestor(self, other: Self) -> NodeIndex {
        let (left, right) = (self.node().0, other.node().0);
        let level = 32 - (left ^ right).leading_zeros();
        if level == 0 {
            return self.node();
        }
        // All bits above the highest difference are shared; below it the ancestor has ones.
        let shared = if level == 32 { 0 } else { left >> level << level };
        NodeIndex(shared | ((1 << (level - 1)) - 1))
    }
}

impl NodeIndex {
    /// The index as a number.
    #[must_use]
    pub fn as_u32(self) -> u32 {
        self.0
    }

    /// Height above the leaves.
    #[must_use]
    pub fn level(self) -> u32 {
        self.0.trailing_ones()
    }

    /// Whether this is a leaf.
    #[must_use]
    pub fn is_leaf(self) -> bool {
        self.0.is_multiple_of(2)
    }

    /// The leaf that this node is; `None` for a parent.
    #[must_use]
    pub fn leaf(self) -> Option<LeafIndex> {
        self.is_leaf().then_some(LeafIndex(self.0 / 2))
    }

    /// The left and right child; `None` for a leaf.
    #[must_use]
    pub fn children(self) -> Option<(Self, Self)> {
        let below = self.level().checked_sub(1)?;
        Some((Self(self.0 ^ (1 << below)), Self(self.0 ^ (3 << below))))
    }

    /// The leaves below this node, the node itself if it is a leaf, as a range of leaf numbers.
    #[must_use]
    pub fn leaf_range(self) -> std::ops::RangeInclusive<u32> {
        let half = (1 << self.level()) - 1;
        (self.0 - half) / 2..=((self.0 - half) / 2 + half)
    }

    /// Whether `leaf` is this node or below it.
    #[must_use]
    pub fn covers(self, leaf: LeafIndex) -> bool {
        self.leaf_range().contains(&leaf.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_agree_with_their_definitions_in_every_small_tree() {
        for size in (0..7).map(|power| TreeSize::from_leaves(1 << power).unwrap()) {
            for node in (0..size.nodes()).map(|index| size.node(index).unwrap()) {
                match size.parent(node) {
                    None => assert_eq!(node, size.root()),
                    Some(parent) => {
                        let (left, right) = parent.children().unwrap();
                        assert!(node == left || node == right);
                        assert_eq!(size.sibling(left), Some(right));
                        assert!(left < parent && parent < right);
                        assert_eq!(parent.level(), node.level() + 1);
                    }
                }
                let below = size.iter_leaves().filter(|&leaf| {
                    leaf.node() == node || size.direct_path(leaf).any(|above| above == node)
                });
                let range: Vec<u32> = node.leaf_range().collect();
                assert_eq!(below.map(LeafIndex::as_u32).collect::<Vec<_>>(), range);
            }
            assert_eq!(size.leaf(size.leaves()), None);
            assert_eq!(size.node(size.nodes()), None);
        }
    }

    #[test]
    fn common_ancestor_is_the_first_shared_node_of_two_paths() {
        let size = TreeSize::from_leaves(16).unwrap();
        for left in size.iter_leaves() {
            for right in size.iter_leaves().filter(|&right| right != left) {
                let path: Vec<_> = size.direct_path(right).collect();
                let shared = size.direct_path(left).find(|node| path.contains(node));
                assert_eq!(Some(left.common_ancestor(right)), shared);
            }
            assert_eq!(left.common_ancestor(left), left.node());
        }
    }

    #[test]
    fn the_largest_tree_has_no_overflow() {
        let size = TreeSize::from_leaves(1 << 31).unwrap();
        assert_eq!(size.nodes(), u32::MAX);
        assert_eq!(size.doubled(), None);
        let last = size.leaf((1 << 31) - 1).unwrap();
        assert_eq!(size.direct_path(last).count(), 31);
        assert_eq!(size.direct_path(last).last(), Some(size.root()));
        assert_eq!(last.common_ancestor(size.leaf(0).unwrap()), size.root());
        assert_eq!(size.root().leaf_range(), 0..=(1 << 31) - 1);
        assert_eq!(size.leaf(1 << 31), None);
        assert_eq!(TreeSize::with_room_for(usize::MAX), None);
    }

    #[test]
    fn an_index_of_a_larger_tree_leads_nowhere() {
        let large = TreeSize::from_leaves(1 << 31).unwrap();
        for size in (0..6).map(|power| TreeSize::from_leaves(1 << power).unwrap()) {
            for index in [size.leaves(), size.leaves() + 1, 1 << 20, (1 << 31) - 1] {
                let leaf = large.leaf(index).unwrap();
                assert_eq!(size.direct_path(leaf).count(), 0);
                assert_eq!(size.path_with_copath(leaf).count(), 0);
                assert_eq!(size.sibling(leaf.node()), None);
            }
        }
    }

    #[test]
    fn room_is_the_next_full_tree() {
        let leaves = |nodes| TreeSize::with_room_for(nodes).map(TreeSize::leaves);
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 7, 8, 9].map(leaves),
            [None, Some(1), Some(2), Some(2), Some(4), Some(4), Some(4), Some(8), Some(8)]
        );
    }
}
