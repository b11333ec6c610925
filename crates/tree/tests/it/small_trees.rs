//! Every tree of at most eight leaves: all patterns of blank nodes, all patterns of unmerged leaves
//! that a valid tree can have, compared with the slow tree of [`crate::reference`].
//!
//! What is compared: resolutions, filtered direct paths, the leftmost blank leaf, and the trees
//! after each member's removal with its truncation, after each member's update, and after an
//! addition. No hash is computed; [`crate::histories`] does that.

use std::sync::Arc;

use crypto::Digest;
use tree::{RatchetTree, TreeSize};
use wire::{Capabilities, Credential, Extensions, LeafNode, LeafNodeSource, Node, ParentNode};

use crate::reference::{SlowTree, Subtree, number, place};

/// A leaf that nobody checks the signature of; each number has its own keys.
fn leaf_node(name: u8) -> LeafNode {
    LeafNode {
        encryption_key: vec![1, name].into(),
        signature_key: vec![2, name].into(),
        credential: Credential::basic(b"somebody"),
        capabilities: Capabilities::default(),
        leaf_node_source: LeafNodeSource::Update,
        extensions: Extensions::default(),
        signature: Default::default(),
    }
}

/// The leaf that comes new into a tree.
const NEW: u8 = 0xff;

/// Which nodes are not blank.
struct Shape {
    leaf_count: usize,
    members: Vec<usize>,
    /// With the members below each.
    parents: Vec<(Subtree, Vec<usize>)>,
}

/// Every shape of a tree with this many leaves: a member in the right half (section 7.7), and one
/// below each parent.
fn shapes(leaf_count: usize) -> Vec<Shape> {
    let empty = SlowTree { nodes: vec![None; 2 * leaf_count - 1] };
    let subtrees: Vec<Subtree> =
        empty.subtrees().into_iter().filter(|subtree| subtree.1 - subtree.0 > 1).collect();
    let mut shapes = Vec::new();
    for members in 1_usize..1 << leaf_count {
        let members: Vec<usize> = (0..leaf_count).filter(|leaf| members >> leaf & 1 == 1).collect();
        if members.iter().all(|&leaf| leaf < leaf_count / 2) {
            continue;
        }
        let below = |subtree: Subtree| {
            let below = members.iter().filter(|&&leaf| (subtree.0..subtree.1).contains(&leaf));
            (subtree, below.copied().collect::<Vec<_>>())
        };
        let possible: Vec<_> = subtrees.iter().map(|&subtree| below(subtree)).collect();
        let possible: Vec<_> = possible.iter().filter(|(_, below)| !below.is_empty()).collect();
        for chosen in 0_usize..1 << possible.len() {
            let parents = possible.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 == 1);
            let parents = parents.map(|(_, parent)| (*parent).clone()).collect();
            shapes.push(Shape { leaf_count, members: members.clone(), parents });
        }
    }
    shapes
}

impl Shape {
    /// How many parents are above each member.
    fn heights(&self) -> Vec<usize> {
        let above = |member: &usize| {
            self.parents.iter().filter(|(_, below)| below.contains(member)).count()
        };
        self.members.iter().map(above).collect()
    }

    /// How many patterns of unmerged leaves there are: each member is listed by so many parents,
    /// from the lowest on. "every non-blank intermediate node between the leaf node and the parent
    /// node also has an entry" (section 12.4.3.1), so there are no others.
    fn unmerged_count(&self) -> usize {
        self.heights().iter().map(|height| height + 1).product()
    }

    /// One of these patterns: the digits of its number.
    fn unmerged(&self, mut pattern: usize) -> Vec<usize> {
        let mut digit = |height: &usize| {
            let listed = pattern % (height + 1);
            pattern /= height + 1;
            listed
        };
        self.heights().iter().map(&mut digit).collect()
    }

    fn tree(&self, leaves: &[Node], unmerged: &[usize]) -> SlowTree {
        let mut nodes = vec![None; 2 * self.leaf_count - 1];
        for &leaf in &self.members {
            nodes[2 * leaf] = Some(leaves[leaf].clone());
        }
        let mut left = unmerged.to_vec();
        // The smallest come first, so a member is listed by the lowest parents.
        let mut parents: Vec<_> = self.parents.iter().collect();
        parents.sort_by_key(|(subtree, _)| subtree.1 - subtree.0);
        for (subtree, below) in parents {
            let mut unmerged_leaves = Vec::new();
            for (member, left) in self.members.iter().zip(&mut left) {
                if *left > 0 && below.contains(member) {
                    *left -= 1;
                    unmerged_leaves.push(number(*member));
                }
            }
            nodes[place(*subtree)] = Some(Node::Parent(Arc::new(ParentNode {
                encryption_key: vec![3, u8::try_from(place(*subtree)).unwrap()].into(),
                parent_hash: Digest::EMPTY,
                unmerged_leaves,
            })));
        }
        SlowTree { nodes }
    }
}

