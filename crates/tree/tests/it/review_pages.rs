//! Trees on pages through whole commits, and with long lists of unmerged leaves: what others can
//! make long must not be read for each of its entries.

use std::collections::BTreeMap;

use crypto::Digest;
use testkit::{AcceptAll, NOW, SeededRandom};
use tree::rules::verify_ratchet_tree;
use tree::{Committer, ListedProposal, PageId, ProposalSender, RatchetTree, TreeSize, Violation};
use wire::{
    Capabilities, Credential, Extensions, LeafNode, LeafNodeSource, Node, ParentNode, Proposal,
    RatchetTreeNodes,
};

use crate::forge::{CHECKS, Group, LIFETIMES, broken, listed, suite};

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

/// An inviter of ill will makes the lists as long as the tree is wide. Whoever reads a whole list
/// for each entry of another pays the square of that.
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

type Stored = BTreeMap<PageId, Vec<u8>>;

fn stored(tree: &RatchetTree) -> Stored {
    tree.pages().map(|page| (page, tree.page(page).unwrap().to_vec())).collect()
}

/// What is left of a list of leaves after some of them are drawn.
fn draw(from: &mut Vec<u32>, count: usize, random: &mut SeededRandom) -> Vec<u32> {
    let count = count.min(from.len());
    (0..count).map(|_| from.swap_remove(random.below(from.len()))).collect()
}

/// Updates, Removes and Adds in one list, in the order of the draw.
fn some_proposals(
    group: &mut Group,
    mut others: Vec<u32>,
    random: &mut SeededRandom,
) -> Vec<ListedProposal> {
    let removes = match random.below(3) {
        0 => others.len() * 3 / 4,
        _ => random.below(3),
    };
    let adds = match random.below(3) {
        0 => 40,
        _ => random.below(3),
    };
    let removed = draw(&mut others, removes, random);
    let updated = draw(&mut others, random.below(4), random);
    let mut list: Vec<_> = updated.into_iter().map(|member| group.update(member)).collect();
    list.extend(removed.into_iter().map(|member| group.remove(member)));
    list.extend((0..adds).map(|_| group.add()));
    for last in (1..list.len()).rev() {
        list.swap(last, random.below(last + 1));
    }
    list
}

/// A client joins by an external commit, in place of a member or not.
fn join_from_outside(group: &mut Group, former: Option<u32>) {
    let person = match former {
        Some(former) => group.member(former),
        None => group.person(),
    };
    let init = Proposal::ExternalInit(b"kem output".into());
    let proposals = [Some(init), former.map(Proposal::Remove)].into_iter().flatten();
    let list = proposals.map(|proposal| listed(ProposalSender::Joiner, proposal));
    let list: Vec<_> = list.collect();
    let mut applied = tree::apply(group.base(), Committer::NewMember, &list, &CHECKS).unwrap();
    let path = group.path(&mut applied, (Committer::NewMember, &person), |_| {});
    let merged = applied.merge_received_path(group.base(), Committer::NewMember, &path, &CHECKS);
    let (_, next) = merged.unwrap();
    group.advance(&applied, next);
}

/// After each commit the rows that follow it are those of the same nodes without a history, and the
/// indices answer as they do there. Every other candidate is dropped.
fn rows_follow(seed: u64, members: u32, rounds: usize) {
    let (mut group, mut random) = (Group::of(members), SeededRandom::new(seed));
    let mut rows = stored(&group.tree);
    for _ in 0..rounds {
        let mut others: Vec<u32> = group.tree.members().map(|(index, _)| index.as_u32()).collect();
        let committer = draw(&mut others, 1, &mut random)[0];
        let dropped = some_proposals(&mut group, others.clone(), &mut random);
        group.result(committer, &dropped).unwrap();
        let old = group.tree.clone();
        match random.below(6) {
            0 => join_from_outside(&mut group, None),
            1 => join_from_outside(&mut group, Some(committer)),
            _ => {
                let list = some_proposals(&mut group, others, &mut random);
                group.commit(committer, &list);
            }
        }
        for page in group.tree.changed_pages_since(&old) {
            match group.tree.page(page) {
                Some(bytes) => drop(rows.insert(page, bytes.to_vec())),
                None => drop(rows.remove(&page)),
            }
        }
        let mut fresh = RatchetTree::from_nodes(group.tree.to_nodes()).unwrap();
        assert_eq!(fresh.tree_hash(&group.suite).unwrap(), group.context.tree_hash);
        assert!(stored(&fresh) == rows && stored(&group.tree) == rows);
        for (index, leaf) in fresh.members() {
            assert_eq!(group.tree.find_signature_key(&leaf.signature_key), Some(index));
        }
        for node in (0..fresh.size().nodes()).filter_map(|number| fresh.size().node(number)) {
            let Some(key) = fresh.public_key(node) else { continue };
            assert_eq!(group.tree.find_encryption_key(&key), Some(node));
        }
        for (_, leaf) in old.members() {
            let found = group.tree.find_encryption_key(&leaf.encryption_key);
            assert_eq!(found, fresh.find_encryption_key(&leaf.encryption_key));
        }
        assert!(group.join_nodes(group.tree.to_nodes()).is_ok());
        // The group goes on in what is stored.
        let pages = rows.iter().map(|(id, bytes)| (*id, bytes.as_slice()));
        let loaded = RatchetTree::from_pages((fresh.size(), &group.suite), pages).unwrap();
        if random.below(2) == 0 {
            group.tree = loaded;
        }
    }
}

#[test]
fn rows_follow_lists_of_updates_removes_and_adds_and_joins_from_outside() {
    for (seed, members) in [(1, 2), (2, 9), (3, 16), (4, 40)] {
        rows_follow(seed, members, 30);
    }
}

#[test]
fn rows_follow_in_a_tree_of_three_bands() {
    rows_follow(5, 260, 5);
}
