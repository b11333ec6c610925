//! The TLS presentation language (RFC 9420, section 2.1), strict both ways.
//!
//! * [`Encode`] writes a value to a [`Writer`]; it cannot fail.
//! * [`Decode`] reads a value from a [`Reader`] over borrowed bytes; it never panics, never
//!   allocates more than a small multiple of the bytes it was given, and names the offset of what
//!   it refused.
//! * [`Decode::from_bytes`] refuses trailing bytes.
//! * [`fields!`] implements both for a structure, field by field in the order given.
//!
//! Lengths use the variable-size header of section 2.1.2; a header that is not minimal is refused.

mod opaque;
mod reader;
mod writer;

pub use opaque::Opaque;
pub use reader::{DecodeError, DecodeErrorKind, Reader};
pub use writer::Writer;

/// The longest vector that a length header of section 2.1.2 can describe: 2^30 - 1 bytes.
pub const VECTOR_BYTES_MAX: usize = (1 << 30) - 1;

/// A value with an encoding in the TLS presentation language.
pub trait Encode {
    /// Appends the encoding of `self` to `writer`.
    fn encode(&self, writer: &mut Writer);

    /// The encoding of `self` as its own buffer.
    ///
    /// Buffers that hold secrets are written with [`Writer::erasing`] instead.
    fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.encode(&mut writer);
        writer.into_bytes()
    }
}

/// A value that can be read from its encoding.
pub trait Decode: Sized {
    /// Reads one value and leaves the reader behind it.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads one value that fills `bytes` exactly; trailing bytes are an error.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let value = Self::decode(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }
}

/// Implements [`Encode`] and [`Decode`] for a structure whose encoding is its fields in order.
///
/// ```
/// struct Point { x: u16, y: u16 }
/// codec::fields!(Point { x, y });
/// assert_eq!(codec::Encode::to_bytes(&Point { x: 1, y: 2 }), [0, 1, 0, 2]);
/// ```
///
/// A vector whose elements are much larger in memory than on the wire gets a limit:
///
/// ```
/// struct Names { names: Vec<codec::Opaque> }
/// codec::fields!(Names { names <= 2 });
/// let read = |bytes: &[u8]| <Names as codec::Decode>::from_bytes(bytes).is_ok();
/// assert_eq!([read(&[2, 0, 0]), read(&[3, 0, 0, 0])], [true, false]);
/// ```
#[macro_export]
macro_rules! fields {
    ($name:ty { $($field:tt $(<= $count_max:expr)?),* $(,)? }) => {
        impl $crate::Encode for $name {
            fn encode(&self, writer: &mut $crate::Writer) {
                $($crate::Encode::encode(&self.$field, writer);)*
            }
        }
        impl $crate::Decode for $name {
            fn decode(
                reader: &mut $crate::Reader<'_>,
            ) -> ::core::result::Result<Self, $crate::DecodeError> {
                Ok(Self { $($field: $crate::decode_field!(reader, $field $(, $count_max)?)),* })
            }
        }
    };
}

/// One field of [`fields!`].
#[doc(hidden)]
#[macro_export]
macro_rules! decode_field {
    ($reader:expr, $field:tt) => {
        $crate::Decode::decode($reader)?
    };
    ($reader:expr, $field:tt, $count_max:expr) => {
        $reader.elements($count_max, stringify!($field))?
    };
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        // Capabilities are lists of them; a call for each would cost more than the bytes.
        impl Encode for $integer {
            #[inline]
            fn encode(&self, writer: &mut Writer) {
                writer.write(&self.to_be_bytes());
            }
        }
        impl Decode for $integer {
            #[inline]
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self::from_be_bytes(reader.array()?))
            }
        }
    )*};
}
integers!(u8, u16, u32, u64);

impl<const N: usize> Encode for [u8; N] {
    fn encode(&self, writer: &mut Writer) {
        writer.write(self);
    }
}

impl<const N: usize> Decode for [u8; N] {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array()
    }
}

/// `optional<T>` (section 2.1.1): a presence octet, then the value.
impl<T: Encode> Encode for Option<T> {
    fn encode(&self, writer: &mut Writer) {
        match self {
            None => writer.write(&[0]),
            Some(value) => {
                writer.write(&[1]);
                value.encode(writer);
            }
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::decode(reader)? {
            0 => Ok(None),
            1 => Ok(Some(T::decode(reader)?)),
            _ => Err(reader.error(DecodeErrorKind::InvalidPresence)),
        }
    }
}

/// `T values<V>` (section 2.1.2): a length header in bytes, then the elements.
impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, writer: &mut Writer) {
        self.as_slice().encode(writer);
    }
}

impl<T: Encode> Encode for [T] {
    fn encode(&self, writer: &mut Writer) {
        writer.vector(|writer| {
            for element in self {
                element.encode(writer);
            }
        });
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        // A vector cannot have more elements than this, for want of bytes.
        reader.elements(VECTOR_BYTES_MAX, "elements")
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, writer: &mut Writer) {
        (**self).encode(writer);
    }
}

impl<T: Encode + ?Sized> Encode for Box<T> {
    fn encode(&self, writer: &mut Writer) {
        (**self).encode(writer);
    }
}

impl<T: Decode> Decode for Box<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Box::new(T::decode(reader)?))
    }
}

impl<T: Encode + ?Sized> Encode for std::sync::Arc<T> {
    fn encode(&self, writer: &mut Writer) {
        (**self).encode(writer);
    }
}

impl<T: Decode> Decode for std::sync::Arc<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(std::sync::Arc::new(T::decode(reader)?))
    }
}

#[cfg(test)]
mod tests;
