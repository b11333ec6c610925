//! Wrong lengths, wrong encodings, unknown identifiers: an error of the right kind, never a panic.

use crypto::{
    AeadId, Crypto, CryptoError, HashAlgorithm, HpkePublicKey, KemId, Random, Secret,
    SignatureKeyPair, SignaturePublicKey, SignatureScheme,
};

use crate::{KEMS, SCHEMES, Seeded, backends, suites, unhex};

/// The orders of the NIST curves' groups, big-endian.
const ORDER_P256: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const ORDER_P384: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf\
    581a0db248b0a77aecec196accc52973";
const ORDER_P521: &str = "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
    fffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409";

const NIST: [(KemId, SignatureScheme, &str); 3] = [
    (KemId::DHKEM_P256_HKDF_SHA256, SignatureScheme::ECDSA_SECP256R1_SHA256, ORDER_P256),
    (KemId::DHKEM_P384_HKDF_SHA384, SignatureScheme::ECDSA_SECP384R1_SHA384, ORDER_P384),
    (KemId::DHKEM_P521_HKDF_SHA512, SignatureScheme::ECDSA_SECP521R1_SHA512, ORDER_P521),
];

/// Around the right length, and the lengths of every other algorithm.
fn lengths_but(right: usize) -> impl Iterator<Item = usize> {
    let others = [0, 1, 16, 31, 32, 33, 48, 56, 57, 64, 65, 66, 67, 97, 114, 133, 1000];
    others.into_iter().chain([right - 1, right + 1]).filter(move |length| *length != right)
}

#[test]
fn diffie_hellman_refuses_keys_of_wrong_length() {
    for (name, backend) in backends() {
        for kem in KEMS {
            let key_pair = backend.kem_derive_key_pair(kem, &Seeded(1).secret(66)).unwrap();
            for length in lengths_but(key_pair.private_key.len()) {
                let wrong = Secret::from_vec(vec![1; length]);
                assert_eq!(
                    backend.dh_public_key(kem, &wrong),
                    Err(CryptoError::InvalidPrivateKey),
                    "{name}, {kem:?}, {length}"
                );
                assert_eq!(
                    backend.dh(kem, &wrong, &key_pair.public_key),
                    Err(CryptoError::InvalidPrivateKey)
                );
            }
            for length in lengths_but(key_pair.public_key.as_slice().len()) {
                // 4 is the form of an uncompressed point.
                refuses_public_key(kem, &vec![4; length].into());
            }
            // A right key with a byte more or less.
            let right = key_pair.public_key.as_slice();
            refuses_public_key(kem, &right[1..].to_vec().into());
            refuses_public_key(kem, &right[..right.len() - 1].to_vec().into());
            refuses_public_key(kem, &[right, &[0]].concat().into());
        }
    }
}

/// Both backends refuse the public key in every function that takes one.
#[track_caller]
fn refuses_public_key(kem: KemId, public_key: &HpkePublicKey) {
    for (name, backend) in backends() {
        let refused = Err(CryptoError::InvalidPublicKey);
        let own = backend.kem_derive_key_pair(kem, &Seeded(2).secret(66)).unwrap();
        assert_eq!(backend.check_hpke_public_key(kem, public_key), refused, "{name}, {kem:?}");
        let shared = backend.dh(kem, &own.private_key, public_key);
        assert_eq!(shared, Err(CryptoError::InvalidPublicKey), "{name}, {kem:?}");
        let encapsulated = backend.kem_encap(kem, public_key, &mut Seeded(3));
        assert_eq!(encapsulated, Err(CryptoError::InvalidPublicKey), "{name}, {kem:?}");
        let decapsulated = backend.kem_decap(kem, &own, public_key.as_slice());
        assert_eq!(decapsulated, Err(CryptoError::InvalidPublicKey), "{name}, {kem:?}");
    }
}

