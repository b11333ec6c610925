//! Sync: the news of many logs in one answer, each read as its own key may read it.

use super::call::SyncCursor;
use super::{Answer, log};
use crate::store::{Outcome, Rows};
use delivery_api::limits;
use delivery_api::request::Window;
use delivery_api::sync::{LogNews, Synced};

/// Reads behind each cursor; a log without news is left out.
pub(super) fn sync(rows: &mut dyn Rows, cursors: &[SyncCursor]) -> Outcome {
    let mut logs = Vec::new();
    let mut bytes = 0;
    for (cursor, asked) in (0..).zip(cursors) {
        // Beyond a page's worth of entries, only where there is news.
        let full = bytes >= limits::PAGE_BYTES_MAX;
        let limit = if full { 0 } else { limits::SYNC_ENTRIES_MAX };
        let window = Window { after: asked.after, limit, wait_seconds: 0 };
        let news = match &asked.key {
            Ok(key) => log::news(rows, asked.log, key.key(), &window),
            Err(problem) => Err(problem.clone()),
        };
        let outcome = match news {
            Ok(None) => continue,
            Ok(Some(page)) => {
                bytes += page.entries.iter().map(|entry| entry.bytes.len()).sum::<usize>();
                Ok(page)
            }
            Err(problem) => Err(problem),
        };
        logs.push(LogNews { cursor, outcome });
    }
    Ok(Answer::new(&Synced { logs }))
}
