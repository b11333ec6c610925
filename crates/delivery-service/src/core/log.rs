//! The log of a group: create, commit, append, read.
//!
//! What a key may do follows from the segments alone (`delivery_api::log`): append under the
//! current head if it is the key of the current segment; read from its segment's first entry up to
//! the end, or up to the first later commit flagged `removes`, inclusive. Every answer, refusals
//! too, shows a key no more than it may read. While an anchor has locked the log (`repair`), it
//! alone commits, and it reads to the end.

use super::call::{Submission, Topic, VerifiedKey};
use super::{Answer, EXPIRING_LOGS_MAX, ServiceCore, answer_given, day, inbox, remember_answer};
use crate::store::{LogRow, Outcome, Range, Rows, Scope, SegmentRow};
use aws_lc_rs::digest::{SHA256, digest};
use codec::{Encode, Opaque};
use delivery_api::inbox::ItemKind;
use delivery_api::log::{
    Append, ChainLink, CommitBundle, CreateLog, Entry, EntryKind, LogPage, PublishedGroupInfo,
    Receipt,
};
use delivery_api::problem::HeadMoved;
use delivery_api::request::Window;
use delivery_api::{ChainHash, LogId, Position, Problem, PublicKey, limits};

/// SHA-256 of bytes.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// How far a key of some segment may read today.
struct Reach {
    /// The commit that opened the key's segment: reading starts behind it.
    start: Position,
    /// The last position.
    end: Position,
    /// The last commit up to `end`.
    head: Position,
    /// Whether `end` is final: the commit that ends the key's reading.
    stopped: bool,
}

impl Reach {
    fn of(
        rows: &mut dyn Rows,
        log: LogId,
        row: &LogRow,
        segment: &SegmentRow,
    ) -> Result<Self, Problem> {
        let start = segment.head;
        Ok(match rows.removal_after(log, start)? {
            Some(removal) => Self { start, end: removal, head: removal, stopped: true },
            None => Self { start, end: row.end, head: row.head, stopped: false },
        })
    }

    /// How far a key may read, be it of a segment or of the anchor that has locked the log.
    fn of_key(
        rows: &mut dyn Rows,
        log: LogId,
        row: &LogRow,
        key: PublicKey,
    ) -> Result<Self, Problem> {
        if row.locked_by == Some(key) {
            let start = Position::START;
            return Ok(Self { start, end: row.end, head: row.head, stopped: false });
        }
        let segment = rows.segment_with_key(log, key)?.ok_or(Problem::NotAllowed)?;
        Self::of(rows, log, row, &segment)
    }

    fn head_moved(&self) -> Problem {
        Problem::HeadMoved(Box::new(HeadMoved { head: self.head, missed: None }))
    }
}

/// The tip of a log.
pub(super) fn existing(rows: &mut dyn Rows, log: LogId) -> Result<LogRow, Problem> {
    rows.log_for_update(log)?.ok_or(Problem::UnknownLog)
}

/// Opens a log; doing it again with the same keys changes nothing.
pub(super) fn create(
    rows: &mut dyn Rows,
    log: LogId,
    key: &VerifiedKey,
    create: &CreateLog,
) -> Outcome {
    let Some(row) = rows.log_for_update(log)? else {
        open(rows, log, key.key(), create.join_key)?;
        rows.put_anchors(log, &create.anchors)?;
        return Ok(Answer::done());
    };
    let first = rows.segment(log, Position::START)?.ok_or(Problem::Internal)?;
    let same_keys = first.access_key == key.key() && first.join_key == create.join_key;
    let same_anchors = row.repair > 0 || rows.anchors(log)? == create.anchors;
    if same_keys && same_anchors { Ok(Answer::done()) } else { Err(Problem::LogExists) }
}

fn open(
    rows: &mut dyn Rows,
    log: LogId,
    access_key: PublicKey,
    join_key: Option<PublicKey>,
) -> Result<LogRow, Problem> {
    let genesis = ChainHash::new(sha256(&ChainLink::genesis(log)));
    let row = LogRow {
        head: Position::START,
        end: Position::START,
        chain_hash: genesis,
        oldest: Position(1),
        oldest_chain_hash: genesis,
        repair: 0,
        locked_by: None,
    };
    let segment = SegmentRow { head: Position::START, access_key, join_key, removes: false };
    rows.put_log(log, &row)?;
    rows.put_segment(log, &segment)?;
    Ok(row)
}

