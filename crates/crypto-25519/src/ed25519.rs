//! Ed25519 verification (RFC 8032, section 5.1.7), one signature or many.
//!
//! The equation is the one with the cofactor, `[8][S]B = [8]R + [8][k]A`. It says whether the
//! *residue* `[S]B - R - [k]A` has a small order, and that survives adding up: in a batch the
//! residues are multiplied by random coefficients and summed. If all have a small order, so does
//! the sum; if one has not, the sum does with a probability of at most 2^-128, because of all
//! values of its coefficient at most one cancels the rest.

use crypto::{CryptoError, SignaturePublicKey, SignedMessage};
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT as BASE;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::VartimeMultiscalarMul as _;
use curve25519_dalek::{EdwardsPoint, Scalar};
use sha2::{Digest as _, Sha512};

use crate::weak_keys::{is_canonical_ed25519, is_weak_ed25519};

/// Separates the hash behind the coefficients of a batch from every other use of SHA-512.
const COEFFICIENTS: &[u8] = b"Conclave: coefficients of a batch of Ed25519 signatures";

/// Verifies an Ed25519 signature.
///
/// [`CryptoError::InvalidPublicKey`] for a key that is not the one encoding of a point, or whose
/// point has a small order; [`CryptoError::InvalidSignature`] for everything else.
pub fn ed25519_verify(
    public_key: &SignaturePublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    let parsed = Parsed::new(&SignedMessage { public_key, message, signature })?;
    let key = decode_key(&parsed.key)?;
    let Parsed { commitment, response, challenge, .. } = parsed;
    let product =
        EdwardsPoint::vartime_double_scalar_mul_basepoint(&challenge.scalar(), &-key, &response);
    match (product - commitment).is_small_order() {
        true => Ok(()),
        false => Err(CryptoError::InvalidSignature),
    }
}

/// Verifies many signatures: succeeds exactly if [`ed25519_verify`] accepts each of them.
///
/// Signatures with one key cost less if they follow each other. A thousand at once is enough to be
/// fast; the memory for more grows with their number.
pub fn ed25519_verify_batch(batch: &[SignedMessage<'_>]) -> Result<(), CryptoError> {
    let parsed: Result<Vec<Parsed>, CryptoError> = batch.iter().map(Parsed::new).collect();
    match sum_of_residues(&parsed?)?.is_small_order() {
        true => Ok(()),
        false => Err(CryptoError::InvalidSignature),
    }
}

/// The sum of all residues, each multiplied by its coefficient.
fn sum_of_residues(batch: &[Parsed]) -> Result<EdwardsPoint, CryptoError> {
    let mut scalars = Vec::with_capacity(2 * batch.len() + 1);
    let mut points = Vec::with_capacity(2 * batch.len() + 1);
    let mut of_base = Scalar::ZERO;
    let mut of_key = Scalar::ZERO;
    for (index, (parsed, coefficient)) in batch.iter().zip(coefficients(batch)).enumerate() {
        of_base += coefficient * parsed.response;
        of_key -= coefficient * parsed.challenge.scalar();
        points.push(parsed.commitment);
        scalars.push(-coefficient);
        if batch.get(index + 1).is_none_or(|next| next.key != parsed.key) {
            points.push(decode_key(&parsed.key)?);
            scalars.push(std::mem::take(&mut of_key));
        }
    }
    points.push(BASE);
    scalars.push(of_base);
    Ok(EdwardsPoint::vartime_multiscalar_mul(scalars, points))
}

/// A coefficient of 128 bits for each signature, from a hash of everything that is verified. Nobody
/// can choose signatures by coefficients that are known only once the signatures are chosen; and
/// no source of randomness is needed, so the answer is the same whenever it is asked.
fn coefficients(batch: &[Parsed]) -> impl Iterator<Item = Scalar> {
    let mut transcript = Sha512::new_with_prefix(COEFFICIENTS);
    for parsed in batch {
        // The challenge is a hash of the commitment, the key and the message.
        transcript.update(parsed.challenge.0);
        transcript.update(parsed.response.as_bytes());
    }
    let seed = transcript.finalize();
    (0_u64..).flat_map(move |block| {
        let hash: [u8; 64] =
            Sha512::new_with_prefix(seed).chain_update(block.to_be_bytes()).finalize().into();
        let (chunks, _) = hash.as_chunks::<16>();
        let coefficients: [u128; 4] =
            std::array::from_fn(|index| chunks.get(index).copied().map_or(0, u128::from_le_bytes));
        coefficients.map(Scalar::from)
    })
}

/// `k` of RFC 8032, section 5.1.7, step 2, before it is reduced.
struct Challenge([u8; 64]);

impl Challenge {
    fn scalar(&self) -> Scalar {
        Scalar::from_bytes_mod_order_wide(&self.0)
    }
}

/// A signature whose parts are what RFC 8032 demands of each by itself; the key is only known not
/// to be weak.
struct Parsed {
    key: [u8; 32],
    /// `R`.
    commitment: EdwardsPoint,
    /// `S`.
    response: Scalar,
    challenge: Challenge,
}

impl Parsed {
    fn new(signed: &SignedMessage<'_>) -> Result<Self, CryptoError> {
        let key: [u8; 32] =
            signed.public_key.as_slice().try_into().map_err(|_| CryptoError::InvalidPublicKey)?;
        if is_weak_ed25519(&key) {
            return Err(CryptoError::InvalidPublicKey);
        }
        let (commitment, response) =
            split(signed.signature).ok_or(CryptoError::InvalidSignature)?;
        let hash = Sha512::new_with_prefix(commitment).chain_update(key);
        let challenge = Challenge(hash.chain_update(signed.message).finalize().into());
        let point = decode_point(&commitment).ok_or(CryptoError::InvalidSignature)?;
        // RFC 8032, section 5.1.7: "Decode the second half as an integer S, in the range
        // 0 <= s < L".
        let response = Option::from(Scalar::from_canonical_bytes(response))
            .ok_or(CryptoError::InvalidSignature)?;
        Ok(Self { key, commitment: point, response, challenge })
    }
}

fn split(signature: &[u8]) -> Option<([u8; 32], [u8; 32])> {
    let (commitment, response) = signature.split_at_checked(32)?;
    Some((commitment.try_into().ok()?, response.try_into().ok()?))
}

fn decode_key(key: &[u8; 32]) -> Result<EdwardsPoint, CryptoError> {
    decode_point(key).ok_or(CryptoError::InvalidPublicKey)
}

/// The point of its one encoding (RFC 8032, section 5.1.3).
fn decode_point(bytes: &[u8; 32]) -> Option<EdwardsPoint> {
    if !is_canonical_ed25519(bytes) {
        return None;
    }
    CompressedEdwardsY(*bytes).decompress()
}
