//! The book of owners (after the "Book" of the IETF 103 slides on double joins): who set whose
//! leaf.
//!
//! In an ART somebody knows the secret of a node exactly if they know the secret of a leaf below
//! it, for every node above a leaf changes with the leaf. So it is enough to write down, for each
//! leaf that was last set by another than its owner, by whom. When that member is removed, these
//! leaves are what has to be set anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::messages::BookEntry;

/// Which leaves are known to somebody beside their owner. Copies share it until one changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book(Arc<BTreeMap<u32, u32>>);

impl Book {
    pub(crate) fn new(entries: Vec<BookEntry>) -> Self {
        Self(Arc::new(entries.into_iter().map(|entry| (entry.leaf, entry.owner)).collect()))
    }

    pub(crate) fn entries(&self) -> Vec<BookEntry> {
        self.0.iter().map(|(&leaf, &owner)| BookEntry { leaf, owner }).collect()
    }

    /// Notes that `setter` chose the secret of `leaf`: an entry, unless it is its own.
    pub(crate) fn set(&mut self, leaf: u32, setter: u32) {
        if leaf != setter {
            Arc::make_mut(&mut self.0).insert(leaf, setter);
        } else if self.0.contains_key(&leaf) {
            Arc::make_mut(&mut self.0).remove(&leaf);
        }
    }

    /// The leaves that `owner` set for others and knows, in order.
    #[must_use]
    pub fn leaves_of(&self, owner: u32) -> Vec<u32> {
        let owned = self.0.iter().filter(|&(_, by)| *by == owner);
        owned.map(|(&leaf, _)| leaf).collect()
    }

    /// How many leaves are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether every leaf is known to its owner alone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
