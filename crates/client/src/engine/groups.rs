//! What the application asks of groups: make one, change one, say something, look.

use super::asked::Asked;
use super::issue::leaves_of;
use super::keys::access_seed;
use super::leave::{check_staying, is_leaving};
use super::rejoin::note_means;
use super::repair::note_segment;
use super::{Engine, OpenGroup, Task, keys};
use crate::id::{LogExtension, is_group_name};
use crate::identity::identity_of;
use crate::message::{Content, TEXT_BYTES_MAX};
use crate::policy::GroupPolicy;
use crate::store::{AnchorRecord, GroupRecord, GroupStatus, Intent, Invitee, NewEvent, Submission};
use crate::transport::HttpRequest;
use crate::{Error, Event, EventKind, GroupId, Identity, Misuse, StoreError};
use delivery_api::log::CreateLog;
use delivery_api::request::{self, Failure, Window};
use delivery_api::service::Done as Answered;
use delivery_api::{LogId, Name, Position, Problem};
use mls::{CommitId, GroupParams};
use std::fmt;
use wire::Extensions;

/// What a group is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSummary {
    /// The group.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Whether it can be used.
    pub state: GroupState,
    /// The last entry of its log that was read.
    pub position: Position,
    /// Its epoch; `None` if the client is no member.
    pub epoch: Option<u64>,
    /// Who is in it, in the order of the group's tree; empty if the client is no member.
    pub members: Vec<Identity>,
    /// Equal for two members exactly if they are in the same epoch of the same group (RFC 9420,
    /// section
    /// 8.7); empty if the client is no member.
    pub epoch_authenticator: Vec<u8>,
}

/// Whether a group can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// It can.
    Active,
    /// Following it is not safe any more.
    Halted,
    /// The service does not know it yet, or where this client joined is not known yet: the next
    /// exchange with the service settles it.
    Pending,
    /// This client wishes to leave; the next commit of another member removes it.
    Leaving,
    /// This client has left.
    Left,
    /// This client was removed.
    Removed,
}

impl fmt::Display for GroupState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Active => "active",
            Self::Halted => "halted",
            Self::Leaving => "leaving",
            Self::Left => "left",
            Self::Pending => "pending",
            Self::Removed => "removed",
        })
    }
}

impl From<GroupStatus> for GroupState {
    fn from(status: GroupStatus) -> Self {
        match status {
            GroupStatus::Active => Self::Active,
            GroupStatus::Creating | GroupStatus::Locating => Self::Pending,
            GroupStatus::Halted => Self::Halted,
            GroupStatus::Removed => Self::Removed,
        }
    }
}

impl Engine {
    /// Creates a group. It exists here at once, and at the service with the next exchange.
    ///
    /// # Errors
    /// The name is none for a group, or the store failed.
    pub fn create_group(&mut self, name: &str, now: u64) -> Result<GroupId, Error> {
        self.create_group_with(name, &GroupPolicy::default(), now)
    }

    /// Creates a group with a policy.
    ///
    /// # Errors
    /// As [`Engine::create_group`]; or the policy is outside its bounds.
    pub fn create_group_with(
        &mut self,
        name: &str,
        policy: &GroupPolicy,
        now: u64,
    ) -> Result<GroupId, Error> {
        policy.check()?;
        if !is_group_name(name) {
            return Err(Misuse::InvalidGroupName.into());
        }
        self.renew(now)?;
        if self.keys.credential.is_none() {
            return Err(Misuse::NotLinked.into());
        }
        self.check_listed()?;
        let mut log = [0; 32];
        self.random.fill(&mut log)?;
        let log = LogId::new(log);
        let extensions = vec![LogExtension::new(log, name).to_extension(), policy.to_extension()];
        let mut extensions = Extensions(extensions);
        let (rescue, anchor_key, role) = self.first_anchor()?;
        extensions.set(rescue.to_extension());
        let params = GroupParams { extensions, ..GroupParams::new(keys::SUITE) };
        let transaction = self.store.transaction()?;
        let effect =
            self.client.create_group(&transaction.mls(), params, now, &mut *self.random)?;
        let (mut group, delta) = effect.into_parts();
        super::policy::apply(&mut group, self.client.settings());
        let record = GroupRecord {
            id: GroupId::new(group.group_id()),
            access_key: access_seed(&group, log)?,
            chain_hash: self.keys.genesis(log)?,
            log,
            name: name.to_owned(),
            status: GroupStatus::Creating,
            position: Position::START,
            head: Position::START,
        };
        transaction.apply(&delta)?;
        transaction.put_group(&record)?;
        transaction.begin_schedule(&record.id, now, now)?;
        note_segment(&transaction, &self.keys.suite, &record, (Position::START, false))?;
        note_means(&transaction, &group)?;
        transaction.put_anchor(&AnchorRecord {
            group: record.id.clone(),
            key: anchor_key,
            number: 0,
            locked: None,
            renewal_due: false,
            role,
        })?;
        transaction.add_event(&NewEvent {
            group: Some(record.id.clone()),
            position: Position::START,
            epoch: group.epoch(),
            kind: EventKind::Created {},
            message_id: None,
            unread: false,
        })?;
        transaction.commit()?;
        let id = record.id;
        self.open.insert(id.clone(), OpenGroup { group, pending: None, receipt: None });
        Ok(id)
    }

