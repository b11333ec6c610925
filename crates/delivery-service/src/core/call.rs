//! Admission: from a raw request to a [`Call`], with every check that needs no rows.
//!
//! The order is: route, size, form of the body, signature where the route needs one. A command that
//! acts for a device holds an [`Owner`] or [`Sender`], one that acts on a log a [`VerifiedKey`];
//! only the checks here make these.

use super::pace::{BLOCK, Subject};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use codec::{Decode, Encode};
use delivery_api::directory::NameRecord;
use delivery_api::inbox::{Acknowledge, PutItem};
use delivery_api::key_package::{ClaimKeyPackage, UploadKeyPackages};
use delivery_api::log::{Append, CommitBundle, CreateLog};
use delivery_api::repair::Repair;
use delivery_api::request::Window;
use delivery_api::sync::{SignedCursor, Sync};
use delivery_api::{
    Authorization, BlobId, Credential, DeviceId, LogId, Name, Position, Problem, PublicKey,
    RequestTbs, Route, limits,
};

/// A request as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct RawRequest<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path with its query, as sent.
    pub path: &'a str,
    /// The value of the `Authorization` header.
    pub authorization: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// What a reader can wait for: news in a log or an inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(pub [u8; 32]);

impl Topic {
    /// Which of 256 channels the topic's readers wait on. Device ids are public keys and log ids
    /// random, so the first byte spreads them.
    #[must_use]
    pub fn channel(&self) -> u8 {
        self.0[0]
    }
}

/// A key whose holder signed this request.
#[derive(Debug)]
pub(super) struct VerifiedKey(PublicKey);

impl VerifiedKey {
    pub(super) fn key(&self) -> PublicKey {
        self.0
    }
}

/// A device that signed a request about itself.
#[derive(Debug)]
pub(super) struct Owner(DeviceId);

impl Owner {
    /// The device whose key signed.
    pub(super) fn of(key: &VerifiedKey) -> Self {
        Self(key.key().device())
    }

    pub(super) fn device(&self) -> DeviceId {
        self.0
    }
}

/// A device that signed a request about something else. Used for admission only, never stored.
#[derive(Debug)]
pub(super) struct Sender(DeviceId);

impl Sender {
    pub(super) fn device(&self) -> DeviceId {
        self.0
    }
}

/// Who submits something that a retry must not repeat, and what.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) key: VerifiedKey,
    /// SHA-256 of the signing key and the body.
    pub(super) request_hash: [u8; 32],
    pub(super) now_seconds: u64,
}

/// Of which device a key package is asked for, and of which suite.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) owner: DeviceId,
    pub(super) suite: u16,
}

/// A log whose news is asked for, and the key that asked, or why it does not count.
#[derive(Debug)]
pub(super) struct SyncCursor {
    pub(super) log: LogId,
    pub(super) after: Position,
    pub(super) key: Result<VerifiedKey, Problem>,
}

/// A request that passed every check that needs no rows.
#[derive(Debug)]
pub struct Call {
    pub(super) command: Command,
    pub(super) now_seconds: u64,
}

#[derive(Debug)]
pub(super) enum Command {
    Acknowledge {
        owner: Owner,
        acknowledge: Acknowledge,
    },
    Append {
        log: LogId,
        submission: Submission,
        append: Append,
    },
    ClaimKeyPackage {
        claimer: Sender,
        claim: Claim,
        /// Set if the owner's key packages are claimed too often.
        too_many: Option<Problem>,
    },
    Commit {
        log: LogId,
        submission: Submission,
        bundle: CommitBundle,
        missed_after: Option<Position>,
    },
    CreateLog {
        log: LogId,
        key: VerifiedKey,
        create: CreateLog,
    },
    GetBlob {
        blob: BlobId,
    },
    GetName {
        name: Name,
    },
    GroupInfo {
        log: LogId,
        key: VerifiedKey,
    },
    Health,
    OpenApi,
    PutBlob {
        sender: Sender,
        blob: BlobId,
        bytes: Vec<u8>,
    },
    PutItem {
        recipient: DeviceId,
        submission: Submission,
        item: PutItem,
    },
    PutName {
        owner: Owner,
        name: Name,
        record: NameRecord,
    },
    ReadInbox {
        owner: Owner,
        window: Window,
    },
    ReadLog {
        log: LogId,
        key: VerifiedKey,
        window: Window,
    },
    RegisterDevice {
        owner: Owner,
        token: Vec<u8>,
    },
    Repair {
        log: LogId,
        submission: Submission,
        repair: Repair,
    },
    ServiceInfo,
    Stock {
        owner: Owner,
    },
    Sync {
        cursors: Vec<SyncCursor>,
    },
    UploadKeyPackages {
        owner: Owner,
        upload: UploadKeyPackages,
    },
}

