-- Everything that a client keeps, for one account on one device.
--
-- One transaction spans what belongs together: the rows of a group's MLS state, the place up to which
-- its log was read, what was read, and what is to be sent. Columns that are *sealed* are
-- unreadable without the key that opens the folder; a *tag* stands for a value that rows are found by (see
-- store/sealing.rs). The rest is in the clear: numbers, states, random ids, hashes.

-- How the key of all sealed columns is kept: one row.
CREATE TABLE sealing (
    id                  INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    protection          INTEGER NOT NULL,   -- 1 none, 2 a key, 3 a passphrase
    salt                BLOB NOT NULL,
    memory_kib          INTEGER NOT NULL,   -- of Argon2id, and the next two
    passes              INTEGER NOT NULL,
    lanes               INTEGER NOT NULL,
    data_key            BLOB NOT NULL       -- sealed under the key or passphrase, if there is one
) STRICT;

-- The account: one row.
CREATE TABLE account (
    id                  INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    name                BLOB NOT NULL,      -- sealed
    server              BLOB NOT NULL,      -- sealed: URL of the delivery service
    service_key         BLOB,               -- sealed: Ed25519 key of the service, pinned when first seen
    device_key          BLOB NOT NULL,      -- sealed: seed of the device's Ed25519 key
    signature_key       BLOB NOT NULL,      -- sealed: private key that signs leaves and messages
    root_key            BLOB NOT NULL,      -- sealed: seed of the account's Ed25519 root key; empty if it is elsewhere
    credential          BLOB,               -- sealed: what the root key says of the device, once made
    registered          INTEGER NOT NULL    -- 1 once the service knows the device under the name
) STRICT;

-- The rows of the MLS library are in the table that storage_sqlite::SCHEMA makes. Sealed.

-- One row per group: its log, and how far it was read.
CREATE TABLE groups (
    group_id            BLOB NOT NULL PRIMARY KEY,
    log_id              BLOB NOT NULL,
    name                BLOB NOT NULL,      -- sealed
    status              INTEGER NOT NULL,   -- see GroupStatus
    position            INTEGER NOT NULL,   -- the last entry that was read
    chain_hash          BLOB NOT NULL,      -- the chain up to it
    head                INTEGER NOT NULL,   -- the last commit that was read, valid or not
    access_key          BLOB NOT NULL       -- sealed: seed of the current epoch's access key
) STRICT;

-- The chain at the latest positions of each log, to compare with what others saw there.
CREATE TABLE chain_hashes (
    group_id            BLOB NOT NULL,
    position            INTEGER NOT NULL,
    chain_hash          BLOB NOT NULL,
    PRIMARY KEY (group_id, position)
) STRICT, WITHOUT ROWID;

-- What happened, in the order in which this client learned of it.
CREATE TABLE history (
    number              INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id            BLOB NOT NULL,      -- empty if it concerns no group
    position            INTEGER NOT NULL,   -- in the group's log, 0 if it has no place there
    epoch               INTEGER NOT NULL,
    what                BLOB NOT NULL,      -- sealed: an EventKind, with the text of a message
    message_id          BLOB,               -- of a message: tag of its sender's device and its id
    unread              INTEGER NOT NULL,   -- 1 until it was handed to the application
    mine                INTEGER NOT NULL    -- 1 if this client did it
) STRICT;
-- How to fetch and open the files among it.
CREATE TABLE files (
    number              INTEGER NOT NULL PRIMARY KEY REFERENCES history (number),
    file                BLOB NOT NULL       -- sealed: a SharedFile, with its key
) STRICT;
CREATE UNIQUE INDEX history_messages ON history (group_id, message_id)
    WHERE message_id IS NOT NULL;
CREATE INDEX history_by_group ON history (group_id, number);
CREATE INDEX history_unread ON history (number) WHERE unread = 1;

-- What the user wants and the service has not taken yet.
CREATE TABLE intents (
    number              INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id            BLOB NOT NULL,
    intent              BLOB NOT NULL,      -- sealed: an Intent
    attempts            INTEGER NOT NULL    -- how often it lost a race
) STRICT;

-- What was made for an intent and must be sent exactly like this, or be given up. One per group.
CREATE TABLE outbox (
    group_id            BLOB NOT NULL PRIMARY KEY,
    intent              INTEGER NOT NULL REFERENCES intents (number),
    kind                INTEGER NOT NULL,   -- 1 commit bundle, 2 message
    body                BLOB NOT NULL       -- sealed: the request's body
) STRICT;

-- Items of the inbox that are durable here and not acknowledged there.
CREATE TABLE inbox_done (
    number              INTEGER NOT NULL PRIMARY KEY
) STRICT;

-- Own key packages whose private keys are among the MLS rows.
CREATE TABLE key_packages (
    reference           BLOB NOT NULL PRIMARY KEY,
    last_resort         INTEGER NOT NULL,
    used                INTEGER NOT NULL,   -- 1 once a group was joined with it, or others replace it
    not_after           INTEGER NOT NULL    -- a day later its private keys go
) STRICT;

-- Key packages on their way to the service: the request's body.
CREATE TABLE uploads (
    number              INTEGER PRIMARY KEY AUTOINCREMENT,
    body                BLOB NOT NULL       -- sealed
) STRICT;

-- What is known of accounts: the root key that was seen first, or follows it, and revoked devices.
CREATE TABLE known_accounts (
    name                BLOB NOT NULL PRIMARY KEY,  -- tag
    account             BLOB NOT NULL       -- sealed: authentication::KnownAccount
) STRICT;

