//! Every limit of the protocol that a peer could otherwise make grow, each with its reason.

/// A commit bundle: room for an UpdatePath over some hundred thousand blank leaves, Welcome and
/// tree.
pub const BUNDLE_BYTES_MAX: usize = 32 << 20;

/// An application message or proposal; anything larger belongs in a blob.
pub const ENTRY_BYTES_MAX: usize = 1 << 20;

/// An item put into an inbox directly. Welcomes travel in a bundle and share its limit.
pub const ITEM_BYTES_MAX: usize = 1 << 20;

/// A blob; larger contents are cut into several.
pub const BLOB_BYTES_MAX: usize = 16 << 20;

/// One upload of key packages.
pub const UPLOAD_BYTES_MAX: usize = 8 << 20;

/// One key package. They are some hundred bytes, or a few thousand with post-quantum keys.
pub const KEY_PACKAGE_BYTES_MAX: usize = 64 << 10;

/// Bodies of the remaining requests.
pub const SMALL_BODY_BYTES_MAX: usize = 64 << 10;

/// Length of a path with its query; the longest legitimate one is far shorter.
pub const PATH_BYTES_MAX: usize = 512;

/// Entries or items of one page.
pub const PAGE_LIMIT_MAX: u32 = 1000;

/// Bytes of one page; a page holds at least one entry all the same.
pub const PAGE_BYTES_MAX: usize = 4 << 20;

/// How long a read may wait for news, in seconds; proxies commonly cut connections after 60.
pub const WAIT_SECONDS_MAX: u32 = 30;

/// How far the time of a signed request may be from the service's clock, in seconds.
pub const CLOCK_SKEW_SECONDS_MAX: u64 = 300;

/// How long the service remembers an idempotency key at least, in days.
pub const IDEMPOTENCY_DAYS: u64 = 7;

/// Key packages in stock per device and suite.
pub const STOCK_MAX: u32 = 200;

/// Suites for which a device may hold key packages.
pub const SUITES_MAX: u32 = 32;

/// Longest remaining life that the service believes of a key package, in seconds (400 days).
pub const KEY_PACKAGE_LIFETIME_SECONDS_MAX: u64 = 400 * 86_400;

/// Items waiting in one inbox.
pub const INBOX_ITEMS_MAX: u64 = 10_000;

/// Bytes waiting in one inbox before a large item is refused.
pub const INBOX_BYTES_MAX: u64 = 256 << 20;

/// Items up to this size are held by [`INBOX_ITEMS_MAX`] alone.
pub const SMALL_ITEM_BYTES_MAX: usize = 16 << 10;

/// An invitation token.
pub const TOKEN_BYTES_MAX: usize = 256;

/// Anchor keys of one log: enough for the devices of a few trusted members.
pub const ANCHORS_MAX: usize = 8;

/// Commits that one repair restates; more take several.
pub const RESTATED_MAX: usize = 1000;

/// Cursors of one sync; whoever is in more groups asks twice.
pub const SYNC_CURSORS_MAX: usize = 1000;

/// Entries of one log in the answer to a sync; the rest is read as usual.
pub const SYNC_ENTRIES_MAX: u32 = 100;

/// One sync: its cursors have about 140 bytes each.
pub const SYNC_BYTES_MAX: usize = SYNC_CURSORS_MAX * 160;

/// One message of a client on the stream: as many cursors as a sync, and the inbox.
pub const STREAM_BYTES_MAX: usize = SYNC_BYTES_MAX + (1 << 10);

/// How long either side of a stream may be silent before it counts as gone, in seconds. The service
/// pings three times as often: proxies commonly cut connections that are silent for 60.
pub const STREAM_SILENCE_SECONDS_MAX: u64 = 60;

/// Welcomes of one bundle.
pub const WELCOMES_MAX: usize = 10_000;

/// Devices under one name.
pub const DEVICES_PER_NAME_MAX: usize = 64;
