//! The statements on groups: their logs, what happened, what is to be done.

use super::{
    GroupRecord, GroupStatus, IntentRecord, NewEvent, OutboxRecord, StoreError, StoreTransaction,
    Stored, Submission,
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

/// What names the event of an entry, as far as it is known before it has a number.
pub(super) fn event_row(group: &[u8], position: Position) -> Vec<u8> {
    [group, &position.0.to_be_bytes()].concat()
}

impl StoreTransaction<'_> {
    fn group(&self, row: &Row<'_>) -> Stored<GroupRecord> {
        let id = group_id(row, 0)?;
        let (name, access_key): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(7)?);
        let status = GroupStatus::from_code(row.get(3)?);
        Ok(GroupRecord {
            log: LogId::new(row.get(1)?),
            name: self.unseal_text("groups.name", id.as_slice(), &name)?,
            status: status.ok_or(StoreError::Corrupt("group status"))?,
            position: Position(row.get(4)?),
            chain_hash: ChainHash::new(row.get(5)?),
            head: Position(row.get(6)?),
            access_key: self.unseal("groups.access_key", id.as_slice(), &access_key)?,
            id,
        })
    }

    /// The id of an event's message as it is kept: a tag of the device and the id.
    fn message_tag(&self, event: &NewEvent) -> Stored<Option<Vec<u8>>> {
        let id = event.message_id.map(|(device, id)| [device.as_bytes().as_slice(), &id].concat());
        id.map(|id| self.tag("history.message_id", &id)).transpose()
    }

    /// All groups, in the order of their names.
    pub(crate) fn group_records(&self) -> Stored<Vec<GroupRecord>> {
        let sql = format!("SELECT {GROUP_COLUMNS} FROM groups");
        let mut statement = self.0.prepare_cached(&sql)?;
        let (mut rows, mut groups) = (statement.query([])?, Vec::new());
        while let Some(row) = rows.next()? {
            groups.push(self.group(row)?);
        }
        groups.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(groups)
    }

    /// A group.
    pub(crate) fn group_record(&self, id: &GroupId) -> Stored<Option<GroupRecord>> {
        let sql = format!("SELECT {GROUP_COLUMNS} FROM groups WHERE group_id = ?");
        let mut statement = self.0.prepare_cached(&sql)?;
        let mut rows = statement.query([id.as_slice()])?;
        rows.next()?.map(|row| self.group(row)).transpose()
    }

    /// Writes a group, with the chain hash at its position.
    pub(crate) fn put_group(&self, record: &GroupRecord) -> Stored<()> {
        let id = record.id.as_slice();
        let sql = format!(
            "INSERT OR REPLACE INTO groups ({GROUP_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        );
        self.0.prepare_cached(&sql)?.execute(params![
            id,
            record.log.as_bytes(),
            self.seal("groups.name", id, record.name.as_bytes())?,
            record.status.code(),
            record.position.0,
            record.chain_hash.as_bytes(),
            record.head.0,
            self.seal("groups.access_key", id, record.access_key.expose())?,
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

    /// Forgets a group's log, and what was made for it; its history and what is wanted stay.
    pub(crate) fn forget_log(&self, id: &GroupId) -> Stored<()> {
        for sql in [
            "DELETE FROM chain_hashes WHERE group_id = ?",
            "DELETE FROM outbox WHERE group_id = ?",
            "DELETE FROM doubts WHERE group_id = ?",
        ] {
            self.0.execute(sql, [id.as_slice()])?;
        }
        Ok(())
    }

    /// Adds an event. Returns whether it was new: a message that was seen before changes nothing.
    pub(crate) fn add_event(&self, event: &NewEvent) -> Stored<bool> {
        let group = event.group.as_ref().map(GroupId::as_slice).unwrap_or_default();
        let row = event_row(group, event.position);
        let added = self
            .0
            .prepare_cached(
                "INSERT INTO history (group_id, position, epoch, what, message_id, unread, mine)
                 VALUES (?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (group_id, message_id) WHERE message_id IS NOT NULL DO NOTHING",
            )?
            .execute(params![
                group,
                event.position.0,
                event.epoch,
                self.seal("history.what", &row, &event.kind.to_bytes())?,
                self.message_tag(event)?,
                event.unread,
                // What was done here is not told as news.
                !event.unread,
            ])?;
        Ok(added > 0)
    }

    /// Notes how to fetch the file that the event added last is about.
    pub(crate) fn put_file_of_last_event(&self, file: &SharedFile) -> Stored<()> {
        let number = self.0.last_insert_rowid();
        let file = Secret::encoding(file);
        let file = self.seal("files.file", &number.to_be_bytes(), file.expose())?;
        self.0
            .prepare_cached("INSERT INTO files (number, file) VALUES (?, ?)")?
            .execute(params![number, file])?;
        Ok(())
    }

    /// The file that an event is about.
    pub(crate) fn file(&self, number: u64) -> Stored<Option<SharedFile>> {
        let mut statement = self.0.prepare_cached("SELECT file FROM files WHERE number = ?")?;
        let file = statement.query_row([number], |row| row.get::<_, Vec<u8>>(0)).optional()?;
        file.map(|file| self.unseal_as("files.file", &number.to_be_bytes(), &file)).transpose()
    }

    /// Whether an own message stands at a position: its echo is nothing new.
    pub(crate) fn has_own_message(&self, id: &GroupId, position: Position) -> Stored<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM history WHERE group_id = ? AND position = ?
                   AND message_id IS NOT NULL AND mine = 1)";
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
            let row = event_row(group.as_slice(), position);
            let kind: EventKind = self.unseal_as("history.what", &row, &kind)?;
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
        let sealed = self.seal("intents.intent", id.as_slice(), &intent.to_bytes())?;
        let number =
            self.0.query_row(sql, params![id.as_slice(), sealed], |row| row.get::<_, u64>(0))?;
        self.add_own_message(number, id, intent)?;
        Ok(number)
    }

    /// Replaces an intent by one that is further, or that has lost a race.
    pub(crate) fn put_intent(&self, record: &IntentRecord) -> Stored<()> {
        let sql = "UPDATE intents SET intent = ?, attempts = ? WHERE number = ?";
        let intent = record.intent.to_bytes();
        let intent = self.seal("intents.intent", record.group.as_slice(), &intent)?;
        self.0.execute(sql, params![intent, record.attempts, record.number])?;
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
            let intent = self.unseal_as("intents.intent", group.as_slice(), &intent)?;
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
        let body = self.unseal("outbox.body", id.as_slice(), &body)?;
        let (body, corrupt) = (body.expose(), |_| StoreError::Corrupt("outbox"));
        let submission = match kind {
            1 => Submission::Commit(Box::new(Decode::from_bytes(body).map_err(corrupt)?)),
            2 => Submission::Message(Box::new(Decode::from_bytes(body).map_err(corrupt)?)),
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
        let body = self.seal("outbox.body", record.group.as_slice(), &body)?;
        self.0.execute(sql, params![record.group.as_slice(), record.intent, kind, body])?;
        Ok(())
    }

    /// Gives up what was to be sent to a group's log.
    pub(crate) fn delete_outbox(&self, id: &GroupId) -> Stored<()> {
        self.0.execute("DELETE FROM outbox WHERE group_id = ?", [id.as_slice()])?;
        Ok(())
    }
}
