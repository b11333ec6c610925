//! The news of many groups in one round trip. What each log shows is taken as if it had been read
//! by itself; a log that is not in the answer has nothing new.

use super::asked::Asked;
use super::repair::log_key;
use super::{Engine, Task};
use crate::store::GroupStatus;
use crate::{Error, GroupId, ServiceFault};
use delivery_api::limits;
use delivery_api::request::{self, Failure};
use delivery_api::sync::{Sync, Synced};
use std::collections::BTreeMap;

impl Engine {
    /// Plans to read the logs of these groups: all at once if they are several.
    pub(super) fn plan_to_read(&mut self, groups: Vec<GroupId>) {
        if let [group] = groups.as_slice() {
            self.plan.push_back(Task::ReadLog(group.clone()));
            return;
        }
        for some in groups.chunks(limits::SYNC_CURSORS_MAX) {
            self.plan.push_back(Task::ReadLogs(some.to_vec()));
        }
    }

    pub(super) fn ask_logs(
        &mut self,
        groups: &[GroupId],
        now: u64,
    ) -> Result<Option<Asked>, Error> {
        let unknown = ServiceFault::Inconsistent("it was asked before its key was known");
        let service = self.keys.service.ok_or(unknown)?;
        let (mut cursors, mut asked) = (Vec::new(), Vec::new());
        for group in groups {
            let transaction = self.store.transaction()?;
            let record = transaction.group_record(group)?;
            let Some(record) = record.filter(|record| record.status == GroupStatus::Active) else {
                continue;
            };
            let key = log_key(&transaction, &record)?;
            drop(transaction);
            if self.is_whole(&record)? {
                let place = (record.log, record.position);
                cursors.push(self.sign_cursor(place, &key, service, now)?);
                asked.push(record.id);
            }
        }
        if cursors.is_empty() {
            return Ok(None);
        }
        let request = request::sync(&Sync { time_seconds: now, cursors });
        Ok(Some(Asked::ReadLogs(request, asked)))
    }

    /// Takes the news of all these groups. What is wrong with one log keeps nobody from the others;
    /// the first such error comes out in the end.
    pub(super) fn logs_read(
        &mut self,
        answer: Result<Synced, Failure>,
        groups: &[GroupId],
        now: u64,
    ) -> Result<(), Error> {
        let mut news: BTreeMap<u32, _> =
            answer?.logs.into_iter().map(|news| (news.cursor, news.outcome)).collect();
        let mut first_error = Ok(());
        for (cursor, group) in (0..).zip(groups) {
            let taken = match news.remove(&cursor) {
                None => self.nothing_new(group, now),
                // In a large answer, what is new of the last logs is left out.
                Some(Ok(page)) if page.entries.is_empty() && !page.stopped => {
                    self.plan.push_back(Task::ReadLog(group.clone()));
                    Ok(())
                }
                Some(outcome) => self.log_read(outcome.map_err(Failure::Problem), group, now),
            };
            first_error = first_error.and(taken);
        }
        first_error
    }

    /// The log ends where it was read to.
    fn nothing_new(&mut self, group: &GroupId, now: u64) -> Result<(), Error> {
        let record = self.store.transaction()?.group_record(group)?;
        let Some(record) = record.filter(|record| record.status == GroupStatus::Active) else {
            return Ok(());
        };
        if self.open.get(group).is_some_and(|open| open.receipt.is_some()) {
            // Something of ours is there, so the service owes an explanation.
            self.plan.push_back(Task::ReadLog(group.clone()));
            return Ok(());
        }
        self.note_read(group, record.position, record.position);
        self.check_log_open(&record, now)
    }
}
