//! Our HPKE against the `hpke` crate, an independent implementation, in both directions.

use crypto::{CipherSuite, Crypto, HpkeCiphertext, HpkeKeyPair, Secret, Suite};
use hpke::aead::{AesGcm128, AesGcm256, ChaCha20Poly1305};
use hpke::kdf::{HkdfSha256, HkdfSha384, HkdfSha512};
use hpke::kem::{DhP256HkdfSha256, DhP384HkdfSha384, DhP521HkdfSha512, X25519HkdfSha256};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};

use crate::{Seeded, backends};

const INFO: &[u8] = b"info";

macro_rules! oracle {
    ($name:ident, $suite:expr, $aead:ty, $kdf:ty, $kem:ty) => {
        #[test]
        fn $name() {
            for (backend, provider) in backends() {
                let suite = Crypto::new(provider).suite(CipherSuite($suite)).unwrap();
                let mut random = Seeded($suite);
                for length in [0, 1, 32, 64, 1000] {
                    let ikm = random.secret(66);
                    let ours = suite.derive_key_pair(&ikm).unwrap();
                    let (private_key, public_key) = <$kem>::derive_keypair(ikm.expose());
                    let place = format!("suite {}, {backend}, {length} bytes", $suite);
                    assert_eq!(ours.public_key.as_slice(), &*public_key.to_bytes(), "{place}");

                    let plaintext = random.secret(length);
                    we_open(&suite, &ours, &plaintext, |info| {
                        let (kem_output, ciphertext) = hpke::single_shot_seal::<$aead, $kdf, $kem>(
                            &OpModeS::Base,
                            &public_key,
                            info,
                            plaintext.expose(),
                            &[],
                        )
                        .unwrap();
                        (kem_output.to_bytes().to_vec(), ciphertext)
                    });

                    let sealed =
                        suite.hpke_seal(&ours.public_key, INFO, &plaintext, &mut random).unwrap();
                    let kem_output = Deserializable::from_bytes(&sealed.kem_output).unwrap();
                    let opened = hpke::single_shot_open::<$aead, $kdf, $kem>(
                        &OpModeR::Base,
                        &private_key,
                        &kem_output,
                        INFO,
                        &sealed.ciphertext,
                        &[],
                    );
                    assert_eq!(opened.unwrap(), plaintext.expose(), "{place}");

                    let (kem_output, context) =
                        hpke::setup_sender::<$aead, $kdf, $kem>(&OpModeS::Base, &public_key, &[])
                            .unwrap();
                    let mut exported = vec![0; length];
                    context.export(b"exporter context", &mut exported).unwrap();
                    let received = suite
                        .hpke_export_receive(
                            &ours,
                            &kem_output.to_bytes(),
                            b"exporter context",
                            length,
                        )
                        .unwrap();
                    assert_eq!(received.expose(), exported, "{place}");

                    let (kem_output, exported) = suite
                        .hpke_export_send(
                            &ours.public_key,
                            b"exporter context",
                            length,
                            &mut random,
                        )
                        .unwrap();
                    let kem_output = Deserializable::from_bytes(&kem_output).unwrap();
                    let context = hpke::setup_receiver::<$aead, $kdf, $kem>(
                        &OpModeR::Base,
                        &private_key,
                        &kem_output,
                        &[],
                    )
                    .unwrap();
                    let mut received = vec![0; length];
                    context.export(b"exporter context", &mut received).unwrap();
                    assert_eq!(exported.expose(), received, "{place}");
                }
            }
        }
    };
}

/// Opens what the other side sealed, and refuses it under another `info`.
fn we_open(
    suite: &Suite,
    key_pair: &HpkeKeyPair,
    plaintext: &Secret,
    seal: impl Fn(&[u8]) -> (Vec<u8>, Vec<u8>),
) {
    for (info, accepted) in [(INFO, true), (b"other".as_slice(), false)] {
        let (kem_output, ciphertext) = seal(info);
        let sealed =
            HpkeCiphertext { kem_output: kem_output.into(), ciphertext: ciphertext.into() };
        let opened = suite.hpke_open(key_pair, INFO, &sealed);
        assert_eq!(opened.is_ok_and(|opened| opened == *plaintext), accepted);
    }
}

oracle!(suite_1_agrees_with_the_oracle, 1, AesGcm128, HkdfSha256, X25519HkdfSha256);
oracle!(suite_2_agrees_with_the_oracle, 2, AesGcm128, HkdfSha256, DhP256HkdfSha256);
oracle!(suite_3_agrees_with_the_oracle, 3, ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256);
oracle!(suite_5_agrees_with_the_oracle, 5, AesGcm256, HkdfSha512, DhP521HkdfSha512);
oracle!(suite_7_agrees_with_the_oracle, 7, AesGcm256, HkdfSha384, DhP384HkdfSha384);
