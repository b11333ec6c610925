//! The arithmetic on indices against the definition of a full tree (section 4.1): a subtree of more
//! than one leaf is a head between two halves, and nodes are numbered from left to right.
//!
//! For all 2^32 indices, `models/proofs` shows the same by other means.

use tree::{NodeIndex, TreeSize};

/// A subtree and its head: the leaves from the first number up to, not including, the second.
struct Subtree {
    leaves: (u32, u32),
    level: u32,
    parent: Option<NodeIndex>,
}

/// Checks everything that is said of each node of a tree; returns their number.
fn check(size: TreeSize) -> u32 {
    let whole = Subtree { leaves: (0, size.leaves()), level: size.leaves().ilog2(), parent: None };
    let (mut waiting, mut count) = (vec![whole], 0);
    while let Some(Subtree { leaves: (start, end), level, parent }) = waiting.pop() {
        count += 1;
        // Left of the head are its left half and everything before the subtree.
        let node = size.node(start + end - 1).unwrap();
        assert_eq!((node.level(), node.is_leaf()), (level, level == 0));
        assert_eq!(size.parent(node), parent);
        assert_eq!(node.leaf_range(), start..=end - 1);
        assert_eq!(node.leaf().map(tree::LeafIndex::as_u32), (level == 0).then_some(start));
        let Some((left, right)) = node.children() else {
            assert_eq!(level, 0);
            continue;
        };
        let middle = start + (end - start) / 2;
        assert_eq!((left.as_u32(), right.as_u32()), (start + middle - 1, middle + end - 1));
        assert_eq!((size.sibling(left), size.sibling(right)), (Some(right), Some(left)));
        let [last, first] = [middle - 1, middle].map(|leaf| size.leaf(leaf).unwrap());
        assert_eq!((last.common_ancestor(first), first.common_ancestor(last)), (node, node));
        for leaves in [(start, middle), (middle, end)] {
            waiting.push(Subtree { leaves, level: level - 1, parent: Some(node) });
        }
    }
    count
}

#[test]
fn every_node_of_every_tree_of_up_to_1024_leaves_is_where_the_definition_says() {
    for power in 0..=10 {
        let size = TreeSize::from_leaves(1 << power).unwrap();
        assert_eq!(check(size), 2 * size.leaves() - 1);
        assert_eq!(size.sibling(size.root()), None);
    }
}

/// Every index below 2^24.
#[test]
fn every_node_of_a_tree_of_eight_million_leaves_is_where_the_definition_says() {
    let size = TreeSize::from_leaves(1 << 23).unwrap();
    assert_eq!(check(size), (1 << 24) - 1);
}
