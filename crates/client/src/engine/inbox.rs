//! The inbox: Welcomes, each either joined with or put away, and acknowledged only after that is
//! durable.

use super::asked::Asked;
use super::keys::access_seed;
use super::locate::{Search, Step};
use super::rejoin::note_means;
use super::repair::note_segment;
use super::standing::learn;
use super::{Engine, OpenGroup, Task, policy};
use crate::id::LogExtension;
use crate::identity::{Identity, identity_of};
use crate::policy::GroupPolicy;
use crate::store::{GroupRecord, GroupStatus, NewEvent, StoreTransaction};
use crate::{Error, EventKind, GroupId};
use authentication::AccountPolicy;
use codec::Decode;
use delivery_api::inbox::{Acknowledge, InboxPage, Item, ItemKind};
use delivery_api::log::LogPage;
use delivery_api::request::{self, Failure, Window};
use delivery_api::service::Done;
use delivery_api::{ChainHash, Position, Problem};
use mls::Client;
use wire::MlsMessage;

/// Items of one page.
const PAGE_LIMIT: u32 = 100;

/// What became of a Welcome.
enum Joining {
    /// Joined.
    Joined(Box<Joined>),
    /// We seem to be in the group already: its log may tell of our removal.
    MemberAlready,
    /// Nothing can be done with it.
    Unusable(String),
}

/// A group that was joined, before it is durable.
struct Joined {
    record: GroupRecord,
    group: mls::Group,
    /// The devices of an account have changed.
    changed: bool,
}

impl Engine {
    pub(super) fn ask_inbox(&self, now: u64) -> Result<Asked, Error> {
        let window = Window { after: Position::START, limit: PAGE_LIMIT, wait_seconds: 0 };
        let request = request::read_inbox(self.keys.device_id(), window);
        Ok(Asked::ReadInbox(self.keys.sign_as_device(request, now)?))
    }

    /// Takes a page of the inbox.
    pub(super) fn inbox_read(&mut self, page: &InboxPage, now: u64) -> Result<(), Error> {
        let (mut joined, mut waits) = (false, false);
        for item in &page.items {
            if self.store.transaction()?.is_inbox_done(item.number)? {
                continue;
            }
            match self.take_item(item, now)? {
                true => joined = true,
                false => waits = true,
            }
        }
        if page.more && joined {
            self.plan.push_front(Task::ReadInbox);
        }
        self.plan.push_front(Task::Acknowledge);
        if waits {
            self.plan_logs()?;
            self.plan.push_back(Task::ReadInbox);
        }
        Ok(())
    }

    /// Makes an item durable here, or returns false: it waits for the logs to be read.
    fn take_item(&mut self, item: &Item, now: u64) -> Result<bool, Error> {
        if item.kind == ItemKind::Direct {
            // Before it counts as dealt with; whatever it leads to happens once.
            self.take_direct(&item.bytes, now)?;
            return self.take_notice(item, now).map(|()| true);
        }
        let transaction = self.store.transaction()?;
        let client = (&self.client, &*self.policy, &self.keys.identity);
        let joining = join(client, &transaction, &item.bytes, now)?;
        transaction.put_inbox_done(item.number)?;
        match joining {
            Joining::Joined(joined) => {
                transaction.commit()?;
                self.joined(*joined);
            }
            Joining::MemberAlready if self.put_off.insert(item.number) => return Ok(false),
            Joining::MemberAlready => {
                drop(transaction);
                if self.join_again(item, now)? {
                    return Ok(true);
                }
                let transaction = self.store.transaction()?;
                transaction.put_inbox_done(item.number)?;
                let reason = "this account is in the group already".to_owned();
                put_away(transaction, reason)?;
            }
            Joining::Unusable(reason) => put_away(transaction, reason)?,
        }
        Ok(true)
    }

    /// A group was joined, durably.
    fn joined(&mut self, Joined { record, group, changed }: Joined) {
        if changed {
            self.tend_soon();
        }
        self.plan.push_back(Task::Locate(record.id.clone(), Search::End));
        let open = OpenGroup { group, pending: None, receipt: None };
        self.open.insert(record.id, open);
        // A key package was used.
        self.plan.push_back(Task::Stock);
        self.plan.push_back(Task::BackUp);
    }

