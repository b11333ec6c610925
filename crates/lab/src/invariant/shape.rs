//! Left-balanced trees with any number of leaves, the shape that the drafts of 2018 have.

/// The shape alone. Node 0 is the root, parents come before their children.
#[derive(Clone)]
pub(crate) struct Shape {
    nodes: Vec<ShapeNode>,
    leaves: Vec<usize>,
}

#[derive(Clone, Copy)]
struct ShapeNode {
    parent: Option<usize>,
    children: Option<(usize, usize)>,
    depth: u32,
}

impl Shape {
    pub(crate) fn new(leaves: usize) -> Self {
        let mut shape = Self { nodes: Vec::new(), leaves: Vec::new() };
        shape.grow(leaves.max(1), None, 0);
        shape
    }

    fn grow(&mut self, leaves: usize, parent: Option<usize>, depth: u32) -> usize {
        let node = self.nodes.len();
        self.nodes.push(ShapeNode { parent, children: None, depth });
        if leaves == 1 {
            self.leaves.push(node);
        } else {
            // The left subtree is the largest full one that leaves something for the right.
            let left = leaves.next_power_of_two() / 2;
            let children = [left, leaves - left].map(|part| self.grow(part, Some(node), depth + 1));
            self.nodes[node].children = Some((children[0], children[1]));
        }
        node
    }

    pub(crate) fn leaf_count(&self) -> usize {
        self.leaves.len()
    }

    pub(crate) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn leaf(&self, leaf: usize) -> usize {
        self.leaves[leaf]
    }

    pub(crate) fn children(&self, node: usize) -> Option<(usize, usize)> {
        self.nodes[node].children
    }

    /// The parents of the top levels.
    pub(crate) fn top(&self, levels: u32) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let is_top = move |node: &ShapeNode| node.depth < levels && node.children.is_some();
        (0..self.nodes.len()).filter(move |node| is_top(&self.nodes[*node]))
    }

    /// The ancestors of a leaf, each with its child that is not on the way to the leaf.
    pub(crate) fn path(&self, leaf: usize) -> Vec<(usize, usize)> {
        let mut path = Vec::new();
        let mut below = self.leaves[leaf];
        while let Some(parent) = self.nodes[below].parent {
            if let Some((left, right)) = self.nodes[parent].children {
                path.push((parent, if below == left { right } else { left }));
            }
            below = parent;
        }
        path
    }

    /// Whether a node is a leaf or above it.
    pub(crate) fn covers(&self, node: usize, leaf: usize) -> bool {
        self.leaves[leaf] == node || self.path(leaf).iter().any(|(above, _)| *above == node)
    }

    /// The resolution of a node, where these nodes have keys.
    pub(crate) fn resolution(&self, node: usize, filled: &impl Fn(usize) -> bool) -> Vec<usize> {
        match self.nodes[node].children {
            _ if filled(node) => vec![node],
            None => Vec::new(),
            Some((left, right)) => {
                let mut all = self.resolution(left, filled);
                all.extend(self.resolution(right, filled));
                all
            }
        }
    }

    /// To how many keys each leaf that has one encrypts when it updates.
    pub(crate) fn costs(&self, filled: &impl Fn(usize) -> bool) -> Vec<u64> {
        let mut sizes = vec![0_u64; self.nodes.len()];
        for (node, it) in self.nodes.iter().enumerate().rev() {
            let below = it.children.map_or(0, |(left, right)| sizes[left] + sizes[right]);
            sizes[node] = if filled(node) { 1 } else { below };
        }
        let mut costs = vec![0; self.nodes.len()];
        for (node, it) in self.nodes.iter().enumerate() {
            if let Some((left, right)) = it.children {
                costs[left] = costs[node] + sizes[right];
                costs[right] = costs[node] + sizes[left];
            }
        }
        let leaves = self.leaves.iter().filter(|leaf| filled(**leaf));
        leaves.map(|leaf| costs[*leaf]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_the_sizes_of_the_copath_resolutions() {
        for leaves in [1, 2, 3, 5, 8, 13, 100] {
            let shape = Shape::new(leaves);
            assert_eq!(shape.leaf_count(), leaves);
            assert_eq!(shape.node_count(), 2 * leaves - 1);
            for modulus in [2, 3, 5] {
                let filled =
                    |node: usize| shape.children(node).is_none() || node.is_multiple_of(modulus);
                let slow = (0..leaves).map(|leaf| {
                    let copath = shape.path(leaf).into_iter();
                    let sizes = copath.map(|(_, copath)| shape.resolution(copath, &filled).len());
                    u64::try_from(sizes.sum::<usize>()).unwrap()
                });
                assert_eq!(shape.costs(&filled), slow.collect::<Vec<_>>());
            }
        }
    }
}
