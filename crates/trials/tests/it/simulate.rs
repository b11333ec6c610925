//! The simulator: schedules of real logic and engines pass, and a seed determines them.

use trials::simulate::{run, run_many};

/// Schedules of the short form.
const SCHEDULES: u64 = 200;

#[test]
fn clients_agree_and_lose_nothing_under_any_schedule() {
    let tally = run_many(1, SCHEDULES, |_| ()).unwrap();
    assert_eq!(tally.schedules, SCHEDULES);
    // Or else nothing was at stake.
    for count in [tally.lost, tally.doubled, tally.crashes, tally.outages, tally.removals] {
        assert!(count > SCHEDULES / 10, "{tally}");
    }
    assert!(tally.messages > SCHEDULES && tally.epochs > SCHEDULES, "{tally}");
}

#[test]
fn a_seed_determines_every_request_and_answer() {
    let (tally, records) = run(7).unwrap();
    assert_eq!(run(7).unwrap(), (tally, records));
    assert_ne!(run(8).unwrap().1, run(7).unwrap().1);
}

/// Anchors who had been removed, and did not know it yet, locked the log and were gone.
#[test]
fn schedules_that_have_found_something_pass() {
    for seed in [210, 2_000_024, 3_000_558] {
        run(seed).unwrap();
    }
}