    /// Joins a group that this client has lost and was added to again, in place of what it has left
    /// of it. The log must be the same: a Welcome must not lead to another group under its id.
    fn join_again(&mut self, item: &Item, now: u64) -> Result<bool, Error> {
        let records = self.store.transaction()?.group_records()?;
        for lost in records.iter().filter(|record| record.status == GroupStatus::Halted) {
            let transaction = self.store.transaction()?;
            let ((), delta) = self.client.delete_group(lost.id.as_slice()).into_parts();
            transaction.apply(&delta)?;
            let client = (&self.client, &*self.policy, &self.keys.identity);
            if let Joining::Joined(joined) = join(client, &transaction, &item.bytes, now)?
                && (&joined.record.id, joined.record.log) == (&lost.id, lost.log)
            {
                transaction.put_inbox_done(item.number)?;
                transaction.commit()?;
                self.joined(*joined);
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn ask_acknowledge(&mut self, now: u64) -> Result<Option<Asked>, Error> {
        let numbers = self.store.transaction()?.inbox_done()?;
        if numbers.is_empty() {
            return Ok(None);
        }
        let acknowledge = Acknowledge { numbers: numbers.clone() };
        let request = request::acknowledge(self.keys.device_id(), &acknowledge);
        Ok(Some(Asked::Acknowledge(self.keys.sign_as_device(request, now)?, numbers)))
    }

    pub(super) fn acknowledged(
        &mut self,
        answer: Result<Done, Failure>,
        numbers: &[u64],
    ) -> Result<(), Error> {
        answer?;
        let transaction = self.store.transaction()?;
        for number in numbers {
            transaction.delete_inbox_done(*number)?;
        }
        Ok(transaction.commit()?)
    }

    pub(super) fn ask_locate(
        &mut self,
        group: GroupId,
        search: Search,
        now: u64,
    ) -> Result<Option<Asked>, Error> {
        let record = self.store.transaction()?.group_record(&group)?;
        let Some(record) = record.filter(|record| record.status == GroupStatus::Locating) else {
            return Ok(None);
        };
        let window = Window { after: search.probe(), limit: 1, wait_seconds: 0 };
        let request = request::read_log(record.log, window);
        let request = self.keys.sign_as_member(request, &record.access_key, now)?;
        Ok(Some(Asked::Locate(request, group, search)))
    }

    /// Goes on looking for the place in the log, or notes it and reads on from there.
    pub(super) fn located(
        &mut self,
        answer: Result<LogPage, Failure>,
        group: &GroupId,
        search: Search,
    ) -> Result<(), Error> {
        match search.step(answer) {
            Ok(Step::Next(search)) => {
                self.plan.push_front(Task::Locate(group.clone(), search));
                Ok(())
            }
            Ok(Step::Found(position, chain_hash)) => {
                let transaction = self.store.transaction()?;
                let Some(mut record) = transaction.group_record(group)? else { return Ok(()) };
                record.status = GroupStatus::Active;
                (record.position, record.head) = (position, position);
                record.chain_hash = chain_hash;
                transaction.put_group(&record)?;
                transaction.forget_segments(group)?;
                note_segment(&transaction, &self.keys.suite, &record, (position, false))?;
                transaction.commit()?;
                self.plan.push_front(Task::ReadLog(group.clone()));
                Ok(())
            }
            Err(Failure::Problem(Problem::NotAllowed | Problem::UnknownLog)) => {
                self.halt(group, "the service has no place in its log for this epoch")
            }
            Err(failure) => Err(failure.into()),
        }
    }
}

/// Undoes what was begun and keeps only that the item is dealt with, and why it was of no use.
fn put_away(transaction: StoreTransaction<'_>, reason: String) -> Result<(), Error> {
    transaction.add_event(&NewEvent {
        group: None,
        position: Position::START,
        epoch: 0,
        kind: EventKind::WelcomeUnusable { reason },
        message_id: None,
        unread: true,
    })?;
    Ok(transaction.commit()?)
}

/// Joins by a Welcome within a transaction. It writes only if it succeeds.
fn join(
    (client, accounts, own): (&Client, &AccountPolicy, &Identity),
    transaction: &StoreTransaction<'_>,
    bytes: &[u8],
    now: u64,
) -> Result<Joining, Error> {
    let Ok(welcome) = MlsMessage::from_bytes(bytes) else {
        return Ok(Joining::Unusable("it is malformed".to_owned()));
    };
    let reference = match client.examine_welcome(&transaction.mls(), &welcome) {
        Ok(Some(reference)) => reference,
        Ok(None) => return Ok(Joining::Unusable("it is for no key package here".to_owned())),
        Err(error) => return unusable(error),
    };
    let (mut group, delta) = match client.join(&transaction.mls(), &welcome, None, now) {
        Ok(effect) => effect.into_parts(),
        Err(mls::Error::Misuse(mls::Misuse::GroupExists)) => return Ok(Joining::MemberAlready),
        Err(error) => return unusable(error),
    };
    let Some((log, name)) = LogExtension::read(group.extensions()) else {
        return Ok(Joining::Unusable("the group does not say where its log is".to_owned()));
    };
    if GroupPolicy::read(group.extensions()).is_none() {
        return Ok(Joining::Unusable("the group has no policy".to_owned()));
    }
    policy::apply(&mut group, client.settings());
    let members = group.members().filter_map(|member| identity_of(&member.leaf));
    let names = members.map(|member| member.name.to_string()).collect();
    let record = GroupRecord {
        id: GroupId::new(group.group_id()),
        access_key: access_seed(&group, log)?,
        log,
        name,
        status: GroupStatus::Locating,
        // Known once located.
        position: Position::START,
        head: Position::START,
        chain_hash: ChainHash::new([0; 32]),
    };
    transaction.forget_log(&record.id)?;
    transaction.delete_rejoin(&record.id)?;
    transaction.apply(&delta)?;
    let was_last_resort = transaction.use_key_package(reference.0.as_slice(), now)?;
    transaction.put_group(&record)?;
    // Others may have been told the same keys: they are renewed at once.
    let renewed_at = if was_last_resort { 0 } else { now };
    transaction.begin_schedule(&record.id, now, renewed_at)?;
    note_means(transaction, &group)?;
    let changed = learn((accounts, own), transaction, group.members().map(|member| member.leaf))?;
    transaction.add_event(&NewEvent {
        group: Some(record.id.clone()),
        position: Position::START,
        epoch: group.epoch(),
        kind: EventKind::Joined { members: names },
        message_id: None,
        unread: true,
    })?;
    Ok(Joining::Joined(Box::new(Joined { record, group, changed })))
}

/// What an error of the MLS library means for a Welcome: mostly that it is of no use.
fn unusable(error: mls::Error) -> Result<Joining, Error> {
    match error {
        mls::Error::Storage(_) => Err(error.into()),
        other => Ok(Joining::Unusable(other.to_string())),
    }
}
