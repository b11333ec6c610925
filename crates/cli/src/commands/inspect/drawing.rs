//! A drawing of the ratchet tree (RFC 9420, section 7): one line a node, the root first, each left
//! child above the right one. Nodes are numbered as in appendix C.

use crate::commands::mls::credential_name;
use crate::output::hex;
use tree::{NodeIndex, RatchetTree};
use wire::{Node, RatchetTreeNodes};

/// The lines of the drawing, or what is wrong with the tree.
pub(super) fn lines(nodes: RatchetTreeNodes) -> Vec<String> {
    match RatchetTree::from_nodes(nodes) {
        Ok(tree) => draw(&tree),
        Err(violation) => vec![format!("refused: {violation} [{}]", violation.name())],
    }
}

/// The lines of a tree that is one.
pub(super) fn draw(tree: &RatchetTree) -> Vec<String> {
    let (leaves, members) = (tree.size().leaves(), tree.member_count());
    let mut lines = vec![format!("leaves: {leaves}, members: {members}")];
    branch(tree, tree.size().root(), ("", ""), &mut lines);
    lines
}

/// A node after `first`, its descendants after `rest`.
fn branch(
    tree: &RatchetTree,
    node: NodeIndex,
    (first, rest): (&str, &str),
    lines: &mut Vec<String>,
) {
    lines.push(format!("{first}{}", label(tree, node)));
    if let Some((left, right)) = node.children() {
        let (above, below) = (format!("{rest}|- "), format!("{rest}|  "));
        branch(tree, left, (&above, &below), lines);
        let (above, below) = (format!("{rest}`- "), format!("{rest}   "));
        branch(tree, right, (&above, &below), lines);
    }
}

fn label(tree: &RatchetTree, node: NodeIndex) -> String {
    let number = node.as_u32();
    let place = match node.leaf() {
        Some(leaf) => format!("leaf {}, node {number}", leaf.as_u32()),
        None => format!("node {number}"),
    };
    let start = |key: &[u8]| hex(&key[..key.len().min(16)]);
    match tree.node(node) {
        None => format!("{place}: blank"),
        Some(Node::Leaf(leaf)) => {
            let (name, key) =
                (credential_name(&leaf.credential), start(leaf.encryption_key.as_slice()));
            format!("{place}: {name}, key {key}...")
        }
        Some(Node::Parent(parent)) => {
            let key = start(parent.encryption_key.as_slice());
            let unmerged = match parent.unmerged_leaves.as_slice() {
                [] => String::new(),
                leaves => format!(
                    ", unmerged leaves {}",
                    leaves.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
                ),
            };
            format!("{place}: key {key}...{unmerged}")
        }
    }
}