/// What is compared of a tree.
#[derive(PartialEq, Debug)]
struct View {
    resolutions: Vec<Vec<usize>>,
    filtered_direct_paths: Vec<Vec<(usize, usize)>>,
    leftmost_blank_leaf: Option<usize>,
    /// Leaves and nodes after the removal of each member, after each one's update, and after an
    /// addition.
    changed: Vec<(usize, Vec<Option<Node>>)>,
}

impl View {
    fn of(slow: &SlowTree) -> Self {
        let mut subtrees = slow.subtrees();
        subtrees.sort_unstable_by_key(|&subtree| place(subtree));
        let path = |leaf| {
            let path = slow.filtered_direct_path(leaf).into_iter();
            path.map(|(above, copath)| (place(above), place(copath))).collect()
        };
        let mut changed = Vec::new();
        let mut after = |change: &dyn Fn(&mut SlowTree)| {
            let mut next = slow.clone();
            change(&mut next);
            changed.push((next.leaf_count(), next.trimmed()));
        };
        for member in slow.members() {
            after(&|next| {
                next.remove(member);
                next.truncate();
            });
            after(&|next| next.update(member, leaf_node(NEW)));
        }
        after(&|next| {
            next.add(leaf_node(NEW));
        });
        Self {
            resolutions: subtrees.into_iter().map(|subtree| slow.resolution(subtree)).collect(),
            filtered_direct_paths: (0..slow.leaf_count()).map(path).collect(),
            leftmost_blank_leaf: slow.leftmost_blank_leaf(),
            changed,
        }
    }

    /// The same of a tree of the crate.
    fn of_fast(fast: &RatchetTree) -> Self {
        let size = fast.size();
        let numbers =
            |nodes: Vec<_>| nodes.into_iter().map(|node: tree::NodeIndex| node.as_u32() as usize);
        let resolution = |node| numbers(fast.resolution(size.node(node).unwrap())).collect();
        let path = |leaf| {
            let (above, copath) = fast.filtered_direct_path(leaf).into_iter().unzip();
            numbers(above).zip(numbers(copath)).collect()
        };
        let mut changed = Vec::new();
        let mut after = |change: &dyn Fn(&mut RatchetTree)| {
            let mut next = fast.clone();
            change(&mut next);
            changed.push((next.size().leaves() as usize, next.to_nodes().0));
        };
        let members = size.iter_leaves().filter(|leaf| fast.member_index(leaf.as_u32()).is_some());
        for member in members {
            after(&|next| {
                next.take_leaf(member).unwrap();
                next.truncate();
            });
            after(&|next| {
                next.take_leaf(member).unwrap();
                next.set_leaf(member, leaf_node(NEW));
            });
        }
        after(&|next| {
            next.add_leaf(leaf_node(NEW)).unwrap();
        });
        Self {
            resolutions: (0..size.nodes()).map(resolution).collect(),
            filtered_direct_paths: size.iter_leaves().map(path).collect(),
            leftmost_blank_leaf: fast.leftmost_blank_leaf().map(|leaf| leaf.as_u32() as usize),
            changed,
        }
    }
}

fn fast(slow: &SlowTree) -> RatchetTree {
    let size = TreeSize::from_leaves(number(slow.leaf_count())).unwrap();
    let nodes = (0..).zip(&slow.nodes);
    let nodes = nodes.filter_map(|(number, node)| Some((number, node.clone()?)));
    RatchetTree::from_placed_nodes(size, nodes).unwrap_or_else(|violation| panic!("{violation}"))
}

