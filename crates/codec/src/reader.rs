//! Reading: a cursor over borrowed bytes that knows its offset (RFC 9420, section 2.1).

use std::fmt;

use crate::Decode;

/// Why bytes are not an encoding of the expected structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The length header starts with the reserved bits `11` (section 2.1.2).
    InvalidLengthHeader,
    /// The presence octet of an optional value is neither 0 nor 1 (section 2.1.1).
    InvalidPresence,
    /// A value is outside the set that its structure allows; the name says which.
    InvalidValue(&'static str),
    /// A named limit of this implementation is exceeded.
    LimitExceeded(&'static str),
    /// A length header is longer than needed (section 2.1.2).
    NonMinimalLength,
    /// Bytes are left over behind the structure.
    TrailingBytes,
    /// The bytes end inside the structure.
    UnexpectedEnd,
}

/// What was refused while decoding, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Offset in bytes from the start of the outermost input.
    pub offset: usize,
    /// What is wrong there.
    pub kind: DecodeErrorKind,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.offset;
        match self.kind {
            DecodeErrorKind::InvalidLengthHeader => write!(formatter, "invalid length header"),
            DecodeErrorKind::InvalidPresence => write!(formatter, "presence octet is not 0 or 1"),
            DecodeErrorKind::InvalidValue(what) => write!(formatter, "invalid {what}"),
            DecodeErrorKind::LimitExceeded(what) => write!(formatter, "limit exceeded: {what}"),
            DecodeErrorKind::NonMinimalLength => write!(formatter, "length header is not minimal"),
            DecodeErrorKind::TrailingBytes => write!(formatter, "trailing bytes"),
            DecodeErrorKind::UnexpectedEnd => write!(formatter, "unexpected end of input"),
        }?;
        write!(formatter, " at byte {at}")
    }
}

impl std::error::Error for DecodeError {}

/// A cursor over borrowed bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// Whether all bytes are read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The bytes not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Bytes read so far, counted from the start of the outermost input.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// An error of the given kind at the present offset.
    #[must_use]
    pub fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { offset: self.offset, kind }
    }

    /// Refuses bytes that are left over.
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(self.error(DecodeErrorKind::TrailingBytes)) }
    }

    /// The next `count` bytes, borrowed.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.error(DecodeErrorKind::UnexpectedEnd));
        };
        self.rest = rest;
        self.offset += count;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A length header of section 2.1.2.
    pub fn length(&mut self) -> Result<usize, DecodeError> {
        let at = self.clone();
        let [first] = self.array()?;
        let (count, minimum) = match first >> 6 {
            0 => return Ok(usize::from(first)),
            1 => (1, 1 << 6),
            2 => (3, 1 << 14),
            _ => return Err(at.error(DecodeErrorKind::InvalidLengthHeader)),
        };
        let start = usize::from(first & 0x3f);
        let length =
            self.take(count)?.iter().fold(start, |sum, byte| sum << 8 | usize::from(*byte));
        // Section 2.1.2: "the minimum-sized variable-length integer MUST be used".
        if length < minimum {
            return Err(at.error(DecodeErrorKind::NonMinimalLength));
        }
        Ok(length)
    }

    /// The contents of a vector with a length header, as a reader of their own.
    pub fn vector(&mut self) -> Result<Reader<'a>, DecodeError> {
        let length = self.length()?;
        let offset = self.offset;
        Ok(Reader { rest: self.take(length)?, offset })
    }

    /// The elements of a vector with a length header; more than `count_max` are refused as too many
    /// of `what`. They may be far larger in memory than on the wire.
    pub fn elements<T: Decode>(
        &mut self,
        count_max: usize,
        what: &'static str,
    ) -> Result<Vec<T>, DecodeError> {
        let mut elements = self.vector()?;
        let mut values = Vec::new();
        while !elements.is_empty() {
            if values.len() == count_max {
                return Err(elements.error(DecodeErrorKind::LimitExceeded(what)));
            }
            let before = elements.offset();
            values.push(T::decode(&mut elements)?);
            // Elements that consume nothing would be read for ever.
            if elements.offset() == before {
                return Err(elements.error(DecodeErrorKind::InvalidValue("empty element")));
            }
        }
        Ok(values)
    }

    /// The contents of `opaque<V>`, borrowed.
    pub fn opaque(&mut self) -> Result<&'a [u8], DecodeError> {
        Ok(self.vector()?.rest)
    }
}