    pub(super) fn ask_create_log(
        &mut self,
        group: GroupId,
        now: u64,
    ) -> Result<Option<Asked>, Error> {
        let transaction = self.store.transaction()?;
        let Some(record) = transaction.group_record(&group)? else {
            return Ok(None);
        };
        let anchors = transaction.anchor(&group)?.map_or_else(Vec::new, |anchor| anchor.role.keys);
        let create = CreateLog { join_key: None, anchors };
        let request = request::create_log(record.log, &create);
        let request = self.keys.sign_as_member(request, &record.access_key, now)?;
        Ok(Some(Asked::CreateLog(request, group)))
    }

    pub(super) fn log_created(
        &mut self,
        answer: Result<Answered, Failure>,
        group: &GroupId,
    ) -> Result<(), Error> {
        match answer {
            Err(Failure::Problem(Problem::LogExists)) => {
                return self.halt(group, "the service has another log in its place");
            }
            other => other?,
        };
        let transaction = self.store.transaction()?;
        let Some(mut record) = transaction.group_record(group)? else { return Ok(()) };
        record.status = GroupStatus::Active;
        transaction.put_group(&record)?;
        transaction.commit()?;
        self.plan.push_back(Task::BackUp);
        // Nobody else knows of it.
        self.caught_up.insert(group.clone());
        Ok(())
    }

    /// Wants somebody added; the outcome is had under the number that is returned.
    ///
    /// # Errors
    /// There is no such group, it cannot be used, or the store failed.
    pub fn add(&mut self, group: &GroupId, names: &[Name]) -> Result<u64, Error> {
        let mut names = names.to_vec();
        names.sort();
        names.dedup();
        let invitee = |name| Invitee { name, device: None, key_package: None };
        self.intend_change(group, &Intent::Add(names.into_iter().map(invitee).collect()))
    }

    /// Wants somebody removed.
    ///
    /// # Errors
    /// As [`Engine::add`]; or somebody is not a member, or it is oneself.
    pub fn remove(&mut self, group: &GroupId, names: &[Name]) -> Result<u64, Error> {
        let open = self.take_open(group)?;
        let me = &self.keys.identity.name;
        let missing = names.iter().find(|name| leaves_of(&open.group, name).is_empty());
        let missing = missing.map(|name| Misuse::NotAMember(name.to_string()));
        let misuse = names.contains(me).then_some(Misuse::RemovesSelf).or(missing);
        self.open.insert(group.clone(), open);
        match misuse {
            Some(misuse) => Err(misuse.into()),
            None => self.intend_change(group, &Intent::Remove(names.to_vec())),
        }
    }

