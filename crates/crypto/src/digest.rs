//! The output of a hash function, inline: tree hashes, transcript hashes, references.

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer};

/// A public hash value of 0 to 64 bytes. It encodes as `opaque<V>`.
///
/// The empty value is the RFC's zero-length octet string, for example the parent hash above the
/// root.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    length: u8,
    bytes: [u8; Digest::BYTES_MAX],
}

impl Digest {
    /// The longest hash of any registered suite (SHA-512).
    pub const BYTES_MAX: usize = 64;

    /// The zero-length value.
    pub const EMPTY: Self = Self { length: 0, bytes: [0; Self::BYTES_MAX] };

    /// The value of `bytes`; `None` if they are longer than [`Self::BYTES_MAX`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut digest = Self::EMPTY;
        digest.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        digest.length = u8::try_from(bytes.len()).ok()?;
        Some(digest)
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Whether this is the zero-length value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_slice().iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{self}")
    }
}

impl Encode for Digest {
    fn encode(&self, writer: &mut Writer) {
        writer.opaque(self.as_slice());
    }
}

impl Decode for Digest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.clone();
        Self::new(reader.opaque()?)
            .ok_or_else(|| at.error(DecodeErrorKind::LimitExceeded("hash value of 64 bytes")))
    }
}
