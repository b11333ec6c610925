//! `GroupContext` (RFC 9420, section 8.1).

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use crypto::{CipherSuite, Digest};

use crate::{Extensions, ProtocolVersion};

/// The longest id of a group that is accepted, in bytes. Clients repeat it in the name of every row
/// that they store, and a large tree has many.
pub const GROUP_ID_BYTES_MAX: usize = 1 << 10;

/// What all members agree on in an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupContext {
    /// The protocol version.
    pub version: ProtocolVersion,
    /// The cipher suite.
    pub cipher_suite: CipherSuite,
    /// The group.
    pub group_id: Opaque,
    /// The epoch.
    pub epoch: u64,
    /// The tree hash of the root (section 7.8).
    pub tree_hash: Digest,
    /// The history of commits (section 8.2).
    pub confirmed_transcript_hash: Digest,
    /// Extensions of the group.
    pub extensions: Extensions,
}

impl Encode for GroupContext {
    fn encode(&self, writer: &mut Writer) {
        self.version.encode(writer);
        self.cipher_suite.encode(writer);
        self.group_id.encode(writer);
        self.epoch.encode(writer);
        self.tree_hash.encode(writer);
        self.confirmed_transcript_hash.encode(writer);
        self.extensions.encode(writer);
    }
}

impl Decode for GroupContext {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = Decode::decode(reader)?;
        let cipher_suite = Decode::decode(reader)?;
        let too_long = reader.error(DecodeErrorKind::LimitExceeded("group id"));
        let group_id = reader.opaque()?;
        if group_id.len() > GROUP_ID_BYTES_MAX {
            return Err(too_long);
        }
        Ok(Self {
            version,
            cipher_suite,
            group_id: group_id.into(),
            epoch: Decode::decode(reader)?,
            tree_hash: Decode::decode(reader)?,
            confirmed_transcript_hash: Decode::decode(reader)?,
            extensions: Decode::decode(reader)?,
        })
    }
}
