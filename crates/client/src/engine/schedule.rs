//! When what has to be done of itself: the own keys, idle members, wishes to leave.
//!
//! * The own leaf is renewed by a commit between the policy's minimum and maximum. Where in
//!   between, its place in the tree says, so that members who came at once do not commit at once.
//!   Every own commit renews it.
//! * If no renewal lands within the maximum, the application is warned, and messages wait for one:
//!   a service that keeps commits away keeps keys alive that somebody may have stolen.
//! * A member whose leaf was not seen to change for as long as the policy says is removed by
//!   whoever may. Leaves that are renewed bear no time, so each client goes by what it saw; the
//!   commit is valid whatever others saw.
//! * A wish to leave is committed by whoever is online: at once by the member whose turn it is in
//!   this epoch, by the next ones a little later each.
//!
//! [`Engine::next_action`] says when something of this is to be done.

use super::policy::{may_change, policy_of};
use super::{Engine, OpenGroup};
use crate::identity::identity_of;
use crate::policy::GroupPolicy;
use crate::store::{
    GroupRecord, GroupStatus, Intent, Leaving, NewEvent, Schedule, StoreTransaction, Stored,
};
use crate::{Error, EventKind, GroupId};
use delivery_api::{DeviceId, Position};
use mls::{Group, LeafIndex, ProposalSender};
use wire::Proposal;

/// How long after an attempt that did not land the next one is made.
const RETRY_SECONDS: u64 = 3600;

/// A group is looked at again after so long at the latest.
const LOOK_SECONDS: u64 = 86_400;

/// How much later the next member commits a wish to leave.
const TURN_SECONDS: u64 = 10;

/// After so many turns everybody may.
const TURNS_MAX: u64 = 60;

/// When the own keys are due, and when they are overdue.
pub(super) fn renewal(policy: &GroupPolicy, leaf: LeafIndex, renewed_at: u64) -> (u64, u64) {
    let (min, max) = (policy.update_interval_min_seconds, policy.update_interval_max_seconds);
    // The bits of the leaf's number in reverse, as a fraction: neighbours are far apart, however
    // many there are. The second half of the time is for attempts that do not land.
    let window = max.saturating_sub(min) / 2;
    let spread = window.saturating_mul(u64::from(leaf.as_u32().reverse_bits())) >> u32::BITS;
    (renewed_at.saturating_add(min).saturating_add(spread), renewed_at.saturating_add(max))
}

/// Whether the own keys are too old to send with. Whoever is alone has nobody to send to.
pub(super) fn is_overdue(group: &Group, schedule: Option<&Schedule>, now: u64) -> bool {
    let renewed_at = schedule.map_or(now, |schedule| schedule.renewed_at);
    let (_, overdue) = renewal(&policy_of(group), group.own_leaf(), renewed_at);
    group.member_count() > 1 && now > overdue
}

/// Whether a member was not seen to renew its keys for as long as the policy says.
pub(super) fn is_idle(
    transaction: &StoreTransaction<'_>,
    group: &Group,
    (leaf, now): (LeafIndex, u64),
) -> Stored<bool> {
    let idle = policy_of(group).idle_eviction_seconds;
    let id = GroupId::new(group.group_id());
    let Some(schedule) = transaction.schedule(&id)?.filter(|_| idle > 0) else { return Ok(false) };
    let seen = transaction.leaf_time(&id, leaf.as_u32())?.unwrap_or(schedule.since);
    Ok(now.saturating_sub(seen) > idle)
}

