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
    /// The public key of the key pair is not the one of the node that it was given for.
    KeyMismatch,
    /// None of the recipients' private keys is held: the member was removed, or was added by the
    /// very commit that the path belongs to.
    NoPrivateKey,
    /// The node is neither the private path's leaf nor an ancestor of it.
    NodeNotOnPath,
    /// The path is the member's own; its secrets are known already.
    OwnPath,
}

wire::violations! {
    /// The ways in which a peer can break the rules of key agreement.
    pub enum Violation {
        /// A path does not have one ciphertext for each node of a copath child's resolution, leaves
        /// added by the same commit left out.
        CiphertextCountMismatch = "7.6",
        /// The kem_output of an ExternalInit is no encapsulation for the epoch's external key.
        ExternalInitUndecapsulable = "8.3",
        /// The external_pub of a GroupInfo is a key that nobody can encapsulate to.
        ExternalPubInvalid = "8.3",
        /// The encrypted_group_info of a Welcome does not open with the key and nonce that follow
        /// from its joiner_secret and pre-shared keys.
        GroupInfoUndecryptable = "12.4.3.1",
        /// A public key of a path is not the one that follows from its path secret.
        PathKeyMismatch = "7.5",
        /// A path does not have one entry for each node of the sender's filtered direct path.
        PathLengthMismatch = "7.6",
        /// A key that follows from the path_secret of a Welcome is not the one in the tree.
        PathSecretKeyMismatch = "12.4.3.1",
        /// A Welcome does not tell the new member the private key of a node that does not list it
        /// as unmerged.
        PathSecretMissing = "12.4.3.1",
        /// A ciphertext of a path does not open with the private key of its resolution node, under
        /// the provisional group context.
        PathSecretUndecryptable = "7.6",
        /// A commit or Welcome names more than 65535 pre-shared keys, which PSKLabel cannot count.
        TooManyPreSharedKeys = "8.4",
        /// The confirmation tag is not the one of the epoch that the commit or GroupInfo leads to.
        WrongConfirmationTag = "12.4.2",
        /// A path secret is not KDF.Nh bytes long.
        WrongPathSecretLength = "12.4.1",
    }
}

impl Error {
    /// The error for a primitive that failed on a peer's data: the peer's, unless the reason lies
    /// here.
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
            Self::KeyMismatch => "the key pair is not the node's",
            Self::NoPrivateKey => "no private key that the path is encrypted to",
            Self::NodeNotOnPath => "the node is not an ancestor of the leaf",
            Self::OwnPath => "the path is the member's own",
        })
    }
}

impl std::error::Error for Error {}
impl std::error::Error for Misuse {}
impl std::error::Error for Violation {}
