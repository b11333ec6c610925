//! Identifiers: what each names, and its one spelling in paths.
//!
//! All of them are opaque to the service. A [`LogId`] is chosen at random by the client that
//! creates the group and has no relation to the MLS group id; a [`DeviceId`] is the device's public
//! key.

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The identifier with these bytes.
            #[must_use]
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Reads the spelling used in paths: 64 lowercase hexadecimal digits.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                Some(Self(hex_to_bytes(text)?.try_into().ok()?))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write_hex(formatter, &self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write_hex(formatter, &self.0)
            }
        }

        impl Encode for $name {
            fn encode(&self, writer: &mut Writer) {
                self.0.encode(writer);
            }
        }

        impl Decode for $name {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self(reader.array()?))
            }
        }
    )*};
}

identifiers! {
    /// A blob: the SHA-256 of its bytes.
    BlobId,
    /// The hash chain of a log up to some position.
    ChainHash,
    /// A device: its Ed25519 public key.
    DeviceId,
    /// A group's log: 32 random bytes chosen by the group's creator.
    LogId,
    /// An Ed25519 public key: of a segment, of joiners, or of the service.
    PublicKey,
}

impl DeviceId {
    /// The key that signs for the device.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        PublicKey(self.0)
    }
}

impl PublicKey {
    /// The device whose key this is.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        DeviceId(self.0)
    }
}

/// A place in a log. Entries have positions 1, 2, 3, …; [`Position::START`] is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// Before the first entry; also the commit head of a log without commits.
    pub const START: Self = Self(0);

    /// The position behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Encode for Position {
    fn encode(&self, writer: &mut Writer) {
        self.0.encode(writer);
    }
}

impl Decode for Position {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(u64::decode(reader)?))
    }
}

/// Names one submission, so that sending it again is answered and not repeated: 16 to 32 random
/// bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(Opaque);

impl IdempotencyKey {
    /// The key with these bytes, or `None` if they are not 16 to 32.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (16..=32).contains(&bytes.len()).then(|| Self(bytes.into()))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for IdempotencyKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Encode for IdempotencyKey {
    fn encode(&self, writer: &mut Writer) {
        self.0.encode(writer);
    }
}

impl Decode for IdempotencyKey {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let error = reader.error(DecodeErrorKind::InvalidValue("idempotency key"));
        Self::new(reader.opaque()?).ok_or(error)
    }
}

/// A name in the directory: 1 to 64 of `a`–`z`, `0`–`9`, `.`, `_`, `-`, starting with a letter or
/// digit.
///
/// Lower case only: two names must not look alike and differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The name, if it is one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let allowed = |byte: &u8| letter(byte) || b"._-".contains(byte);
        let valid = text.len() <= 64
            && text.as_bytes().first().is_some_and(letter)
            && text.as_bytes().iter().all(allowed);
        valid.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Writes bytes as lowercase hexadecimal digits.
pub(crate) fn write_hex(out: &mut impl std::fmt::Write, bytes: &[u8]) -> std::fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

/// Reads lowercase hexadecimal digits; any other spelling is refused, so that each id has one path.
pub(crate) fn hex_to_bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::{DeviceId, IdempotencyKey, Name};
    use codec::{Decode, Encode, Opaque};

    #[test]
    fn an_identifier_has_exactly_one_spelling() {
        let id = DeviceId::new([0xab; 32]);
        assert_eq!(DeviceId::from_hex(&id.to_string()), Some(id));
        assert_eq!(DeviceId::from_hex(&id.to_string().to_uppercase()), None);
        assert_eq!(DeviceId::from_hex(&id.to_string()[1..]), None);
        assert_eq!(DeviceId::from_hex(&id.to_string()[2..]), None);
        assert_eq!(DeviceId::from_hex(&format!("{id}ab")), None);
        assert_eq!(DeviceId::from_hex(&"é".repeat(32)), None);
    }

    #[test]
    fn names_that_could_be_confused_or_leave_the_path_are_refused() {
        for name in ["alice", "a", "0", "a.b_c-d", &"a".repeat(64)] {
            assert_eq!(Name::new(name).map(|name| name.to_string()).as_deref(), Some(name));
        }
        for name in ["", "Alice", ".", "..", "-a", "a b", "a/b", "a%20", "ä", &"a".repeat(65)] {
            assert_eq!(Name::new(name), None, "{name}");
        }
    }

    #[test]
    fn an_idempotency_key_has_16_to_32_bytes() {
        for (length, valid) in [(15, false), (16, true), (32, true), (33, false)] {
            let bytes = vec![1; length];
            assert_eq!(IdempotencyKey::new(&bytes).is_some(), valid);
            let encoded = Opaque::from(bytes).to_bytes();
            assert_eq!(IdempotencyKey::from_bytes(&encoded).is_ok(), valid);
        }
    }
}
