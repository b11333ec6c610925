//! The account at the service: its key, our device, our name, our stock of key packages.

use super::asked::Asked;
use super::keys::SUITE;
use super::{Engine, Task, is_final};
use crate::store::KeyPackageRecord;
use crate::{Error, ServiceFault};
use codec::{Decode, Encode, Opaque};
use delivery_api::directory::NameRecord;
use delivery_api::key_package::{Stock, UploadKeyPackages};
use delivery_api::request::{self, Failure};
use delivery_api::service::{Done, PROTOCOL_VERSION, ServiceInfo};
use mls::KeyPackageOptions;
use wire::{MlsMessage, MlsMessageBody};

/// Key packages in stock after refilling: as many people may invite us while we are away.
const STOCK_TARGET: u32 = 10;

/// Refill when there are no more than this.
const STOCK_LOW: u32 = 5;

/// How long key packages can be used.
const LIFETIME_SECONDS: u64 = 84 * 86_400;

/// A last-resort key package is replaced when it has no more than this left.
const LAST_RESORT_LEFT_SECONDS: u64 = 28 * 86_400;

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

    pub(super) fn ask_stock(&self, now: u64) -> Result<Asked, Error> {
        let request = request::stock(self.keys.device_id());
        Ok(Asked::Stock(self.keys.sign_as_device(request, now)?))
    }

    /// Makes key packages if the stock is low. Their private keys are durable before they leave.
    pub(super) fn stock_known(&mut self, stock: &Stock, now: u64) -> Result<(), Error> {
        let ours = stock.suites.iter().find(|other| other.suite == SUITE.0);
        let count = ours.map_or(0, |ours| ours.count);
        let transaction = self.store.transaction()?;
        let fresh =
            transaction.has_fresh_last_resort(now.saturating_add(LAST_RESORT_LEFT_SECONDS))?;
        let has_last_resort = fresh && ours.is_some_and(|ours| ours.last_resort);
        let is_waiting = transaction.next_upload()?.is_some();
        drop(transaction);
        if is_waiting || (count > STOCK_LOW && has_last_resort) {
            return Ok(());
        }
        let missing = if count > STOCK_LOW { 0 } else { STOCK_TARGET.saturating_sub(count) };
        self.make_key_packages(missing, !has_last_resort, now, false)
    }

    /// Replaces all key packages: what they say of the account is not so any more.
    pub(super) fn replace_stock(&mut self, now: u64) -> Result<(), Error> {
        self.make_key_packages(STOCK_TARGET, true, now, true)
    }

    fn make_key_packages(
        &mut self,
        single: u32,
        last_resort: bool,
        now: u64,
        replace: bool,
    ) -> Result<(), Error> {
        let not_after = now.saturating_add(LIFETIME_SECONDS);
        let mut upload = UploadKeyPackages {
            suite: SUITE.0,
            not_after_seconds: not_after,
            replace,
            key_packages: Vec::new(),
            last_resort: None,
        };
        let transaction = self.store.transaction()?;
        let kinds = (0..single).map(|_| false).chain(last_resort.then_some(true));
        for last_resort in kinds {
            let options = KeyPackageOptions {
                lifetime_seconds: LIFETIME_SECONDS,
                last_resort,
                ..KeyPackageOptions::default()
            };
            let made = self.client.key_package(SUITE, options, now, &mut *self.random)?;
            let (key_package, delta) = made.into_parts();
            transaction.apply(&delta)?;
            let reference = key_package.reference(&self.keys.suite)?.0.as_slice().to_vec();
            transaction.put_key_package(&KeyPackageRecord { reference, last_resort, not_after })?;
            let message = MlsMessage(MlsMessageBody::KeyPackage(Box::new(key_package)));
            let bytes = Opaque::from(message.to_bytes());
            match last_resort {
                true => upload.last_resort = Some(bytes),
                false => upload.key_packages.push(bytes),
            }
        }
        transaction.add_upload(&upload.to_bytes())?;
        transaction.commit()?;
        Ok(())
    }

    pub(super) fn ask_upload(&mut self, now: u64) -> Result<Option<Asked>, Error> {
        let Some((number, body)) = self.store.transaction()?.next_upload()? else {
            return Ok(None);
        };
        let upload = UploadKeyPackages::from_bytes(&body)
            .map_err(|_| crate::StoreError::Corrupt("upload"))?;
        let request = request::upload_key_packages(self.keys.device_id(), &upload);
        Ok(Some(Asked::Upload(self.keys.sign_as_device(request, now)?, number)))
    }

    /// Forgets an upload that was taken, or that the service will never take.
    pub(super) fn uploaded(
        &mut self,
        answer: Result<(), Failure>,
        number: u64,
    ) -> Result<(), Error> {
        match answer {
            Err(Failure::Problem(problem)) if is_final(&problem) => {}
            other => other?,
        }
        let transaction = self.store.transaction()?;
        transaction.delete_upload(number)?;
        Ok(transaction.commit()?)
    }
}
