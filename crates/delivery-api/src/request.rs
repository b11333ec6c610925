//! Requests: one builder per route, a signature where the route needs one, and the typed answer.
//!
//! Calling order: a builder, [`Request::sign`] unless the route is public, then send `method`,
//! `path`, the `Authorization` header and the body with any HTTP library, and give status and body
//! of what comes back to [`Request::answer`].

use crate::auth::{Authorization, Credential, RequestTbs};
use crate::blob::Blob;
use crate::directory::NameRecord;
use crate::id::{BlobId, DeviceId, LogId, Name, Position};
use crate::inbox::{Acknowledge, InboxPage, PutItem};
use crate::key_package::{ClaimKeyPackage, ClaimedKeyPackage, Stock, UploadKeyPackages};
use crate::limits;
use crate::log::{Append, CommitBundle, CreateLog, LogPage, PublishedGroupInfo, Receipt};
use crate::problem::Problem;
use crate::repair::{Repair, Repaired};
use crate::route::{Method, Route};
use crate::service::{Done, ServiceInfo};
use crate::sync::{Sync, Synced};
use codec::{Decode, DecodeError, Encode};
use std::marker::PhantomData;

/// Which part of a log or an inbox to read, and how long to wait if there is nothing yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Read what follows this position.
    pub after: Position,
    /// At most this many, 1 to [`limits::PAGE_LIMIT_MAX`].
    pub limit: u32,
    /// Wait up to this many seconds for the first, at most [`limits::WAIT_SECONDS_MAX`].
    pub wait_seconds: u32,
}

impl Window {
    pub(crate) fn parse(query: &str) -> Option<Self> {
        let mut parts = query.split('&');
        let after = parts.next()?.strip_prefix("after=")?.parse().ok()?;
        let limit = parts.next()?.strip_prefix("limit=")?.parse().ok()?;
        let wait_seconds = parts.next()?.strip_prefix("wait=")?.parse().ok()?;
        let window = Self { after: Position(after), limit, wait_seconds };
        let allowed = (1..=limits::PAGE_LIMIT_MAX).contains(&limit)
            && wait_seconds <= limits::WAIT_SECONDS_MAX
            && parts.next().is_none();
        allowed.then_some(window)
    }

    /// The window with limit and wait brought into their ranges.
    fn clamped(self) -> Self {
        Self {
            after: self.after,
            limit: self.limit.clamp(1, limits::PAGE_LIMIT_MAX),
            wait_seconds: self.wait_seconds.min(limits::WAIT_SECONDS_MAX),
        }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { after, limit, wait_seconds } = self;
        write!(formatter, "after={after}&limit={limit}&wait={wait_seconds}")
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The service's answer is not in the form that the protocol demands.
    Malformed(DecodeError),
    /// The service refused.
    Problem(Problem),
    /// The status is neither success nor comes with a problem body: something else answered.
    Status(u16),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(error) => write!(formatter, "malformed answer: {error}"),
            Self::Problem(problem) => write!(formatter, "refused: {problem}"),
            Self::Status(status) => write!(formatter, "unexpected status {status}"),
        }
    }
}

impl std::error::Error for Failure {}

/// A request whose answer is an `A`.
#[derive(Clone, Debug)]
pub struct Request<A> {
    route: Route,
    body: Vec<u8>,
    authorization: Option<Authorization>,
    answer: PhantomData<fn() -> A>,
}

impl<A: Decode> Request<A> {
    fn new(route: Route, body: Vec<u8>) -> Self {
        Self { route, body, authorization: None, answer: PhantomData }
    }

    /// What is asked of what.
    #[must_use]
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.route.method()
    }

    /// The path with its query.
    #[must_use]
    pub fn path(&self) -> String {
        self.route.path()
    }

    /// The value of the `Authorization` header, once signed.
    #[must_use]
    pub fn authorization(&self) -> Option<String> {
        self.authorization.as_ref().map(ToString::to_string)
    }

    /// The body; empty for `GET`.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Signs the request: `sign` gets the bytes to sign and returns an Ed25519 signature by
    /// `credential.key`. Signing again, say with the time of a retry, replaces the signature.
    ///
    /// # Errors
    /// Whatever `sign` returns.
    pub fn sign<E>(
        mut self,
        credential: &Credential,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let path = self.path();
        let tbs = RequestTbs {
            credential: *credential,
            method: self.method().as_str(),
            path: &path,
            body: &self.body,
        };
        let signature = sign(&tbs.to_bytes())?;
        let Credential { key, time_seconds, .. } = *credential;
        self.authorization = Some(Authorization { key, time_seconds, signature });
        Ok(self)
    }

    /// Reads what came back.
    ///
    /// # Errors
    /// The service's refusal, or that the answer is not one of this protocol.
    pub fn answer(&self, status: u16, body: &[u8]) -> Result<A, Failure> {
        match status {
            200 => A::from_bytes(body).map_err(Failure::Malformed),
            400.. => {
                Err(Problem::from_bytes(body).map_or(Failure::Status(status), Failure::Problem))
            }
            _ => Err(Failure::Status(status)),
        }
    }
}

