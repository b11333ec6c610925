//! A service in memory, accounts in temporary folders, and a transport between them that can fail.

use client::transport::{HttpRequest, HttpResponse, Transport, TransportError};
use client::{Account, Event, EventKind, GroupId, Home};
use codec::{Encode, Opaque};
use crypto::{CipherSuite, Crypto, Secret, SignatureKeyPair, Signer};
use delivery_api::log::{ChainLink, CommitBundle, Entry, EntryKind, WelcomeDelivery};
use delivery_api::{
    ChainHash, Credential, DeviceId, IdempotencyKey, LogId, Position, Problem, PublicKey, request,
};
use delivery_service::Service;
use delivery_service::core::{Admission, Answer, Config, RawRequest, ServiceCore};
use delivery_service::key::ServiceKey;
use delivery_service::store::{MemoryStore, Rows, Store};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// More requests than any honest client makes in a test: one that goes round in circles fails.
const REQUESTS_MAX: usize = 10_000;

/// What goes wrong with the next request whose path ends so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The request does not arrive.
    LoseRequest(&'static str),
    /// The request arrives, the answer does not.
    LoseAnswer(&'static str),
}

impl Fault {
    fn concerns(self, path: &str) -> bool {
        let (Self::LoseRequest(end) | Self::LoseAnswer(end)) = self;
        path.split('?').next().is_some_and(|path| path.ends_with(end))
    }
}

/// Something that looks at, and may change, an answer.
pub(crate) type Tamper = Box<dyn Fn(&HttpRequest, HttpResponse) -> HttpResponse + Send>;

/// Carries requests to the service by a function call.
pub(crate) struct InProcess {
    service: Service,
    faults: Mutex<Vec<Fault>>,
    tamper: Mutex<Option<Tamper>>,
    /// From which request on nothing works any more, and whether that one still arrives.
    end: Mutex<Option<(usize, bool)>>,
    /// The paths that were asked.
    paths: Mutex<Vec<String>>,
}

impl InProcess {
    /// The log that was asked about last.
    pub(crate) fn last_log(&self) -> LogId {
        let paths = self.paths.lock().unwrap();
        let log = paths.iter().rev().find_map(|path| path.strip_prefix("/v1/logs/"));
        LogId::from_hex(&log.unwrap()[..64]).unwrap()
    }

    pub(crate) fn fail_next(&self, fault: Fault) {
        self.faults.lock().unwrap().push(fault);
    }

    /// From the request with this number on, nothing works any more; `arrives` says whether that
    /// one still reaches the service.
    pub(crate) fn end_at(&self, number: usize, arrives: bool) {
        *self.end.lock().unwrap() = Some((number, arrives));
    }

    /// The paths that were asked, without queries.
    pub(crate) fn asked(&self) -> Vec<String> {
        let paths = self.paths.lock().unwrap();
        paths.iter().map(|path| path.split('?').next().unwrap().to_owned()).collect()
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> usize {
        self.paths.lock().unwrap().len()
    }

    pub(crate) fn tamper(&self, tamper: Option<Tamper>) {
        *self.tamper.lock().unwrap() = tamper;
    }
}

impl Transport for InProcess {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut faults = self.faults.lock().unwrap();
        let index = faults.iter().position(|fault| {
            // Only what changes something: otherwise a read would take the fault meant for a
            // submission.
            request.method != delivery_api::Method::Get && fault.concerns(&request.path)
        });
        let fault = index.map(|index| faults.remove(index));
        drop(faults);
        let number = self.requests();
        assert!(number < REQUESTS_MAX, "a client that never stops asking");
        self.paths.lock().unwrap().push(request.path.clone());
        let (mut arrives, mut answers) = (true, true);
        if let Some((end, last_arrives)) = *self.end.lock().unwrap() {
            answers = number < end;
            arrives = answers || (number == end && last_arrives);
        }
        if matches!(fault, Some(Fault::LoseRequest(_))) || !arrives {
            return Err(TransportError("lost on the way".to_owned()));
        }
        let raw = RawRequest {
            method: request.method.as_str(),
            path: &request.path,
            authorization: request.authorization.as_deref(),
            body: &request.body,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let response = self.service.respond(&raw, now);
        if matches!(fault, Some(Fault::LoseAnswer(_))) || !answers {
            return Err(TransportError("lost on the way back".to_owned()));
        }
        let response = HttpResponse { status: response.status, body: response.body };
        match &*self.tamper.lock().unwrap() {
            Some(tamper) => Ok(tamper(request, response)),
            None => Ok(response),
        }
    }
}

/// A service and the folders of its accounts.
pub(crate) struct World {
    pub(crate) service: Service,
    store: Arc<MemoryStore>,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::admitting(Admission::Open)
    }

    pub(crate) fn admitting(admission: Admission) -> Self {
        let key = ServiceKey::from_seed(&[7; 32]).unwrap();
        let core = ServiceCore::new(key, Config::default()).with_admission(admission);
        let store = Arc::new(MemoryStore::new());
        let service = Service::new(Arc::new(core), store.clone());
        Self { service, store, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn transport(&self) -> Arc<InProcess> {
        Arc::new(InProcess {
            service: self.service.clone(),
            faults: Mutex::default(),
            tamper: Mutex::default(),
            end: Mutex::default(),
            paths: Mutex::default(),
        })
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn home(&self, name: &str) -> Home {
        Home::unprotected(self.folder(name))
    }

    pub(crate) fn account(&self, name: &str) -> Account {
        self.account_over(name, self.transport())
    }

    pub(crate) fn account_over(&self, name: &str, transport: Arc<InProcess>) -> Account {
        Account::create_with(&self.home(name), name, "in process", transport).unwrap()
    }

    pub(crate) fn reopen(&self, name: &str) -> Account {
        Account::open_with(&self.home(name), self.transport()).unwrap()
    }

    /// A group of these, made by the first; everybody has heard of everything.
    pub(crate) fn group(&self, names: &[&str]) -> (Vec<Account>, GroupId) {
        let mut accounts: Vec<Account> = names.iter().map(|name| self.account(name)).collect();
        let group = accounts[0].create_group("garden").unwrap();
        if names.len() > 1 {
            accounts[0].add(&group, &names[1..]).unwrap();
        }
        for account in &mut accounts {
            account.receive().unwrap();
            account.set_read().unwrap();
        }
        (accounts, group)
    }
}

impl World {
    /// Puts an entry into a log past admission, as a member with a broken client could. The access
    /// key behind a commit is nobody's.
    pub(crate) fn forge_entry(&self, log: LogId, kind: EntryKind, bytes: &[u8]) {
        self.forge(log, (kind, false), bytes);
    }

    /// What an insider does to shut the others out: a commit that nobody accepts, with a key of her
    /// own, flagged as a removal or not.
    pub(crate) fn close_log(&self, log: LogId, removes: bool) {
        self.forge(log, (EntryKind::Commit, removes), b"no commit");
    }

    /// Puts a Welcome into an inbox, with a commit of somebody's own log.
    pub(crate) fn slip_welcome(&self, recipient: DeviceId, welcome: &[u8], now: u64) {
        let crypto = Crypto::new(crypto_aws_lc::provider());
        let suite = crypto.suite(CipherSuite(1)).unwrap();
        let key = SignatureKeyPair::from_private_key(&suite, Secret::zeros(32)).unwrap();
        let key_bytes = key.public_key().as_slice().try_into().unwrap();
        let service = self.service.public_key();
        let credential = Credential { service, key: PublicKey::new(key_bytes), time_seconds: now };
        let bundle = CommitBundle {
            expected_head: Position::START,
            idempotency_key: IdempotencyKey::new(&[1; 16]).unwrap(),
            commit: b"commit".as_slice().into(),
            next_access_key: PublicKey::new([9; 32]),
            join_key: None,
            removes: false,
            welcomes: vec![WelcomeDelivery { recipient, welcome: welcome.into() }],
            group_info: Opaque::default(),
            tree: None,
        };
        let request = request::commit(LogId::new([3; 32]), &bundle, None);
        let request = request.sign(&credential, |tbs| key.sign(tbs)).unwrap();
        self.service.ask(&request, now).unwrap();
    }

    /// The anchors of a log, as the service knows them.
    pub(crate) fn anchors(&self, log: LogId) -> Vec<PublicKey> {
        let found: Arc<Mutex<Vec<PublicKey>>> = Arc::default();
        let to = Arc::clone(&found);
        let work = move |rows: &mut dyn Rows| {
            to.lock().unwrap().extend(rows.anchors(log)?);
            Ok(Answer { body: Vec::new(), news: Vec::new(), may_wait: false })
        };
        self.store.write(Box::new(work), Box::new(|outcome| drop(outcome.unwrap())));
        let found = found.lock().unwrap();
        found.clone()
    }

    /// As if whoever made the last commit had stated a key that nobody else has.
    pub(crate) fn replace_key(&self, log: LogId, removes: bool) {
        let work = move |rows: &mut dyn Rows| {
            let head = rows.log_for_update(log)?.ok_or(Problem::UnknownLog)?.head;
            let mut segment = rows.segment(log, head)?.ok_or(Problem::UnknownLog)?;
            (segment.access_key, segment.removes) = (PublicKey::new([0xef; 32]), removes);
            rows.put_segment(log, &segment)?;
            Ok(Answer { body: Vec::new(), news: Vec::new(), may_wait: false })
        };
        self.store.write(Box::new(work), Box::new(|outcome| drop(outcome.unwrap())));
    }

    fn forge(&self, log: LogId, (kind, removes): (EntryKind, bool), bytes: &[u8]) {
        let bytes = Opaque::from(bytes);
        let work = move |rows: &mut dyn Rows| {
            let mut row = rows.log_for_update(log)?.ok_or(Problem::UnknownLog)?;
            let mut segment = rows.segment(log, row.head)?.ok_or(Problem::UnknownLog)?;
            let (position, head) = (row.end.next(), row.head);
            let entry_hash = sha256(&bytes);
            let link = ChainLink { previous: row.chain_hash, position, kind, entry_hash };
            row.chain_hash = ChainHash::new(sha256(&link.to_bytes()));
            row.end = position;
            if kind == EntryKind::Commit {
                (row.head, segment.head) = (position, position);
                let mut key = [0xee; 32];
                key[..8].copy_from_slice(&position.0.to_be_bytes());
                segment.access_key = PublicKey::new(key);
                segment.removes = removes;
                rows.put_segment(log, &segment)?;
            }
            let entry = Entry { position, kind, head, removes, bytes: bytes.clone() };
            rows.put_entry(log, &entry, row.chain_hash)?;
            rows.put_log(log, &row)?;
            Ok(Answer { body: Vec::new(), news: Vec::new(), may_wait: false })
        };
        self.store.write(Box::new(work), Box::new(|outcome| drop(outcome.unwrap())));
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let crypto = Crypto::new(crypto_aws_lc::provider());
    let hash = crypto.suite(CipherSuite(1)).unwrap().hash(bytes).unwrap();
    hash.as_slice().try_into().unwrap()
}

/// What happened, in one line each.
pub(crate) fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| line(&event.kind)).collect()
}

fn line(kind: &EventKind) -> String {
    match kind {
        EventKind::Message { from, text, .. } => format!("{from}: {text}"),
        EventKind::File { from, name, size, .. } => format!("{from} shares {name}, {size} bytes"),
        EventKind::Created {} => "created".to_owned(),
        EventKind::Joined { members } => format!("joined {}", members.join(",")),
        EventKind::MemberAdded { by, name, .. } => format!("{by} added {name}"),
        EventKind::MemberRemoved { by, name } => format!("{by} removed {name}"),
        EventKind::KeysUpdated { name } => format!("{name} updated"),
        EventKind::RemovedFromGroup { by } => format!("{by} removed me"),
        EventKind::MemberLeaving { name } => format!("{name} wants to leave"),
        EventKind::MemberLeft { by, name } => format!("{name} left, by {by}"),
        EventKind::MemberEvicted { by, name } => format!("{by} evicted {name}"),
        EventKind::LeftGroup { by } => format!("left, by {by}"),
        EventKind::CredentialChanged { name } => format!("{name} has a new credential"),
        EventKind::PolicyChanged { by, what } => format!("{by} changed {}", what.join("; ")),
        EventKind::GroupRenamed { by, before, name } => format!("{by} renamed {before} to {name}"),
        EventKind::EntrySkipped { reason } => format!("skipped: {reason}"),
        EventKind::WelcomeUnusable { reason } => format!("unusable: {reason}"),
        EventKind::Halted { reason } => format!("halted: {reason}"),
        EventKind::LogRepaired {} => "repaired".to_owned(),
        EventKind::Rejoined { .. } => "rejoined".to_owned(),
        EventKind::Resumed {} => "resumed".to_owned(),
        EventKind::RejoinFailed {} => "rejoin failed".to_owned(),
        EventKind::MemberAppeared { name, .. } => format!("{name} appeared"),
        EventKind::MemberDisappeared { name, .. } => format!("{name} disappeared"),
        EventKind::MemberRejoined { name } => format!("{name} rejoined"),
        EventKind::IntentFailed { what, reason } => format!("failed to {what}: {reason}"),
        other => format!("{other:?}"),
    }
}

/// Everybody fetches what is new; then all must be in the same epoch with the same members.
pub(crate) fn assert_agreement(accounts: &mut [&mut Account], group: &GroupId) {
    let mut views = Vec::new();
    for account in accounts.iter_mut() {
        account.receive().unwrap();
        let summary = account.groups().unwrap().into_iter().find(|other| other.id == *group);
        let mut summary = summary.unwrap();
        summary.members.sort();
        views.push((account.name().clone(), summary));
    }
    for (name, view) in &views[1..] {
        assert_eq!(*view, views[0].1, "{name} and {} disagree", views[0].0);
    }
    assert_eq!(views[0].1.members.len(), accounts.len());
}
