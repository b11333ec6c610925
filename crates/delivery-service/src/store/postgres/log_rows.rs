//! The statements on logs and on answers already given.

use super::rows::{
    Held, PostgresRows, bytes_32, chain_hash, number, opaque, position, public_key, small, stored,
};
use crate::store::{
    AnswerRow, AnswerRows, LogRow, LogRows, Range, Scope, SegmentRow, StoreError, Stored,
};
use delivery_api::limits::PAGE_BYTES_MAX;
use delivery_api::log::{Entry, EntryKind, PublishedGroupInfo};
use delivery_api::{ChainHash, IdempotencyKey, LogId, Position, PublicKey};
use postgres::row::Row;

fn log_row(row: &Row) -> Stored<LogRow> {
    Ok(LogRow {
        head: position(row, "head")?,
        end: position(row, "end_position")?,
        chain_hash: chain_hash(row, "chain_hash")?,
        oldest: position(row, "oldest")?,
        oldest_chain_hash: chain_hash(row, "oldest_chain_hash")?,
        repair: number(row, "repair")?,
        locked_by: public_key(row, "locked_by")?,
    })
}

fn segment_row(row: &Row) -> Stored<SegmentRow> {
    Ok(SegmentRow {
        head: position(row, "head")?,
        access_key: bytes_32(row, "access_key").map(PublicKey::new)?,
        join_key: public_key(row, "join_key")?,
        removes: row.try_get("removes")?,
    })
}

fn entry(row: &Row) -> Stored<Entry> {
    Ok(Entry {
        position: position(row, "position")?,
        kind: EntryKind::from_code(small(row, "kind")?).ok_or(StoreError::Corrupt("entry kind"))?,
        head: position(row, "head")?,
        removes: row.try_get("removes")?,
        bytes: opaque(row, "bytes")?,
    })
}

fn published(row: &Row) -> Stored<PublishedGroupInfo> {
    Ok(PublishedGroupInfo {
        head: position(row, "head")?,
        chain_hash: chain_hash(row, "chain_hash")?,
        group_info: opaque(row, "group_info")?,
        tree: row.try_get::<_, Option<Vec<u8>>>("tree")?.map(Into::into),
    })
}

