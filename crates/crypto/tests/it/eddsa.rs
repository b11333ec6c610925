//! Ed25519 at its edges: both backends accept and refuse the same, singly and in batches, as
//! decided in `docs/decisions/ed25519-verification.md`.
//!
//! The signatures are made here from scalars and points, because no signer makes them.

use crypto::{CryptoError, HashAlgorithm, Secret, SignatureScheme, SignedMessage};
use crypto_25519::is_weak_ed25519;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as BASE, EIGHT_TORSION};
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::Identity as _;
use curve25519_dalek::{EdwardsPoint, Scalar};

use crate::{Seeded, backends, unhex};

const SCHEME: SignatureScheme = SignatureScheme::ED25519;

/// The order of the base point, little-endian.
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

pub(crate) fn scalar(seed: u64) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&Seeded(seed).bytes(64).try_into().unwrap())
}

/// `k` of RFC 8032, section 5.1.7, step 2.
pub(crate) fn challenge(commitment: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
    let [(_, backend), _] = backends();
    let input = [commitment, key, message].concat();
    let hash = backend.hash(HashAlgorithm::Sha512, &input).unwrap();
    Scalar::from_bytes_mod_order_wide(hash.as_slice().try_into().unwrap())
}

/// What both backends say, which must be the same; and whether the signature is valid must not
/// depend on the batch it is in.
#[track_caller]
pub(crate) fn verify(key: &[u8; 32], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let key = key.to_vec().into();
    let [left, right] =
        backends().map(|(_, backend)| backend.verify(SCHEME, &key, message, signature));
    assert_eq!(left, right, "the backends disagree");
    let signed = SignedMessage { public_key: &key, message, signature };
    let (other_key, other_signature) = honest(1);
    let other_key = other_key.to_vec().into();
    let other =
        SignedMessage { public_key: &other_key, message: b"message", signature: &other_signature };
    for batch in [&[signed][..], &[signed, signed], &[other, signed], &[signed, other, other]] {
        for (name, backend) in backends() {
            let together = backend.verify_batch(SCHEME, batch);
            assert_eq!(together.is_ok(), left.is_ok(), "{name}, {} together", batch.len());
        }
    }
    left
}

/// A key and its signature of `message`.
pub(crate) fn honest(seed: u64) -> ([u8; 32], Vec<u8>) {
    let (secret, nonce) = (scalar(2 * seed), scalar(2 * seed + 1));
    let key = (secret * BASE).compress().to_bytes();
    (key, sign(&key, secret, nonce * BASE, nonce))
}

/// The signature of `message` with this `R`, whose part of prime order is `nonce` times the base.
pub(crate) fn sign(
    key: &[u8; 32],
    secret: Scalar,
    commitment: EdwardsPoint,
    nonce: Scalar,
) -> Vec<u8> {
    let commitment = commitment.compress().to_bytes();
    let response = nonce + challenge(&commitment, key, b"message") * secret;
    [commitment, response.to_bytes()].concat()
}

#[test]
fn rfc_8032_vectors_are_signed_and_verified() {
    // RFC 8032, section 7.1, tests 1 to 3: private key, public key, message, signature.
    let vectors = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac\
             c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e\
             458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290\
             ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (private_key, public_key, message, signature) in vectors {
        let (private_key, message) = (Secret::from_vec(unhex(private_key)), unhex(message));
        for (name, backend) in backends() {
            let signed = backend.sign(SCHEME, &private_key, &message).unwrap();
            assert_eq!(signed, unhex(signature), "{name}");
            let derived = backend.signature_public_key(SCHEME, &private_key).unwrap();
            assert_eq!(derived.as_slice(), unhex(public_key), "{name}");
        }
        let public_key = unhex(public_key).try_into().unwrap();
        assert_eq!(verify(&public_key, &message, &unhex(signature)), Ok(()));
    }
}

#[test]
fn keys_of_small_order_are_refused() {
    for torsion in EIGHT_TORSION {
        let mut key = torsion.compress().to_bytes();
        for _sign in 0..2 {
            key[31] ^= 0x80;
            assert!(is_weak_ed25519(&key));
            // For one message in at most eight, R = identity and S = 0 satisfy the equation.
            let signature = [EdwardsPoint::identity().compress().to_bytes(), [0; 32]].concat();
            for message in 0..16_u8 {
                let verified = verify(&key, &[message], &signature);
                assert_eq!(verified, Err(CryptoError::InvalidPublicKey));
            }
        }
    }
}

