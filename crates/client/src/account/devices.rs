//! The account's devices, as an application sees to them.

use super::{Account, HttpTransport, Transport, now, parse_name, setup};
use crate::engine::{AccountDevice, Engine};
use crate::{Error, Home, Misuse};
use delivery_api::DeviceId;
use std::sync::Arc;

impl Account {
    /// Makes a new device for an account that exists. [`Account::link_code`] is to be confirmed on
    /// the device that has the account's root key; [`Account::receive`] then brings the rest.
    ///
    /// # Errors
    /// As [`Account::create`].
    pub fn create_linked(home: &Home, name: &str, server: &str) -> Result<Self, Error> {
        let transport = Arc::new(HttpTransport::new(server)?);
        Self::create_linked_with(home, name, server, transport)
    }

    /// [`Account::create_linked`] over another transport.
    ///
    /// # Errors
    /// As [`Account::create`].
    pub fn create_linked_with(
        home: &Home,
        name: &str,
        server: &str,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, Error> {
        let engine = Engine::create_linked(home, &parse_name(name)?, server, setup())?;
        Self::begin(home, engine, transport)
    }

    /// Makes a new device for an account of which the recovery code is left. It takes the place of
    /// the devices that are not in `keep`, and comes back into their groups as soon as another
    /// member is there.
    ///
    /// # Errors
    /// The code is mistyped, or as [`Account::create`].
    pub fn recover(home: &Home, code: &str, keep: &[&str]) -> Result<Self, Error> {
        let engine = Engine::recover(home, code, &parse_devices(keep)?, setup())?;
        let transport = HttpTransport::new(engine.server());
        match transport {
            Ok(transport) => Self::begin(home, engine, Arc::new(transport)),
            Err(misuse) => {
                engine.delete(home)?;
                Err(misuse.into())
            }
        }
    }

    /// [`Account::recover`] over another transport.
    ///
    /// # Errors
    /// As [`Account::recover`].
    pub fn recover_with(
        home: &Home,
        code: &str,
        keep: &[&str],
        transport: Arc<dyn Transport>,
    ) -> Result<Self, Error> {
        let engine = Engine::recover(home, code, &parse_devices(keep)?, setup())?;
        Self::begin(home, engine, transport)
    }

    /// The code that this device shows while it waits to be linked; `None` if it does not.
    ///
    /// # Errors
    /// The store failed.
    pub fn link_code(&mut self) -> Result<Option<String>, Error> {
        self.engine.link_code()
    }

    /// Makes the device that shows a code one of this account's, and adds it to all groups once it
    /// has heard.
    ///
    /// # Errors
    /// The code is mistyped, or the root key is not here.
    pub fn link(&mut self, code: &str) -> Result<(), Error> {
        self.engine.link(code)?;
        self.drive()
    }

    /// The account's devices.
    #[must_use]
    pub fn devices(&self) -> Vec<AccountDevice> {
        self.engine.devices()
    }

    /// Takes a device, given by its 64 hexadecimal digits, from the account's list, and tells all
    /// groups: it is removed from them.
    ///
    /// # Errors
    /// It is none of the account's devices, or as [`Account::rotate_root`].
    pub fn revoke(&mut self, device: &str) -> Result<(), Error> {
        let device = DeviceId::from_hex(device).ok_or(Misuse::InvalidKey)?;
        self.engine.revoke(device, now())?;
        self.drive()
    }

    /// Makes a new root key for this account and tells all groups. The recovery code changes.
    ///
    /// # Errors
    /// The root key is not on this device; or the service cannot be reached, and hears of it later.
    pub fn rotate_root(&mut self) -> Result<(), Error> {
        self.engine.rotate_root(now())?;
        self.drive()
    }

    /// Whether the account's root key is on this device.
    #[must_use]
    pub fn has_root(&self) -> bool {
        self.engine.has_root()
    }

    /// The code from which the account can be recovered. Whoever has it has the account.
    ///
    /// # Errors
    /// The root key is not on this device.
    pub fn recovery_code(&self) -> Result<String, Error> {
        self.engine.recovery_code()
    }

    /// Removes the root key from this device. `code` shows that it is kept elsewhere.
    ///
    /// # Errors
    /// It is not the recovery code, or the root key is not here.
    pub fn forget_root(&mut self, code: &str) -> Result<(), Error> {
        self.engine.forget_root(code)
    }

    /// Brings the root key back to this device.
    ///
    /// # Errors
    /// It is not this account's recovery code.
    pub fn import_root(&mut self, code: &str) -> Result<(), Error> {
        self.engine.import_root(code)?;
        self.drive()
    }
}

fn parse_devices(devices: &[&str]) -> Result<Vec<DeviceId>, Error> {
    let parse = |device: &&str| DeviceId::from_hex(device).ok_or_else(|| Misuse::InvalidKey.into());
    devices.iter().map(parse).collect()
}