impl LogRows for PostgresRows<'_> {
    fn log_for_update(&mut self, log: LogId) -> Stored<Option<LogRow>> {
        self.hold(Held::Log, log.as_bytes())?;
        let sql = "SELECT head, end_position, chain_hash, oldest, oldest_chain_hash, repair,
                   locked_by FROM logs WHERE log_id = $1";
        self.query_opt(sql, &[&log.as_bytes().as_slice()])?.as_ref().map(log_row).transpose()
    }

    fn put_log(&mut self, log: LogId, row: &LogRow) -> Stored<()> {
        let sql = "INSERT INTO logs
                   (log_id, head, end_position, chain_hash, oldest, oldest_chain_hash, repair,
                    locked_by)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                   ON CONFLICT (log_id) DO UPDATE SET head = $2, end_position = $3,
                   chain_hash = $4, oldest = $5, oldest_chain_hash = $6, repair = $7,
                   locked_by = $8";
        self.execute(
            sql,
            &[
                &log.as_bytes().as_slice(),
                &stored(row.head.0)?,
                &stored(row.end.0)?,
                &row.chain_hash.as_bytes().as_slice(),
                &stored(row.oldest.0)?,
                &row.oldest_chain_hash.as_bytes().as_slice(),
                &stored(row.repair)?,
                &row.locked_by.as_ref().map(|key| key.as_bytes().as_slice()),
            ],
        )
    }

    fn segment(&mut self, log: LogId, head: Position) -> Stored<Option<SegmentRow>> {
        let sql = "SELECT head, access_key, join_key, removes FROM segments
                   WHERE log_id = $1 AND head = $2";
        let row = self.query_opt(sql, &[&log.as_bytes().as_slice(), &stored(head.0)?])?;
        row.as_ref().map(segment_row).transpose()
    }

    fn segment_with_key(&mut self, log: LogId, key: PublicKey) -> Stored<Option<SegmentRow>> {
        let sql = "SELECT head, access_key, join_key, removes FROM segments
                   WHERE log_id = $1 AND access_key = $2 ORDER BY head DESC LIMIT 1";
        let with = (log.as_bytes().as_slice(), key.as_bytes().as_slice());
        self.query_opt(sql, &[&with.0, &with.1])?.as_ref().map(segment_row).transpose()
    }

    fn removal_after(&mut self, log: LogId, head: Position) -> Stored<Option<Position>> {
        let sql = "SELECT head FROM segments
                   WHERE log_id = $1 AND head > $2 AND removes ORDER BY head LIMIT 1";
        let row = self.query_opt(sql, &[&log.as_bytes().as_slice(), &stored(head.0)?])?;
        row.map(|row| position(&row, "head")).transpose()
    }

    fn put_segment(&mut self, log: LogId, row: &SegmentRow) -> Stored<()> {
        let sql = "INSERT INTO segments (log_id, head, access_key, join_key, removes)
                   VALUES ($1, $2, $3, $4, $5)";
        self.execute(
            sql,
            &[
                &log.as_bytes().as_slice(),
                &stored(row.head.0)?,
                &row.access_key.as_bytes().as_slice(),
                &row.join_key.as_ref().map(|key| key.as_bytes().as_slice()),
                &row.removes,
            ],
        )
    }

    fn delete_segments(&mut self, log: LogId, after: Position, up_to: Position) -> Stored<()> {
        let sql = "DELETE FROM segments WHERE log_id = $1 AND head > $2 AND head <= $3";
        self.execute(sql, &[&log.as_bytes().as_slice(), &stored(after.0)?, &stored(up_to.0)?])
    }

    fn anchors(&mut self, log: LogId) -> Stored<Vec<PublicKey>> {
        let sql = "SELECT anchor_key FROM anchors WHERE log_id = $1 ORDER BY number";
        let rows = self.query(sql, &[&log.as_bytes().as_slice()])?;
        rows.iter().map(|row| bytes_32(row, "anchor_key").map(PublicKey::new)).collect()
    }

    fn put_anchors(&mut self, log: LogId, anchors: &[PublicKey]) -> Stored<()> {
        let id = log.as_bytes().as_slice();
        self.execute("DELETE FROM anchors WHERE log_id = $1", &[&id])?;
        let sql = "INSERT INTO anchors (log_id, number, anchor_key) VALUES ($1, $2, $3)";
        for (number, anchor) in (1_i64..).zip(anchors) {
            self.execute(sql, &[&id, &number, &anchor.as_bytes().as_slice()])?;
        }
        Ok(())
    }

    fn put_entry(&mut self, log: LogId, entry: &Entry, chain_hash: ChainHash) -> Stored<()> {
        let sql = "INSERT INTO entries (log_id, position, kind, head, removes, chain_hash, bytes)
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        self.execute(
            sql,
            &[
                &log.as_bytes().as_slice(),
                &stored(entry.position.0)?,
                &i64::from(entry.kind.code()),
                &stored(entry.head.0)?,
                &entry.removes,
                &chain_hash.as_bytes().as_slice(),
                &entry.bytes.as_slice(),
            ],
        )
    }

    fn entries(&mut self, log: LogId, range: Range) -> Stored<Vec<Entry>> {
        // The page ends where `store::fits` would end it, and what lies behind is never sent.
        let sql = "SELECT position, kind, head, removes, bytes FROM
                   (SELECT *, sum(octet_length(bytes) + 1) OVER (ORDER BY position) AS total,
                    row_number() OVER (ORDER BY position) AS place FROM
                    (SELECT * FROM entries WHERE log_id = $1 AND position > $2 AND position <= $3
                     ORDER BY position LIMIT $4) AS page) AS summed
                   WHERE place = 1 OR total <= $5 ORDER BY position";
        let Range { after, up_to, limit } = range;
        let page_bytes = stored(PAGE_BYTES_MAX as u64)?;
        let (after, up_to, limit) = (stored(after.0)?, stored(up_to.0)?, i64::from(limit));
        let id = log.as_bytes().as_slice();
        let rows = self.query(sql, &[&id, &after, &up_to, &limit, &page_bytes])?;
        rows.iter().map(entry).collect()
    }

    fn chain_hash(&mut self, log: LogId, position: Position) -> Stored<Option<ChainHash>> {
        let sql = "SELECT chain_hash FROM entries WHERE log_id = $1 AND position = $2";
        let row = self.query_opt(sql, &[&log.as_bytes().as_slice(), &stored(position.0)?])?;
        row.map(|row| chain_hash(&row, "chain_hash")).transpose()
    }

    fn delete_entries_before(&mut self, log: LogId, position: Position) -> Stored<()> {
        let sql = "DELETE FROM entries WHERE log_id = $1 AND position < $2";
        self.execute(sql, &[&log.as_bytes().as_slice(), &stored(position.0)?])
    }

    fn last_day(&mut self, log: LogId) -> Stored<Option<u64>> {
        let sql = "SELECT day FROM log_days WHERE log_id = $1 ORDER BY day DESC LIMIT 1";
        let row = self.query_opt(sql, &[&log.as_bytes().as_slice()])?;
        row.map(|row| number(&row, "day")).transpose()
    }

    fn put_day(&mut self, log: LogId, day: u64, first: Position) -> Stored<()> {
        let sql = "INSERT INTO log_days (log_id, day, first_position) VALUES ($1, $2, $3)";
        self.execute(sql, &[&log.as_bytes().as_slice(), &stored(day)?, &stored(first.0)?])
    }

    fn logs_with_day_before(&mut self, day: u64, limit: u32) -> Stored<Vec<LogId>> {
        let sql = "SELECT DISTINCT log_id FROM log_days WHERE day < $1 ORDER BY log_id LIMIT $2";
        let rows = self.query(sql, &[&stored(day)?, &i64::from(limit)])?;
        rows.iter().map(|row| bytes_32(row, "log_id").map(LogId::new)).collect()
    }

    fn first_position_since(&mut self, log: LogId, day: u64) -> Stored<Option<Position>> {
        let sql = "SELECT first_position FROM log_days WHERE log_id = $1 AND day >= $2
                   ORDER BY day LIMIT 1";
        let row = self.query_opt(sql, &[&log.as_bytes().as_slice(), &stored(day)?])?;
        row.map(|row| position(&row, "first_position")).transpose()
    }

    fn delete_days_before(&mut self, log: LogId, day: u64) -> Stored<()> {
        let sql = "DELETE FROM log_days WHERE log_id = $1 AND day < $2";
        self.execute(sql, &[&log.as_bytes().as_slice(), &stored(day)?])
    }

    fn group_info(&mut self, log: LogId) -> Stored<Option<PublishedGroupInfo>> {
        let sql = "SELECT head, chain_hash, group_info, tree FROM group_infos WHERE log_id = $1";
        self.query_opt(sql, &[&log.as_bytes().as_slice()])?.as_ref().map(published).transpose()
    }

    fn put_group_info(&mut self, log: LogId, row: Option<&PublishedGroupInfo>) -> Stored<()> {
        let id = log.as_bytes().as_slice();
        let Some(row) = row else {
            return self.execute("DELETE FROM group_infos WHERE log_id = $1", &[&id]);
        };
        let sql = "INSERT INTO group_infos (log_id, head, chain_hash, group_info, tree)
                   VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT (log_id) DO UPDATE SET head = $2, chain_hash = $3, group_info = $4,
                   tree = $5";
        let chain_hash = row.chain_hash.as_bytes().as_slice();
        let (group_info, tree) = (row.group_info.as_slice(), row.tree.as_deref());
        self.execute(sql, &[&id, &stored(row.head.0)?, &chain_hash, &group_info, &tree])
    }
}

