//! The engine: decides what to ask the service and what an answer means. It does no network I/O.
//!
//! Calling order, behind [`Engine::create`] or [`Engine::open`]:
//!
//! 1. Say what is wanted: [`Engine::create_group`], [`Engine::add`], [`Engine::remove`],
//!    [`Engine::send`], [`Engine::update_keys`], or [`Engine::sync`] to fetch what is new. Wishes
//!    are stored as *intents*.
//! 2. Until [`Next::Idle`]: send what [`Engine::next`] gives, hand what comes back to
//!    [`Engine::answer`]. If nothing comes back, or an error comes out, [`Engine::abandon`];
//!    whatever is durable is taken up again by the next round, in this process or another.
//! 3. Look: [`Engine::take_outcome`] of an intent, [`Engine::unread`] events.
//!
//! # The one rule
//!
//! What was made for an intent (a commit, a message) is stored before it is sent, together with the
//! keys that it used. It is merged only against proof that the service took it (`accepted`): a
//! signed receipt, or the own bytes in the log. Everything that an answer changes, from MLS rows to
//! the place in the log to the event that the user will see, becomes durable in one transaction; if
//! that fails, the group in memory is dropped.
//!
//! | file | what |
//! |---|---|
//! | `account`, `stock` | service key, registration, stock of key packages |
//! | `inbox`, `locate` | Welcomes: join, find the place in the log |
//! | `issue` | from an intent to something to send |
//! | `examine` | looking at the account without changing it |
//! | `fencing` | copies of the folder, found out before anything is sent |
//! | `history` | what people look at |
//! | `files` | sharing and fetching files |
//! | `schedule`, `leave` | what is due of itself: own keys, idle members, wishes to leave |
//! | `policy` | whether a commit keeps to the group's policy |
//! | `submit` | sending it, and what the service says |
//! | `changes` | what a commit is to people: events |
//! | `devices`, `notice` | linking devices, what devices tell each other |
//! | `recovery` | backups, and coming back from one |
//! | `standing` | the own credential and its renewal, the devices in groups |
//! | `news`, `bulk` | fetching what is new |
//! | `log` | reading a group's log, entry by entry |
//! | `repair`, `anchors` | a log that an insider has closed, and who may open it |
//! | `stream` | what to ask of a stream of hints |
//! | `desync`, `rejoin` | a group that this client has lost, and the way back |
//! | `guide`, `large` | showing the way to others |

mod accepted;
mod account;
mod anchors;
mod asked;
mod bulk;
mod changes;
mod configuration;
mod desync;
mod devices;
mod examine;
mod fencing;
mod files;
mod groups;
mod guide;
mod history;
mod inbox;
mod issue;
pub(crate) mod keys;
mod large;
mod leave;
pub(crate) mod locate;
mod log;
mod news;
pub(crate) mod notice;
mod policy;
mod recovery;
mod rejoin;
mod repair;
mod schedule;
mod standing;
mod stock;
mod stream;
mod submit;

use crate::direct::RejoinRequest;
use crate::identity;
use crate::store::{
    AccountRecord, BelongingRecord, GroupStatus, Intent, IntentRecord, NewEvent, Store, StoreError,
};
use crate::transport::{HttpRequest, HttpResponse};
use crate::{Error, EventKind, GroupId, Home, Misuse, StoreKey};
use asked::Asked;
use authentication::{AccountPolicy, KnownAccounts};
use configuration::client;
use crypto::{Crypto, Random, Secret};
use delivery_api::inbox::PutItem;
use delivery_api::{BlobId, DeviceId, Name, Position};
use groups::check_usable;
use keys::Keys;
use locate::Search;
use mls::{Client, PendingCommit};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use submit::is_final;

pub(crate) use asked::http;
pub use devices::AccountDevice;
pub(crate) use examine::LogProbe;
pub use groups::{GroupState, GroupSummary};
pub use history::{HistoryQuery, MessageState, OwnMessage};
pub use issue::Done;
pub use policy::Violation as PolicyViolation;

/// Where randomness comes from.
pub type BoxedRandom = Box<dyn Random + Send>;

/// What an engine is given from outside.
pub struct Setup {
    /// The cipher suites and the backend.
    pub crypto: Crypto,
    /// Randomness.
    pub random: BoxedRandom,
}

/// What to do next.
#[derive(Debug)]
pub enum Next {
    /// Send this, and hand what comes back to [`Engine::answer`].
    Ask(HttpRequest),
    /// Nothing.
    Idle,
    /// Wait as long before asking again: others were faster.
    Wait(Duration),
}

