//! Random lives of groups on paper, compared with what is known after every commit.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tree::LeafIndex;

use super::{Act, Broken, By, Knowledge, PaperGroup};
use crate::measure::Progress;
use crate::{Failure, Seeded, Table};

/// What a life may be like.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// The most members that the group may have.
    pub members_max: usize,
    /// How many commits it lives.
    pub commits: usize,
}

/// What was lived through, all of it without a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lives.
    pub histories: u64,
    /// Commits.
    pub commits: u64,
    /// Of these, without a path.
    pub without_path: u64,
    /// Of these, external ones.
    pub external: u64,
    /// Members that were added.
    pub added: u64,
    /// Members that were removed, also by themselves when they came back from outside.
    pub removed: u64,
    /// Update proposals that were committed.
    pub updated: u64,
    /// The most members that a group had.
    pub members_max: u64,
    /// Nodes whose holders were compared with the members below.
    pub compared: u64,
}

impl Tally {
    fn and(self, other: Self) -> Self {
        Self {
            histories: self.histories + other.histories,
            commits: self.commits + other.commits,
            without_path: self.without_path + other.without_path,
            external: self.external + other.external,
            added: self.added + other.added,
            removed: self.removed + other.removed,
            updated: self.updated + other.updated,
            members_max: self.members_max.max(other.members_max),
            compared: self.compared + other.compared,
        }
    }
}

/// Lives through so many histories of at most so many members, and reports them as a table.
pub fn table(count: u64, members_max: usize, progress: Progress<'_>) -> Result<Table, Failure> {
    const AT_ONCE: u64 = 256;
    let mut tally = Tally::default();
    while tally.histories < count {
        let next = (tally.histories + AT_ONCE).min(count);
        let lived = histories(tally.histories..next, members_max);
        tally = tally.and(lived.map_err(|failed| Failure::Message(failed.to_string()))?);
        progress(tally.histories, count);
    }
    Ok(tally.table())
}

impl Tally {
    fn table(&self) -> Table {
        let title = "Who knows which node's key: random lives without a finding";
        let mut table = Table::new("invariant", title, &["what", "count"]);
        for (what, count) in [
            ("lives", self.histories),
            ("commits", self.commits),
            ("commits without a path", self.without_path),
            ("external commits", self.external),
            ("added", self.added),
            ("removed", self.removed),
            ("updated by proposal", self.updated),
            ("members at most", self.members_max),
            ("nodes compared", self.compared),
        ] {
            table.row([what.into(), count.into()]);
        }
        table
    }
}

/// A life that went wrong.
#[derive(Debug)]
pub struct Failed {
    /// The seed that leads there.
    pub seed: u64,
    /// The commit, counted from 0.
    pub commit: usize,
    /// What was to be committed.
    pub act: Act,
    /// What was found.
    pub finding: Finding,
}

/// What can go wrong.
#[derive(Debug)]
pub enum Finding {
    /// The tree crate refused a commit that obeys the rules.
    Refused(tree::Error),
    /// Knowledge and tree disagree.
    Broken(Broken),
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, commit, act, finding } = self;
        write!(formatter, "seed {seed}, commit {commit}, {act:?}: ")?;
        match finding {
            Finding::Refused(error) => write!(formatter, "refused: {error}"),
            Finding::Broken(broken) => write!(formatter, "{broken}"),
        }
    }
}

impl std::error::Error for Failed {}

/// Lives one life.
pub fn live(seed: u64, life: Life) -> Result<Tally, Box<Failed>> {
    let (group, knowledge) = PaperGroup::new();
    go_on((group, knowledge), seed, life)
}

/// The smallest case, after the simulator that was shown to the working group with blanking: a
/// group of 63, its tree filled, and 200 rounds of anything.
pub fn chaos(seed: u64) -> Result<Tally, Box<Failed>> {
    const MEMBERS: usize = 63;
    let failed = |error| {
        let act = Act::empty(By::Joiner { former: None });
        Box::new(Failed { seed, commit: 0, act, finding: Finding::Refused(error) })
    };
    let (mut group, mut knowledge) = PaperGroup::created(MEMBERS).map_err(failed)?;
    for leaf in group.members().collect::<Vec<_>>() {
        knowledge.follow(&group.commit(&Act::empty(By::Member(leaf))).map_err(failed)?);
    }
    go_on((group, knowledge), seed, Life { members_max: MEMBERS, commits: 200 })
}