/// Applies a commit bundle: all of it if the head is the expected one, nothing otherwise.
pub(super) fn commit(
    core: &ServiceCore,
    rows: &mut dyn Rows,
    log: LogId,
    submission: &Submission,
    bundle: &CommitBundle,
) -> Outcome {
    let (scope, key) = (Scope::Log(log), submission.key.key());
    let mut row = match rows.log_for_update(log)? {
        Some(row) => row,
        None if bundle.expected_head == Position::START => open(rows, log, key, None)?,
        None => return Err(Problem::UnknownLog),
    };
    // Before anything else: a retry gets its receipt even if the head has moved since (G4).
    if let Some(answer) =
        answer_given(rows, scope, &bundle.idempotency_key, &submission.request_hash)?
    {
        return Ok(answer);
    }
    verify_committer(rows, log, &row, key)?;
    if bundle.expected_head != row.head {
        return Err(Problem::HeadMoved(Box::new(HeadMoved { head: row.head, missed: None })));
    }
    if rows.segment_with_key(log, bundle.next_access_key)?.is_some() {
        return Err(Problem::AccessKeyReused);
    }
    row.locked_by = None;
    let entry =
        NewEntry { kind: EntryKind::Commit, removes: bundle.removes, bytes: &bundle.commit };
    append_entry(rows, log, &mut row, &entry)?;
    mark_day(core, rows, log, (row.end, submission.now_seconds))?;
    rows.put_segment(
        log,
        &SegmentRow {
            head: row.head,
            access_key: bundle.next_access_key,
            join_key: bundle.join_key,
            removes: bundle.removes,
        },
    )?;
    let published = (!bundle.group_info.is_empty()).then(|| PublishedGroupInfo {
        head: row.head,
        chain_hash: row.chain_hash,
        group_info: bundle.group_info.clone(),
        tree: bundle.tree.clone(),
    });
    rows.put_group_info(log, published.as_ref())?;
    let mut answer = receipt(core, log, &row);
    // In one order, whoever commits, so that two commits never wait for each other.
    let mut welcomes: Vec<_> = bundle.welcomes.iter().collect();
    welcomes.sort_by_key(|delivery| delivery.recipient);
    for delivery in welcomes {
        inbox::deliver(core, rows, delivery.recipient, ItemKind::Welcome, &delivery.welcome)?;
        answer = answer.with_news(Topic(*delivery.recipient.as_bytes()));
    }
    remember_answer(rows, scope, &bundle.idempotency_key, submission, &answer)?;
    keep_only(core, rows, log, &row)?;
    Ok(answer)
}

/// The committer holds the key of the current segment or its join key, or has locked the log.
fn verify_committer(
    rows: &mut dyn Rows,
    log: LogId,
    row: &LogRow,
    key: PublicKey,
) -> Result<(), Problem> {
    if row.locked_by == Some(key) {
        return Ok(());
    }
    if let Some(segment) = rows.segment_with_key(log, key)? {
        return if segment.head == row.head {
            verify_unlocked(row)
        } else {
            Err(Reach::of(rows, log, row, &segment)?.head_moved())
        };
    }
    let current = rows.segment(log, row.head)?;
    let joins = current.is_some_and(|segment| segment.join_key == Some(key));
    if joins { verify_unlocked(row) } else { Err(Problem::NotAllowed) }
}

pub(super) fn verify_unlocked(row: &LogRow) -> Result<(), Problem> {
    if row.locked_by.is_none() { Ok(()) } else { Err(Problem::Locked) }
}

/// Adds the entries behind `missed_after` to a refusal because the head moved.
pub(super) fn with_missed(
    rows: &mut dyn Rows,
    log: LogId,
    submission: &Submission,
    problem: Problem,
    missed_after: Option<Position>,
) -> Outcome {
    let (Problem::HeadMoved(moved), Some(after)) = (&problem, missed_after) else {
        return Err(problem);
    };
    let window = Window { after, limit: limits::PAGE_LIMIT_MAX, wait_seconds: 0 };
    // Without a page the requester reads the log as usual.
    let missed = page(rows, log, submission.key.key(), &window).ok();
    Err(Problem::HeadMoved(Box::new(HeadMoved { head: moved.head, missed })))
}

