//! The outcome of one vector file.

use std::fmt;

use crate::{Failure, Kind};

/// Which entries of a file hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which file.
    pub kind: Kind,
    /// How many entries hold.
    pub passed: usize,
    /// The others: place in the file, from 0, and what differs.
    pub failed: Vec<(usize, Failure)>,
}

impl Report {
    /// Whether there are entries and all of them hold.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.failed.is_empty() && self.passed > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, failed) = (self.kind.file_name(), self.failed.len());
        write!(formatter, "{name}: {} passed, {failed} failed", self.passed)?;
        for (index, failure) in &self.failed {
            write!(formatter, "\n  {name}[{index}]: {failure}")?;
        }
        Ok(())
    }
}
