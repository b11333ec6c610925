//! What the service says about itself.

use crate::id::PublicKey;
use codec::{Decode, DecodeError, Encode, Reader, Writer};

/// The version of this protocol.
pub const PROTOCOL_VERSION: u16 = 1;

/// Answer of the well-known route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceInfo {
    /// The version of the protocol, [`PROTOCOL_VERSION`].
    pub version: u16,
    /// The Ed25519 key that signs receipts and that requests name.
    pub key: PublicKey,
}
codec::fields!(ServiceInfo { version, key });

/// An answer without contents: the request was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done;

impl Encode for Done {
    fn encode(&self, _: &mut Writer) {}
}

impl Decode for Done {
    fn decode(_: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self)
    }
}
