//! The curves of IETF 103, and those of RFC 9420 where they can be said in advance.

use lab::curves::{
    Cost, Order, Point, at_ietf_103, first_days, healing, late_joiners, rfc_9420,
    warm_up_with_book, worst_case,
};

fn at(points: &[Point], at: usize) -> Cost {
    points.iter().find(|point| point.at == at).unwrap_or_else(|| panic!("no point at {at}")).cost
}

/// `value` is within three percent of what was simulated for the slides' curves.
fn assert_close(value: f64, simulated: f64, what: &str) {
    assert_within(0.03, (value, simulated), what);
}

fn assert_within(share: f64, (value, simulated): (f64, f64), what: &str) {
    let off = (value - simulated).abs() / simulated;
    assert!(off < share, "{what}: {value} against {simulated}");
}

#[test]
fn the_warm_up_curves_of_ietf_103_are_reproduced() {
    let [warm, empty] = at_ietf_103(400);
    // The mean of the means and of the maxima, as the slides' curves were simulated before.
    let simulated = [
        (50, 29.9, 67.0),
        (100, 19.6, 50.0),
        (200, 13.5, 30.0),
        (300, 11.7, 23.0),
        (420, 10.8, 19.0),
        (600, 10.2, 14.0),
    ];
    for (members, mean, max) in simulated {
        assert_close(at(&warm, members).mean, mean, &format!("the mean at {members}, warm"));
        // Of the maxima there are twelve lives, rounded.
        let what = format!("the maximum at {members}, warm");
        assert_within(0.05, (at(&warm, members).max, max), &what);
    }
    // Early, lives differ so much that a mean of twelve is off by more: each share is twice the
    // deviation of such a mean, where that is more than three percent.
    let simulated = [
        (1, 667.0, 0.03),
        (5, 273.0, 0.22),
        (10, 142.0, 0.16),
        (20, 78.0, 0.13),
        (50, 32.0, 0.09),
        (100, 19.6, 0.03),
    ];
    for (members, mean, share) in simulated {
        let what = format!("the mean at {members}, empty");
        assert_within(share, (at(&empty, members).mean, mean), &what);
    }
    // Both ends do not depend on who comes when.
    let exactly = |cost: Cost, mean: f64, max: f64, min: f64| {
        assert!((cost.mean * 10.0).round() == mean * 10.0, "{cost:?}");
        assert_eq!((cost.max, cost.min), (max, min));
    };
    exactly(at(&warm, 0), 66.0, 67.0, 43.0);
    exactly(at(&empty, 0), 999.0, 999.0, 999.0);
    exactly(at(&warm, 1000), 10.0, 10.0, 8.0);
    exactly(at(&empty, 1000), 10.0, 10.0, 8.0);
}

#[test]
fn the_curves_of_rfc_9420_start_and_end_where_they_must() {
    let members = 128;
    let curves = rfc_9420(members, 1).unwrap();
    let curve = |name: &str| &curves.iter().find(|curve| curve.name == name).unwrap().points;
    for name in ["online-random", "online-spread", "online-in-order"] {
        let points = curve(name);
        // The creator's path alone: its own copath is blank, each other half sees one node of it.
        assert_eq!((at(points, 0).max, at(points, 0).min), (127.0, 64.0));
        assert_eq!(at(points, members), Cost { mean: 7.0, max: 7.0, min: 7.0 });
        let spread = points.windows(2).all(|pair| pair[1].cost.mean <= pair[0].cost.mean);
        assert!(spread, "{name} does not fall");
    }
    // Far apart warms the top first.
    assert!(at(curve("online-spread"), 12).mean < at(curve("online-in-order"), 12).mean);
    assert_eq!(at(curve("add-storm"), members - 1).max, 127.0);
    assert_eq!(at(curve("unmerged"), members), Cost { mean: 7.0, max: 7.0, min: 7.0 });
    assert!(at(curve("churn"), 2 * members).mean > 7.0);
}

#[test]
fn healing_policies_differ_in_what_they_leave() {
    let members = 64;
    let rows = healing(members).unwrap();
    let row = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
    assert!(rows.iter().all(|row| row.double_joins == 0), "RFC 9420 has none");
    assert_eq!((row("silence").blanks, row("silence").stale), (57, 63));
    for name in ["in-order", "random", "spread", "on-join", "external"] {
        assert_eq!((row(name).blanks, row(name).after.mean), (0, 6.0), "{name}");
    }
    assert_eq!(row("spread").stale, 0);
    assert!(
        row("spread").bytes < row("random").bytes && row("random").bytes < row("in-order").bytes
    );
    // Update proposals heal leaves and leave the tree blank.
    assert_eq!((row("batches").stale, row("batches").blanks), (0, 57));
    // The warm-up is cheap and breaks the invariant, as long as members have not updated.
    let book = warm_up_with_book(members, 3);
    assert_eq!(book.double_joins, 7 - 3);
    assert!(book.updates_until_clean >= 4.0 && book.updates_until_filled >= 4);
    // Early renewals pay for themselves once others commit often enough.
    let rows = first_days(members, &[1, 60]).unwrap();
    let bytes = |early: usize, commits: usize| {
        let row = rows.iter().find(|row| (row.early, row.commits) == (early, commits)).unwrap();
        row.early_bytes + row.commit_bytes
    };
    assert!(bytes(0, 1) < bytes(15, 1) && bytes(0, 60) > bytes(15, 60));
    let rows = worst_case(members).unwrap();
    assert_eq!((rows[0].creator, rows[0].members), (63, 64));
    assert_eq!(rows.last().unwrap().cost, Cost { mean: 6.0, max: 6.0, min: 6.0 });
}

#[test]
fn whoever_joins_without_a_path_costs_everybody_one_until_it_commits() {
    let members = 64;
    let rows = late_joiners(members).unwrap();
    assert_eq!(rows[0].cost, Cost { mean: 6.0, max: 6.0, min: 6.0 });
    // Twelve leaves beyond a full tree of 64: each old member has to reach every one of them.
    assert_eq!((rows[1].members, rows[1].creator), (76, 6 + 12));
    // Two of them far apart make two subtrees, of eight and of four leaves.
    assert!(rows[2].cost.mean < rows[1].cost.mean);
    let last = rows.last().unwrap();
    assert_eq!(last.creator, 6 + 1);
}

#[test]
fn the_curves_are_drawn() {
    let plots = lab::curves::plots(32, &mut |_, _| {}).unwrap();
    let curves = plots.iter().map(|plot| plot.curves.len());
    assert_eq!(curves.collect::<Vec<_>>(), [2, 4]);
    assert!(plots.iter().all(|plot| plot.svg().contains("</svg>")));
}

#[test]
fn orders_hold_every_number_once() {
    for order in [Order::LeftToRight, Order::Random(3), Order::Spread] {
        let mut numbers = order.of(100);
        numbers.sort_unstable();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    }
    assert_eq!(Order::Spread.of(8), [0, 4, 2, 6, 1, 5, 3, 7]);
}