/// The two columns that stand for a scope.
fn scope_columns(scope: &Scope) -> (i64, &[u8]) {
    match scope {
        Scope::Log(log) => (1, log.as_bytes()),
        Scope::Inbox(device) => (2, device.as_bytes()),
    }
}

impl AnswerRows for PostgresRows<'_> {
    fn answer(&mut self, scope: Scope, key: &IdempotencyKey) -> Stored<Option<AnswerRow>> {
        let (scope, id) = scope_columns(&scope);
        let sql = "SELECT request_hash, answer, expires_day FROM answers
                   WHERE scope = $1 AND scope_id = $2 AND idempotency_key = $3";
        let row = self.query_opt(sql, &[&scope, &id, &key.as_slice()])?;
        let answer_row = |row: Row| {
            Ok(AnswerRow {
                request_hash: bytes_32(&row, "request_hash")?,
                answer: opaque(&row, "answer")?,
                expires_day: number(&row, "expires_day")?,
            })
        };
        row.map(answer_row).transpose()
    }

    fn put_answer(&mut self, scope: Scope, key: &IdempotencyKey, row: &AnswerRow) -> Stored<()> {
        let (scope, id) = scope_columns(&scope);
        let sql = "INSERT INTO answers
                   (scope, scope_id, idempotency_key, request_hash, answer, expires_day)
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let (hash, answer) = (row.request_hash.as_slice(), row.answer.as_slice());
        let expires_day = stored(row.expires_day)?;
        self.execute(sql, &[&scope, &id, &key.as_slice(), &hash, &answer, &expires_day])
    }

    fn delete_answers_before(&mut self, day: u64) -> Stored<()> {
        self.execute("DELETE FROM answers WHERE expires_day < $1", &[&stored(day)?])
    }
}