/// Appends a message if the head is the one it was protected under (G9).
pub(super) fn append(
    core: &ServiceCore,
    rows: &mut dyn Rows,
    log: LogId,
    submission: &Submission,
    append: &Append,
) -> Outcome {
    let scope = Scope::Log(log);
    let mut row = existing(rows, log)?;
    if let Some(answer) =
        answer_given(rows, scope, &append.idempotency_key, &submission.request_hash)?
    {
        return Ok(answer);
    }
    let segment = rows.segment_with_key(log, submission.key.key())?.ok_or(Problem::NotAllowed)?;
    if segment.head != row.head || append.head != row.head {
        return Err(Reach::of(rows, log, &row, &segment)?.head_moved());
    }
    verify_unlocked(&row)?;
    let entry = NewEntry { kind: append.lane.kind(), removes: false, bytes: &append.bytes };
    append_entry(rows, log, &mut row, &entry)?;
    mark_day(core, rows, log, (row.end, submission.now_seconds))?;
    let answer = receipt(core, log, &row);
    remember_answer(rows, scope, &append.idempotency_key, submission, &answer)?;
    keep_only(core, rows, log, &row)?;
    Ok(answer)
}

struct NewEntry<'a> {
    kind: EntryKind,
    removes: bool,
    bytes: &'a Opaque,
}

/// Puts an entry at the next position and moves the tip of the log.
fn append_entry(
    rows: &mut dyn Rows,
    log: LogId,
    row: &mut LogRow,
    new: &NewEntry<'_>,
) -> Result<(), Problem> {
    let entry = Entry {
        position: row.end.next(),
        kind: new.kind,
        head: row.head,
        removes: new.removes,
        bytes: new.bytes.clone(),
    };
    let link = ChainLink {
        previous: row.chain_hash,
        position: entry.position,
        kind: entry.kind,
        entry_hash: sha256(&entry.bytes),
    };
    row.chain_hash = ChainHash::new(sha256(&link.to_bytes()));
    row.end = entry.position;
    if entry.kind == EntryKind::Commit {
        row.head = entry.position;
    }
    rows.put_entry(log, &entry, row.chain_hash)?;
    Ok(rows.put_log(log, row)?)
}

fn receipt(core: &ServiceCore, log: LogId, row: &LogRow) -> Answer {
    let mut receipt = Receipt {
        log,
        position: row.end,
        head: row.head,
        chain_hash: row.chain_hash,
        signature: Opaque::default(),
    };
    receipt.signature = core.key.sign(&receipt.to_be_signed());
    Answer::new(&receipt).with_news(Topic(*log.as_bytes()))
}

/// Reads entries, or says that there is nothing yet.
pub(super) fn read(rows: &mut dyn Rows, log: LogId, key: &VerifiedKey, window: &Window) -> Outcome {
    let page = page(rows, log, key.key(), window)?;
    let may_wait = page.entries.is_empty() && !page.stopped;
    Ok(Answer { may_wait, ..Answer::new(&page) })
}

/// What a key may read behind a position, if there is anything.
pub(super) fn news(
    rows: &mut dyn Rows,
    log: LogId,
    key: PublicKey,
    window: &Window,
) -> Result<Option<LogPage>, Problem> {
    let row = existing(rows, log)?;
    let reach = Reach::of_key(rows, log, &row, key)?;
    if reach.start <= window.after && window.after == reach.end {
        return Ok(None);
    }
    page(rows, log, key, window).map(Some)
}

/// How far a key may read, and whether that is final, if it may read behind a position at all.
pub(super) fn visible_end(
    rows: &mut dyn Rows,
    log: LogId,
    key: PublicKey,
    after: Position,
) -> Result<(Position, bool), Problem> {
    let row = existing(rows, log)?;
    let reach = Reach::of_key(rows, log, &row, key)?;
    if after < reach.start {
        return Err(Problem::NotAllowed);
    }
    if after > reach.end {
        return Err(Problem::BeyondEnd { end: reach.end });
    }
    Ok((reach.end, reach.stopped))
}

