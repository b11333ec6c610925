//! What clients of one group must agree on once nothing is under way any more.
//!
//! * All who are in the group are in the same epoch, with the same authenticator and members, and
//!   are exactly those whom its tree names.
//! * Every message that anybody has is had, once, by everybody who was a member in its epoch, and
//!   by nobody else.
//! * Nobody was halted, skipped an entry, or was invited in vain.

use client::{Event, EventKind, GroupState, GroupSummary};
use std::collections::{BTreeMap, BTreeSet};

/// A client's view of a group.
#[derive(Clone, Debug)]
pub struct View {
    /// The account's name.
    pub name: String,
    /// The group as it is for it; `None` if it was never in it.
    pub group: Option<GroupSummary>,
    /// What happened in it, oldest first.
    pub events: Vec<Event>,
}

/// A message, as its place in the group's one order tells it from others.
type Message<'a> = (u64, u64, &'a str, &'a str);

impl View {
    fn is_active(&self) -> bool {
        self.group.as_ref().is_some_and(|group| group.state == GroupState::Active)
    }

    /// Position, epoch, sender and text of the messages, in the order of their places.
    pub fn messages(&self) -> Vec<Message<'_>> {
        let message = |event: &'_ Event| -> Option<(u64, u64)> {
            matches!(event.kind, EventKind::Message { .. })
                .then_some((event.position.0, event.epoch))
        };
        let mut messages: Vec<_> = self
            .events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Message { from, text, .. } => {
                    message(event).map(|(position, epoch)| (position, epoch, &**from, &**text))
                }
                _ => None,
            })
            .collect();
        messages.sort_unstable();
        messages
    }

    /// The epochs in which the client was a member: from each first to the last but one.
    fn epochs(&self) -> Vec<(u64, u64)> {
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for event in &self.events {
            match event.kind {
                EventKind::Created {} | EventKind::Joined { .. } => {
                    spans.push((event.epoch, u64::MAX));
                }
                EventKind::RemovedFromGroup { .. } => {
                    if let Some(last) = spans.last_mut() {
                        last.1 = event.epoch;
                    }
                }
                _ => {}
            }
        }
        spans
    }
}

/// Everything on which the clients do not agree.
#[must_use]
pub fn check(views: &[View]) -> Vec<String> {
    let mut faults = Vec::new();
    states(views, &mut faults);
    let all: BTreeSet<_> = views.iter().flat_map(View::messages).collect();
    for view in views {
        incidents(view, &mut faults);
        let mine = view.messages();
        for twice in mine.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            faults.push(format!("{} has {:?} and {:?}", view.name, twice[0], twice[1]));
        }
        let (mine, spans) = (BTreeSet::from_iter(mine), view.epochs());
        for message in &all {
            let was_there = spans.iter().any(|(from, to)| (*from..*to).contains(&message.1));
            match (was_there, mine.contains(message)) {
                (true, false) => faults.push(format!("{} lacks {message:?}", view.name)),
                (false, true) => faults.push(format!("{} should not have {message:?}", view.name)),
                _ => {}
            }
        }
    }
    let mut texts = BTreeMap::new();
    for (position, _, _, text) in &all {
        if let Some(first) = texts.insert(text, position) {
            faults.push(format!("`{text}` is at {first} and at {position}"));
        }
    }
    faults
}

fn states(views: &[View], faults: &mut Vec<String>) {
    let active: Vec<_> = views.iter().filter(|view| view.is_active()).collect();
    let Some(first) = active.first() else {
        faults.push("nobody is in the group".to_owned());
        return;
    };
    let state = |view: &View| {
        let group = view.group.clone()?;
        let mut members: Vec<_> = group.members;
        members.sort();
        Some((group.position, group.epoch, group.epoch_authenticator, members))
    };
    for view in &active[1..] {
        if state(view) != state(first) {
            let text = format!(
                "{} and {} disagree: {:?}, {:?}",
                view.name,
                first.name,
                state(view),
                state(first)
            );
            faults.push(text);
        }
    }
    let named = first.group.iter().flat_map(|group| &group.members);
    let named: BTreeSet<_> = named.map(|member| member.name.to_string()).collect();
    let there: BTreeSet<_> = active.iter().map(|view| view.name.clone()).collect();
    if named != there {
        faults.push(format!("the tree names {named:?}, and in the group are {there:?}"));
    }
}

fn incidents(view: &View, faults: &mut Vec<String>) {
    if let Some(group) = &view.group
        && !matches!(group.state, GroupState::Active | GroupState::Removed)
    {
        faults.push(format!("{}: the group is {}", view.name, group.state));
    }
    for event in &view.events {
        if let EventKind::Halted { reason }
        | EventKind::EntrySkipped { reason }
        | EventKind::WelcomeUnusable { reason } = &event.kind
        {
            faults.push(format!("{}: {:?} because {reason}", view.name, event));
        }
    }
}
