//! All histories up to a bound, and random walks beyond it.

use std::sync::Mutex;

use rayon::prelude::*;

use super::audit::{Counts, Finding, Leaks, Property, Scope};
use super::history::{Committer, History, Leak, Moment, Psk, Step};
use crate::Seeded;

/// Something that lives through steps: the real library, or a model of its rules.
pub trait World: Sized {
    /// A copy that goes its own way.
    fn fork(&self) -> Self;

    /// Lives through a commit.
    ///
    /// # Errors
    /// Somebody cannot follow, or two disagree (P5, P6).
    fn step(&mut self, step: &Step) -> Result<(), Finding>;

    /// What happened.
    fn history(&self) -> &History;

    /// What happened, to forget some of it.
    fn history_mut(&mut self) -> &mut History;

    /// How many people there are, in the group or not.
    fn people(&self) -> usize;

    /// Compares everything that the last step could have changed.
    ///
    /// # Errors
    /// A property does not hold.
    fn audit(&self, scope: Scope) -> Result<Counts, Finding>;

    /// Of which epochs the attacker knows anything after these of the history's leaks.
    fn known(&self, leaks: &[usize]) -> Vec<bool>;

    /// For each of the history's leaks, and if asked for any two of them, of which epochs the
    /// attacker knows anything.
    fn exposures(&self, leaks: Leaks) -> Vec<Vec<bool>>;
}

/// Which commits are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Menu {
    /// With a path: nothing else, one remove, one add.
    Core,
    /// Those; an update of another member, an add without path, PSKs with and without path, joins
    /// from outside, and several proposals at once.
    Full,
}

/// The commits that can come next.
#[must_use]
pub fn steps(world: &impl World, menu: Menu) -> Vec<Step> {
    let members: Vec<u32> = world.history().members().into_keys().collect();
    let has_room = members.len() < world.people();
    let mut steps = Vec::new();
    for &leaf in &members {
        let step = Step::path(Committer::Member(leaf));
        let others: Vec<u32> = members.iter().copied().filter(|&other| other != leaf).collect();
        steps.push(step.clone());
        steps.extend(others.iter().map(|&it| Step { removes: vec![it], ..step.clone() }));
        if has_room {
            steps.push(Step { adds: 1, ..step.clone() });
        }
        if menu == Menu::Full {
            steps.extend(further_steps(&step, &others, has_room));
        }
    }
    if menu == Menu::Full {
        if has_room {
            steps.push(Step::path(Committer::Newcomer));
            steps.push(Step { psk: Some(Psk::External), ..Step::path(Committer::Newcomer) });
        }
        if members.len() > 1 {
            steps.extend(members.iter().map(|&leaf| Step::path(Committer::Resync(leaf))));
        }
    }
    steps
}

fn further_steps(step: &Step, others: &[u32], has_room: bool) -> Vec<Step> {
    let mut steps: Vec<Step> =
        others.iter().map(|&it| Step { updates: vec![it], ..step.clone() }).collect();
    for has_path in [true, false] {
        for psk in [Psk::External, Psk::Resumption] {
            steps.push(Step { psk: Some(psk), has_path, ..step.clone() });
        }
    }
    if has_room {
        steps.push(Step { adds: 1, has_path: false, ..step.clone() });
        steps.push(Step { adds: 1, psk: Some(Psk::External), ..step.clone() });
        steps.extend(others.iter().map(|&it| Step { adds: 1, removes: vec![it], ..step.clone() }));
    }
    if let [first, second, ..] = others {
        steps.push(Step { removes: vec![*first, *second], ..step.clone() });
        steps.push(Step { removes: vec![*first], updates: vec![*second], ..step.clone() });
    }
    steps
}

/// Brings a group of one to `members`, each added by the one before, and forgets the leaks of the
/// way there.
///
/// # Errors
/// As [`World::step`].
pub fn grow(world: &mut impl World, members: u32) -> Result<(), Finding> {
    for leaf in 1..members {
        world.step(&Step { adds: 1, ..Step::path(Committer::Member(leaf - 1)) })?;
    }
    world.history_mut().forget_old_leaks();
    Ok(())
}

