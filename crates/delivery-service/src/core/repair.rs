//! Repair by anchor keys: lock the log, take over the truth about its commits, name the anchors.
//!
//! One that locks does exactly what the model in `models/` has: carried out whatever the head is,
//! numbered against other anchors, bounded by what its sender has read. One that does not lock only
//! names the anchors, and only for who has read every commit.

use super::call::Submission;
use super::{Answer, answer_given, log, remember_answer};
use crate::store::{Outcome, Range, Rows, Scope, SegmentRow};
use delivery_api::log::EntryKind;
use delivery_api::problem::HeadMoved;
use delivery_api::repair::{Repair, Repaired, RestatedCommit};
use delivery_api::{LogId, Position, Problem};

/// Carries a repair out.
pub(super) fn repair(
    rows: &mut dyn Rows,
    log: LogId,
    submission: &Submission,
    repair: &Repair,
) -> Outcome {
    let scope = Scope::Log(log);
    let mut row = log::existing(rows, log)?;
    if let Some(answer) =
        answer_given(rows, scope, &repair.idempotency_key, &submission.request_hash)?
    {
        return Ok(answer);
    }
    let anchor = submission.key.key();
    if !rows.anchors(log)?.contains(&anchor) {
        return Err(Problem::NotAllowed);
    }
    if repair.number != row.repair.saturating_add(1) {
        return Err(Problem::RepairRaced { number: row.repair });
    }
    if repair.up_to > row.end {
        return Err(Problem::BeyondEnd { end: row.end });
    }
    if !repair.locks {
        log::verify_unlocked(&row)?;
        if row.head > repair.up_to {
            let moved = HeadMoved { head: row.head, missed: None };
            return Err(Problem::HeadMoved(Box::new(moved)));
        }
    }
    restate(rows, log, repair)?;
    // Who has missed a commit may have missed its own removal: it locks, and names nobody.
    if row.head <= repair.up_to {
        rows.put_anchors(log, &repair.anchors)?;
    }
    row.repair = repair.number;
    if repair.locks {
        row.locked_by = Some(anchor);
    }
    rows.put_log(log, &row)?;
    let answer = Answer::new(&Repaired { number: row.repair, head: row.head, end: row.end });
    remember_answer(rows, scope, &repair.idempotency_key, submission, &answer)?;
    Ok(answer)
}

/// Keeps of the concerned segments those that the anchor lists, as it states them.
fn restate(rows: &mut dyn Rows, log: LogId, repair: &Repair) -> Result<(), Problem> {
    let mut kept = Vec::with_capacity(repair.commits.len());
    for RestatedCommit { head, access_key, removes } in &repair.commits {
        let join_key = match rows.segment(log, *head)? {
            Some(segment) => segment.join_key,
            None => {
                verify_commit(rows, log, *head)?;
                None
            }
        };
        let (access_key, removes) = (*access_key, *removes);
        kept.push(SegmentRow { head: *head, access_key, join_key, removes });
    }
    rows.delete_segments(log, repair.after, repair.up_to)?;
    for segment in &kept {
        rows.put_segment(log, segment)?;
    }
    Ok(())
}

/// There is a commit at this position, though an earlier repair took its segment away.
fn verify_commit(rows: &mut dyn Rows, log: LogId, head: Position) -> Result<(), Problem> {
    let only = Range { after: Position(head.0.saturating_sub(1)), up_to: head, limit: 1 };
    match rows.entries(log, only)?.first() {
        Some(entry) if entry.kind == EntryKind::Commit => Ok(()),
        _ => Err(Problem::Malformed),
    }
}
