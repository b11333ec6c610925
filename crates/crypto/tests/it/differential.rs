//! The two backends compute the same, on random input and at every length that matters.

use crypto::{AeadId, HashAlgorithm, KemId, SignatureScheme};

use crate::{KEMS, SCHEMES, Seeded, backends};

const HASHES: [HashAlgorithm; 3] =
    [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];

/// Lengths around the blocks of AES (16), Poly1305 (16), ChaCha20 (64), SHA-256 (64, padding 56)
/// and SHA-512 (128, padding 112).
const LENGTHS: [usize; 24] = [
    0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 55, 56, 63, 64, 65, 111, 112, 119, 127, 128, 129, 255,
    256, 5000,
];

#[test]
fn hashes_agree_at_every_length() {
    let [(_, left), (_, right)] = backends();
    let mut random = Seeded(10);
    for hash in HASHES {
        for length in LENGTHS {
            let data = random.bytes(length);
            let digest = left.hash(hash, &data).unwrap();
            assert_eq!(digest, right.hash(hash, &data).unwrap(), "{hash:?}, {length}");
            assert_eq!(digest.as_slice().len(), hash.output_length());
        }
    }
}

#[test]
fn macs_agree_at_every_length_of_key_and_data() {
    let [(_, left), (_, right)] = backends();
    let mut random = Seeded(11);
    for hash in HASHES {
        for key_length in LENGTHS {
            for data_length in [0, 1, 63, 64, 65, 128, 1000] {
                let (key, data) = (random.bytes(key_length), random.bytes(data_length));
                let mac = left.hmac(hash, &key, &[&data]).unwrap();
                assert!(mac == right.hmac(hash, &key, &[&data]).unwrap(), "{key_length}");
                // Data in parts is the concatenation of the parts.
                let (head, tail) = data.split_at(data_length / 3);
                for backend in [&left, &right] {
                    assert!(mac == backend.hmac(hash, &key, &[head, &[], tail]).unwrap());
                }
            }
        }
        assert!(left.hmac(hash, b"key", &[]).unwrap() == right.hmac(hash, b"key", &[b""]).unwrap());
    }
}

#[test]
fn expansions_agree_at_every_length() {
    let [(_, left), (_, right)] = backends();
    let mut random = Seeded(12);
    for hash in HASHES {
        let most = 255 * hash.output_length();
        for length in LENGTHS.into_iter().chain([most - 1, most]) {
            for info_length in [0, 1, 79, 80, 81, 300] {
                let key = random.bytes(hash.output_length());
                let info = random.bytes(info_length);
                let (head, tail) = info.split_at(info_length / 2);
                let output = left.hkdf_expand(hash, &key, &[&info], length).unwrap();
                assert_eq!(output.len(), length);
                assert!(output == right.hkdf_expand(hash, &key, &[&info], length).unwrap());
                assert!(output == right.hkdf_expand(hash, &key, &[head, tail], length).unwrap());
                assert!(output == left.hkdf_expand(hash, &key, &[head, tail], length).unwrap());
            }
        }
    }
}

#[test]
fn aeads_agree_and_open_each_other() {
    let [(_, left), (_, right)] = backends();
    let mut random = Seeded(13);
    let aeads =
        [(AeadId::AES_128_GCM, 16), (AeadId::AES_256_GCM, 32), (AeadId::CHACHA20_POLY1305, 32)];
    for (aead, key_length) in aeads {
        for length in LENGTHS {
            for aad_length in [0, 1, 16, 100] {
                let (key, nonce) = (random.secret(key_length), random.bytes(12));
                let (plaintext, aad) = (random.bytes(length), random.bytes(aad_length));
                let sealed = left.aead_seal(aead, &key, &nonce, &aad, &plaintext).unwrap();
                assert_eq!(sealed, right.aead_seal(aead, &key, &nonce, &aad, &plaintext).unwrap());
                assert_eq!(sealed.len(), length + 16);
                for backend in [&left, &right] {
                    let opened = backend.aead_open(aead, &key, &nonce, &aad, &sealed).unwrap();
                    assert_eq!(opened.expose(), plaintext);
                }
            }
        }
    }
}

#[test]
fn derived_key_pairs_and_shared_secrets_agree() {
    let [(_, left), (_, right)] = backends();
    let mut random = Seeded(14);
    for kem in KEMS {
        for length in [0, 1, 32, 48, 64, 66, 200] {
            let (ikm, other_ikm) = (random.secret(length), random.secret(66));
            let ours = left.kem_derive_key_pair(kem, &ikm).unwrap();
            let same = right.kem_derive_key_pair(kem, &ikm).unwrap();
            assert!(ours.private_key == same.private_key, "{kem:?}");
            assert_eq!(ours.public_key, same.public_key, "{kem:?}");

            let theirs = right.kem_derive_key_pair(kem, &other_ikm).unwrap();
            let shared = left.dh(kem, &ours.private_key, &theirs.public_key).unwrap();
            for backend in [&left, &right] {
                assert_eq!(backend.check_hpke_public_key(kem, &ours.public_key), Ok(()));
                assert_eq!(
                    backend.dh_public_key(kem, &ours.private_key).as_ref(),
                    Ok(&ours.public_key)
                );
                assert!(shared == backend.dh(kem, &ours.private_key, &theirs.public_key).unwrap());
                assert!(shared == backend.dh(kem, &theirs.private_key, &ours.public_key).unwrap());
            }
        }
    }
}

