//! What the service promises, as properties of every state that can be reached.
//!
//! The names are those of `docs/delivery-protocol.md`. `sometimes` properties show that the states
//! which make a promise worth something are reached at all.

use crate::log::{Ask, Content, Entry, Key, Position, Who};
use crate::member::Group;
use crate::recovery;
use crate::scenario::Scenario;
use crate::system::{HONEST, State, System};
use stateright::Property;

/// The properties that a scenario is checked for.
#[must_use]
pub fn properties(scenario: &Scenario) -> Vec<Property<System>> {
    let mut properties = vec![
        Property::always("G1 one order", one_order),
        Property::always("G2 one commit per head", one_commit_per_head),
        Property::always("G3 durable and whole", durable_and_whole),
        Property::always("G4 same key, same receipt", same_receipt),
        Property::always("G5 nothing leaves early", nothing_leaves_early),
        Property::always("G9 no entry of a closed segment", closed_segments),
        Property::always("G10 reading and writing end at removal", ends_at_removal),
        Property::always("a refusal is final", refusals_are_final),
        Property::always("honest members can go on", recovery::goes_on),
        Property::sometimes("a member reads another's commit", |_, state: &State| {
            HONEST.iter().any(|who| has_accepted(&state.member(*who).view, |by| by != *who))
        }),
    ];
    if scenario.anchors.contains(&Who::Alice) {
        let under_attack = recovery::goes_on_under_attack;
        properties.extend([
            Property::always("an anchor gets through whatever Mallory does", under_attack),
            Property::sometimes("Mallory's commit is skipped", |_, state: &State| {
                skips(&state.bob.view) && has_accepted(&state.bob.view, |_| true)
            }),
            Property::sometimes("the log is locked", |_, state: &State| {
                state.durable.locked_by.is_some()
            }),
        ]);
    }
    if scenario.removals {
        properties.push(Property::sometimes("Mallory is removed", |_, state: &State| {
            !Group::of(&state.durable.entries).has(Who::Mallory)
        }));
    }
    if scenario.crashes > 0 {
        properties.push(Property::sometimes("a crash loses a commit", |_, state: &State| {
            state.crashes > 0 && state.durable.entries.is_empty() && !state.sent.is_empty()
        }));
    }
    properties
}

fn has_accepted(view: &[Entry], by: impl Fn(Who) -> bool) -> bool {
    Group::of(view).accepted.iter().any(|commit| by(commit.epoch.by))
}

fn skips(view: &[Entry]) -> bool {
    view.iter().any(|entry| entry.content == Content::Garbage)
}

/// Every reader has seen a beginning of the one log.
fn one_order(_: &System, state: &State) -> bool {
    HONEST.iter().all(|who| state.durable.entries.starts_with(&state.member(*who).view))
}

fn one_commit_per_head(_: &System, state: &State) -> bool {
    let commits: Vec<_> = state.durable.entries.iter().filter(|at| at.is_commit()).collect();
    commits
        .iter()
        .enumerate()
        .all(|(index, commit)| commits[..index].iter().all(|earlier| earlier.head != commit.head))
}

/// Every receipt tells the truth, and every commit is there with its key and its Welcome.
fn durable_and_whole(_: &System, state: &State) -> bool {
    let log = &state.durable;
    let acknowledged = state.sent.iter().all(|request| match state.given.get(&request.id) {
        None => true,
        Some(receipt) if matches!(request.ask, Ask::Repair { .. }) => log.repair >= receipt.repair,
        Some(receipt) => {
            let at = usize::from(receipt.position).checked_sub(1);
            at.and_then(|index| log.entries.get(index)).is_some_and(|at| at.id == request.id)
        }
    });
    let mut positions = (1..).zip(&log.entries).filter(|(_, entry)| entry.is_commit());
    // A repair takes keys away.
    let keys = log.repair > 0
        || positions.all(|(at, _)| log.segments.iter().any(|segment| segment.head == at));
    acknowledged && keys
}

/// No submission is answered in two ways or carried out twice.
fn same_receipt(_: &System, state: &State) -> bool {
    let entries = &state.durable.entries;
    let twice = |index: usize| entries[..index].iter().any(|at| at.id == entries[index].id);
    !state.answered_differently && !(0..entries.len()).any(twice)
}

/// Every Welcome whose commit won is in the inbox or with its recipient; none other is.
fn nothing_leaves_early(_: &System, state: &State) -> bool {
    let welcome = |ask: &Ask| matches!(ask, Ask::Commit { welcome: true, .. });
    state.sent.iter().filter(|request| welcome(&request.ask)).all(|request| {
        let won = state.durable.entries.iter().any(|entry| entry.id == request.id);
        let waits = state.durable.inbox.contains(&request.id);
        let stored = state.carol.stored.contains(&request.id);
        won == (waits || stored)
    })
}

fn closed_segments(_: &System, state: &State) -> bool {
    let entries = &state.durable.entries;
    (0..entries.len()).all(|index| {
        let head = entries[..index].iter().rposition(Entry::is_commit).map_or(0, |at| at + 1);
        usize::from(entries[index].head) == head
    })
}

/// Whoever was removed may read up to the removal, and write nothing.
fn ends_at_removal(system: &System, state: &State) -> bool {
    let log = &state.durable;
    let group = Group::of(&log.entries);
    [Who::Dave, Who::Mallory].into_iter().all(|who| {
        let Some(removal) = group.removal(who) else { return true };
        let keys = match who {
            Who::Mallory => System::mallorys_keys(state, log),
            _ => group.keys_of(who).collect(),
        };
        keys.into_iter().all(|key: Key| {
            let end = log.may_read(&system.design, key, Position::MAX).unwrap_or(0);
            end <= removal && !log.may_write(&system.design, key)
        })
    })
}

/// Whoever was told that a submission is refused never finds it in the log.
fn refusals_are_final(_: &System, state: &State) -> bool {
    !state.durable.entries.iter().any(|entry| state.refused.contains(&entry.id))
}
