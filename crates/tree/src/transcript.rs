//! Transcript hashes (RFC 9420, section 8.2).
//!
//! ```text
//! interim[n-1] + commit with its signature  ->  confirmed[n]
//! confirmed[n], with the epoch's key        ->  confirmation_tag[n]
//! confirmed[n] + confirmation_tag[n]        ->  interim[n]
//! ```
//!
//! The two hashes are types of their own, so that they cannot be taken for each other. Computing
//! and comparing the tag is the key schedule's, which has the key; the hashes are public.

use codec::{Encode, Opaque, Writer};
use crypto::{CryptoError, Digest, Suite};
use wire::AuthenticatedContent;

/// The hash of all commits up to and including the signature of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfirmedTranscriptHash(pub Digest);

/// The confirmed transcript hash together with the last commit's confirmation tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterimTranscriptHash(pub Digest);

impl InterimTranscriptHash {
    /// The hash of a new group, before any commit: the zero-length string.
    pub const INITIAL: Self = Self(Digest::EMPTY);

    /// The confirmed transcript hash of the epoch that `commit` starts.
    pub fn confirmed(
        &self,
        suite: &Suite,
        commit: &AuthenticatedContent,
    ) -> Result<ConfirmedTranscriptHash, CryptoError> {
        let input = commit.confirmed_transcript_hash_input();
        let hash = suite.hash(&[self.0.as_slice(), &input].concat())?;
        Ok(ConfirmedTranscriptHash(hash))
    }
}

impl ConfirmedTranscriptHash {
    /// The hash of a new group, before any commit: the zero-length string.
    pub const INITIAL: Self = Self(Digest::EMPTY);

    /// The interim transcript hash of the same epoch, whose confirmation tag the caller has
    /// computed or compared.
    pub fn interim(
        &self,
        suite: &Suite,
        confirmation_tag: &Opaque,
    ) -> Result<InterimTranscriptHash, CryptoError> {
        let mut writer = Writer::new();
        writer.write(self.0.as_slice());
        confirmation_tag.encode(&mut writer);
        Ok(InterimTranscriptHash(suite.hash(writer.as_slice())?))
    }
}
