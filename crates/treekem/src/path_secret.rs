//! Path secrets (RFC 9420, section 7.4): a chain from which the keys of a path and the commit
//! secret follow.
//!
//! ```text
//! path_secret[n+1] = DeriveSecret(path_secret[n], "path")
//! key pair [n]     = DeriveKeyPair(DeriveSecret(path_secret[n], "node"))
//! ```

use crypto::{HpkeKeyPair, HpkePublicKey, Random, Secret, Suite};
use tree::NodeIndex;

use crate::{CommitSecret, Error, Violation};

/// The secret of one node of a path; `KDF.Nh` bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct PathSecret(Secret);

impl PathSecret {
    /// `path_secret[0]`: random.
    pub fn random(suite: &Suite, random: &mut dyn Random) -> Result<Self, Error> {
        Ok(Self(Secret::random(suite.hash_length(), random)?))
    }

    /// A path secret that was received.
    pub fn received(suite: &Suite, secret: Secret) -> Result<Self, Error> {
        // Section 12.4.1 speaks of "KDF.Nh (the same length as a path_secret value would be)".
        if secret.len() != suite.hash_length() {
            return Err(Violation::WrongPathSecretLength.into());
        }
        Ok(Self(secret))
    }

    /// The secret, for a structure or a primitive that takes it.
    #[must_use]
    pub fn as_secret(&self) -> &Secret {
        &self.0
    }

    /// The path secret of the next node of the filtered direct path.
    pub fn next(&self, suite: &Suite) -> Result<Self, Error> {
        Ok(Self(suite.derive_secret(&self.0, "path")?))
    }

    /// The key pair of the node; its node secret exists only here.
    pub fn node_key_pair(&self, suite: &Suite) -> Result<HpkeKeyPair, Error> {
        let node_secret = suite.derive_secret(&self.0, "node")?;
        Ok(suite.derive_key_pair(&node_secret)?)
    }

    /// The end of the chain: the secret after the one of the last node (section 12.4.1).
    #[must_use]
    pub(crate) fn into_commit_secret(self) -> CommitSecret {
        self.0.into()
    }
}

/// The nodes of the rest of a path and the public keys that they must have.
pub(crate) type ExpectedKeys<'a> = Vec<(NodeIndex, &'a HpkePublicKey)>;

/// Derives the rest of a path from the secret of its first node, up to the commit secret. A public
/// key that is not the expected one is `mismatch`.
pub(crate) fn derive_path(
    suite: &Suite,
    first: PathSecret,
    expected: ExpectedKeys<'_>,
    mismatch: Violation,
) -> Result<(Vec<(NodeIndex, HpkeKeyPair)>, CommitSecret), Error> {
    let mut key_pairs = Vec::with_capacity(expected.len());
    let mut path_secret = first;
    for (node, public_key) in expected {
        let key_pair = path_secret.node_key_pair(suite)?;
        if key_pair.public_key != *public_key {
            return Err(mismatch.into());
        }
        key_pairs.push((node, key_pair));
        path_secret = path_secret.next(suite)?;
    }
    Ok((key_pairs, path_secret.into_commit_secret()))
}
