//! What people look at, as [`crate::engine`] keeps it.

use super::Account;
use crate::engine::{HistoryQuery, MessageState, OwnMessage};
use crate::{Error, Event, GroupId};

impl Account {
    /// A page of a group's history, oldest first: the latest, those before an event, or those that
    /// contain a text.
    ///
    /// # Errors
    /// The store failed.
    pub fn history_page(
        &mut self,
        group: &GroupId,
        query: &HistoryQuery,
    ) -> Result<Vec<Event>, Error> {
        self.engine.history_page(group, query)
    }

    /// How many messages of others in a group nobody has looked at.
    ///
    /// # Errors
    /// The store failed.
    pub fn unseen(&mut self, group: &GroupId) -> Result<u64, Error> {
        self.engine.unseen(group)
    }

    /// Says that somebody has looked at a group's events up to a number.
    ///
    /// # Errors
    /// The store failed.
    pub fn set_seen(&mut self, group: &GroupId, up_to: u64) -> Result<(), Error> {
        self.engine.set_seen(group, up_to)
    }

    /// The own messages of a group and what became of each, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub fn own_messages(&mut self, group: &GroupId) -> Result<Vec<OwnMessage>, Error> {
        self.engine.own_messages(group)
    }

    /// Own messages whose state has changed since this was asked last, in this process.
    pub fn take_message_changes(&mut self) -> Vec<(u64, MessageState)> {
        self.engine.take_message_changes()
    }

    /// What somebody was about to say in a group.
    ///
    /// # Errors
    /// The store failed.
    pub fn draft(&mut self, group: &GroupId) -> Result<Option<String>, Error> {
        self.engine.draft(group)
    }

    /// Keeps what somebody is about to say in a group; an empty text forgets it.
    ///
    /// # Errors
    /// The store failed.
    pub fn set_draft(&mut self, group: &GroupId, text: &str) -> Result<(), Error> {
        self.engine.set_draft(group, text)
    }

    /// A setting that the application keeps here.
    ///
    /// # Errors
    /// The store failed.
    pub fn setting(&mut self, name: &str) -> Result<Option<String>, Error> {
        self.engine.setting(name)
    }

    /// Keeps a setting for the application; `None` forgets it.
    ///
    /// # Errors
    /// The store failed.
    pub fn set_setting(&mut self, name: &str, value: Option<&str>) -> Result<(), Error> {
        self.engine.set_setting(name, value)
    }
}
