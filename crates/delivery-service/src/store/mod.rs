//! Storage: rows, transactions, and what a store promises.
//!
//! The logic of the service sees rows through [`Rows`], one method per statement, always inside a
//! transaction that a [`Store`] opens around it. What every store promises:
//!
//! * Transactions are serialisable. Reads see one committed state.
//! * An outcome reaches [`Done`] only after the state it was computed from and the changes it made
//!   are durable; a refusal leaves no changes behind.
//! * On doubt (a failed write or sync) the outcome is [`Problem::Unavailable`], never a guess.
//!
//! [`MemoryStore`] is the slow and obvious model, [`SqliteStore`] serves one process from one file,
//! [`PostgresStore`] any number of processes from one database; one conformance suite runs against
//! all three.

mod memory;
mod postgres;
mod queue;
mod sqlite;

pub use memory::MemoryStore;
pub use postgres::PostgresStore;
pub use sqlite::{SqliteStore, backup};

use crate::core::Answer;
use codec::Opaque;
use delivery_api::inbox::{Item, ItemKind};
use delivery_api::key_package::SuiteStock;
use delivery_api::log::{Entry, PublishedGroupInfo};
use delivery_api::{
    BlobId, ChainHash, DeviceId, IdempotencyKey, LogId, Name, Position, Problem, PublicKey,
};

/// What a piece of work comes to.
pub type Outcome = Result<Answer, Problem>;

/// A piece of work on rows; an error rolls its changes back. A store may roll back and begin again
/// when another transaction was in the way.
pub type Work = Box<dyn Fn(&mut dyn Rows) -> Outcome + Send>;

/// Receives the outcome of a write once it is durable.
pub type Done = Box<dyn FnOnce(Outcome) + Send>;

/// Is told of news from other processes, as [channels](crate::core::Topic::channel).
pub type Heard = Box<dyn Fn(u8) + Send>;

/// Holds the service's rows.
pub trait Store: Send + Sync {
    /// Runs `work` in a transaction of its own, sooner or later, and calls `done` once.
    fn write(&self, work: Work, done: Done);

    /// Runs `work` on one committed state; changes are not kept.
    fn read(&self, work: Work) -> Outcome;

    /// Makes sure that all services over this store have the same key.
    ///
    /// # Errors
    /// The store belongs to a service with another key, or failed. A store of one process has no
    /// other.
    fn bind_key(&self, _key: PublicKey) -> Stored<()> {
        Ok(())
    }

    /// Has `heard` told of the news of what other processes wrote, as long as the store lives; a
    /// hint. A store that is not shared has nothing to tell.
    fn listen(&self, _heard: Heard) {}
}

/// Why a store could not carry out a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// A row is not one that this service wrote.
    Corrupt(&'static str),
    /// The engine failed; the text is for the operator and holds no contents.
    Engine(String),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Corrupt(what) => write!(formatter, "stored {what} is corrupt"),
            Self::Engine(text) => write!(formatter, "storage engine: {text}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt(_) => Self::Internal,
            StoreError::Engine(_) => Self::Unavailable,
        }
    }
}

/// What a statement returns.
pub type Stored<T> = Result<T, StoreError>;

/// The tip of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// Position of the last commit.
    pub head: Position,
    /// Position of the last entry.
    pub end: Position,
    /// The chain up to `end`.
    pub chain_hash: ChainHash,
    /// First position that is still kept.
    pub oldest: Position,
    /// The chain up to the position before `oldest`.
    pub oldest_chain_hash: ChainHash,
    /// Number of the last repair, 0 if there was none.
    pub repair: u64,
    /// The anchor that has locked the log.
    pub locked_by: Option<PublicKey>,
}

/// A segment of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRow {
    /// The commit that opened it.
    pub head: Position,
    /// Authorises appending and reading.
    pub access_key: PublicKey,
    /// Lets outsiders join.
    pub join_key: Option<PublicKey>,
    /// Whether the commit that opened it ends reading with earlier keys.
    pub removes: bool,
}

/// Which entries or items to read: behind `after`, up to `up_to`, until a page is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Not this position, nor any before it.
    pub after: Position,
    /// Not beyond this position.
    pub up_to: Position,
    /// At most this many rows.
    pub limit: u32,
}

/// What an idempotency key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// An inbox.
    Inbox(DeviceId),
    /// A log.
    Log(LogId),
}

/// An answer already given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRow {
    /// SHA-256 of the signing key and the body.
    pub request_hash: [u8; 32],
    /// The answer's body.
    pub answer: Opaque,
    /// The day, counted from 1970, when it may be forgotten.
    pub expires_day: u64,
}

