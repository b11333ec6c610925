//! A log that an insider has closed, and how its anchors open it again.
//!
//! A commit that nobody accepts, or an access key that nobody has, shuts the members out. How a
//! client notices, and what it does, `docs/decisions/repair.md` explains:
//!
//! | it notices | by |
//! |---|---|
//! | the last commit of the log is not the last one that it accepted | reading to the end |
//! | it may not read on, or its submissions are refused, though it is at the head | asking |
//!
//! A client with an anchor key locks the log, reads to the end, restates which commits were
//! accepted and which keys they opened, and commits; until then it signs with the anchor key. All
//! others keep what they want to say and wait.

use super::asked::Asked;
use super::desync;
use super::keys::access_public_key;
use super::{Engine, Task};
use crate::store::{
    AnchorRecord, GroupRecord, GroupStatus, Intent, NewEvent, OutboxRecord, StoreTransaction,
};
use crate::{Error, GroupId, Misuse, ServiceFault, StoreError};
use crypto::{Secret, Suite};
use delivery_api::repair::{Repair, Repaired, RestatedCommit};
use delivery_api::request::{self, Failure};
use delivery_api::{Position, Problem};

/// After how many refusals because another anchor holds the lock the group is left alone: mostly it
/// is held for two requests.
const LOCKED_PAUSES: u32 = 5;

/// After how many of them this client takes the lock over, if it is an anchor.
const LOCKED_PATIENCE: u32 = 10;

impl Engine {
    /// Takes notice that the service neither shows nor takes what it would if the log were open.
    pub(super) fn log_closed(&mut self, group: &GroupId, now: u64) -> Result<(), Error> {
        if self.left_unseen(group)? {
            return Ok(());
        }
        let transaction = self.store.transaction()?;
        let Some(record) = transaction.group_record(group)? else { return Ok(()) };
        if record.status != GroupStatus::Active {
            return Ok(());
        }
        let anchor = transaction.anchor(group)?;
        let is_anchor = anchor.is_some();
        if let Some(anchor) = anchor.filter(|anchor| anchor.locked.is_some()) {
            // Another anchor has taken the lock over, or the own commit has opened it.
            transaction.put_anchor(&AnchorRecord { locked: None, ..anchor })?;
            transaction.commit()?;
            self.plan.push_front(Task::ReadLog(group.clone()));
            return Ok(());
        }
        // If others seem to have gone on, it is this client that must find out how.
        if is_anchor && transaction.rejoin(group)?.is_none() {
            drop(transaction);
            self.plan.push_front(Task::Repair(group.clone()));
            return Ok(());
        }
        desync::suspect(&transaction, group, now)?;
        transaction.commit()?;
        self.wait_for_log(group)
    }

    /// Leaves a group alone until the next time that news is wanted. What is wanted of it stays,
    /// and what was made for it: it may have been taken. Whoever waits for it is told.
    pub(super) fn wait_for_log(&mut self, group: &GroupId) -> Result<(), Error> {
        self.waiting.insert(group.clone());
        let intents = self.store.transaction()?.intents()?;
        for intent in intents.iter().filter(|intent| intent.group == *group) {
            if self.awaited.remove(&intent.number) {
                self.outcomes.insert(intent.number, Err(Misuse::Waits.into()));
            }
        }
        Ok(())
    }