fn page(
    rows: &mut dyn Rows,
    log: LogId,
    key: PublicKey,
    window: &Window,
) -> Result<LogPage, Problem> {
    let row = existing(rows, log)?;
    let reach = Reach::of_key(rows, log, &row, key)?;
    let after = window.after;
    if after < reach.start {
        return Err(Problem::NotAllowed);
    }
    if after > reach.end {
        return Err(Problem::BeyondEnd { end: reach.end });
    }
    // Never a silent gap (G7).
    if after.next() < row.oldest {
        return Err(Problem::Gone { oldest: row.oldest });
    }
    let chain_hash = if after.next() == row.oldest {
        row.oldest_chain_hash
    } else {
        rows.chain_hash(log, after)?.ok_or(Problem::Internal)?
    };
    let range = Range { after, up_to: reach.end, limit: window.limit };
    let entries = rows.entries(log, range)?;
    let Reach { end, head, stopped, .. } = reach;
    Ok(LogPage { chain_hash, entries, end, head, stopped })
}

/// Fetches the GroupInfo for a key that may read the commit it belongs to, or for the join key.
pub(super) fn group_info(rows: &mut dyn Rows, log: LogId, key: &VerifiedKey) -> Outcome {
    let row = existing(rows, log)?;
    let key = key.key();
    let allowed = match Reach::of_key(rows, log, &row, key) {
        Ok(reach) => !reach.stopped,
        Err(Problem::NotAllowed) => {
            rows.segment(log, row.head)?.is_some_and(|current| current.join_key == Some(key))
        }
        Err(problem) => return Err(problem),
    };
    if !allowed {
        return Err(Problem::NotAllowed);
    }
    let published = rows.group_info(log)?.ok_or(Problem::NoGroupInfo)?;
    Ok(Answer::new(&published))
}

/// Ends the retention of the entries before `oldest`; it never goes back, nor beyond the end.
pub(super) fn truncate(rows: &mut dyn Rows, log: LogId, oldest: Position) -> Result<(), Problem> {
    let mut row = existing(rows, log)?;
    let oldest = oldest.min(row.end.next());
    if oldest <= row.oldest {
        return Ok(());
    }
    let before = Position(oldest.0 - 1);
    row.oldest_chain_hash = rows.chain_hash(log, before)?.ok_or(Problem::Internal)?;
    row.oldest = oldest;
    rows.delete_entries_before(log, oldest)?;
    Ok(rows.put_log(log, &row)?)
}

fn keep_only(
    core: &ServiceCore,
    rows: &mut dyn Rows,
    log: LogId,
    row: &LogRow,
) -> Result<(), Problem> {
    let Some(kept) = core.config.log_entries_kept else { return Ok(()) };
    let oldest = Position(row.end.next().0.saturating_sub(kept.max(1)));
    if oldest > row.oldest { truncate(rows, log, oldest) } else { Ok(()) }
}

/// Notes the first entry of a day, if entries expire by age.
fn mark_day(
    core: &ServiceCore,
    rows: &mut dyn Rows,
    log: LogId,
    (position, now_seconds): (Position, u64),
) -> Result<(), Problem> {
    let today = day(now_seconds);
    // Should the clock have gone back, the entry counts as written on the later day.
    if core.config.log_days_kept.is_none() || rows.last_day(log)?.is_some_and(|last| last >= today)
    {
        return Ok(());
    }
    Ok(rows.put_day(log, today, position)?)
}

/// Forgets entries written before a day, in some of the logs that have such entries.
pub(super) fn expire(rows: &mut dyn Rows, before: u64) -> Outcome {
    let logs = rows.logs_with_day_before(before, EXPIRING_LOGS_MAX)?;
    let mut count = 0_u32;
    for log in logs {
        let row = existing(rows, log)?;
        // What was written before the first noted day counts as written on it.
        let oldest = rows.first_position_since(log, before)?.unwrap_or(row.end.next());
        truncate(rows, log, oldest)?;
        rows.delete_days_before(log, before)?;
        count += 1;
    }
    Ok(Answer::new(&count))
}
