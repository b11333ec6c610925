//! Everything that a runner has a number for: joiners, members, signers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use interop::proto::{
    FreeRequest, FreeResponse, NameRequest, NameResponse, SupportedCiphersuitesRequest,
    SupportedCiphersuitesResponse,
};
use openmls::prelude::{Ciphersuite, OpenMlsCrypto};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::RustCrypto;
use tonic::Status;

use crate::VERSION;
use crate::actor::{Joiner, Member};

/// What a number stands for.
pub(crate) enum Slot {
    /// Someone with a key package who waits for a Welcome.
    Joiner(Box<Joiner>),
    /// Someone in a group.
    Member(Box<Member>),
    /// Someone who may propose from outside.
    Signer(Arc<SignatureKeyPair>),
}

/// All states, under one series of numbers that starts at 1. A joiner's number stays when it
/// becomes a member.
#[derive(Default)]
pub(crate) struct Slots {
    pub(crate) slots: BTreeMap<u32, Slot>,
    last_id: u32,
}

impl Slots {
    pub(crate) fn name(&mut self, _request: NameRequest) -> Result<NameResponse, Status> {
        Ok(NameResponse { name: format!("OpenMLS {VERSION}") })
    }

    pub(crate) fn supported_ciphersuites(
        &mut self,
        _request: SupportedCiphersuitesRequest,
    ) -> Result<SupportedCiphersuitesResponse, Status> {
        let suites = RustCrypto::default().supported_ciphersuites().into_iter();
        let ciphersuites = suites.map(|suite| u16::from(suite).into()).collect();
        Ok(SupportedCiphersuitesResponse { ciphersuites })
    }

    /// A number that stands for nothing is fine: the runner frees what may be gone.
    pub(crate) fn free(&mut self, request: FreeRequest) -> Result<FreeResponse, Status> {
        self.slots.remove(&request.state_id);
        Ok(FreeResponse {})
    }

    /// A number for something new.
    pub(crate) fn insert(&mut self, slot: Slot) -> Result<u32, Status> {
        let next = self.last_id.checked_add(1);
        let id = next.ok_or_else(|| Status::resource_exhausted("no number is left"))?;
        self.last_id = id;
        self.slots.insert(id, slot);
        Ok(id)
    }

    pub(crate) fn member(&mut self, id: u32) -> Result<&mut Member, Status> {
        match self.slots.get_mut(&id) {
            Some(Slot::Member(member)) => Ok(member),
            _ => Err(Status::not_found(format!("no group has the state {id}"))),
        }
    }

    pub(crate) fn joiner(&self, id: u32) -> Result<&Joiner, Status> {
        match self.slots.get(&id) {
            Some(Slot::Joiner(joiner)) => Ok(joiner),
            _ => Err(Status::not_found(format!("no joiner has the transaction {id}"))),
        }
    }
}

/// The library's name of a suite.
pub(crate) fn suite(number: u32) -> Result<Ciphersuite, Status> {
    let suite = u16::try_from(number).ok().and_then(|it| Ciphersuite::try_from(it).ok());
    let suite = suite.filter(|suite| RustCrypto::default().supports(*suite).is_ok());
    suite.ok_or_else(|| Status::invalid_argument(format!("cipher suite {number} is not supported")))
}

/// What the library refuses, with the names of its errors.
pub(crate) fn refused(error: impl fmt::Debug) -> Status {
    Status::invalid_argument(format!("{error:?}"))
}