#[test]
fn x25519_refuses_exactly_the_encodings_of_small_order() {
    let kem = KemId::DHKEM_X25519_HKDF_SHA256;
    // RFC 7748, section 6.1 and the points of order 8: 0, 1, the two of order 8, p - 1, p, p + 1.
    let small_order = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let accepted = [
        "0200000000000000000000000000000000000000000000000000000000000000",
        "ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for top_bit in [0, 0x80] {
        for encoding in small_order {
            let mut encoding = unhex(encoding);
            encoding[31] |= top_bit;
            // Under any scalar the result is zero, so nothing is refused without need.
            let point = curve25519_dalek::MontgomeryPoint(encoding.clone().try_into().unwrap());
            assert_eq!(point.mul_clamped([0x42; 32]).to_bytes(), [0; 32]);
            refuses_public_key(kem, &encoding.into());
        }
        for encoding in accepted {
            let mut encoding = unhex(encoding);
            encoding[31] |= top_bit;
            let public_key = encoding.into();
            let [(_, left), (_, right)] = backends();
            let private_key = Seeded(4).secret(32);
            let shared = left.dh(kem, &private_key, &public_key).unwrap();
            assert!(shared == right.dh(kem, &private_key, &public_key).unwrap());
            assert_eq!(left.check_hpke_public_key(kem, &public_key), Ok(()));
            assert_eq!(right.check_hpke_public_key(kem, &public_key), Ok(()));
        }
    }
}

#[test]
fn x448_refuses_small_order_in_both_backends() {
    let kem = KemId::DHKEM_X448_HKDF_SHA512;
    let half = "ff".repeat(28);
    let encodings = [
        "00".repeat(56),
        format!("01{}", "00".repeat(55)),
        format!("fe{}fe{}", "ff".repeat(27), "ff".repeat(27)),
        format!("{half}fe{}", "ff".repeat(27)),
        format!("{}{half}", "00".repeat(28)),
    ];
    for encoding in encodings {
        refuses_public_key(kem, &unhex(&encoding).into());
    }
}

#[test]
fn nist_scalars_are_between_one_and_the_order() {
    for (name, backend) in backends() {
        for (kem, scheme, order) in NIST {
            let order = unhex(order);
            let mut least = vec![0; order.len()];
            let zero = least.clone();
            least[order.len() - 1] = 1;
            let mut most = order.clone();
            *most.last_mut().unwrap() -= 1;
            let mut above = order.clone();
            *above.last_mut().unwrap() += 1;
            for scalar in [zero, order.clone(), above, vec![0xff; order.len()]] {
                let scalar = Secret::from_vec(scalar);
                let refused = CryptoError::InvalidPrivateKey;
                assert_eq!(backend.dh_public_key(kem, &scalar), Err(refused), "{name}, {kem:?}");
                assert_eq!(backend.signature_public_key(scheme, &scalar), Err(refused), "{name}");
                assert_eq!(backend.sign(scheme, &scalar, b""), Err(refused), "{name}");
            }
            for scalar in [least, most] {
                let scalar = Secret::from_vec(scalar);
                let public_key = backend.signature_public_key(scheme, &scalar).unwrap();
                assert!(backend.dh_public_key(kem, &scalar).is_ok());
                let signature = backend.sign(scheme, &scalar, b"edge").unwrap();
                assert_eq!(backend.verify(scheme, &public_key, b"edge", &signature), Ok(()));
            }
        }
    }
}

