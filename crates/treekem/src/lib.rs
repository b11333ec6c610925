//! Group key agreement (RFC 9420, sections 7.4 to 7.6 and 8): how members come to share each epoch's
//! secrets.
//!
//! * To derive an epoch's secrets, go through the stages of the key schedule: [`InitSecret`] and
//!   [`CommitSecret`] make a [`JoinerSecret`]; with a [`PskSecret`] it makes a [`MemberSecret`], which
//!   becomes [`EpochSecrets`].
//! * To start the key schedule of a new group use [`EpochSecrets::for_new_group`].
//! * To export a secret use [`EpochSecrets::export`]; to join from outside,
//!   [`InitSecret::send_external`].
//!
//! Nothing here knows messages or proposals, and nothing is remembered: every function takes the
//! secrets it needs and returns the ones it made.

#[macro_use]
mod secret_newtype;

mod epoch_secrets;
mod error;
mod exporter;
mod external_init;
mod key_schedule;
mod psk;

pub use epoch_secrets::{ConfirmationTag, EpochSecrets};
pub use error::{Error, Misuse, Violation};
pub use key_schedule::{CommitSecret, InitSecret, JoinerSecret, MemberSecret, WelcomeSecret};
pub use psk::{PSKS_MAX, PskSecret, psk_secret};
