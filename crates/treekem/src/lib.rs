//! Group key agreement (RFC 9420, sections 7.4 to 7.6 and 8): how members come to share each
//! epoch's secrets.
//!
//! * To derive an epoch's secrets, go through the stages of the key schedule: [`InitSecret`] and
//!   [`CommitSecret`] make a [`JoinerSecret`]; with a [`PskSecret`] it makes a [`MemberSecret`],
//!   which becomes [`EpochSecrets`].
//! * To start the key schedule of a new group use [`EpochSecrets::for_new_group`].
//! * To send a path through the tree use [`NewPath`]; to receive one, [`ReceivedPath`]. Both make
//!   the [`CommitSecret`], and the [`PrivatePath`] that the member holds from then on.
//! * To start with the path secret of a Welcome use [`PrivatePath::join`].
//! * To export a secret use [`EpochSecrets::export`]; to join from outside,
//!   [`InitSecret::send_external`].
//!
//! ```
//! use treekem::{CommitSecret, EpochSecrets, JoinerSecret, PskSecret};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let crypto = crypto::Crypto::new(crypto_aws_lc::provider());
//! # let suite = crypto.suite(crypto::CipherSuite(1)).ok_or("suite 1")?;
//! # let mut random = crypto_aws_lc::SystemRandom;
//! let old = EpochSecrets::for_new_group(&suite, &mut random)?;
//! // A commit without a path and without pre-shared keys leads to the next epoch.
//! let context = b"the new epoch's GroupContext";
//! let commit_secret = CommitSecret::without_path(&suite);
//! let joiner = JoinerSecret::derive(&suite, old.init_secret(), &commit_secret, context)?;
//! let member = joiner.member_secret(&suite, &PskSecret::none(&suite))?;
//! let new = member.into_epoch_secrets(&suite, context)?;
//! let tag = new.confirmation_tag(&suite, b"confirmed transcript hash")?;
//! // Whoever derives the same epoch finds the tag right.
//! new.verify_confirmation_tag(&suite, b"confirmed transcript hash", tag.as_opaque())?;
//! assert_ne!(new.epoch_authenticator(), old.epoch_authenticator());
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here knows messages or proposals, and nothing is remembered: every function takes the
//! secrets it needs and returns the ones it made.

#[macro_use]
mod secret_newtype;

mod decap;
mod encap;
mod epoch_secrets;
mod error;
mod exporter;
mod external_init;
mod join;
mod key_schedule;
mod path_context;
mod path_secret;
mod private_path;
mod psk;

pub use decap::ReceivedPath;
pub use encap::NewPath;
pub use epoch_secrets::{ConfirmationTag, EpochSecrets};
pub use error::{Error, Misuse, Violation};
pub use key_schedule::{CommitSecret, InitSecret, JoinerSecret, MemberSecret, WelcomeSecret};
pub use path_context::PathContext;
pub use path_secret::PathSecret;
pub use private_path::{PrivatePath, StoredPrivatePath};
pub use psk::{PSKS_MAX, PskSecret, psk_secret};
