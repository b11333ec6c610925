//! Encrypting to many: each recipient opens its own, few or many at once, and no randomness
//! repeats.

use std::collections::BTreeSet;

use crypto::{CipherSuite, Crypto, HpkePublicKey, Secret};
use testkit::SeededRandom;

#[test]
fn every_recipient_opens_its_own_ciphertext_and_no_other() {
    let suite = Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(1)).unwrap();
    let mut random = SeededRandom::new(1);
    // On both sides of the number from which threads are used.
    for count in [0, 1, 2, 23, 24, 100] {
        let key_pairs: Vec<_> =
            (0..count).map(|_| suite.generate_key_pair(&mut random).unwrap()).collect();
        let plaintexts: Vec<_> =
            (0..count).map(|number| Secret::from_slice(&[number; 5])).collect();
        let keys = key_pairs.iter().map(|key_pair| &key_pair.public_key);
        let recipients: Vec<(&HpkePublicKey, &Secret)> = keys.zip(&plaintexts).collect();
        let context = ("label", b"context".as_slice());
        let sealed = suite.encrypt_to_many(context, &recipients, &mut random).unwrap();
        assert_eq!(sealed.len(), recipients.len());
        for (index, key_pair) in key_pairs.iter().enumerate() {
            let open =
                |at: usize| suite.decrypt_with_label(key_pair, context.0, context.1, &sealed[at]);
            assert!(open(index).unwrap() == plaintexts[index]);
            assert!(index == 0 || open(index - 1).is_err());
        }
        let outputs: BTreeSet<_> = sealed.iter().map(|sealed| &*sealed.kem_output).collect();
        assert_eq!(outputs.len(), sealed.len());
    }
}

#[test]
fn the_same_source_gives_the_same_ciphertexts_however_many_threads_there_are() {
    let suite = Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(1)).unwrap();
    let key_pair = suite.generate_key_pair(&mut SeededRandom::new(1)).unwrap();
    let plaintext = Secret::from_slice(b"secret");
    let recipients = vec![(&key_pair.public_key, &plaintext); 64];
    let seal = |seed| {
        let mut random = SeededRandom::new(seed);
        suite.encrypt_to_many(("label", b""), &recipients, &mut random).unwrap()
    };
    assert_eq!(seal(2), seal(2));
    assert_ne!(seal(2), seal(3));
}
