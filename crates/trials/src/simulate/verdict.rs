//! What must hold when a schedule is over and everything has come to rest.

use super::Tally;
use super::person::{Fate, Person};
use super::world::World;
use crate::agreement::{self, View};
use crate::history::{Record, ServedInbox, ServedLog};
use crate::{Failure, checker};
use client::EventKind;
use delivery_api::{DeviceId, LogId, Position, Problem};
use delivery_service::core::Answer;
use delivery_service::store::{Range, Rows, Store};
use std::collections::BTreeSet;
use std::sync::mpsc;

/// Faults that are told; the others follow from these.
const FAULTS_TOLD: usize = 12;

/// Rows of one reading.
const LIMIT: u32 = 1000;

/// Judges a schedule that is over: what happened, and its history.
pub(super) fn judge(mut world: World) -> Result<(Tally, Vec<Record>), Failure> {
    record_rows(&world)?;
    let records = world.recorder.records()?;
    let breaches = checker::check(&records)?;
    if let Some(first) = breaches.first() {
        return Err(format!("{} breaches, the first: {first}", breaches.len()).into());
    }
    let views = world.people.iter_mut().map(Person::view).collect::<Result<Vec<_>, _>>()?;
    let mut faults = agreement::check(&views);
    for (person, view) in world.people.iter().zip(&views) {
        faults.extend(person.faults.clone());
        faults.extend(unkept(person, view));
    }
    if !faults.is_empty() {
        faults.truncate(FAULTS_TOLD);
        return Err(faults.join("\n").into());
    }
    let removed =
        |view: &View| view.events.iter().filter(|event| is_removal(&event.kind)).count() as u64;
    let mut tally = world.tally;
    tally.removals = views.iter().map(removed).sum();
    tally.messages = views.iter().map(|view| view.messages().len() as u64).max().unwrap_or(0);
    tally.epochs = views.iter().filter_map(|view| view.group.as_ref()?.epoch).max().unwrap_or(0);
    Ok((tally, records))
}

fn is_removal(kind: &EventKind) -> bool {
    matches!(kind, EventKind::RemovedFromGroup { .. })
}

/// What somebody said must be in the log if it was sent, not if it failed, and otherwise be there
/// or have an event that says why not.
fn unkept(person: &Person, view: &View) -> Vec<String> {
    let messages = view.messages();
    let name = person.name.as_str();
    let is_there =
        |text: &str| messages.iter().any(|(_, _, from, said)| *from == name && *said == text);
    let mut faults = Vec::new();
    let (mut unsent, mut untold): (u64, u64) = (0, 0);
    for (text, fate) in &person.said {
        match (fate, is_there(text)) {
            (Fate::Sent, false) => faults.push(format!("`{text}` was sent and is lost")),
            (Fate::Failed, true) => faults.push(format!("`{text}` failed and is there")),
            (Fate::Left, false) => unsent += 1,
            (Fate::Crashed, false) => untold += 1,
            _ => {}
        }
    }
    let failed = |kind: &EventKind| match kind {
        EventKind::IntentFailed { what, .. } => what.starts_with("send"),
        _ => false,
    };
    let told = view.events.iter().filter(|event| failed(&event.kind)).count() as u64;
    // Whoever goes away while waiting may not learn that it failed; it fails only for who is out.
    let was_out = view.events.iter().any(|event| is_removal(&event.kind));
    if told < unsent || told > unsent + untold || (untold > 0 && !was_out) {
        let text =
            format!("{name}: {} messages were never sent, and {told} events tell", unsent + untold);
        faults.push(text);
    }
    faults
}

/// Records what is in the service's store.
fn record_rows(world: &World) -> Result<(), Failure> {
    let (mut logs, mut devices) = (BTreeSet::new(), BTreeSet::new());
    for record in world.recorder.records()? {
        let Record::Asked(ask) = record else { continue };
        let path = std::str::from_utf8(&ask.path)?;
        let id = |prefix: &str| path.strip_prefix(prefix)?.get(..64);
        logs.extend(id("/v1/logs/").and_then(LogId::from_hex));
        devices.extend(id("/v1/devices/").and_then(DeviceId::from_hex));
    }
    for log in logs {
        if let Some(served) = read(world, move |rows| log_row(rows, log))? {
            world.recorder.add(Record::Log(served));
        }
    }
    for device in devices {
        let served = read(world, move |rows| {
            let range = Range { after: Position::START, up_to: Position(u64::MAX), limit: LIMIT };
            Ok(ServedInbox { device, items: rows.items(device, range)? })
        })?;
        world.recorder.add(Record::Inbox(served));
    }
    Ok(())
}

fn log_row(rows: &mut dyn Rows, log: LogId) -> Result<Option<ServedLog>, Problem> {
    if rows.log_for_update(log)?.is_none() {
        return Ok(None);
    }
    let mut entries: Vec<delivery_api::log::Entry> = Vec::new();
    loop {
        let after = entries.last().map_or(Position::START, |last| last.position);
        let range = Range { after, up_to: Position(u64::MAX), limit: LIMIT };
        let page = rows.entries(log, range)?;
        if page.is_empty() {
            let group_info = rows.group_info(log)?;
            return Ok(Some(ServedLog { log, entries, group_info }));
        }
        entries.extend(page);
    }
}

/// Reads rows of the service's store.
fn read<T: Send + 'static>(
    world: &World,
    work: impl Fn(&mut dyn Rows) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Failure> {
    let (sender, receiver) = mpsc::channel();
    world.store.read(Box::new(move |rows| {
        // The receiver waits below.
        let _ = sender.send(work(rows)?);
        Ok(Answer { body: Vec::new(), news: Vec::new(), may_wait: false })
    }))?;
    Ok(receiver.recv()?)
}
