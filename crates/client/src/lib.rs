//! The client: accounts, groups and messages over the delivery service, durably.
//!
//! * To have an account, [`Account::create`]; to come back to it, [`Account::open`].
//! * To talk: [`Account::create_group`], [`Account::add`], [`Account::remove`], [`Account::send`],
//!   [`Account::update_keys`]; to hear, [`Account::receive`] and [`Account::follow`].
//! * To share files: [`Account::send_file`], [`Account::save_file`].
//! * To be sure whom one talks to: [`Account::safety_number`], [`Account::authenticator`],
//!   [`Account::trust`]; to look after one's own keys, [`Account::rotate_root`],
//!   [`Account::recovery_code`].
//! * To have several devices: [`Account::create_linked`] and [`Account::link`],
//!   [`Account::revoke`]; to come back with nothing left but the code, [`Account::recover`].
//! * To look: [`Account::groups`], [`Account::group`], [`Account::history`].
//! * To see whether all is well: [`Account::examine`], [`examine_folder`].
//! * To bring another network, implement [`transport::Transport`]. To drive everything by hand, as
//!   a simulator does, take the [`engine::Engine`].
//!
//! Everything an account does is stored before it is sent, and everything it learns is stored
//! before it is told. A process may be killed at any moment and another one carries on from the
//! same folder; one process at a time uses it. What is in the folder is sealed under a passphrase
//! or key, if [`Home`] gives one.
//!
//! ```no_run
//! use client::{Account, EventKind, Home};
//!
//! # fn main() -> Result<(), client::Error> {
//! let home = Home::with_passphrase("alice-home", "correct horse battery staple");
//! let mut alice = Account::create(&home, "alice", "http://127.0.0.1:7420")?;
//! let group = alice.create_group("garden")?;
//! alice.add(&group, &["bob"])?;
//! alice.send(&group, "hello")?;
//! for event in alice.receive()? {
//!     if let EventKind::Message { from, text, .. } = event.kind {
//!         println!("{from}: {text}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod account;
mod code;
mod direct;
pub mod engine;
mod error;
mod event;
mod examination;
mod file;
mod id;
mod identity;
mod message;
mod policy;
mod rescue;
mod store;
pub mod transport;

pub use account::{Account, Attachment, Peek, Waker};
pub use authentication::{AccountKey, KeySource, KnownAccount};
pub use engine::{
    AccountDevice, Done, GroupState, GroupSummary, HistoryQuery, MessageState, OwnMessage,
    PolicyViolation,
};
pub use error::{Error, Misuse, ServiceFault};
pub use event::{Event, EventKind};
pub use examination::{Finding, Verdict, examine_folder};
pub use file::FILE_BYTES_MAX;
pub use id::GroupId;
pub use identity::Identity;
pub use message::TEXT_BYTES_MAX;
pub use policy::{ExternalJoins, GroupPolicy, Padding};
pub use store::{Home, Protection, StoreError, StoreKey};
