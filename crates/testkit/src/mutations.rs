//! Damaged copies of an encoding: cut short, or with one byte changed.
//!
//! A decoder must answer each of them without a panic. What a *changed* byte gives may still be a
//! well-formed value; what a *cut* gives never is.

/// Every proper prefix, the empty one first.
pub fn truncations(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..bytes.len()).map(|length| &bytes[..length])
}

/// Every copy with one byte changed: its lowest bit, its highest bit, all bits, and the values that
/// length headers and type octets treat specially.
pub fn byte_changes(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    bytes.iter().enumerate().flat_map(move |(place, &byte)| {
        let changed = [byte ^ 1, byte ^ 0x80, !byte, 0, 0x40, 0x80, 0xc0, 0xff];
        let mut fresh = changed.to_vec();
        fresh.sort_unstable();
        fresh.dedup();
        fresh.retain(|&other| other != byte);
        fresh.into_iter().map(move |other| {
            let mut copy = bytes.to_vec();
            copy[place] = other;
            copy
        })
    })
}

/// Every truncation, then every change of a byte.
pub fn mutations(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    truncations(bytes).map(<[u8]>::to_vec).chain(byte_changes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutation_differs_from_the_original_and_from_each_other() {
        let bytes = [0, 1, 0x40, 0xff];
        let mut all: Vec<_> = mutations(&bytes).collect();
        let count = all.len();
        assert!(all.iter().all(|other| other != &bytes));
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
        assert_eq!(truncations(&bytes).count(), 4);
        assert!(all.contains(&vec![0, 1, 0x40, 0x7f]));
        assert!(all.contains(&vec![0, 1]));
    }
}
