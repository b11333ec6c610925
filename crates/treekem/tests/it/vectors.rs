//! Reading the working group's test vectors.

use crypto::{CipherSuite, Crypto, Suite};
use serde_json::Value;

/// The entries of a vector file, each with its index and the suite it is for; nothing where the
/// vectors are absent. Every suite of RFC 9420 has to be among them.
pub(crate) fn load(file: &str) -> Vec<(usize, Suite, Value)> {
    let Some(text) = testkit::official_vectors(file) else { return Vec::new() };
    let crypto = Crypto::new(crypto_aws_lc::provider());
    let file_entries: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut entries = Vec::new();
    for (index, entry) in file_entries.into_iter().enumerate() {
        let id = CipherSuite(u16::try_from(number(&entry["cipher_suite"])).unwrap());
        let suite = crypto.suite(id);
        let suite = suite.unwrap_or_else(|| panic!("{file}[{index}]: {id:?} is missing"));
        entries.push((index, suite, entry));
    }
    for id in (1..=7).map(CipherSuite) {
        assert!(entries.iter().any(|(_, suite, _)| suite.id() == id), "{file} lacks {id:?}");
    }
    entries
}

/// The bytes of a hexadecimal field.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    testkit::hex(text(value))
}

/// A text field.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string"))
}

/// A number.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// A list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is not a list"))
}
