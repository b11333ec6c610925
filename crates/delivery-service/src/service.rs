//! A service without a network: the logic over a store, one blocking call per request.
//!
//! Tests, simulations and programs that embed the service use it directly; `http` puts it on a
//! socket.

use crate::core::{
    Answer, Call, EXPIRING_LOGS_MAX, RawRequest, ServiceCore, Subscription, Subscriptions,
};
use crate::store::{Heard, Outcome, Store, Work};
use codec::{Decode, Encode};
use delivery_api::request::Failure;
use delivery_api::{LogId, Position, Problem, PublicKey, Request};
use std::sync::{Arc, mpsc};

/// Status and body of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body: the answer's, or a problem's.
    pub body: Vec<u8>,
}

impl From<Outcome> for Response {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Ok(answer) => Self { status: 200, body: answer.body },
            Err(problem) => Self { status: problem.entry().status, body: problem.to_bytes() },
        }
    }
}

/// The logic over a store.
#[derive(Clone)]
pub struct Service {
    core: Arc<ServiceCore>,
    store: Arc<dyn Store>,
}

impl Service {
    /// The service with this logic over this store.
    #[must_use]
    pub fn new(core: Arc<ServiceCore>, store: Arc<dyn Store>) -> Self {
        Self { core, store }
    }

    /// The key that signs receipts.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.core.public_key()
    }

    /// Answers a raw request. A read that asks to wait is answered at once.
    #[must_use]
    pub fn respond(&self, request: &RawRequest<'_>, now_seconds: u64) -> Response {
        let outcome = self.admit(request, now_seconds).and_then(|call| {
            let call = Arc::new(call);
            if call.writes() { self.write_blocking(self.work(call)) } else { self.read(call) }
        });
        Response::from(outcome)
    }

    /// Answers a request of `delivery_api`; saves tests and simulations the detour over raw parts.
    ///
    /// # Errors
    /// The refusal.
    pub fn ask<A: Decode>(&self, request: &Request<A>, now_seconds: u64) -> Result<A, Failure> {
        let (path, authorization) = (request.path(), request.authorization());
        let raw = RawRequest {
            method: request.method().as_str(),
            path: &path,
            authorization: authorization.as_deref(),
            body: request.body(),
        };
        let Response { status, body } = self.respond(&raw, now_seconds);
        request.answer(status, &body)
    }

    /// Forgets what has expired; to be called now and then.
    ///
    /// # Errors
    /// The store failed.
    pub fn housekeep(&self, now_seconds: u64) -> Result<(), Problem> {
        let core = Arc::clone(&self.core);
        self.write_blocking(Box::new(move |rows| core.housekeep(rows, now_seconds)))?;
        loop {
            let core = Arc::clone(&self.core);
            let work: Work = Box::new(move |rows| core.expire_entries(rows, now_seconds));
            let answer = self.write_blocking(work)?;
            let count = u32::from_bytes(&answer.body).map_err(|_| Problem::Internal)?;
            if count < EXPIRING_LOGS_MAX {
                return Ok(());
            }
        }
    }

    /// Ends the retention of a log's entries before `oldest`.
    ///
    /// # Errors
    /// There is no such log, or the store failed.
    pub fn truncate(&self, log: LogId, oldest: Position) -> Result<(), Problem> {
        let core = Arc::clone(&self.core);
        self.write_blocking(Box::new(move |rows| core.truncate(rows, log, oldest))).map(drop)
    }

    pub(crate) fn admit(&self, request: &RawRequest<'_>, now: u64) -> Result<Call, Problem> {
        self.core.admit(request, now)
    }

    /// A call that proves that the store reads and its writer lives.
    pub(crate) fn health_call(&self) -> Call {
        Call::health()
    }

    pub(crate) fn read(&self, call: Arc<Call>) -> Outcome {
        self.store.read(self.work(call))
    }

    pub(crate) fn subscribe(&self, message: &[u8], now: u64) -> Result<Subscriptions, Problem> {
        self.core.subscribe(message, now)
    }

    /// What there is to tell to some subscriptions.
    pub(crate) fn look(&self, subscriptions: Vec<Arc<Subscription>>) -> Outcome {
        let core = Arc::clone(&self.core);
        self.store.read(Box::new(move |rows| core.look(&subscriptions, rows)))
    }

    pub(crate) fn write(&self, call: Arc<Call>, done: impl FnOnce(Outcome) + Send + 'static) {
        self.store.write(self.work(call), Box::new(done));
    }

    /// Has `heard` told of news from other processes.
    pub(crate) fn listen(&self, heard: Heard) {
        self.store.listen(heard);
    }

    fn work(&self, call: Arc<Call>) -> Work {
        let core = Arc::clone(&self.core);
        Box::new(move |rows| core.execute(&call, rows))
    }

    fn write_blocking(&self, work: Work) -> Result<Answer, Problem> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.store.write(
            work,
            Box::new(move |outcome| {
                // The receiver waits below until this arrives.
                let _ = sender.send(outcome);
            }),
        );
        // A store that went away without an answer leaves the outcome unknown.
        receiver.recv().unwrap_or(Err(Problem::Unavailable))
    }
}