impl Call {
    /// Whether the call needs a writing transaction.
    #[must_use]
    pub fn writes(&self) -> bool {
        match &self.command {
            Command::Acknowledge { .. }
            | Command::Append { .. }
            | Command::ClaimKeyPackage { .. }
            | Command::Commit { .. }
            | Command::CreateLog { .. }
            // Goes through the writer to prove that it lives; without changes it costs no sync.
            | Command::Health
            | Command::PutBlob { .. }
            | Command::PutItem { .. }
            | Command::PutName { .. }
            | Command::RegisterDevice { .. }
            | Command::Repair { .. }
            | Command::UploadKeyPackages { .. } => true,
            Command::GetBlob { .. }
            | Command::GetName { .. }
            | Command::GroupInfo { .. }
            | Command::OpenApi
            | Command::ReadInbox { .. }
            | Command::ReadLog { .. }
            | Command::ServiceInfo
            | Command::Stock { .. }
            | Command::Sync { .. } => false,
        }
    }

    /// What the call counts as, and how much, to keep its pace.
    pub(super) fn subjects(&self) -> Vec<(Subject, u64)> {
        match &self.command {
            Command::Append { submission, .. }
            | Command::Commit { submission, .. }
            | Command::Repair { submission, .. } => {
                vec![(Subject::Writes(submission.key.key()), 1)]
            }
            Command::ClaimKeyPackage { claim, .. } => {
                vec![(Subject::Claims(claim.owner.public_key()), 1)]
            }
            Command::PutBlob { sender, bytes, .. } => {
                let (key, blocks) = (sender.device().public_key(), bytes.len().div_ceil(BLOCK));
                let blocks = u64::try_from(blocks).unwrap_or(u64::MAX);
                vec![(Subject::Blobs(key), 1), (Subject::BlobBlocks(key), blocks)]
            }
            // The sender first: whoever is too fast must not use up the recipient's pace.
            Command::PutItem { recipient, submission, .. } => vec![
                (Subject::ItemsSent(submission.key.key()), 1),
                (Subject::ItemsReceived(recipient.public_key()), 1),
            ],
            Command::PutName { owner, .. } | Command::UploadKeyPackages { owner, .. } => {
                vec![(Subject::Uploads(owner.device().public_key()), 1)]
            }
            Command::Acknowledge { .. }
            | Command::CreateLog { .. }
            | Command::GetBlob { .. }
            | Command::GetName { .. }
            | Command::GroupInfo { .. }
            | Command::Health
            | Command::OpenApi
            | Command::ReadInbox { .. }
            | Command::ReadLog { .. }
            | Command::RegisterDevice { .. }
            | Command::ServiceInfo
            | Command::Stock { .. }
            | Command::Sync { .. } => Vec::new(),
        }
    }

    /// What to wait for and how many seconds at most, if the call is a read that asks to wait.
    #[must_use]
    pub fn wait(&self) -> Option<(Topic, u32)> {
        let (topic, window) = match &self.command {
            Command::ReadInbox { owner, window } => (Topic(*owner.0.as_bytes()), window),
            Command::ReadLog { log, window, .. } => (Topic(*log.as_bytes()), window),
            _ => return None,
        };
        (window.wait_seconds > 0).then_some((topic, window.wait_seconds))
    }

    /// The service asks itself whether it works.
    pub(crate) fn health() -> Self {
        Self { command: Command::Health, now_seconds: 0 }
    }

