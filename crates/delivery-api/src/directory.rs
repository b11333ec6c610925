//! The name directory: a thin stand-in for an authentication service, apart from everything else.
//!
//! It maps a name to the devices that its owner lists and promises nothing more; clients must
//! compare safety numbers or bring an authentication service of their own.

use crate::id::DeviceId;

/// The devices under a name. The first to put a name owns it; only the owner's key may replace the
/// list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRecord {
    /// The devices.
    pub devices: Vec<DeviceId>,
}
codec::fields!(NameRecord { devices });
