//! Where a peer is known to deviate from RFC 9420: what would be a failure is shown as this.
//!
//! An entry is no excuse for anything but the answer it quotes.

use interop::runner::Outcome;

use crate::stacks::Stack;

/// A known deviation.
pub(crate) struct Deviation {
    /// Whose.
    pub(crate) stack: Stack,
    /// Scripts whose names start so; all if empty.
    pub(crate) script: &'static str,
    /// What the reason of the failure contains.
    pub(crate) reason: &'static str,
    /// The section of RFC 9420.
    pub(crate) section: &'static str,
    /// What it does, and what it should do.
    pub(crate) what: &'static str,
}

/// All that are known.
pub(crate) const DEVIATIONS: &[Deviation] = &[];

/// The deviation that a failure is due to.
pub(crate) fn known(outcome: &Outcome) -> Option<&'static Deviation> {
    let failure = outcome.failure.as_ref()?;
    let takes_part = |stack: Stack| outcome.cast.iter().any(|(_, peer)| peer == stack.name());
    DEVIATIONS.iter().find(|it| {
        takes_part(it.stack)
            && outcome.script.starts_with(it.script)
            && failure.reason.contains(it.reason)
    })
}