#[test]
fn nist_points_have_one_form_and_lie_on_the_curve() {
    for (kem, scheme, order) in NIST {
        let [(_, backend), _] = backends();
        let scalar_length = unhex(order).len();
        let private_key = backend.kem_derive_key_pair(kem, &Seeded(5).secret(66)).unwrap();
        let point = private_key.public_key.as_slice().to_vec();
        let (x, y) = point[1..].split_at(scalar_length);
        let parity = y[scalar_length - 1] & 1;
        let signature = backend.sign(scheme, &private_key.private_key, b"message").unwrap();

        let mut off_curve = point.clone();
        *off_curve.last_mut().unwrap() ^= 1;
        let wrong = [
            off_curve,
            // Compressed, hybrid, infinity, unknown form, coordinates not reduced.
            [&[2 + parity], x].concat(),
            [&[6 + parity], x, y].concat(),
            vec![0],
            vec![0; point.len()],
            [&[5], x, y].concat(),
            [vec![4], vec![0xff; 2 * scalar_length]].concat(),
            [&[4], x, &vec![0; scalar_length]].concat(),
        ];
        for point in wrong {
            for (name, backend) in backends() {
                let key = SignaturePublicKey::from(point.clone());
                let verified = backend.verify(scheme, &key, b"message", &signature);
                assert!(verified.is_err(), "{name}, {scheme:?}, {key:?}");
            }
            refuses_public_key(kem, &point.into());
        }
    }
}

#[test]
fn public_keys_in_x509_form_are_refused() {
    // SubjectPublicKeyInfo (RFC 8410, RFC 5480), which AWS-LC reads by itself.
    let cases = [
        (
            KemId::DHKEM_X25519_HKDF_SHA256,
            SignatureScheme::ED25519,
            "302a300506032b656e032100",
            "302a300506032b6570032100",
        ),
        (
            KemId::DHKEM_P256_HKDF_SHA256,
            SignatureScheme::ECDSA_SECP256R1_SHA256,
            "3059301306072a8648ce3d020106082a8648ce3d030107034200",
            "3059301306072a8648ce3d020106082a8648ce3d030107034200",
        ),
    ];
    for (kem, scheme, kem_header, signature_header) in cases {
        let [(_, backend), _] = backends();
        let key = backend.kem_derive_key_pair(kem, &Seeded(6).secret(32)).unwrap().public_key;
        refuses_public_key(kem, &[unhex(kem_header), key.as_slice().to_vec()].concat().into());

        let private_key = backend.signature_generate(scheme, &mut Seeded(7)).unwrap();
        let key = backend.signature_public_key(scheme, &private_key).unwrap();
        let signature = backend.sign(scheme, &private_key, b"").unwrap();
        let wrapped = [unhex(signature_header), key.as_slice().to_vec()].concat().into();
        for (name, backend) in backends() {
            let verified = backend.verify(scheme, &wrapped, b"", &signature);
            assert_eq!(verified, Err(CryptoError::InvalidPublicKey), "{name}, {scheme:?}");
        }
    }
}

#[test]
fn signature_keys_and_signatures_of_wrong_length_are_refused() {
    for (name, backend) in backends() {
        for scheme in SCHEMES {
            let private_key = backend.signature_generate(scheme, &mut Seeded(8)).unwrap();
            let public_key = backend.signature_public_key(scheme, &private_key).unwrap();
            let signature = backend.sign(scheme, &private_key, b"message").unwrap();
            for length in lengths_but(private_key.len()) {
                let wrong = Secret::from_vec(vec![1; length]);
                let refused = CryptoError::InvalidPrivateKey;
                assert_eq!(backend.signature_public_key(scheme, &wrong), Err(refused), "{name}");
                assert_eq!(backend.sign(scheme, &wrong, b""), Err(refused), "{name}, {scheme:?}");
            }
            for length in lengths_but(public_key.as_slice().len()) {
                let wrong = vec![4; length].into();
                let verified = backend.verify(scheme, &wrong, b"message", &signature);
                assert_eq!(verified, Err(CryptoError::InvalidPublicKey), "{name}, {scheme:?}");
            }
            for length in lengths_but(signature.len()) {
                let mut wrong = signature.clone();
                wrong.resize(length, 0);
                let verified = backend.verify(scheme, &public_key, b"message", &wrong);
                assert_eq!(verified, Err(CryptoError::InvalidSignature), "{name}, {scheme:?}");
            }
        }
    }
}

