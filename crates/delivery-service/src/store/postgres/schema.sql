-- What ../schema.sql has, whose comments hold here too, in PostgreSQL's words.
-- 64-bit numbers are stored as BIGINT: no position, day or time comes near 2^63.

-- Which schema this is, and the key of the service that all processes must have: one row.
CREATE TABLE service (
    id                  BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version             BIGINT NOT NULL,
    public_key          BYTEA
);

CREATE TABLE logs (
    log_id              BYTEA NOT NULL PRIMARY KEY,
    head                BIGINT NOT NULL,
    end_position        BIGINT NOT NULL,
    chain_hash          BYTEA NOT NULL,
    oldest              BIGINT NOT NULL,
    oldest_chain_hash   BYTEA NOT NULL,
    repair              BIGINT NOT NULL,
    locked_by           BYTEA
);

CREATE TABLE segments (
    log_id              BYTEA NOT NULL,
    head                BIGINT NOT NULL,
    access_key          BYTEA NOT NULL,
    join_key            BYTEA,
    removes             BOOLEAN NOT NULL,
    PRIMARY KEY (log_id, head)
);
CREATE INDEX segments_by_key ON segments (log_id, access_key, head);
CREATE INDEX segments_that_remove ON segments (log_id, head) WHERE removes;

CREATE TABLE anchors (
    log_id              BYTEA NOT NULL,
    number              BIGINT NOT NULL,
    anchor_key          BYTEA NOT NULL,
    PRIMARY KEY (log_id, number)
);

CREATE TABLE entries (
    log_id              BYTEA NOT NULL,
    position            BIGINT NOT NULL,
    kind                BIGINT NOT NULL,
    head                BIGINT NOT NULL,
    removes             BOOLEAN NOT NULL,
    chain_hash          BYTEA NOT NULL,
    bytes               BYTEA NOT NULL,
    PRIMARY KEY (log_id, position)
);

CREATE TABLE log_days (
    log_id              BYTEA NOT NULL,
    day                 BIGINT NOT NULL,
    first_position      BIGINT NOT NULL,
    PRIMARY KEY (log_id, day)
);
CREATE INDEX log_days_by_day ON log_days (day);

CREATE TABLE group_infos (
    log_id              BYTEA NOT NULL PRIMARY KEY,
    head                BIGINT NOT NULL,
    chain_hash          BYTEA NOT NULL,
    group_info          BYTEA NOT NULL,
    tree                BYTEA
);

CREATE TABLE answers (
    scope               BIGINT NOT NULL,
    scope_id            BYTEA NOT NULL,
    idempotency_key     BYTEA NOT NULL,
    request_hash        BYTEA NOT NULL,
    answer              BYTEA NOT NULL,
    expires_day         BIGINT NOT NULL,
    PRIMARY KEY (scope, scope_id, idempotency_key)
);
CREATE INDEX answers_by_day ON answers (expires_day);

CREATE TABLE devices (
    device_id           BYTEA NOT NULL PRIMARY KEY,
    last_item           BIGINT NOT NULL
);

CREATE TABLE inbox_items (
    device_id           BYTEA NOT NULL REFERENCES devices (device_id),
    number              BIGINT NOT NULL,
    kind                BIGINT NOT NULL,
    bytes               BYTEA NOT NULL,
    PRIMARY KEY (device_id, number)
);

CREATE TABLE key_packages (
    number              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id           BYTEA NOT NULL REFERENCES devices (device_id),
    hash                BYTEA NOT NULL,
    suite               BIGINT NOT NULL,
    last_resort         BOOLEAN NOT NULL,
    not_after           BIGINT NOT NULL,
    bytes               BYTEA,
    UNIQUE (device_id, hash)
);
CREATE INDEX key_packages_in_stock
    ON key_packages (device_id, suite, last_resort, number) WHERE bytes IS NOT NULL;
CREATE INDEX key_packages_by_expiry ON key_packages (not_after);

CREATE TABLE blobs (
    blob_id             BYTEA NOT NULL PRIMARY KEY,
    stored_day          BIGINT,
    bytes               BYTEA NOT NULL
);
CREATE INDEX blobs_by_day ON blobs (stored_day) WHERE stored_day IS NOT NULL;

CREATE TABLE directory_names (
    name                TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner               BYTEA NOT NULL,
    devices             BYTEA NOT NULL
);

-- Sealed bytes cannot be compressed.
ALTER TABLE entries ALTER COLUMN bytes SET STORAGE EXTERNAL;
ALTER TABLE blobs ALTER COLUMN bytes SET STORAGE EXTERNAL;
ALTER TABLE inbox_items ALTER COLUMN bytes SET STORAGE EXTERNAL;
ALTER TABLE group_infos ALTER COLUMN group_info SET STORAGE EXTERNAL;
ALTER TABLE group_infos ALTER COLUMN tree SET STORAGE EXTERNAL;
