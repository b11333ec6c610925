//! Submissions: what was acknowledged is there, whole, once, and a retry is answered alike.

use super::exchange::{Exchange, What, is_passing};
use super::inboxes::Seen;
use super::{Breach, Case, Guarantee, Log};
use crate::ed25519::is_signed;
use codec::{Encode, Opaque};
use delivery_api::inbox::ItemKind;
use delivery_api::log::{CommitBundle, Entry, EntryKind, Receipt};
use delivery_api::{DeviceId, IdempotencyKey, LogId, Position, Problem, PublicKey};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(case: &mut Case) {
    let mut breaches = Vec::new();
    for exchange in &case.exchanges {
        if let Some((log, receipt, place)) = taken(exchange)
            && let Some(text) = durable(case, log, receipt, &place)
        {
            breaches.push(fault(exchange, Guarantee::G3, text));
        }
    }
    let bundles = bundles(case);
    for (id, log) in &case.logs {
        whole(*id, log, &bundles, &mut breaches);
        entries_once(*id, log, &mut breaches);
    }
    published(case, &bundles, &mut breaches);
    welcomes(case, &bundles, &mut breaches);
    retries(case, &mut breaches);
    case.breaches.append(&mut breaches);
}

fn fault(exchange: &Exchange, guarantee: Guarantee, text: impl AsRef<str>) -> Breach {
    Breach { guarantee, text: format!("call {}: {}", exchange.call, text.as_ref()) }
}

/// What a receipt is for.
struct Place<'a> {
    kind: EntryKind,
    head: Position,
    bytes: &'a Opaque,
}

fn taken(exchange: &Exchange) -> Option<(LogId, &Receipt, Place<'_>)> {
    match &exchange.what {
        What::Commit { log, bundle, answer: Some(Ok(receipt)) } => {
            let CommitBundle { expected_head: head, commit: bytes, .. } = &**bundle;
            Some((*log, receipt, Place { kind: EntryKind::Commit, head: *head, bytes }))
        }
        What::Append { log, append, answer: Some(Ok(receipt)) } => {
            let (kind, head, bytes) = (append.lane.kind(), append.head, &append.bytes);
            Some((*log, receipt, Place { kind, head, bytes }))
        }
        _ => None,
    }
}

/// Why an acknowledged submission is not where its receipt says.
fn durable(case: &Case, log: LogId, receipt: &Receipt, place: &Place<'_>) -> Option<String> {
    if receipt.log != log {
        return Some(format!("the receipt is for log {}", receipt.log));
    }
    if case.service.is_some_and(|service| !is_signed(&case.suite, service, receipt)) {
        return Some("the service did not sign the receipt".to_owned());
    }
    let served = case.logs.get(&log)?;
    if receipt.position.0 <= served.before {
        return None;
    }
    let Some(Entry { kind, head, bytes, .. }) = served.entry(receipt.position) else {
        return Some(format!("acknowledged at {} and not there in the end", receipt.position));
    };
    let same = *kind == place.kind && *head == place.head && bytes == place.bytes;
    (!same).then(|| format!("something else is at {} in the end", receipt.position))
}

/// Every bundle that was submitted, by log and commit.
type Bundles<'a> = BTreeMap<(LogId, &'a Opaque), &'a CommitBundle>;

fn bundles(case: &Case) -> Bundles<'_> {
    let bundles = case.exchanges.iter().filter_map(|exchange| match &exchange.what {
        What::Commit { log, bundle, .. } => Some(((*log, &bundle.commit), &**bundle)),
        _ => None,
    });
    bundles.collect()
}

/// What came with the last commit is what is served with it.
fn whole(id: LogId, log: &Log, bundles: &Bundles<'_>, breaches: &mut Vec<Breach>) {
    let Some(last) = log.commits().last() else { return };
    let Some(bundle) = bundles.get(&(id, &last.bytes)) else { return };
    let mut found = |text: &str| {
        let text = format!("log {id}, commit {}: {text}", last.position);
        breaches.push(Breach { guarantee: Guarantee::G3, text });
    };
    if bundle.removes != last.removes {
        found("another flag is served than was submitted");
    }
    match &log.group_info {
        None if bundle.group_info.is_empty() => {}
        None => found("its GroupInfo is not served"),
        Some(served) => {
            if served.group_info != bundle.group_info || served.tree != bundle.tree {
                found("another GroupInfo is served than came with it");
            }
            let chain = log.chain(last.position).unwrap_or(served.chain_hash);
            if (served.head, served.chain_hash) != (last.position, chain) {
                found("the GroupInfo is served for another place");
            }
        }
    }
}

/// Every GroupInfo that was ever shown came with the commit that it is shown for.
fn published(case: &Case, bundles: &Bundles<'_>, breaches: &mut Vec<Breach>) {
    for exchange in &case.exchanges {
        let What::GroupInfo { log: id, answer: Some(Ok(shown)) } = &exchange.what else { continue };
        let Some(log) = case.logs.get(id) else { continue };
        let entry = log.entry(shown.head);
        let Some(bundle) = entry.and_then(|entry| bundles.get(&(*id, &entry.bytes))) else {
            continue;
        };
        if bundle.group_info != shown.group_info || bundle.tree != shown.tree {
            let text = format!("the GroupInfo shown is not that of commit {}", shown.head);
            breaches.push(fault(exchange, Guarantee::G3, text));
        }
        if log.chain(shown.head).is_some_and(|chain| chain != shown.chain_hash) {
            let text = format!("a GroupInfo is shown with another chain up to {}", shown.head);
            breaches.push(fault(exchange, Guarantee::G1, text));
        }
    }
}

