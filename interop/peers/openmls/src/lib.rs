//! OpenMLS as a client of the interoperability harness.
//!
//! [`Peer`] implements every RPC of the service that the library's public functions can do; the
//! others answer `UNIMPLEMENTED` with a reason from [`LACKS`]. One lock is around everything, and a
//! panic inside the library is an answer like any other.
//!
//! The library refuses leaves that have a GREASE extension, even if their capabilities list it as
//! RFC 9420, section 13.5, wants it: whoever plays with it must not send any
//! ([`interop::ServerOptions::grease`]).

mod actor;
mod commits;
mod decode;
mod joining;
mod lacks;
mod member;
mod outside;
mod proposals;
mod slots;
mod successors;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use tonic::{Response, Status};

pub use lacks::LACKS;
use slots::Slots;

/// The version of `openmls` behind this client.
pub const VERSION: &str = "0.9.2";

/// A client of the harness.
#[derive(Default)]
pub struct Peer {
    slots: Mutex<Slots>,
}

impl Peer {
    /// A client without any state.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn call<T>(
        &self,
        work: impl FnOnce(&mut Slots) -> Result<T, Status>,
    ) -> Result<Response<T>, Status> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match catch_unwind(AssertUnwindSafe(|| work(&mut slots))) {
            Ok(answer) => answer.map(Response::new),
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().copied();
                let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                Err(Status::internal(format!("panic: {}", text.unwrap_or("without a message"))))
            }
        }
    }
}

interop::implement_rpcs!(Peer);