#[test]
fn ecdsa_signatures_are_strict_der_and_both_halves_are_in_range() {
    for (_, scheme, order) in NIST {
        let [(_, backend), _] = backends();
        let order = unhex(order);
        let private_key = backend.signature_generate(scheme, &mut Seeded(9)).unwrap();
        let public_key = backend.signature_public_key(scheme, &private_key).unwrap();
        let signature = backend.sign(scheme, &private_key, b"message").unwrap();
        let (r, s) = integers(&signature);
        let valid = sequence(&[integer(&r), integer(&s)].concat());
        assert_eq!(valid, signature, "the encoder of this test agrees with the backend");

        // RFC 9420 does not restrict s to its lower half, so the other one is as good.
        let other_half = sequence(&[integer(&r), integer(&subtract(&order, &s))].concat());
        let body = &valid[header_length(&valid)..];
        let wrong = [
            vec![],
            vec![0x30, 0],
            [valid.as_slice(), &[0]].concat(),
            valid[..valid.len() - 1].to_vec(),
            // Trailing data inside, indefinite length, a length in more bytes than needed.
            sequence(&[body, &[5, 0]].concat()),
            [&[0x30, 0x80], body, &[0, 0]].concat(),
            [&[0x30, 0x82, 0, u8::try_from(body.len()).unwrap()], body].concat(),
            // Integers with a needless zero, zero, negative, not below the order.
            sequence(&[tagged(&[&[0, 0], r.as_slice()].concat()), integer(&s)].concat()),
            sequence(&[integer(&[0]), integer(&s)].concat()),
            sequence(&[integer(&r), integer(&[0])].concat()),
            sequence(&[tagged(&[0xff]), integer(&s)].concat()),
            sequence(&[integer(&order), integer(&s)].concat()),
            sequence(&[integer(&r), integer(&order)].concat()),
            // The fixed-length form (IEEE P1363).
            [padded(&r, order.len()), padded(&s, order.len())].concat(),
        ];
        for (name, backend) in backends() {
            let verify =
                |signature: &[u8]| backend.verify(scheme, &public_key, b"message", signature);
            assert_eq!(verify(&valid), Ok(()), "{name}, {scheme:?}");
            assert_eq!(verify(&other_half), Ok(()), "{name}, {scheme:?}");
            for (index, signature) in wrong.iter().enumerate() {
                let refused = Err(CryptoError::InvalidSignature);
                assert_eq!(verify(signature), refused, "{name}, {scheme:?}, case {index}");
            }
        }
    }
}

/// How long the tag and length of a DER value below 256 bytes are.
fn header_length(der: &[u8]) -> usize {
    if der[1] < 0x80 { 2 } else { 3 }
}

/// The two integers of a DER signature, without leading zeros.
fn integers(signature: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let body = &signature[header_length(signature)..];
    let (first, second) = body.split_at(2 + usize::from(body[1]));
    let value = |der: &[u8]| der[2..].iter().copied().skip_while(|byte| *byte == 0).collect();
    (value(first), value(second))
}

fn tagged(content: &[u8]) -> Vec<u8> {
    [&[2, u8::try_from(content.len()).unwrap()], content].concat()
}

/// A positive DER integer.
fn integer(value: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if value[0] >= 0x80 { &[0] } else { &[] };
    tagged(&[sign, value].concat())
}

fn sequence(body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    if length < 0x80 {
        [&[0x30, length], body].concat()
    } else {
        [&[0x30, 0x81, length], body].concat()
    }
}

fn padded(value: &[u8], length: usize) -> Vec<u8> {
    [&vec![0; length - value.len()], value].concat()
}

/// `left - right`, big-endian, without leading zeros.
fn subtract(left: &[u8], right: &[u8]) -> Vec<u8> {
    let right = padded(right, left.len());
    let mut difference = vec![0; left.len()];
    let mut borrow = 0;
    for index in (0..left.len()).rev() {
        let value = 0x100 + u16::from(left[index]) - u16::from(right[index]) - borrow;
        borrow = 1 - (value >> 8);
        difference[index] = value.to_be_bytes()[1];
    }
    difference.into_iter().skip_while(|byte| *byte == 0).collect()
}

