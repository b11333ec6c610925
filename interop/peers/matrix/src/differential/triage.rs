//! Disagreements that are understood. Anything that is not listed here is a failure.

use super::Finding;
use crate::stacks::Stack;

/// A disagreement that is understood.
pub(crate) struct Entry {
    /// Whose answer is another than Conclave's.
    pub(crate) stack: Stack,
    /// Situations whose names contain this.
    pub(crate) situation: &'static str,
    /// What the stack does.
    pub(crate) does: &'static str,
    /// The section of RFC 9420.
    pub(crate) section: &'static str,
    /// Why it does so, and who is right.
    pub(crate) why: &'static str,
}

/// All that are understood.
pub(crate) const TRIAGE: &[Entry] = &[];

/// The entry that explains a finding.
pub(crate) fn explain(finding: &Finding) -> Option<&'static Entry> {
    TRIAGE.iter().find(|entry| {
        entry.stack == finding.stack
            && entry.does == finding.does
            && finding.situation.contains(entry.situation)
    })
}
