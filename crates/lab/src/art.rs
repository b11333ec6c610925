//! Asynchronous Ratcheting Trees (Cohn-Gordon, Cremers, Garratt, Millican, Milner, 2017) in three
//! forms.
//!
//! * [`prototype::Prototype`]: the bytes of the Java program that was published with the paper;
//!   groups are set up once and members update.
//! * [`DRAFT01`]: draft-ietf-mls-protocol-01, with adds and removals.
//! * [`MODERN`]: the same tree by the functions of RFC 9420 and with its key schedule, for every
//!   cipher suite, signed, with a [`Book`](crate::group2018::Book) of who knows whose leaf.
//!
//! In all of them the secret of a parent comes from a Diffie-Hellman between its children: no node
//! can be left blank, and whoever chose a leaf's secret knows all nodes above it until the leaf's
//! owner updates.

mod derivation;
pub mod prototype;
mod tree;

pub use derivation::Derivation;
pub(crate) use derivation::draft_key_pair;
pub use tree::ArtTree;

use crate::group2018::{BookRule, GroupProtocol, Profile};

/// ART of draft-01.
pub const DRAFT01: GroupProtocol<ArtTree> =
    GroupProtocol::new("art-draft01", "ART, draft-ietf-mls-protocol-01 (2018)", Profile::Draft01);

/// ART by the functions of RFC 9420.
pub const MODERN: GroupProtocol<ArtTree> = GroupProtocol::new(
    "art-modern",
    "ART by RFC 9420's functions, with a book of owners",
    Profile::Modern(BookRule::Respected),
);

/// [`MODERN`] without what makes removals safe, to show why it is needed.
pub const MODERN_WITHOUT_BOOK: GroupProtocol<ArtTree> = GroupProtocol::new(
    "art-modern-without-book",
    "ART by RFC 9420's functions, the book of owners ignored",
    Profile::Modern(BookRule::Ignored),
);

#[cfg(test)]
mod tests;