#[test]
fn aeads_refuse_wrong_lengths_and_every_change() {
    let aeads =
        [(AeadId::AES_128_GCM, 16), (AeadId::AES_256_GCM, 32), (AeadId::CHACHA20_POLY1305, 32)];
    for (name, backend) in backends() {
        for (aead, key_length) in aeads {
            let (key, nonce) = (Seeded(1).secret(key_length), [7; 12]);
            let sealed = backend.aead_seal(aead, &key, &nonce, b"aad", b"plaintext").unwrap();
            let length = Err(CryptoError::InvalidLength);
            for wrong in lengths_but(key_length) {
                let key = Seeded(1).secret(wrong);
                let result = backend.aead_seal(aead, &key, &nonce, b"aad", b"plaintext");
                assert_eq!(result, length, "{name}, {aead:?}, key of {wrong}");
                let result = backend.aead_open(aead, &key, &nonce, b"aad", &sealed);
                assert_eq!(result, Err(CryptoError::InvalidLength), "{name}, key of {wrong}");
            }
            for wrong in lengths_but(nonce.len()) {
                let nonce = vec![7; wrong];
                let result = backend.aead_seal(aead, &key, &nonce, b"aad", b"plaintext");
                assert_eq!(result, length, "{name}, {aead:?}, nonce of {wrong}");
                let result = backend.aead_open(aead, &key, &nonce, b"aad", &sealed);
                assert_eq!(result, Err(CryptoError::InvalidLength), "{name}, nonce of {wrong}");
            }
            let refused = Err(CryptoError::AeadOpen);
            for length in 0..sealed.len() {
                let opened = backend.aead_open(aead, &key, &nonce, b"aad", &sealed[..length]);
                assert_eq!(opened, refused, "{name}, {aead:?}, ciphertext of {length}");
            }
            for bit in 0..8 * sealed.len() {
                let mut damaged = sealed.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(backend.aead_open(aead, &key, &nonce, b"aad", &damaged), refused);
            }
            assert_eq!(backend.aead_open(aead, &key, &nonce, b"aae", &sealed), refused);
            assert_eq!(backend.aead_open(aead, &key, &[8; 12], b"aad", &sealed), refused);
            let other_key = Seeded(2).secret(key_length);
            assert_eq!(backend.aead_open(aead, &other_key, &nonce, b"aad", &sealed), refused);
        }
    }
}

#[test]
fn expansion_has_the_limits_of_rfc_5869() {
    for (name, backend) in backends() {
        for hash in [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512] {
            let key_length = hash.output_length();
            let expand = |key_length: usize, length: usize| {
                backend.hkdf_expand(hash, &vec![1; key_length], &[b"info"], length)
            };
            assert_eq!(expand(key_length, 255 * key_length).unwrap().len(), 255 * key_length);
            for (key_length, length) in [
                (key_length, 255 * key_length + 1),
                (key_length, usize::MAX),
                (key_length - 1, 32),
                (65, 32),
                (0, 32),
            ] {
                let refused = Err(CryptoError::InvalidLength);
                assert_eq!(expand(key_length, length), refused, "{name}, {key_length}, {length}");
            }
            assert!(expand(64, 32).is_ok(), "{name}");
        }
    }
    for (name, suite) in suites() {
        let secret = Secret::zeros(suite.hash_length());
        let expanded = suite.expand_with_label(&secret, "label", &[], 1 << 16);
        assert_eq!(expanded, Err(CryptoError::InvalidLength), "{name}");
    }
}