/// A step of the plan. The plan is not durable: what must not be forgotten is in the store, from
/// where [`Engine::durable_task`] takes it when the plan is empty.
enum Task {
    Acknowledge,
    Answer(Box<RejoinRequest>),
    AskMember(GroupId),
    Claim(u64),
    BackUp,
    CreateLog(GroupId),
    FetchCard(BlobId, Secret),
    FetchWay(Box<large::Fetching>),
    Locate(GroupId, Search),
    Lookup(u64),
    OfferAnchors,
    Pause(Duration),
    PutBlob(BlobId, Vec<u8>),
    PutCard,
    PutItem(DeviceId, PutItem),
    PutNotice,
    PutName,
    ReadBackups(u64),
    ReadInbox,
    ReadLog(GroupId),
    ReadLogs(Vec<GroupId>),
    Register,
    Rejoin(GroupId),
    RenewAnchors(GroupId),
    Repair(GroupId),
    RegisterBackup,
    RegisterOwner,
    ServiceInfo,
    Stock,
    Submit(GroupId),
    Tend,
    Upload,
}

/// A group in memory.
struct OpenGroup {
    group: mls::Group,
    /// The commit in the outbox.
    pending: Option<PendingCommit>,
    /// A receipt said that something of ours is here; until it was read, the log is not at its end.
    receipt: Option<Position>,
}

/// The engine of one account.
pub struct Engine {
    store: Store,
    keys: Keys,
    server: String,
    client: Client,
    policy: Arc<AccountPolicy>,
    random: BoxedRandom,
    open: BTreeMap<GroupId, OpenGroup>,
    plan: VecDeque<Task>,
    asked: Option<Asked>,
    /// Intents whose outcome somebody in this process waits for.
    awaited: BTreeSet<u64>,
    outcomes: BTreeMap<u64, Result<Done, Error>>,
    /// Items of the inbox that wait for a log to be read first.
    put_off: BTreeSet<u64>,
    /// When groups are to be tended again.
    tend_from: u64,
    /// When to look at groups again; none for a group that has changed.
    wakes: BTreeMap<GroupId, u64>,
    /// Admits the device to a service that asks for a token; forgotten with the process.
    token: Option<Vec<u8>>,
    /// Groups that are left alone until news is wanted again: their logs are closed.
    waiting: BTreeSet<GroupId>,
    /// When members were last shown the way back into a group.
    answered: BTreeMap<(GroupId, DeviceId), u64>,
    /// The root key came, and the account is not taken over yet.
    recovering: bool,
    backups: recovery::Backups,
    backup_inbox: recovery::BackupInbox,
    /// Groups whose log was read to its end in this process.
    caught_up: BTreeSet<GroupId>,
    /// Groups in doubt that fresh keys were wanted for in this process.
    freshened: BTreeSet<GroupId>,
    /// See [`Engine::set_carried_bytes_max`].
    carried_bytes_max: usize,
    /// Own messages whose state has changed.
    message_changes: Vec<(u64, MessageState)>,
}

impl Engine {
    /// Makes an account in a folder, which must not hold one yet. The service learns of it with the
    /// first exchange.
    ///
    /// # Errors
    /// The folder holds an account or cannot be used, or there is no randomness.
    pub fn create(home: &Home, name: &Name, server: &str, mut setup: Setup) -> Result<Self, Error> {
        let root_key = Secret::random(keys::SEED_LENGTH, &mut *setup.random)?;
        let account = devices::fresh_device(name, server, root_key, &mut setup.random)?;
        let belonging = BelongingRecord {
            owner_key: Secret::random(keys::SEED_LENGTH, &mut *setup.random)?,
            link_secret: Secret::zeros(0),
            keep: None,
            backup: None,
            backed_up: None,
        };
        Self::found(home, (&account, &belonging), setup)
    }

    /// Makes a store with an account in it.
    fn found(
        home: &Home,
        (account, belonging): (&AccountRecord, &BelongingRecord),
        setup: Setup,
    ) -> Result<Self, Error> {
        if Store::exists(home.folder()) {
            return Err(Misuse::AccountExists.into());
        }
        let mut store = Store::create(home)?;
        let transaction = store.transaction()?;
        transaction.put_account(account)?;
        transaction.put_belonging(belonging)?;
        transaction.commit()?;
        Self::over(store, setup)
    }

    /// Opens the account in a folder.
    ///
    /// # Errors
    /// There is none, another process uses it, or it does not open with the home's key.
    pub fn open(home: &Home, setup: Setup) -> Result<Self, Error> {
        Self::over(Store::open(home)?, setup)
    }

