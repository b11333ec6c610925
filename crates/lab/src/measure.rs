//! What the group key agreements cost: bytes, operations, times, and what is left of the claims of
//! 2018.
//!
//! Everything is computed from messages that were really made and processed, in warm groups unless
//! it says otherwise, by member 0. Long functions tell how far they are ([`Progress`]).

mod bytes;
mod claims;
mod closed_forms;
pub mod closed_forms_2018;
mod costs;
mod ops;
mod pairwise;
mod paper;
mod times;

pub use bytes::{BYTE_SIZES, Bytes, bytes, bytes_table};
pub use claims::claims_table;
pub use closed_forms::{path_bytes, path_levels, setup_bytes, update_bytes};
pub use costs::{COST_SIZES, cost_plots, costs, costs_table};
pub use ops::{Recipients, Spread, UpdateOps, histogram_table, ops_table, update_ops};
pub use paper::{PAPER_SIZES, PaperRow, paper_row, paper_table};
pub use times::{Fit, Primitives, primitives, times_tables, update_times};

/// Told how much of how much is done.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);
