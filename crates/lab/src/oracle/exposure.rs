//! Forward secrecy and post-compromise security as tables: what a leak exposes, by what comes next.
//!
//! The group has four members who all have committed once; the victim is at leaf 1. Nothing in the
//! tables is computed from a predicate: a word says what the attacker found.

use mls::{HandshakeFormat, Settings};

use super::audit::{Finding, Leaks, Scope};
use super::explore::{World, grow};
use super::history::{Committer, Moment, Psk, Step};
use super::log::EPOCH_LABELS;
use super::real::{Real, strict};
use crate::Table;

/// How many people a scenario needs.
pub const PEOPLE: usize = 6;
const MEMBERS: u32 = 4;
const VICTIM: u32 = 1;
const ANOTHER: u32 = 2;
const THIRD: u32 = 3;
/// The first person who is not in the group.
const NEWCOMER: usize = 4;

/// A leak: whose, how many epochs after the start, and when.
type Theft = (usize, usize, Moment);

struct Scenario {
    /// What leaks.
    leak: &'static str,
    /// What comes next.
    next: &'static str,
    steps: Vec<Step>,
    thefts: Vec<Theft>,
}

fn by(leaf: u32) -> Step {
    Step::path(Committer::Member(leaf))
}

/// The victim's rows leak; then one commit, then one of a third member.
fn after_a_leak() -> Vec<Scenario> {
    let (other, own) = (by(ANOTHER), by(VICTIM));
    let psk = |psk, has_path| Step { psk: Some(psk), has_path, ..by(ANOTHER) };
    let commits = [
        ("another commits", other.clone()),
        ("another adds, with a path", Step { adds: 1, ..other.clone() }),
        ("another adds, without a path", Step { adds: 1, has_path: false, ..other.clone() }),
        ("the victim adds, without a path", Step { adds: 1, has_path: false, ..own.clone() }),
        ("another removes a third", Step { removes: vec![0], ..other.clone() }),
        ("another updates a third", Step { updates: vec![0], ..other.clone() }),
        ("a resumption PSK, without a path", psk(Psk::Resumption, false)),
        ("an external PSK, without a path", psk(Psk::External, false)),
        ("somebody joins from outside", Step::path(Committer::Newcomer)),
        ("another joins anew from outside", Step::path(Committer::Resync(ANOTHER))),
        ("the victim commits", own),
        ("the victim's Update is committed", Step { updates: vec![VICTIM], ..other.clone() }),
        ("the victim joins anew from outside", Step::path(Committer::Resync(VICTIM))),
        ("the victim is removed", Step { removes: vec![VICTIM], ..other.clone() }),
        ("the victim is removed, another added", Step { removes: vec![VICTIM], adds: 1, ..other }),
    ];
    let scenario = |(next, step)| Scenario {
        leak: "a member",
        next,
        steps: vec![step, by(THIRD)],
        thefts: vec![(1, 0, Moment::Start)],
    };
    let mut scenarios: Vec<_> = commits.map(scenario).into();
    scenarios.push(Scenario {
        leak: "a member, and the PSK",
        next: "an external PSK, without a path",
        steps: vec![psk(Psk::External, false), by(THIRD)],
        thefts: vec![(1, 0, Moment::Start), (0, 0, Moment::Psk)],
    });
    scenarios
}

/// Leaks of what waits.
fn of_what_waits() -> Vec<Scenario> {
    let add = Step { adds: 1, ..by(ANOTHER) };
    let update = Step { updates: vec![VICTIM], ..by(ANOTHER) };
    let waiting = [
        ("a key package that waits", "its owner is added", add, (NEWCOMER, 0, Moment::KeyPackage)),
        ("an own Update that waits", "it is committed", update, (1, 0, Moment::Update)),
        ("an own commit that waits", "it is accepted", by(VICTIM), (1, 0, Moment::Pending)),
        (
            "an external commit that waits",
            "it is accepted",
            Step::path(Committer::Newcomer),
            (NEWCOMER, 0, Moment::Pending),
        ),
        (
            "a removed member, afterwards",
            "(it was removed)",
            Step { removes: vec![VICTIM], ..by(ANOTHER) },
            (1, 1, Moment::Start),
        ),
    ];
    let scenario = |(leak, next, step, theft)| Scenario {
        leak,
        next,
        steps: vec![step, by(THIRD)],
        thefts: vec![theft],
    };
    waiting.map(scenario).into()
}