    /// Wants something said.
    ///
    /// # Errors
    /// As [`Engine::add`]; or it is too long.
    pub fn send(&mut self, group: &GroupId, text: &str) -> Result<u64, Error> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Misuse::TextTooLong.into());
        }
        let id = self.message_id()?;
        self.intend(group, &Intent::Send { id, content: Content::Text(text.to_owned()) })
    }

    /// Wants new keys for this client.
    ///
    /// # Errors
    /// As [`Engine::add`].
    pub fn update_keys(&mut self, group: &GroupId) -> Result<u64, Error> {
        self.intend(group, &Intent::Update)
    }

    pub(super) fn intend(&mut self, group: &GroupId, intent: &Intent) -> Result<u64, Error> {
        self.check_listed()?;
        let transaction = self.store.transaction()?;
        let record = transaction.group_record(group)?;
        let record = record.ok_or_else(|| Misuse::NoSuchGroup(group.to_string()))?;
        check_staying(&transaction, group)?;
        check_usable(record.status)?;
        let number = transaction.add_intent(group, intent)?;
        transaction.commit()?;
        self.awaited.insert(number);
        self.waiting.remove(group);
        Ok(number)
    }

    /// All groups, in the order of their names.
    ///
    /// # Errors
    /// The store failed.
    pub fn groups(&mut self) -> Result<Vec<GroupSummary>, Error> {
        let records = self.store.transaction()?.group_records()?;
        records.into_iter().map(|record| self.summary(record)).collect()
    }

    fn summary(&mut self, record: GroupRecord) -> Result<GroupSummary, Error> {
        let is_leaving = is_leaving(&self.store.transaction()?, &record.id)?;
        let state = match (GroupState::from(record.status), is_leaving) {
            (GroupState::Active, true) => GroupState::Leaving,
            (GroupState::Removed, true) => GroupState::Left,
            (state, _) => state,
        };
        let mut summary = GroupSummary {
            id: record.id,
            name: record.name,
            state,
            position: record.position,
            epoch: None,
            members: Vec::new(),
            epoch_authenticator: Vec::new(),
        };
        if !matches!(state, GroupState::Removed | GroupState::Left) {
            let open = match self.take_open(&summary.id) {
                // Nothing is left of it; the way back is sought.
                Err(Error::Misuse(Misuse::NoSuchGroup(_))) => return Ok(summary),
                other => other?,
            };
            let members = open.group.members();
            summary.members = members.filter_map(|member| identity_of(&member.leaf)).collect();
            summary.epoch = Some(open.group.epoch());
            summary.epoch_authenticator = open.group.epoch_authenticator().expose().to_vec();
            self.open.insert(summary.id.clone(), open);
        }
        Ok(summary)
    }

    /// What happened in a group, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub fn history(&mut self, group: &GroupId) -> Result<Vec<Event>, Error> {
        Ok(self.store.transaction()?.history(group)?)
    }

    /// Requests that are answered as soon as there may be news, or after `wait_seconds`: the inbox,
    /// and the log of each group in use. They are hints only; [`Engine::sync`] fetches the news.
    ///
    /// # Errors
    /// The store or cryptography failed.
    pub fn watches(&mut self, wait_seconds: u32, now: u64) -> Result<Vec<HttpRequest>, Error> {
        let records = self.store.transaction()?.group_records()?;
        let window = |after| Window { after, limit: 1, wait_seconds };
        let inbox = request::read_inbox(self.keys.device_id(), window(Position::START));
        let mut watches = vec![super::asked::http(&self.keys.sign_as_device(inbox, now)?)];
        for record in records.iter().filter(|record| record.status == GroupStatus::Active) {
            let request = request::read_log(record.log, window(record.position));
            let request = self.keys.sign_as_member(request, &record.access_key, now)?;
            watches.push(super::asked::http(&request));
        }
        Ok(watches)
    }

    /// A request for what is behind the last entry that was read of a group's log, signed with the
    /// last access key that was had. After a removal it shows that the service keeps the door shut.
    ///
    /// # Errors
    /// There is no such group, or the store failed.
    pub fn peek(&mut self, group: &GroupId, now: u64) -> Result<HttpRequest, Error> {
        let record = self.store.transaction()?.group_record(group)?;
        let record = record.ok_or_else(|| Misuse::NoSuchGroup(group.to_string()))?;
        let window = Window { after: record.position, limit: 100, wait_seconds: 0 };
        let request = request::read_log(record.log, window);
        let request = self.keys.sign_as_member(request, &record.access_key, now)?;
        Ok(super::asked::http(&request))
    }

    /// The group from memory or from the store. Whoever takes it puts it back, unless what it did
    /// to it did not become durable.
    pub(super) fn take_open(&mut self, id: &GroupId) -> Result<OpenGroup, Error> {
        if let Some(open) = self.open.remove(id) {
            return Ok(open);
        }
        let transaction = self.store.transaction()?;
        let group = self.client.load_group(&transaction.mls(), id.as_slice())?;
        let mut group = group.ok_or_else(|| Misuse::NoSuchGroup(id.to_string()))?;
        super::policy::apply(&mut group, self.client.settings());
        let pending = match transaction.outbox(id)?.map(|outbox| outbox.submission) {
            Some(Submission::Commit(bundle)) => {
                let name = CommitId(self.keys.suite.hash(&bundle.commit)?);
                let candidates = group.pending_commits(&transaction.mls())?;
                let ours = candidates.into_iter().find(|pending| pending.id() == name);
                Some(ours.ok_or(StoreError::Corrupt("pending commit"))?)
            }
            _ => None,
        };
        Ok(OpenGroup { group, pending, receipt: None })
    }
}

/// Refuses to work for a group that cannot be used.
pub(super) fn check_usable(status: GroupStatus) -> Result<(), Misuse> {
    match status {
        GroupStatus::Active | GroupStatus::Creating | GroupStatus::Locating => Ok(()),
        GroupStatus::Halted => {
            Err(Misuse::GroupUnusable("following it is not safe any more".to_owned()))
        }
        GroupStatus::Removed => {
            Err(Misuse::GroupUnusable("this account was removed from it".to_owned()))
        }
    }
}