/// Notes what a commit has renewed, now that the group is in the new epoch. Returns whether the own
/// keys were overdue and are renewed.
pub(super) fn note_commit(
    transaction: &StoreTransaction<'_>,
    group: &Group,
    change: &mls::EpochChange,
    now: u64,
) -> Stored<bool> {
    let id = GroupId::new(group.group_id());
    for (leaf, _) in &change.removed {
        transaction.delete_leaf_time(&id, leaf.as_u32())?;
    }
    for (leaf, _) in change.added.iter().chain(&change.updated) {
        transaction.put_leaf_time(&id, leaf.as_u32(), now)?;
    }
    let Some(mut schedule) = transaction.schedule(&id)? else { return Ok(false) };
    // Proposals end with their epoch.
    schedule.wish_seen_at = None;
    let mut has_landed = false;
    if change.committer == Some(group.own_leaf()) && !change.self_removed {
        has_landed = schedule.warned;
        schedule.renewed_at = now;
        (schedule.asked_at, schedule.warned) = (None, false);
    }
    if schedule.leaving == Leaving::Proposed && !change.self_removed {
        schedule.leaving = Leaving::Wished;
    }
    transaction.put_schedule(&id, &schedule)?;
    let is_there = |it: &crate::store::IntentRecord| it.group == id && it.intent == Intent::Leave;
    if schedule.leaving == Leaving::Wished
        && !change.self_removed
        && !transaction.intents()?.iter().any(is_there)
    {
        transaction.add_intent(&id, &Intent::Leave)?;
    }
    Ok(has_landed)
}

/// Begins the schedule of a group that this client has come back into: what it missed, it did not
/// see. A wish to leave stays.
pub(super) fn begin_again(
    transaction: &StoreTransaction<'_>,
    group: &GroupId,
    now: u64,
) -> Stored<()> {
    let before = transaction.schedule(group)?.unwrap_or_default();
    transaction.begin_schedule(group, now, now)?;
    let leaving = match before.leaving {
        Leaving::No => Leaving::No,
        Leaving::Wished | Leaving::Proposed => Leaving::Wished,
    };
    let schedule = Schedule { since: now, renewed_at: now, leaving, ..Schedule::default() };
    transaction.put_schedule(group, &schedule)
}

/// Tells that the own keys were not renewed in time.
fn warn(transaction: &StoreTransaction<'_>, group: &GroupId, epoch: u64) -> Stored<()> {
    transaction.add_event(&NewEvent {
        group: Some(group.clone()),
        position: Position::START,
        epoch,
        kind: EventKind::UpdateOverdue {},
        message_id: None,
        unread: true,
    })?;
    Ok(())
}

/// The devices that this client would remove for being idle. Whoever may do so waits up to a day
/// more, each another time.
fn idle(transaction: &StoreTransaction<'_>, open: &OpenGroup, now: u64) -> Stored<Vec<DeviceId>> {
    let own = open.group.own_leaf();
    let wait = LOOK_SECONDS.saturating_mul(u64::from(own.as_u32().reverse_bits())) >> u32::BITS;
    let mut devices = Vec::new();
    for member in open.group.members().filter(|member| member.index != own) {
        if is_idle(transaction, &open.group, (member.index, now.saturating_sub(wait)))? {
            devices.extend(identity_of(&member.leaf).map(|identity| identity.device));
        }
    }
    Ok(devices)
}

/// The members whose wish to leave waits for a commit.
fn leavers(group: &Group) -> Vec<LeafIndex> {
    let wishes = group.pending_proposals().filter_map(|(_, sender, proposal)| match sender {
        ProposalSender::Member(leaf) if *proposal == Proposal::Remove(leaf.as_u32()) => Some(leaf),
        _ => None,
    });
    wishes.collect()
}

/// How many members have their turn before this one to commit a wish to leave; `None` if it is not
/// this client's to commit.
fn turns_before(group: &Group, leavers: &[LeafIndex]) -> Option<u64> {
    let own = group.own_leaf();
    if leavers.iter().all(|leaf| *leaf == own) {
        return None;
    }
    let stays = |leaf: &LeafIndex| !leavers.contains(leaf);
    let staying = || group.members().map(|member| member.index).filter(stays);
    // If all want to leave, each may let the others go.
    let is_candidate = |leaf: &LeafIndex| stays(leaf) || staying().next().is_none();
    let candidates = group.members().map(|member| member.index).filter(is_candidate);
    let (mut place, mut count) = (None, 0_u64);
    for leaf in candidates {
        if leaf == own {
            place = Some(count);
        }
        count += 1;
    }
    let first = group.epoch().checked_rem(count)?;
    Some(((place? + count - first) % count).min(TURNS_MAX))
}

