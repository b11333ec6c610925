//! How long a message looks (RFC 9420, sections 6.3.1 and 15.1).
//!
//! The padded length is a function of the plaintext's length alone: content, signature and tag.
//! Padding never makes a message too long to send; at the limit there is less of it.

use std::num::NonZeroUsize;

/// How much padding a sender adds.
///
/// The default is [`Padme`](Self::Padme). Blocks of a fixed size hide the length of short messages
/// but hardly that of a photograph, or else waste much on every short one; Padmé by itself hides
/// little of short lengths, which in a chat are the ones that tell a yes from a no. With its floor,
/// short messages all look alike, and long ones reveal only the magnitude of their length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaddingPolicy {
    /// No padding: the length is visible to the byte.
    None,
    /// Up to the next multiple of this many bytes.
    Block(NonZeroUsize),
    /// At least 256 bytes, and beyond that Padmé ("Reducing Metadata Leakage from
    /// Encrypted Files and Communication with PURBs", 2019): a length `L` is rounded so that at
    /// most `O(log log L)` bits of it show, at a cost of less than 12 %.
    #[default]
    Padme,
}

/// What all short messages are padded to: a signature of any suite and a line or two of text fit,
/// and with its framing the message still fits one network packet.
const PADME_BYTES_MIN: usize = 256;

impl PaddingPolicy {
    /// The length of a plaintext of `length` bytes with its padding; at most `length_max`, unless
    /// the plaintext is longer itself.
    pub(crate) fn padded_length(self, length: usize, length_max: usize) -> usize {
        let padded = match self {
            Self::None => Some(length),
            Self::Block(block) => length.checked_next_multiple_of(block.get()),
            Self::Padme => padme(length.max(PADME_BYTES_MIN)),
        };
        padded.unwrap_or(length_max).min(length_max).max(length)
    }
}

/// Rounds up so that only the leading bits of a length show, as many as its exponent has.
fn padme(length: usize) -> Option<usize> {
    let exponent = length.checked_ilog2()?;
    let shown = exponent.checked_ilog2()? + 1;
    let hidden = (1 << (exponent - shown)) - 1;
    Some(length.checked_add(hidden)? & !hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1 << 27;

    #[test]
    fn padme_hides_short_lengths_entirely_and_costs_at_most_12_percent_of_long_ones() {
        let padded = |length| PaddingPolicy::Padme.padded_length(length, MAX);
        assert_eq!([0, 1, 255, 256].map(padded), [256; 4]);
        // Exponent 8 is written in four bits, so 8 - 4 bits are rounded: multiples of 16.
        assert_eq!([257, 272, 273].map(padded), [272, 272, 288]);
        let mut sizes = std::collections::BTreeSet::new();
        for length in 256..100_000 {
            let size = padded(length);
            assert!(size >= length && (size - length) * 100 < length * 12, "{length} -> {size}");
            sizes.insert(size);
        }
        assert!(sizes.len() < 160, "{} sizes", sizes.len());
    }

    #[test]
    fn blocks_round_up_to_their_multiple() {
        let padded = |length| {
            PaddingPolicy::Block(NonZeroUsize::new(128).unwrap()).padded_length(length, MAX)
        };
        assert_eq!([0, 1, 128, 129].map(padded), [0, 128, 128, 256]);
        assert_eq!(PaddingPolicy::None.padded_length(77, MAX), 77);
    }

    #[test]
    fn padding_stops_at_the_limit_and_never_overflows() {
        let huge = PaddingPolicy::Block(NonZeroUsize::new(usize::MAX).unwrap());
        assert_eq!(huge.padded_length(5, 300), 300);
        for policy in [PaddingPolicy::Padme, huge, PaddingPolicy::None] {
            assert_eq!(policy.padded_length(300, 300), 300);
            assert_eq!(policy.padded_length(usize::MAX, 300), usize::MAX);
        }
    }
}
