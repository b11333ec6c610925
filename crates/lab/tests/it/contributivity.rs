//! CGKA-9: which keys of the tree a member contributes to.

use std::collections::BTreeSet;

use lab::{Circle, PROTOCOLS, Protocol, Seeded, Tools};

const MEMBERS: u32 = 8;

/// The public keys after everybody has updated from the left to the right. All randomness is fixed;
/// that of one member's update depends on `choice`.
fn public_keys(
    protocol: &'static dyn Protocol,
    member: u32,
    choice: u64,
) -> BTreeSet<(u32, Vec<u8>)> {
    let tools = Tools::new().expect("suite 1 exists");
    let mut circle = Circle::new(protocol, &tools, MEMBERS, &mut Seeded::new(1)).expect("a group");
    for slot in 0..MEMBERS {
        let seed = if slot == member { choice } else { u64::from(slot) };
        circle.update(slot, &mut Seeded::new(seed)).expect("an update");
    }
    circle.agreement().expect("an agreement");
    circle.member(0).expect("a member").public_nodes().into_iter().collect()
}

/// The nodes above a leaf of a full tree, the leaf first.
fn path(leaf: u32) -> Vec<u32> {
    let mut node = leaf * 2;
    let mut path = vec![node];
    for level in 0..MEMBERS.ilog2() {
        node = (node | 1 << level) & !(1 << (level + 1));
        path.push(node);
    }
    path
}

/// The rightmost leaf below a node.
fn last_leaf(node: u32) -> u32 {
    (node + (1 << node.trailing_ones()) - 1) / 2
}

#[test]
fn in_an_art_every_key_above_a_member_is_partly_its_own_and_in_treekem_what_it_set_last() {
    for protocol in PROTOCOLS {
        for member in 0..MEMBERS {
            let one = public_keys(*protocol, member, 1001);
            let other = public_keys(*protocol, member, 1002);
            let changed: BTreeSet<u32> =
                one.symmetric_difference(&other).map(|(node, _)| *node).collect();
            let above = path(member).into_iter();
            let expected: BTreeSet<u32> = match protocol.name() {
                name if name.starts_with("art") => above.collect(),
                name if name.starts_with("mkem") => BTreeSet::from([2 * member]),
                _ => above.filter(|&node| last_leaf(node) == member).collect(),
            };
            assert_eq!(changed, expected, "{} member {member}", protocol.name());
        }
    }
}

#[test]
fn paths_and_last_leaves_are_those_of_the_array() {
    assert_eq!(path(0), [0, 1, 3, 7]);
    assert_eq!(path(5), [10, 9, 11, 7]);
    assert_eq!([0, 1, 3, 7, 9, 14].map(last_leaf), [0, 1, 3, 7, 5, 7]);
}
