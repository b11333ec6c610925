//! The account at the service: its key, our device, our name.

use super::asked::Asked;
use super::keys::{BackupKeys, public_key};
use super::{Engine, Task};
use crate::{Error, Misuse, ServiceFault};
use delivery_api::Problem;
use delivery_api::directory::NameRecord;
use delivery_api::request::{self, Failure};
use delivery_api::service::{Done, PROTOCOL_VERSION, ServiceInfo};

impl Engine {
    /// Pins the service's key, or finds that it is not the one that was pinned.
    pub(super) fn service_known(&mut self, info: ServiceInfo) -> Result<(), Error> {
        if info.version != PROTOCOL_VERSION {
            let text = format!("it speaks version {} of the protocol", info.version);
            return Err(ServiceFault::NotThisProtocol(text).into());
        }
        let transaction = self.store.transaction()?;
        transaction.set_service_key(info.key)?;
        transaction.commit()?;
        self.keys.service = Some(info.key);
        Ok(())
    }

    fn token(&self) -> &[u8] {
        self.token.as_deref().unwrap_or_default()
    }

    pub(super) fn ask_register(&self, now: u64) -> Result<Asked, Error> {
        let request = request::register_invited(self.keys.device_id(), self.token());
        let then = match (&self.keys.owner, &self.keys.credential) {
            (Some(_), _) => Task::RegisterOwner,
            // Whoever has a credential and not the root key has no say over the name.
            _ => Task::PutCard,
        };
        Ok(Asked::Register(self.keys.sign_as_device(request, now)?, then))
    }

    /// The key that owns the name is a device to the service.
    pub(super) fn ask_register_owner(&self, now: u64) -> Result<Asked, Error> {
        let owner = self.keys.owner.as_ref().ok_or(Misuse::NoRootKey)?;
        let request = request::register_invited(public_key(owner)?.device(), self.token());
        let request = self.keys.sign(request, owner, now)?;
        Ok(Asked::Register(request, Task::RegisterBackup))
    }

    /// So is the inbox for backups.
    pub(super) fn ask_register_backup(&self, now: u64) -> Result<Asked, Error> {
        let keys = BackupKeys::of(&self.keys.suite, self.keys.root()?)?;
        let request = request::register_invited(keys.address()?.device, self.token());
        let request = self.keys.sign(request, &keys.device, now)?;
        Ok(Asked::Register(request, Task::PutName))
    }

    /// A device is registered, or must not be. Of the inbox for backups that is no reason to stop:
    /// its address changes with the root key, and the token may be used up by then.
    pub(super) fn device_registered(
        &mut self,
        answer: Result<Done, Failure>,
        then: Task,
    ) -> Result<(), Error> {
        match (answer, &then) {
            (Err(Failure::Problem(Problem::AdmissionRequired)), Task::PutName) => {
                self.backup_refused()?;
            }
            (answer, Task::PutName) => {
                answer?;
                self.plan.push_back(Task::BackUp);
            }
            (answer, _) => drop(answer?),
        }
        self.plan.push_front(then);
        Ok(())
    }

    pub(super) fn ask_put_name(&self, now: u64) -> Result<Asked, Error> {
        let mut devices: Vec<_> = self.listed().into_iter().collect();
        if devices.is_empty() {
            // Whoever asks for the account learns from it that it was given up.
            devices.push(self.keys.device_id());
        }
        let owner = self.keys.owner.as_ref().ok_or(Misuse::NoRootKey)?;
        let request = request::put_name(self.keys.identity.name.clone(), &NameRecord { devices });
        Ok(Asked::PutName(self.keys.sign(request, owner, now)?))
    }

    pub(super) fn name_put(&mut self, answer: Result<Done, Failure>) -> Result<(), Error> {
        answer?;
        let transaction = self.store.transaction()?;
        transaction.set_registered()?;
        transaction.commit()?;
        self.plan.push_back(Task::Stock);
        Ok(())
    }
}
