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
fn passive_client_handling_commit() {
    holds(Kind::PassiveClientHandlingCommit);
}

#[test]
fn passive_client_random() {
    holds(Kind::PassiveClientRandom);
}

#[test]
fn passive_client_welcome() {
    holds(Kind::PassiveClientWelcome);
}

#[test]
fn welcome() {
    holds(Kind::Welcome);
}