-- The anchor key that repairs a group's log, where this client has one.
CREATE TABLE anchors (
    group_id            BLOB NOT NULL PRIMARY KEY,
    key                 BLOB NOT NULL,      -- sealed: seed of the own anchor key
    number              INTEGER NOT NULL,   -- of the last repair that is known
    locked              INTEGER,            -- while this client holds the log's lock: restated up to here
    renewal_due         INTEGER NOT NULL,   -- 1 if the keys are to be replaced
    spare               INTEGER NOT NULL,   -- 1 while there is a key for a successor and no successor
    role                BLOB NOT NULL       -- sealed: all anchors' keys, and who has them: see AnchorRole
) STRICT;

-- The latest commits of each log that were accepted, to be restated by a repair.
CREATE TABLE segments (
    group_id            BLOB NOT NULL,
    head                INTEGER NOT NULL,
    access_key          BLOB NOT NULL,      -- public half of the key of the segment that it opened
    removes             INTEGER NOT NULL,   -- 1 if it removed somebody
    PRIMARY KEY (group_id, head)
) STRICT, WITHOUT ROWID;

-- Whom to ask about a group, should this client lose its way there.
CREATE TABLE means (
    group_id            BLOB NOT NULL PRIMARY KEY,
    secret              BLOB NOT NULL,      -- sealed: the group's rescue secret
    devices             BLOB NOT NULL       -- sealed: of some other members
) STRICT;

-- Groups that this client has lost its way in.
CREATE TABLE rejoins (
    group_id            BLOB NOT NULL PRIMARY KEY,
    attempts            INTEGER NOT NULL,   -- how often somebody was asked
    not_before          INTEGER NOT NULL,   -- when to ask next, in seconds since 1970
    key                 BLOB,               -- sealed: behind the HPKE key that answers are sealed to
    bundle              BLOB,               -- sealed: the external commit that is to be sent
    access_key          BLOB                -- sealed: seed of the access key that signs it
) STRICT;

-- What is due in each group, in seconds since 1970.
CREATE TABLE schedules (
    group_id            BLOB NOT NULL PRIMARY KEY,
    since               INTEGER NOT NULL,   -- when this client came in
    renewed_at          INTEGER NOT NULL,   -- when the own keys were renewed; 0 if due at once
    asked_at            INTEGER,            -- since when their renewal is tried
    warned              INTEGER NOT NULL,   -- 1 once it is told that it did not land in time
    leaving             INTEGER NOT NULL,   -- see Leaving
    wish_seen_at        INTEGER             -- of the first wish of others to leave that waits
) STRICT;

-- When other members' leaves were last seen to change.
CREATE TABLE leaf_times (
    group_id            BLOB NOT NULL,
    leaf                INTEGER NOT NULL,
    renewed_at          INTEGER NOT NULL,
    PRIMARY KEY (group_id, leaf)
) STRICT, WITHOUT ROWID;

-- How this device belongs to its account: one row.
CREATE TABLE belonging (
    id                  INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    owner_key           BLOB NOT NULL,      -- sealed: seed of the key that owns the name; empty without the root key
    link_secret         BLOB NOT NULL,      -- sealed: of the code that is shown; empty unless waiting to be linked
    keep                BLOB,               -- sealed: while an account is recovered, the devices to be kept
    backup              BLOB,               -- sealed: where backups are left, a Contact
    backed_up           BLOB                -- sealed: hash of what was last left there
) STRICT;

-- What the root key last said of each device of the account, kept where the root key is.
CREATE TABLE devices (
    device              BLOB NOT NULL PRIMARY KEY,  -- a tag
    credential          BLOB NOT NULL       -- sealed
) STRICT;

-- Items for inboxes that are to be sent.
CREATE TABLE items (
    number              INTEGER PRIMARY KEY AUTOINCREMENT,
    recipient           BLOB NOT NULL,      -- sealed
    body                BLOB NOT NULL       -- sealed: the request's body
) STRICT;

-- Groups to which something was sent with this client's keys, and not from here.
CREATE TABLE doubts (
    group_id            BLOB NOT NULL PRIMARY KEY
) STRICT;

-- Own messages, and what became of them.
CREATE TABLE own_messages (
    number              INTEGER NOT NULL PRIMARY KEY,   -- that of the intent
    group_id            BLOB NOT NULL,
    state               INTEGER NOT NULL,   -- 1 pending, 2 accepted, 3 refused
    position            INTEGER NOT NULL,   -- where it was accepted
    text                BLOB NOT NULL,      -- sealed: what it says; of a file, its name
    reason              BLOB                -- sealed: why it was refused
) STRICT;
CREATE INDEX own_messages_by_group ON own_messages (group_id, number);

-- Up to which event somebody has looked at each group.
CREATE TABLE seen (
    group_id            BLOB NOT NULL PRIMARY KEY,
    number              INTEGER NOT NULL
) STRICT;

-- What somebody was about to say.
CREATE TABLE drafts (
    group_id            BLOB NOT NULL PRIMARY KEY,
    text                BLOB NOT NULL       -- sealed
) STRICT;

-- What the application keeps here.
CREATE TABLE settings (
    name                BLOB NOT NULL PRIMARY KEY,      -- tag
    value               BLOB NOT NULL       -- sealed
) STRICT;
