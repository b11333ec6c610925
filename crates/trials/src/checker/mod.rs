//! Reads a history and names every breach of the guarantees of `docs/delivery-protocol.md`.
//!
//! The truth about a log is what the service serves in the end ([`Record::Log`]); every answer ever
//! given must fit it. Nothing here knows how the service works: only what was asked, what was
//! answered, in which order, and the types of the protocol.
//!
//! | file | guarantees |
//! |---|---|
//! | `logs` | G1 order, G2 one commit per head, G7 gaps, G8 stale answers, G9 closed segments |
//! | `submissions` | G3 durable and whole, G4 retries |
//! | `inboxes` | G5 what waits stays, G7 gaps |
//! | `key_packages` | G6 once, G3 uploads |
//! | `access` | G10 reading ends at removal |

mod access;
mod exchange;
mod inboxes;
mod key_packages;
mod logs;
mod submissions;

use crate::Failure;
use crate::ed25519::{self, sha256};
use crate::history::Record;
use codec::Encode;
use crypto::Suite;
use delivery_api::inbox::Item;
use delivery_api::log::{ChainLink, Entry, EntryKind, PublishedGroupInfo};
use delivery_api::{ChainHash, DeviceId, LogId, Position, PublicKey};
use exchange::{Exchange, What};
use std::collections::BTreeMap;
use std::fmt;

/// A promise of the delivery service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    /// One order for all readers.
    G1,
    /// One commit per head.
    G2,
    /// What is acknowledged is durable and whole.
    G3,
    /// A retry gets the same answer and has no other effect.
    G4,
    /// Nothing goes before its time.
    G5,
    /// A key package is handed out once.
    G6,
    /// No silent gap.
    G7,
    /// Unavailable rather than inconsistent.
    G8,
    /// Nothing of a closed segment behind its closing commit.
    G9,
    /// Reading ends exactly at removal.
    G10,
}

/// A guarantee that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which.
    pub guarantee: Guarantee,
    /// How.
    pub text: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.guarantee, self.text)
    }
}

/// Every breach in a history.
///
/// # Errors
/// It is no history: it answers what was not asked, or holds requests that are none.
pub fn check(records: &[Record]) -> Result<Vec<Breach>, Failure> {
    let mut case = Case::new(records)?;
    logs::check(&mut case);
    submissions::check(&mut case);
    inboxes::check(&mut case);
    key_packages::check(&mut case);
    access::check(&mut case);
    Ok(case.breaches)
}

/// What happened, sorted out, and what was found.
struct Case {
    suite: Suite,
    /// The service's key, if somebody asked for it.
    service: Option<PublicKey>,
    exchanges: Vec<Exchange>,
    logs: BTreeMap<LogId, Log>,
    inboxes: BTreeMap<DeviceId, Vec<Item>>,
    breaches: Vec<Breach>,
}

/// A log as it is in the end.
struct Log {
    /// The position before the first entry that is kept.
    before: u64,
    entries: Vec<Entry>,
    /// The chain behind each entry, and first the chain before them all; empty if that is not
    /// known, because entries have expired.
    chain: Vec<ChainHash>,
    group_info: Option<PublishedGroupInfo>,
}

impl Log {
    fn entry(&self, position: Position) -> Option<&Entry> {
        let index = position.0.checked_sub(self.before + 1)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// The chain up to a position, where it is known.
    fn chain(&self, position: Position) -> Option<ChainHash> {
        let index = position.0.checked_sub(self.before)?;
        self.chain.get(usize::try_from(index).ok()?).copied()
    }

    fn end(&self) -> Position {
        Position(self.before + self.entries.len() as u64)
    }

    fn commits(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.kind == EntryKind::Commit)
    }
}

impl Case {
    fn new(records: &[Record]) -> Result<Self, Failure> {
        let suite = ed25519::suite()?;
        let (exchanges, problems) = exchange::read(records)?;
        let mut case = Self {
            suite,
            service: None,
            exchanges,
            logs: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            breaches: problems,
        };
        case.service = case.exchanges.iter().find_map(|exchange| match &exchange.what {
            What::ServiceInfo(Some(Ok(info))) => Some(info.key),
            _ => None,
        });
        for record in records {
            match record {
                Record::Log(served) => {
                    let before = served.entries.first().map_or(0, |first| first.position.0 - 1);
                    let mut log = Log {
                        before,
                        entries: served.entries.clone(),
                        chain: Vec::new(),
                        group_info: served.group_info.clone(),
                    };
                    if before == 0 {
                        log.chain = chain(&case.suite, served.log, &log.entries)?;
                    }
                    case.logs.insert(served.log, log);
                }
                Record::Inbox(served) => {
                    case.inboxes.insert(served.device, served.items.clone());
                }
                _ => {}
            }
        }
        Ok(case)
    }
}

/// The chain of a log, from before its first entry on.
fn chain(suite: &Suite, log: LogId, entries: &[Entry]) -> Result<Vec<ChainHash>, Failure> {
    let mut previous = ChainHash::new(sha256(suite, &ChainLink::genesis(log))?);
    let mut chain = vec![previous];
    for entry in entries {
        let entry_hash = sha256(suite, &entry.bytes)?;
        let link = ChainLink { previous, position: entry.position, kind: entry.kind, entry_hash };
        previous = ChainHash::new(sha256(suite, &link.to_bytes())?);
        chain.push(previous);
    }
    Ok(chain)
}
