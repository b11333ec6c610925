//! The inboxes: what was put in stays until its owner has acknowledged it.

use super::exchange::What;
use super::{Breach, Case, Guarantee};
use codec::Opaque;
use delivery_api::DeviceId;
use delivery_api::inbox::{Item, ItemKind};
use std::collections::{BTreeMap, BTreeSet};

/// Every item that was ever shown.
pub(super) struct Seen<'a>(BTreeMap<(DeviceId, u64), &'a Item>);

impl<'a> Seen<'a> {
    pub(super) fn of(case: &'a Case) -> Self {
        let mut seen = BTreeMap::new();
        for exchange in &case.exchanges {
            if let What::ReadInbox { device, answer: Some(Ok(page)), .. } = &exchange.what {
                seen.extend(page.items.iter().map(|item| ((*device, item.number), item)));
            }
        }
        for (device, items) in &case.inboxes {
            seen.extend(items.iter().map(|item| ((*device, item.number), item)));
        }
        Self(seen)
    }

    pub(super) fn items(&self) -> impl Iterator<Item = (DeviceId, u64, &'a Item)> {
        self.0.iter().map(|((device, number), item)| (*device, *number, *item))
    }

    /// How many items of an inbox are these bytes.
    pub(super) fn count(&self, device: DeviceId, kind: ItemKind, bytes: &Opaque) -> usize {
        let items = self.0.range((device, 0)..=(device, u64::MAX));
        items.filter(|(_, item)| item.kind == kind && item.bytes == *bytes).count()
    }
}

pub(super) fn check(case: &mut Case) {
    let mut breaches = Vec::new();
    // From when on each item may be gone, and from when on it must be.
    let mut may_be_gone: BTreeSet<(DeviceId, u64)> = BTreeSet::new();
    let mut must_be_gone: BTreeMap<(DeviceId, u64), usize> = BTreeMap::new();
    for exchange in &case.exchanges {
        let What::Acknowledge { device, numbers, answer } = &exchange.what else { continue };
        for number in numbers {
            may_be_gone.insert((*device, *number));
            if let (Some(Ok(_)), Some(answered)) = (answer, exchange.answered) {
                must_be_gone.entry((*device, *number)).or_insert(answered);
            }
        }
    }
    let mut found = |guarantee, text| breaches.push(Breach { guarantee, text });
    let mut shown: BTreeMap<(DeviceId, u64), &Item> = BTreeMap::new();
    for exchange in &case.exchanges {
        let What::ReadInbox { device, window, answer: Some(Ok(page)) } = &exchange.what else {
            continue;
        };
        let mut last = window.after.0;
        for item in &page.items {
            let at = (*device, item.number);
            let place = format!("call {}: item {} of {device}", exchange.call, item.number);
            if item.number <= last {
                found(Guarantee::G7, format!("{place} comes behind {last}"));
            }
            last = item.number;
            if *shown.entry(at).or_insert(item) != item {
                found(Guarantee::G5, format!("{place} was another one before"));
            }
            if must_be_gone.get(&at).is_some_and(|answered| *answered < exchange.asked) {
                found(Guarantee::G3, format!("{place} is back after its acknowledgement"));
            }
        }
    }
    for (at, item) in &shown {
        let (device, number) = at;
        let Some(served) = case.inboxes.get(device) else { continue };
        let still = served.iter().find(|served| served.number == *number);
        match still {
            Some(still) if still != *item => {
                found(
                    Guarantee::G5,
                    format!("item {number} of {device} is another one in the end"),
                );
            }
            None if !may_be_gone.contains(at) => {
                found(Guarantee::G5, format!("item {number} of {device} is gone unacknowledged"));
            }
            _ => {}
        }
    }
    for ((device, number), _) in must_be_gone {
        let served = case.inboxes.get(&device).into_iter().flatten();
        if served.into_iter().any(|item| item.number == number) {
            let text = format!("item {number} of {device} is there after its acknowledgement");
            found(Guarantee::G3, text);
        }
    }
    skipped(case, &may_be_gone, &mut breaches);
    put(case, &mut breaches);
    case.breaches.append(&mut breaches);
}

/// A page shows every item in its range that was shown before and that nobody acknowledged.
fn skipped(case: &Case, may_be_gone: &BTreeSet<(DeviceId, u64)>, breaches: &mut Vec<Breach>) {
    let mut known: Vec<(usize, DeviceId, u64)> = Vec::new();
    for exchange in &case.exchanges {
        let What::ReadInbox { device, answer: Some(Ok(page)), .. } = &exchange.what else {
            continue;
        };
        let Some(answered) = exchange.answered else { continue };
        known.extend(page.items.iter().map(|item| (answered, *device, item.number)));
    }
    known.sort_unstable();
    let mut known = known.into_iter().peekable();
    let mut waiting: BTreeSet<(DeviceId, u64)> = BTreeSet::new();
    for exchange in &case.exchanges {
        while let Some((_, device, number)) = known.next_if(|(at, ..)| *at < exchange.asked) {
            if !may_be_gone.contains(&(device, number)) {
                waiting.insert((device, number));
            }
        }
        let What::ReadInbox { device, window, answer: Some(Ok(page)) } = &exchange.what else {
            continue;
        };
        let last = page.items.last().map_or(window.after.0, |item| item.number);
        let up_to = if page.more { last } else { u64::MAX };
        let from = window.after.0.saturating_add(1);
        if from > up_to {
            continue;
        }
        let in_range = waiting.range((*device, from)..=(*device, up_to));
        for (_, number) in in_range {
            if !page.items.iter().any(|item| item.number == *number) {
                let text = format!("call {}: item {number} of {device} is skipped", exchange.call);
                breaches.push(Breach { guarantee: Guarantee::G7, text });
            }
        }
    }
}

/// What was put in, and acknowledged to its sender, was seen or is there.
fn put(case: &Case, breaches: &mut Vec<Breach>) {
    let seen = Seen::of(case);
    let puts = case.exchanges.iter().filter_map(|exchange| match &exchange.what {
        What::PutItem { recipient, item, answer } => Some((exchange, *recipient, item, answer)),
        _ => None,
    });
    for (exchange, recipient, item, answer) in puts {
        if !case.inboxes.contains_key(&recipient) {
            continue;
        }
        let count = seen.count(recipient, ItemKind::Direct, &item.bytes);
        if matches!(answer, Some(Ok(_))) && count == 0 {
            let text = format!("call {}: what was put into {recipient} is lost", exchange.call);
            breaches.push(Breach { guarantee: Guarantee::G3, text });
        }
        if count > 1 {
            let text = format!("call {}: {recipient} got the item {count} times", exchange.call);
            breaches.push(Breach { guarantee: Guarantee::G4, text });
        }
    }
}
