//! The logs: every page and every receipt fits the one sequence that there is in the end.

use super::exchange::{Exchange, What};
use super::{Breach, Case, Guarantee, Log};
use delivery_api::log::{EntryKind, LogPage, Receipt};
use delivery_api::{LogId, Position, Problem};
use std::collections::BTreeMap;

pub(super) fn check(case: &mut Case) {
    let mut breaches = Vec::new();
    for (id, log) in &case.logs {
        closed_segments(*id, log, &mut breaches);
    }
    for exchange in &case.exchanges {
        let fault = |guarantee, text: String| Breach {
            guarantee,
            text: format!("call {}: {text}", exchange.call),
        };
        for (log, after, page) in pages(exchange) {
            let Some(log) = case.logs.get(&log) else { continue };
            let found = page_breach(log, after, page);
            breaches.extend(found.map(|(guarantee, text)| fault(guarantee, text)));
        }
        let (What::Commit { log, answer: Some(Ok(receipt)), .. }
        | What::Append { log, answer: Some(Ok(receipt)), .. }) = &exchange.what
        else {
            continue;
        };
        if let Some(log) = case.logs.get(log) {
            let found = receipt_breach(log, receipt);
            breaches.extend(found.map(|text| fault(Guarantee::G1, text)));
        }
    }
    two_for_a_head(case, &mut breaches);
    stale_answers(case, &mut breaches);
    case.breaches.append(&mut breaches);
}

/// The pages that an answer shows, and behind which position each.
pub(super) fn pages(exchange: &Exchange) -> Vec<(LogId, Position, &LogPage)> {
    match &exchange.what {
        What::ReadLog { log, window, answer: Some(Ok(page)) } => vec![(*log, window.after, page)],
        What::Commit { log, answer: Some(Err(Problem::HeadMoved(moved))), .. } => {
            // Such a page begins where the committer said; its first entry tells.
            let page = moved.missed.as_ref();
            let after = |page: &LogPage| page.entries.first().map(|first| first.position.0 - 1);
            let placed = page.and_then(|page| Some((*log, Position(after(page)?), page)));
            placed.into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Every entry names the head that it was accepted under: the last commit before it.
fn closed_segments(id: LogId, log: &Log, breaches: &mut Vec<Breach>) {
    let mut found = |guarantee, text: String| {
        breaches.push(Breach { guarantee, text: format!("log {id}: {text}") });
    };
    let mut heads = BTreeMap::new();
    // Of entries that have expired nothing is known.
    let mut head = (log.before == 0).then_some(Position::START);
    for (position, entry) in (log.before + 1..).zip(&log.entries) {
        if entry.position.0 != position {
            found(Guarantee::G7, format!("{} stands where {position} belongs", entry.position));
        }
        if entry.kind == EntryKind::Commit
            && let Some(other) = heads.insert(entry.head, entry.position)
        {
            let text = format!("commits {other} and {position} are both of head {}", entry.head);
            found(Guarantee::G2, text);
        }
        if head.is_some_and(|head| entry.head != head) {
            let text = format!("entry {position} is of head {}, behind {head:?}", entry.head);
            found(Guarantee::G9, text);
        }
        if entry.kind == EntryKind::Commit {
            head = Some(entry.position);
        }
    }
}

fn page_breach(log: &Log, after: Position, page: &LogPage) -> Option<(Guarantee, String)> {
    let mut expected = after;
    for entry in &page.entries {
        expected = expected.next();
        if entry.position != expected {
            let text = format!("{} comes where {expected} belongs", entry.position);
            return Some((Guarantee::G7, text));
        }
        if entry.position.0 <= log.before {
            // It has expired since.
            continue;
        }
        match log.entry(entry.position) {
            None => {
                let text = format!("entry {expected} was shown and is not there in the end");
                return Some((Guarantee::G5, text));
            }
            Some(truth) if truth != entry => {
                return Some((Guarantee::G1, format!("another entry {expected} was shown")));
            }
            Some(_) => {}
        }
    }
    if page.entries.is_empty() && page.end > after {
        let text = format!("nothing is shown behind {after}, and there is more up to {}", page.end);
        return Some((Guarantee::G7, text));
    }
    if page.end < expected {
        return Some((Guarantee::G7, format!("the end {} lies before what is shown", page.end)));
    }
    if page.end > log.end() {
        let text = format!("the end was {} and is {} in the end", page.end, log.end());
        return Some((Guarantee::G5, text));
    }
    let differs = log.chain(after).is_some_and(|chain| chain != page.chain_hash);
    differs.then(|| (Guarantee::G1, format!("another chain up to {after} was shown")))
}

fn receipt_breach(log: &Log, receipt: &Receipt) -> Option<String> {
    let chain = log.chain(receipt.position)?;
    let position = receipt.position;
    (chain != receipt.chain_hash).then(|| format!("a receipt with another chain up to {position}"))
}

/// Of all commits for one head one is acknowledged.
fn two_for_a_head(case: &Case, breaches: &mut Vec<Breach>) {
    let mut winners = BTreeMap::new();
    for exchange in &case.exchanges {
        if let What::Commit { log, bundle, answer: Some(Ok(_)) } = &exchange.what {
            let winner = winners.entry((*log, bundle.expected_head)).or_insert(&bundle.commit);
            if *winner != &bundle.commit {
                let text = format!(
                    "call {}: a second commit is acknowledged for head {} of log {log}",
                    exchange.call, bundle.expected_head
                );
                breaches.push(Breach { guarantee: Guarantee::G2, text });
            }
        }
    }
}

/// An answer shows everything that anybody was shown, or told, before it was asked for.
fn stale_answers(case: &Case, breaches: &mut Vec<Breach>) {
    // What is known when: by the time of the answers.
    let mut known: Vec<(usize, LogId, Position)> = Vec::new();
    for exchange in &case.exchanges {
        let Some(answered) = exchange.answered else { continue };
        for (log, _, page) in pages(exchange) {
            known.push((answered, log, page.end));
        }
        if let What::Commit { log, answer: Some(Ok(receipt)), .. }
        | What::Append { log, answer: Some(Ok(receipt)), .. } = &exchange.what
        {
            known.push((answered, *log, receipt.position));
        }
    }
    known.sort_by_key(|(answered, ..)| *answered);
    let mut known = known.into_iter().peekable();
    let mut ends: BTreeMap<LogId, Position> = BTreeMap::new();
    // The exchanges are in the order in which they were asked.
    for exchange in &case.exchanges {
        while let Some((_, log, end)) = known.next_if(|(answered, ..)| *answered < exchange.asked) {
            let highest = ends.entry(log).or_default();
            *highest = end.max(*highest);
        }
        let stale = match &exchange.what {
            What::ReadLog { log, answer: Some(Ok(page)), .. } if !page.stopped => {
                ends.get(log).filter(|end| page.end < **end).map(|end| (page.end, *end))
            }
            _ => None,
        };
        if let Some((shown, end)) = stale {
            let text = format!("call {}: the end is {shown}, and was {end} before", exchange.call);
            breaches.push(Breach { guarantee: Guarantee::G8, text });
        }
    }
}
