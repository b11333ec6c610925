//! Members of a group without MLS: whoever reads a commit finds the next access key in it, as a
//! member of an MLS group derives it. The service cannot tell the difference.

use crate::Failure;
use crate::ed25519::Key;
use crate::history::{Record, Recorder, ServedInbox, ServedLog};
use crate::speaker::Speaker;
use codec::Opaque;
use crypto::{Random, Suite};
use delivery_api::log::{Append, CommitBundle, CreateLog, Entry, EntryKind, Lane, Receipt};
use delivery_api::request::{self, Failure as Refusal, Window};
use delivery_api::{IdempotencyKey, LogId, Position, Problem};
use testkit::SeededRandom;

/// Random bytes that make every commit, message and item another one.
const UNIQUE_LENGTH: usize = 16;

/// Entries of one page.
const PAGE_LIMIT: u32 = 50;

/// A name for a submission.
///
/// # Errors
/// There is no randomness.
pub fn idempotency_key(random: &mut SeededRandom) -> Result<IdempotencyKey, Failure> {
    let mut bytes = [0; UNIQUE_LENGTH];
    random.fill(&mut bytes)?;
    Ok(IdempotencyKey::new(&bytes).ok_or("an idempotency key may have so many bytes")?)
}

/// Bytes that nobody else makes, behind a text.
///
/// # Errors
/// There is no randomness.
pub fn unique(text: &str, random: &mut SeededRandom) -> Result<Opaque, Failure> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(bytes.len() + UNIQUE_LENGTH, 0);
    let start = bytes.len() - UNIQUE_LENGTH;
    random.fill(&mut bytes[start..])?;
    Ok(bytes.into())
}

/// The key that a commit opens the next segment with.
fn key_of(suite: &Suite, commit: &[u8]) -> Result<Key, Failure> {
    let seed = commit.first_chunk().ok_or("a commit that nobody here made")?;
    Ok(Key::of_seed(suite, *seed)?)
}

/// A window behind a position.
#[must_use]
pub fn window(after: Position) -> Window {
    Window { after, limit: PAGE_LIMIT, wait_seconds: 0 }
}

/// A commit for the inside of a bundle, with the key in it.
fn bundle(head: Position, next: &Key, random: &mut SeededRandom) -> Result<CommitBundle, Failure> {
    let mut commit = next.seed().to_vec();
    commit.extend_from_slice(&unique("", random)?);
    Ok(CommitBundle {
        expected_head: head,
        idempotency_key: idempotency_key(random)?,
        commit: commit.into(),
        next_access_key: next.public(),
        join_key: None,
        removes: false,
        welcomes: Vec::new(),
        group_info: unique("group info", random)?,
        tree: None,
    })
}

/// Where a member is in its group's log.
pub struct Member {
    /// The log.
    pub log: LogId,
    /// The last entry that was read.
    pub position: Position,
    /// The last commit up to there.
    pub head: Position,
    /// The key of the segment behind it.
    pub key: Key,
}

impl Member {
    /// Somebody who was there from the beginning.
    ///
    /// # Errors
    /// Cryptography failed.
    pub fn at_the_start(log: LogId, first: &Key, suite: &Suite) -> Result<Self, Failure> {
        let key = Key::of_seed(suite, *first.seed())?;
        Ok(Self { log, position: Position::START, head: Position::START, key })
    }

    /// Opens the log; doing it again changes nothing.
    ///
    /// # Errors
    /// The service refuses or does not answer.
    pub fn open(&self, speaker: &Speaker) -> Result<(), Failure> {
        let create = CreateLog { join_key: None, anchors: Vec::new() };
        let answer = speaker.ask(&self.key, request::create_log(self.log, &create))?;
        answer.ok_or("no answer")??;
        Ok(())
    }

    /// A commit of the present head.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn bundle(
        &self,
        suite: &Suite,
        random: &mut SeededRandom,
    ) -> Result<CommitBundle, Failure> {
        bundle(self.head, &Key::fresh(suite, random)?, random)
    }

    /// A message of the present head.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn message(&self, text: &str, random: &mut SeededRandom) -> Result<Append, Failure> {
        Ok(Append {
            head: self.head,
            idempotency_key: idempotency_key(random)?,
            lane: Lane::Application,
            bytes: unique(text, random)?,
        })
    }

    /// Submits a commit of the present head; if it is taken right behind what was read, goes on
    /// from there. `None` if no answer came.
    ///
    /// # Errors
    /// Cryptography failed.
    pub fn commit(
        &mut self,
        speaker: &Speaker,
        bundle: &CommitBundle,
    ) -> Result<Option<Result<Receipt, Refusal>>, Failure> {
        let request = request::commit(self.log, bundle, Some(self.position));
        let answer = speaker.ask(&self.key, request)?;
        if let Some(Ok(receipt)) = &answer
            && receipt.position == self.position.next()
        {
            (self.position, self.head) = (receipt.position, receipt.head);
            self.key = key_of(&speaker.suite, &bundle.commit)?;
        }
        Ok(answer)
    }

    /// Reads up to the end; the entries read, or `None` if no answer came.
    ///
    /// # Errors
    /// The service refuses, or a commit is not one of ours.
    pub fn follow(&mut self, speaker: &Speaker) -> Result<Option<Vec<Entry>>, Failure> {
        let mut entries = Vec::new();
        loop {
            let request = request::read_log(self.log, window(self.position));
            let page = match speaker.ask(&self.key, request)? {
                None | Some(Err(Refusal::Problem(Problem::Unavailable))) => return Ok(None),
                Some(answer) => answer.map_err(|refusal| {
                    format!("log {} behind {}: {refusal}", self.log, self.position)
                })?,
            };
            let stopped = page.stopped;
            for entry in &page.entries {
                self.position = entry.position;
                if entry.kind == EntryKind::Commit {
                    self.head = entry.position;
                    self.key = key_of(&speaker.suite, &entry.bytes)?;
                }
            }
            let is_done = page.entries.is_empty();
            entries.extend(page.entries);
            if is_done || (!stopped && self.position >= page.end) {
                return Ok(Some(entries));
            }
        }
    }
}

/// Records what the service serves in the end of a log whose first key this is.
///
/// # Errors
/// It does not serve it.
pub fn record_log(
    speaker: &Speaker,
    (log, first): (LogId, &Key),
    recorder: &Recorder,
) -> Result<(), Failure> {
    let mut reader = Member::at_the_start(log, first, &speaker.suite)?;
    let entries = reader.follow(speaker)?.ok_or("no answer in the end")?;
    let answer = speaker.ask(&reader.key, request::group_info(log))?;
    let group_info = match answer.ok_or("no answer in the end")? {
        Ok(group_info) => Some(group_info),
        Err(Refusal::Problem(Problem::NoGroupInfo)) => None,
        Err(refusal) => return Err(refusal.into()),
    };
    recorder.add(Record::Log(ServedLog { log, entries, group_info }));
    Ok(())
}

/// Records what the service serves in the end of a device's inbox.
///
/// # Errors
/// It does not serve it.
pub fn record_inbox(speaker: &Speaker, owner: &Key, recorder: &Recorder) -> Result<(), Failure> {
    let (device, mut items) = (owner.device(), Vec::new());
    let mut after = Position::START;
    loop {
        let request = request::read_inbox(device, window(after));
        let page = speaker.ask(owner, request)?.ok_or("no answer in the end")??;
        after = page.items.last().map_or(after, |last| Position(last.number));
        items.extend(page.items);
        if !page.more {
            recorder.add(Record::Inbox(ServedInbox { device, items }));
            return Ok(());
        }
    }
}
