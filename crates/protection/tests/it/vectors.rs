//! Reading the working group's test vectors.

use crypto::{CipherSuite, Crypto, Digest, Secret, Suite};
use serde_json::Value;

/// One entry of a vector file.
pub(crate) struct Entry {
    /// File and index, for messages of failure.
    pub(crate) name: String,
    /// The suite it is for.
    pub(crate) suite: Suite,
    value: Value,
}

/// The entries of a vector file; nothing where the vectors are absent. Every suite of RFC 9420 has
/// to be among them.
pub(crate) fn load(file: &str) -> Vec<Entry> {
    let Some(text) = testkit::official_vectors(file) else { return Vec::new() };
    let crypto = Crypto::new(crypto_aws_lc::provider());
    let values: Vec<Value> = serde_json::from_str(&text).unwrap();
    let entry = |(index, value): (usize, Value)| {
        let name = format!("{file}[{index}]");
        let id = CipherSuite(u16::try_from(value["cipher_suite"].as_u64().unwrap()).unwrap());
        let suite = crypto.suite(id).unwrap_or_else(|| panic!("{name}: {id:?} is missing"));
        Entry { name, suite, value }
    };
    let entries: Vec<Entry> = values.into_iter().enumerate().map(entry).collect();
    for id in (1..=7).map(CipherSuite) {
        assert!(entries.iter().any(|entry| entry.suite.id() == id), "{file} lacks {id:?}");
    }
    entries
}

impl Entry {
    /// A field of any kind.
    pub(crate) fn field(&self, field: &str) -> &Value {
        &self.value[field]
    }

    /// A field of hexadecimal digits.
    pub(crate) fn bytes(&self, field: &str) -> Vec<u8> {
        bytes(&self.value[field])
    }

    /// A field that holds a secret.
    pub(crate) fn secret(&self, field: &str) -> Secret {
        Secret::from_vec(self.bytes(field))
    }

    /// A field that holds a hash.
    pub(crate) fn digest(&self, field: &str) -> Digest {
        Digest::new(&self.bytes(field)).unwrap()
    }
}

/// The bytes of a hexadecimal value.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    testkit::hex(value.as_str().unwrap())
}