fn go_on(
    (mut group, mut knowledge): (PaperGroup, Knowledge),
    seed: u64,
    life: Life,
) -> Result<Tally, Box<Failed>> {
    let mut random = Seeded::new(seed);
    let mut tally = Tally { histories: 1, ..Tally::default() };
    for commit in 0..life.commits {
        let act = random_act(&group, life.members_max, &mut random);
        let failed =
            |act: &Act, finding| Box::new(Failed { seed, commit, act: act.clone(), finding });
        let done = group.commit(&act).map_err(|it| failed(&act, Finding::Refused(it)))?;
        knowledge.follow(&done);
        let compared = knowledge.verify(&group);
        let compared = compared.map_err(|it| failed(&act, Finding::Broken(it)))?;
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let came_back = matches!(act.by, By::Joiner { former: Some(_) });
        tally = tally.and(Tally {
            histories: 0,
            commits: 1,
            without_path: u64::from(done.path.is_none()),
            external: u64::from(done.is_external),
            added: count(act.adds),
            removed: count(act.removes.len()) + u64::from(came_back),
            updated: count(act.updates.len()),
            members_max: count(group.members().count()),
            compared,
        });
    }
    Ok(tally)
}

/// Takes some of `from`, at random.
fn take(from: &mut Vec<LeafIndex>, most: usize, random: &mut Seeded) -> Vec<LeafIndex> {
    let wanted = random.below(most.min(from.len()) + 1);
    (0..wanted).map(|_| from.swap_remove(random.below(from.len()))).collect()
}

/// Anything that the rules allow in a group of at most so many members.
#[must_use]
pub fn random_act(group: &PaperGroup, members_max: usize, random: &mut Seeded) -> Act {
    let mut others: Vec<LeafIndex> = group.members().collect();
    let room = members_max.saturating_sub(others.len());
    let kind = random.below(100);
    if kind < 10 && (room > 0 || others.len() > 1) {
        let comes_back = room == 0 || (others.len() > 1 && random.below(2) == 0);
        let former = comes_back.then(|| others[random.below(others.len())]);
        return Act::empty(By::Joiner { former });
    }
    let committer = others.swap_remove(random.below(others.len()));
    let mut act = Act::empty(By::Member(committer));
    act.path = random.below(2) == 0;
    // One in three adds as many as there are, so that groups become large at all.
    let adds = if random.below(3) == 0 { 2 * others.len() + 2 } else { 2 };
    match kind {
        10..35 => act.adds = random.below(room.min(adds) + 1),
        35..50 => act.removes = take(&mut others, 3, random),
        50..65 => act.updates = take(&mut others, 4, random),
        65..80 => {}
        _ => {
            act.updates = take(&mut others, 3, random);
            act.removes = take(&mut others, 3, random);
            act.adds = random.below(room.min(adds) + 1);
        }
    }
    act
}

/// Lives through the histories of these seeds, on all cores. Groups have at most `members_max`
/// members, most of them far fewer: small trees have the odd shapes.
pub fn histories(seeds: Range<u64>, members_max: usize) -> Result<Tally, Box<Failed>> {
    let next = AtomicU64::new(seeds.start);
    let work = || -> Result<Tally, Box<Failed>> {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(tally);
            }
            tally = tally.and(live(seed, life_of(seed, members_max))?);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let results = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join();
        threads.into_iter().map(join).collect::<Vec<_>>()
    });
    results.into_iter().try_fold(Tally::default(), |tally, result| match result {
        Ok(done) => Ok(tally.and(done?)),
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// The life of a seed: one in 32 may reach the most members, one in 32 half as many, then twice as
/// many lives for each halving. The larger, the longer.
fn life_of(seed: u64, members_max: usize) -> Life {
    let halvings = (0..5).find(|bit| seed >> bit & 1 == 1).map_or(0, |bit| 5 - bit);
    Life { members_max: (members_max >> halvings).max(3), commits: 8 << ((5 - halvings) / 2) }
}
