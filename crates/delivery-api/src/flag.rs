//! A boolean on the wire: one octet, 0 or 1, anything else refused.

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer};

pub(crate) fn encode(flag: bool, writer: &mut Writer) {
    u8::from(flag).encode(writer);
}

pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    let error = reader.error(DecodeErrorKind::InvalidValue("flag"));
    match u8::decode(reader)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(error),
    }
}
