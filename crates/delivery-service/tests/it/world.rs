//! A service, a clock, and people with keys.

use crate::postgres::Schema;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use codec::{Decode, Opaque};
use delivery_api::log::{Append, CommitBundle, Entry, Lane, LogPage, Receipt, WelcomeDelivery};
use delivery_api::request::{self, Failure, Window};
use delivery_api::{
    Credential, DeviceId, IdempotencyKey, LogId, Position, Problem, PublicKey, Request, limits,
};
use delivery_service::core::{Admission, Config, Paces, ServiceCore};
use delivery_service::key::ServiceKey;
use delivery_service::store::{MemoryStore, SqliteStore, Store};
use delivery_service::{Options, Service};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Somewhere in 2023; far from every boundary.
pub(crate) const START_SECONDS: u64 = 1_700_000_000;

pub(crate) const DAY_SECONDS: u64 = 86_400;

/// Tests do more in a second than people do in a day.
pub(crate) const UNPACED: Config = Config {
    log_entries_kept: None,
    log_days_kept: None,
    blob_days_kept: None,
    paces: Paces::UNLIMITED,
    inbox_bytes_max: limits::INBOX_BYTES_MAX,
};

/// [`UNPACED`] on a socket.
pub(crate) fn unpaced() -> Options {
    Options { config: UNPACED, cursors: None, ..Options::default() }
}

static COUNTER: AtomicU64 = AtomicU64::new(1);

/// A number never given before in this process.
pub(crate) fn fresh() -> u64 {
    COUNTER.fetch_add(1, Ordering::Relaxed)
}

/// 32 bytes never given before in this process, random enough to spread.
pub(crate) fn fresh_bytes() -> [u8; 32] {
    sha256(&fresh().to_be_bytes())
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

/// A directory that goes with its owner.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        let name = format!("conclave-delivery-{}-{}", std::process::id(), fresh());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An Ed25519 key: of a device, of a segment, of joiners.
pub(crate) struct Key(Ed25519KeyPair);

impl Key {
    pub(crate) fn fresh() -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&fresh_bytes()).unwrap())
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::new(self.0.public_key().as_ref().try_into().unwrap())
    }

    pub(crate) fn device(&self) -> DeviceId {
        self.public().device()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    pub(crate) fn signed<A: Decode>(
        &self,
        service: PublicKey,
        time_seconds: u64,
        request: Request<A>,
    ) -> Request<A> {
        let credential = Credential { service, key: self.public(), time_seconds };
        request.sign(&credential, |tbs| Ok::<_, std::convert::Infallible>(self.sign(tbs))).unwrap()
    }
}

/// A service over some store, and the time there.
pub(crate) struct World {
    pub(crate) service: Service,
    now: AtomicU64,
    core: Arc<ServiceCore>,
    store: Arc<dyn Store>,
    // Behind the store: removed when the store has let go of it.
    _directory: Option<Directory>,
    _schema: Option<Schema>,
}

impl World {
    pub(crate) fn in_memory() -> Self {
        Self::new(Arc::new(MemoryStore::new()), None)
    }

    pub(crate) fn on_sqlite() -> Self {
        let directory = Directory::new();
        let store = SqliteStore::open(directory.path()).unwrap();
        Self::new(Arc::new(store), Some(directory))
    }

    /// `None` if there is no server to test against.
    pub(crate) fn on_postgres() -> Option<Self> {
        let schema = Schema::fresh()?;
        let world = Self::over(Arc::new(schema.store()));
        Some(Self { _schema: Some(schema), ..world })
    }

    pub(crate) fn over(store: Arc<dyn Store>) -> Self {
        Self::new(store, None)
    }

    fn new(store: Arc<dyn Store>, directory: Option<Directory>) -> Self {
        let key = ServiceKey::from_seed(&[9; 32]).unwrap();
        let core = Arc::new(ServiceCore::new(key, UNPACED));
        let service = Service::new(Arc::clone(&core), Arc::clone(&store));
        let now = AtomicU64::new(START_SECONDS);
        Self { service, now, core, store, _directory: directory, _schema: None }
    }

    /// A service with other settings over the same store.
    pub(crate) fn service_with(&self, config: Config) -> Service {
        let core = ServiceCore::new(ServiceKey::from_seed(&[9; 32]).unwrap(), config);
        assert_eq!(core.public_key(), self.core.public_key());
        Service::new(Arc::new(core), Arc::clone(&self.store))
    }

