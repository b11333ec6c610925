//! What can be wrong with a tree, a leaf, a key package or a list of proposals, and whose fault it
//! is.

use std::fmt;

use codec::DecodeError;
use crypto::CryptoError;

use crate::{NodeIndex, Refusal};

/// Why a group operation is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Bytes inside an extension, or of a stored group, are not an encoding of what they should be.
    Malformed(DecodeError),
    /// Someone who follows a group asked for what cannot be done.
    Misuse(Misuse),
    /// A peer broke a rule of the RFC.
    Violation {
        /// Which rule.
        violation: Violation,
        /// The node that it was found at, where there is one.
        node: Option<u32>,
    },
    /// The application's identity policy refuses it.
    Refused(Refusal),
    /// The crypto backend failed.
    Crypto(CryptoError),
}

/// What whoever follows a group (see [`crate::PublicGroup`]) cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The message is encrypted: what it does to the group, only members learn. Whoever follows has
    /// lost track if it is a commit, and must start again from a later GroupInfo.
    Encrypted,
    /// The ratchet tree is neither in the GroupInfo nor passed.
    RatchetTreeMissing,
    /// The group was closed by a ReInit; its successor is another group.
    Reinitialized,
    /// The staged commit does not start from the group's present epoch.
    StaleCommit,
    /// More proposals are pending than [`crate::PublicGroup::PROPOSALS_MAX`].
    TooManyProposals,
    /// The message is neither a proposal nor a commit.
    WrongMessageKind,
}

