//! The official vectors `crypto-basics.json`: every entry with both backends.

use crypto::Crypto;
use testkit::SeededRandom;
use vectors::Kind;

use crate::backends;

#[test]
fn both_backends_pass_the_official_vectors_of_every_suite() {
    let kind = Kind::CryptoBasics;
    let Some(text) = testkit::official_vectors(kind.file_name()) else { return };
    for (name, provider) in backends() {
        let crypto = Crypto::new(provider);
        let report = kind.verify(&text, &crypto, &mut SeededRandom::new(1)).unwrap();
        assert!(report.is_ok(), "{name}: {report}");
        assert_eq!(report.passed, 7, "{name}: one entry per suite");
    }
}
