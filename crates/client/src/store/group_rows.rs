//! The statements on groups: their logs, what happened, what is to be done.

use super::{
    GroupRecord, GroupStatus, IntentRecord, NewEvent, OutboxRecord, StoreError, StoreTransaction,
    Stored, Submission, value,
};
use crate::file::SharedFile;
use crate::{Event, EventKind, GroupId};
use codec::{Decode, Encode};
use crypto::Secret;
use delivery_api::{ChainHash, LogId, Position};
use rusqlite::{OptionalExtension, Row, params};

/// How many positions of a log keep their chain hash: a sender may be behind by as many.
const CHAIN_HASHES_KEPT: u64 = 1000;

/// The columns of a group, in the order that [`group`] reads.
const GROUP_COLUMNS: &str =
    "group_id, log_id, name, status, position, chain_hash, head, access_key";

fn group_id(row: &Row<'_>, column: usize) -> rusqlite::Result<GroupId> {
    row.get::<_, Vec<u8>>(column).map(GroupId::new)
}

fn group(row: &Row<'_>) -> rusqlite::Result<Stored<GroupRecord>> {
    let (status, access_key): (u8, Vec<u8>) = (row.get(3)?, row.get(7)?);
    let (id, log, name) = (group_id(row, 0)?, LogId::new(row.get(1)?), row.get(2)?);
    let (position, head) = (Position(row.get(4)?), Position(row.get(6)?));
    let chain_hash = ChainHash::new(row.get(5)?);
    let status = GroupStatus::from_code(status).ok_or(StoreError::Corrupt("group status"));
    Ok(status.and_then(|status| {
        let access_key = value::from_column(access_key)?;
        Ok(GroupRecord { id, log, name, status, position, chain_hash, head, access_key })
    }))
}

/// The message id as it is kept: the device, then the id.
fn message_id(event: &NewEvent) -> Option<Vec<u8>> {
    event.message_id.map(|(device, id)| [device.as_bytes().as_slice(), &id].concat())
}

