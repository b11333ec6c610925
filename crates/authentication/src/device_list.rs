//! The devices of an account, as its root key lists them.

use crate::account_key::is_signed;
use crate::statement::{encode_name, to_be_signed};
use crate::{AccountKey, Violation};
use codec::{Encode, Opaque};
use crypto::{CryptoError, Provider, Signer};
use delivery_api::{DeviceId, Name};
use std::collections::BTreeSet;

/// How many devices an account can have. The list travels in every leaf of its account.
pub const DEVICES_MAX: usize = 32;

/// The devices of an account, signed by its root key. A later list has a higher number, and what it
/// does not name is no device of the account any more. It travels with every device's credential,
/// so nobody but the root key's holder adds a device, and nobody hides one from who has seen the
/// list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceList {
    number: u64,
    devices: Vec<DeviceId>,
    signature: Opaque,
}

codec::fields!(DeviceList { number, devices <= DEVICES_MAX, signature });

fn tbs(name: &Name, account: &AccountKey, number: u64, devices: &[DeviceId]) -> Vec<u8> {
    to_be_signed("device list", |writer| {
        encode_name(name, writer);
        account.encode(writer);
        number.encode(writer);
        devices.encode(writer);
    })
}

impl DeviceList {
    /// A list with a number that its account has not used before.
    ///
    /// # Errors
    /// The signer fails or is no Ed25519 key, or there are more than [`DEVICES_MAX`] devices.
    pub fn new(
        name: &Name,
        root: &dyn Signer,
        number: u64,
        devices: &BTreeSet<DeviceId>,
    ) -> Result<Self, CryptoError> {
        if devices.len() > DEVICES_MAX {
            return Err(CryptoError::InvalidLength);
        }
        let devices: Vec<DeviceId> = devices.iter().copied().collect();
        let message = tbs(name, &AccountKey::of(root)?, number, &devices);
        let signature = root.sign(&message)?.into();
        Ok(Self { number, devices, signature })
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The devices, in order.
    #[must_use]
    pub fn devices(&self) -> &[DeviceId] {
        &self.devices
    }

    /// Whether it names a device.
    #[must_use]
    pub fn names(&self, device: &DeviceId) -> bool {
        self.devices.contains(device)
    }

    pub(crate) fn verify(
        &self,
        provider: &dyn Provider,
        (name, account): (&Name, AccountKey),
    ) -> Result<(), Violation> {
        let message = tbs(name, &account, self.number, &self.devices);
        if is_signed(provider, &account.0, &message, &self.signature) {
            Ok(())
        } else {
            Err(Violation::BadDeviceList)
        }
    }
}
