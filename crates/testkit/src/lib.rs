//! What tests of several crates share: seeded randomness, damaged bytes, the official vector files.
//!
//! Nothing here is for production: [`SeededRandom`] is predictable on purpose.
//!
//! * To run a test twice alike: [`SeededRandom`].
//! * To play a group's life: [`Person`], [`group_of`], [`assert_agreement`].
//! * To enter a large group that has lived: [`warm_group`].
//! * To break the rules as an insider: [`forge`].
//! * To damage an encoding in every simple way: [`mutations`], [`truncations`].
//! * To read bytes from text: [`hex()`]. To read an official vector file: [`official_vectors`].

pub mod forge;
mod mutations;
mod official;
mod person;
mod random;
mod warm;

pub use mutations::{byte_changes, mutations, truncations};
pub use official::official_vectors;
pub use person::{
    AcceptAll, NOW, NewCommitSent, Person, TestPsks, Traits, assert_agreement, group_of,
};
pub use random::SeededRandom;
pub use warm::{WarmGroup, warm_group};

/// The bytes that hexadecimal digits stand for.
///
/// # Panics
/// If `digits` is not hexadecimal.
#[must_use]
pub fn hex(digits: &str) -> Vec<u8> {
    hex::decode(digits).expect("a test writes its hexadecimal digits correctly")
}

/// The hexadecimal digits of `bytes`.
#[must_use]
pub fn to_hex(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(bytes)
}
