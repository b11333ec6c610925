//! Bugs that other libraries had in what they offered to their callers.

use crypto::{Secret, SignatureKeyPair, Signer};

use crate::{Seeded, suites};

/// Covers RUSTSEC-2022-0093: signing took the public key from the caller, and with a wrong one gave
/// the private key away. Here it follows from the private key, and EdDSA always gives one
/// signature.
#[test]
fn the_public_key_of_a_signer_follows_from_its_private_key() {
    for (name, suite) in suites() {
        let signer = SignatureKeyPair::generate(&suite, &mut Seeded(1)).unwrap();
        let private_key = signer.private_key().duplicate();
        let again = SignatureKeyPair::from_private_key(&suite, private_key).unwrap();
        assert_eq!(again.public_key(), signer.public_key(), "{name}");
        let signatures = [&signer, &again].map(|signer| {
            let signature = suite.sign_with_label(signer, "label", b"content").unwrap();
            let key = signer.public_key();
            assert!(
                suite.verify_with_label(key, "label", b"content", &signature).is_ok(),
                "{name}"
            );
            signature
        });
        let is_eddsa = matches!(signer.scheme().0, 0x0807 | 0x0808);
        assert!(!is_eddsa || signatures[0] == signatures[1], "{name}");
    }
}

/// Covers OpenMLS GHSA-8x3w-qj7j-gqhf: a tag was compared up to the length of the shorter one.
#[test]
fn a_part_of_a_tag_is_not_the_tag() {
    for (name, suite) in suites() {
        let tag = suite.mac(&Seeded(2).secret(suite.hash_length()), b"content").unwrap();
        assert!(tag == Secret::from_slice(tag.expose()));
        for length in 0..tag.len() {
            assert!(tag != Secret::from_slice(&tag.expose()[..length]), "{name}, {length} bytes");
            assert!(tag != Secret::from_slice(&tag.expose()[length + 1..]), "{name}");
        }
        assert!(tag != Secret::from_vec([tag.expose(), &[0]].concat()), "{name}");
    }
}
