//! The account at the service: its key, our device, our name.

use super::asked::Asked;
use super::{Engine, Task};
use crate::{Error, ServiceFault};
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

    pub(super) fn ask_register(&self, now: u64) -> Result<Asked, Error> {
        let request = request::register_device(self.keys.device_id());
        Ok(Asked::Register(self.keys.sign_as_device(request, now)?))
    }

    pub(super) fn ask_put_name(&self, now: u64) -> Result<Asked, Error> {
        let record = NameRecord { devices: vec![self.keys.device_id()] };
        let request = request::put_name(self.keys.identity.name.clone(), &record);
        Ok(Asked::PutName(self.keys.sign_as_device(request, now)?))
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
