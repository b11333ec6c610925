//! Trees with long lists of unmerged leaves: what others can make long must not be read for each
//! of its entries.

use crypto::Digest;
use testkit::{AcceptAll, NOW};
use tree::rules::verify_ratchet_tree;
use tree::{RatchetTree, TreeSize, Violation};
use wire::{
    Capabilities, Credential, Extensions, LeafNode, LeafNodeSource, Node, ParentNode, Proposal,
    RatchetTreeNodes,
};

use crate::forge::{Group, LIFETIMES, broken, suite};

/// A key that no other number gives.
fn key(number: u32, kind: u8) -> Vec<u8> {
    [&[kind; 28], &number.to_be_bytes()[..]].concat()
}

fn leaf_node(number: u32) -> LeafNode {
    LeafNode {
        encryption_key: key(number, 1).into(),
        signature_key: key(number, 2).into(),
        credential: Credential::basic(b"somebody"),
        capabilities: Capabilities::default(),
        leaf_node_source: LeafNodeSource::Update,
        extensions: Extensions::default(),
        signature: Default::default(),
    }
}

fn parent_node(number: u32, unmerged_leaves: Vec<u32>) -> Node {
    let encryption_key = key(number, 3).into();
    let parent_hash = Digest::new(&[0; 32]).unwrap();
    Node::Parent(ParentNode { encryption_key, parent_hash, unmerged_leaves }.into())
}

/// A full tree in which every parent lists all leaves below.
fn all_unmerged(leaves: u32) -> Vec<Option<Node>> {
    let size = TreeSize::from_leaves(leaves).unwrap();
    let nodes = (0..size.nodes()).map(|number| {
        let node = size.node(number).unwrap();
        Some(match node.leaf() {
            Some(leaf) => Node::Leaf(leaf_node(leaf.as_u32()).into()),
            None => parent_node(number, node.leaf_range().collect()),
        })
    });
    nodes.collect()
}

/// An inviter of ill will makes the lists as long as the tree is wide. Whoever reads a whole list for
/// each entry of another pays the square of that.
#[test]
fn a_tree_whose_parents_list_all_leaves_is_refused() {
    let suite = suite();
    let nodes = RatchetTreeNodes(all_unmerged(1 << 12));
    let mut context = Group::of(2).context;
    let mut tree = RatchetTree::from_nodes(nodes.clone()).unwrap();
    context.tree_hash = tree.tree_hash(&suite).unwrap();
    let refused = verify_ratchet_tree(&suite, &context, nodes, (LIFETIMES, NOW), &AcceptAll);
    assert_eq!(broken(refused), Violation::InvalidParentHash);
}

#[test]
fn a_commit_of_many_adds_lists_the_leaves_that_single_adds_list() {
    for members in [1, 2, 15, 16, 17, 33] {
        let mut group = Group::warm(members);
        if members > 4 {
            let removes: Vec<_> = [2, 3, members - 2].map(|member| group.remove(member)).into();
            group.commit(0, &removes);
        }
        // Some are unmerged already when the others come.
        let first = [group.add(), group.add()];
        group.commit_without_path(0, &first);
        let adds: Vec<_> = (0..40).map(|_| group.add()).collect();
        let mut expected = group.tree.clone();
        for listed in &adds {
            let Proposal::Add(key_package) = &*listed.proposal else { panic!("not an Add") };
            expected.add_leaf(key_package.leaf_node.clone()).unwrap();
        }
        let made = group.result(0, &adds).unwrap();
        assert_eq!(made.tree.to_nodes(), expected.to_nodes());
        assert_eq!(made.tree_hash, expected.tree_hash(&group.suite).unwrap());
        let mut nodes = made.tree.to_nodes();
        let mut again = RatchetTree::from_nodes(std::mem::take(&mut nodes)).unwrap();
        assert_eq!(again.tree_hash(&group.suite).unwrap(), made.tree_hash);
    }
}
