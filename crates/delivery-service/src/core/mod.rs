//! The service's logic: requests and rows in, rows and answers out. No I/O, no clock, no threads.
//!
//! Calling order for one request:
//!
//! 1. [`ServiceCore::admit`] checks what can be checked without rows (route, size, form, time,
//!    signature) and returns a [`Call`], which exists only for requests that passed.
//! 2. [`ServiceCore::execute`] carries the call out on the rows of one transaction: a writing one
//!    if [`Call::writes`]. An error means that the transaction's changes must not be kept.
//!
//! Now and then, [`ServiceCore::housekeep`] and [`ServiceCore::expire_entries`] forget what has
//! expired.
//!
//! A stream of hints has a way of its own: [`ServiceCore::subscribe`] admits, [`ServiceCore::look`]
//! tells what is new.
//!
//! One file per primitive: `log`, `inbox`, `key_packages`, `blobs`, and apart from them
//! `directory`.

mod admission;
mod blobs;
mod call;
mod directory;
mod inbox;
mod key_packages;
mod log;
mod pace;
mod repair;
mod stream;
mod sync;

pub use admission::Admission;
pub use call::{Call, RawRequest, Topic};
pub use pace::{Pace, Paces};
pub use stream::{Subscription, Subscriptions};

use crate::key::ServiceKey;
use crate::store::{AnswerRow, Outcome, Rows, Scope};
use call::Command;
use codec::{Encode, Opaque};
use delivery_api::blob::Blob;
use delivery_api::service::{Done, PROTOCOL_VERSION, ServiceInfo};
use delivery_api::{IdempotencyKey, LogId, Position, Problem, PublicKey, limits};
use pace::Meter;

/// What a successful call answers and whom it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The answer's body.
    pub body: Vec<u8>,
    /// Whose readers there is news for.
    pub news: Vec<Topic>,
    /// Whether a read found nothing yet but may find something later.
    pub may_wait: bool,
}

impl Answer {
    fn new(body: &impl Encode) -> Self {
        Self { body: body.to_bytes(), news: Vec::new(), may_wait: false }
    }

    fn done() -> Self {
        Self::new(&Done)
    }

    fn with_news(mut self, topic: Topic) -> Self {
        self.news.push(topic);
        self
    }
}

/// The protocol's description in the form of OpenAPI, held up to date by a test.
const OPENAPI: &str = include_str!("../../../../docs/openapi.json");

/// Logs whose entries expire in one transaction; others are served in between.
pub const EXPIRING_LOGS_MAX: u32 = 50;

/// What an operator may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many entries of a log to keep; `None` keeps all. Readers behind get
    /// [`Problem::Gone`] with the oldest position, never a silent gap.
    pub log_entries_kept: Option<u64>,
    /// For how many days to keep an entry at least; `None` keeps it for ever, and then nothing is
    /// stored about when it came.
    pub log_days_kept: Option<u64>,
    /// For how many days to keep a blob at least after it was last put; `None` as above.
    pub blob_days_kept: Option<u64>,
    /// How often the same may be done.
    pub paces: Paces,
    /// Bytes waiting in one inbox before a large item is refused.
    pub inbox_bytes_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log_entries_kept: None,
            log_days_kept: None,
            blob_days_kept: None,
            paces: Paces::default(),
            inbox_bytes_max: limits::INBOX_BYTES_MAX,
        }
    }
}

/// The service's logic.
pub struct ServiceCore {
    key: ServiceKey,
    config: Config,
    admission: Admission,
    meter: Meter,
}

impl ServiceCore {
    /// The logic of a service with this key.
    #[must_use]
    pub fn new(key: ServiceKey, config: Config) -> Self {
        Self { key, config, admission: Admission::Open, meter: Meter::new(config.paces) }
    }

    /// The same, for those who may register a device.
    #[must_use]
    pub fn with_admission(self, admission: Admission) -> Self {
        Self { admission, ..self }
    }

