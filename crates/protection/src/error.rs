//! What can go wrong in message protection, sorted by whose fault it is.

use std::fmt;

use codec::DecodeError;
use crypto::CryptoError;

/// Why a message was not protected or unprotected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Cryptography failed for a reason that no message explains, for example for want of
    /// randomness.
    Crypto(CryptoError),
    /// A limit of this client: nobody's fault, but refused.
    Limit(Limit),
    /// Bytes that were authentic once decrypted are not an encoding of what they should be.
    Malformed(DecodeError),
    /// The caller asked for something that cannot be done.
    Misuse(Misuse),
    /// A stored row does not decode, or rows are missing.
    Storage(DecodeError),
    /// Whoever sent or delivered the message broke a rule of RFC 9420.
    Violation(Violation),
}

/// A limit of this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// The own messages of this epoch reached the bound of the AEAD (section 15.2). The group must
    /// advance to another epoch before this member protects more; an update does it.
    AeadUsage,
    /// The message belongs to an epoch that is not kept, or not known yet.
    EpochNotKept,
    /// The generation is more than [`crate::RatchetLimits::forward_max`] ahead (section 15.3).
    ForwardDistance,
    /// The own ratchet has reached its last generation.
    GenerationsExhausted,
    /// The message is longer than [`crate::PRIVATE_MESSAGE_BYTES_MAX`].
    MessageBytes,
}

/// What a caller did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// A commit lacks its confirmation tag, or other content has one.
    ConfirmationTag,
    /// Content of a member was treated as that of an outsider, or the other way round.
    SenderType,
    /// The update was computed before another one was applied, or by another tree.
    StaleUpdate,
    /// The leaf is not in the tree.
    UnknownLeaf,
    /// The content was signed for another wire format (section 6.1).
    WireFormat,
    /// Receivers would have to refuse the content for this reason.
    WouldViolate(Violation),
    /// The content names another group or epoch than the context.
    WrongContext,
}

wire::violations! {
    /// Every way in which a sender or a delivery service can break this layer's part of RFC 9420.
    pub enum Violation {
        /// Application data travels only encrypted, never in a PublicMessage.
        ApplicationInPublicMessage = "6",
        /// The ciphertext must decrypt with the key and nonce of its generation.
        ContentNotAuthentic = "6.3.1",
        /// An `external` sender may say nothing but proposals.
        ExternalSenderContent = "6.1",
        /// A PrivateMessage of an earlier epoch may carry nothing but application data: proposals
        /// and commits count in their own epoch only.
        HandshakeInPastEpoch = "12.1",
        /// A member's PublicMessage must carry the right membership tag.
        InvalidMembershipTag = "6.2",
        /// The signature must verify with the key that the sender's type names.
        InvalidSignature = "6.1",
        /// The generation 2^32 - 1 lies beyond any AEAD limit and would leave the ratchet without a
        /// next one.
        LastGeneration = "9.1",
        /// A `new_member_commit` sender may say nothing but a commit.
        NewMemberCommitContent = "6.1",
        /// A `new_member_proposal` sender may say nothing but a proposal.
        NewMemberProposalContent = "6.1",
        /// A `new_member_proposal` sender may propose nothing but an Add.
        NewMemberProposalType = "6.1",
        /// Padding must be all zero.
        NonzeroPadding = "6.3.1",
        /// Whoever is not a member sends PublicMessages only.
        OutsiderInPrivateMessage = "6",
        /// A generation is used for one message only. Its key was erased when it was used, or as
        /// one of the oldest of too many skipped ones.
        ReusedGeneration = "9.1",
        /// The sender data must decrypt with the key and nonce of the ciphertext's sample.
        SenderDataNotAuthentic = "6.3.2",
        /// Framed content travels as a PublicMessage or PrivateMessage, in nothing else.
        UnframedWireFormat = "6",
        /// The sender's leaf must be in the tree. That it is not blank is checked where its
        /// signature key is looked up.
        UnknownSender = "6.3.2",
        /// Content must name the epoch it is processed in.
        WrongEpoch = "6.1",
        /// Content must name the group it is processed in.
        WrongGroup = "6.1",
    }
}

impl Error {
    /// The error of rows that contradict each other.
    pub(crate) fn inconsistent_rows(what: &'static str) -> Self {
        let kind = codec::DecodeErrorKind::InvalidValue(what);
        Self::Storage(DecodeError { offset: 0, kind })
    }
}

impl From<CryptoError> for Error {
    fn from(error: CryptoError) -> Self {
        Self::Crypto(error)
    }
}

impl From<Limit> for Error {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crypto(error) => error.fmt(formatter),
            Self::Limit(limit) => limit.fmt(formatter),
            Self::Malformed(error) => write!(formatter, "malformed content: {error}"),
            Self::Misuse(misuse) => misuse.fmt(formatter),
            Self::Storage(error) => write!(formatter, "stored row: {error}"),
            Self::Violation(violation) => violation.fmt(formatter),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::AeadUsage => "too much encrypted in this epoch; the group must update",
            Self::EpochNotKept => "the keys of this epoch are not kept",
            Self::ForwardDistance => "the generation is too far ahead",
            Self::GenerationsExhausted => "the ratchet has reached its last generation",
            Self::MessageBytes => "the message is too long",
        })
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ConfirmationTag => "a confirmation tag belongs to a commit and to nothing else",
            Self::SenderType => "the sender is of another type",
            Self::StaleUpdate => "the secret tree has changed since the key was looked up",
            Self::UnknownLeaf => "the leaf is not in the tree",
            Self::WireFormat => "the content was signed for another wire format",
            Self::WouldViolate(violation) => return violation.fmt(formatter),
            Self::WrongContext => "the content names another group or epoch",
        })
    }
}

impl std::error::Error for Error {}
