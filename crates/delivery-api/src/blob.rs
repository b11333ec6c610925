//! Blobs: sealed contents stored under their own SHA-256.

use codec::{Decode, DecodeError, Encode, Reader, Writer};

/// A blob's bytes as a body: no length header, the body is the blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl Encode for Blob {
    fn encode(&self, writer: &mut Writer) {
        writer.write(&self.0);
    }
}

impl Decode for Blob {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = reader.rest().len();
        Ok(Self(reader.take(length)?.to_vec()))
    }
}
