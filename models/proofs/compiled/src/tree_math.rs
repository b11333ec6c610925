//! `tree`'s arithmetic on indices. A result is 2^32 plus the number, or 0 for `None`.
//!
//! Indices are made by the public constructors: by those of the largest tree, where the function
//! takes an index of any tree.

use tree::{LeafIndex, NodeIndex, TreeSize};

pub(crate) fn some(number: u32) -> u64 {
    1 << 32 | u64::from(number)
}

pub(crate) fn node(index: u32) -> Option<NodeIndex> {
    TreeSize::from_leaves(1 << 31)?.node(index)
}

pub(crate) fn leaf(index: u32) -> Option<LeafIndex> {
    TreeSize::from_leaves(1 << 31)?.leaf(index)
}

/// Defines exported functions: the body is an `Option<u32>`.
macro_rules! exported {
    ($($name:ident($($argument:ident: $kind:ty),*) => $body:expr;)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name($($argument: $kind),*) -> u64 {
            let result = || -> Option<u32> { $body };
            result().map_or(0, $crate::tree_math::some)
        }
    )*};
}
pub(crate) use exported;

exported! {
    from_leaves(leaves: u32) => Some(TreeSize::from_leaves(leaves)?.leaves());
    with_room_for(nodes: usize) => Some(TreeSize::with_room_for(nodes)?.leaves());
    nodes(leaves: u32) => Some(TreeSize::from_leaves(leaves)?.nodes());
    doubled(leaves: u32) => Some(TreeSize::from_leaves(leaves)?.doubled()?.leaves());
    halved(leaves: u32) => Some(TreeSize::from_leaves(leaves)?.halved()?.leaves());
    root(leaves: u32) => Some(TreeSize::from_leaves(leaves)?.root().as_u32());
    checked_leaf(leaves: u32, index: u32) =>
        Some(TreeSize::from_leaves(leaves)?.leaf(index)?.as_u32());
    checked_node(leaves: u32, index: u32) =>
        Some(TreeSize::from_leaves(leaves)?.node(index)?.as_u32());
    parent(leaves: u32, index: u32) =>
        Some(TreeSize::from_leaves(leaves)?.parent(node(index)?)?.as_u32());
    sibling(leaves: u32, index: u32) =>
        Some(TreeSize::from_leaves(leaves)?.sibling(node(index)?)?.as_u32());
    level(index: u32) => Some(node(index)?.level());
    left(index: u32) => Some(node(index)?.children()?.0.as_u32());
    right(index: u32) => Some(node(index)?.children()?.1.as_u32());
    leaf_of_node(index: u32) => Some(node(index)?.leaf()?.as_u32());
    node_of_leaf(index: u32) => Some(leaf(index)?.node().as_u32());
    first_leaf(index: u32) => Some(*node(index)?.leaf_range().start());
    last_leaf(index: u32) => Some(*node(index)?.leaf_range().end());
    covers(index: u32, below: u32) => Some(node(index)?.covers(leaf(below)?).into());
    common_ancestor(one: u32, other: u32) =>
        Some(leaf(one)?.common_ancestor(leaf(other)?).as_u32());
}
