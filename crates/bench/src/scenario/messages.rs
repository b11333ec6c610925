//! Application messages, key packages, and coming back from the store.

use std::time::Duration;

use super::warm::Pair;
use super::{Stage, assert_agreement, commit_and_apply, making, repetitions};
use crate::Failure;
use crate::floor::{self, count};
use crate::record::{Repetition, Series, try_time};
use crate::stack::{Change, Participant};

const SIZES: [(usize, &str); 4] =
    [(32, "32 B"), (1 << 10, "1 KiB"), (1 << 16, "64 KiB"), (1 << 20, "1 MiB")];

/// How many messages are lost before the one that is measured.
const SKIPPED: usize = 1000;

/// Sending and receiving in one epoch.
pub(super) fn messages(stage: &mut Stage<'_>, pair: &mut Pair) -> Result<(), Failure> {
    // The first message of an epoch also derives the sender's ratchets.
    let mut first = Series::default();
    let message = send(&mut *pair.first, &[0; 32])?;
    first.add(receive(&mut *pair.last, &message.0)?, None);
    stage.recorder.series("unprotect 32 B, first of an epoch", first)?;
    for (size, name) in SIZES {
        let data = vec![7; size];
        let (mut protected, mut unprotected) = (Series::default(), Series::default());
        let wanted = if size > 1 << 12 { 15 } else { 61 };
        for repetition in repetitions(wanted, Duration::from_secs(stage.setting.seconds / 24)) {
            stage.recorder.take_prices_now_and_then(repetition);
            let (message, sent) = send(&mut *pair.first, &data)?;
            protected.add(sent, Some(floor::protect(count(size))));
            let received = receive(&mut *pair.last, &message)?;
            unprotected.add(received, Some(floor::unprotect(count(size), 0)));
        }
        stage.recorder.series(&format!("protect {name}"), protected)?;
        stage.recorder.series(&format!("unprotect {name}"), unprotected)?;
    }
    let mut skipped = Series::default();
    for _ in 0..3 {
        for _ in 0..SKIPPED {
            pair.first.protect(&[7; 32])?;
        }
        let (message, _) = send(&mut *pair.first, &[7; 32])?;
        let received = receive(&mut *pair.last, &message)?;
        skipped.add(received, Some(floor::unprotect(32, count(SKIPPED))));
        next_epoch(pair)?;
    }
    stage.recorder.series("unprotect 32 B, 1000 ahead", skipped)
}

/// A commit, so that nothing is left of what was skipped.
fn next_epoch(pair: &mut Pair) -> Result<(), Failure> {
    let committed = commit_and_apply(&mut *pair.first, Change::Update)?;
    pair.last.process(&committed.made.commit)?;
    pair.last.persist()?;
    assert_agreement(&mut *pair.first, &mut *pair.last)
}

fn send(sender: &mut dyn Participant, data: &[u8]) -> Result<(Vec<u8>, Repetition), Failure> {
    making(sender, |sender| sender.protect(data))
}

fn receive(receiver: &mut dyn Participant, message: &[u8]) -> Result<Repetition, Failure> {
    let before = receiver.written();
    let (_, time) = try_time(|| receiver.unprotect(message))?;
    let ((), persist) = try_time(|| receiver.persist())?;
    Ok(Repetition { time, persist, stored: receiver.written() - before, wire: 0 })
}

/// Key packages: making, and validating somebody's.
pub(super) fn keys(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let mut person = (stage.new)("person")?;
    // One of the peers validates key packages within a group only.
    person.create_group()?;
    let (mut made, mut validated) = (Series::default(), Series::default());
    for repetition in 0..31 {
        stage.recorder.take_prices_now_and_then(repetition);
        let (key_package, creation) = making(&mut *person, |person| person.key_package())?;
        made.add(creation, Some(floor::create_key_package()));
        let ((), time) = try_time(|| person.validate_key_package(&key_package))?;
        let validation = Repetition { time, ..Repetition::default() };
        validated.add(validation, Some(floor::validate_key_package()));
    }
    stage.recorder.series("create key package", made)?;
    stage.recorder.series("validate key package", validated)
}

/// Coming back from the store: alone, and up to the first thing that is done.
pub(super) fn load(stage: &mut Stage<'_>, pair: &mut Pair) -> Result<(), Failure> {
    let stored = pair.last.stored();
    if stored.bytes > 0 {
        stage.recorder.figure("stored bytes of a group", stored.bytes)?;
        stage.recorder.figure("stored rows of a group", stored.rows)?;
    }
    let mut series: [Series; 3] = Default::default();
    for _ in stage.repetitions().take(5) {
        let [alone, sending, processing] = &mut series;
        alone.add(opening(&mut *pair.last, |last| last.load())?, None);
        let send = |last: &mut dyn Participant| last.load_and_protect(&[7; 32]).map(|_| ());
        sending.add(opening(&mut *pair.last, send)?, None);
        let committed = commit_and_apply(&mut *pair.first, Change::Update)?;
        let commit = &committed.made.commit;
        let follow = |last: &mut dyn Participant| last.load().and_then(|()| last.process(commit));
        processing.add(opening(&mut *pair.last, follow)?, None);
        assert_agreement(&mut *pair.first, &mut *pair.last)?;
    }
    let [alone, sending, processing] = series;
    stage.recorder.series("load", alone)?;
    stage.recorder.series("load and send", sending)?;
    stage.recorder.series("load and process a commit", processing)
}

fn opening(
    member: &mut dyn Participant,
    operation: impl FnOnce(&mut dyn Participant) -> Result<(), Failure>,
) -> Result<Repetition, Failure> {
    member.forget();
    let before = member.written();
    let ((), time) = try_time(|| operation(member))?;
    let ((), persist) = try_time(|| member.persist())?;
    Ok(Repetition { time, persist, stored: member.written() - before, wire: 0 })
}
