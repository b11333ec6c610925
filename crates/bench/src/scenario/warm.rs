//! A group in which everybody has committed: all parents filled, two members alive.

use testkit::WarmGroup;

use super::messages::{keys, load, messages};
use super::{NewParticipant, Stage, assert_agreement, commit_and_apply, making, process};
use crate::Failure;
use crate::floor::{self, count};
use crate::primitives::Backend;
use crate::record::{Repetition, Series, try_time};
use crate::stack::conclave::Conclave;
use crate::stack::{Change, Participant, Stored};

/// The two members that are alive.
pub(super) struct Pair {
    pub(super) first: Box<dyn Participant>,
    pub(super) last: Box<dyn Participant>,
    /// How many members the group has by now.
    pub(super) members: u64,
    /// How many newcomers were given names; one of the peers wants them to differ.
    newcomers: u32,
}

impl Pair {
    fn next_name(&mut self) -> String {
        self.newcomers += 1;
        format!("newcomer {}", self.newcomers)
    }
}

/// Joining from outside; updating, adding, removing; messages; loading; proposals.
pub fn warm(mut stage: Stage<'_>) -> Result<(), Failure> {
    let mut pair = enter(&mut stage)?;
    updates(&mut stage, &mut pair)?;
    messages(&mut stage, &mut pair)?;
    load(&mut stage, &mut pair)?;
    keys(&mut stage)?;
    removes(&mut stage, &mut pair)?;
    // What grows the group comes last.
    adds(&mut stage, &mut pair)?;
    joins(&mut stage, &mut pair)?;
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
        return Ok(Pair { first, last, members: stage.members(), newcomers: 0 });
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
    Ok(Pair { first, last, members, newcomers: 0 })
}

/// The two members come in, unobserved.
pub(super) fn enter_group(
    new: NewParticipant<'_>,
    (warm, members): (&WarmGroup, u64),
) -> Result<Pair, Failure> {
    let (mut first, mut last) = (new("first")?, new("last")?);
    first.join_external(&warm.group_info, &warm.ratchet_tree)?;
    first.apply()?;
    first.persist()?;
    let (info, tree) = (first.group_info()?, first.ratchet_tree()?);
    let commit = last.join_external(&info, &tree)?;
    last.apply()?;
    last.persist()?;
    process(&mut *first, &commit)?;
    Ok(Pair { first, last, members, newcomers: 0 })
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
    for repetition in stage.repetitions() {
        stage.recorder.take_prices_now_and_then(repetition);
        one_change(pair, Change::Update, &mut series)?;
    }
    write_series(stage, "update", series)
}

/// The first member removes somebody. The tree is warm again before the next time: a newcomer takes
/// the empty place by an external commit, which fills the path that was blanked. That newcomer is
/// always Conclave's, the quickest to enter; nothing of it is timed.
fn removes(stage: &mut Stage<'_>, pair: &mut Pair) -> Result<(), Failure> {
    let mut series = CommitSeries::default();
    let wanted = if pair.members <= 10_000 { 7 } else { 3 };
    let others = stage.setting.members - 2;
    let step = (others / 8).max(1);
    for repetition in 0..wanted {
        stage.recorder.take_prices();
        if repetition > 0 && others > 0 {
            refill(stage, pair)?;
        }
        // Pricing and entering leave the caches to others; an ordinary commit takes them back.
        let updated = commit_and_apply(&mut *pair.first, Change::Update)?;
        process(&mut *pair.last, &updated.made.commit)?;
        // Between two members there is nobody to remove who was not added for it.
        let leaf = if others == 0 {
            let person = stage.material.key_packages(1)?;
            let added = commit_and_apply(&mut *pair.first, Change::Add(&person))?;
            process(&mut *pair.last, &added.made.commit)?;
            pair.members += 1;
            2
        } else {
            1 + (repetition * step) % others
        };
        one_change(pair, Change::Remove(leaf), &mut series)?;
        pair.members -= 1;
    }
    write_series(stage, "remove", series)
}

/// A newcomer takes the first empty leaf and fills its path.
fn refill(stage: &Stage<'_>, pair: &mut Pair) -> Result<(), Failure> {
    let name = pair.next_name();
    let mut newcomer = Conclave::new(Backend::AwsLc, stage.setting.suite, &name, None)?;
    let (info, tree) = (pair.first.group_info()?, pair.first.ratchet_tree()?);
    let commit = newcomer.join_external(&info, &tree)?;
    process(&mut *pair.first, &commit)?;
    process(&mut *pair.last, &commit)?;
    pair.members += 1;
    assert_agreement(&mut *pair.first, &mut newcomer)
}

/// The first member adds people who do not come.
fn adds(stage: &mut Stage<'_>, pair: &mut Pair) -> Result<(), Failure> {
    let mut series = CommitSeries::default();
    let people = stage.material.key_packages(PEOPLE)?;
    for (repetition, person) in stage.repetitions().zip(people.chunks(1)) {
        stage.recorder.take_prices_now_and_then(repetition);
        one_change(pair, Change::Add(person), &mut series)?;
        pair.members += 1;
    }
    write_series(stage, "add", series)
}

/// Somebody is added and joins by the Welcome.
fn joins(stage: &mut Stage<'_>, pair: &mut Pair) -> Result<(), Failure> {
    let mut series = Series::default();
    let wanted = if pair.members <= 20_000 { 3 } else { 1 };
    for _ in 0..wanted {
        let mut newcomer = (stage.new)(&pair.next_name())?;
        let key_package = [newcomer.key_package()?];
        newcomer.persist()?;
        let added = commit_and_apply(&mut *pair.first, Change::Add(&key_package))?;
        process(&mut *pair.last, &added.made.commit)?;
        pair.members += 1;
        let (welcome, tree) = (added.made.welcome.ok_or("no Welcome")?, pair.first.ratchet_tree()?);
        stage.recorder.take_prices();
        let before = newcomer.written();
        let ((), time) = try_time(|| newcomer.join(&welcome, &tree))?;
        let ((), persist) = try_time(|| newcomer.persist())?;
        let stored = newcomer.written() - before;
        // Nearly all parents are filled.
        let floor = floor::join(pair.members, stage.members() - 1);
        series.add(Repetition { time, persist, stored, wire: 0 }, Some(floor));
        assert_agreement(&mut *pair.first, &mut *newcomer)?;
    }
    stage.recorder.series("join, warm tree", series)
}

fn one_change(
    pair: &mut Pair,
    change: Change<'_>,
    [create, apply, processed]: &mut CommitSeries,
) -> Result<(), Failure> {
    let members = pair.members;
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
    one_change(pair, Change::Received, &mut series)?;
    write_series(stage, "32 proposals", series)
}
