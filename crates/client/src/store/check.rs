//! Whether the database is whole, and every row one that this client understands.

use super::{StoreTransaction, Stored};
use rusqlite::Row;

/// How many faults SQLite is asked for; one is enough to be bad.
const FAULTS_MAX: u32 = 3;

impl StoreTransaction<'_> {
    /// What SQLite finds wrong with the file; nothing, if it is whole.
    pub(crate) fn faults(&self) -> Stored<Vec<String>> {
        let text = |row: &Row<'_>| row.get::<_, String>(0);
        let sql = format!("PRAGMA integrity_check({FAULTS_MAX})");
        let mut statement = self.0.prepare(&sql)?;
        let found: Result<Vec<_>, _> = statement.query_map([], text)?.collect();
        let mut faults: Vec<String> = found?.into_iter().filter(|line| line != "ok").collect();
        let mut statement = self.0.prepare("PRAGMA foreign_key_check")?;
        let dangling: Result<Vec<_>, _> = statement.query_map([], text)?.collect();
        faults.extend(dangling?.iter().map(|table| format!("a row of {table} refers to nothing")));
        Ok(faults)
    }

    /// Decodes every row. Returns how many groups and events there are.
    pub(crate) fn decode_all(&self) -> Stored<(usize, usize)> {
        self.account()?;
        self.known_accounts()?;
        self.belonging()?;
        self.device_credentials()?;
        self.next_item()?;
        self.next_upload()?;
        self.intents()?;
        self.unread()?;
        let groups = self.group_records()?;
        let mut events = 0;
        for group in &groups {
            self.outbox(&group.id)?;
            let history = self.history(&group.id)?;
            events += history.len();
            for event in history {
                self.file(event.number)?;
            }
        }
        Ok((groups.len(), events))
    }
}
