//! The client that the harness drives: every RPC as a function from request to response.
//!
//! No input or output, no clock: [`HarnessClient::set_time`] tells the time, and a server puts the
//! functions behind sockets. All actors that a script assigns to this client live in one table
//! under one series of numbers. A joiner keeps its number when it becomes a member, and a member
//! keeps it when its group is reinitialized, so that whoever frees the number it knows frees all.

mod actor;
mod commits;
mod decode;
mod failure;
mod joining;
mod outside;
mod proposals;
mod state;
mod successors;

use std::collections::BTreeMap;

use mls::{CipherSuite, Crypto, CryptoError, HandshakeFormat, Random, Settings, Suite};

use crate::proto::{
    FreeRequest, FreeResponse, NameRequest, NameResponse, SupportedCiphersuitesRequest,
    SupportedCiphersuitesResponse,
};
use actor::{Joiner, Member};
pub use failure::{Blame, Failure};
use outside::ExternalSigner;

/// How many joiners, members and signers are kept at once. A runner frees what it has finished
/// with; one that does not must not fill the memory.
const SLOTS_MAX: usize = 100_000;

/// For how many epochs resumption PSKs are kept: scripts go back further than an application would.
const RESUMPTION_PSKS_MAX: usize = 64;

/// What a number stands for.
enum Slot {
    /// Someone with a key package who waits for a Welcome.
    Joiner(Box<Joiner>),
    /// Someone in a group.
    Member(Box<Member>),
    /// Someone who may propose from outside.
    Signer(ExternalSigner),
}

/// A client of the harness.
pub struct HarnessClient {
    crypto: Crypto,
    grease: bool,
    now: u64,
    random: Box<dyn Random + Send>,
    slots: BTreeMap<u32, Slot>,
    next_id: u32,
}

impl HarnessClient {
    /// A client that supports the suites of a backend; `grease` says whether it sends GREASE values
    /// (RFC 9420, section 13.5), which some peers cannot read.
    #[must_use]
    pub fn new(crypto: Crypto, random: Box<dyn Random + Send>, grease: bool) -> Self {
        Self { crypto, grease, now: 0, random, slots: BTreeMap::new(), next_id: 1 }
    }

    /// Tells the time, in seconds since 1970.
    pub fn set_time(&mut self, now: u64) {
        self.now = now;
    }

    /// How many joiners, members and signers are alive.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.slots.len()
    }

    /// `Name`.
    pub fn name(&mut self, _request: NameRequest) -> Result<NameResponse, Failure> {
        Ok(NameResponse { name: concat!("Conclave ", env!("CARGO_PKG_VERSION")).to_owned() })
    }

    /// `SupportedCiphersuites`.
    pub fn supported_ciphersuites(
        &mut self,
        _request: SupportedCiphersuitesRequest,
    ) -> Result<SupportedCiphersuitesResponse, Failure> {
        let ciphersuites = self.crypto.suites().map(|suite| suite.0.into()).collect();
        Ok(SupportedCiphersuitesResponse { ciphersuites })
    }

    /// `Free`. A number that stands for nothing is fine: the runner frees what may be gone.
    pub fn free(&mut self, request: FreeRequest) -> Result<FreeResponse, Failure> {
        self.slots.remove(&request.state_id);
        Ok(FreeResponse {})
    }

    fn suite(&self, number: u32) -> Result<Suite, Failure> {
        let id = u16::try_from(number).map(CipherSuite).ok();
        let suite = id.and_then(|id| self.crypto.suite(id));
        suite.ok_or_else(|| Failure::invalid(format!("cipher suite {number} is not supported")))
    }

    fn settings(&self, encrypt_handshake: bool) -> Settings {
        Settings {
            handshakes: match encrypt_handshake {
                true => HandshakeFormat::Private,
                false => HandshakeFormat::Public,
            },
            grease: self.grease,
            resumption_psks_max: RESUMPTION_PSKS_MAX,
            ..Settings::default()
        }
    }

    /// A number for something new.
    fn insert(&mut self, slot: Slot) -> Result<u32, Failure> {
        if self.slots.len() >= SLOTS_MAX {
            return Err(Failure::new(Blame::TooMuch, "too many states are alive: free some"));
        }
        // Numbers of the dead are used again once all are through.
        while self.slots.contains_key(&self.next_id) || self.next_id == 0 {
            self.next_id = self.next_id.wrapping_add(1);
        }
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        self.slots.insert(id, slot);
        Ok(id)
    }

    /// A member, with the time and the randomness for what it does.
    fn member(&mut self, id: u32) -> Result<(&mut Member, Moment<'_>), Failure> {
        let Self { slots, random, now, .. } = self;
        match slots.get_mut(&id) {
            Some(Slot::Member(member)) => Ok((member, Moment { now: *now, random: &mut **random })),
            _ => Err(Failure::new(Blame::NotFound, format!("no group has the state {id}"))),
        }
    }

    fn joiner(&self, id: u32) -> Result<&Joiner, Failure> {
        match self.slots.get(&id) {
            Some(Slot::Joiner(joiner)) => Ok(joiner),
            _ => Err(Failure::new(Blame::NotFound, format!("no joiner has the transaction {id}"))),
        }
    }
}

/// What an operation needs from outside.
struct Moment<'a> {
    now: u64,
    random: &'a mut (dyn Random + Send),
}

impl Random for Moment<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.random.fill(bytes)
    }
}