/// The victim's rows leak, it heals, two others commit; then somebody else's rows leak.
fn of_two() -> Vec<Scenario> {
    let first = (1, 0, Moment::Start);
    let second = [
        ("nobody", None),
        ("the one who has never committed since", Some(2)),
        ("the one who committed second", Some(3)),
        ("the one who committed last", Some(0)),
        ("the victim again", Some(1)),
    ];
    let scenario = |(leak, person): (_, Option<usize>)| Scenario {
        leak,
        next: "the victim commits, then two others",
        steps: vec![by(VICTIM), by(THIRD), by(0)],
        thefts: std::iter::once(first).chain(person.map(|it| (it, 3, Moment::Start))).collect(),
    };
    second.map(scenario).into()
}

/// What each epoch from the one before the leak on is after a scenario.
fn play<W: World>(world: &W, scenario: &Scenario) -> Result<Vec<&'static str>, Finding> {
    let mut world = world.fork();
    let start = world.history().newest();
    for step in &scenario.steps {
        world.step(step)?;
        world.audit(Scope::all(Leaks::Single))?;
    }
    let leaks = world.history().leaks.iter().enumerate().filter(|(_, leak)| {
        let epochs = leak.epoch.saturating_sub(start);
        scenario.thefts.contains(&(leak.person, epochs, leak.moment))
    });
    let places: Vec<usize> = leaks.map(|(place, _)| place).collect();
    let known = world.known(&places);
    Ok(known[start - 1..].iter().map(|known| if *known { "exposed" } else { "secret" }).collect())
}

/// Brings a group of one to where the scenarios begin.
///
/// # Errors
/// As [`World::step`].
pub fn start<W: World>(mut world: W) -> Result<W, Finding> {
    grow(&mut world, MEMBERS)?;
    for leaf in 0..MEMBERS {
        world.step(&by(leaf))?;
    }
    world.history_mut().forget_old_leaks();
    Ok(world)
}

/// The tables of one leak and of two. The world comes from [`start`].
///
/// # Errors
/// A property does not hold.
pub fn tables<W: World>(world: &W) -> Result<Vec<Table>, Finding> {
    let columns = ["leak", "what comes next", "before", "epoch of the leak", "next epoch", "then"];
    let title = "What a leak exposes";
    let mut one = Table::new("leaks", title, &columns);
    for scenario in after_a_leak().iter().chain(&of_what_waits()) {
        let known = play(world, scenario)?.into_iter().map(Into::into);
        let names = [scenario.leak.into(), scenario.next.into()].into_iter();
        one.rows.push(names.chain(known).collect());
    }
    let columns =
        ["second leak", "before", "epoch of the first leak", "healed", "then", "the last"];
    let title = "What a second leak exposes: the victim's rows leak, it commits, and two others do";
    let mut two = Table::new("two-leaks", title, &columns);
    for scenario in &of_two() {
        let known = play(world, scenario)?.into_iter().map(Into::into);
        two.rows.push(std::iter::once(scenario.leak.into()).chain(known).collect());
    }
    Ok(vec![one, two])
}

/// How many ended epochs a thief finds something of, by the application's settings.
///
/// # Errors
/// A commit fails.
pub fn kept_table() -> Result<Table, Finding> {
    let columns = ["settings", "past epochs", "of messages", "resumption PSKs", "of anything else"];
    let mut table = Table::new("kept", "Ended epochs that the rows still tell of", &columns);
    let default = Settings { handshakes: HandshakeFormat::Public, ..Settings::default() };
    let all = [
        ("nothing kept", strict(HandshakeFormat::Public)),
        ("default", default.clone()),
        ("default, no late messages", Settings { past_epochs_max: 0, ..default }),
    ];
    for (name, settings) in all {
        let world = Real::new(2, settings, 3).map_err(|error| Finding::failed(&error))?;
        let mut world = world;
        grow(&mut world, 2)?;
        let past: u32 = 12;
        for number in 0..past {
            world.step(&by(number % 2))?;
        }
        let counts = world.kept_labels(0, past as usize);
        let count = |labels: &[&str]| {
            let of = |label: &str| EPOCH_LABELS.iter().position(|it| *it == label);
            let places = labels.iter().filter_map(|label| of(label));
            places.map(|place| counts[place]).max().unwrap_or_default()
        };
        let messages = count(&["sender data", "encryption"]);
        let resumption = count(&["resumption"]);
        let rest =
            count(&["exporter", "external", "confirm", "membership", "authentication", "init"]);
        let row = [name.into(), past.into(), messages.into(), resumption.into(), rest.into()];
        table.rows.push(row.into());
    }
    Ok(table)
}
