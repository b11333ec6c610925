//! Sending what was made, and what the service's answer means for it.
//!
//! | answer | meaning |
//! |---|---|
//! | receipt for the next position | done: merge |
//! | receipt for a later position | done, behind others: read the log up to it, merge there |
//! | `head-moved` to the same head, `not-allowed`, `locked` | the log is closed: `repair` |
//! | `head-moved` | lost the race, or was taken and forgotten: read the log, which tells |
//! | other refusals | the intent fails |
//! | none | unknown; the same bytes are sent again and get the same receipt |

use super::accepted::Accepted;
use super::asked::Asked;
use super::repair::log_key;
use super::{Engine, Task};
use crate::store::{OutboxRecord, Submission};
use crate::{Error, GroupId, Misuse, ServiceFault};
use delivery_api::log::Receipt;
use delivery_api::problem::HeadMoved;
use delivery_api::request::{self, Failure};
use delivery_api::{Position, Problem};
use std::time::Duration;

/// How many races in a row an intent may lose. Each is a commit of somebody else that got through,
/// so of as many who want one thing each, all have it in the end.
const ATTEMPTS_MAX: u32 = 1000;

/// The first delay after a lost race, in milliseconds; it doubles with each loss.
const DELAY_MILLISECONDS: u64 = 5;

/// How often the delay doubles.
const DELAY_DOUBLINGS_MAX: u32 = 8;

/// How many commits of one epoch that were given up are kept: each holds the keys of an epoch. One
/// beyond them, should it turn up, is followed by way of a rejoin.
const GIVEN_UP_MAX: usize = 8;

impl Engine {
    pub(super) fn ask_submit(&mut self, group: GroupId, now: u64) -> Result<Option<Asked>, Error> {
        let transaction = self.store.transaction()?;
        let (record, outbox) = (transaction.group_record(&group)?, transaction.outbox(&group)?);
        let (Some(record), Some(outbox)) = (record, outbox) else { return Ok(None) };
        let request = match &outbox.submission {
            Submission::Commit(bundle) => {
                request::commit(record.log, bundle, Some(record.position))
            }
            Submission::Message(append) => request::append(record.log, append),
        };
        let key = log_key(&transaction, &record)?;
        let request = self.keys.sign_as_member(request, &key, now)?;
        Ok(Some(Asked::Submit(request, group)))
    }

    /// Takes the answer to a submission.
    pub(super) fn submitted(
        &mut self,
        answer: Result<Receipt, Failure>,
        group: &GroupId,
        now: u64,
    ) -> Result<(), Error> {
        let Some(outbox) = self.store.transaction()?.outbox(group)? else { return Ok(()) };
        match answer {
            Ok(receipt) => self.taken(&outbox, &receipt, now),
            Err(Failure::Problem(Problem::HeadMoved(moved))) => self.lost(&outbox, *moved, now),
            Err(Failure::Problem(Problem::Locked)) => self.log_locked(&outbox),
            Err(Failure::Problem(Problem::NotAllowed)) => self.log_closed(group, now),
            Err(Failure::Problem(problem)) if is_final(&problem) => self.refused(&outbox, problem),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The service took it.
    fn taken(&mut self, outbox: &OutboxRecord, receipt: &Receipt, now: u64) -> Result<(), Error> {
        let record = self.store.transaction()?.group_record(&outbox.group)?;
        let Some(record) = record else { return Ok(()) };
        let accepted = Accepted::by_receipt(&self.keys, &record, &outbox.submission, receipt)?;
        if accepted.position() <= record.position {
            // It was read, and was not ours.
            return Err(ServiceFault::Inconsistent("a receipt for an entry of others").into());
        }
        if accepted.position() == record.position.next() {
            return self.merge_taken(&outbox.group, &accepted, now);
        }
        let mut open = self.take_open(&outbox.group)?;
        open.receipt = Some(accepted.position());
        self.open.insert(outbox.group.clone(), open);
        self.plan.push_front(Task::ReadLog(outbox.group.clone()));
        Ok(())
    }

    /// Others were faster. What is in the log decides what becomes of the submission.
    fn lost(&mut self, outbox: &OutboxRecord, moved: HeadMoved, now: u64) -> Result<(), Error> {
        let Some(mut intent) = self.intent(outbox.intent)? else { return Ok(()) };
        if moved.head == outbox.submission.head() {
            // The head is right, so it is the key that the service does not take: an invalid commit
            // came with a key that nobody has.
            return self.log_closed(&outbox.group, now);
        }
        intent.attempts += 1;
        if intent.attempts > ATTEMPTS_MAX {
            self.give_up_submission(&outbox.group)?;
            return self.finish(&intent, Err(Misuse::Contention.into()));
        }
        let transaction = self.store.transaction()?;
        transaction.put_intent(&intent)?;
        transaction.commit()?;
        let delay = self.delay(&outbox.group, intent.attempts)?;
        self.plan.push_front(Task::Pause(delay));
        match moved.missed {
            Some(page) => self.log_read(Ok(page), &outbox.group, now),
            None => {
                self.plan.push_front(Task::ReadLog(outbox.group.clone()));
                Ok(())
            }
        }
    }

    /// The service will never take it.
    fn refused(&mut self, outbox: &OutboxRecord, problem: Problem) -> Result<(), Error> {
        let Some(intent) = self.intent(outbox.intent)? else { return Ok(()) };
        self.give_up_submission(&outbox.group)?;
        self.finish(&intent, Err(Error::Refused(problem)))
    }

    /// Sends what was made for an intent no more. A commit may have been taken all the same, with
    /// an answer that was lost: what it leads to is kept until the epoch ends, in case it turns up.
    pub(super) fn give_up_submission(&mut self, group: &GroupId) -> Result<(), Error> {
        let mut open = self.take_open(group)?;
        let transaction = self.store.transaction()?;
        if let Some(pending) = open.pending.take()
            && open.group.pending_commits(&transaction.mls())?.len() > GIVEN_UP_MAX
        {
            let ((), delta) = open.group.discard(pending).into_parts();
            transaction.apply(&delta)?;
        }
        transaction.delete_outbox(group)?;
        transaction.commit()?;
        self.open.insert(group.clone(), open);
        Ok(())
    }

    /// How long to wait after a lost race: longer with each, at random, and a little longer for
    /// later leaves, so that of many who want to commit each has its turn.
    pub(super) fn delay(&mut self, group: &GroupId, attempts: u32) -> Result<Duration, Error> {
        let open = self.take_open(group)?;
        let leaf = u64::from(open.group.own_leaf().as_u32()).min(100);
        self.open.insert(group.clone(), open);
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes)?;
        let longest = DELAY_MILLISECONDS << attempts.min(DELAY_DOUBLINGS_MAX);
        Ok(Duration::from_millis(u64::from_be_bytes(bytes) % longest + leaf))
    }
}

/// The position behind which nothing is known yet.
pub(super) fn is_behind(receipt: Option<Position>, position: Position) -> bool {
    receipt.is_some_and(|receipt| position < receipt)
}

/// Whether a refusal is the last word. Some may succeed later, but only if somebody else does
/// something, which may be never: not worth standing in the way of everything else.
pub(super) fn is_final(problem: &Problem) -> bool {
    let waits_for_others =
        matches!(problem, Problem::InboxFull | Problem::NoKeyPackage | Problem::StockFull);
    waits_for_others || !problem.entry().retryable
}