    /// From now on another key opens the folder; what is in it is not written anew. Whoever has
    /// kept a copy of the folder as it was opens this one, too, with the old key.
    ///
    /// # Errors
    /// The old key is not the folder's, or the store failed.
    pub fn change_key(&mut self, old: &StoreKey, new: &StoreKey) -> Result<(), Error> {
        Ok(self.store.change_key(old, new)?)
    }

    fn over(mut store: Store, setup: Setup) -> Result<Self, Error> {
        let Setup { crypto, random } = setup;
        let transaction = store.transaction()?;
        let account = transaction.account()?.ok_or(StoreError::NoAccount)?;
        let belonging = transaction.belonging()?;
        let known = Arc::new(KnownAccounts::new(transaction.known_accounts()?));
        drop(transaction);
        let suite = crypto.suite(keys::SUITE).ok_or(crypto::CryptoError::Unsupported)?;
        let provider = Arc::clone(suite.provider());
        let keys = Keys::new(suite, &account, &belonging)?;
        let policy = Arc::new(AccountPolicy::new(provider, known));
        let client = client(&crypto, &keys, &policy)?;
        Ok(Self {
            store,
            keys,
            server: account.server,
            client,
            policy,
            random,
            open: BTreeMap::new(),
            plan: VecDeque::new(),
            asked: None,
            awaited: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            put_off: BTreeSet::new(),
            tend_from: 0,
            wakes: BTreeMap::new(),
            token: None,
            waiting: BTreeSet::new(),
            answered: BTreeMap::new(),
            recovering: belonging.keep.is_some(),
            backups: recovery::Backups::new(),
            backup_inbox: recovery::BackupInbox::default(),
            caught_up: BTreeSet::new(),
            freshened: BTreeSet::new(),
            carried_bytes_max: large::CARRIED_BYTES_MAX,
            message_changes: Vec::new(),
        })
    }

    /// Brings an invitation token, if there is one, when something is registered.
    pub fn set_token(&mut self, token: Option<&str>) {
        self.token = token.map(|token| token.as_bytes().to_vec());
    }

    /// Whose engine this is.
    #[must_use]
    pub fn identity(&self) -> &identity::Identity {
        &self.keys.identity
    }

    /// The service's address, as it was given when the account was made.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// What to do next, at a time in seconds since 1970.
    ///
    /// # Errors
    /// The store or cryptography failed. What is about one intent alone becomes its
    /// outcome instead.
    pub fn next(&mut self, now: u64) -> Result<Next, Error> {
        self.renew(now)?;
        loop {
            if self.keys.service.is_none() {
                self.plan.push_front(Task::ServiceInfo);
            }
            let task = match self.plan.pop_front() {
                Some(task) => Some(task),
                None => self.durable_task(now)?,
            };
            let Some(task) = task else { return Ok(Next::Idle) };
            if let Task::Pause(delay) = task {
                return Ok(Next::Wait(delay));
            }
            if let Some(asked) = self.ask(task, now)? {
                let request = asked.http();
                self.asked = Some(asked);
                return Ok(Next::Ask(request));
            }
        }
    }

