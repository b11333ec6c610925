//! Access: a segment's key reads from its segment on, up to and including the first removal.

use super::exchange::{Exchange, What};
use super::{Breach, Case, Guarantee, Log};
use delivery_api::log::LogPage;
use delivery_api::{LogId, Position, Problem, PublicKey};
use std::collections::{BTreeMap, BTreeSet};

/// The segment of each access key of each log, and from when on it was known to be open.
type Segments = BTreeMap<(LogId, PublicKey), (Position, Option<usize>)>;

pub(super) fn check(case: &mut Case) {
    let mut breaches = Vec::new();
    let repaired: BTreeSet<LogId> = case
        .exchanges
        .iter()
        .filter_map(|exchange| match &exchange.what {
            What::Repair { log } => Some(*log),
            _ => None,
        })
        .collect();
    let segments = segments(case);
    for exchange in &case.exchanges {
        let What::ReadLog { log: id, window, answer: Some(answer) } = &exchange.what else {
            continue;
        };
        let Some(log) = case.logs.get(id).filter(|_| !repaired.contains(id)) else { continue };
        let Some(key) = exchange.key else { continue };
        let Some((head, known_from)) = segments.get(&(*id, key)) else { continue };
        let removal = log.commits().find(|entry| entry.position > *head && entry.removes);
        let removal = removal.map(|entry| entry.position);
        let fault = match answer {
            Ok(page) => shown_too_much(page, window.after, (*head, removal), log),
            Err(Problem::NotAllowed) => {
                let is_known = known_from.is_some_and(|known| known < exchange.asked);
                let reaches = window.after >= *head;
                let text = "a key is refused what it reads".to_owned();
                (is_known && reaches).then_some(text)
            }
            Err(_) => None,
        };
        if let Some(text) = fault {
            let text = format!("call {}: {text}", exchange.call);
            breaches.push(Breach { guarantee: Guarantee::G10, text });
        }
    }
    case.breaches.append(&mut breaches);
}

fn shown_too_much(
    page: &LogPage,
    after: Position,
    (head, removal): (Position, Option<Position>),
    log: &Log,
) -> Option<String> {
    if after < head {
        return Some(format!("a key of the segment behind {head} reads behind {after}"));
    }
    let last = page.entries.last().map_or(page.end, |last| last.position.max(page.end));
    match removal {
        Some(removal) if last > removal => {
            Some(format!("{last} is shown to a key whose reading ended at {removal}"))
        }
        Some(removal) if page.stopped != (page.end == removal) => {
            Some(format!("reading stopped at {} and the removal is at {removal}", page.end))
        }
        None if page.stopped && log.before == 0 => {
            Some(format!("reading stopped at {} without a removal", page.end))
        }
        _ => None,
    }
}

/// Whose segment each key is, by the bundles whose commits are in the logs.
fn segments(case: &Case) -> Segments {
    let mut segments = Segments::new();
    for exchange in &case.exchanges {
        let opened = match &exchange.what {
            What::CreateLog { log, answer: Some(Ok(_)) } => {
                exchange.key.map(|key| (*log, key, Position::START))
            }
            What::Commit { log, bundle, .. } => case.logs.get(log).and_then(|served| {
                let entry = served.commits().find(|entry| entry.bytes == bundle.commit)?;
                Some((*log, bundle.next_access_key, entry.position))
            }),
            _ => None,
        };
        let Some((log, key, head)) = opened else { continue };
        let (_, known) = segments.entry((log, key)).or_insert((head, None));
        *known = earlier(*known, acknowledged(exchange));
    }
    segments
}

fn acknowledged(exchange: &Exchange) -> Option<usize> {
    let taken = matches!(
        &exchange.what,
        What::CreateLog { answer: Some(Ok(_)), .. } | What::Commit { answer: Some(Ok(_)), .. }
    );
    exchange.answered.filter(|_| taken)
}

fn earlier(one: Option<usize>, other: Option<usize>) -> Option<usize> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
