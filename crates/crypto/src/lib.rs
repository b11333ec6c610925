//! What MLS needs from cryptography (RFC 9420, section 5), without doing any of it.
//!
//! * A [`Provider`] performs primitives: hash, HMAC, AEAD, Diffie-Hellman, signatures. It is
//!   object-safe; each backend is a crate of its own.
//! * A [`SuiteParams`] says which primitives a cipher suite is made of. Suites are data: [`Crypto`]
//!   knows the seven of RFC 9420 and takes any other that an application registers.
//! * A [`Suite`] binds the two and speaks the RFC's language: [`Suite::expand_with_label`],
//!   [`Suite::sign_with_label`], [`Suite::encrypt_with_label`], [`Suite::ref_hash`].
//! * [`Secret`] is the only type that holds secret bytes. [`Signer`] hides where a signature key
//!   lives.
//!
//! Randomness is an argument ([`Random`]); nothing here keeps state.

mod digest;
mod encrypt_to_many;
mod error;
pub mod hpke;
mod keys;
mod labels;
mod provider;
mod secret;
mod suite;

pub use digest::Digest;
pub use error::CryptoError;
pub use hpke::HpkeCiphertext;
pub use keys::{HpkeKeyPair, HpkePublicKey, SignatureKeyPair, SignaturePublicKey, Signer};
pub use labels::{SignedContent, VerifiedSignature};
pub use provider::{DhKey, Provider, Random, SignedMessage, SigningKey};
pub use secret::Secret;
pub use suite::{
    AeadId, CipherSuite, Crypto, HashAlgorithm, KdfId, KemId, SignatureScheme, Suite, SuiteParams,
};