impl fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Encrypted => "the message is encrypted: only members can follow it",
            Self::RatchetTreeMissing => "the ratchet tree is missing",
            Self::Reinitialized => "the group was closed by a ReInit",
            Self::StaleCommit => "the staged commit does not follow the group's epoch",
            Self::TooManyProposals => "too many proposals are pending",
            Self::WrongMessageKind => "the message is neither a proposal nor a commit",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => error.fmt(formatter),
            Self::Misuse(misuse) => misuse.fmt(formatter),
            Self::Violation { violation, node: None } => violation.fmt(formatter),
            Self::Violation { violation, node: Some(node) } => {
                write!(formatter, "{violation}, at node {node}")
            }
            Self::Refused(refusal) => refusal.fmt(formatter),
            Self::Crypto(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for Error {}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl From<Misuse> for Error {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Violation { violation, node: None }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<CryptoError> for Error {
    fn from(error: CryptoError) -> Self {
        Self::Crypto(error)
    }
}

impl Violation {
    pub(crate) fn at_node(self, node: NodeIndex) -> Error {
        Error::Violation { violation: self, node: Some(node.as_u32()) }
    }
}

wire::violations! {
    /// Every way a peer can break the rules of leaves, key packages, proposal lists and trees.
    pub enum Violation {
        /// The committer proposes an Add whose client is already a member and not removed by the
        /// same commit.
        AddOfMember = "12.2",
        /// A commit adds the same client twice.
        AddTwice = "12.2",
        /// Application data travels only encrypted, never in a PublicMessage.
        ApplicationInPublicMessage = "6",
        /// A commit names a proposal that was not received in this epoch.
        CommitOfUnknownProposal = "12.4",
        /// A member commits a Remove of itself.
        CommitterRemovesItself = "12.2",
        /// A member commits an Update of itself.
        CommitterUpdatesItself = "12.2",
        /// A leaf's credential type is not listed in its own capabilities.
        CredentialTypeNotInCapabilities = "5.3",
        /// A leaf's credential type is not supported by every member.
        CredentialTypeNotSupportedByMembers = "7.3",
        /// Two nodes of a tree have the same encryption key.
        DuplicateEncryptionKey = "7.3",
        /// A list of extensions holds a type twice.
        DuplicateExtension = "13.4",
        /// A commit names the same pre-shared key twice.
        DuplicatePsk = "12.2",
        /// Two members have the same signature key.
        DuplicateSignatureKey = "7.3",
        /// A ratchet tree holds no node.
        EmptyRatchetTree = "12.4.3.3",
        /// A leaf's extension type is not listed in its own capabilities.
        ExtensionNotInCapabilities = "7.3",
        /// An extension of the GroupContext is not supported by every member.
        ExtensionNotSupportedByMembers = "13.4",
        /// An external commit holds a proposal other than ExternalInit, Remove and PreSharedKey.
        ExternalCommitProposal = "12.2",
        /// An external commit holds a proposal by reference.
        ExternalCommitReference = "12.4.3.2",
        /// An external commit holds more than one Remove.
        ExternalCommitRemoves = "12.2",
        /// A commit by a member holds an ExternalInit.
        ExternalInitByMember = "12.2",
        /// An external commit does not hold exactly one ExternalInit.
        ExternalInitCount = "12.2",
        /// An external sender says something else than a proposal.
        ExternalSenderContent = "6.1",
        /// A sender outside the group proposes something that it may not.
        ExternalSenderProposal = "12.1.8",
        /// The external_senders extension has no entry for the sender of a proposal.
        ExternalSenderUnknown = "12.1.8.1",
        /// A GroupInfo describes another state of the epoch than the one the group is in.
        GroupInfoOfAnotherState = "12.4.3",
        /// A GroupInfo's signature does not verify.
        GroupInfoSignature = "12.4.3.1",
        /// A GroupInfo is signed by a leaf that does not exist or is blank.
        GroupInfoSigner = "12.4.3.1",
        /// A key package's init_key equals the encryption_key of its leaf.
        InitKeyIsEncryptionKey = "10.1",
        /// The signature of a message does not verify with the key that its sender's type names.
        InvalidContentSignature = "6.1",
        /// An encryption key is one that nobody can encrypt to.
        InvalidEncryptionKey = "5.1.1",
        /// A key package's signature does not verify.
        InvalidKeyPackageSignature = "10.1",
        /// A leaf's signature does not verify.
        InvalidLeafSignature = "7.3",
        /// A parent node is not parent-hash valid: not exactly one descendant was set together with
        /// it.
        InvalidParentHash = "7.9.2",
        /// A key package is for another protocol version or cipher suite than the group's.
        KeyPackageVersionOrCipherSuite = "10.1",
        /// A group is in an epoch whose number is the last there is: no honest group comes so far.
        LastEpoch = "12",
        /// A leaf is larger than this implementation takes.
        LeafTooLarge = "7.2",
        /// A leaf's lifetime ends before it starts.
        LifetimeEndsBeforeStart = "7.2",
        /// The current time is outside the lifetime of a leaf.
        LifetimeExpired = "7.3",
        /// A leaf's lifetime is longer than the application allows.
        LifetimeTooLong = "7.2",
        /// A commit changes the extensions of the GroupContext twice.
        MultipleGroupContextExtensions = "12.2",
        /// A commit holds several Updates or Removes for one leaf.
        MultipleProposalsForLeaf = "12.2",
        /// A client that joins by an external commit says something else than a commit.
        NewMemberCommitContent = "6.1",
        /// A client that is not a member proposes something other than adding itself.
        NewMemberProposal = "12.1.8",
        /// A client that proposes to add itself says something else than a proposal.
        NewMemberProposalContent = "6.1",
        /// A leaf in the place of a parent, or a parent in the place of a leaf.
        NodeTypeMismatch = "7.8",
        /// A key of a path is one that the tree holds already, or occurs twice in the path.
        PathKeyInTree = "12.4.2",
        /// The leaf of a path does not carry the parent hash that the path leads to.
        PathLeafParentHash = "7.9.2",
        /// A path does not have one node per node of the filtered direct path.
        PathLengthMismatch = "7.5",
        /// A commit without the path that its proposals or its sender demand.
        PathMissing = "12.4",
        /// A pre-shared key's nonce does not have the length of a hash.
        PskNonceLength = "12.1.4",
        /// A PreSharedKey proposal has usage reinit or branch outside of those operations.
        PskUsage = "12.1.4",
        /// A tree, or a group after a commit, is larger than this implementation takes.
        RatchetTreeTooLarge = "7.7",
        /// A ReInit proposal together with any other.
        ReInitNotAlone = "12.2",
        /// A ReInit proposal to an older protocol version.
        ReInitVersion = "12.1.5",
        /// A Remove of a leaf that does not exist or is blank.
        RemoveOfBlank = "12.1.3",
        /// A member does not support what required_capabilities demands.
        RequiredCapabilities = "7.3",
        /// The right half of a ratchet tree holds no leaf: the tree was not truncated.
        RightHalfBlank = "12.1.3",
        /// The sender of a message is not a member.
        SenderNotMember = "6.1",
        /// A confirmation or membership tag does not have the length of a hash.
        TagLength = "6.1",
        /// A ratchet tree ends with a blank node.
        TrailingBlankNodes = "12.4.3.3",
        /// A new leaf keeps the encryption key of the one it replaces.
        UnchangedEncryptionKey = "7.3",
        /// An unmerged leaf is blank, out of range, or not below the parent that lists it.
        UnmergedLeafNotDescendant = "12.4.3.1",
        /// A node between a parent and its unmerged leaf does not list that leaf.
        UnmergedLeafNotListedBetween = "12.4.3.1",
        /// A parent node lists an unmerged leaf twice, or its unmerged leaves are not in ascending
        /// order.
        UnsortedUnmergedLeaves = "7.1",
        /// A proposal of a type that some member does not support.
        UnsupportedProposalType = "12.2",
        /// A group in a protocol version other than MLS 1.0.
        UnsupportedVersion = "12.4.3.1",
        /// An Update by a sender who is not a member of the group.
        UpdateOfBlank = "12.1.2",
        /// A leaf's capabilities lack the group's protocol version or cipher suite.
        VersionOrCipherSuiteNotInCapabilities = "7.2",
        /// A message names another epoch than the one it is processed in.
        WrongEpoch = "12.4.2",
        /// A message names another group than the one it is processed in.
        WrongGroup = "6.1",
        /// A leaf comes from the wrong source for its place.
        WrongLeafNodeSource = "7.3",
        /// The tree does not hash to the tree_hash of the GroupContext.
        WrongTreeHash = "12.4.3.1",
    }
}
