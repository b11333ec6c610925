//! What can go wrong, sorted by whose fault it is.

use std::fmt;

use codec::DecodeError;
use crypto::CryptoError;
use tree::Refusal;
use wire::PskKind;

use crate::StorageError;

/// Why an operation was refused. Whatever it was, the group is as it was before.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The crypto backend failed for a reason that no message explains.
    Crypto(CryptoError),
    /// A limit of this client: nobody's fault, but refused.
    Limit(Limit),
    /// Bytes are not an encoding of what they should be: the sender's fault.
    Malformed(DecodeError),
    /// A pre-shared key is named that this client does not have.
    MissingPsk(PskKind),
    /// The caller asked for what cannot be done.
    Misuse(Misuse),
    /// The application's policy refuses it.
    Refused(Refusal),
    /// The store failed, or holds what it should not.
    Storage(StorageError),
    /// A peer broke a rule of RFC 9420.
    Violation(BrokenRule),
}

/// A limit of this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// A limit of message protection.
    Protection(protection::Limit),
    /// More proposals are pending than [`crate::Settings::proposals_max`]: a commit must come
    /// first.
    Proposals,
}

/// A rule that a peer broke, by the layer that found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokenRule {
    /// A rule about groups, found in this crate.
    Group(Violation),
    /// A rule about leaves, trees and proposals; with the tree's node, where there is one.
    Tree(tree::Violation, Option<u32>),
    /// A rule about key agreement.
    KeyAgreement(treekem::Violation),
    /// A rule about message protection.
    Protection(protection::Violation),
}

impl BrokenRule {
    /// The section of RFC 9420 that the rule comes from.
    #[must_use]
    pub fn section(self) -> &'static str {
        match self {
            Self::Group(violation) => violation.section(),
            Self::Tree(violation, _) => violation.section(),
            Self::KeyAgreement(violation) => violation.section(),
            Self::Protection(violation) => violation.section(),
        }
    }

    /// The rule's name, unique among all layers but for rules that two layers check.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Group(violation) => violation.name(),
            Self::Tree(violation, _) => violation.name(),
            Self::KeyAgreement(violation) => violation.name(),
            Self::Protection(violation) => violation.name(),
        }
    }
}

wire::violations! {
    /// The ways in which a peer can break the rules of groups.
    pub enum Violation {
        /// A Welcome or GroupInfo for a suite that is not the key package's.
        CipherSuiteMismatch = "12.4.3.1",
        /// A commit names a proposal that was not received in this epoch.
        CommitOfUnknownProposal = "12.4",
        /// An application that forbids them receives an external commit.
        ExternalCommitForbidden = "12.4.3.2",
        /// The external_senders extension has no entry for the sender of a proposal.
        ExternalSenderUnknown = "12.1.8",
        /// A GroupInfo without external_pub, where one is needed.
        ExternalPubMissing = "12.4.3.2",
        /// A GroupInfo's signature does not verify.
        GroupInfoSignature = "12.4.3",
        /// The entry of a Welcome for this client does not decrypt with the key package it names.
        GroupSecretsUndecryptable = "12.4.3.1",
        /// A GroupInfo is signed by a leaf that does not exist or is blank.
        GroupInfoSigner = "12.4.3.1",
        /// The group uses an extension that this client does not support.
        GroupExtensionNotSupported = "13.4",
        /// A group is in an epoch whose number is the last there is: no honest group comes so far.
        LastEpoch = "12",
        /// A key package is used for joining whose leaf is not in the tree.
        LeafNotInTree = "12.4.3.1",
        /// A message carries the leaf of this client as its sender, but this client did not send
        /// it.
        NotSentByThisClient = "6.1",
        /// A commit without the path that its proposals demand.
        PathMissing = "12.4",
        /// A Welcome with several resumption PSKs of usage reinit or branch.
        SeveralSuccessorPsks = "12.4.3.1",
        /// A branch whose version or cipher suite is not the old group's.
        BranchParameters = "11.3",
        /// A branch with a member who is not a member of the old group.
        BranchMembers = "11.3",
        /// A reinitialized group that does not match the ReInit proposal, or no such proposal was
        /// committed.
        ReInitParameters = "11.2",
        /// A reinitialized group that lacks a member of the old group.
        ReInitMembers = "11.2",
        /// A group that succeeds another does not start with epoch 1.
        SuccessorEpoch = "12.4.3.1",
        /// A resync without the resumption PSK that the application demands.
        ResyncWithoutPsk = "12.4.3.2",
        /// The sender of a message is not a member.
        SenderNotMember = "6.1",
        /// A Welcome has no entry for any key package of this client.
        WelcomeNotForThisClient = "12.4.3.1",
        /// A message in a protocol version other than MLS 1.0.
        UnsupportedVersion = "12.4.3.1",
    }
}

