//! Tests of the suites with real backends. Everything runs with both, and they are compared.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod crypto_basics;
mod differential;
mod ed25519_batches;
mod eddsa;
mod edge_cases;
mod encrypt_to_many;
mod hpke_oracle;
mod known_bugs;
mod private_suite;
mod rfc_9180;

use std::sync::Arc;

use crypto::{Crypto, CryptoError, KemId, Provider, Random, Secret, SignatureScheme, Suite};

/// The backends under test and their names.
fn backends() -> [(&'static str, Arc<dyn Provider>); 2] {
    [("aws-lc", crypto_aws_lc::provider()), ("rustcrypto", crypto_rustcrypto::provider())]
}

/// Every suite of RFC 9420 with every backend, with a name for failures.
fn suites() -> impl Iterator<Item = (String, Suite)> {
    backends().into_iter().flat_map(|(name, provider)| {
        let crypto = Crypto::new(provider);
        let ids: Vec<_> = crypto.suites().collect();
        assert_eq!(ids.len(), 7, "{name} supports every suite of RFC 9420");
        ids.into_iter().map(move |id| (format!("{name}, {id:?}"), crypto.suite(id).unwrap()))
    })
}

const KEMS: [KemId; 5] = [
    KemId::DHKEM_P256_HKDF_SHA256,
    KemId::DHKEM_P384_HKDF_SHA384,
    KemId::DHKEM_P521_HKDF_SHA512,
    KemId::DHKEM_X25519_HKDF_SHA256,
    KemId::DHKEM_X448_HKDF_SHA512,
];

const SCHEMES: [SignatureScheme; 5] = [
    SignatureScheme::ECDSA_SECP256R1_SHA256,
    SignatureScheme::ECDSA_SECP384R1_SHA384,
    SignatureScheme::ECDSA_SECP521R1_SHA512,
    SignatureScheme::ED25519,
    SignatureScheme::ED448,
];

/// Deterministic bytes, so that a failure repeats: SplitMix64. Not for cryptography.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    fn secret(&mut self, length: usize) -> Secret {
        Secret::from_vec(self.bytes(length))
    }
}

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        bytes.fill_with(|| self.next().to_le_bytes()[0]);
        Ok(())
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}
