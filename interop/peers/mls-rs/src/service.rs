//! The calls of the harness, each by the function of the same name.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

use interop::proto;
use mls_rs_crypto_openssl::OpensslCryptoProvider;
use tonic::{Response, Status};

use crate::failure::Failure;
use crate::slots::Slots;
use crate::{Peer, VERSION};

impl Peer {
    fn call<T>(
        &self,
        work: impl FnOnce(&mut Slots) -> Result<T, Failure>,
    ) -> Result<Response<T>, Status> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match catch_unwind(AssertUnwindSafe(|| work(&mut slots))) {
            Ok(Ok(response)) => Ok(Response::new(response)),
            Ok(Err(failure)) => Err(failure.into()),
            Err(panic) => Err(Status::internal(format!("panic: {}", text(&*panic)))),
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}

impl Slots {
    fn name(&mut self, _: proto::NameRequest) -> Result<proto::NameResponse, Failure> {
        Ok(proto::NameResponse { name: VERSION.to_owned() })
    }

    fn supported_ciphersuites(
        &mut self,
        _: proto::SupportedCiphersuitesRequest,
    ) -> Result<proto::SupportedCiphersuitesResponse, Failure> {
        let suites = OpensslCryptoProvider::all_supported_cipher_suites();
        let ciphersuites = suites.into_iter().map(|suite| u16::from(suite).into()).collect();
        Ok(proto::SupportedCiphersuitesResponse { ciphersuites })
    }

    /// A number that stands for nothing is fine: runners free what may be gone.
    fn free(&mut self, request: proto::FreeRequest) -> Result<proto::FreeResponse, Failure> {
        self.remove(request.state_id);
        Ok(proto::FreeResponse {})
    }
}

interop::implement_rpcs!(Peer);