    /// A service over the same store for those who are admitted.
    pub(crate) fn service_for(&self, admission: Admission) -> Service {
        let core = ServiceCore::new(ServiceKey::from_seed(&[9; 32]).unwrap(), UNPACED);
        Service::new(Arc::new(core.with_admission(admission)), Arc::clone(&self.store))
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Asks a service over the same store, signed by `key`.
    pub(crate) fn ask_of<A: Decode>(
        &self,
        service: &Service,
        key: &Key,
        request: Request<A>,
    ) -> Result<A, Failure> {
        service.ask(&key.signed(service.public_key(), self.now(), request), self.now())
    }

    /// Asks, signed by `key`.
    pub(crate) fn ask<A: Decode>(&self, key: &Key, request: Request<A>) -> Result<A, Failure> {
        let request = key.signed(self.service.public_key(), self.now(), request);
        self.service.ask(&request, self.now())
    }

    /// Asks, signed by `key`, and expects an answer.
    pub(crate) fn get<A: Decode>(&self, key: &Key, request: Request<A>) -> A {
        self.ask(key, request).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// Asks, signed by `key`, and expects a refusal.
    pub(crate) fn refusal<A: Decode>(&self, key: &Key, request: Request<A>) -> Problem {
        refusal(self.ask(key, request))
    }

    /// A registered device.
    pub(crate) fn device(&self) -> Key {
        let key = Key::fresh();
        self.get(&key, request::register_device(key.device()));
        key
    }

    /// Everything that `key` may read behind `after`, page by page, and the last page.
    pub(crate) fn read_all(&self, log: LogId, key: &Key, after: u64) -> (Vec<Entry>, LogPage) {
        let (mut entries, mut after) = (Vec::new(), Position(after));
        loop {
            let page = self.get(key, request::read_log(log, window(after.0)));
            entries.extend(page.entries.iter().cloned());
            let Some(last) = page.entries.last() else { return (entries, page) };
            after = last.position;
        }
    }
}

/// The problem of a refused request.
pub(crate) fn refusal<A>(result: Result<A, Failure>) -> Problem {
    match result {
        Ok(_) => panic!("not refused"),
        Err(Failure::Problem(problem)) => problem,
        Err(failure) => panic!("{failure}"),
    }
}

/// The head that a refusal because the head moved carries.
pub(crate) fn moved_to(problem: &Problem) -> u64 {
    match problem {
        Problem::HeadMoved(moved) => moved.head.0,
        other => panic!("refused otherwise: {other}"),
    }
}

pub(crate) fn window(after: u64) -> Window {
    Window { after: Position(after), limit: 1000, wait_seconds: 0 }
}

pub(crate) fn idempotency_key() -> IdempotencyKey {
    IdempotencyKey::new(&fresh_bytes()).unwrap()
}

/// A bundle under `head` that opens a segment with the key `next`.
pub(crate) fn bundle(head: u64, next: &Key) -> CommitBundle {
    CommitBundle {
        expected_head: Position(head),
        idempotency_key: idempotency_key(),
        commit: Opaque::from(format!("commit {}", fresh()).into_bytes()),
        next_access_key: next.public(),
        join_key: None,
        removes: false,
        welcomes: Vec::new(),
        group_info: Opaque::default(),
        tree: None,
    }
}

pub(crate) fn welcome(recipient: &Key, text: &str) -> WelcomeDelivery {
    WelcomeDelivery { recipient: recipient.device(), welcome: Opaque::from(text.as_bytes()) }
}

/// A message under `head`.
pub(crate) fn message(head: u64, text: &str) -> Append {
    Append {
        head: Position(head),
        idempotency_key: idempotency_key(),
        lane: Lane::Application,
        bytes: Opaque::from(text.as_bytes()),
    }
}

/// A group as one of its members sees it: the log, the head, and the current segment's key.
pub(crate) struct Group<'w> {
    pub(crate) world: &'w World,
    pub(crate) log: LogId,
    pub(crate) head: u64,
    pub(crate) key: Key,
}

impl<'w> Group<'w> {
    /// A group with an open log and nothing in it.
    pub(crate) fn new(world: &'w World) -> Self {
        let group = Self { world, log: LogId::new(fresh_bytes()), head: 0, key: Key::fresh() };
        let create = delivery_api::log::CreateLog { join_key: None, anchors: Vec::new() };
        world.get(&group.key, request::create_log(group.log, &create));
        group
    }

    /// Commits, lets `change` adjust the bundle, and returns the key of the closed segment.
    pub(crate) fn commit(&mut self, change: impl FnOnce(&mut CommitBundle)) -> Key {
        let next = Key::fresh();
        let mut bundle = bundle(self.head, &next);
        change(&mut bundle);
        let receipt = self.world.get(&self.key, request::commit(self.log, &bundle, None));
        assert_eq!(receipt.position, receipt.head);
        self.head = receipt.head.0;
        std::mem::replace(&mut self.key, next)
    }

    pub(crate) fn send(&self, text: &str) -> Receipt {
        self.world.get(&self.key, request::append(self.log, &message(self.head, text)))
    }
}
