//! What people look at: history by pages, what was read, what became of own messages, drafts,
//! settings. All of it is local.

use super::Engine;
use crate::{Error, Event, EventKind, GroupId};
use delivery_api::Position;

/// Which part of a group's history is wanted.
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    /// Only events with smaller numbers: the first of the page before.
    pub before: u64,
    /// How many at most.
    pub limit: usize,
    /// Only messages and files that contain this, whatever the case of its letters.
    pub text: Option<String>,
}

impl Default for HistoryQuery {
    /// The latest hundred.
    fn default() -> Self {
        Self { before: u64::MAX, limit: 100, text: None }
    }
}

/// What became of an own message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// It is to be sent.
    Pending,
    /// It is in the group's log, for all members to read.
    Accepted(Position),
    /// It will not be sent any more.
    Refused(String),
}

/// An own message and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnMessage {
    /// The number under which it was wanted: [`Engine::send`] returns it.
    pub number: u64,
    /// What it says; of a file, its name.
    pub text: String,
    /// What became of it.
    pub state: MessageState,
}

impl Engine {
    /// The events that nobody has taken yet, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub fn unread(&mut self) -> Result<Vec<Event>, Error> {
        Ok(self.store.transaction()?.unread()?)
    }

    /// Says that the events up to a number were taken.
    ///
    /// # Errors
    /// The store failed.
    pub fn set_read(&mut self, up_to: u64) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        transaction.set_read(up_to)?;
        Ok(transaction.commit()?)
    }

    /// A page of a group's history, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub fn history_page(
        &mut self,
        group: &GroupId,
        query: &HistoryQuery,
    ) -> Result<Vec<Event>, Error> {
        let mut page = Vec::new();
        let text = query.text.as_ref().map(|text| text.to_lowercase());
        let transaction = self.store.transaction()?;
        let mut take = |event: Event| {
            if page.len() < query.limit && text.as_ref().is_none_or(|it| contains(&event, it)) {
                page.push(event);
            }
            page.len() < query.limit
        };
        transaction.visit_history(group, query.before, &mut take)?;
        page.reverse();
        Ok(page)
    }

    /// How many messages of others in a group nobody has looked at: see [`Engine::set_seen`].
    ///
    /// # Errors
    /// The store failed.
    pub fn unseen(&mut self, group: &GroupId) -> Result<u64, Error> {
        Ok(self.store.transaction()?.unseen(group)?)
    }

    /// Says that somebody has looked at a group's events up to a number. Another thing than
    /// [`Engine::set_read`], which is between the engine and the application.
    ///
    /// # Errors
    /// The store failed.
    pub fn set_seen(&mut self, group: &GroupId, up_to: u64) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        transaction.set_seen(group, up_to)?;
        Ok(transaction.commit()?)
    }

    /// The own messages of a group and what became of each, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub fn own_messages(&mut self, group: &GroupId) -> Result<Vec<OwnMessage>, Error> {
        Ok(self.store.transaction()?.own_messages(group)?)
    }

    /// Own messages whose state has changed since this was asked last, in this process.
    pub fn take_message_changes(&mut self) -> Vec<(u64, MessageState)> {
        std::mem::take(&mut self.message_changes)
    }

    /// What somebody was about to say in a group.
    ///
    /// # Errors
    /// The store failed.
    pub fn draft(&mut self, group: &GroupId) -> Result<Option<String>, Error> {
        Ok(self.store.transaction()?.draft(group)?)
    }

    /// Keeps what somebody is about to say in a group; an empty text forgets it.
    ///
    /// # Errors
    /// The store failed.
    pub fn set_draft(&mut self, group: &GroupId, text: &str) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        transaction.put_draft(group, text)?;
        Ok(transaction.commit()?)
    }

    /// A setting that the application keeps here.
    ///
    /// # Errors
    /// The store failed.
    pub fn setting(&mut self, name: &str) -> Result<Option<String>, Error> {
        Ok(self.store.transaction()?.setting(name)?)
    }

    /// Keeps a setting for the application; `None` forgets it.
    ///
    /// # Errors
    /// The store failed.
    pub fn set_setting(&mut self, name: &str, value: Option<&str>) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        transaction.put_setting(name, value)?;
        Ok(transaction.commit()?)
    }
}

/// Whether an event is a message or file that contains a text in lower case.
fn contains(event: &Event, text: &str) -> bool {
    match &event.kind {
        EventKind::Message { text: said, .. } => said.to_lowercase().contains(text),
        EventKind::File { name, .. } => name.to_lowercase().contains(text),
        _ => false,
    }
}