/// A key package on its way into stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPackageRow {
    /// SHA-256 of the bytes.
    pub hash: [u8; 32],
    /// The MLS cipher suite.
    pub suite: u16,
    /// Whether it is kept for when the others are used up.
    pub last_resort: bool,
    /// When to stop handing it out, in seconds since 1970.
    pub not_after: u64,
    /// The key package.
    pub bytes: Opaque,
}

/// A name of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRow {
    /// The device that put the name first.
    pub owner: DeviceId,
    /// The listed devices.
    pub devices: Vec<DeviceId>,
}

/// Rows of the logs.
pub trait LogRows {
    /// The tip of a log, held against other transactions until this one ends.
    fn log_for_update(&mut self, log: LogId) -> Stored<Option<LogRow>>;
    /// Inserts or replaces the tip of a log.
    fn put_log(&mut self, log: LogId, row: &LogRow) -> Stored<()>;
    /// The segment that the commit at `head` opened.
    fn segment(&mut self, log: LogId, head: Position) -> Stored<Option<SegmentRow>>;
    /// The latest segment with this access key.
    fn segment_with_key(&mut self, log: LogId, key: PublicKey) -> Stored<Option<SegmentRow>>;
    /// The first commit behind `head` that is flagged `removes`.
    fn removal_after(&mut self, log: LogId, head: Position) -> Stored<Option<Position>>;
    /// Inserts a segment.
    fn put_segment(&mut self, log: LogId, row: &SegmentRow) -> Stored<()>;
    /// Deletes the segments that commits in this range opened.
    fn delete_segments(&mut self, log: LogId, after: Position, up_to: Position) -> Stored<()>;
    /// The keys that may repair a log, in the order given.
    fn anchors(&mut self, log: LogId) -> Stored<Vec<PublicKey>>;
    /// Replaces the keys that may repair a log.
    fn put_anchors(&mut self, log: LogId, anchors: &[PublicKey]) -> Stored<()>;
    /// Inserts an entry with the chain up to it.
    fn put_entry(&mut self, log: LogId, entry: &Entry, chain_hash: ChainHash) -> Stored<()>;
    /// Entries in order, until the range, its limit or
    /// [`PAGE_BYTES_MAX`](delivery_api::limits::PAGE_BYTES_MAX) is reached, but at least one.
    fn entries(&mut self, log: LogId, range: Range) -> Stored<Vec<Entry>>;
    /// The chain up to a kept entry.
    fn chain_hash(&mut self, log: LogId, position: Position) -> Stored<Option<ChainHash>>;
    /// Deletes the entries before a position.
    fn delete_entries_before(&mut self, log: LogId, position: Position) -> Stored<()>;
    /// The last day of which a log has a note.
    fn last_day(&mut self, log: LogId) -> Stored<Option<u64>>;
    /// Notes the first entry of a day.
    fn put_day(&mut self, log: LogId, day: u64, first: Position) -> Stored<()>;
    /// Some logs that have a note of a day before this one.
    fn logs_with_day_before(&mut self, day: u64, limit: u32) -> Stored<Vec<LogId>>;
    /// The first noted entry of this day or a later one.
    fn first_position_since(&mut self, log: LogId, day: u64) -> Stored<Option<Position>>;
    /// Deletes a log's notes of the days before this one.
    fn delete_days_before(&mut self, log: LogId, day: u64) -> Stored<()>;
    /// The published GroupInfo.
    fn group_info(&mut self, log: LogId) -> Stored<Option<PublishedGroupInfo>>;
    /// Replaces the published GroupInfo; `None` withdraws it.
    fn put_group_info(&mut self, log: LogId, row: Option<&PublishedGroupInfo>) -> Stored<()>;
}

/// Rows of answers already given.
pub trait AnswerRows {
    /// The answer given under an idempotency key.
    fn answer(&mut self, scope: Scope, key: &IdempotencyKey) -> Stored<Option<AnswerRow>>;
    /// Inserts an answer.
    fn put_answer(&mut self, scope: Scope, key: &IdempotencyKey, row: &AnswerRow) -> Stored<()>;
    /// Forgets the answers whose day is before `day`.
    fn delete_answers_before(&mut self, day: u64) -> Stored<()>;
}