#[test]
fn encapsulations_of_each_backend_are_decapsulated_by_the_other() {
    for kem in KEMS {
        for [(_, sender), (_, receiver)] in [backends(), {
            let [first, second] = backends();
            [second, first]
        }] {
            let mut random = Seeded(15);
            let key_pair = receiver.kem_derive_key_pair(kem, &random.secret(66)).unwrap();
            let (secret, encapsulated) =
                sender.kem_encap(kem, &key_pair.public_key, &mut random).unwrap();
            assert!(secret == receiver.kem_decap(kem, &key_pair, &encapsulated).unwrap());
        }
    }
}

#[test]
fn signatures_of_each_backend_are_verified_by_both() {
    let mut random = Seeded(16);
    for scheme in SCHEMES {
        for (_, signer) in backends() {
            let private_key = signer.signature_generate(scheme, &mut random).unwrap();
            let public_key = signer.signature_public_key(scheme, &private_key).unwrap();
            for length in [0, 1, 64, 127, 128, 1000] {
                let message = random.bytes(length);
                let signature = signer.sign(scheme, &private_key, &message).unwrap();
                for (name, verifier) in backends() {
                    assert_eq!(
                        verifier.signature_public_key(scheme, &private_key).as_ref(),
                        Ok(&public_key)
                    );
                    let verified = verifier.verify(scheme, &public_key, &message, &signature);
                    assert_eq!(verified, Ok(()), "{scheme:?}, {name}");
                    let message = [message.as_slice(), b"x"].concat();
                    let verified = verifier.verify(scheme, &public_key, &message, &signature);
                    assert!(verified.is_err(), "{scheme:?}, {name}");
                }
            }
        }
    }
}

#[test]
fn a_key_that_is_kept_ready_signs_like_the_stored_one() {
    for (name, backend) in backends() {
        for scheme in SCHEMES {
            let private_key = backend.signature_generate(scheme, &mut Seeded(18)).unwrap();
            let public_key = backend.signature_public_key(scheme, &private_key).unwrap();
            let ready = backend.signing_key(scheme, &private_key).unwrap();
            // Whoever keeps none signs with the stored key.
            assert!(ready.is_some() || scheme != SignatureScheme::ED25519, "{name}");
            if let Some(key) = ready {
                let signature = key.sign(b"message").unwrap();
                backend.verify(scheme, &public_key, b"message", &signature).unwrap();
                if scheme == SignatureScheme::ED25519 {
                    let stored = backend.sign(scheme, &private_key, b"message").unwrap();
                    assert_eq!(signature, stored, "{name}");
                }
            }
        }
    }
}

#[test]
fn both_backends_refuse_the_same_damaged_signatures_and_keys() {
    let [(_, left), (_, right)] = backends();
    let mut random = Seeded(17);
    for scheme in SCHEMES {
        let private_key = left.signature_generate(scheme, &mut random).unwrap();
        let public_key = left.signature_public_key(scheme, &private_key).unwrap();
        let signature = left.sign(scheme, &private_key, b"message").unwrap();
        for bit in (0..8 * signature.len()).step_by(3) {
            let mut damaged = signature.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let verified = left.verify(scheme, &public_key, b"message", &damaged);
            assert!(verified.is_err(), "{scheme:?}, signature bit {bit}");
            assert_eq!(verified, right.verify(scheme, &public_key, b"message", &damaged));
        }
        for bit in (0..8 * public_key.as_slice().len()).step_by(5) {
            let mut damaged = public_key.as_slice().to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let damaged = damaged.into();
            let verified = left.verify(scheme, &damaged, b"message", &signature);
            assert!(verified.is_err(), "{scheme:?}, key bit {bit}");
            assert_eq!(verified, right.verify(scheme, &damaged, b"message", &signature));
        }
    }
}

#[test]
fn both_backends_accept_the_same_hpke_public_keys() {
    let [(_, left), (_, right)] = backends();
    let mut random = Seeded(18);
    for kem in KEMS {
        let private_key = random_private_key(kem, &mut random);
        let valid = left.dh_public_key(kem, &private_key).unwrap();
        let bits = (0..8 * valid.as_slice().len()).step_by(7);
        for bit in bits {
            let mut key = valid.as_slice().to_vec();
            key[bit / 8] ^= 1 << (bit % 8);
            let key = key.into();
            let accepted = left.check_hpke_public_key(kem, &key);
            assert_eq!(accepted, right.check_hpke_public_key(kem, &key), "{kem:?}, bit {bit}");
            let shared = left.dh(kem, &private_key, &key);
            assert_eq!(accepted.is_ok(), shared.is_ok());
            assert_eq!(shared, right.dh(kem, &private_key, &key), "{kem:?}, bit {bit}");
        }
    }
}

fn random_private_key(kem: KemId, random: &mut Seeded) -> crypto::Secret {
    let [(_, backend), _] = backends();
    backend.kem_derive_key_pair(kem, &random.secret(66)).unwrap().private_key
}
