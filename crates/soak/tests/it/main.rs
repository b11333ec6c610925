//! A short soak: the same operations on a small group.

use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;
use soak::{Failure, Soak, Tally};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The heap belongs to one test at a time.
static HEAP: Mutex<()> = Mutex::new(());

const MEMBERS: u32 = 60;
const OPERATIONS: u32 = 400;
const CHECK_EVERY: u32 = 100;

/// What must have happened in one of the histories.
const HAPPENS: [&str; 26] = [
    "application messages lost",
    "application messages read",
    "application messages read in a later epoch",
    "application messages recognised as own",
    "application messages too late",
    "commits as PrivateMessage",
    "commits as PublicMessage",
    "commits in vain",
    "external commits of guests",
    "external commits of live members",
    "external commits that replace a former self",
    "joins by Welcome",
    "proposals by reference: add",
    "proposals by reference: external PSK",
    "proposals by reference: group context extensions",
    "proposals by reference: remove",
    "proposals by reference: resumption PSK",
    "proposals by reference: update",
    "proposals by the external sender",
    "proposals by value: add",
    "proposals by value: external PSK",
    "proposals by value: group context extensions",
    "proposals by value: remove",
    "proposals by value: resumption PSK",
    "proposals to add oneself",
    "removals of live members",
];

/// Lives through a soak and lets `each` see every step.
fn live(seed: u64, mut each: impl FnMut()) -> Result<Soak, Failure> {
    let folder = tempfile::tempdir()?;
    let mut soak = Soak::new(MEMBERS, seed, folder.path())?;
    for done in 1..=OPERATIONS {
        soak.step().map_err(|failure| format!("seed {seed}, operation {done}: {failure}"))?;
        each();
        if done % CHECK_EVERY == 0 {
            let standing = soak.check(ALLOCATOR.current_usage())?;
            println!("seed {seed}, operation {done}: {standing}");
        }
    }
    Ok(soak)
}

#[test]
fn live_members_agree_after_any_history_and_stay_within_bounds() {
    let _alone = HEAP.lock().unwrap_or_else(PoisonError::into_inner);
    let tallies: Vec<Tally> =
        (0..3).map(|seed| live(seed, || ()).unwrap().tally().clone()).collect();
    for what in HAPPENS {
        assert!(tallies.iter().any(|tally| tally.of(what) > 0), "never: {what}");
    }
}

#[test]
fn a_leak_in_every_operation_exceeds_the_bound() {
    let _alone = HEAP.lock().unwrap_or_else(PoisonError::into_inner);
    let mut leak = Vec::new();
    let failure = live(1, || leak.push(vec![0_u8; 2 << 10])).err().unwrap();
    assert!(failure.to_string().starts_with("heap of "), "{failure}");
}

#[test]
fn a_seed_determines_what_happens() {
    let _alone = HEAP.lock().unwrap_or_else(PoisonError::into_inner);
    let run = |seed| {
        let folder = tempfile::tempdir().unwrap();
        let mut soak = Soak::new(12, seed, folder.path()).unwrap();
        (0..100).for_each(|_| soak.step().unwrap());
        (soak.context().unwrap().clone(), soak.tally().clone())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}
