//! Who knows which node's key in RFC 9420: the members below it, whatever the group has been
//! through.

use lab::invariant::{chaos, histories};

/// The share of every test run; `conclave lab invariant` lives through as many as it is told.
#[test]
fn nobody_knows_the_key_of_a_node_that_is_not_above_it() {
    let tally = histories(0..10_000, 256).unwrap_or_else(|failed| panic!("{failed}"));
    assert_eq!(tally.histories, 10_000);
    assert!(tally.members_max > 128 && tally.external > 1000 && tally.without_path > 1000);
    assert!(tally.added > 1000 && tally.removed > 1000 && tally.updated > 1000);
}

#[test]
fn a_filled_tree_of_63_survives_200_rounds_of_anything() {
    for seed in 0..3 {
        let tally = chaos(seed).unwrap_or_else(|failed| panic!("{failed}"));
        assert_eq!((tally.commits, tally.members_max <= 63), (200, true));
    }
}
