//! The official vectors of this layer.

use crypto::Crypto;
use testkit::SeededRandom;
use vectors::Kind;

fn holds(kind: Kind) {
    let Some(text) = testkit::official_vectors(kind.file_name()) else { return };
    let crypto = Crypto::new(crypto_aws_lc::provider());
    let report = kind.verify(&text, &crypto, &mut SeededRandom::new(1)).unwrap();
    assert!(report.is_ok(), "{report}");
}

#[test]
fn message_protection() {
    holds(Kind::MessageProtection);
}

#[test]
fn secret_tree() {
    holds(Kind::SecretTree);
}

#[test]
fn transcript_hashes() {
    holds(Kind::TranscriptHashes);
}
