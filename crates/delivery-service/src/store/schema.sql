-- Everything that the delivery service keeps. docs/server-data.md says what each column reveals.
--
-- Ids, keys and hashes are 32 bytes. No table has both a log and a device: who is in which group is
-- nowhere written down. Times are kept only where something expires, and then in days or as given
-- by the owner. Rows that may hold large values are ordinary tables, the others WITHOUT ROWID.

-- One row per group: the tip of its log.
CREATE TABLE logs (
    log_id              BLOB NOT NULL PRIMARY KEY,
    head                INTEGER NOT NULL,   -- position of the last commit, 0 if none
    end_position        INTEGER NOT NULL,   -- position of the last entry, 0 if none
    chain_hash          BLOB NOT NULL,      -- the chain up to end_position
    oldest              INTEGER NOT NULL,   -- first position that is still kept
    oldest_chain_hash   BLOB NOT NULL,      -- the chain up to the position before it
    repair              INTEGER NOT NULL,   -- number of the last repair, 0 if none
    locked_by           BLOB                -- the anchor key that has locked the log, or NULL
) STRICT, WITHOUT ROWID;

-- One row per segment: what the commit at `head` opened (0: the creation of the log).
-- A repair restates rows and deletes those of commits that clients did not accept; a restated key may
-- be one that stands elsewhere falsely, so keys are not unique.
CREATE TABLE segments (
    log_id              BLOB NOT NULL,
    head                INTEGER NOT NULL,
    access_key          BLOB NOT NULL,      -- Ed25519 public key shared by the members of the epoch
    join_key            BLOB,               -- Ed25519 public key that lets outsiders join, or NULL
    removes             INTEGER NOT NULL,   -- 1 if reading with earlier keys ends at `head`
    PRIMARY KEY (log_id, head)
) STRICT, WITHOUT ROWID;
CREATE INDEX segments_by_key ON segments (log_id, access_key, head);
CREATE INDEX segments_that_remove ON segments (log_id, head) WHERE removes = 1;

-- The keys that may repair a log.
CREATE TABLE anchors (
    log_id              BLOB NOT NULL,
    number              INTEGER NOT NULL,   -- order in the request
    anchor_key          BLOB NOT NULL,      -- Ed25519 public key, fresh for this log
    PRIMARY KEY (log_id, number)
) STRICT, WITHOUT ROWID;

-- The logs' entries.
CREATE TABLE entries (
    log_id              BLOB NOT NULL,
    position            INTEGER NOT NULL,
    kind                INTEGER NOT NULL,   -- 1 commit, 2 application message, 3 proposal
    head                INTEGER NOT NULL,   -- the commit head that it was accepted under
    removes             INTEGER NOT NULL,
    chain_hash          BLOB NOT NULL,      -- the chain up to this entry
    bytes               BLOB NOT NULL,
    PRIMARY KEY (log_id, position)
) STRICT;

-- The first entry of each day, only if the operator lets entries expire.
CREATE TABLE log_days (
    log_id              BLOB NOT NULL,
    day                 INTEGER NOT NULL,   -- days since 1970
    first_position      INTEGER NOT NULL,
    PRIMARY KEY (log_id, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_days_by_day ON log_days (day);

-- The GroupInfo that came with the last commit, if any.
CREATE TABLE group_infos (
    log_id              BLOB NOT NULL PRIMARY KEY,
    head                INTEGER NOT NULL,
    chain_hash          BLOB NOT NULL,
    group_info          BLOB NOT NULL,
    tree                BLOB
) STRICT;

-- Answers already given, so that a retry gets the same one.
CREATE TABLE answers (
    scope               INTEGER NOT NULL,   -- 1 a log, 2 an inbox
    scope_id            BLOB NOT NULL,
    idempotency_key     BLOB NOT NULL,
    request_hash        BLOB NOT NULL,      -- SHA-256 of the signing key and the body
    answer              BLOB NOT NULL,
    expires_day         INTEGER NOT NULL,   -- days since 1970
    PRIMARY KEY (scope, scope_id, idempotency_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_by_day ON answers (expires_day);

-- Registered devices.
CREATE TABLE devices (
    device_id           BLOB NOT NULL PRIMARY KEY,  -- the device's Ed25519 public key
    last_item           INTEGER NOT NULL            -- number of the last item put into its inbox
) STRICT, WITHOUT ROWID;

-- Items that their device has not acknowledged.
CREATE TABLE inbox_items (
    device_id           BLOB NOT NULL REFERENCES devices (device_id),
    number              INTEGER NOT NULL,
    kind                INTEGER NOT NULL,   -- 1 Welcome, 2 direct
    bytes               BLOB NOT NULL,
    PRIMARY KEY (device_id, number)
) STRICT;

-- Key packages in stock, and the hashes of those handed out or withdrawn until they expire.
CREATE TABLE key_packages (
    number              INTEGER PRIMARY KEY,        -- order of upload
    device_id           BLOB NOT NULL REFERENCES devices (device_id),
    hash                BLOB NOT NULL,      -- SHA-256 of the key package
    suite               INTEGER NOT NULL,
    last_resort         INTEGER NOT NULL,
    not_after           INTEGER NOT NULL,   -- seconds since 1970, from the owner
    bytes               BLOB,               -- NULL once handed out or withdrawn
    UNIQUE (device_id, hash)
) STRICT;
CREATE INDEX key_packages_in_stock
    ON key_packages (device_id, suite, last_resort, number) WHERE bytes IS NOT NULL;
CREATE INDEX key_packages_by_expiry ON key_packages (not_after);

-- Sealed contents by their own SHA-256.
CREATE TABLE blobs (
    blob_id             BLOB NOT NULL PRIMARY KEY,
    stored_day          INTEGER,            -- days since 1970, only if the operator lets blobs expire
    bytes               BLOB NOT NULL
) STRICT;
CREATE INDEX blobs_by_day ON blobs (stored_day) WHERE stored_day IS NOT NULL;

-- The name directory, apart from everything above: the only place that knows a name.
CREATE TABLE directory_names (
    name                TEXT NOT NULL PRIMARY KEY,
    owner               BLOB NOT NULL,      -- the device that put the name first
    devices             BLOB NOT NULL       -- the listed devices, 32 bytes each
) STRICT, WITHOUT ROWID;
