//! Certificates that `rcgen` does not make: Ed448, keys that do not sign, other versions.

use mls::{CipherSuite, Crypto, SignatureKeyPair, Signer};
use testkit::{NOW, SeededRandom};
use x509::{Error, Trust, Violation};

use crate::pki::policy_trusting;

const ED25519: [u8; 5] = [6, 3, 0x2b, 0x65, 0x70];
const ED448: [u8; 5] = [6, 3, 0x2b, 0x65, 0x71];
const X25519: [u8; 5] = [6, 3, 0x2b, 0x65, 0x6e];
const VERSION_3: [u8; 5] = [0xa0, 3, 2, 1, 2];

/// A tag, a length and the parts of the contents.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let [high, low] = u16::try_from(contents.len()).unwrap().to_be_bytes();
    let header = match contents.len() {
        0..=127 => vec![tag, low],
        128..=255 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [header, contents].concat()
}

/// A certificate to be, in the parts that the tests change.
#[derive(Clone)]
struct Draft {
    version: Vec<u8>,
    key_algorithm: Vec<u8>,
    key: Vec<u8>,
    subject: &'static str,
    is_ca: bool,
}

fn name(common_name: &str) -> Vec<u8> {
    let value = tlv(0x0c, &[common_name.as_bytes()]);
    let attribute = tlv(0x30, &[&[6, 3, 0x55, 4, 3], &value]);
    tlv(0x30, &[&tlv(0x31, &[&attribute])])
}

impl Draft {
    fn new(algorithm: &[u8], key: &[u8]) -> Self {
        Self {
            version: VERSION_3.to_vec(),
            key_algorithm: algorithm.to_vec(),
            key: key.to_vec(),
            subject: "Alice",
            is_ca: false,
        }
    }

    /// The certificate, issued by "Root" with this algorithm and key.
    fn signed(&self, algorithm: &[u8], signer: &dyn Signer) -> Vec<u8> {
        let algorithm = tlv(0x30, &[algorithm]);
        let validity =
            tlv(0x30, &[&tlv(0x17, &[b"260101000000Z"]), &tlv(0x17, &[b"280101000000Z"])]);
        let key_algorithm = tlv(0x30, &[&self.key_algorithm]);
        let key = tlv(0x30, &[&key_algorithm, &tlv(3, &[&[0], &self.key])]);
        let constraints: &[u8] = if self.is_ca { &[0x30, 3, 1, 1, 0xff] } else { &[0x30, 0] };
        let constraints =
            [&[6, 3, 0x55, 0x1d, 0x13, 1, 1, 0xff][..], &tlv(4, &[constraints])].concat();
        let names = tlv(0x30, &[&tlv(0x86, &[b"im:alice@example.com"])]);
        let names = [&[6, 3, 0x55, 0x1d, 0x11][..], &tlv(4, &[&names])].concat();
        let extensions = tlv(0x30, &[&tlv(0x30, &[&constraints]), &tlv(0x30, &[&names])]);
        let to_be_signed = tlv(
            0x30,
            &[
                &self.version,
                &[2, 1, 1],
                &algorithm,
                &name("Root"),
                &validity,
                &name(self.subject),
                &key,
                &tlv(0xa3, &[&extensions]),
            ],
        );
        let signature = signer.sign(&to_be_signed).unwrap();
        tlv(0x30, &[&to_be_signed, &algorithm, &tlv(3, &[&[0], &signature])])
    }
}

fn signer(suite: u16, seed: u64) -> SignatureKeyPair {
    let suite = Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(suite)).unwrap();
    SignatureKeyPair::generate(&suite, &mut SeededRandom::new(seed)).unwrap()
}

/// An anchor and Alice's key, both for one algorithm.
fn world(suite: u16, algorithm: &[u8]) -> (SignatureKeyPair, Vec<u8>, SignatureKeyPair) {
    let (root, alice) = (signer(suite, 1), signer(suite, 2));
    let draft = Draft::new(algorithm, root.public_key().as_slice());
    let anchor = Draft { subject: "Root", is_ca: true, ..draft }.signed(algorithm, &root);
    (root, anchor, alice)
}

