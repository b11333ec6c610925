//! Every official vector holds; what is generated holds; a changed vector does not.

use crypto::Crypto;
use testkit::SeededRandom;
use vectors::{Kind, Scale};

fn crypto() -> Crypto {
    Crypto::new(crypto_aws_lc::provider())
}

#[test]
fn every_official_vector_holds() {
    let mut failures = String::new();
    for kind in Kind::ALL {
        let Some(text) = testkit::official_vectors(kind.file_name()) else { continue };
        let report = kind.verify(&text, &crypto(), &mut SeededRandom::new(1)).unwrap();
        if !report.is_ok() {
            failures += &format!("{report}\n");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_generated_vector_holds() {
    for kind in Kind::ALL {
        let mut random = SeededRandom::new(2);
        let text = kind.generate(&crypto(), Scale::Small, &mut random).unwrap();
        let report = kind.verify(&text, &crypto(), &mut random).unwrap();
        assert!(report.is_ok(), "{report}");
    }
}