#[test]
fn unknown_algorithms_are_unsupported() {
    let (kem, aead, scheme) = (KemId(0xffff), AeadId(0xffff), SignatureScheme(0xffff));
    let (key, public) = (Secret::zeros(32), vec![9; 32]);
    let unsupported = CryptoError::Unsupported;
    for (_, backend) in backends() {
        let backend = &*backend;
        let mut random = Seeded(1);
        let hpke_key = HpkePublicKey::from(public.clone());
        let signature_key = SignaturePublicKey::from(public.clone());
        assert_eq!(backend.dh_public_key(kem, &key), Err(unsupported));
        assert_eq!(backend.dh(kem, &key, &hpke_key), Err(unsupported));
        assert_eq!(backend.check_hpke_public_key(kem, &hpke_key), Err(unsupported));
        assert_eq!(backend.kem_derive_key_pair(kem, &key).err(), Some(unsupported));
        assert_eq!(backend.kem_encap(kem, &hpke_key, &mut random), Err(unsupported));
        assert_eq!(backend.aead_seal(aead, &key, &[0; 12], &[], &[]), Err(unsupported));
        assert_eq!(backend.aead_open(aead, &key, &[0; 12], &[], &[0; 16]), Err(unsupported));
        assert_eq!(backend.signature_generate(scheme, &mut random), Err(unsupported));
        assert_eq!(backend.signature_public_key(scheme, &key), Err(unsupported));
        assert_eq!(backend.sign(scheme, &key, &[]), Err(unsupported));
        assert_eq!(backend.verify(scheme, &signature_key, &[], &[]), Err(unsupported));
    }
}

/// A generator that gives one byte for ever, or fails.
struct Broken(Option<u8>);

impl Random for Broken {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        bytes.fill(self.0.ok_or(CryptoError::Random)?);
        Ok(())
    }
}

#[test]
fn a_broken_generator_is_an_error_and_not_an_endless_loop() {
    for (name, backend) in backends() {
        for (_, scheme, _) in NIST {
            for byte in [None, Some(0)] {
                let generated = backend.signature_generate(scheme, &mut Broken(byte));
                assert_eq!(generated, Err(CryptoError::Random), "{name}, {scheme:?}, {byte:?}");
            }
        }
        for kem in KEMS {
            let key_pair = backend.kem_derive_key_pair(kem, &Secret::zeros(66)).unwrap();
            let encapsulated = backend.kem_encap(kem, &key_pair.public_key, &mut Broken(None));
            assert_eq!(encapsulated, Err(CryptoError::Random), "{name}, {kem:?}");
        }
    }
    for (name, suite) in suites() {
        let generated = suite.generate_key_pair(&mut Broken(None));
        assert_eq!(generated.err(), Some(CryptoError::Random), "{name}");
        let generated = SignatureKeyPair::generate(&suite, &mut Broken(None));
        assert_eq!(generated.err(), Some(CryptoError::Random), "{name}");
    }
}

#[test]
fn the_system_generators_fill_every_length_and_do_not_repeat() {
    let mut generators: [Box<dyn Random>; 2] =
        [Box::new(crypto_aws_lc::SystemRandom), Box::new(crypto_rustcrypto::SystemRandom)];
    for generator in &mut generators {
        for length in [0, 1, 32, 100_000] {
            assert_eq!(Secret::random(length, &mut **generator).unwrap().len(), length);
        }
        let mut draw = || Secret::random(32, &mut **generator).unwrap();
        assert!(draw() != draw());
    }
}

#[test]
fn keys_of_one_suite_do_not_sign_for_another() {
    let crypto = Crypto::new(crypto_aws_lc::provider());
    let suites: Vec<_> = crypto.suites().map(|id| crypto.suite(id).unwrap()).collect();
    let signer = SignatureKeyPair::generate(&suites[0], &mut Seeded(1)).unwrap();
    for suite in suites {
        let allowed = suite.params().signature == SignatureScheme::ED25519;
        assert_eq!(suite.sign_with_label(&signer, "label", b"content").is_ok(), allowed);
    }
}
