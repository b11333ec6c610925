//! Batches of Ed25519 accept exactly the signatures that are valid one by one: in every size, with
//! a wrong one at every place, and with all that only a malicious signer makes.

use crypto::{CryptoError, SignatureKeyPair, SignaturePublicKey, SignatureScheme, SignedContent};
use crypto::{SignedMessage, Signer as _};
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as BASE, EIGHT_TORSION};
use curve25519_dalek::{EdwardsPoint, Scalar, traits::Identity as _};

use crate::eddsa::{honest, scalar, sign, verify};
use crate::{Seeded, backends, suites, unhex};

const SCHEME: SignatureScheme = SignatureScheme::ED25519;

/// A signature, and whether it is valid.
#[derive(Clone)]
struct Case {
    key: SignaturePublicKey,
    signature: Vec<u8>,
    valid: bool,
}

impl Case {
    fn new(key: [u8; 32], signature: Vec<u8>, valid: bool) -> Self {
        Self { key: key.to_vec().into(), signature, valid }
    }

    fn honest(seed: u64) -> Self {
        let (key, signature) = honest(seed);
        Self::new(key, signature, true)
    }

    /// A signature that leaves `residue` over in the equation.
    fn with_residue(seed: u64, residue: EdwardsPoint, valid: bool) -> Self {
        let (secret, nonce) = (scalar(2 * seed), scalar(2 * seed + 1));
        let key = (secret * BASE).compress().to_bytes();
        Self::new(key, sign(&key, secret, nonce * BASE - residue, nonce), valid)
    }

    fn changed(seed: u64, change: impl FnOnce(&mut [u8; 32], &mut Vec<u8>)) -> Self {
        let (mut key, mut signature) = honest(seed);
        change(&mut key, &mut signature);
        Self::new(key, signature, false)
    }
}

#[track_caller]
fn assert_batch(cases: &[Case]) {
    let signed: Vec<_> = cases
        .iter()
        .map(|case| SignedMessage {
            public_key: &case.key,
            message: b"message",
            signature: &case.signature,
        })
        .collect();
    let valid = cases.iter().all(|case| case.valid);
    for (name, backend) in backends() {
        let verified = backend.verify_batch(SCHEME, &signed);
        assert_eq!(verified.is_ok(), valid, "{name}, a batch of {}", cases.len());
    }
}

/// One of each kind that there is.
fn all_kinds() -> Vec<Case> {
    let mut cases = vec![
        Case::honest(100),
        Case::honest(101),
        Case::with_residue(102, BASE, false),
        Case::with_residue(103, BASE + EIGHT_TORSION[1], false),
        // A damaged S, S not below the order, no signature, an R that is no point, two wrong keys.
        Case::changed(104, |_, signature| signature[40] ^= 1),
        Case::changed(105, |_, signature| signature[63] |= 0x80),
        Case::changed(106, |_, signature| signature.truncate(63)),
        Case::changed(107, |_, signature| signature[..32].copy_from_slice(&[2; 32])),
        Case::changed(108, |key, _| *key = [2; 32]),
        Case::changed(109, |key, _| *key = EdwardsPoint::identity().compress().to_bytes()),
    ];
    cases.extend((1..8).map(|at| Case::with_residue(110, EIGHT_TORSION[at], true)));
    cases
}

#[test]
fn every_kind_is_judged_as_it_is_alone() {
    for case in all_kinds() {
        let key = case.key.as_slice().try_into().unwrap();
        assert_eq!(verify(&key, b"message", &case.signature).is_ok(), case.valid);
    }
}

#[test]
fn a_wrong_signature_is_found_at_every_place_of_a_batch() {
    let honest: Vec<Case> = (0..24).map(Case::honest).collect();
    for size in 0..=honest.len() {
        assert_batch(&honest[..size]);
        for place in 0..size {
            let mut cases = honest[..size].to_vec();
            cases[place] = Case::with_residue(200, BASE, false);
            assert_batch(&cases);
            cases[place] = Case::with_residue(200, EIGHT_TORSION[3], true);
            assert_batch(&cases);
        }
    }
}

#[test]
fn large_batches_are_judged_like_small_ones() {
    let all: Vec<Case> = (0..1025).map(Case::honest).collect();
    // Where the multiplication under a batch changes its method, and where a chunk is full.
    for size in [94, 95, 96, 249, 250, 400, 1024, 1025] {
        assert_batch(&all[..size]);
        for place in [0, size / 2, size - 1] {
            let mut cases = all[..size].to_vec();
            cases[place] = Case::with_residue(2000, BASE, false);
            assert_batch(&cases);
        }
    }
}

#[test]
fn mixtures_are_valid_if_each_part_is() {
    let (valid, all) = (all_kinds().into_iter().filter(|case| case.valid), all_kinds());
    let valid: Vec<Case> = valid.collect();
    let mut random = Seeded(1);
    for round in 0..300 {
        let kinds = if round % 2 == 0 { &valid } else { &all };
        let mut pick = || kinds[random.next() as usize % kinds.len()].clone();
        let cases: Vec<Case> = (0..1 + round % 9).map(|_| pick()).collect();
        assert_batch(&cases);
    }
}

