//! `GroupContext` (RFC 9420, section 8.1).

use codec::Opaque;
use crypto::{CipherSuite, Digest};

use crate::{Extensions, ProtocolVersion};

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

codec::fields!(GroupContext {
    version,
    cipher_suite,
    group_id,
    epoch,
    tree_hash,
    confirmed_transcript_hash,
    extensions,
});
