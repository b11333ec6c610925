//! How each of the three forms of ART makes secrets and keys.
//!
//! All share one rule: the secret of a parent comes from a Diffie-Hellman between its children, so
//! whoever knows one child's private key and the other's public key knows the parent.

use codec::Writer;
use crypto::{CryptoError, HashAlgorithm, HpkeKeyPair, KemId, Secret, Suite};
use tree::NodeIndex;

use crate::group2018::NodeKey;

/// What turns the output of Diffie-Hellman into a parent's secret, and a secret into a key pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Derivation {
    /// draft-ietf-mls-protocol-01: the secret is the bare output, the private key its hash.
    Draft01,
    /// By the labels and functions of RFC 9420 with any of its cipher suites. The bytes are the
    /// hash of the group's identifier: a node's key belongs to one node of one group.
    Modern(Vec<u8>),
    /// The Java program published with the paper: the secret *is* the private key.
    Prototype,
}

impl Derivation {
    /// [`Self::Modern`] for one group.
    pub fn modern(suite: &Suite, group_id: &[u8]) -> Result<Self, CryptoError> {
        Ok(Self::Modern(suite.hash(group_id)?.as_slice().to_vec()))
    }

    /// The secret of a parent, from the Diffie-Hellman output of its children.
    pub fn parent_secret(&self, suite: &Suite, shared: &Secret) -> Result<Secret, CryptoError> {
        match self {
            Self::Draft01 => Ok(shared.duplicate()),
            Self::Modern(_) => suite.extract(&Secret::zeros(suite.hash_length()), shared),
            Self::Prototype => prototype_kdf(suite, shared.expose(), &[], 32).map(clamped),
        }
    }

    /// The key of a node, from its secret.
    pub fn node_key(
        &self,
        suite: &Suite,
        node: NodeIndex,
        secret: Secret,
    ) -> Result<NodeKey, CryptoError> {
        let key_pair = match self {
            Self::Draft01 => draft_key_pair(suite, &secret)?,
            Self::Modern(group) => {
                let mut context = Writer::new();
                context.write(&node.as_u32().to_be_bytes());
                context.write(group);
                let context = suite.hash(context.as_slice())?;
                let length = suite.hash_length();
                let seed =
                    suite.expand_with_label(&secret, "art node", context.as_slice(), length)?;
                suite.derive_key_pair(&seed)?
            }
            Self::Prototype => {
                let secret = clamped(secret.duplicate());
                let public_key = suite.provider().dh_public_key(suite.params().kem, &secret)?;
                HpkeKeyPair::new(secret, public_key)
            }
        };
        let secret = if *self == Self::Prototype { clamped(secret) } else { secret };
        Ok(NodeKey { secret, key_pair })
    }

    /// How long the secret of a leaf is.
    #[must_use]
    pub fn secret_length(&self, suite: &Suite) -> usize {
        match self {
            Self::Modern(_) => suite.hash_length(),
            Self::Draft01 | Self::Prototype => 32,
        }
    }
}

/// `Derive-Key-Pair(X)` of draft-01: the private key is `SHA-256(X)`.
pub(crate) fn draft_key_pair(suite: &Suite, secret: &Secret) -> Result<HpkeKeyPair, CryptoError> {
    let digest = suite.provider().hash(HashAlgorithm::Sha256, secret.expose())?;
    let private_key = Secret::from_slice(digest.as_slice());
    let kem = KemId::DHKEM_X25519_HKDF_SHA256;
    let public_key = suite.provider().dh_public_key(kem, &private_key)?;
    Ok(HpkeKeyPair::new(private_key, public_key))
}

/// The prototype's "hkdf", which is not RFC 5869: key and data of both HMACs are exchanged, and the
/// counter starts at zero. Kept, because its bytes are to come out.
pub(crate) fn prototype_kdf(
    suite: &Suite,
    input: &[u8],
    info: &[u8],
    length: usize,
) -> Result<Secret, CryptoError> {
    let hmac = |key: &[u8], data: &[u8]| suite.provider().hmac(HashAlgorithm::Sha256, key, &[data]);
    let pseudorandom = hmac(input, &[])?;
    let mut output = Vec::with_capacity(length + 32);
    let mut last = Secret::zeros(0);
    for counter in 0..=u8::MAX {
        if output.len() >= length {
            break;
        }
        let key = [last.expose(), info, &[counter]].concat();
        last = hmac(&key, pseudorandom.expose())?;
        output.extend_from_slice(last.expose());
    }
    if output.len() < length {
        return Err(CryptoError::InvalidLength);
    }
    output.truncate(length);
    Ok(Secret::from_vec(output))
}

/// The private key as X25519 uses it (RFC 7748, section 5).
fn clamped(mut secret: Secret) -> Secret {
    if let [first, .., last] = secret.expose_mut() {
        *first &= 248;
        *last = (*last & 127) | 64;
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tools;

    #[test]
    fn the_prototypes_kdf_gives_the_known_node_key() {
        let known = "97fd4ac46f066911ad1ed349746241b2dcd1311d74fe21892bd0d32130dd3776";
        let tools = Tools::new().unwrap();
        let derived = prototype_kdf(tools.suite(), &[1; 32], &[], 32).unwrap();
        assert_eq!(testkit::to_hex(derived.expose()), known);
    }
}