#[test]
fn wrong_signatures_do_not_cancel_each_other() {
    for residue in [BASE, scalar(3) * BASE, BASE + EIGHT_TORSION[1]] {
        let plus = Case::with_residue(300, residue, false);
        // Under another key, and under the same.
        for seed in [301, 300] {
            let minus = Case::with_residue(seed, -residue, false);
            assert_batch(&[plus.clone(), minus.clone()]);
            assert_batch(&[minus.clone(), Case::honest(302), plus.clone()]);
            let double = Case::with_residue(seed, -(residue + residue), false);
            assert_batch(&[plus.clone(), double, plus.clone()]);
        }
    }
}

#[test]
fn signatures_with_one_key_may_stand_anywhere() {
    let nonces = (0..6).map(|index| scalar(400 + index));
    let secret = scalar(399);
    let key = (secret * BASE).compress().to_bytes();
    let same: Vec<Case> =
        nonces.map(|nonce| Case::new(key, sign(&key, secret, nonce * BASE, nonce), true)).collect();
    let other = Case::honest(410);
    let mixed: Vec<Case> = same.iter().flat_map(|case| [case.clone(), other.clone()]).collect();
    assert_batch(&same);
    assert_batch(&mixed);
    for place in 0..same.len() {
        let mut cases = same.clone();
        let nonce = scalar(420);
        cases[place].signature = sign(&key, secret, nonce * BASE, nonce + Scalar::ONE);
        cases[place].valid = false;
        assert_batch(&cases);
    }
}

#[test]
fn a_labelled_batch_proves_what_stands_before_the_first_wrong_signature() {
    for (name, suite) in suites() {
        let mut random = Seeded(2);
        let pairs: Vec<_> =
            (0..4).map(|_| SignatureKeyPair::generate(&suite, &mut random).unwrap()).collect();
        let sign = |pair| suite.sign_with_label(pair, "label", b"content").unwrap();
        let signatures: Vec<Vec<u8>> = pairs.iter().map(|pair| sign(pair)).collect();
        for wrong in 0..=pairs.len() {
            let batch = pairs.iter().zip(&signatures).enumerate().map(|(at, it)| {
                let (pair, signature) = it;
                SignedContent {
                    public_key: pair.public_key(),
                    label: if at == wrong { "another" } else { "label" },
                    content: b"content".to_vec(),
                    signature,
                }
            });
            let batch: Vec<_> = batch.collect();
            assert_eq!(suite.verify_batch_with_label(&batch).len(), wrong, "{name}");
        }
    }
}

/// The twelve signatures of `cases.json` at github.com/novifinancial/ed25519-speccheck, made for
/// "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko; SSR 2020): message, key, signature,
/// and what our rule says.
const SPECCHECK: [(&str, &str, &str, Result<(), CryptoError>); 12] = {
    const VALID: Result<(), CryptoError> = Ok(());
    const KEY: Result<(), CryptoError> = Err(CryptoError::InvalidPublicKey);
    const SIGNATURE: Result<(), CryptoError> = Err(CryptoError::InvalidSignature);
    [
        // A and R of small order.
        (
            "8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a\
             0000000000000000000000000000000000000000000000000000000000000000",
            KEY,
        ),
        // A of small order.
        (
            "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43\
             a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
            KEY,
        ),
        // R of small order.
        (
            "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa\
             8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
            VALID,
        ),
        // A and R of mixed order.
        (
            "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f\
             87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
            VALID,
        ),
        // Mixed order, valid only with the cofactor.
        (
            "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed512\
             5ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
            VALID,
        ),
        // The same, A mixed and R of prime order.
        (
            "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7\
             e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
            VALID,
        ),
        // S above the order.
        (
            "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
            "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
            "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e\
             547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
            SIGNATURE,
        ),
        // S far above the order.
        (
            "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
            "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
            "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa1942\
             7e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22",
            SIGNATURE,
        ),
        // R not canonical, and reduced for the hash.
        (
            "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
             03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f",
            SIGNATURE,
        ),
        // R not canonical.
        (
            "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
             ca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908",
            SIGNATURE,
        ),
        // A not canonical, and reduced for the hash.
        (
            "e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dc\
             a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
            KEY,
        ),
        // A not canonical.
        (
            "39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dc\
             a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
            KEY,
        ),
    ]
};

#[test]
fn published_edge_cases_are_decided_as_written_down() {
    for (message, key, signature, expected) in SPECCHECK {
        let key: [u8; 32] = unhex(key).try_into().unwrap();
        // Alone and in batches.
        assert_eq!(verify(&key, &unhex(message), &unhex(signature)), expected);
    }
}
