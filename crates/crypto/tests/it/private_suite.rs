//! An application can register a suite of its own (RFC 9420, section 17.1, the private range).

use crypto::{
    AeadId, CipherSuite, Crypto, CryptoError, HashAlgorithm, KemId, Secret, SignatureKeyPair,
    SignatureScheme, Signer as _, SuiteParams,
};

use crate::{Seeded, backends};

/// P-256 with ChaCha20-Poly1305: all parts are known, the combination is not in the RFC.
const PARAMS: SuiteParams = SuiteParams {
    id: CipherSuite(0xf001),
    kem: KemId::DHKEM_P256_HKDF_SHA256,
    hash: HashAlgorithm::Sha256,
    aead: AeadId::CHACHA20_POLY1305,
    aead_key_length: 32,
    aead_nonce_length: 12,
    signature: SignatureScheme::ECDSA_SECP256R1_SHA256,
    aead_messages_log2_max: 31,
};

#[test]
fn a_private_suite_works_from_one_backend_to_the_other() {
    let [sender, receiver] = backends().map(|(_, provider)| {
        let mut crypto = Crypto::new(provider);
        assert!(crypto.suite(PARAMS.id).is_none());
        assert!(crypto.register(PARAMS));
        assert_eq!(crypto.suites().last(), Some(PARAMS.id));
        assert_eq!(crypto.suites().count(), 8);
        crypto.suite(PARAMS.id).unwrap()
    });
    assert_eq!(sender.id(), PARAMS.id);
    let mut random = Seeded(30);

    let key_pair = receiver.generate_key_pair(&mut random).unwrap();
    let plaintext = Secret::from_slice(b"path secret");
    let context = b"context".as_slice();
    let sealed = sender
        .encrypt_with_label(&key_pair.public_key, ("label", context), &plaintext, &mut random)
        .unwrap();
    let opened = receiver.decrypt_with_label(&key_pair, "label", context, &sealed).unwrap();
    assert!(opened == plaintext);

    let (kem_output, exported) = sender
        .hpke_export_send(&key_pair.public_key, b"MLS 1.0 external init secret", 32, &mut random)
        .unwrap();
    let received = receiver
        .hpke_export_receive(&key_pair, &kem_output, b"MLS 1.0 external init secret", 32)
        .unwrap();
    assert!(exported == received);

    let signer = SignatureKeyPair::generate(&sender, &mut random).unwrap();
    let signature = sender.sign_with_label(&signer, "label", b"content").unwrap();
    receiver
        .verify_with_label(signer.public_key(), "label", b"content", &signature)
        .expect("a signature of the private suite verifies");

    let secret = Secret::random(receiver.hash_length(), &mut random).unwrap();
    let key = sender.expand_with_label(&secret, "key", b"", PARAMS.aead_key_length).unwrap();
    let sealed = sender.aead_seal(&key, &[1; 12], b"aad", b"message").unwrap();
    assert_eq!(receiver.aead_open(&key, &[1; 12], b"aad", &sealed).unwrap().expose(), b"message");
}

#[test]
fn a_suite_with_an_unknown_part_is_not_registered() {
    let wrong = [
        SuiteParams { kem: KemId(0x1234), ..PARAMS },
        SuiteParams { aead: AeadId(0x1234), ..PARAMS },
        SuiteParams { signature: SignatureScheme(0x1234), ..PARAMS },
        // Lengths that are not those of the AEAD.
        SuiteParams { aead_key_length: 16, ..PARAMS },
        SuiteParams { aead_nonce_length: 24, ..PARAMS },
    ];
    for (name, provider) in backends() {
        let mut crypto = Crypto::new(provider);
        for params in wrong {
            assert!(!crypto.register(params), "{name}");
            assert!(crypto.suite(PARAMS.id).is_none(), "{name}");
        }
        assert_eq!(crypto.suites().count(), 7, "{name}");
    }
}

#[test]
fn an_unknown_suite_is_none_and_a_known_one_can_be_replaced() {
    for (_, provider) in backends() {
        let mut crypto = Crypto::new(provider);
        for id in [0, 8, 0xf001, 0xffff] {
            assert!(crypto.suite(CipherSuite(id)).is_none());
        }
        assert!(crypto.register(SuiteParams { id: CipherSuite(1), ..PARAMS }));
        let suite = crypto.suite(CipherSuite(1)).unwrap();
        assert_eq!(suite.params().kem, PARAMS.kem);
        assert_eq!(crypto.suites().count(), 7);
        let signer = SignatureKeyPair::from_private_key(&suite, Secret::zeros(32));
        assert_eq!(signer.err(), Some(CryptoError::InvalidPrivateKey));
    }
}
