//! Every official vector holds; what is generated holds; a changed vector does not.

use crypto::Crypto;
use serde_json::Value;
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

/// Changes one digit of a text, or a number by three: from suite 1 that is the first with another hash.
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

/// Nothing in an entry is ignored: whatever is changed, the entry no longer holds.
#[test]
fn a_changed_vector_does_not_hold() {
    const CHANGES_MAX: usize = 60;
    for &kind in Kind::ALL {
        if kind == Kind::Messages {
            // Another well-formed structure is as good as the first.
            continue;
        }
        let random = &mut SeededRandom::new(3);
        let text = kind.generate(&crypto(), Scale::Small, random).unwrap();
        let entries: Vec<Value> = serde_json::from_str(&text).unwrap();
        let entry = entries.iter().max_by_key(|entry| weight(entry)).unwrap();
        let mut places = Vec::new();
        leaves(entry, "", &mut places);
        while places.len() > CHANGES_MAX {
            places.swap_remove(random.below(places.len()));
        }
        for place in places {
            if (kind, place.as_str()) == (Kind::TreeOperations, "/proposal_sender") {
                // Who proposes an Add makes no difference to the tree.
                continue;
            }
            let mut changed = entry.clone();
            change(changed.pointer_mut(&place).unwrap(), random);
            let text = Value::from(vec![changed]).to_string();
            if let Ok(report) = kind.verify(&text, &crypto(), random) {
                assert!(!report.is_ok(), "{kind:?} holds with {place} changed");
            }
        }
    }
}

/// The entry of the cheapest suite with the most in it shows the most.
fn weight(entry: &Value) -> (bool, usize) {
    let mut places = Vec::new();
    leaves(entry, "", &mut places);
    (entry.get("cipher_suite") == Some(&Value::from(1)), places.len())
}
