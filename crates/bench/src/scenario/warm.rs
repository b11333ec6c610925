//! A group in which everybody has committed: all parents filled, two members alive.

use super::messages::{keys, load, messages};
use super::{NewParticipant, Stage, assert_agreement, commit_and_apply, making, process};
use crate::Failure;
use crate::floor::{self, count};
use crate::record::{Repetition, Series, try_time};
use crate::stack::{Change, Participant, Stored};
use crate::synthetic::WarmGroup;

/// The two members that are alive.
pub(super) struct Pair {
    pub(super) first: Box<dyn Participant>,
    pub(super) last: Box<dyn Participant>,
}

/// Joining from outside; updating, adding, removing; messages; loading; proposals.
pub fn warm(mut stage: Stage<'_>) -> Result<(), Failure> {
    let mut pair = enter(&mut stage)?;
    updates(&mut stage, &mut pair)?;
    messages(&mut stage, &mut pair)?;
    load(&mut stage, &mut pair)?;
    keys(&mut stage)?;
    joins(&mut stage, &mut pair)?;
    // Towards the end, because each removal leaves a path of blanks behind.
    adds_and_removes(&mut stage, &mut pair)?;
    proposals(&mut stage, &mut pair)?;
    stage.recorder.finish()
}

/// The two members come in: into the synthetic tree, or by an ordinary life if that is too small.
pub(super) fn enter(stage: &mut Stage<'_>) -> Result<Pair, Failure> {
    let (mut first, mut last) = ((stage.new)("first")?, (stage.new)("last")?);
    if stage.setting.members < 4 {
        first.create_group()?;
        let mut key_packages = stage.material.key_packages(stage.setting.members - 2)?;
        key_packages.push(last.key_package()?);
        last.persist()?;
        let added = commit_and_apply(&mut *first, Change::Add(&key_packages))?;
        let ratchet_tree = first.ratchet_tree()?;
        last.join(&added.made.welcome.ok_or("no Welcome")?, &ratchet_tree)?;
        let updated = commit_and_apply(&mut *first, Change::Update)?;
        process(&mut *last, &updated.made.commit)?;
        return Ok(Pair { first, last });
    }
    let members = stage.members();
    let warm = stage.material.warm_group(stage.setting.members)?;
    stage.recorder.figure("ratchet tree on the wire", count(warm.ratchet_tree.len()))?;
    let mut joins = Series::default();
    let mut entering =
        |stage: &mut Stage<'_>, joiner: &mut dyn Participant, (info, tree): (&[u8], &[u8])| {
            stage.recorder.take_prices();
            let (commit, made) = making(joiner, |joiner| joiner.join_external(info, tree))?;
            let shape = floor::commit_shape(&codec::Decode::from_bytes(&commit)?)?;
            let counts = floor::external_join(shape, members - 2, warm.parents);
            let ((), apply) = try_time(|| joiner.apply())?;
            let before = joiner.written();
            let ((), persist) = try_time(|| joiner.persist())?;
            let more = joiner.written() - before;
            let rows = made.stored.rows + more.rows;
            let stored = Stored { rows, bytes: made.stored.bytes + more.bytes };
            let (time, persist) = (made.time + apply, made.persist + persist);
            joins.add(Repetition { time, persist, stored, ..made }, Some(counts));
            Ok::<_, Failure>(commit)
        };
    entering(stage, &mut *first, (&warm.group_info, &warm.ratchet_tree))?;
    let (info, tree) = (first.group_info()?, first.ratchet_tree()?);
    let commit = entering(stage, &mut *last, (&info, &tree))?;
    process(&mut *first, &commit)?;
    assert_agreement(&mut *first, &mut *last)?;
    stage.recorder.series("external join", joins)?;
    Ok(Pair { first, last })
}

/// The two members come in, unobserved.
pub(super) fn enter_group(new: NewParticipant<'_>, warm: &WarmGroup) -> Result<Pair, Failure> {
    let (mut first, mut last) = (new("first")?, new("last")?);
    first.join_external(&warm.group_info, &warm.ratchet_tree)?;
    first.apply()?;
    first.persist()?;
    let (info, tree) = (first.group_info()?, first.ratchet_tree()?);
    let commit = last.join_external(&info, &tree)?;
    last.apply()?;
    last.persist()?;
    process(&mut *first, &commit)?;
    Ok(Pair { first, last })
}

/// Creating, applying and processing one kind of commit.
type CommitSeries = [Series; 3];

fn write_series(
    stage: &mut Stage<'_>,
    name: &str,
    [create, apply, process]: CommitSeries,
) -> Result<(), Failure> {
    stage.recorder.series(&format!("{name}: create"), create)?;
    stage.recorder.series(&format!("{name}: apply"), apply)?;
    stage.recorder.series(&format!("{name}: process"), process)
}

