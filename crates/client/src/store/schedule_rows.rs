//! The statements on schedules: how fresh keys are, and who wishes to leave.

use super::{StoreTransaction, Stored};
use crate::GroupId;
use rusqlite::{OptionalExtension, params};

/// How far the own wish to leave a group has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// There is none.
    #[default]
    No,
    /// It is to be proposed in the current epoch.
    Wished,
    /// It is in the log, in the current epoch.
    Proposed,
}

/// What is due in a group, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// When this client came in. Nobody is seen to be idle for longer.
    pub(crate) since: u64,
    /// When the own keys were renewed; 0 if that shall be done at once.
    pub(crate) renewed_at: u64,
    /// Since when the own keys are due and their renewal is tried.
    pub(crate) asked_at: Option<u64>,
    /// Whether the application was told that it did not land in time.
    pub(crate) warned: bool,
    /// Whether this client wishes to leave.
    pub(crate) leaving: Leaving,
    /// When the first of the others' wishes to leave was read that wait for a commit.
    pub(crate) wish_seen_at: Option<u64>,
}

impl StoreTransaction<'_> {
    /// What is due in a group.
    pub(crate) fn schedule(&self, id: &GroupId) -> Stored<Option<Schedule>> {
        let sql = "SELECT since, renewed_at, asked_at, warned, leaving, wish_seen_at
                   FROM schedules WHERE group_id = ?";
        let mut statement = self.0.prepare_cached(sql)?;
        let row = statement.query_row([id.as_slice()], |row| {
            let leaving = match row.get(4)? {
                0_u8 => Leaving::No,
                1 => Leaving::Wished,
                _ => Leaving::Proposed,
            };
            Ok(Schedule {
                since: row.get(0)?,
                renewed_at: row.get(1)?,
                asked_at: row.get(2)?,
                warned: row.get(3)?,
                leaving,
                wish_seen_at: row.get(5)?,
            })
        });
        Ok(row.optional()?)
    }

    /// Writes what is due in a group.
    pub(crate) fn put_schedule(&self, id: &GroupId, schedule: &Schedule) -> Stored<()> {
        let leaving: u8 = match schedule.leaving {
            Leaving::No => 0,
            Leaving::Wished => 1,
            Leaving::Proposed => 2,
        };
        let sql = "INSERT OR REPLACE INTO schedules
                   (group_id, since, renewed_at, asked_at, warned, leaving, wish_seen_at)
                   VALUES (?, ?, ?, ?, ?, ?, ?)";
        self.0.prepare_cached(sql)?.execute(params![
            id.as_slice(),
            schedule.since,
            schedule.renewed_at,
            schedule.asked_at,
            schedule.warned,
            leaving,
            schedule.wish_seen_at,
        ])?;
        Ok(())
    }

    /// Begins the schedule of a group that this client has come into.
    pub(crate) fn begin_schedule(&self, id: &GroupId, since: u64, renewed_at: u64) -> Stored<()> {
        self.0.execute("DELETE FROM leaf_times WHERE group_id = ?", [id.as_slice()])?;
        self.put_schedule(id, &Schedule { since, renewed_at, ..Schedule::default() })
    }

    /// Notes that a leaf was seen to change, at a time.
    pub(crate) fn put_leaf_time(&self, id: &GroupId, leaf: u32, time: u64) -> Stored<()> {
        let sql = "INSERT OR REPLACE INTO leaf_times (group_id, leaf, renewed_at) VALUES (?, ?, ?)";
        self.0.prepare_cached(sql)?.execute(params![id.as_slice(), leaf, time])?;
        Ok(())
    }

    /// Forgets a leaf whose member is gone.
    pub(crate) fn delete_leaf_time(&self, id: &GroupId, leaf: u32) -> Stored<()> {
        let sql = "DELETE FROM leaf_times WHERE group_id = ? AND leaf = ?";
        self.0.prepare_cached(sql)?.execute(params![id.as_slice(), leaf])?;
        Ok(())
    }

    /// When a leaf was seen to change; `None` if it has not since this client came in.
    pub(crate) fn leaf_time(&self, id: &GroupId, leaf: u32) -> Stored<Option<u64>> {
        let sql = "SELECT renewed_at FROM leaf_times WHERE group_id = ? AND leaf = ?";
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_row(params![id.as_slice(), leaf], |row| row.get(0)).optional()?)
    }
}
