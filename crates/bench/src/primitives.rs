//! The bare primitives of a backend, called without any layer of ours or of a peer: what the floor
//! is made of. Keys are parsed beforehand wherever a careful implementation could keep them parsed.

mod aws_lc;
mod rustcrypto;

use std::fmt;

use serde::{Deserialize, Serialize};

/// A source of primitives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Backend {
    /// aws-lc-rs.
    AwsLc,
    /// The crates of the RustCrypto and dalek projects.
    RustCrypto,
}

impl fmt::Display for Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::AwsLc => "AWS-LC",
            Self::RustCrypto => "RustCrypto",
        })
    }
}

/// Primitives with their inputs in place; each call does the work of one use.
pub(crate) trait Primitives {
    /// A public key from a private one, as for a node's or an ephemeral key pair.
    fn key_pair(&self);
    /// Diffie-Hellman with both keys parsed.
    fn dh(&self);
    /// A signature.
    fn sign(&self, message: &[u8]);
    /// The check of the signature over the message that the primitives were made with.
    fn verify(&self, message: Message);
    /// The suite's hash.
    fn hash(&self, data: &[u8]);
    /// HMAC of a short message under a key of the length of a hash: a step of HKDF.
    fn hmac(&self);
    /// AEAD encryption in place, with the key schedule of a fresh key.
    fn seal(&self, data: &mut [u8]);
}

/// Which of the two prepared messages a signature is verified for.
#[derive(Clone, Copy)]
pub(crate) enum Message {
    Short,
    Long,
}

/// The lengths between which prices are interpolated.
pub(crate) const SHORT: usize = 256;
pub(crate) const LONG: usize = 65_536 + 256;

pub(crate) fn messages() -> (Vec<u8>, Vec<u8>) {
    (vec![7; SHORT], vec![7; LONG])
}

/// The primitives of a suite.
///
/// # Panics
/// If the suite is not one of 1, 2 and 3, which the driver has checked.
pub(crate) fn primitives(backend: Backend, suite: u16) -> Box<dyn Primitives> {
    match backend {
        Backend::AwsLc => aws_lc::primitives(suite),
        Backend::RustCrypto => rustcrypto::primitives(suite),
    }
}
