//! Leaving a group.
//!
//! Nobody can remove itself: the wish to leave is a Remove proposal for the own leaf (RFC 9420,
//! section 12.1.3), which the log keeps, and whoever is online commits it (`schedule`). A commit
//! that was made without it ends its epoch, and it is proposed again in the next one. From the wish
//! on nothing else is asked of the group, and what still waits fails; the group's keys are erased
//! when the removal is read, or when the service lets this client read no more.

use super::{Done, Engine, OpenGroup, check_usable};
use crate::store::{
    GroupRecord, GroupStatus, Intent, IntentRecord, Leaving, NewEvent, Schedule, StoreTransaction,
    Stored,
};
use crate::{Error, EventKind, GroupId, Misuse};
use crypto::Random;
use mls::{Delta, Group, MlsMessage, ProposalRef, ProposalSender, Propose};

impl Engine {
    /// Wants to leave a group. The outcome, under the number that is returned, is that the wish is
    /// in the log; that the group is left, an event says.
    ///
    /// # Errors
    /// There is no such group, or it cannot be used.
    pub fn leave(&mut self, group: &GroupId) -> Result<u64, Error> {
        let transaction = self.store.transaction()?;
        let record = transaction.group_record(group)?;
        let record = record.ok_or_else(|| Misuse::NoSuchGroup(group.to_string()))?;
        check_usable(record.status)?;
        let mut schedule = transaction.schedule(group)?.unwrap_or_default();
        if schedule.leaving == Leaving::No {
            schedule.leaving = Leaving::Wished;
            transaction.put_schedule(group, &schedule)?;
        }
        let number = transaction.add_intent(group, &Intent::Leave)?;
        transaction.commit()?;
        self.awaited.insert(number);
        Ok(number)
    }

    /// Carries out the wish to leave as far as that takes nobody else; `false` if it is to be
    /// proposed.
    pub(super) fn leave_quietly(
        &mut self,
        record: &IntentRecord,
        group: &GroupRecord,
        open: &OpenGroup,
    ) -> Result<bool, Error> {
        let done = Done { position: group.position, epoch: open.group.epoch() };
        let schedule = self.store.transaction()?.schedule(&group.id)?.unwrap_or_default();
        if schedule.leaving != Leaving::Proposed && open.group.member_count() > 1 {
            return Ok(false);
        }
        if open.group.member_count() == 1 {
            self.end_membership(&group.id)?;
        }
        self.finish(record, Ok(done))?;
        Ok(true)
    }

    /// What becomes of what is still asked of a group that was left; `None` if it was not.
    pub(super) fn after_leaving(
        &mut self,
        record: &IntentRecord,
        group: &GroupRecord,
    ) -> Result<Option<Result<Done, Error>>, Error> {
        if record.intent == Intent::Leave {
            return Ok(Some(Ok(Done { position: group.position, epoch: 0 })));
        }
        let is_leaving = is_leaving(&self.store.transaction()?, &group.id)?;
        Ok(is_leaving.then(|| Err(Misuse::Leaving.into())))
    }

    /// Ends the membership of who wishes to leave and cannot read on: it was removed, whether it
    /// saw that or not. Returns whether it was so.
    pub(super) fn left_unseen(&mut self, group: &GroupId) -> Result<bool, Error> {
        let is_leaving = is_leaving(&self.store.transaction()?, group)?;
        if is_leaving {
            self.end_membership(group)?;
        }
        Ok(is_leaving)
    }

    /// Erases a group's keys.
    fn end_membership(&mut self, group: &GroupId) -> Result<(), Error> {
        self.open.remove(group);
        let ((), delta) = self.client.delete_group(group.as_slice()).into_parts();
        let transaction = self.store.transaction()?;
        let Some(mut record) = transaction.group_record(group)? else { return Ok(()) };
        transaction.apply(&delta)?;
        transaction.delete_outbox(group)?;
        transaction.delete_anchor(group)?;
        record.status = GroupStatus::Removed;
        transaction.put_group(&record)?;
        transaction.add_event(&NewEvent {
            group: Some(group.clone()),
            position: record.position,
            epoch: 0,
            kind: EventKind::LeftGroup { by: self.keys.identity.name.to_string() },
            message_id: None,
            unread: true,
        })?;
        Ok(transaction.commit()?)
    }
}

/// Whether this client wishes to leave a group, or has left it.
pub(super) fn is_leaving(transaction: &StoreTransaction<'_>, group: &GroupId) -> Stored<bool> {
    let schedule = transaction.schedule(group)?;
    Ok(schedule.is_some_and(|schedule| schedule.leaving != Leaving::No))
}

/// Refuses what is asked of a group that is being left, or was.
pub(super) fn check_staying(
    transaction: &StoreTransaction<'_>,
    group: &GroupId,
) -> Result<(), Error> {
    match is_leaving(transaction, group)? {
        true => Err(Misuse::Leaving.into()),
        false => Ok(()),
    }
}

/// The wish to leave, as a proposal. One that was made in this epoch and did not reach the log is
/// forgotten.
pub(super) fn propose(
    group: &mut Group,
    authenticated_data: &[u8],
    now: u64,
    random: &mut dyn Random,
) -> Result<(MlsMessage, Delta), Error> {
    let own = group.own_leaf();
    let is_own = |sender| sender == ProposalSender::Member(own);
    let older = group.pending_proposals().filter(|(_, sender, _)| is_own(*sender));
    let older: Vec<ProposalRef> = older.map(|(reference, ..)| reference).collect();
    let mut rows = Delta::default();
    for reference in older {
        let ((), delta) = group.forget_proposal(reference).into_parts();
        rows.append(delta);
    }
    let effect = group.propose(Propose::Remove(own), authenticated_data, now, random)?;
    let (message, delta) = effect.into_parts();
    rows.append(delta);
    Ok((message, rows))
}

/// Notes that the own wish is in the log.
pub(super) fn note_proposed(transaction: &StoreTransaction<'_>, group: &GroupId) -> Stored<()> {
    let schedule = transaction.schedule(group)?.unwrap_or_default();
    transaction.put_schedule(group, &Schedule { leaving: Leaving::Proposed, ..schedule })
}

/// Notes that the wish of another waits for a commit.
pub(super) fn note_wish(
    transaction: &StoreTransaction<'_>,
    group: &GroupId,
    now: u64,
) -> Stored<()> {
    let mut schedule = transaction.schedule(group)?.unwrap_or_default();
    schedule.wish_seen_at.get_or_insert(now);
    transaction.put_schedule(group, &schedule)
}
