//! What members make of a log: the first valid commit wins, everything else in the lane is skipped.
//!
//! [`Group::of`] is a function of the entries alone; two members who have read the same prefix are
//! in the same epoch.

use crate::log::{Content, Entry, FIRST_EPOCH, Id, Key, Position, Restated, Who};

/// A commit that every client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Where it is.
    pub position: Position,
    /// The epoch that it opened.
    pub epoch: Id,
    /// Whom it removed.
    pub removes: Option<Who>,
}

/// A group as it is after some entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The commits that count.
    pub accepted: Vec<Accepted>,
}

impl Group {
    /// The group after these entries.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        let mut group = Self { accepted: Vec::new() };
        for (position, entry) in (1..).zip(entries) {
            if let Content::Commit { parent, removes } = entry.content
                && parent == group.epoch()
                && group.has(entry.id.by)
            {
                group.accepted.push(Accepted { position, epoch: entry.id, removes });
            }
        }
        group
    }

    /// The last epoch.
    #[must_use]
    pub fn epoch(&self) -> Id {
        self.accepted.last().map_or(FIRST_EPOCH, |commit| commit.epoch)
    }

    /// Whether somebody is a member.
    #[must_use]
    pub fn has(&self, who: Who) -> bool {
        self.removal(who).is_none()
    }

    /// The position where somebody was removed.
    #[must_use]
    pub fn removal(&self, who: Who) -> Option<Position> {
        let removal = self.accepted.iter().find(|commit| commit.removes == Some(who));
        removal.map(|commit| commit.position)
    }

    /// The access keys that somebody can derive: of every epoch it was a member in.
    pub fn keys_of(&self, who: Who) -> impl Iterator<Item = Key> + '_ {
        let until = self.removal(who).unwrap_or(Position::MAX);
        let epochs = self.accepted.iter().filter(move |commit| commit.position < until);
        std::iter::once(FIRST_EPOCH).chain(epochs.map(|commit| commit.epoch)).map(Key::Epoch)
    }

    /// The truth about the commits behind a position that count, as an honest anchor states it.
    #[must_use]
    pub fn restated(&self, after: Position) -> Vec<Restated> {
        let restate = |commit: &Accepted| Restated {
            head: commit.position,
            key: Key::Epoch(commit.epoch),
            removes: commit.removes.is_some(),
        };
        self.accepted.iter().filter(|at| at.position > after).map(restate).collect()
    }
}