    /// Takes the answer to what [`Engine::next`] gave last.
    ///
    /// # Errors
    /// The service refused what was no intent, breaks its protocol, or the store failed.
    /// The engine is consistent; call [`Engine::abandon`].
    pub fn answer(&mut self, response: &HttpResponse, now: u64) -> Result<(), Error> {
        let (status, body) = (response.status, response.body.as_slice());
        match self.asked.take() {
            None => Ok(()),
            Some(Asked::Acknowledge(request, numbers)) => {
                self.acknowledged(request.answer(status, body), &numbers)
            }
            Some(Asked::Claim(request, intent, invitee)) => {
                self.claimed(request.answer(status, body), intent, (&invitee, now))
            }
            Some(Asked::CreateLog(request, group)) => {
                self.log_created(request.answer(status, body), &group)
            }
            Some(Asked::FetchCard(request, card, secret)) => {
                self.card_fetched(request.answer(status, body), (card, secret), now)
            }
            Some(Asked::FetchWay(request, fetching)) => {
                self.way_fetched(request.answer(status, body), fetching, now)
            }
            Some(Asked::Locate(request, group, search)) => {
                self.located(request.answer(status, body), &group, search)
            }
            Some(Asked::Lookup(request, intent, name)) => {
                self.looked_up(request.answer(status, body), intent, &name)
            }
            Some(Asked::PutCard(request)) => self.name_put(request.answer(status, body)),
            Some(Asked::PutItem(request)) => Self::item_put(request.answer(status, body)),
            Some(Asked::PutNotice(request, number)) => {
                self.notice_put(request.answer(status, body), number)
            }
            Some(Asked::ReadBackups(request)) => {
                self.backups_read(request.answer(status, body), now)
            }
            Some(Asked::PutName(request)) => self.name_put(request.answer(status, body)),
            Some(Asked::ReadInbox(request)) => self.inbox_read(&request.answer(status, body)?, now),
            Some(Asked::ReadLog(request, group)) => {
                self.log_read(request.answer(status, body), &group, now)
            }
            Some(Asked::ReadLogs(request, groups)) => {
                self.logs_read(request.answer(status, body), &groups, now)
            }
            Some(Asked::Register(request, then)) => {
                self.device_registered(request.answer(status, body), then)
            }
            Some(Asked::Rejoin(request, group)) => {
                self.rejoined(request.answer(status, body), &group, now)
            }
            Some(Asked::RenewAnchors(request, group, up_to)) => {
                self.anchors_renewed(request.answer(status, body), (&group, up_to))
            }
            Some(Asked::Repair(request, group, up_to)) => {
                self.repaired(request.answer(status, body), (&group, up_to))
            }
            Some(Asked::ServiceInfo(request)) => self.service_known(request.answer(status, body)?),
            Some(Asked::Stock(request)) => self.stock_known(&request.answer(status, body)?, now),
            Some(Asked::Submit(request, group)) => {
                self.submitted(request.answer(status, body), &group, now)
            }
            Some(Asked::Upload(request, number)) => {
                self.uploaded(request.answer(status, body).map(drop), number)
            }
        }
    }

    /// Gives up the round: nothing came back, or an error came out. Nothing durable is lost.
    pub fn abandon(&mut self) {
        self.asked = None;
        self.plan.clear();
        // The logs that these wait for were perhaps not read.
        self.put_off.clear();
    }

    /// What became of an intent; `None` while it is not done.
    pub fn take_outcome(&mut self, intent: u64) -> Option<Result<Done, Error>> {
        let outcome = self.outcomes.remove(&intent)?;
        self.awaited.remove(&intent);
        Some(outcome)
    }

    /// Says that nobody waits for an intent any more: if it fails later, that is an event.
    pub fn stop_waiting(&mut self, intent: u64) {
        self.awaited.remove(&intent);
        self.outcomes.remove(&intent);
    }

    /// The next step that the store demands.
    fn durable_task(&mut self, now: u64) -> Result<Option<Task>, Error> {
        let transaction = self.store.transaction()?;
        if !transaction.account()?.is_some_and(|account| account.registered) {
            let task = if self.recovering { Task::ReadBackups(0) } else { Task::Register };
            return Ok(Some(task));
        }
        for record in transaction.group_records()? {
            match record.status {
                GroupStatus::Creating => return Ok(Some(Task::CreateLog(record.id))),
                GroupStatus::Locating => return Ok(Some(Task::Locate(record.id, Search::End))),
                GroupStatus::Active | GroupStatus::Halted | GroupStatus::Removed => {}
            }
        }
        if transaction.next_upload()?.is_some() {
            return Ok(Some(Task::Upload));
        }
        if transaction.next_item()?.is_some() {
            // Who is told of this device may want to add it at once.
            let is_stocked = transaction.has_fresh_last_resort(now)?;
            return Ok(Some(if is_stocked { Task::PutNotice } else { Task::Stock }));
        }
        if !transaction.inbox_done()?.is_empty() {
            return Ok(Some(Task::Acknowledge));
        }
        drop(transaction);
        self.want_unlocked()?;
        self.want_fresh_keys()?;
        if let Some(task) = self.renewal_task()? {
            return Ok(Some(task));
        }
        // On the way to an intent a group may turn out to be lost.
        match self.intent_task(now)? {
            Some(task) => Ok(Some(task)),
            None => self.rejoin_task(now),
        }
    }

    /// The next step of the oldest intent of a group that is not left alone.
    fn intent_task(&mut self, now: u64) -> Result<Option<Task>, Error> {
        loop {
            let transaction = self.store.transaction()?;
            let mut intents = transaction.intents()?.into_iter();
            let Some(record) = intents.find(|intent| !self.waiting.contains(&intent.group)) else {
                return Ok(None);
            };
            let is_made = transaction.outbox(&record.group)?.is_some();
            drop(transaction);
            if let Some(task) = self.read_before_sending(&record.group)? {
                return Ok(Some(task));
            }
            if is_made {
                return Ok(Some(Task::Submit(record.group)));
            }
            // Without a task the intent is done, or cannot be; the next one may have one.
            if let Some(task) = self.prepare(record, now)? {
                return Ok(Some(task));
            }
        }
    }