/// Rows of devices and their inboxes.
pub trait InboxRows {
    /// Whether a device is registered; nothing is held.
    fn knows_device(&mut self, device: DeviceId) -> Stored<bool>;
    /// The number of the last item put into a registered device's inbox, held like a log's tip.
    fn device_for_update(&mut self, device: DeviceId) -> Stored<Option<u64>>;
    /// Inserts a device, or replaces the number of its last item.
    fn put_device(&mut self, device: DeviceId, last_item: u64) -> Stored<()>;
    /// Inserts an item.
    fn put_item(&mut self, device: DeviceId, item: &Item) -> Stored<()>;
    /// How many items wait.
    fn count_items(&mut self, device: DeviceId) -> Stored<u64>;
    /// How many bytes they have.
    fn inbox_bytes(&mut self, device: DeviceId) -> Stored<u64>;
    /// Items in order, cut off like [`LogRows::entries`].
    fn items(&mut self, device: DeviceId, range: Range) -> Stored<Vec<Item>>;
    /// Deletes an item if it is there.
    fn delete_item(&mut self, device: DeviceId, number: u64) -> Stored<()>;
}

/// Rows of the key-package directory. *In stock* means neither handed out nor withdrawn.
pub trait KeyPackageRows {
    /// Whether the device ever uploaded these bytes, as far as remembered.
    fn knows_key_package(&mut self, device: DeviceId, hash: &[u8; 32]) -> Stored<bool>;
    /// Puts a key package into stock.
    fn put_key_package(&mut self, device: DeviceId, row: &KeyPackageRow) -> Stored<()>;
    /// Hashes in stock of a suite, the last-resort ones or the others.
    fn key_package_hashes(
        &mut self,
        device: DeviceId,
        suite: u16,
        last_resort: bool,
    ) -> Stored<Vec<[u8; 32]>>;
    /// Takes a key package out of stock and remembers its hash.
    fn withdraw_key_package(&mut self, device: DeviceId, hash: &[u8; 32]) -> Stored<()>;
    /// Hash and bytes of the oldest one in stock of a suite that is valid at `now`, among the
    /// last-resort ones or the others.
    fn first_in_stock(
        &mut self,
        device: DeviceId,
        suite: u16,
        last_resort: bool,
        now: u64,
    ) -> Stored<Option<([u8; 32], Opaque)>>;
    /// Takes the oldest one for single use out of stock.
    fn take_key_package(
        &mut self,
        device: DeviceId,
        suite: u16,
        now: u64,
    ) -> Stored<Option<Opaque>> {
        let found = self.first_in_stock(device, suite, false, now)?;
        let Some((hash, bytes)) = found else { return Ok(None) };
        self.withdraw_key_package(device, &hash)?;
        Ok(Some(bytes))
    }
    /// The last-resort one.
    fn last_resort(&mut self, device: DeviceId, suite: u16, now: u64) -> Stored<Option<Opaque>> {
        Ok(self.first_in_stock(device, suite, true, now)?.map(|(_, bytes)| bytes))
    }
    /// What is in stock, in the order of suites.
    fn stock(&mut self, device: DeviceId, now: u64) -> Stored<Vec<SuiteStock>>;
    /// Forgets what expired before `now`.
    fn delete_key_packages_before(&mut self, now: u64) -> Stored<()>;
}

/// Rows of blobs and names.
pub trait DirectoryRows {
    /// A blob's bytes.
    fn blob(&mut self, blob: BlobId) -> Stored<Option<Vec<u8>>>;
    /// Inserts a blob if it is not there, and sets the day when it was stored.
    fn put_blob(&mut self, blob: BlobId, bytes: &[u8], stored_day: Option<u64>) -> Stored<()>;
    /// Deletes the blobs stored before a day; those without a day stay.
    fn delete_blobs_before(&mut self, day: u64) -> Stored<()>;
    /// A name, held like a log's tip.
    fn name_for_update(&mut self, name: &Name) -> Stored<Option<NameRow>>;
    /// Inserts or replaces a name.
    fn put_name(&mut self, name: &Name, row: &NameRow) -> Stored<()>;
}

/// All rows, as one transaction sees them.
pub trait Rows: LogRows + AnswerRows + InboxRows + KeyPackageRows + DirectoryRows {}

impl<T: LogRows + AnswerRows + InboxRows + KeyPackageRows + DirectoryRows> Rows for T {}

/// Adds rows to a page until their bytes fill it, but at least one; `None` once it is full.
fn fits(page_bytes: &mut usize, row_bytes: usize) -> bool {
    let first = *page_bytes == 0;
    // Every row counts for something, so that empty ones cannot make a page look unused.
    *page_bytes = page_bytes.saturating_add(row_bytes).saturating_add(1);
    first || *page_bytes <= delivery_api::limits::PAGE_BYTES_MAX
}

/// The kind of an item from its stored octet.
fn item_kind(code: u8) -> Stored<ItemKind> {
    ItemKind::from_code(code).ok_or(StoreError::Corrupt("item kind"))
}