/// What a caller did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The message is of a kind that does not belong here.
    WrongMessageKind,
    /// The cipher suite is not registered or not supported by the backend.
    UnknownCipherSuite,
    /// No signer for the suite's scheme, or for the key in the own leaf.
    NoSigner,
    /// There are pending proposals: commit before sending application data (section 12.4).
    ProposalsPending,
    /// The client was removed from the group.
    Removed,
    /// The group was closed by a ReInit: only its successor can be used.
    Reinitialized,
    /// The group was not closed by a ReInit.
    NotReinitialized,
    /// A reinitialized group must have all members of the old one.
    MembersMissing,
    /// The staged epoch starts from another epoch than the group's.
    StaleEpoch,
    /// A group with this id is stored already.
    GroupExists,
    /// The id for a group is longer than [`wire::GROUP_ID_BYTES_MAX`].
    GroupIdTooLong,
    /// The ratchet tree is neither in the GroupInfo nor passed.
    RatchetTreeMissing,
    /// There is no member at this leaf.
    NoSuchMember,
    /// No proposal with this name is pending.
    NoSuchProposal,
    /// A commit that must have a path was asked to have none.
    PathRequired,
    /// More proposals than one commit may hold ([`wire::COMMIT_PROPOSALS_MAX`]).
    TooManyProposals,
    /// An Update is proposed in a commit, whose path does the same, or as a leaf made elsewhere.
    UpdateOutOfPlace,
    /// The client's own capabilities lack what it wants to use.
    NotInOwnCapabilities,
    /// A private key does not belong to the public key.
    KeyMismatch,
    /// An effect of the group was dropped, or its store refused it: load the group again.
    Unsaved,
    /// The store has changed since the group was loaded: there is another handle of it. Nothing was
    /// written; load the group again.
    Stale,
}

impl fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::WrongMessageKind => "a message of this kind does not belong here",
            Self::UnknownCipherSuite => "the cipher suite is not supported",
            Self::NoSigner => "no signer for the key in question",
            Self::ProposalsPending => "proposals are pending: commit before sending",
            Self::Removed => "this client was removed from the group",
            Self::Reinitialized => "the group was closed by a ReInit",
            Self::NotReinitialized => "the group was not closed by a ReInit",
            Self::MembersMissing => "members of the old group are missing",
            Self::StaleEpoch => "the staged epoch does not follow the group's epoch",
            Self::GroupExists => "a group with this id exists already",
            Self::GroupIdTooLong => "the id for a group is too long",
            Self::RatchetTreeMissing => "the ratchet tree is missing",
            Self::NoSuchMember => "there is no member at this leaf",
            Self::NoSuchProposal => "no proposal with this name is pending",
            Self::PathRequired => "the proposals demand a path",
            Self::TooManyProposals => "more proposals than one commit may hold",
            Self::KeyMismatch => "the private key does not belong to the public key",
            Self::UpdateOutOfPlace => "an Update is a message of its own, made by the group",
            Self::NotInOwnCapabilities => "the client's own capabilities lack this",
            Self::Unsaved => "a change of the group was not stored: load it again",
            Self::Stale => "the store has changed since the group was loaded: load it again",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protection(limit) => limit.fmt(formatter),
            Self::Proposals => formatter.write_str("too many proposals are pending"),
        }
    }
}

impl fmt::Display for BrokenRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(violation) => violation.fmt(formatter),
            Self::Tree(violation, None) => violation.fmt(formatter),
            Self::Tree(violation, Some(node)) => write!(formatter, "{violation}, at node {node}"),
            Self::KeyAgreement(violation) => violation.fmt(formatter),
            Self::Protection(violation) => violation.fmt(formatter),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crypto(error) => write!(formatter, "cryptography failed: {error}"),
            Self::Limit(limit) => write!(formatter, "limit reached: {limit}"),
            Self::Malformed(error) => write!(formatter, "malformed: {error}"),
            Self::MissingPsk(_) => formatter.write_str("a pre-shared key is missing"),
            Self::Misuse(misuse) => misuse.fmt(formatter),
            Self::Refused(refusal) => refusal.fmt(formatter),
            Self::Storage(error) => write!(formatter, "storage failed: {error}"),
            Self::Violation(rule) => write!(formatter, "a peer broke a rule: {rule}"),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// The store holds something that this library did not write.
    pub(crate) fn corrupt(what: &'static str) -> Self {
        Self::Storage(StorageError::corrupt(what))
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl From<CryptoError> for Error {
    fn from(error: CryptoError) -> Self {
        Self::Crypto(error)
    }
}

impl From<protection::Limit> for Error {
    fn from(limit: protection::Limit) -> Self {
        Self::Limit(Limit::Protection(limit))
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Violation(BrokenRule::Group(violation))
    }
}

impl From<tree::Violation> for Error {
    fn from(violation: tree::Violation) -> Self {
        Self::Violation(BrokenRule::Tree(violation, None))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        if error.is_stale() { Misuse::Stale.into() } else { Self::Storage(error) }
    }
}

impl From<tree::Error> for Error {
    fn from(error: tree::Error) -> Self {
        match error {
            tree::Error::Malformed(error) => Self::Malformed(error),
            tree::Error::Violation { violation, node } => {
                Self::Violation(BrokenRule::Tree(violation, node))
            }
            tree::Error::Refused(refusal) => Self::Refused(refusal),
            tree::Error::Crypto(error) => Self::Crypto(error),
            _ => Self::Crypto(CryptoError::Unsupported),
        }
    }
}

impl From<treekem::Error> for Error {
    fn from(error: treekem::Error) -> Self {
        match error {
            treekem::Error::Crypto(error) => Self::Crypto(error),
            treekem::Error::Violation(violation) => {
                Self::Violation(BrokenRule::KeyAgreement(violation))
            }
            // Key agreement is driven by this crate alone: what it calls a misuse by its caller
            // means that the stored keys do not fit the stored tree.
            _ => Self::corrupt("private keys do not fit the tree"),
        }
    }
}

impl From<protection::Error> for Error {
    fn from(error: protection::Error) -> Self {
        match error {
            protection::Error::Crypto(error) => Self::Crypto(error),
            protection::Error::Limit(limit) => limit.into(),
            protection::Error::Malformed(error) => Self::Malformed(error),
            protection::Error::Violation(violation) => {
                Self::Violation(BrokenRule::Protection(violation))
            }
            protection::Error::Storage(_) => Self::corrupt("secret tree"),
            _ => Self::Misuse(Misuse::WrongMessageKind),
        }
    }
}