#[test]
fn keys_at_or_above_the_prime_are_refused() {
    for low in 0xed..=0xff_u8 {
        for high in [0x7f, 0xff] {
            let mut key = [0xff; 32];
            (key[0], key[31]) = (low, high);
            assert!(is_weak_ed25519(&key));
            assert_eq!(verify(&key, b"", &[0; 64]), Err(CryptoError::InvalidPublicKey));
        }
    }
    // One below p - 1, which is the last key of small order, nothing is refused for its form.
    let mut key = [0xff; 32];
    (key[0], key[31]) = (0xeb, 0x7f);
    assert!(!is_weak_ed25519(&key));
    assert!(!is_weak_ed25519(&[2; 32]));
}

#[test]
fn keys_that_are_no_points_are_refused() {
    let mut random = Seeded(20);
    let mut seen = 0;
    while seen < 64 {
        let key: [u8; 32] = random.bytes(32).try_into().unwrap();
        if CompressedEdwardsY(key).decompress().is_none() {
            assert_eq!(verify(&key, b"", &[0; 64]), Err(CryptoError::InvalidPublicKey));
            seen += 1;
        }
    }
}

#[test]
fn the_scalar_of_a_signature_is_below_the_order() {
    let secret = scalar(21);
    let key = (secret * BASE).compress().to_bytes();
    let nonce = scalar(22);
    let commitment = (nonce * BASE).compress().to_bytes();
    let response = nonce + challenge(&commitment, &key, b"message") * secret;
    let valid = [commitment, response.to_bytes()].concat();
    assert_eq!(verify(&key, b"message", &valid), Ok(()));

    // S + L and S + 2 L satisfy the equation, so only the range check refuses them.
    let mut malleated = response.to_bytes();
    for _ in 0..2 {
        let mut carry = 0;
        for (byte, addend) in malleated.iter_mut().zip(unhex(ORDER)) {
            let sum = u16::from(*byte) + u16::from(addend) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert_eq!(carry, 0);
        let signature = [commitment, malleated].concat();
        assert_eq!(verify(&key, b"message", &signature), Err(CryptoError::InvalidSignature));
    }
}

#[test]
fn commitments_of_small_order_are_accepted_in_their_one_form_only() {
    let secret = scalar(23);
    let key = (secret * BASE).compress().to_bytes();
    let identity = EdwardsPoint::identity().compress().to_bytes();
    let sign_with = |commitment: [u8; 32]| {
        let response = challenge(&commitment, &key, b"message") * secret;
        [commitment, response.to_bytes()].concat()
    };
    assert_eq!(verify(&key, b"message", &sign_with(identity)), Ok(()));

    // The identity with a sign bit, and as p + 1.
    let mut negative = identity;
    negative[31] = 0x80;
    let mut not_reduced = [0xff; 32];
    (not_reduced[0], not_reduced[31]) = (0xee, 0x7f);
    for commitment in [negative, not_reduced] {
        let refused = Err(CryptoError::InvalidSignature);
        assert_eq!(verify(&key, b"message", &sign_with(commitment)), refused);
    }
}

#[test]
fn the_equation_is_checked_with_the_cofactor() {
    let (secret, nonce) = (scalar(24), scalar(25));
    for torsion_of_key in EIGHT_TORSION {
        let key = (secret * BASE + torsion_of_key).compress().to_bytes();
        for torsion in EIGHT_TORSION {
            // What remains in the equation is of small order, whatever the challenge.
            let signature = sign(&key, secret, nonce * BASE + torsion, nonce);
            assert_eq!(verify(&key, b"message", &signature), Ok(()));
            // The base point remains.
            let signature = sign(&key, secret, nonce * BASE + torsion, nonce + Scalar::ONE);
            let refused = Err(CryptoError::InvalidSignature);
            assert_eq!(verify(&key, b"message", &signature), refused);
        }
    }
}