    /// The key that signs receipts.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// Checks everything that can be checked without rows, and counts the request.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn admit(&self, request: &RawRequest<'_>, now_seconds: u64) -> Result<Call, Problem> {
        let mut call = Call::admit(request, self.public_key(), now_seconds)?;
        for (subject, count) in call.subjects() {
            let counted = self.meter.count(subject, count, now_seconds);
            match &mut call.command {
                Command::ClaimKeyPackage { too_many, .. } => *too_many = counted.err(),
                _ => counted?,
            }
        }
        Ok(call)
    }

    /// Carries a call out on the rows of one transaction.
    ///
    /// # Errors
    /// The refusal to answer with; changes made to the rows must be rolled back.
    pub fn execute(&self, call: &Call, rows: &mut dyn Rows) -> Outcome {
        match &call.command {
            Command::Acknowledge { owner, acknowledge } => {
                inbox::acknowledge(rows, owner, acknowledge)
            }
            Command::Append { log, submission, append } => {
                log::append(self, rows, *log, submission, append)
            }
            Command::ClaimKeyPackage { claimer, claim, too_many } => {
                key_packages::claim(rows, claimer, claim, too_many.as_ref(), call.now_seconds)
            }
            Command::Commit { log, submission, bundle, missed_after } => {
                log::commit(self, rows, *log, submission, bundle).or_else(|problem| {
                    log::with_missed(rows, *log, submission, problem, *missed_after)
                })
            }
            Command::CreateLog { log, key, create } => log::create(rows, *log, key, create),
            Command::GetBlob { blob } => blobs::get(rows, *blob),
            Command::GetName { name } => directory::get(rows, name),
            Command::GroupInfo { log, key } => log::group_info(rows, *log, key),
            Command::Health => {
                // Any look-up proves that the store answers.
                rows.log_for_update(LogId::new([0; 32]))?;
                Ok(Answer::done())
            }
            Command::OpenApi => Ok(Answer::new(&Blob(OPENAPI.as_bytes().to_vec()))),
            Command::PutBlob { sender, blob, bytes } => {
                let stored_day = self.config.blob_days_kept.map(|_| day(call.now_seconds));
                blobs::put(rows, sender, *blob, bytes, stored_day)
            }
            Command::PutItem { recipient, submission, item } => {
                inbox::put(self, rows, *recipient, submission, item)
            }
            Command::PutName { owner, name, record } => directory::put(rows, owner, name, record),
            Command::ReadInbox { owner, window } => inbox::read(rows, owner, window),
            Command::ReadLog { log, key, window } => log::read(rows, *log, key, window),
            Command::RegisterDevice { owner, token } => {
                inbox::register(rows, owner, self.admission.admits(token))
            }
            Command::Repair { log, submission, repair } => {
                repair::repair(rows, *log, submission, repair)
            }
            Command::ServiceInfo => {
                Ok(Answer::new(&ServiceInfo { version: PROTOCOL_VERSION, key: self.public_key() }))
            }
            Command::Stock { owner } => key_packages::stock(rows, owner, call.now_seconds),
            Command::Sync { cursors } => sync::sync(rows, cursors),
            Command::UploadKeyPackages { owner, upload } => {
                key_packages::upload(rows, owner, upload, call.now_seconds)
            }
        }
    }

    /// Forgets answers, key packages and blobs that have expired.
    ///
    /// # Errors
    /// The store failed.
    pub fn housekeep(&self, rows: &mut dyn Rows, now_seconds: u64) -> Outcome {
        rows.delete_answers_before(day(now_seconds))?;
        rows.delete_key_packages_before(now_seconds)?;
        if let Some(kept) = self.config.blob_days_kept {
            rows.delete_blobs_before(day(now_seconds).saturating_sub(kept))?;
        }
        Ok(Answer::done())
    }

    /// Forgets the entries of some logs that have expired; the answer's body is their number, a
    /// `uint32`, and [`EXPIRING_LOGS_MAX`] if there may be more.
    ///
    /// # Errors
    /// The store failed.
    pub fn expire_entries(&self, rows: &mut dyn Rows, now_seconds: u64) -> Outcome {
        let Some(kept) = self.config.log_days_kept else { return Ok(Answer::new(&0_u32)) };
        log::expire(rows, day(now_seconds).saturating_sub(kept))
    }

    /// Ends the retention of a log's entries before `oldest`.
    ///
    /// # Errors
    /// There is no such log, or the store failed.
    pub fn truncate(&self, rows: &mut dyn Rows, log: LogId, oldest: Position) -> Outcome {
        log::truncate(rows, log, oldest)?;
        Ok(Answer::done())
    }
}

/// The day of a time, counted from 1970: as much of a time as the service keeps.
fn day(seconds: u64) -> u64 {
    seconds / 86_400
}

/// The answer given to this very submission before, if any.
fn answer_given(
    rows: &mut dyn Rows,
    scope: Scope,
    key: &IdempotencyKey,
    request_hash: &[u8; 32],
) -> Result<Option<Answer>, Problem> {
    match rows.answer(scope, key)? {
        Some(row) if row.request_hash == *request_hash => {
            Ok(Some(Answer { body: row.answer.into_vec(), news: Vec::new(), may_wait: false }))
        }
        Some(_) => Err(Problem::IdempotencyMismatch),
        None => Ok(None),
    }
}

/// Remembers the answer to a submission for at least [`limits::IDEMPOTENCY_DAYS`].
fn remember_answer(
    rows: &mut dyn Rows,
    scope: Scope,
    key: &IdempotencyKey,
    submission: &call::Submission,
    answer: &Answer,
) -> Result<(), Problem> {
    let row = AnswerRow {
        request_hash: submission.request_hash,
        answer: Opaque::from(answer.body.as_slice()),
        // One more for the day that has begun.
        expires_day: day(submission.now_seconds) + limits::IDEMPOTENCY_DAYS + 1,
    };
    Ok(rows.put_answer(scope, key, &row)?)
}