/// Nothing that was submitted once is in a log twice. Whoever submits never makes the same bytes.
fn entries_once(id: LogId, log: &Log, breaches: &mut Vec<Breach>) {
    let mut seen = BTreeMap::new();
    for entry in &log.entries {
        if let Some(first) = seen.insert(&entry.bytes, entry.position) {
            let text = format!("log {id}: the same at {first} and {}", entry.position);
            breaches.push(Breach { guarantee: Guarantee::G4, text });
        }
    }
}

/// A Welcome is in its inbox, once, exactly if its commit is in the log.
fn welcomes(case: &Case, bundles: &Bundles<'_>, breaches: &mut Vec<Breach>) {
    let seen = Seen::of(case);
    let mut expected: BTreeSet<(DeviceId, &Opaque)> = BTreeSet::new();
    let mut mine: BTreeSet<&Opaque> = BTreeSet::new();
    for ((id, _), bundle) in bundles {
        let Some(log) = case.logs.get(id) else { continue };
        let entry = log.commits().find(|entry| entry.bytes == bundle.commit);
        for delivery in &bundle.welcomes {
            mine.insert(&delivery.welcome);
            let Some(entry) = entry else { continue };
            expected.insert((delivery.recipient, &delivery.welcome));
            if !case.inboxes.contains_key(&delivery.recipient) {
                continue;
            }
            let count = seen.count(delivery.recipient, ItemKind::Welcome, &delivery.welcome);
            if count != 1 {
                let guarantee = if count == 0 { Guarantee::G3 } else { Guarantee::G4 };
                let text = format!(
                    "log {id}, commit {}: the inbox of {} got {count} of its Welcomes",
                    entry.position, delivery.recipient
                );
                breaches.push(Breach { guarantee, text });
            }
        }
    }
    for (device, number, item) in seen.items() {
        let of_a_bundle = item.kind == ItemKind::Welcome && mine.contains(&item.bytes);
        if of_a_bundle && !expected.contains(&(device, &item.bytes)) {
            let text = format!("item {number} of {device} is the Welcome of a commit not in a log");
            breaches.push(Breach { guarantee: Guarantee::G3, text });
        }
    }
}

/// What a submission is known by: where to, who signed, its name, its contents.
type Submission<'a> = ([u8; 32], Option<PublicKey>, &'a IdempotencyKey, Vec<u8>);

/// A submission and what came back, if anything.
type Submitted<'a> = (Submission<'a>, Option<Result<Vec<u8>, &'a Problem>>);

fn submitted(exchange: &Exchange) -> Option<Submitted<'_>> {
    fn answer<A: Encode>(answer: &Option<Result<A, Problem>>) -> Option<Result<Vec<u8>, &Problem>> {
        answer.as_ref().map(|answer| answer.as_ref().map(Encode::to_bytes))
    }
    let key = exchange.key;
    match &exchange.what {
        What::Append { log, append, answer: given } => {
            let name = (*log.as_bytes(), key, &append.idempotency_key, append.to_bytes());
            Some((name, answer(given)))
        }
        What::Commit { log, bundle, answer: given } => {
            let name = (*log.as_bytes(), key, &bundle.idempotency_key, bundle.to_bytes());
            Some((name, answer(given)))
        }
        What::PutItem { recipient, item, answer: given } => {
            let name = (*recipient.as_bytes(), key, &item.idempotency_key, item.to_bytes());
            Some((name, answer(given)))
        }
        _ => None,
    }
}

/// A submission that was taken is answered alike for ever.
fn retries(case: &Case, breaches: &mut Vec<Breach>) {
    let mut taken: BTreeMap<Submission<'_>, (usize, Vec<u8>)> = BTreeMap::new();
    let mut names: BTreeMap<_, Submission<'_>> = BTreeMap::new();
    let mut by_answer: Vec<&Exchange> = case.exchanges.iter().collect();
    by_answer.sort_by_key(|exchange| exchange.answered);
    for exchange in by_answer {
        let (Some(answered), Some((name, Some(answer)))) = (exchange.answered, submitted(exchange))
        else {
            continue;
        };
        match answer {
            Ok(answer) => {
                let (place, _, idempotency_key, _) = &name;
                let first = names.entry((*place, *idempotency_key)).or_insert_with(|| name.clone());
                if *first != name {
                    let text = "two submissions under one idempotency key were taken";
                    breaches.push(fault(exchange, Guarantee::G4, text));
                }
                let (_, before) = taken.entry(name).or_insert_with(|| (answered, answer.clone()));
                if *before != answer {
                    let text = "a retry got another answer than the first time";
                    breaches.push(fault(exchange, Guarantee::G4, text));
                }
            }
            Err(problem) if is_passing(problem) => {}
            Err(problem) => {
                let before = taken.get(&name).filter(|(before, _)| *before < exchange.asked);
                if before.is_some() {
                    let text = format!("a retry of what was taken is refused: {problem}");
                    breaches.push(fault(exchange, Guarantee::G4, text));
                }
            }
        }
    }
}