#[test]
fn ed448_certifies_like_ed25519() {
    for (suite, algorithm) in [(1, ED25519), (4, ED448), (6, ED448)] {
        let (root, anchor, alice) = world(suite, &algorithm);
        let draft = Draft::new(&algorithm, alice.public_key().as_slice());
        let mut certificate = draft.signed(&algorithm, &root);
        let policy = policy_trusting(Trust::new([anchor]).unwrap());
        let verify = |certificate: &[u8]| {
            let credential = x509::credential([certificate.to_vec()]);
            policy.verify(&credential, alice.public_key(), NOW)
        };
        assert_eq!(verify(&certificate).unwrap().identity, b"im:alice@example.com");
        *certificate.last_mut().unwrap() ^= 1;
        assert!(verify(&certificate).is_err());
    }
}

#[test]
fn a_key_for_key_agreement_is_not_a_signature_key_even_with_the_same_bytes() {
    let (root, anchor, alice) = world(1, &ED25519);
    let policy = policy_trusting(Trust::new([anchor]).unwrap());
    let certificate = Draft::new(&X25519, alice.public_key().as_slice()).signed(&ED25519, &root);
    let refused = policy.verify(&x509::credential([certificate]), alice.public_key(), NOW);
    let violation = Violation::UnsupportedKey;
    assert_eq!(refused, Err(Error::Violation { violation, certificate: Some(0) }));
}

/// id-ecPublicKey, secp256r1.
const P256: [u8; 19] =
    [6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];

#[test]
fn the_key_has_the_form_that_it_has_in_leaves() {
    let (root, anchor, _) = world(1, &ED25519);
    let policy = policy_trusting(Trust::new([anchor]).unwrap());
    let verify = |algorithm: &[u8], key: &[u8]| {
        let certificate = Draft::new(algorithm, key).signed(&ED25519, &root);
        policy.verify(&x509::credential([certificate]), &key.to_vec().into(), NOW).map(|_| ())
    };
    let (on_curve, edwards) = (signer(2, 2), signer(1, 2));
    let (point, edwards) = (on_curve.public_key().as_slice(), edwards.public_key().as_slice());
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    assert_eq!(verify(&P256, point), Ok(()));
    assert_eq!(verify(&ED25519, edwards), Ok(()));
    let violation = Violation::UnsupportedKey;
    let expected = Err(Error::Violation { violation, certificate: Some(0) });
    assert_eq!(verify(&P256, &compressed), expected);
    // A key of one kind under the name of another.
    assert_eq!(verify(&P256, edwards), expected);
    assert_eq!(verify(&ED25519, point), expected);
    assert_eq!(verify(&ED448, edwards), expected);
}

#[test]
fn certificates_are_of_version_3() {
    let (root, anchor, alice) = world(1, &ED25519);
    let policy = policy_trusting(Trust::new([anchor]).unwrap());
    let draft = Draft::new(&ED25519, alice.public_key().as_slice());
    let verify = |version: &[u8]| {
        let certificate =
            Draft { version: version.to_vec(), ..draft.clone() }.signed(&ED25519, &root);
        policy.verify(&x509::credential([certificate]), alice.public_key(), NOW).map(|_| ())
    };
    assert_eq!(verify(&VERSION_3), Ok(()));
    let violation = Violation::MalformedCertificate;
    let refused = Err(Error::Violation { violation, certificate: Some(0) });
    // Version 1, which is left out; version 2; version 4.
    assert_eq!(verify(&[]), refused);
    assert_eq!(verify(&[0xa0, 3, 2, 1, 1]), refused);
    assert_eq!(verify(&[0xa0, 3, 2, 1, 3]), refused);
}