/// What the service says about itself. Public.
#[must_use]
pub fn service_info() -> Request<ServiceInfo> {
    Request::new(Route::ServiceInfo, Vec::new())
}

/// Whether the service works. Public.
#[must_use]
pub fn health() -> Request<Done> {
    Request::new(Route::Health, Vec::new())
}

/// Opens a log; signed by the access key of its first segment.
#[must_use]
pub fn create_log(log: LogId, create: &CreateLog) -> Request<Done> {
    Request::new(Route::CreateLog(log), create.to_bytes())
}

/// Submits a commit; signed by the access key of the segment it closes, or by the join key.
///
/// With `missed_after`, a refusal because the head moved carries the entries behind that position.
#[must_use]
pub fn commit(
    log: LogId,
    bundle: &CommitBundle,
    missed_after: Option<Position>,
) -> Request<Receipt> {
    Request::new(Route::Commit { log, missed_after }, bundle.to_bytes())
}

/// Locks and repairs a log; signed by one of its anchor keys.
#[must_use]
pub fn repair(log: LogId, repair: &Repair) -> Request<Repaired> {
    Request::new(Route::Repair(log), repair.to_bytes())
}

/// Appends a message; signed by the access key of the current segment.
#[must_use]
pub fn append(log: LogId, append: &Append) -> Request<Receipt> {
    Request::new(Route::Append(log), append.to_bytes())
}

/// Reads a log; signed by the access key of the segment that holds `window.after`.
#[must_use]
pub fn read_log(log: LogId, window: Window) -> Request<LogPage> {
    Request::new(Route::ReadLog { log, window: window.clamped() }, Vec::new())
}

/// Asks for the news of many logs; every cursor brings a signature of its own.
#[must_use]
pub fn sync(sync: &Sync) -> Request<Synced> {
    Request::new(Route::Sync, sync.to_bytes())
}

/// Fetches the published GroupInfo; signed by an access key that reaches it, or by the join key.
#[must_use]
pub fn group_info(log: LogId) -> Request<PublishedGroupInfo> {
    Request::new(Route::GroupInfo(log), Vec::new())
}

/// Registers a device; signed by it.
#[must_use]
pub fn register_device(device: DeviceId) -> Request<Done> {
    register_invited(device, &[])
}

/// Registers a device with an invitation token, for services that ask for one; signed by the
/// device.
#[must_use]
pub fn register_invited(device: DeviceId, token: &[u8]) -> Request<Done> {
    Request::new(Route::RegisterDevice(device), token.to_vec())
}

/// Puts an item into an inbox; signed by any registered device.
#[must_use]
pub fn put_item(recipient: DeviceId, item: &PutItem) -> Request<Done> {
    Request::new(Route::PutItem(recipient), item.to_bytes())
}

/// Reads the own inbox; signed by the device. `window.after` is the number of an item.
#[must_use]
pub fn read_inbox(device: DeviceId, window: Window) -> Request<InboxPage> {
    Request::new(Route::ReadInbox { device, window: window.clamped() }, Vec::new())
}

/// Acknowledges items of the own inbox; signed by the device.
#[must_use]
pub fn acknowledge(device: DeviceId, acknowledge: &Acknowledge) -> Request<Done> {
    Request::new(Route::Acknowledge(device), acknowledge.to_bytes())
}

/// Uploads own key packages; signed by the device.
#[must_use]
pub fn upload_key_packages(device: DeviceId, upload: &UploadKeyPackages) -> Request<Stock> {
    Request::new(Route::UploadKeyPackages(device), upload.to_bytes())
}

/// Asks what is left of the own key packages; signed by the device.
#[must_use]
pub fn stock(device: DeviceId) -> Request<Stock> {
    Request::new(Route::Stock(device), Vec::new())
}

/// Claims a key package of `device`; signed by any registered device.
#[must_use]
pub fn claim_key_package(device: DeviceId, claim: &ClaimKeyPackage) -> Request<ClaimedKeyPackage> {
    Request::new(Route::ClaimKeyPackage(device), claim.to_bytes())
}

/// Claims a name or replaces its devices; signed by the registered device that owns the name.
#[must_use]
pub fn put_name(name: Name, record: &NameRecord) -> Request<Done> {
    Request::new(Route::PutName(name), record.to_bytes())
}

/// Looks up a name. Public.
#[must_use]
pub fn get_name(name: Name) -> Request<NameRecord> {
    Request::new(Route::GetName(name), Vec::new())
}

/// Stores a blob under its SHA-256; signed by any registered device.
#[must_use]
pub fn put_blob(id: BlobId, bytes: Vec<u8>) -> Request<Done> {
    Request::new(Route::PutBlob(id), bytes)
}

/// Fetches a blob. Public: whoever knows the hash may have the sealed bytes, and must check the
/// hash.
#[must_use]
pub fn get_blob(id: BlobId) -> Request<Blob> {
    Request::new(Route::GetBlob(id), Vec::new())
}