    /// Behind the end of a log: if its last commit was not accepted, nobody can go on.
    pub(super) fn check_log_open(&mut self, record: &GroupRecord, now: u64) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        let is_anchor = transaction.anchor(&record.id)?.is_some_and(|it| it.locked.is_none());
        let last = transaction.segments(&record.id)?.last().map(|commit| commit.head);
        drop(transaction);
        match is_anchor && last.is_some_and(|last| last < record.head) {
            true => self.log_closed(&record.id, now),
            false => Ok(()),
        }
    }

    /// Somebody else has locked the log.
    pub(super) fn log_locked(&mut self, outbox: &OutboxRecord) -> Result<(), Error> {
        let Some(mut intent) = self.intent(outbox.intent)? else { return Ok(()) };
        intent.attempts += 1;
        let transaction = self.store.transaction()?;
        transaction.put_intent(&intent)?;
        let is_anchor = transaction.anchor(&outbox.group)?.is_some();
        transaction.commit()?;
        if is_anchor && intent.attempts >= LOCKED_PATIENCE {
            self.plan.push_front(Task::Repair(outbox.group.clone()));
            return Ok(());
        }
        if intent.attempts <= LOCKED_PAUSES {
            let delay = self.delay(&outbox.group, intent.attempts)?;
            self.plan.push_front(Task::Pause(delay));
            return Ok(());
        }
        self.wait_for_log(&outbox.group)
    }

    /// While this client holds a log's lock: what is still to be restated.
    pub(super) fn repair_task(&mut self, record: &GroupRecord) -> Result<Option<Task>, Error> {
        let anchor = self.store.transaction()?.anchor(&record.id)?;
        let restated = anchor.and_then(|anchor| anchor.locked);
        let is_behind = restated.is_some_and(|restated| restated < record.position);
        Ok(is_behind.then(|| Task::Repair(record.id.clone())))
    }

    /// Only a commit unlocks a log. It is wanted even if nothing else is.
    pub(super) fn want_unlocked(&mut self) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        for group in transaction.locked_without_intent()? {
            transaction.add_intent(&group, &Intent::Update)?;
        }
        Ok(transaction.commit()?)
    }

    /// Whether this client holds a log's lock, so that nothing but a commit is taken from it.
    pub(super) fn holds_lock(&mut self, group: &GroupId) -> Result<bool, Error> {
        let anchor = self.store.transaction()?.anchor(group)?;
        Ok(anchor.is_some_and(|anchor| anchor.locked.is_some()))
    }

    pub(super) fn ask_repair(&mut self, id: GroupId, now: u64) -> Result<Option<Asked>, Error> {
        let idempotency_key = self.idempotency_key()?;
        let transaction = self.store.transaction()?;
        let Some(anchor) = transaction.anchor(&id)? else { return Ok(None) };
        let record = transaction.group_record(&id)?;
        let record = record.filter(|record| record.status == GroupStatus::Active);
        let Some(record) = record else { return Ok(None) };
        // The oldest commit that is known was reached by its own key, so its segment is right.
        let mut commits = transaction.segments(&id)?;
        if commits.is_empty() {
            return Err(StoreError::Corrupt("segments").into());
        }
        let repair = Repair {
            number: anchor.number.saturating_add(1),
            idempotency_key,
            after: commits.remove(0).head,
            up_to: record.position,
            commits,
            anchors: anchor.role.keys,
            locks: true,
        };
        let request = request::repair(record.log, &repair);
        let request = self.keys.sign_as_member(request, &anchor.key, now)?;
        Ok(Some(Asked::Repair(request, id, record.position)))
    }

    /// The log is locked, or somebody else was first.
    pub(super) fn repaired(
        &mut self,
        answer: Result<Repaired, Failure>,
        (group, up_to): (&GroupId, Position),
    ) -> Result<(), Error> {
        let repaired = match answer {
            Ok(repaired) => repaired,
            Err(Failure::Problem(Problem::RepairRaced { number })) => {
                return self.repair_raced(group, number, Task::Repair(group.clone()));
            }
            Err(Failure::Problem(Problem::NotAllowed)) => {
                return self.key_refused(group, Task::Repair(group.clone()));
            }
            Err(Failure::Problem(Problem::BeyondEnd { .. })) => {
                return self.halt(group, "the service has lost entries");
            }
            Err(failure) => return Err(failure.into()),
        };
        let is_read = repaired.end <= up_to;
        if is_read && self.store.transaction()?.outbox(group)?.is_some() {
            // It was not taken, or it would have been seen.
            self.give_up_submission(group)?;
        }
        let transaction = self.store.transaction()?;
        let Some(anchor) = transaction.anchor(group)? else { return Ok(()) };
        let (number, locked) = (repaired.number, Some(up_to));
        transaction.put_anchor(&AnchorRecord { number, locked, ..anchor })?;
        transaction.commit()?;
        if !is_read {
            self.plan.push_front(Task::ReadLog(group.clone()));
        }
        Ok(())
    }

    /// The key is none of the log's anchors: another one may be, with which to try again.
    pub(super) fn key_refused(&mut self, group: &GroupId, again: Task) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        let Some(anchor) = transaction.anchor(group)? else { return Ok(()) };
        let fallback = anchor.fallback(&self.keys.suite)?;
        match &fallback {
            Some(anchor) => transaction.put_anchor(anchor)?,
            None => transaction.delete_anchor(group)?,
        }
        transaction.commit()?;
        match (fallback, again) {
            (Some(_), again) => self.plan.push_front(again),
            // Nobody waits for new keys.
            (None, Task::RenewAnchors(_)) => (),
            (None, _) => return self.wait_for_log(group),
        }
        Ok(())
    }

    /// Another anchor was first. Or this one was, and never learned of it: it asks again when the
    /// log is read next and still closed.
    pub(super) fn repair_raced(
        &mut self,
        group: &GroupId,
        number: u64,
        again: Task,
    ) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        let Some(anchor) = transaction.anchor(group)? else { return Ok(()) };
        if number <= anchor.number {
            return Err(ServiceFault::Inconsistent("repairs that were forgotten").into());
        }
        let anchor = AnchorRecord { number, locked: None, ..anchor };
        transaction.put_anchor(&anchor)?;
        transaction.commit()?;
        match again {
            Task::RenewAnchors(_) => self.plan.push_front(again),
            _ => return self.wait_for_log(group),
        }
        Ok(())
    }
}

/// What requests about a group's log are signed with: the access key, or the anchor key while it
/// holds the lock.
pub(super) fn log_key(
    transaction: &StoreTransaction<'_>,
    record: &GroupRecord,
) -> Result<Secret, StoreError> {
    let anchor = transaction.anchor(&record.id)?.filter(|anchor| anchor.locked.is_some());
    Ok(anchor.map_or_else(|| record.access_key.duplicate(), |anchor| anchor.key))
}

/// Notes that a commit was accepted: what a repair would restate of it.
pub(super) fn note_segment(
    transaction: &StoreTransaction<'_>,
    suite: &Suite,
    record: &GroupRecord,
    (head, removes): (Position, bool),
) -> Result<(), Error> {
    let access_key = access_public_key(suite, &record.access_key)?;
    Ok(transaction.put_segment(&record.id, &RestatedCommit { head, access_key, removes })?)
}

/// An own commit was taken: if it was made under the lock, the log is open again.
pub(super) fn note_unlocked(
    transaction: &StoreTransaction<'_>,
    event: NewEvent,
) -> Result<(), StoreError> {
    let Some(group) = &event.group else { return Ok(()) };
    let anchor = transaction.anchor(group)?.filter(|anchor| anchor.locked.is_some());
    let Some(anchor) = anchor else { return Ok(()) };
    transaction.put_anchor(&AnchorRecord { locked: None, ..anchor })?;
    transaction.add_event(&event)?;
    Ok(())
}
