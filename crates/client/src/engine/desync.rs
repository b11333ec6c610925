//! When a client has lost its group: what counts as a suspicion, and what as a proof.
//!
//! | what happened | it is a |
//! |---|---|
//! | the chain is another one; the log lost entries, or no longer has what was missed | proof |
//! | a member saw another past | proof |
//! | only this client refuses a commit | proof |
//! | the own rows are not those of the place in the log | proof |
//! | entries of a later epoch than the own | suspicion |
//! | the service neither shows nor takes anything more | suspicion |
//!
//! A proof halts the group at once, a suspicion does not: an insider can make either up. Both lead
//! to other members being asked (`rejoin`), a suspicion only after a while, and not at all if the
//! group turns out to go on in the own epoch. What a member answers is signed, so it settles it.

use super::Engine;
use crate::store::{GroupRecord, GroupStatus, NewEvent, RejoinRecord, StoreTransaction};
use crate::{Error, EventKind, GroupId, StoreError};

/// How long a suspicion waits for something that refutes it.
const SUSPICION_SECONDS: u64 = 60;

/// What the entries of a page said about whether this client still follows its group: the last one
/// counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Trace {
    /// Nothing.
    #[default]
    None,
    /// The group is in the own epoch.
    Followed,
    /// The group is in a later epoch.
    Later,
}

impl Trace {
    /// Stores what it means.
    pub(super) fn settle(
        self,
        transaction: &StoreTransaction<'_>,
        group: &GroupId,
        now: u64,
    ) -> Result<(), StoreError> {
        match self {
            Self::None => Ok(()),
            Self::Followed => transaction.delete_rejoin(group),
            Self::Later => suspect(transaction, group, now),
        }
    }
}

impl Engine {
    /// Ends following a group: going on would not be safe.
    pub(super) fn halt(&mut self, group: &GroupId, reason: &str) -> Result<(), Error> {
        self.open.remove(group);
        let transaction = self.store.transaction()?;
        if let Some(mut record) = transaction.group_record(group)? {
            halt(&transaction, &mut record, reason)?;
            transaction.put_group(&record)?;
            transaction.commit()?;
        }
        Ok(())
    }
}

/// Ends following a group, within a transaction.
pub(super) fn halt(
    transaction: &StoreTransaction<'_>,
    record: &mut GroupRecord,
    reason: &str,
) -> Result<(), StoreError> {
    record.status = GroupStatus::Halted;
    transaction.delete_outbox(&record.id)?;
    prove(transaction, &record.id)?;
    transaction.add_event(&NewEvent {
        group: Some(record.id.clone()),
        position: record.position,
        epoch: 0,
        kind: EventKind::Halted { reason: reason.to_owned() },
        message_id: None,
        unread: true,
    })?;
    Ok(())
}

/// Notes a suspicion: others are asked if nothing refutes it.
pub(super) fn suspect(
    transaction: &StoreTransaction<'_>,
    group: &GroupId,
    now: u64,
) -> Result<(), StoreError> {
    seek(transaction, group, now.saturating_add(SUSPICION_SECONDS))
}

/// Notes that this client has lost the group: others are asked at once.
pub(super) fn prove(transaction: &StoreTransaction<'_>, group: &GroupId) -> Result<(), StoreError> {
    match transaction.rejoin(group)? {
        Some(rejoin) if rejoin.attempts == 0 => {
            transaction.put_rejoin(&RejoinRecord { not_before: 0, ..rejoin })
        }
        Some(_) => Ok(()),
        None => seek(transaction, group, 0),
    }
}

fn seek(
    transaction: &StoreTransaction<'_>,
    group: &GroupId,
    not_before: u64,
) -> Result<(), StoreError> {
    if transaction.rejoin(group)?.is_some() {
        return Ok(());
    }
    let group = group.clone();
    let rejoin = RejoinRecord { group, attempts: 0, not_before, key: None, submission: None };
    transaction.put_rejoin(&rejoin)
}
