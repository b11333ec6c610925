//! Commits (RFC 9420, section 12.4): creating, processing, and moving on to the next epoch.

mod advance;
mod create;
mod process;
mod staged;

pub(crate) use create::{CommitDraft, make_commit, renewed_leaf};
pub use create::{CommitOptions, NewCommit, PathChoice};
pub(crate) use process::UsedKey;
pub use staged::{CommitId, EpochChange, PendingCommit, StagedCommit, StagedEpoch};
