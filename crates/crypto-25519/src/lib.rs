//! Which public keys of X25519 and which Ed25519 signatures are valid, for both backends.
//!
//! Libraries differ on keys and signatures that no honest client makes, and all members must come
//! to the same answer. So the rule is written down once, here:
//! `docs/decisions/ed25519-verification.md` says which it is and why.
//!
//! * [`ed25519_verify`] verifies one signature.
//! * [`ed25519_verify_batch`] verifies many at less than half the cost, and accepts them exactly if
//!   [`ed25519_verify`] accepts each.
//! * [`is_weak_ed25519`] tells the keys that no signature is valid under, [`is_weak_x25519`] those
//!   with which Diffie-Hellman gives zero.
//!
//! Public data only: nothing here runs in constant time.

mod ed25519;
mod weak_keys;

pub use ed25519::{ed25519_verify, ed25519_verify_batch};
pub use weak_keys::{is_weak_ed25519, is_weak_x25519};
