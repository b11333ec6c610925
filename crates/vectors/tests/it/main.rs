//! Every official vector holds; what is generated holds; a changed vector does not.

#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::path::Path;

use crypto::Crypto;
use serde_json::Value;
use testkit::SeededRandom;
use vectors::{Kind, Scale, verify_dir};

fn crypto() -> Crypto {
    Crypto::new(crypto_aws_lc::provider())
}

/// One test per kind, so that a failure names the file.
macro_rules! kinds {
    ($($test:ident: $kind:ident,)*) => {
        /// The kinds that have tests.
        const TESTED: &[Kind] = &[$(Kind::$kind),*];

        mod official {
            $(#[test] fn $test() { crate::official_vectors_hold(vectors::Kind::$kind); })*
        }

        mod generated {
            $(#[test] fn $test() { crate::generated_vectors_hold(vectors::Kind::$kind); })*
        }

        mod changed {
            $(#[test] fn $test() { crate::changed_vectors_do_not_hold(vectors::Kind::$kind); })*
        }
    };
}

kinds! {
    crypto_basics: CryptoBasics,
    deserialization: Deserialization,
    key_schedule: KeySchedule,
    message_protection: MessageProtection,
    messages: Messages,
    passive_client_handling_commit: PassiveClientHandlingCommit,
    passive_client_random: PassiveClientRandom,
    passive_client_welcome: PassiveClientWelcome,
    psk_secret: PskSecret,
    secret_tree: SecretTree,
    transcript_hashes: TranscriptHashes,
    tree_math: TreeMath,
    tree_operations: TreeOperations,
    tree_validation: TreeValidation,
    treekem: TreeKem,
    welcome: Welcome,
}

#[test]
fn every_kind_is_tested() {
    assert_eq!(TESTED, Kind::ALL);
}

/// The set in the repository: what was generated once keeps holding, with both backends.
#[test]
fn vectors_of_the_repository_hold() {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/generated"));
    for provider in [crypto_aws_lc::provider(), crypto_rustcrypto::provider()] {
        let crypto = Crypto::new(provider);
        let mut failures = String::new();
        let mut files = 0;
        let all = verify_dir(directory, &crypto, &mut SeededRandom::new(4), |report| {
            files += 1;
            if !report.is_ok() {
                failures += &format!("{report}\n");
            }
        });
        assert!(all.unwrap(), "{failures}");
        assert_eq!(files, 16);
    }
}

#[test]
fn a_missing_file_and_a_file_of_another_kind_are_failures() {
    let verify = |kind: Kind, text: &str| kind.verify(text, &crypto(), &mut SeededRandom::new(5));
    let text = Kind::TreeMath.generate(&crypto(), Scale::Small, &mut SeededRandom::new(5)).unwrap();
    assert!(verify(Kind::TreeMath, &text).unwrap().is_ok());
    assert!(verify(Kind::PskSecret, &text).is_err());
    assert!(!verify(Kind::TreeMath, "[]").unwrap().is_ok(), "no entry shows nothing");
    let nowhere = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert!(verify_dir(&nowhere, &crypto(), &mut SeededRandom::new(5), |_| {}).is_err());
}

fn official_vectors_hold(kind: Kind) {
    if let Some(text) = testkit::official_vectors(kind.file_name()) {
        let report = kind.verify(&text, &crypto(), &mut SeededRandom::new(1)).unwrap();
        assert!(report.is_ok(), "{report}");
    }
}

fn generated_vectors_hold(kind: Kind) {
    let mut random = SeededRandom::new(2);
    let text = kind.generate(&crypto(), Scale::Small, &mut random).unwrap();
    let report = kind.verify(&text, &crypto(), &mut random).unwrap();
    assert!(report.is_ok(), "{report}");
}

/// The places of every text and number in `value`, as JSON pointers.
fn leaves(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => {
            let numbered = values.iter().enumerate();
            numbered.for_each(|(index, value)| leaves(value, &format!("{place}/{index}"), found));
        }
        Value::Object(fields) => {
            let named = fields.iter();
            named.for_each(|(name, value)| leaves(value, &format!("{place}/{name}"), found));
        }
        Value::String(_) | Value::Number(_) => found.push(place.to_owned()),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Changes one digit of a text, or a number by three: from suite 1 that is the first with another
/// hash.
fn change(value: &mut Value, random: &mut SeededRandom) {
    *value = match &*value {
        Value::String(text) if text.is_empty() => Value::from("00"),
        Value::String(text) => {
            let mut digits = text.clone().into_bytes();
            let place = random.below(digits.len());
            digits[place] = if digits[place] == b'0' { b'1' } else { b'0' };
            Value::from(String::from_utf8(digits).unwrap())
        }
        Value::Number(number) => Value::from(number.as_u64().unwrap() + 3),
        other => panic!("{other} is no leaf"),
    };
}

/// How many changes are tried: verifying some kinds takes long.
const CHANGES_MAX: usize = 60;

/// Nothing in an entry is ignored: whatever is changed, the entry no longer holds.
fn changed_vectors_do_not_hold(kind: Kind) {
    let random = &mut SeededRandom::new(3);
    let text = kind.generate(&crypto(), Scale::Small, random).unwrap();
    let entries: Vec<Value> = serde_json::from_str(&text).unwrap();
    let entry = entries.iter().max_by_key(|entry| weight(entry)).unwrap();
    let mut places = Vec::new();
    leaves(entry, "", &mut places);
    places.retain(|place| !is_idle(kind, place));
    while places.len() > CHANGES_MAX {
        places.swap_remove(random.below(places.len()));
    }
    for place in places {
        let mut changed = entry.clone();
        change(changed.pointer_mut(&place).unwrap(), random);
        let text = Value::from(vec![changed]).to_string();
        if let Ok(report) = kind.verify(&text, &crypto(), random) {
            assert!(!report.is_ok(), "{kind:?} holds with {place} changed");
        }
    }
}

/// Whether a change of this field is of no consequence.
fn is_idle(kind: Kind, place: &str) -> bool {
    match kind {
        // Another well-formed structure is as good as the first.
        Kind::Messages => true,
        // Who proposes an Add makes no difference to the tree.
        Kind::TreeOperations => place == "/proposal_sender",
        // Only its beginning is sampled.
        Kind::SecretTree => place == "/sender_data/ciphertext",
        // Not every scenario uses the key that it offers.
        Kind::PassiveClientHandlingCommit => place.starts_with("/external_psks"),
        _ => false,
    }
}

/// The entry of the cheapest suite with the most in it shows the most.
fn weight(entry: &Value) -> (bool, usize) {
    let mut places = Vec::new();
    leaves(entry, "", &mut places);
    (entry.get("cipher_suite") == Some(&Value::from(1)), places.len())
}
