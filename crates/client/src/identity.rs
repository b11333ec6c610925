//! Whose a leaf is, as people see it. That it is so, the account's root key has signed
//! (`authentication`), and the identity policy has verified for every leaf of a group.

use authentication::DeviceCredential;
use delivery_api::{DeviceId, Name};
use std::fmt;
use wire::LeafNode;

/// Who a member is: a name, and the device that speaks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The account's name.
    pub name: Name,
    /// The device.
    pub device: DeviceId,
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(formatter)
    }
}

/// Who a credential is of.
pub(crate) fn identity(credential: &DeviceCredential) -> Identity {
    let statement = credential.statement();
    Identity { name: statement.name.clone(), device: statement.device }
}

/// Who a leaf of a group is of. The group's leaves passed the policy, which verified it.
pub(crate) fn identity_of(leaf: &LeafNode) -> Option<Identity> {
    DeviceCredential::read(&leaf.credential).ok().as_ref().map(identity)
}