/// All histories of `depth` commits from here on; every prefix is audited.
///
/// # Errors
/// The first history in which a property does not hold.
pub fn explore(
    world: &impl World,
    menu: Menu,
    depth: usize,
    scope: Scope,
) -> Result<Counts, Finding> {
    let mut counts = world.audit(scope)?;
    if depth > 0 {
        for step in steps(world, menu) {
            let mut next = world.fork();
            match next.step(&step) {
                Err(finding) if !scope.wants(finding.property) => continue,
                outcome => outcome?,
            }
            counts.add(explore(&next, menu, depth - 1, scope)?);
        }
    }
    Ok(counts)
}

/// [`explore`], with all processors, and told how many of the first commits are done.
///
/// # Errors
/// A history in which a property does not hold.
pub fn explore_all<W: World + Send + Sync>(
    world: &W,
    menu: Menu,
    depth: usize,
    scope: Scope,
    tell: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Counts, Finding> {
    let mut counts = world.audit(scope)?;
    let steps = if depth > 0 { steps(world, menu) } else { Vec::new() };
    let tell = Mutex::new((tell, 0));
    let outcomes = steps.par_iter().map(|step| {
        let mut next = world.fork();
        next.step(step)?;
        let counts = explore(&next, menu, depth - 1, scope)?;
        if let Ok(mut tell) = tell.lock() {
            tell.1 += 1;
            let done = tell.1;
            (tell.0)(done, steps.len() as u64);
        }
        Ok(counts)
    });
    for more in outcomes.collect::<Result<Vec<_>, Finding>>()? {
        counts.add(more);
    }
    Ok(counts)
}

/// How many leaks of earlier epochs a random life keeps comparing.
const OLD_LEAKS_MAX: usize = 48;

fn forget_some(history: &mut History, random: &mut Seeded) {
    let newest = history.newest();
    let is_old = |leak: &Leak| leak.epoch < newest && leak.moment != Moment::Psk;
    while history.leaks.iter().filter(|leak| is_old(leak)).count() > OLD_LEAKS_MAX {
        let place = random.below(history.leaks.len());
        if is_old(&history.leaks[place]) {
            history.leaks.remove(place);
        }
    }
}

/// One history of random commits. Of the leaks of earlier epochs, some stay.
///
/// # Errors
/// A property does not hold.
pub fn walk(
    world: &mut impl World,
    length: usize,
    scope: Scope,
    random: &mut Seeded,
) -> Result<Counts, Finding> {
    let mut counts = world.audit(scope)?;
    for _ in 0..length {
        let steps = steps(world, Menu::Full);
        let step = &steps[random.below(steps.len())];
        world.step(step)?;
        counts.add(world.audit(scope)?);
        forget_some(world.history_mut(), random);
    }
    Ok(counts)
}

/// Random lives of copies of a world, by all processors: `count` of `length` commits, the first
/// with this seed.
///
/// # Errors
/// A life in which a property does not hold; its story is told.
pub fn walks<W: World + Send + Sync>(
    world: &W,
    (seed, count, length): (u64, u64, usize),
    tell: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Counts, Finding> {
    let tell = Mutex::new((tell, 0));
    let outcomes = (seed..seed.saturating_add(count)).into_par_iter().map(|seed| {
        let scope = Scope::all(Leaks::Single);
        let counts = walk(&mut world.fork(), length, scope, &mut Seeded::new(seed))?;
        if let Ok(mut tell) = tell.lock() {
            tell.1 += 1;
            let done = tell.1;
            (tell.0)(done, count);
        }
        Ok(counts)
    });
    let mut counts = Counts::default();
    for more in outcomes.collect::<Result<Vec<_>, Finding>>()? {
        counts.add(more);
    }
    Ok(counts)
}

/// All histories of `depth` commits in two worlds side by side: whatever leaks, the attacker knows
/// the same epochs in both. Returns how many histories were compared.
///
/// # Errors
/// The first history in which the worlds differ, or one of them cannot go on.
pub fn compare(
    one: &impl World,
    other: &impl World,
    menu: Menu,
    depth: usize,
) -> Result<u64, Finding> {
    if one.exposures(Leaks::Pairs) != other.exposures(Leaks::Pairs) {
        let (property, what) = (Property::Search, "two worlds differ".to_owned());
        return Err(Finding { property, what, story: one.history().story() });
    }
    let mut compared = 1;
    if depth > 0 {
        for step in steps(one, menu) {
            let (mut one, mut other) = (one.fork(), other.fork());
            one.step(&step)?;
            other.step(&step)?;
            compared += compare(&one, &other, menu, depth - 1)?;
        }
    }
    Ok(compared)
}
