//! The official test vectors of MLS (RFC 9420): all sixteen kinds, verified and generated.
//!
//! The format is that of `mlswg/mls-implementations`, `test-vectors.md`. One module per kind; each
//! has an `Entry`, one object of the JSON array, that implements [`Vector`]. The calling order:
//!
//! * To check a directory of vector files: [`verify_dir`]; one [`Report`] a file.
//! * To check the text of one file: [`Kind::verify`].
//! * To write all files with fresh values: [`generate_dir`].
//!
//! No entry is skipped: a suite that the backend lacks is a failure, and so is an unknown field.

pub mod crypto_basics;
pub mod deserialization;
mod directory;
mod failure;
mod hex;
pub mod key_schedule;
mod keys;
mod kind;
pub mod message_protection;
pub mod messages;
pub mod passive_client;
pub mod psk_secret;
mod report;
mod sample_tree;
pub mod secret_tree;
pub mod transcript_hashes;
pub mod tree_math;
pub mod tree_operations;
pub mod tree_validation;
pub mod treekem;
pub mod welcome;

pub use directory::{generate_dir, verify_dir};
pub use failure::Failure;
pub use hex::Hex;
pub use kind::{Kind, Scale, Vector};
pub use report::Report;
