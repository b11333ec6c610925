//! The official vectors `crypto-basics.json`: every entry with both backends.

use crypto::{
    CipherSuite, Crypto, HpkeCiphertext, HpkeKeyPair, Secret, SignatureKeyPair, SignaturePublicKey,
    Suite,
};
use serde::Deserialize;

use crate::{Seeded, backends, unhex};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    cipher_suite: u16,
    ref_hash: RefHash,
    expand_with_label: ExpandWithLabel,
    derive_secret: DeriveSecret,
    derive_tree_secret: DeriveTreeSecret,
    sign_with_label: SignWithLabel,
    encrypt_with_label: EncryptWithLabel,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefHash {
    label: String,
    value: String,
    out: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpandWithLabel {
    secret: String,
    label: String,
    context: String,
    length: usize,
    out: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeriveSecret {
    secret: String,
    label: String,
    out: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeriveTreeSecret {
    secret: String,
    label: String,
    generation: u32,
    length: usize,
    out: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignWithLabel {
    #[serde(rename = "priv")]
    private_key: String,
    #[serde(rename = "pub")]
    public_key: String,
    content: String,
    label: String,
    signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EncryptWithLabel {
    #[serde(rename = "priv")]
    private_key: String,
    #[serde(rename = "pub")]
    public_key: String,
    label: String,
    context: String,
    plaintext: String,
    kem_output: String,
    ciphertext: String,
}

fn secret(hex: &str) -> Secret {
    Secret::from_vec(unhex(hex))
}

/// The text of a vector file; `None`, loudly, where there are no vectors.
fn vector_file(name: &str) -> Option<String> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let directory = std::env::var("MLS_VECTORS").unwrap_or_else(|_| default.into());
    let path = std::path::Path::new(&directory).join(name);
    if !path.exists() {
        assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
        eprintln!("SKIPPED: {} is missing; set MLS_VECTORS", path.display());
        return None;
    }
    Some(std::fs::read_to_string(path).unwrap())
}

#[test]
fn both_backends_pass_the_official_vectors_of_every_suite() {
    let Some(text) = vector_file("crypto-basics.json") else { return };
    let entries: Vec<Entry> = serde_json::from_str(&text).unwrap();
    assert_eq!(
        entries.iter().map(|entry| entry.cipher_suite).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6, 7]
    );
    for (name, provider) in backends() {
        let crypto = Crypto::new(provider);
        for (index, entry) in entries.iter().enumerate() {
            let suite = crypto.suite(CipherSuite(entry.cipher_suite)).unwrap();
            let place = format!("crypto-basics.json, entry {index}, {name}");
            check_derivations(&suite, entry, &place);
            check_signature(&suite, &entry.sign_with_label, &place);
            check_encryption(&suite, &entry.encrypt_with_label, &place);
        }
    }
}

fn check_derivations(suite: &Suite, entry: &Entry, place: &str) {
    let vector = &entry.ref_hash;
    let hash = suite.ref_hash(&vector.label, &unhex(&vector.value)).unwrap();
    assert_eq!(hash.as_slice(), unhex(&vector.out), "{place}, ref_hash");

    let vector = &entry.expand_with_label;
    let context = unhex(&vector.context);
    let key = secret(&vector.secret);
    let out = suite.expand_with_label(&key, &vector.label, &context, vector.length).unwrap();
    assert_eq!(out.expose(), unhex(&vector.out), "{place}, expand_with_label");

    let vector = &entry.derive_secret;
    let out = suite.derive_secret(&secret(&vector.secret), &vector.label).unwrap();
    assert_eq!(out.expose(), unhex(&vector.out), "{place}, derive_secret");

    let vector = &entry.derive_tree_secret;
    let key = secret(&vector.secret);
    let out =
        suite.derive_tree_secret(&key, &vector.label, vector.generation, vector.length).unwrap();
    assert_eq!(out.expose(), unhex(&vector.out), "{place}, derive_tree_secret");
}

fn check_signature(suite: &Suite, vector: &SignWithLabel, place: &str) {
    let public_key = SignaturePublicKey::from(unhex(&vector.public_key));
    let (label, content) = (&vector.label, unhex(&vector.content));
    suite
        .verify_with_label(&public_key, label, &content, &unhex(&vector.signature))
        .unwrap_or_else(|error| panic!("{place}, verify_with_label: {error}"));

    let signer = SignatureKeyPair::from_private_key(suite, secret(&vector.private_key)).unwrap();
    assert_eq!(*crypto::Signer::public_key(&signer), public_key, "{place}, public key");
    let signature = suite.sign_with_label(&signer, label, &content).unwrap();
    suite
        .verify_with_label(&public_key, label, &content, &signature)
        .unwrap_or_else(|error| panic!("{place}, sign_with_label: {error}"));
    let other_label = suite.verify_with_label(&public_key, "Other", &content, &signature);
    assert!(other_label.is_err(), "{place}, the label is signed");
}

fn check_encryption(suite: &Suite, vector: &EncryptWithLabel, place: &str) {
    let key_pair = HpkeKeyPair {
        private_key: secret(&vector.private_key),
        public_key: unhex(&vector.public_key).into(),
    };
    let (label, context) = (vector.label.as_str(), unhex(&vector.context));
    let plaintext = secret(&vector.plaintext);
    let ciphertext = HpkeCiphertext {
        kem_output: unhex(&vector.kem_output).into(),
        ciphertext: unhex(&vector.ciphertext).into(),
    };
    let opened = suite
        .decrypt_with_label(&key_pair, label, &context, &ciphertext)
        .unwrap_or_else(|error| panic!("{place}, decrypt_with_label: {error}"));
    assert!(opened == plaintext, "{place}, decrypt_with_label");

    let random = &mut Seeded(1);
    let ciphertext = suite
        .encrypt_with_label(&key_pair.public_key, (label, &context), &plaintext, random)
        .unwrap();
    let opened = suite.decrypt_with_label(&key_pair, label, &context, &ciphertext).unwrap();
    assert!(opened == plaintext, "{place}, encrypt_with_label");
    let other_label = suite.decrypt_with_label(&key_pair, "Other", &context, &ciphertext);
    assert!(other_label.is_err(), "{place}, the label is authenticated");
}