/// The first member renews its keys.
fn updates(stage: &mut Stage<'_>, pair: &mut Pair) -> Result<(), Failure> {
    let mut series = CommitSeries::default();
    let members = stage.members();
    for repetition in stage.repetitions() {
        stage.recorder.take_prices_now_and_then(repetition);
        one_change(pair, (Change::Update, members), &mut series)?;
    }
    write_series(stage, "update", series)
}

/// Somebody is added, joins by the Welcome, and is removed again.
fn joins(stage: &mut Stage<'_>, pair: &mut Pair) -> Result<(), Failure> {
    let members = stage.members();
    let mut series = Series::default();
    let wanted = if members <= 10_000 { 3 } else { 1 };
    for _ in 0..wanted {
        let mut newcomer = (stage.new)("newcomer")?;
        let key_package = [newcomer.key_package()?];
        newcomer.persist()?;
        let added = commit_and_apply(&mut *pair.first, Change::Add(&key_package))?;
        process(&mut *pair.last, &added.made.commit)?;
        let (welcome, tree) = (added.made.welcome.ok_or("no Welcome")?, pair.first.ratchet_tree()?);
        stage.recorder.take_prices();
        let before = newcomer.written();
        let ((), time) = try_time(|| newcomer.join(&welcome, &tree))?;
        let ((), persist) = try_time(|| newcomer.persist())?;
        let stored = newcomer.written() - before;
        // All parents but those above the newcomer's end of the tree are filled.
        let floor = floor::join(members + 1, members - 1);
        series.add(Repetition { time, persist, stored, wire: 0 }, Some(floor));
        assert_agreement(&mut *pair.first, &mut *newcomer)?;
        let leaf = u32::try_from(members)?;
        let removed = commit_and_apply(&mut *pair.first, Change::Remove(leaf))?;
        process(&mut *pair.last, &removed.made.commit)?;
    }
    stage.recorder.series("join, warm tree", series)
}

/// The first member adds somebody and removes somebody else, in turn: a newcomer gets the leaf that
/// was emptied last. The removed ones are spread over the tree, their paths still filled.
fn adds_and_removes(stage: &mut Stage<'_>, pair: &mut Pair) -> Result<(), Failure> {
    let (mut adds, mut removes) = (CommitSeries::default(), CommitSeries::default());
    let people = stage.material.key_packages(PEOPLE)?;
    let members = stage.members();
    let others = stage.setting.members - 2;
    let step = (others / 24).max(1);
    for (repetition, person) in stage.repetitions().zip(people.chunks(1)) {
        stage.recorder.take_prices_now_and_then(repetition);
        one_change(pair, (Change::Add(person), members), &mut adds)?;
        // With no others there is only the newcomer, at the right end.
        let place = u32::try_from(repetition)? * step;
        let leaf = if others == 0 { 2 } else { 1 + place % others };
        one_change(pair, (Change::Remove(leaf), members + 1), &mut removes)?;
    }
    write_series(stage, "add", adds)?;
    write_series(stage, "remove", removes)
}

fn one_change(
    pair: &mut Pair,
    (change, members): (Change<'_>, u64),
    [create, apply, processed]: &mut CommitSeries,
) -> Result<(), Failure> {
    let committed = commit_and_apply(&mut *pair.first, change)?;
    let joiners = committed.shape.adds + committed.shape.references;
    let counts = floor::create_commit(committed.shape, members, joiners);
    create.add(committed.create, Some(counts));
    apply.add(committed.apply, None);
    let followed = process(&mut *pair.last, &committed.made.commit)?;
    let counts = floor::process_commit(committed.shape, members, joiners);
    processed.add(followed, Some(counts));
    assert_agreement(&mut *pair.first, &mut *pair.last)
}

/// How many people stand ready to be added.
const PEOPLE: u32 = 64;

/// How many proposals one commit takes up.
const PROPOSALS: usize = 32;

/// The last member proposes to add people, the first receives that and commits.
fn proposals(stage: &mut Stage<'_>, pair: &mut Pair) -> Result<(), Failure> {
    let people = stage.material.key_packages(PEOPLE)?;
    let mut received = Series::default();
    for person in people.iter().rev().take(PROPOSALS) {
        let (proposal, _) = making(&mut *pair.last, |last| last.propose_add(person))?;
        let taken = process(&mut *pair.first, &proposal)?;
        received
            .add(Repetition { wire: count(proposal.len()), ..taken }, Some(floor::receive_add()));
    }
    stage.recorder.series("receive a proposal", received)?;
    let mut series = CommitSeries::default();
    let members = stage.members();
    one_change(pair, (Change::Received, members), &mut series)?;
    write_series(stage, "32 proposals", series)
}
