//! Group operations without secrets (RFC 9420, sections 4, 7 and 12).

mod math;

pub use math::{LeafIndex, NodeIndex, TreeSize};
