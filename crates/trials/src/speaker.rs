//! Speaks the delivery protocol by hand: one signed request, one answer, over any transport.

use crate::Failure;
use crate::ed25519::{Key, suite};
use client::transport::{HttpRequest, Transport};
use codec::Decode;
use crypto::Suite;
use delivery_api::request::{self, Failure as Refusal};
use delivery_api::{Credential, PublicKey, Request};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What comes back: nothing, an answer, or the refusal to give one.
pub type Reply<A> = Option<Result<A, Refusal>>;

/// Somebody who talks to one service.
#[derive(Clone)]
pub struct Speaker {
    transport: Arc<dyn Transport>,
    service: PublicKey,
    /// The suite that the protocol's keys and hashes are of.
    pub suite: Suite,
}

/// The clock, read nowhere else here.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

impl Speaker {
    /// Meets the service behind a transport.
    ///
    /// # Errors
    /// It does not answer.
    pub fn meet(transport: Arc<dyn Transport>) -> Result<Self, Failure> {
        let service = PublicKey::new([0; 32]);
        let mut speaker = Self { transport, service, suite: suite()? };
        let info = speaker.send(&request::service_info()).ok_or("the service does not answer")?;
        speaker.service = info?.key;
        Ok(speaker)
    }

    /// The service's key.
    #[must_use]
    pub fn service(&self) -> PublicKey {
        self.service
    }

    /// The clock that requests are signed by, in seconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        now()
    }

    /// Sends a request signed by `key`.
    ///
    /// # Errors
    /// Cryptography failed.
    pub fn ask<A: Decode>(&self, key: &Key, request: Request<A>) -> Result<Reply<A>, Failure> {
        let credential =
            Credential { service: self.service, key: key.public(), time_seconds: now() };
        let request = request.sign(&credential, |tbs| key.sign(tbs))?;
        Ok(self.send(&request))
    }

    fn send<A: Decode>(&self, request: &Request<A>) -> Reply<A> {
        let raw = HttpRequest {
            method: request.method(),
            path: request.path(),
            authorization: request.authorization(),
            body: request.body().to_vec(),
            wait_seconds: 0,
        };
        let response = self.transport.send(&raw).ok()?;
        Some(request.answer(response.status, &response.body))
    }
}
