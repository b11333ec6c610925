//! Fetching what is new: of every group, of the inbox, of the account itself.

use super::locate::Search;
use super::{Engine, Task};
use crate::Error;
use crate::store::GroupStatus;

impl Engine {
    /// Says that news is wanted: of every group, of the inbox, of the stock of key packages.
    ///
    /// # Errors
    /// The store failed.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.waiting.clear();
        self.backup_inbox.was_asked_for = false;
        let account = self.store.transaction()?.account()?;
        if !account.is_some_and(|account| account.registered) {
            // The service refuses the account's own affairs to whom it does not know.
            self.plan.push_back(Task::Register);
        }
        self.plan_logs()?;
        self.plan.push_back(Task::ReadInbox);
        self.plan.push_back(Task::Stock);
        self.plan.push_back(Task::Tend);
        self.plan.push_back(Task::BackUp);
        self.plan.push_back(Task::OfferAnchors);
        Ok(())
    }

    /// Plans to read the logs of all groups in use. Before the inbox: a Welcome back into a group
    /// is only understood once the removal before it was.
    pub(super) fn plan_logs(&mut self) -> Result<(), Error> {
        let records = self.store.transaction()?.group_records()?;
        let mut active = Vec::new();
        for record in records {
            match record.status {
                GroupStatus::Active => active.push(record.id),
                // Found, it is read on from there.
                GroupStatus::Locating => {
                    self.plan.push_back(Task::Locate(record.id, Search::End));
                }
                _ => {}
            }
        }
        self.plan_to_read(active);
        Ok(())
    }
}