    /// The request of a step; `None` if there is nothing to ask any more.
    fn ask(&mut self, task: Task, now: u64) -> Result<Option<Asked>, Error> {
        match task {
            Task::Acknowledge => self.ask_acknowledge(now),
            Task::Answer(request) => self.ask_answer(&request, now),
            Task::AskMember(group) => self.ask_member(&group, now),
            Task::Claim(intent) => self.ask_claim(intent, now),
            Task::BackUp => self.back_up().map(|()| None),
            Task::CreateLog(group) => self.ask_create_log(group, now),
            Task::FetchCard(card, secret) => Ok(Some(Self::ask_card(card, secret))),
            Task::FetchWay(fetching) => Ok(Self::ask_way(fetching)),
            Task::Locate(group, search) => self.ask_locate(group, search, now),
            Task::Lookup(intent) => self.ask_lookup(intent),
            Task::OfferAnchors => self.offer_anchors().map(|()| None),
            Task::Pause(_) => Ok(None),
            Task::PutBlob(id, bytes) => Ok(Some(Asked::PutItem(self.put_blob(id, bytes, now)?))),
            Task::PutItem(to, item) => self.ask_put_item(to, &item, now).map(Some),
            Task::PutCard => self.ask_put_card(now),
            Task::PutNotice => self.ask_put_notice(now),
            Task::PutName => self.ask_put_name(now).map(Some),
            Task::ReadBackups(after) => self.ask_backups(after, now).map(Some),
            Task::ReadInbox => self.ask_inbox(now).map(Some),
            Task::ReadLog(group) => self.ask_log(group, now),
            Task::ReadLogs(groups) => self.ask_logs(&groups, now),
            Task::Register => self.ask_register(now).map(Some),
            Task::Rejoin(group) => self.ask_rejoin(group, now),
            Task::RenewAnchors(group) => self.ask_renewal(group, now),
            Task::Repair(group) => self.ask_repair(group, now),
            Task::RegisterBackup => self.ask_register_backup(now).map(Some),
            Task::RegisterOwner => self.ask_register_owner(now).map(Some),
            Task::ServiceInfo => {
                Ok(Some(Asked::ServiceInfo(delivery_api::request::service_info())))
            }
            Task::Stock => self.ask_stock(now).map(Some),
            Task::Submit(group) => self.ask_submit(group, now),
            Task::Tend => {
                self.tend(now)?;
                self.schedule(now)?;
                Ok(None)
            }
            Task::Upload => self.ask_upload(now),
        }
    }

    /// Ends an intent. If nobody in this process waits for it, a failure becomes an event.
    fn finish(&mut self, record: &IntentRecord, outcome: Result<Done, Error>) -> Result<(), Error> {
        let is_awaited = self.awaited.contains(&record.number);
        let transaction = self.store.transaction()?;
        transaction.delete_intent(record.number)?;
        if let (Intent::Send { .. }, Err(error)) = (&record.intent, &outcome) {
            transaction.set_message_refused(record.number, &error.to_string())?;
        }
        if let (false, Err(error)) = (is_awaited, &outcome) {
            transaction.add_event(&NewEvent {
                group: Some(record.group.clone()),
                position: Position::START,
                epoch: 0,
                kind: EventKind::IntentFailed {
                    what: record.intent.to_string(),
                    reason: error.to_string(),
                },
                message_id: None,
                unread: true,
            })?;
        }
        transaction.commit()?;
        if let (Intent::Send { .. }, Err(error)) = (&record.intent, &outcome) {
            let refused = MessageState::Refused(error.to_string());
            self.message_changes.push((record.number, refused));
        }
        if is_awaited {
            self.outcomes.insert(record.number, outcome);
        }
        Ok(())
    }

    /// The intent with a number, if it is not done.
    fn intent(&mut self, number: u64) -> Result<Option<IntentRecord>, Error> {
        let intents = self.store.transaction()?.intents()?;
        Ok(intents.into_iter().find(|record| record.number == number))
    }

    /// Whether the service has ever answered.
    pub(crate) fn knows_service(&self) -> bool {
        self.keys.service.is_some()
    }

    /// Deletes an account that turned out not to be possible.
    pub(crate) fn delete(self, home: &Home) -> Result<(), Error> {
        Ok(self.store.delete(home.folder())?)
    }
}
