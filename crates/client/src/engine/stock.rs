//! The stock of key packages at the service (RFC 9420, section 10).
//!
//! * It is refilled when it is low, and replaced as a whole four weeks before the first of it
//!   expires, or when what it says of the account is not so any more.
//! * The last-resort one is replaced when a group was joined with it, and its private keys go a
//!   week later. The leaf that came of it is renewed at once (`schedule`).
//! * The private keys of those that have expired are erased, a day after: a Welcome may have been
//!   on its way.

use super::Engine;
use super::asked::Asked;
use super::is_final;
use super::keys::SUITE;
use crate::Error;
use crate::store::KeyPackageRecord;
use codec::{Decode, Encode, Opaque};
use crypto::Digest;
use delivery_api::key_package::{Stock, UploadKeyPackages};
use delivery_api::request::{self, Failure};
use mls::KeyPackageOptions;
use wire::{KeyPackageRef, MlsMessage, MlsMessageBody};

/// Key packages in stock after refilling: as many people may invite us while we are away.
const STOCK_TARGET: u32 = 10;

/// Refill when there are no more than this.
const STOCK_LOW: u32 = 5;

/// How long key packages can be used.
const LIFETIME_SECONDS: u64 = 84 * 86_400;

/// Key packages are replaced when they have no more than this left.
const LEFT_SECONDS: u64 = 28 * 86_400;

/// How long after their end the private keys of key packages are erased.
const GRACE_SECONDS: u64 = 86_400;

impl Engine {
    pub(super) fn ask_stock(&self, now: u64) -> Result<Asked, Error> {
        let request = request::stock(self.keys.device_id());
        Ok(Asked::Stock(self.keys.sign_as_device(request, now)?))
    }

    /// Makes key packages if the stock is low. Their private keys are durable before they leave.
    pub(super) fn stock_known(&mut self, stock: &Stock, now: u64) -> Result<(), Error> {
        if self.keys.credential.is_none() {
            return Ok(());
        }
        let ours = stock.suites.iter().find(|other| other.suite == SUITE.0);
        let count = ours.map_or(0, |ours| ours.count);
        self.erase_expired(now)?;
        let transaction = self.store.transaction()?;
        let soon = now.saturating_add(LEFT_SECONDS);
        let fresh = transaction.has_fresh_last_resort(soon)?;
        let ends = transaction.first_single_use_end()?;
        let has_last_resort = fresh && ours.is_some_and(|ours| ours.last_resort);
        let is_waiting = transaction.next_upload()?.is_some();
        drop(transaction);
        if !is_waiting && ends.is_some_and(|end| end <= soon) {
            return self.replace_stock(now);
        }
        if is_waiting || (count > STOCK_LOW && has_last_resort) {
            return Ok(());
        }
        let missing = if count > STOCK_LOW { 0 } else { STOCK_TARGET.saturating_sub(count) };
        self.make_key_packages(missing, !has_last_resort, now, false)
    }

    /// Erases the private keys of key packages that have expired.
    fn erase_expired(&mut self, now: u64) -> Result<(), Error> {
        let transaction = self.store.transaction()?;
        for reference in transaction.key_packages_before(now.saturating_sub(GRACE_SECONDS))? {
            if let Some(reference) = Digest::new(&reference).map(KeyPackageRef) {
                let ((), delta) = self.client.delete_key_package(&reference).into_parts();
                transaction.apply(&delta)?;
            }
            transaction.delete_key_package(&reference)?;
        }
        Ok(transaction.commit()?)
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
        if replace {
            transaction.supersede_key_packages()?;
        }
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

#[cfg(test)]
mod tests {
    use super::{GRACE_SECONDS, LEFT_SECONDS, LIFETIME_SECONDS, STOCK_TARGET, SUITE};
    use crate::Home;
    use crate::engine::{Engine, Setup};
    use delivery_api::Name;
    use delivery_api::key_package::{Stock, SuiteStock};
    use mls::Crypto;
    use testkit::{NOW, SeededRandom};

    const BATCH: usize = STOCK_TARGET as usize + 1;

    fn engine(folder: &tempfile::TempDir) -> Engine {
        let crypto = Crypto::new(crypto_aws_lc::provider());
        let setup = Setup { crypto, random: Box::new(SeededRandom::new(1)) };
        let (home, name) = (Home::unprotected(folder.path()), Name::new("alice").unwrap());
        let mut engine = Engine::create(&home, &name, "by hand", setup).unwrap();
        engine.renew(NOW).unwrap();
        engine
    }

    /// Tells what the service has, and takes whatever is to be uploaded. Returns how many key
    /// packages have their private keys here.
    fn stock(engine: &mut Engine, count: u32, now: u64) -> usize {
        let stock = SuiteStock { suite: SUITE.0, count, last_resort: count > 0 };
        engine.stock_known(&Stock { suites: vec![stock] }, now).unwrap();
        let transaction = engine.store.transaction().unwrap();
        if let Some((number, _)) = transaction.next_upload().unwrap() {
            transaction.delete_upload(number).unwrap();
        }
        let kept = engine.client.key_packages(&transaction.mls()).unwrap().len();
        transaction.commit().unwrap();
        kept
    }

    #[test]
    fn the_stock_is_replaced_before_it_expires_and_its_keys_are_erased_after() {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = engine(&folder);
        assert_eq!(stock(&mut engine, 0, NOW), BATCH);
        let soon = NOW + LIFETIME_SECONDS - LEFT_SECONDS;
        assert_eq!(stock(&mut engine, STOCK_TARGET, soon - 1), BATCH);
        assert_eq!(stock(&mut engine, STOCK_TARGET, soon), 2 * BATCH);
        assert_eq!(stock(&mut engine, STOCK_TARGET, soon + 1), 2 * BATCH);
        let end = NOW + LIFETIME_SECONDS + GRACE_SECONDS;
        assert_eq!(stock(&mut engine, STOCK_TARGET, end), 2 * BATCH);
        assert_eq!(stock(&mut engine, STOCK_TARGET, end + 1), BATCH);
    }

    #[test]
    fn a_last_resort_that_was_used_is_replaced_and_its_keys_are_erased_soon() {
        let folder = tempfile::tempdir().unwrap();
        let mut engine = engine(&folder);
        assert_eq!(stock(&mut engine, 0, NOW), BATCH);
        let transaction = engine.store.transaction().unwrap();
        let made = engine.client.key_packages(&transaction.mls()).unwrap();
        let is_last_resort =
            |it: &&wire::KeyPackage| it.extensions.find(wire::ExtensionType::LAST_RESORT).is_some();
        let used = made.iter().find(is_last_resort).unwrap();
        let used = used.reference(&engine.keys.suite).unwrap();
        assert!(transaction.use_key_package(used.0.as_slice(), NOW).unwrap());
        transaction.commit().unwrap();
        assert_eq!(stock(&mut engine, STOCK_TARGET, NOW), BATCH + 1);
        let week = NOW + 7 * 86_400;
        assert_eq!(stock(&mut engine, STOCK_TARGET, week + GRACE_SECONDS), BATCH + 1);
        assert_eq!(stock(&mut engine, STOCK_TARGET, week + GRACE_SECONDS + 1), BATCH);
    }
}