impl Engine {
    /// Those of these devices that are still idle: they may have come back in the meantime.
    pub(super) fn still_idle(
        &mut self,
        open: &OpenGroup,
        devices: &mut Vec<DeviceId>,
        now: u64,
    ) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        let mut idle = Vec::new();
        for member in open.group.members() {
            let device = identity_of(&member.leaf).map(|identity| identity.device);
            let device = device.filter(|device| devices.contains(device));
            if let Some(device) = device
                && is_idle(&transaction, &open.group, (member.index, now))?
            {
                idle.push(device);
            }
        }
        *devices = idle;
        Ok(())
    }

    /// When the engine has to be woken next, in seconds since 1970: then call [`Engine::sync`] and
    /// go on with [`Engine::next`]. It is `now` while there is something to do.
    ///
    /// # Errors
    /// The store failed.
    pub fn next_action(&mut self, now: u64) -> Result<u64, Error> {
        self.schedule(now)?;
        let transaction = self.store.transaction()?;
        let is_busy = !self.plan.is_empty()
            || transaction.intents()?.iter().any(|it| !self.waiting.contains(&it.group))
            || transaction.next_upload()?.is_some()
            || !transaction.inbox_done()?.is_empty();
        drop(transaction);
        if is_busy {
            return Ok(now);
        }
        let first = self.wakes.values().copied().min().unwrap_or(u64::MAX);
        Ok(first.min(self.tend_from).max(now))
    }

    /// Does what is due in all groups.
    pub(super) fn schedule(&mut self, now: u64) -> Result<(), Error> {
        if self.check_listed().is_err() {
            return Ok(());
        }
        let records = self.store.transaction()?.group_records()?;
        let is_active = |record: &&GroupRecord| record.status == GroupStatus::Active;
        self.wakes.retain(|id, _| records.iter().filter(is_active).any(|it| it.id == *id));
        for record in records.iter().filter(is_active) {
            if self.wakes.get(&record.id).is_none_or(|wake| *wake <= now) {
                let wake = self.schedule_group(&record.id, now)?;
                self.wakes.insert(record.id.clone(), wake);
            }
        }
        Ok(())
    }

    /// Does what is due in a group, and says when to look again.
    fn schedule_group(&mut self, group: &GroupId, now: u64) -> Result<u64, Error> {
        let open = self.take_open(group)?;
        let me = self.keys.identity.name.clone();
        let transaction = self.store.transaction()?;
        let mut schedule = transaction.schedule(group)?.unwrap_or(Schedule {
            since: now,
            renewed_at: now,
            ..Schedule::default()
        });
        let mut wake = now.saturating_add(LOOK_SECONDS);
        let mut wanted = Vec::new();
        if schedule.leaving == Leaving::No {
            let policy = policy_of(&open.group);
            let may_evict = may_change(&open.group, &policy, &me);
            let idle = if may_evict { idle(&transaction, &open, now)? } else { Vec::new() };
            if !idle.is_empty() {
                wanted.push(Intent::Evict(idle));
            }
            let renewed_at = schedule.renewed_at;
            let (due, overdue) = renewal(&policy, open.group.own_leaf(), renewed_at);
            let is_alone = open.group.member_count() == 1;
            if !is_alone && due <= now {
                wanted.push(Intent::Update);
                let asked_at = *schedule.asked_at.get_or_insert(now);
                let was_tried = now >= asked_at.saturating_add(RETRY_SECONDS);
                if overdue < now && was_tried && !schedule.warned {
                    schedule.warned = true;
                    warn(&transaction, group, open.group.epoch())?;
                }
            }
            if !is_alone {
                wake = wake.min(if due <= now { now + RETRY_SECONDS } else { due });
            }
        } else if schedule.leaving == Leaving::Wished {
            wanted.push(Intent::Leave);
        }
        if let Some(turns) = turns_before(&open.group, &leavers(&open.group)) {
            let seen = *schedule.wish_seen_at.get_or_insert(now);
            let turn = seen.saturating_add(turns * TURN_SECONDS);
            if turn <= now {
                wanted.push(Intent::Update);
            }
            wake = wake.min(if turn <= now { now + RETRY_SECONDS } else { turn });
        }
        transaction.put_schedule(group, &schedule)?;
        let intents = transaction.intents()?;
        for intent in wanted {
            let mut all = intents.iter().filter(|record| record.group == *group);
            if !all.any(|record| record.intent == intent) {
                transaction.add_intent(group, &intent)?;
            }
        }
        transaction.commit()?;
        self.open.insert(group.clone(), open);
        Ok(wake)
    }
}
