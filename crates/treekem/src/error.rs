//! What can go wrong in key agreement, and whose fault it is.

use std::fmt;

use crypto::CryptoError;

/// Key agreement failed; the variant says whose fault that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A primitive failed for a reason that no message explains.
    Crypto(CryptoError),
    /// The caller asked for what cannot be done.
    Misuse(Misuse),
    /// A peer broke a rule of RFC 9420.
    Violation(Violation),
}

/// How a caller can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The key pair is not the one of the leaf it was given for.
    LeafKeyMismatch,
    /// None of the recipients' private keys is held: the member was removed, or was added by the very
    /// commit that the path belongs to.
    NoPrivateKey,
    /// The node is not an ancestor of the private path's leaf.
    NodeNotOnPath,
    /// The path is the member's own; its secrets are known already.
    OwnPath,
}

/// The ways in which a peer can break the rules of key agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A path has exactly one ciphertext per node of a copath child's resolution, leaves added by the
    /// same commit left out (section 7.6).
    CiphertextCountMismatch,
    /// The `kem_output` of an ExternalInit proposal is an encapsulation for the epoch's external key
    /// (section 8.3).
    ExternalInitUndecapsulable,
    /// The `external_pub` of a GroupInfo is a key that one can encapsulate to (sections 8.3 and
    /// 12.4.3.2).
    ExternalPubInvalid,
    /// The `encrypted_group_info` of a Welcome opens with the key and nonce of its `joiner_secret` and
    /// pre-shared keys (section 12.4.3.1).
    GroupInfoUndecryptable,
    /// The public keys of a path are those derived from its path secrets (section 7.5).
    PathKeyMismatch,
    /// A path has exactly one entry per node of the sender's filtered direct path (sections 7.5 and 7.6).
    PathLengthMismatch,
    /// The keys that a new member derives from a Welcome's `path_secret` are those of the tree (section
    /// 12.4.3.1).
    PathSecretKeyMismatch,
    /// A new member learns the private key of every ancestor that does not list it as unmerged (sections
    /// 4.2 and 12.4.3.1).
    PathSecretMissing,
    /// Each ciphertext of a path opens with the private key of its resolution node, under the
    /// provisional group context (sections 7.5 and 7.6).
    PathSecretUndecryptable,
    /// A commit or Welcome names at most 65535 pre-shared keys, since `PSKLabel` counts them in 16 bits
    /// (section 8.4).
    TooManyPreSharedKeys,
    /// The confirmation tag of a commit or GroupInfo is the one of the epoch it leads to (sections 6.1,
    /// 12.4.2 and 12.4.3.1).
    WrongConfirmationTag,
    /// A path secret is `KDF.Nh` bytes long (sections 7.4 and 12.4.1).
    WrongPathSecretLength,
}

impl Error {
    /// The error for a primitive that failed on a peer's data: the peer's, unless the reason lies here.
    pub(crate) fn blame(violation: Violation) -> impl Fn(CryptoError) -> Self {
        move |error| match error {
            CryptoError::AeadOpen | CryptoError::InvalidLength | CryptoError::InvalidPublicKey => {
                Self::Violation(violation)
            }
            _ => Self::Crypto(error),
        }
    }
}

impl From<CryptoError> for Error {
    fn from(error: CryptoError) -> Self {
        Self::Crypto(error)
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
            Self::Misuse(misuse) => misuse.fmt(formatter),
            Self::Violation(violation) => violation.fmt(formatter),
        }
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::LeafKeyMismatch => "the key pair is not the leaf's",
            Self::NoPrivateKey => "no private key that the path is encrypted to",
            Self::NodeNotOnPath => "the node is not an ancestor of the leaf",
            Self::OwnPath => "the path is the member's own",
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CiphertextCountMismatch => "path has a wrong number of ciphertexts",
            Self::ExternalInitUndecapsulable => "external init cannot be decapsulated",
            Self::ExternalPubInvalid => "external public key is invalid",
            Self::GroupInfoUndecryptable => "group info of the welcome does not open",
            Self::PathKeyMismatch => "public key of the path does not follow from its secret",
            Self::PathLengthMismatch => "path has a wrong number of nodes",
            Self::PathSecretKeyMismatch => "path secret of the welcome does not fit the tree",
            Self::PathSecretMissing => "welcome lacks a path secret that the tree calls for",
            Self::PathSecretUndecryptable => "path secret does not open",
            Self::TooManyPreSharedKeys => "more than 65535 pre-shared keys",
            Self::WrongConfirmationTag => "confirmation tag is wrong",
            Self::WrongPathSecretLength => "path secret has a wrong length",
        })
    }
}

impl std::error::Error for Error {}
impl std::error::Error for Misuse {}
impl std::error::Error for Violation {}
