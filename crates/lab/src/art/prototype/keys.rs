//! The prototype's keys: the identity that signs and agrees, the exchange that gives a leaf its
//! secret, the chain of stage keys.

use crypto::{CryptoError, HashAlgorithm, HpkeKeyPair, HpkePublicKey, KemId, Secret};
use crypto::{SignatureKeyPair, Signer, Suite};
use curve25519_dalek::edwards::CompressedEdwardsY;

use super::thrift::tree_bytes;
use crate::Failure;
use crate::art::derivation::prototype_kdf;
use crate::group2018::{Nodes, broken};

const KEM: KemId = KemId::DHKEM_X25519_HKDF_SHA256;

/// Length of a stage key.
const STAGE_KEY_BYTES: usize = 16;

/// The private key of Diffie-Hellman under an identity. The prototype signs with KCDSA on
/// Curve25519 itself; here the identity is an Ed25519 key, whose point is used on both curves.
pub(super) fn identity_private_key(
    suite: &Suite,
    identity: &SignatureKeyPair,
) -> Result<HpkeKeyPair, Failure> {
    let digest = suite.provider().hash(HashAlgorithm::Sha512, identity.private_key().expose())?;
    let private_key = Secret::from_slice(&digest.as_slice()[..32]);
    let public_key = identity_agreement_key(identity.public_key().as_slice())?;
    Ok(HpkeKeyPair::new(private_key, public_key))
}

/// The public key of Diffie-Hellman under an identity.
pub(super) fn identity_agreement_key(identity_key: &[u8]) -> Result<HpkePublicKey, Failure> {
    let point = CompressedEdwardsY::from_slice(identity_key).ok();
    let point = point.and_then(|point| point.decompress());
    let point = point.ok_or_else(|| broken("an identity key is not on the curve"))?;
    Ok(point.to_montgomery().to_bytes().to_vec().into())
}

/// Two key pairs of one side: identity and setup key of the creator, or identity and prekey of a
/// member.
pub(super) struct Mine<'a> {
    pub(super) identity: &'a HpkeKeyPair,
    pub(super) other: &'a HpkeKeyPair,
}

/// The same of the other side.
pub(super) struct Theirs<'a> {
    pub(super) identity: &'a HpkePublicKey,
    pub(super) other: &'a HpkePublicKey,
}

/// The secret of a member's leaf as the creator computes it.
pub(super) fn initiate(
    suite: &Suite,
    mine: &Mine<'_>,
    theirs: &Theirs<'_>,
) -> Result<Secret, CryptoError> {
    let pairs = [
        (mine.identity, theirs.identity),
        (mine.identity, theirs.other),
        (mine.other, theirs.identity),
        (mine.other, theirs.other),
    ];
    exchange(suite, pairs)
}

/// The same as the member computes it.
pub(super) fn respond(
    suite: &Suite,
    mine: &Mine<'_>,
    theirs: &Theirs<'_>,
) -> Result<Secret, CryptoError> {
    let pairs = [
        (mine.identity, theirs.identity),
        (mine.other, theirs.identity),
        (mine.identity, theirs.other),
        (mine.other, theirs.other),
    ];
    exchange(suite, pairs)
}

fn exchange(
    suite: &Suite,
    pairs: [(&HpkeKeyPair, &HpkePublicKey); 4],
) -> Result<Secret, CryptoError> {
    let mut input = Vec::with_capacity(128);
    for (private, public) in pairs {
        let shared = suite.provider().dh(KEM, &private.private_key, public)?;
        input.extend_from_slice(shared.expose());
    }
    let input = Secret::from_vec(input);
    let digest = suite.provider().hash(HashAlgorithm::Sha256, input.expose())?;
    Ok(Secret::from_slice(digest.as_slice()))
}

/// The next stage key, from the last, the root's private key, the whole tree and all identities.
pub(super) fn next_stage_key(
    suite: &Suite,
    last: &Secret,
    nodes: &Nodes,
    identity_keys: &[Vec<u8>],
) -> Result<Secret, Failure> {
    let root = nodes.root_secret().ok_or_else(|| broken("the root's secret is not known"))?;
    let input = [last.expose(), root.expose(), &tree_bytes(nodes)?].concat();
    let input = Secret::from_vec(input);
    let identities = identity_keys.concat();
    Ok(prototype_kdf(suite, input.expose(), &identities, STAGE_KEY_BYTES)?)
}

/// The tag of an update under the stage key of the epoch that it ends.
pub(super) fn tag(suite: &Suite, stage_key: &Secret, update: &[u8]) -> Result<Secret, CryptoError> {
    suite.provider().hmac(HashAlgorithm::Sha256, stage_key.expose(), &[update])
}
