//! Curves of RFC 9420: public state moved by the tree crate, costs read off its resolutions.

use tree::{LeafIndex, NodeIndex};

use super::{Cost, Order, Point};
use crate::Seeded;
use crate::invariant::{Act, By, PaperGroup};

/// A curve with what it shows.
#[derive(Clone, Debug)]
pub struct Curve {
    /// A short name: lower-case letters, digits and hyphens.
    pub name: &'static str,
    /// What is on the horizontal axis, and what happens.
    pub title: &'static str,
    /// Its points.
    pub points: Vec<Point>,
}

/// To how many keys each member encrypts if it commits now.
#[must_use]
pub fn costs(group: &PaperGroup) -> Vec<u64> {
    let (tree, size) = (group.tree(), group.tree().size());
    let nodes = (0..size.nodes()).filter_map(|index| size.node(index));
    let sizes: Vec<usize> = nodes.map(|node| tree.resolution(node).len()).collect();
    let size_of = |node: NodeIndex| usize::try_from(node.as_u32()).map_or(0, |node| sizes[node]);
    let cost = |leaf: LeafIndex| {
        let copath = size.path_with_copath(leaf).map(|(_, copath)| size_of(copath));
        u64::try_from(copath.sum::<usize>()).unwrap_or(u64::MAX)
    };
    group.members().map(cost).collect()
}

/// Parents with members on both sides that are blank, and all such parents.
#[must_use]
pub fn parents_that_could_be_filled(group: &PaperGroup) -> (usize, usize) {
    let size = group.tree().size();
    let has_members = |node: NodeIndex| {
        let mut leaves = node.leaf_range().filter_map(|leaf| size.leaf(leaf));
        leaves.any(|leaf| group.at(leaf).is_some())
    };
    let nodes = (0..size.nodes()).filter_map(|index| size.node(index));
    let parents = nodes.filter(|node| {
        node.children().is_some_and(|(left, right)| has_members(left) && has_members(right))
    });
    let (blank, filled): (Vec<_>, Vec<_>) = parents.partition(|node| group.key(*node).is_none());
    (blank.len(), blank.len() + filled.len())
}

/// Where to look: often at the start, up to `end`.
fn samples(end: usize) -> Vec<usize> {
    let steps = [0, 1, 2, 5, 10, 20, 50, 100, 200, 300, 420, 600, 800, 1000];
    let mut at: Vec<usize> = steps.iter().map(|step| step * end / 1000).collect();
    at.extend([1, 2, 3, 5].into_iter().filter(|at| *at < end));
    at.sort_unstable();
    at.dedup();
    at
}

/// Goes on step by step and looks at the costs where told.
fn walk(
    group: &mut PaperGroup,
    end: usize,
    mut step: impl FnMut(&mut PaperGroup, usize) -> Result<(), tree::Error>,
) -> Result<Vec<Point>, tree::Error> {
    let mut points = Vec::new();
    let mut done = 0;
    for at in samples(end) {
        while done < at {
            step(group, done)?;
            done += 1;
        }
        points.push(Point { at, cost: Cost::of(&costs(group)) });
    }
    Ok(points)
}

/// Every member commits once, in this order.
pub(super) fn each_once(group: &mut PaperGroup, order: Order) -> Result<Vec<Point>, tree::Error> {
    let members: Vec<LeafIndex> = group.members().collect();
    let order = order.of(members.len());
    walk(group, members.len(), |group, step| {
        group.commit(&Act::empty(By::Member(members[order[step]]))).map(|_| ())
    })
}

fn first(group: &PaperGroup) -> LeafIndex {
    group.members().next().expect("a group has members")
}

/// Half of the members have all committed; the first adds the other half without a path.
fn half_unmerged(members: usize) -> Result<PaperGroup, tree::Error> {
    let (mut group, _) = PaperGroup::created(members - members / 2)?;
    for leaf in group.members().collect::<Vec<_>>() {
        group.commit(&Act::empty(By::Member(leaf)))?;
    }
    let add = Act::add(first(&group), members / 2, false);
    group.commit(&add)?;
    Ok(group)
}

/// One random change after the other, about as many added as removed.
fn churn(members: usize, seed: u64) -> Result<Vec<Point>, tree::Error> {
    let (mut group, _) = PaperGroup::created(members)?;
    let mut random = Seeded::new(seed);
    walk(&mut group, 2 * members, |group, _| {
        let mut leaves: Vec<LeafIndex> = group.members().collect();
        let committer = leaves.swap_remove(random.below(leaves.len()));
        let mut act = Act::empty(By::Member(committer));
        match random.below(3) {
            0 => {}
            1 if leaves.len() + 1 > members / 2 => {
                act.removes.push(leaves[random.below(leaves.len())]);
            }
            _ => act.adds = 1,
        }
        group.commit(&act).map(|_| ())
    })
}

/// The curves of RFC 9420 for a group of about so many members.
pub fn rfc_9420(members: usize, seed: u64) -> Result<Vec<Curve>, tree::Error> {
    let created = || PaperGroup::created(members).map(|(group, _)| group);
    let mut curves = Vec::new();
    let mut curve = |name, title, points: Vec<Point>| curves.push(Curve { name, title, points });
    let orders = [
        (
            "online-random",
            "one full commit, then members come online at random",
            Order::Random(seed),
        ),
        ("online-spread", "one full commit, then members come online far apart", Order::Spread),
        (
            "online-in-order",
            "one full commit, then members come online in order",
            Order::LeftToRight,
        ),
    ];
    for (name, title, order) in orders {
        curve(name, title, each_once(&mut created()?, order)?);
    }
    let unmerged = each_once(&mut half_unmerged(members)?, Order::Random(seed))?;
    curve("unmerged", "half of the leaves unmerged, then members come online at random", unmerged);
    curve("churn", "commits that add, remove or do neither, at random", churn(members, seed)?);
    let mut storm = PaperGroup::new().0;
    let creator = first(&storm);
    let storm = walk(&mut storm, members - 1, |group, _| {
        group.commit(&Act::add(creator, 1, true)).map(|_| ())
    })?;
    curve("add-storm", "the creator adds one member at a time, nobody else commits", storm);
    Ok(curves)
}
