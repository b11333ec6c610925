//! A group that one member has just made: all parents blank.

use std::time::Duration;

use super::{Stage, assert_agreement, commit_and_apply, process, repetitions, sum};
use crate::Failure;
use crate::floor;
use crate::record::{Repetition, Series, try_time};
use crate::stack::Change;

/// Creating a group and adding everybody in one commit, joining it, the first commit with a path.
pub fn cold(mut stage: Stage<'_>) -> Result<(), Failure> {
    let members = stage.members();
    let wanted = match members {
        0..=1_000 => 7,
        1_001..=10_000 => 3,
        _ => 1,
    };
    let mut series: [Series; 5] = Default::default();
    for _ in repetitions(wanted, Duration::from_secs(stage.setting.seconds / 3)) {
        once(&mut stage, &mut series)?;
    }
    let [create, join, path_create, path_apply, path_process] = series;
    stage.recorder.series("create and add all", create)?;
    stage.recorder.series("join, blank tree", join)?;
    stage.recorder.series("blank tree: create commit", path_create)?;
    stage.recorder.series("blank tree: apply own commit", path_apply)?;
    stage.recorder.series("blank tree: process commit", path_process)?;
    stage.recorder.finish()
}

fn once(stage: &mut Stage<'_>, series: &mut [Series; 5]) -> Result<(), Failure> {
    let members = stage.members();
    let [create, join, path_create, path_apply, path_process] = series;
    let (mut first, mut last) = ((stage.new)("first")?, (stage.new)("last")?);
    let mut key_packages = stage.material.key_packages(stage.setting.members - 2)?;
    key_packages.push(last.key_package()?);
    last.persist()?;
    stage.recorder.take_prices();

    let ((), founding) = try_time(|| first.create_group())?;
    let ((), founding_persist) = try_time(|| first.persist())?;
    let added = commit_and_apply(&mut *first, Change::Add(&key_packages))?;
    let whole = Repetition {
        time: founding + sum([added.create.time, added.apply.time]),
        persist: founding_persist + sum([added.create.persist, added.apply.persist]),
        stored: first.written(),
        wire: added.shape.bytes,
    };
    let counts = floor::create_group() + floor::create_commit(added.shape, 1, members - 1);
    create.add(whole, Some(counts));
    stage.recorder.take_prices();

    let welcome = added.made.welcome.ok_or("no Welcome")?;
    let ratchet_tree = first.ratchet_tree()?;
    let before = last.written();
    let ((), time) = try_time(|| last.join(&welcome, &ratchet_tree))?;
    let ((), persist) = try_time(|| last.persist())?;
    let stored = last.written() - before;
    join.add(Repetition { time, persist, stored, wire: 0 }, Some(floor::join(members, 0)));
    assert_agreement(&mut *first, &mut *last)?;
    stage.recorder.take_prices();

    let committed = commit_and_apply(&mut *first, Change::Update)?;
    let counts = floor::create_commit(committed.shape, members, 0);
    path_create.add(committed.create, Some(counts));
    path_apply.add(Repetition { wire: 0, ..committed.apply }, None);
    stage.recorder.take_prices();
    let processed = process(&mut *last, &committed.made.commit)?;
    path_process.add(processed, Some(floor::process_commit(committed.shape, members, 0)));
    assert_agreement(&mut *first, &mut *last)
}
