//! The statements on logs and on answers already given.

use super::SqliteRows;
use crate::store::{
    AnswerRow, AnswerRows, LogRow, LogRows, Range, Scope, SegmentRow, StoreError, Stored, fits,
};
use codec::Opaque;
use delivery_api::log::{Entry, EntryKind, PublishedGroupInfo};
use delivery_api::{ChainHash, IdempotencyKey, LogId, Position, PublicKey};
use rusqlite::{OptionalExtension, Row, named_params, params};

fn position(row: &Row<'_>, column: &str) -> rusqlite::Result<Position> {
    row.get(column).map(Position)
}

fn chain_hash(row: &Row<'_>, column: &str) -> rusqlite::Result<ChainHash> {
    row.get(column).map(ChainHash::new)
}

fn opaque(row: &Row<'_>, column: &str) -> rusqlite::Result<Opaque> {
    row.get::<_, Vec<u8>>(column).map(Opaque::from)
}

fn segment_row(row: &Row<'_>) -> rusqlite::Result<SegmentRow> {
    Ok(SegmentRow {
        head: position(row, "head")?,
        access_key: row.get("access_key").map(PublicKey::new)?,
        join_key: row.get::<_, Option<_>>("join_key")?.map(PublicKey::new),
        removes: row.get("removes")?,
    })
}

fn entry(row: &Row<'_>) -> Stored<Entry> {
    Ok(Entry {
        position: position(row, "position")?,
        kind: EntryKind::from_code(row.get("kind")?).ok_or(StoreError::Corrupt("entry kind"))?,
        head: position(row, "head")?,
        removes: row.get("removes")?,
        bytes: opaque(row, "bytes")?,
    })
}

