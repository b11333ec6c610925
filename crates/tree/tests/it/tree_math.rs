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

type Parent = fn(TreeSize, NodeIndex) -> Option<NodeIndex>;

/// Checks everything that is said of each node of a tree; returns their number, or a node of which
/// the parent is another.
fn check(size: TreeSize, parent_of: Parent) -> Result<u32, NodeIndex> {
    let whole = Subtree { leaves: (0, size.leaves()), level: size.leaves().ilog2(), parent: None };
    let (mut waiting, mut count) = (vec![whole], 0);
    while let Some(Subtree { leaves: (start, end), level, parent }) = waiting.pop() {
        count += 1;
        // Left of the head are its left half and everything before the subtree.
        let node = size.node(start + end - 1).unwrap();
        assert_eq!((node.level(), node.is_leaf()), (level, level == 0));
        if parent_of(size, node) != parent {
            return Err(node);
        }
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
    Ok(count)
}

#[test]
fn every_node_of_every_tree_of_up_to_1024_leaves_is_where_the_definition_says() {
    for power in 0..=10 {
        let size = TreeSize::from_leaves(1 << power).unwrap();
        assert_eq!(check(size, TreeSize::parent), Ok(2 * size.leaves() - 1));
        assert_eq!(size.sibling(size.root()), None);
    }
}

/// Every index below 2^24.
#[test]
fn every_node_of_a_tree_of_eight_million_leaves_is_where_the_definition_says() {
    let size = TreeSize::from_leaves(1 << 23).unwrap();
    assert_eq!(check(size, TreeSize::parent), Ok((1 << 24) - 1));
}

/// The formula of appendix C with a slip that shows at the uppermost level only.
#[test]
fn a_parent_that_is_wrong_once_is_found() {
    let wrong: Parent = |size, node| {
        let right = size.parent(node)?;
        let is_edge = node.level() == 22 && node.as_u32() > size.root().as_u32();
        if is_edge { size.node(right.as_u32() - 1) } else { Some(right) }
    };
    let size = TreeSize::from_leaves(1 << 23).unwrap();
    let node = check(size, wrong).unwrap_err();
    assert_eq!((node.level(), size.parent(node)), (22, Some(size.root())));
}