impl StoreTransaction<'_> {
    /// All groups, in the order of their names.
    pub(crate) fn group_records(&self) -> Stored<Vec<GroupRecord>> {
        let sql = format!("SELECT {GROUP_COLUMNS} FROM groups ORDER BY name, group_id");
        let mut statement = self.0.prepare_cached(&sql)?;
        statement.query_map([], group)?.map(|row| row?).collect()
    }

    /// A group.
    pub(crate) fn group_record(&self, id: &GroupId) -> Stored<Option<GroupRecord>> {
        let sql = format!("SELECT {GROUP_COLUMNS} FROM groups WHERE group_id = ?");
        let mut statement = self.0.prepare_cached(&sql)?;
        statement.query_row([id.as_slice()], group).optional()?.transpose()
    }

    /// Writes a group, with the chain hash at its position.
    pub(crate) fn put_group(&self, record: &GroupRecord) -> Stored<()> {
        let sql = format!(
            "INSERT OR REPLACE INTO groups ({GROUP_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        );
        self.0.prepare_cached(&sql)?.execute(params![
            record.id.as_slice(),
            record.log.as_bytes(),
            record.name,
            record.status.code(),
            record.position.0,
            record.chain_hash.as_bytes(),
            record.head.0,
            value::to_column(&record.access_key).expose(),
        ])?;
        self.put_chain_hash(record)
    }

    /// Notes the chain at a group's position.
    pub(crate) fn put_chain_hash(&self, record: &GroupRecord) -> Stored<()> {
        let id = record.id.as_slice();
        self.0
            .prepare_cached("INSERT OR REPLACE INTO chain_hashes VALUES (?, ?, ?)")?
            .execute(params![id, record.position.0, record.chain_hash.as_bytes()])?;
        let oldest = record.position.0.saturating_sub(CHAIN_HASHES_KEPT);
        self.0
            .prepare_cached("DELETE FROM chain_hashes WHERE group_id = ? AND position < ?")?
            .execute(params![id, oldest])?;
        Ok(())
    }

    /// The chain at a position, if it is still kept.
    pub(crate) fn chain_hash(&self, id: &GroupId, position: Position) -> Stored<Option<ChainHash>> {
        let sql = "SELECT chain_hash FROM chain_hashes WHERE group_id = ? AND position = ?";
        let mut statement = self.0.prepare_cached(sql)?;
        let row = statement.query_row(params![id.as_slice(), position.0], |row| row.get(0));
        Ok(row.optional()?.map(ChainHash::new))
    }

    /// Forgets what is kept of a group's log and work; its history stays.
    pub(crate) fn forget_log(&self, id: &GroupId) -> Stored<()> {
        for sql in [
            "DELETE FROM chain_hashes WHERE group_id = ?",
            "DELETE FROM outbox WHERE group_id = ?",
            "DELETE FROM intents WHERE group_id = ?",
        ] {
            self.0.execute(sql, [id.as_slice()])?;
        }
        Ok(())
    }

    /// Adds an event. Returns whether it was new: a message that was seen before changes nothing.
    pub(crate) fn add_event(&self, event: &NewEvent) -> Stored<bool> {
        let group = event.group.as_ref().map(GroupId::as_slice).unwrap_or_default();
        let added = self
            .0
            .prepare_cached(
                "INSERT INTO history (group_id, position, epoch, what, message_id, unread)
                 VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (group_id, message_id) WHERE message_id IS NOT NULL DO NOTHING",
            )?
            .execute(params![
                group,
                event.position.0,
                event.epoch,
                event.kind.to_bytes(),
                message_id(event),
                event.unread,
            ])?;
        Ok(added > 0)
    }

    /// Notes how to fetch the file that the event added last is about.
    pub(crate) fn put_file_of_last_event(&self, file: &SharedFile) -> Stored<()> {
        let column = value::to_column(&Secret::encoding(file));
        self.0
            .prepare_cached("INSERT INTO files (number, file) VALUES (last_insert_rowid(), ?)")?
            .execute([column.expose()])?;
        Ok(())
    }

    /// The file that an event is about.
    pub(crate) fn file(&self, number: u64) -> Stored<Option<SharedFile>> {
        let mut statement = self.0.prepare_cached("SELECT file FROM files WHERE number = ?")?;
        let Some(column) = statement.query_row([number], |row| row.get(0)).optional()? else {
            return Ok(None);
        };
        let file = SharedFile::from_bytes(value::from_column(column)?.expose());
        file.map(Some).map_err(|_| StoreError::Corrupt("file"))
    }

    /// Whether an own message stands at a position: its echo is nothing new.
    pub(crate) fn has_own_message(&self, id: &GroupId, position: Position) -> Stored<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM history WHERE group_id = ? AND position = ?
                   AND message_id IS NOT NULL AND unread = 0)";
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_row(params![id.as_slice(), position.0], |row| row.get(0))?)
    }

    /// The events of a group, oldest first.
    pub(crate) fn history(&self, id: &GroupId) -> Stored<Vec<Event>> {
        self.events("group_id = ?1", id.as_slice())
    }

    /// The events that the application has not taken, oldest first.
    pub(crate) fn unread(&self) -> Stored<Vec<Event>> {
        self.events("unread = 1 AND ?1 IS NOT NULL", &[])
    }

    fn events(&self, condition: &str, id: &[u8]) -> Stored<Vec<Event>> {
        let sql = format!(
            "SELECT number, group_id, position, epoch, what FROM history
             WHERE {condition} ORDER BY number"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map([id], |row| {
            let (group, kind) = (group_id(row, 1)?, row.get::<_, Vec<u8>>(4)?);
            Ok((row.get(0)?, group, Position(row.get(2)?), row.get(3)?, kind))
        })?;
        rows.map(|row| {
            let (number, group, position, epoch, kind) = row?;
            let kind = EventKind::from_bytes(&kind).map_err(|_| StoreError::Corrupt("event"))?;
            let group = (!group.as_slice().is_empty()).then_some(group);
            Ok(Event { number, group, position, epoch, kind })
        })
        .collect()
    }

    /// Notes that the application has taken the events up to a number.
    pub(crate) fn set_read(&self, up_to: u64) -> Stored<()> {
        self.0
            .execute("UPDATE history SET unread = 0 WHERE unread = 1 AND number <= ?", [up_to])?;
        Ok(())
    }

    /// Adds an intent and returns its number.
    pub(crate) fn add_intent(&self, id: &GroupId, intent: &super::Intent) -> Stored<u64> {
        let sql = "INSERT INTO intents (group_id, intent, attempts) VALUES (?, ?, 0)
                   RETURNING number";
        let row = params![id.as_slice(), intent.to_bytes()];
        Ok(self.0.query_row(sql, row, |row| row.get(0))?)
    }

    /// Replaces an intent by one that is further, or that has lost a race.
    pub(crate) fn put_intent(&self, record: &IntentRecord) -> Stored<()> {
        let sql = "UPDATE intents SET intent = ?, attempts = ? WHERE number = ?";
        self.0.execute(sql, params![record.intent.to_bytes(), record.attempts, record.number])?;
        Ok(())
    }

    /// The intents that are not done, oldest first.
    pub(crate) fn intents(&self) -> Stored<Vec<IntentRecord>> {
        let sql = "SELECT number, group_id, intent, attempts FROM intents ORDER BY number";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, group_id(row, 1)?, row.get::<_, Vec<u8>>(2)?, row.get(3)?))
        })?;
        rows.map(|row| {
            let (number, group, intent, attempts) = row?;
            let intent =
                super::Intent::from_bytes(&intent).map_err(|_| StoreError::Corrupt("intent"))?;
            Ok(IntentRecord { number, group, intent, attempts })
        })
        .collect()
    }

    /// Forgets an intent and what was made for it.
    pub(crate) fn delete_intent(&self, number: u64) -> Stored<()> {
        self.0.execute("DELETE FROM outbox WHERE intent = ?", [number])?;
        self.0.execute("DELETE FROM intents WHERE number = ?", [number])?;
        Ok(())
    }

    /// What is to be sent to a group's log.
    pub(crate) fn outbox(&self, id: &GroupId) -> Stored<Option<OutboxRecord>> {
        let sql = "SELECT intent, kind, body FROM outbox WHERE group_id = ?";
        let row = self.0.query_row(sql, [id.as_slice()], |row| {
            Ok((row.get(0)?, row.get::<_, u8>(1)?, row.get::<_, Vec<u8>>(2)?))
        });
        let Some((intent, kind, body)) = row.optional()? else { return Ok(None) };
        let corrupt = |_| StoreError::Corrupt("outbox");
        let submission = match kind {
            1 => Submission::Commit(Box::new(Decode::from_bytes(&body).map_err(corrupt)?)),
            2 => Submission::Message(Box::new(Decode::from_bytes(&body).map_err(corrupt)?)),
            _ => return Err(StoreError::Corrupt("outbox")),
        };
        Ok(Some(OutboxRecord { group: id.clone(), intent, submission }))
    }

    /// Stores what is to be sent to a group's log.
    pub(crate) fn put_outbox(&self, record: &OutboxRecord) -> Stored<()> {
        let (kind, body) = match &record.submission {
            Submission::Commit(bundle) => (1, bundle.to_bytes()),
            Submission::Message(append) => (2, append.to_bytes()),
        };
        let sql = "INSERT INTO outbox (group_id, intent, kind, body) VALUES (?, ?, ?, ?)";
        self.0.execute(sql, params![record.group.as_slice(), record.intent, kind, body])?;
        Ok(())
    }

    /// Gives up what was to be sent to a group's log.
    pub(crate) fn delete_outbox(&self, id: &GroupId) -> Stored<()> {
        self.0.execute("DELETE FROM outbox WHERE group_id = ?", [id.as_slice()])?;
        Ok(())
    }
}