impl LogRows for SqliteRows<'_> {
    fn log_for_update(&mut self, log: LogId) -> Stored<Option<LogRow>> {
        // The only writer: what it reads nobody else changes before it commits.
        let mut statement = self.0.prepare_cached(
            "SELECT head, end_position, chain_hash, oldest, oldest_chain_hash, repair, locked_by
             FROM logs WHERE log_id = ?1",
        )?;
        let row = statement.query_row([log.as_bytes()], |row| {
            Ok(LogRow {
                head: position(row, "head")?,
                end: position(row, "end_position")?,
                chain_hash: chain_hash(row, "chain_hash")?,
                oldest: position(row, "oldest")?,
                oldest_chain_hash: chain_hash(row, "oldest_chain_hash")?,
                repair: row.get("repair")?,
                locked_by: row.get::<_, Option<_>>("locked_by")?.map(PublicKey::new),
            })
        });
        Ok(row.optional()?)
    }

    fn put_log(&mut self, log: LogId, row: &LogRow) -> Stored<()> {
        self.0
            .prepare_cached(
                "INSERT OR REPLACE INTO logs
                 (log_id, head, end_position, chain_hash, oldest, oldest_chain_hash, repair,
                  locked_by)
                 VALUES (:log, :head, :end, :chain, :oldest, :oldest_chain, :repair,
                  :locked_by)",
            )?
            .execute(named_params! {
                ":log": log.as_bytes(),
                ":head": row.head.0,
                ":end": row.end.0,
                ":chain": row.chain_hash.as_bytes(),
                ":oldest": row.oldest.0,
                ":oldest_chain": row.oldest_chain_hash.as_bytes(),
                ":repair": row.repair,
                ":locked_by": row.locked_by.as_ref().map(PublicKey::as_bytes),
            })?;
        Ok(())
    }

    fn segment(&mut self, log: LogId, head: Position) -> Stored<Option<SegmentRow>> {
        let mut statement = self.0.prepare_cached(
            "SELECT head, access_key, join_key, removes FROM segments
             WHERE log_id = ?1 AND head = ?2",
        )?;
        Ok(statement.query_row(params![log.as_bytes(), head.0], segment_row).optional()?)
    }

    fn segment_with_key(&mut self, log: LogId, key: PublicKey) -> Stored<Option<SegmentRow>> {
        let mut statement = self.0.prepare_cached(
            "SELECT head, access_key, join_key, removes FROM segments
             WHERE log_id = ?1 AND access_key = ?2 ORDER BY head DESC LIMIT 1",
        )?;
        let found = statement.query_row([log.as_bytes(), key.as_bytes()], segment_row);
        Ok(found.optional()?)
    }

    fn removal_after(&mut self, log: LogId, head: Position) -> Stored<Option<Position>> {
        let mut statement = self.0.prepare_cached(
            "SELECT head FROM segments
             WHERE log_id = ?1 AND head > ?2 AND removes = 1 ORDER BY head LIMIT 1",
        )?;
        let found =
            statement.query_row(params![log.as_bytes(), head.0], |row| position(row, "head"));
        Ok(found.optional()?)
    }

    fn put_segment(&mut self, log: LogId, row: &SegmentRow) -> Stored<()> {
        self.0
            .prepare_cached(
                "INSERT INTO segments (log_id, head, access_key, join_key, removes)
                 VALUES (:log, :head, :access_key, :join_key, :removes)",
            )?
            .execute(named_params! {
                ":log": log.as_bytes(),
                ":head": row.head.0,
                ":access_key": row.access_key.as_bytes(),
                ":join_key": row.join_key.as_ref().map(PublicKey::as_bytes),
                ":removes": row.removes,
            })?;
        Ok(())
    }

    fn delete_segments(&mut self, log: LogId, after: Position, up_to: Position) -> Stored<()> {
        self.0
            .prepare_cached("DELETE FROM segments WHERE log_id = ?1 AND head > ?2 AND head <= ?3")?
            .execute(params![log.as_bytes(), after.0, up_to.0])?;
        Ok(())
    }

    fn anchors(&mut self, log: LogId) -> Stored<Vec<PublicKey>> {
        let mut statement = self
            .0
            .prepare_cached("SELECT anchor_key FROM anchors WHERE log_id = ?1 ORDER BY number")?;
        let keys = statement.query_map([log.as_bytes()], |row| row.get(0).map(PublicKey::new))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    fn put_anchors(&mut self, log: LogId, anchors: &[PublicKey]) -> Stored<()> {
        self.0
            .prepare_cached("DELETE FROM anchors WHERE log_id = ?1")?
            .execute([log.as_bytes()])?;
        let mut statement = self.0.prepare_cached(
            "INSERT INTO anchors (log_id, number, anchor_key) VALUES (?1, ?2, ?3)",
        )?;
        for (number, anchor) in (1_u32..).zip(anchors) {
            statement.execute(params![log.as_bytes(), number, anchor.as_bytes()])?;
        }
        Ok(())
    }

    fn put_entry(&mut self, log: LogId, entry: &Entry, chain_hash: ChainHash) -> Stored<()> {
        self.0
            .prepare_cached(
                "INSERT INTO entries (log_id, position, kind, head, removes, chain_hash, bytes)
                 VALUES (:log, :position, :kind, :head, :removes, :chain, :bytes)",
            )?
            .execute(named_params! {
                ":log": log.as_bytes(),
                ":position": entry.position.0,
                ":kind": entry.kind.code(),
                ":head": entry.head.0,
                ":removes": entry.removes,
                ":chain": chain_hash.as_bytes(),
                ":bytes": entry.bytes.as_slice(),
            })?;
        Ok(())
    }

    fn entries(&mut self, log: LogId, range: Range) -> Stored<Vec<Entry>> {
        let mut statement = self.0.prepare_cached(
            "SELECT position, kind, head, removes, bytes FROM entries
             WHERE log_id = ?1 AND position > ?2 AND position <= ?3 ORDER BY position LIMIT ?4",
        )?;
        let Range { after, up_to, limit } = range;
        let mut rows = statement.query(params![log.as_bytes(), after.0, up_to.0, limit])?;
        let (mut page, mut page_bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let entry = entry(row)?;
            if !fits(&mut page_bytes, entry.bytes.len()) {
                break;
            }
            page.push(entry);
        }
        Ok(page)
    }

    fn chain_hash(&mut self, log: LogId, position: Position) -> Stored<Option<ChainHash>> {
        let mut statement = self
            .0
            .prepare_cached("SELECT chain_hash FROM entries WHERE log_id = ?1 AND position = ?2")?;
        let found = statement
            .query_row(params![log.as_bytes(), position.0], |row| chain_hash(row, "chain_hash"));
        Ok(found.optional()?)
    }

    fn delete_entries_before(&mut self, log: LogId, position: Position) -> Stored<()> {
        self.0
            .prepare_cached("DELETE FROM entries WHERE log_id = ?1 AND position < ?2")?
            .execute(params![log.as_bytes(), position.0])?;
        Ok(())
    }

    fn last_day(&mut self, log: LogId) -> Stored<Option<u64>> {
        let mut statement =
            self.0.prepare_cached("SELECT max(day) FROM log_days WHERE log_id = ?1")?;
        Ok(statement.query_row([log.as_bytes()], |row| row.get(0))?)
    }

    fn put_day(&mut self, log: LogId, day: u64, first: Position) -> Stored<()> {
        self.0
            .prepare_cached(
                "INSERT INTO log_days (log_id, day, first_position) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![log.as_bytes(), day, first.0])?;
        Ok(())
    }

    fn logs_with_day_before(&mut self, day: u64, limit: u32) -> Stored<Vec<LogId>> {
        let mut statement = self
            .0
            .prepare_cached("SELECT DISTINCT log_id FROM log_days WHERE day < ?1 LIMIT ?2")?;
        let logs = statement.query_map(params![day, limit], |row| row.get(0).map(LogId::new))?;
        Ok(logs.collect::<Result<_, _>>()?)
    }

    fn first_position_since(&mut self, log: LogId, day: u64) -> Stored<Option<Position>> {
        let mut statement = self.0.prepare_cached(
            "SELECT first_position FROM log_days WHERE log_id = ?1 AND day >= ?2
             ORDER BY day LIMIT 1",
        )?;
        let found = statement
            .query_row(params![log.as_bytes(), day], |row| position(row, "first_position"));
        Ok(found.optional()?)
    }

    fn delete_days_before(&mut self, log: LogId, day: u64) -> Stored<()> {
        self.0
            .prepare_cached("DELETE FROM log_days WHERE log_id = ?1 AND day < ?2")?
            .execute(params![log.as_bytes(), day])?;
        Ok(())
    }

    fn group_info(&mut self, log: LogId) -> Stored<Option<PublishedGroupInfo>> {
        let mut statement = self.0.prepare_cached(
            "SELECT head, chain_hash, group_info, tree FROM group_infos WHERE log_id = ?1",
        )?;
        let found = statement.query_row([log.as_bytes()], |row| {
            Ok(PublishedGroupInfo {
                head: position(row, "head")?,
                chain_hash: chain_hash(row, "chain_hash")?,
                group_info: opaque(row, "group_info")?,
                tree: row.get::<_, Option<Vec<u8>>>("tree")?.map(Opaque::from),
            })
        });
        Ok(found.optional()?)
    }

    fn put_group_info(&mut self, log: LogId, row: Option<&PublishedGroupInfo>) -> Stored<()> {
        let Some(row) = row else {
            self.0
                .prepare_cached("DELETE FROM group_infos WHERE log_id = ?1")?
                .execute([log.as_bytes()])?;
            return Ok(());
        };
        self.0
            .prepare_cached(
                "INSERT OR REPLACE INTO group_infos (log_id, head, chain_hash, group_info, tree)
                 VALUES (:log, :head, :chain, :group_info, :tree)",
            )?
            .execute(named_params! {
                ":log": log.as_bytes(),
                ":head": row.head.0,
                ":chain": row.chain_hash.as_bytes(),
                ":group_info": row.group_info.as_slice(),
                ":tree": row.tree.as_deref(),
            })?;
        Ok(())
    }
}

/// The two columns that stand for a scope.
fn scope_columns(scope: Scope) -> (u8, [u8; 32]) {
    match scope {
        Scope::Log(log) => (1, *log.as_bytes()),
        Scope::Inbox(device) => (2, *device.as_bytes()),
    }
}

impl AnswerRows for SqliteRows<'_> {
    fn answer(&mut self, scope: Scope, key: &IdempotencyKey) -> Stored<Option<AnswerRow>> {
        let (scope, id) = scope_columns(scope);
        let mut statement = self.0.prepare_cached(
            "SELECT request_hash, answer, expires_day FROM answers
             WHERE scope = ?1 AND scope_id = ?2 AND idempotency_key = ?3",
        )?;
        let found = statement.query_row(params![scope, id, key.as_slice()], |row| {
            Ok(AnswerRow {
                request_hash: row.get("request_hash")?,
                answer: opaque(row, "answer")?,
                expires_day: row.get("expires_day")?,
            })
        });
        Ok(found.optional()?)
    }

    fn put_answer(&mut self, scope: Scope, key: &IdempotencyKey, row: &AnswerRow) -> Stored<()> {
        let (scope, id) = scope_columns(scope);
        self.0
            .prepare_cached(
                "INSERT INTO answers
                 (scope, scope_id, idempotency_key, request_hash, answer, expires_day)
                 VALUES (:scope, :id, :key, :request_hash, :answer, :expires_day)",
            )?
            .execute(named_params! {
                ":scope": scope,
                ":id": id,
                ":key": key.as_slice(),
                ":request_hash": row.request_hash,
                ":answer": row.answer.as_slice(),
                ":expires_day": row.expires_day,
            })?;
        Ok(())
    }

    fn delete_answers_before(&mut self, day: u64) -> Stored<()> {
        self.0.prepare_cached("DELETE FROM answers WHERE expires_day < ?1")?.execute([day])?;
        Ok(())
    }
}
