//! Message protection (RFC 9420, sections 6, 8.2, 9 and 15): from content to bytes that travel, and
//! back.
//!
//! * Say something: [`sign`] content, then [`public_message::protect`] it (signed, in the clear) or
//!   [`MessageSecrets::protect`] it (encrypted).
//! * Hear something: [`public_message::unprotect`] or [`MessageSecrets::unprotect`], then verify
//!   the signature with the key of the sender, which the caller looks up. What is left is a
//!   [`VerifiedContent`]; nothing else makes one from a message.
//! * Keys of one epoch: [`MessageSecrets`], a `sender_data_secret` and a [`SecretTree`]. Earlier
//!   epochs, for late messages: [`PastEpochs`].
//! * History: [`ConfirmedTranscriptHash`] and [`InterimTranscriptHash`].
//!
//! # A key is erased by what it proves
//!
//! Unprotecting changes nothing. It returns, beside the content, an update that erases the key; the
//! update comes out only when the signature is verified, and [`MessageSecrets::apply`] takes it. A
//! forged message therefore moves no ratchet and burns no key.
//!
//! ```
//! use crypto::{CipherSuite, Crypto, SignatureKeyPair, Signer};
//! use crypto_aws_lc::{SystemRandom, provider};
//! use protection::{MessageSecrets, PaddingPolicy, RatchetLimits, SecretTree, sign};
//! use wire::{Content, FramedContent, Sender, WireFormat};
//! # fn context(suite: &crypto::Suite) -> wire::GroupContext {
//! #     wire::GroupContext {
//! #         version: wire::ProtocolVersion::MLS10,
//! #         cipher_suite: suite.id(),
//! #         group_id: b"group".into(),
//! #         epoch: 7,
//! #         tree_hash: crypto::Digest::EMPTY,
//! #         confirmed_transcript_hash: crypto::Digest::EMPTY,
//! #         extensions: wire::Extensions::default(),
//! #     }
//! # }
//! # fn main() -> Result<(), protection::Error> {
//! let suite = Crypto::new(provider()).suite(CipherSuite(1));
//! let suite = suite.ok_or(crypto::CryptoError::Unsupported)?;
//! let random = &mut SystemRandom;
//! let alice = SignatureKeyPair::generate(&suite, random)?;
//! let context = context(&suite);
//!
//! // Both members derive these two secrets from the epoch's key schedule.
//! let size = tree::TreeSize::ONE.doubled().expect("two leaves are not too many");
//! let secrets = || {
//!     let tree = SecretTree::new(size, crypto::Secret::zeros(32), RatchetLimits::default());
//!     MessageSecrets::new(crypto::Secret::zeros(32), tree)
//! };
//! let (mut sending, mut receiving) = (secrets(), secrets());
//!
//! let content = FramedContent {
//!     group_id: context.group_id.clone(),
//!     epoch: context.epoch,
//!     sender: Sender::Member(0),
//!     authenticated_data: b"".into(),
//!     content: Content::Application(b"hello".into()),
//! };
//! let signed = sign(&suite, &alice, WireFormat::PRIVATE_MESSAGE, content, &context)?;
//! let message = sending.protect(&suite, signed, PaddingPolicy::default(), random)?;
//!
//! let opened = receiving.unprotect(&suite, &message)?;
//! let (content, update) = opened.verify(&suite, alice.public_key(), &context)?;
//! receiving.apply(update)?;
//! assert_eq!(content.content().content, Content::Application(b"hello".into()));
//! assert!(receiving.unprotect(&suite, &message).is_err(), "the key is erased");
//! # Ok(())
//! # }
//! ```

mod content;
mod error;
mod padding;
mod past_epochs;
mod private_message;
pub mod public_message;
mod ratchet;
mod reuse_guard;
mod secret_tree;
mod sender_data;
mod usage;

pub use content::{UnprotectedContent, VerifiedContent, sign};
pub use error::{Error, Limit, Misuse, Violation};
pub use padding::PaddingPolicy;
pub use past_epochs::{PAST_EPOCHS_MAX, PastEpoch, PastEpochHead, PastEpochRow, PastEpochs};
pub use private_message::{MessageSecrets, OpenedMessage, PRIVATE_MESSAGE_BYTES_MAX};
pub use ratchet::{MessageKey, RatchetId, RatchetKind, RatchetLimits};
pub use reuse_guard::ReuseGuard;
pub use secret_tree::{KeyLookup, RatchetUpdate, SecretTree, SecretTreeRow};
pub use sender_data::SenderDataKey;
pub use tree::{ConfirmedTranscriptHash, InterimTranscriptHash};
pub use usage::{AeadCost, AeadUsage};
