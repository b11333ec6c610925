//! `deserialization`: headers of variable-length vectors (RFC 9420, section 2.1.2).

use codec::{Reader, VECTOR_BYTES_MAX};
use crypto::{Crypto, Random};
use serde::{Deserialize, Serialize};

use crate::failure::expect_equal;
use crate::{Failure, Hex, Scale, Vector};

/// A header and the length it stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The header.
    pub vlbytes_header: Hex,
    /// The length in bytes.
    pub length: usize,
}

impl Vector for Entry {
    fn verify(&self, _: &Crypto, _: &mut dyn Random) -> Result<(), Failure> {
        let mut reader = Reader::new(self.vlbytes_header.as_slice());
        let length = reader.length()?;
        reader.finish()?;
        expect_equal("length", &length, &self.length)
    }

    /// The lengths on both sides of every change of the header's form; nothing is left to chance.
    fn generate(_: &Crypto, _: Scale, _: &mut dyn Random) -> Result<Vec<Self>, Failure> {
        let lengths = [0, 1, 62, 63, 64, 65, 16_382, 16_383, 16_384, 16_385, VECTOR_BYTES_MAX];
        Ok(lengths.map(|length| Self { vlbytes_header: header(length), length }).to_vec())
    }
}

/// The header of section 2.1.2, computed here and not by the codec that [`Entry::verify`] tests.
fn header(length: usize) -> Hex {
    let [.., b3, b2, b1, b0] = length.to_be_bytes();
    Hex(match length {
        0..0x40 => vec![b0],
        0x40..0x4000 => vec![0x40 | b1, b0],
        _ => vec![0x80 | b3, b2, b1, b0],
    })
}
