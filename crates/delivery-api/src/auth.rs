//! Who asks: an Ed25519 signature over the whole request, carried in the `Authorization` header.
//!
//! Requests about a device are signed by the device's key, requests about a log by the access key
//! of a segment. The signature covers method, path with query, body, time and the service's own
//! key. There is no nonce: every request that changes something is idempotent, so a replay within
//! [`CLOCK_SKEW_SECONDS_MAX`](crate::limits::CLOCK_SKEW_SECONDS_MAX) has no further effect.

use crate::id::{PublicKey, hex_to_bytes, write_hex};
use codec::{Encode, Writer};

/// First word of the `Authorization` header.
const SCHEME: &str = "Conclave-1";

/// Separates these signatures from all others made with the same key.
const REQUEST_LABEL: &[u8] = b"Conclave 1.0 delivery request";

/// What the signer of a request states besides the request itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The service that is asked, by the key of its receipts.
    pub service: PublicKey,
    /// The key that signs.
    pub key: PublicKey,
    /// The signer's clock, in seconds since 1970.
    pub time_seconds: u64,
}

/// The bytes that a request's signature covers.
#[derive(Clone, Copy, Debug)]
pub struct RequestTbs<'a> {
    /// What the signer states.
    pub credential: Credential,
    /// `GET`, `POST` or `PUT`.
    pub method: &'a str,
    /// Path with query, exactly as sent.
    pub path: &'a str,
    /// The body, empty for `GET`.
    pub body: &'a [u8],
}

impl Encode for RequestTbs<'_> {
    fn encode(&self, writer: &mut Writer) {
        writer.opaque(REQUEST_LABEL);
        self.credential.service.encode(writer);
        self.credential.key.encode(writer);
        self.credential.time_seconds.encode(writer);
        writer.opaque(self.method.as_bytes());
        writer.opaque(self.path.as_bytes());
        writer.opaque(self.body);
    }
}

/// The value of the `Authorization` header: `Conclave-1 KEY TIME SIGNATURE`, all but the time in
/// hex.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The key that signs.
    pub key: PublicKey,
    /// The signer's clock, in seconds since 1970.
    pub time_seconds: u64,
    /// The signature over [`RequestTbs`].
    pub signature: Vec<u8>,
}

impl Authorization {
    /// Reads the header's value; `None` if it is not in the one accepted form.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut words = header.split(' ');
        let (scheme, key, time, signature) =
            (words.next()?, words.next()?, words.next()?, words.next()?);
        if scheme != SCHEME || words.next().is_some() {
            return None;
        }
        let key = PublicKey::from_hex(key)?;
        let time_seconds: u64 = time.parse().ok()?;
        Some(Self { key, time_seconds, signature: hex_to_bytes(signature)? })
    }
}

impl std::fmt::Display for Authorization {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{SCHEME} {} {} ", self.key, self.time_seconds)?;
        write_hex(formatter, &self.signature)
    }
}

impl std::fmt::Debug for Authorization {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Authorization, Credential, RequestTbs};
    use crate::id::PublicKey;
    use codec::Encode;

    #[test]
    fn the_header_survives_a_round_trip_and_other_forms_are_refused() {
        let value = Authorization {
            key: PublicKey::new([3; 32]),
            time_seconds: 17,
            signature: vec![0xfe; 64],
        };
        let text = value.to_string();
        assert_eq!(Authorization::parse(&text), Some(value));
        for broken in [
            text.replace("Conclave-1", "Bearer"),
            text.replace(" 17 ", " -17 "),
            text.replace("fe", "FE"),
            text.replace(' ', "  "),
            format!("{text} more"),
            String::new(),
        ] {
            assert_eq!(Authorization::parse(&broken), None, "{broken}");
        }
    }

    #[test]
    fn every_part_of_a_request_changes_what_is_signed() {
        let credential = Credential {
            service: PublicKey::new([1; 32]),
            key: PublicKey::new([2; 32]),
            time_seconds: 3,
        };
        let tbs = RequestTbs { credential, method: "GET", path: "/v1/a", body: b"x" };
        let variants = [
            tbs,
            RequestTbs { method: "PUT", ..tbs },
            RequestTbs { path: "/v1/ax", body: b"", ..tbs },
            RequestTbs { body: b"y", ..tbs },
            RequestTbs { credential: Credential { time_seconds: 4, ..credential }, ..tbs },
            RequestTbs { credential: Credential { key: credential.service, ..credential }, ..tbs },
            RequestTbs { credential: Credential { service: credential.key, ..credential }, ..tbs },
        ];
        let encodings: std::collections::BTreeSet<_> =
            variants.iter().map(Encode::to_bytes).collect();
        assert_eq!(encodings.len(), variants.len());
    }
}
