//! A folder that was copied, or put back from an older copy, is found out before anything is sent.
//!
//! Such a folder has keys that were used already, by the copy or by its own future self. Whatever
//! was sent with them is in the log, behind the place that the folder knows. So:
//!
//! * In each process, a group's log is read to its end once before anything is made or sent for the
//!   group.
//! * A message from the own leaf that this folder did not send proves that there is another one
//!   with the same keys. The group is then *in doubt*, durably: what waited to be sent is dropped,
//!   and the only thing that is made for the group is a commit with a fresh path. The doubt ends
//!   when it is accepted. A commit that this folder did not make cannot be followed; it halts the
//!   group, and the way back is a commit with a fresh path, too.
//! * The event [`EventKind::SentElsewhere`] tells the user.
//!
//! Any member can set the mark that names the sender, but not sign for it: a message that is not
//! signed with this client's key is skipped like every forgery.
//!
//! Two copies that run at the same moment are noticed when one reads what the other said, and not
//! before. What a copy only hears, nobody can notice.
//!
//! [`EventKind::SentElsewhere`]: crate::EventKind::SentElsewhere

use super::{Engine, Task};
use crate::store::{GroupStatus, Intent};
use crate::{Error, GroupId};
use delivery_api::Position;

impl Engine {
    /// What is to be read before anything is made or sent for a group.
    pub(super) fn read_before_sending(&mut self, group: &GroupId) -> Result<Option<Task>, Error> {
        if self.caught_up.contains(group) {
            return Ok(None);
        }
        let record = self.store.transaction()?.group_record(group)?;
        let record = record.filter(|record| record.status == GroupStatus::Active);
        Ok(record.map(|record| Task::ReadLog(record.id)))
    }

    /// Notes how far a log was read: at its end, the folder is known to be the only one that sent.
    pub(super) fn note_read(&mut self, group: &GroupId, read: Position, end: Position) {
        if read >= end {
            self.caught_up.insert(group.clone());
        }
    }

    /// A group in doubt gets fresh keys even if nothing else is wanted of it.
    pub(super) fn want_fresh_keys(&mut self) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        let mut wanted = Vec::new();
        for group in transaction.doubtful_without_intent()? {
            // Once: should it fail, it is made with whatever is wanted next.
            if !self.freshened.contains(&group) {
                transaction.add_intent(&group, &Intent::Update)?;
                wanted.push(group);
            }
        }
        transaction.commit()?;
        self.freshened.extend(wanted);
        Ok(())
    }
}