/// Compares the trees of some shapes, with the patterns of unmerged leaves that are chosen for
/// each; returns their number.
fn compare(shapes: &[Shape], choose: fn(usize, &Shape) -> Vec<usize>) -> usize {
    let leaves: Vec<Node> = (0..8).map(|leaf| Node::Leaf(Arc::new(leaf_node(leaf)))).collect();
    let of_shape = |(index, shape): (usize, &Shape)| {
        let mut patterns = choose(index, shape);
        patterns.dedup();
        for &pattern in &patterns {
            let slow = shape.tree(&leaves, &shape.unmerged(pattern));
            assert_eq!(View::of_fast(&fast(&slow)), View::of(&slow), "{:?}", slow.nodes);
        }
        patterns.len()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let part = |first| shapes.iter().enumerate().skip(first).step_by(threads).map(of_shape).sum();
    std::thread::scope(|scope| {
        let running: Vec<_> =
            (0..threads).map(|first| scope.spawn(move || -> usize { part(first) })).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

fn all(_: usize, shape: &Shape) -> Vec<usize> {
    (0..shape.unmerged_count()).collect()
}

#[test]
fn every_tree_of_up_to_four_leaves_is_the_slow_one() {
    let counts = [1, 2, 4].map(|leaf_count| compare(&shapes(leaf_count), all));
    assert_eq!(counts, [1, 8, 684]);
}

/// All patterns of blank nodes; of those of unmerged leaves the fullest, and one more.
#[test]
fn every_shape_of_eight_leaves_is_the_slow_one() {
    let shapes = shapes(8);
    assert_eq!(shapes.len(), 18_624);
    let trees = compare(&shapes, |index, shape| {
        let count = shape.unmerged_count();
        // A large prime, so that shapes after each other get patterns far from each other.
        vec![count - 1, index * 7919 % count]
    });
    assert!(trees > 2 * 17_000, "{trees}");
}

#[test]
#[ignore = "five million trees: minutes in a release build"]
fn every_tree_of_eight_leaves_is_the_slow_one() {
    assert_eq!(compare(&shapes(8), all), 5_244_692);
}

/// The view of something that is wrong in one way.
fn mistaken(mistake: &str, slow: &SlowTree) -> View {
    let mut view = View::of(slow);
    let mut subtrees = slow.subtrees();
    subtrees.sort_unstable_by_key(|&subtree| place(subtree));
    let paths = |keep: &dyn Fn(Subtree) -> bool| {
        let path = |leaf| slow.direct_path(leaf).into_iter().filter(|&(_, copath)| keep(copath));
        let path = |leaf| path(leaf).map(|(above, copath)| (place(above), place(copath))).collect();
        (0..slow.leaf_count()).map(path).collect()
    };
    match mistake {
        "resolutions without unmerged leaves" => {
            view.resolutions.iter_mut().zip(subtrees).for_each(|(resolution, subtree)| {
                resolution.truncate(if slow.parent(subtree).is_some() { 1 } else { 8 });
            });
        }
        "resolutions with the unmerged leaves first" => {
            view.resolutions.iter_mut().for_each(|resolution| resolution.reverse());
        }
        "paths that are not filtered" => view.filtered_direct_paths = paths(&|_| true),
        "paths filtered by blank nodes instead of empty resolutions" => {
            view.filtered_direct_paths = paths(&|copath| slow.nodes[place(copath)].is_some());
        }
        "the first leaf behind the members instead of the leftmost blank one" => {
            view.leftmost_blank_leaf =
                slow.members().last().map(|last| last + 1).filter(|&leaf| leaf < slow.leaf_count());
        }
        "truncation that halves once" => {
            for (after, member) in view.changed.iter_mut().step_by(2).zip(slow.members()) {
                let mut next = slow.clone();
                next.remove(member);
                let before = slow.leaf_count();
                let is_half = next.members().iter().all(|&leaf| leaf < before / 2);
                after.0 = if is_half { before / 2 } else { before };
            }
        }
        "removal that keeps the path" => {
            for (after, member) in view.changed.iter_mut().step_by(2).zip(slow.members()) {
                let mut next = slow.clone();
                next.nodes[2 * member] = None;
                next.truncate();
                *after = (next.leaf_count(), next.trimmed());
            }
        }
        "additions that nobody notes" => {
            let mut next = slow.clone();
            let index = next.add(leaf_node(NEW));
            for node in next.nodes.iter_mut().flatten() {
                if let Node::Parent(parent) = node {
                    let unmerged = &mut Arc::make_mut(parent).unmerged_leaves;
                    unmerged.retain(|&leaf| leaf != number(index));
                }
            }
            *view.changed.last_mut().unwrap() = (next.leaf_count(), next.trimmed());
        }
        _ => panic!("no mistake {mistake}"),
    }
    view
}

/// The trees are enough to tell each mistake from the definition.
#[test]
fn every_mistake_shows_in_a_tree_of_four_leaves() {
    let leaves: Vec<Node> = (0..8).map(|leaf| Node::Leaf(Arc::new(leaf_node(leaf)))).collect();
    for mistake in [
        "resolutions without unmerged leaves",
        "resolutions with the unmerged leaves first",
        "paths that are not filtered",
        "paths filtered by blank nodes instead of empty resolutions",
        "the first leaf behind the members instead of the leftmost blank one",
        "truncation that halves once",
        "removal that keeps the path",
        "additions that nobody notes",
    ] {
        let shows = shapes(4).iter().any(|shape| {
            let mut trees = (0..shape.unmerged_count())
                .map(|number| shape.tree(&leaves, &shape.unmerged(number)));
            trees.any(|slow| mistaken(mistake, &slow) != View::of(&slow))
        });
        assert!(shows, "{mistake}");
    }
}
