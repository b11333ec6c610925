//! The statements on what people look at: history by pages, what was read, what became of own
//! messages, drafts, settings, and doubts about being the only folder with these keys.

use super::{GroupStatus, Intent, StoreTransaction, Stored};
use crate::message::Content;
use crate::{Event, EventKind, GroupId, MessageState, OwnMessage};
use delivery_api::Position;
use rusqlite::{OptionalExtension, params};

const PENDING: u8 = 1;
const ACCEPTED: u8 = 2;
const REFUSED: u8 = 3;

impl StoreTransaction<'_> {
    /// The events of a group with numbers below `before`, latest first, as long as `take` wants
    /// more.
    pub(crate) fn visit_history(
        &self,
        id: &GroupId,
        before: u64,
        take: &mut dyn FnMut(Event) -> bool,
    ) -> Stored<()> {
        let sql = "SELECT number, position, epoch, what FROM history
                   WHERE group_id = ? AND number < ? ORDER BY number DESC";
        let mut statement = self.0.prepare_cached(sql)?;
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![id.as_slice(), before])?;
        while let Some(row) = rows.next()? {
            let position = Position(row.get(1)?);
            let kind: Vec<u8> = row.get(3)?;
            let kind: EventKind = self.open_event(id.as_slice(), position, &kind)?;
            let (number, epoch) = (row.get(0)?, row.get(2)?);
            let event = Event { number, group: Some(id.clone()), position, epoch, kind };
            if !take(event) {
                break;
            }
        }
        Ok(())
    }

    /// How many messages of others in a group nobody has looked at.
    pub(crate) fn unseen(&self, id: &GroupId) -> Stored<u64> {
        let sql = "SELECT count(*) FROM history WHERE group_id = ?1 AND message_id IS NOT NULL
                   AND mine = 0 AND number >
                   coalesce((SELECT number FROM seen WHERE group_id = ?1), 0)";
        Ok(self.0.prepare_cached(sql)?.query_row([id.as_slice()], |row| row.get(0))?)
    }

    /// Notes that somebody has looked at a group's events up to a number.
    pub(crate) fn set_seen(&self, id: &GroupId, up_to: u64) -> Stored<()> {
        let sql = "INSERT INTO seen (group_id, number) VALUES (?, ?)
                   ON CONFLICT (group_id) DO UPDATE SET number = max(number, excluded.number)";
        self.0.prepare_cached(sql)?.execute(params![id.as_slice(), up_to])?;
        Ok(())
    }

    /// Notes an own message that is to be sent, under the number of its intent.
    pub(super) fn add_own_message(&self, number: u64, id: &GroupId, intent: &Intent) -> Stored<()> {
        let Intent::Send { content, .. } = intent else { return Ok(()) };
        let text = match content {
            Content::Text(text) => text,
            Content::File(file) => &file.name,
        };
        let text = self.seal("own_messages.text", &number.to_be_bytes(), text.as_bytes())?;
        let sql = "INSERT INTO own_messages (number, group_id, state, position, text)
                   VALUES (?, ?, ?, 0, ?)";
        self.0.prepare_cached(sql)?.execute(params![number, id.as_slice(), PENDING, text])?;
        Ok(())
    }

    /// Notes where an own message is.
    pub(crate) fn set_message_accepted(&self, number: u64, position: Position) -> Stored<()> {
        let sql = "UPDATE own_messages SET state = ?, position = ? WHERE number = ?";
        self.0.prepare_cached(sql)?.execute(params![ACCEPTED, position.0, number])?;
        Ok(())
    }

    /// Notes why an own message will never be anywhere.
    pub(crate) fn set_message_refused(&self, number: u64, reason: &str) -> Stored<()> {
        let reason = self.seal("own_messages.reason", &number.to_be_bytes(), reason.as_bytes())?;
        let sql = "UPDATE own_messages SET state = ?, reason = ? WHERE number = ?";
        self.0.prepare_cached(sql)?.execute(params![REFUSED, reason, number])?;
        Ok(())
    }

    /// The own messages of a group, oldest first.
    pub(crate) fn own_messages(&self, id: &GroupId) -> Stored<Vec<OwnMessage>> {
        let sql = "SELECT number, state, position, text, reason FROM own_messages
                   WHERE group_id = ? ORDER BY number";
        let mut statement = self.0.prepare_cached(sql)?;
        let (mut rows, mut messages) = (statement.query([id.as_slice()])?, Vec::new());
        while let Some(row) = rows.next()? {
            let number: u64 = row.get(0)?;
            let (name, text) = (number.to_be_bytes(), row.get::<_, Vec<u8>>(3)?);
            let state = match (row.get(1)?, row.get::<_, Option<Vec<u8>>>(4)?) {
                (PENDING, _) => MessageState::Pending,
                (ACCEPTED, _) => MessageState::Accepted(Position(row.get(2)?)),
                (REFUSED, Some(reason)) => {
                    let reason = self.unseal_text("own_messages.reason", &name, &reason)?;
                    MessageState::Refused(reason)
                }
                _ => return Err(super::StoreError::Corrupt("own message")),
            };
            let text = self.unseal_text("own_messages.text", &name, &text)?;
            messages.push(OwnMessage { number, text, state });
        }
        Ok(messages)
    }

    /// What somebody was about to say in a group.
    pub(crate) fn draft(&self, id: &GroupId) -> Stored<Option<String>> {
        let sql = "SELECT text FROM drafts WHERE group_id = ?";
        let row = self.0.query_row(sql, [id.as_slice()], |row| row.get::<_, Vec<u8>>(0));
        let text = row.optional()?;
        text.map(|text| self.unseal_text("drafts.text", id.as_slice(), &text)).transpose()
    }

    /// Keeps what somebody is about to say in a group; nothing, if it is empty.
    pub(crate) fn put_draft(&self, id: &GroupId, text: &str) -> Stored<()> {
        let id = id.as_slice();
        if text.is_empty() {
            self.0.execute("DELETE FROM drafts WHERE group_id = ?", [id])?;
            return Ok(());
        }
        let text = self.seal("drafts.text", id, text.as_bytes())?;
        let sql = "INSERT OR REPLACE INTO drafts (group_id, text) VALUES (?, ?)";
        self.0.execute(sql, params![id, text])?;
        Ok(())
    }

    /// A setting of the application.
    pub(crate) fn setting(&self, name: &str) -> Stored<Option<String>> {
        let tag = self.tag("settings.name", name.as_bytes())?;
        let sql = "SELECT value FROM settings WHERE name = ?";
        let row = self.0.query_row(sql, [&tag], |row| row.get::<_, Vec<u8>>(0));
        let value = row.optional()?;
        value.map(|value| self.unseal_text("settings.value", &tag, &value)).transpose()
    }

    /// Keeps a setting of the application, or forgets it.
    pub(crate) fn put_setting(&self, name: &str, value: Option<&str>) -> Stored<()> {
        let tag = self.tag("settings.name", name.as_bytes())?;
        let Some(value) = value else {
            self.0.execute("DELETE FROM settings WHERE name = ?", [&tag])?;
            return Ok(());
        };
        let value = self.seal("settings.value", &tag, value.as_bytes())?;
        let sql = "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)";
        self.0.execute(sql, params![tag, value])?;
        Ok(())
    }

    /// Notes that something was sent to a group with this client's keys, and not from here.
    pub(crate) fn put_doubt(&self, id: &GroupId) -> Stored<()> {
        let sql = "INSERT OR IGNORE INTO doubts (group_id) VALUES (?)";
        self.0.execute(sql, [id.as_slice()])?;
        Ok(())
    }

    /// Whether the keys in a group may have been used elsewhere.
    pub(crate) fn is_doubtful(&self, id: &GroupId) -> Stored<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM doubts WHERE group_id = ?)";
        Ok(self.0.prepare_cached(sql)?.query_row([id.as_slice()], |row| row.get(0))?)
    }

    /// The keys in a group are fresh.
    pub(crate) fn delete_doubt(&self, id: &GroupId) -> Stored<()> {
        self.0.prepare_cached("DELETE FROM doubts WHERE group_id = ?")?.execute([id.as_slice()])?;
        Ok(())
    }

    /// The groups in use that are in doubt, and of which nothing is wanted.
    pub(crate) fn doubtful_without_intent(&self) -> Stored<Vec<GroupId>> {
        let sql = "SELECT group_id FROM doubts JOIN groups USING (group_id)
                   WHERE status = ? AND NOT EXISTS (SELECT 1 FROM intents
                                                    WHERE intents.group_id = doubts.group_id)";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map([GroupStatus::Active.code()], |row| {
            row.get::<_, Vec<u8>>(0).map(GroupId::new)
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn open_event(&self, group: &[u8], position: Position, sealed: &[u8]) -> Stored<EventKind> {
        let row = super::group_rows::event_row(group, position);
        self.unseal_as("history.what", &row, sealed)
    }
}
