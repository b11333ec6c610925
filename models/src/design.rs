//! The design that is modelled, with a switch for every decision that matters.
//!
//! [`Design::default`] is what the delivery service does. Each other value of a switch is a mistake
//! or an earlier design; the tests show that the checker finds what is wrong with it.

/// What anchor keys can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Nothing: there are no anchors.
    Off,
    /// The earlier design: an anchor names the key of the current segment. `at_head` tells whether
    /// it must also name the current head.
    HandBack {
        /// Whether a repair is refused when the head has moved.
        at_head: bool,
    },
    /// An anchor locks the log for itself and corrects what bundles falsely stated; its next commit
    /// unlocks the log.
    Lock,
}

/// The decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Design {
    /// What anchors can do.
    pub repair: Repair,
    /// Whether a repair also restates the access keys of commits that clients accepted.
    pub restate_keys: bool,
    /// Whether a repair takes away the access keys of commits that clients did not accept.
    pub drop_keys: bool,
    /// Whether a repair leaves alone what lies beyond the last entry that its sender had read.
    pub bounded_repair: bool,
    /// Whether the key of the closed segment may still commit once, unless the commit that closed
    /// it was flagged as a removal.
    pub grace: bool,
    /// Whether a submission that comes again gets the answer that it got before.
    pub idempotency: bool,
    /// Whether comparing the head and moving it are one step.
    pub atomic_swap: bool,
    /// Whether answers wait until the transaction is durable.
    pub durable_answers: bool,
    /// Whether commit, key and Welcome are in one transaction.
    pub whole_bundles: bool,
    /// Whether messages are refused once the head has moved.
    pub strict_segments: bool,
    /// Whether reading ends at a commit flagged as a removal.
    pub reading_ends: bool,
    /// Whether an inbox keeps an item until it is acknowledged.
    pub inbox_waits: bool,
}

impl Default for Design {
    fn default() -> Self {
        Self {
            repair: Repair::Lock,
            restate_keys: true,
            drop_keys: true,
            bounded_repair: true,
            grace: false,
            idempotency: true,
            atomic_swap: true,
            durable_answers: true,
            whole_bundles: true,
            strict_segments: true,
            reading_ends: true,
            inbox_waits: true,
        }
    }
}
