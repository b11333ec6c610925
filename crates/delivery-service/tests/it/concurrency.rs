//! Many at once (G1, G2, G4, G6).

use crate::world::{Group, Key, World, bundle, message, moved_to, refusal, window};
use delivery_api::key_package::ClaimKeyPackage;
use delivery_api::log::EntryKind;
use delivery_api::{Position, request};
use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) const RACERS: usize = 8;
const ROUNDS: usize = 15;

/// Runs `racer` on as many threads as there are racers, all let loose at once.
pub(crate) fn race<T: Send>(racer: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(RACERS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..RACERS)
            .map(|index| {
                let (barrier, racer) = (&barrier, &racer);
                scope.spawn(move || {
                    barrier.wait();
                    racer(index)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

pub(crate) fn one_of_many_racing_commits_wins(world: &World) {
    let mut group = Group::new(world);
    for round in 0..ROUNDS {
        let mut outcomes = race(|_| {
            let next = Key::fresh();
            let request = request::commit(group.log, &bundle(group.head, &next), None);
            (world.ask(&group.key, request), next)
        });
        let winner = outcomes.iter().position(|(outcome, _)| outcome.is_ok()).expect("a winner");
        let (receipt, key) = outcomes.swap_remove(winner);
        let head = receipt.unwrap().head.0;
        assert_eq!(head, group.head + 1, "round {round}");
        for (outcome, _) in outcomes {
            assert_eq!(moved_to(&refusal(outcome)), head, "round {round}");
        }
        (group.head, group.key) = (head, key);
    }
}

pub(crate) fn racing_claims_never_share_a_key_package(world: &World) {
    let owner = world.device();
    let count = RACERS * 5;
    let texts: Vec<_> = (0..count).map(|index| format!("key package {index}")).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    let mut upload = crate::key_packages::upload(world, 1, &texts);
    upload.last_resort = Some(b"last".into());
    world.get(&owner, request::upload_key_packages(owner.device(), &upload));
    let claimers: Vec<_> = (0..RACERS).map(|_| world.device()).collect();
    let claims = race(|index| {
        let claim = || request::claim_key_package(owner.device(), &ClaimKeyPackage { suite: 1 });
        (0..6).map(|_| world.get(&claimers[index], claim())).collect::<Vec<_>>()
    });
    let (last_resort, single): (Vec<_>, Vec<_>) =
        claims.into_iter().flatten().partition(|claimed| claimed.last_resort);
    assert_eq!((single.len(), last_resort.len()), (count, RACERS));
    let distinct: BTreeSet<_> = single.into_iter().map(|claimed| claimed.key_package).collect();
    assert_eq!(distinct.len(), count);
}

pub(crate) fn racing_retries_make_one_entry(world: &World) {
    let group = Group::new(world);
    let next = Key::fresh();
    let commit = bundle(0, &next);
    let receipts = race(|_| world.get(&group.key, request::commit(group.log, &commit, None)));
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]));
    let text = message(1, "once");
    let receipts = race(|_| world.get(&next, request::append(group.log, &text)));
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]));
    assert_eq!(world.read_all(group.log, &group.key, 0).0.len(), 2);
}

pub(crate) fn every_reader_sees_a_prefix(world: &World) {
    let mut group = Group::new(world);
    let first = group.commit(|_| ());
    let (log, head) = (group.log, group.head);
    let writing = AtomicBool::new(true);
    let reads = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = Vec::new();
                    while writing.load(Ordering::Acquire) {
                        let page = world.get(&first, request::read_log(log, window(0)));
                        reads.push(page);
                    }
                    reads
                })
            })
            .collect();
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let group = &group;
                scope.spawn(move || {
                    for number in 0..40 {
                        let receipt = group.send(&format!("{writer} {number}"));
                        // Whoever has a receipt can read the entry.
                        let after = window(receipt.position.0 - 1);
                        let page = world.get(&group.key, request::read_log(log, after));
                        assert_eq!(page.entries[0].position, receipt.position);
                    }
                })
            })
            .collect();
        let written: Vec<_> =
            writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        // Whatever happened, let the readers go before judging it.
        writing.store(false, Ordering::Release);
        assert!(written.iter().all(Result::is_ok));
        readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
    });
    let (all, _) = world.read_all(log, &first, 0);
    assert_eq!(all.len(), 121);
    assert_eq!((all[0].kind, all[0].position), (EntryKind::Commit, Position(head)));
    for page in reads {
        assert_eq!(page.entries, all[..page.entries.len()]);
        assert_eq!(page.end.0, page.entries.len() as u64);
    }
}
