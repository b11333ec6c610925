//! What to ask of a stream of hints: a signed cursor for every group in use, and the inbox.

use super::Engine;
use super::keys::public_key;
use crate::store::GroupStatus;
use crate::{Error, ServiceFault};
use codec::Opaque;
use crypto::{Secret, SignatureKeyPair, Signer};
use delivery_api::stream::{InboxCursor, SignedInboxCursor, Subscribe};
use delivery_api::sync::{Cursor, SignedCursor};
use delivery_api::{LogId, Position, PublicKey};
use std::collections::BTreeSet;

impl Engine {
    /// The logs of all groups in use.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) fn logs_in_use(&mut self) -> Result<BTreeSet<LogId>, Error> {
        let records = self.store.transaction()?.group_records()?;
        let in_use = records.iter().filter(|record| record.status == GroupStatus::Active);
        Ok(in_use.map(|record| record.log).collect())
    }

    /// What to send on a stream to hear of these logs and of inbox items behind a number.
    ///
    /// # Errors
    /// The store or cryptography failed, or the service is not known yet.
    pub(crate) fn subscription(
        &mut self,
        logs: &BTreeSet<LogId>,
        inbox_after: u64,
        now: u64,
    ) -> Result<Subscribe, Error> {
        let unknown = ServiceFault::Inconsistent("it was asked before its key was known");
        let service = self.keys.service.ok_or(unknown)?;
        let mut cursors = Vec::new();
        let records = self.store.transaction()?.group_records()?;
        for record in &records {
            if logs.contains(&record.log) {
                let place = (record.log, record.position);
                cursors.push(self.sign_cursor(place, &record.access_key, service, now)?);
            }
        }
        let cursor = InboxCursor { device: self.keys.device_id(), after: inbox_after };
        let signature = self.keys.device.sign(&cursor.to_be_signed(service, now))?;
        let inbox = SignedInboxCursor {
            device: cursor.device,
            after: inbox_after,
            signature: Opaque::from(signature),
        };
        Ok(Subscribe { time_seconds: now, logs: cursors, inbox: Some(inbox) })
    }

    pub(super) fn sign_cursor(
        &self,
        (log, after): (LogId, Position),
        access_seed: &Secret,
        service: PublicKey,
        now: u64,
    ) -> Result<SignedCursor, Error> {
        let seed = access_seed.duplicate();
        let pair = SignatureKeyPair::from_private_key(&self.keys.suite, seed)?;
        let key = public_key(&pair)?;
        let signature = pair.sign(&Cursor { log, after, key }.to_be_signed(service, now))?;
        Ok(SignedCursor { log, after, key, signature: Opaque::from(signature) })
    }
}