    pub(super) fn admit(
        raw: &RawRequest<'_>,
        service: PublicKey,
        now_seconds: u64,
    ) -> Result<Self, Problem> {
        let route = Route::parse(raw.method, raw.path).ok_or(Problem::UnknownRoute)?;
        if raw.body.len() > route.body_bytes_max() {
            return Err(Problem::TooLarge);
        }
        let command = Admission { raw, service, now_seconds }.command(route)?;
        Ok(Self { command, now_seconds })
    }
}

struct Admission<'a> {
    raw: &'a RawRequest<'a>,
    service: PublicKey,
    now_seconds: u64,
}

impl Admission<'_> {
    fn command(&self, route: Route) -> Result<Command, Problem> {
        Ok(match route {
            Route::Acknowledge(device) => {
                Command::Acknowledge { acknowledge: self.body()?, owner: self.owner(device)? }
            }
            Route::Append(log) => {
                let append: Append = self.body()?;
                if append.bytes.len() > limits::ENTRY_BYTES_MAX {
                    return Err(Problem::TooLarge);
                }
                Command::Append { log, append, submission: self.submission()? }
            }
            Route::ClaimKeyPackage(device) => {
                let ClaimKeyPackage { suite } = self.body()?;
                let claim = Claim { owner: device, suite };
                Command::ClaimKeyPackage { claim, claimer: self.sender()?, too_many: None }
            }
            Route::Commit { log, missed_after } => {
                let bundle: CommitBundle = self.body()?;
                if bundle.welcomes.len() > limits::WELCOMES_MAX {
                    return Err(Problem::TooLarge);
                }
                Command::Commit { log, bundle, submission: self.submission()?, missed_after }
            }
            Route::CreateLog(log) => self.create_log(log)?,
            Route::GetBlob(blob) => Command::GetBlob { blob },
            Route::GetName(name) => Command::GetName { name },
            Route::GroupInfo(log) => Command::GroupInfo { log, key: self.signature()? },
            Route::Health => Command::Health,
            Route::OpenApi => Command::OpenApi,
            Route::PutBlob(blob) => self.put_blob(blob)?,
            Route::PutItem(recipient) => {
                let item: PutItem = self.body()?;
                if item.bytes.len() > limits::ITEM_BYTES_MAX {
                    return Err(Problem::TooLarge);
                }
                Command::PutItem { recipient, item, submission: self.submission()? }
            }
            Route::PutName(name) => self.put_name(name)?,
            Route::ReadInbox { device, window } => {
                Command::ReadInbox { owner: self.owner(device)?, window }
            }
            Route::ReadLog { log, window } => {
                Command::ReadLog { log, key: self.signature()?, window }
            }
            Route::RegisterDevice(device) => {
                let token = self.raw.body.to_vec();
                Command::RegisterDevice { owner: self.owner(device)?, token }
            }
            Route::Repair(log) => self.repair(log)?,
            Route::ServiceInfo => Command::ServiceInfo,
            Route::Stock(device) => Command::Stock { owner: self.owner(device)? },
            // Only the socket can make it one.
            Route::Stream => return Err(Problem::UpgradeRequired),
            Route::Sync => self.sync()?,
            Route::UploadKeyPackages(device) => self.upload(device)?,
        })
    }

    fn create_log(&self, log: LogId) -> Result<Command, Problem> {
        let create: CreateLog = self.body()?;
        if create.anchors.len() > limits::ANCHORS_MAX {
            return Err(Problem::TooLarge);
        }
        Ok(Command::CreateLog { log, create, key: self.signature()? })
    }

    fn repair(&self, log: LogId) -> Result<Command, Problem> {
        let repair: Repair = self.body()?;
        let Repair { commits, anchors, locks, .. } = &repair;
        if anchors.len() > limits::ANCHORS_MAX || commits.len() > limits::RESTATED_MAX {
            return Err(Problem::TooLarge);
        }
        let inside = |at: Position| at > repair.after && at <= repair.up_to;
        let ordered = commits.is_sorted_by(|one, next| one.head < next.head);
        // Whoever repairs leaves somebody who can repair again.
        if anchors.is_empty() || !ordered || !commits.iter().all(|commit| inside(commit.head)) {
            return Err(Problem::Malformed);
        }
        // Without the lock there is nothing to be true about.
        if !locks && (repair.after != repair.up_to || !commits.is_empty()) {
            return Err(Problem::Malformed);
        }
        Ok(Command::Repair { log, repair, submission: self.submission()? })
    }

    fn put_blob(&self, blob: BlobId) -> Result<Command, Problem> {
        if digest(&SHA256, self.raw.body).as_ref() != blob.as_bytes() {
            return Err(Problem::Malformed);
        }
        Ok(Command::PutBlob { sender: self.sender()?, blob, bytes: self.raw.body.to_vec() })
    }

    fn put_name(&self, name: Name) -> Result<Command, Problem> {
        let record: NameRecord = self.body()?;
        if record.devices.len() > limits::DEVICES_PER_NAME_MAX {
            return Err(Problem::TooLarge);
        }
        let Sender(device) = self.sender()?;
        Ok(Command::PutName { owner: Owner(device), name, record })
    }

    fn sync(&self) -> Result<Command, Problem> {
        let Sync { time_seconds, cursors } = self.body()?;
        if cursors.len() > limits::SYNC_CURSORS_MAX {
            return Err(Problem::TooLarge);
        }
        verify_time(time_seconds, self.now_seconds)?;
        let verify = |signed: &SignedCursor| {
            let tbs = signed.cursor().to_be_signed(self.service, time_seconds);
            let key = verify(signed.key, &tbs, &signed.signature);
            SyncCursor { log: signed.log, after: signed.after, key }
        };
        Ok(Command::Sync { cursors: cursors.iter().map(verify).collect() })
    }

    fn upload(&self, device: DeviceId) -> Result<Command, Problem> {
        let upload: UploadKeyPackages = self.body()?;
        let mut all = upload.key_packages.iter().chain(&upload.last_resort);
        if all.any(|bytes| bytes.len() > limits::KEY_PACKAGE_BYTES_MAX) {
            return Err(Problem::TooLarge);
        }
        if upload.not_after_seconds <= self.now_seconds {
            return Err(Problem::Malformed);
        }
        Ok(Command::UploadKeyPackages { owner: self.owner(device)?, upload })
    }

    fn body<T: Decode>(&self) -> Result<T, Problem> {
        T::from_bytes(self.raw.body).map_err(|_| Problem::Malformed)
    }

    fn signature(&self) -> Result<VerifiedKey, Problem> {
        let header = self.raw.authorization.ok_or(Problem::SignatureRequired)?;
        let authorization = Authorization::parse(header).ok_or(Problem::BadSignature)?;
        let Authorization { key, time_seconds, signature } = authorization;
        verify_time(time_seconds, self.now_seconds)?;
        let tbs = RequestTbs {
            credential: Credential { service: self.service, key, time_seconds },
            method: self.raw.method,
            path: self.raw.path,
            body: self.raw.body,
        };
        verify(key, &tbs.to_bytes(), &signature)
    }

    fn owner(&self, device: DeviceId) -> Result<Owner, Problem> {
        if self.signature()?.key() == device.public_key() {
            Ok(Owner(device))
        } else {
            Err(Problem::NotAllowed)
        }
    }

    fn sender(&self) -> Result<Sender, Problem> {
        Ok(Sender(self.signature()?.key().device()))
    }

    fn submission(&self) -> Result<Submission, Problem> {
        let key = self.signature()?;
        let mut hashed = key.key().to_bytes();
        hashed.extend_from_slice(self.raw.body);
        let request_hash = super::log::sha256(&hashed);
        Ok(Submission { key, request_hash, now_seconds: self.now_seconds })
    }
}

/// Fails if a client's clock is too far from ours.
pub(super) fn verify_time(time_seconds: u64, now_seconds: u64) -> Result<(), Problem> {
    if time_seconds.abs_diff(now_seconds) > limits::CLOCK_SKEW_SECONDS_MAX {
        return Err(Problem::StaleRequest { service_time_seconds: now_seconds });
    }
    Ok(())
}

/// The key, if the signature is its own over these bytes.
pub(super) fn verify(key: PublicKey, tbs: &[u8], signature: &[u8]) -> Result<VerifiedKey, Problem> {
    UnparsedPublicKey::new(&ED25519, key.as_bytes())
        .verify(tbs, signature)
        .map_err(|_| Problem::BadSignature)?;
    Ok(VerifiedKey(key))
}
