//! The authentication service in its first form: accounts that certify their own devices (RFC 9420,
//! section 5.3.1; RFC 9750, section 4).
//!
//! * An account is a name and a *root key*, made by its owner. The root signs a
//!   [`DeviceStatement`] for each device, with a lifetime, on the strength of the [`DeviceCard`]
//!   that the device signs; and the [`DeviceList`]. All of them travel in the leaf as a
//!   [`DeviceCredential`].
//! * [`AccountPolicy`] judges leaves by them: [`AccountPolicy::verify`] says whose a leaf is, and
//!   [`AccountPolicy::check_standing`] whether it may be let in today,
//!   [`AccountPolicy::check_member`] whether a member must go.
//! * [`KnownAccounts`] is what a client believes: which root stands for a name, and which are its
//!   devices. A root is believed when it is first seen, or given by hand
//!   ([`KeySource`]). A transparency log would be a third source.
//! * A root follows another by a [`Succession`] that both sign. A [`DeviceList`] has a number; of
//!   two, the higher one counts, and a device that it does not name must not be let in any more.
//! * [`safety_number`] and [`authenticator_digits`] are for two people to compare.
//!
//! # Two kinds of question
//!
//! What a leaf says and who signed it is the same for everybody at any time; a leaf that fails
//! there is refused wherever it appears. Whether it has expired or is still listed depends on the
//! and on what a client has heard. If that decided about the commits of others, members of one
//! group would part ways over it, and whoever reads late would be shut out by the past. So it is
//! asked where the answer is one's own: before adding somebody, and to remove who is in.

mod account_key;
mod credential;
mod device_card;
mod device_list;
mod digits;
mod known;
mod policy;
mod statement;
mod succession;
mod violation;

pub use account_key::AccountKey;
pub use credential::{DeviceCredential, SUCCESSIONS_MAX};
pub use device_card::DeviceCard;
pub use device_list::{DEVICES_MAX, DeviceList};
pub use digits::{authenticator_digits, safety_number};
pub use known::{KeySource, KnownAccount, KnownAccounts, Vouched};
pub use policy::{AccountPolicy, EXPIRED_MEMBER_SECONDS};
pub use statement::{DeviceStatement, LIFETIME_SECONDS_MAX};
pub use succession::Succession;
pub use violation::Violation;
