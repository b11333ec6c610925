//! How long messages must be: the closed forms, without any of the code that makes the messages
//! (CGKA-4).

/// The depth of a leaf in a left-balanced tree of so many leaves: how many nodes an update of that
/// leaf gives new keys, the leaf itself not counted.
#[must_use]
pub fn path_levels(mut slot: u32, mut size: u32) -> u32 {
    let mut levels = 0;
    while size > 1 {
        // The left subtree is the largest full one that leaves something for the right.
        let left = 1 << (size - 1).ilog2();
        levels += 1;
        (slot, size) = if slot < left { (slot, left) } else { (slot - left, size - left) };
    }
    levels
}

/// How many bytes a variable-size integer takes that encodes this length (RFC 9420, section 2.1.2).
pub(super) fn length_bytes(length: usize) -> usize {
    match length {
        0..64 => 1,
        64..16384 => 2,
        _ => 4,
    }
}

/// What [`crate::Sent::path_bytes`] of an update is, in a warm group of so many members, in suite 1.
/// `None` for a protocol whose form is not known.
#[must_use]
pub fn path_bytes(protocol: &str, slot: u32, size: u32) -> Option<usize> {
    let levels = usize::try_from(path_levels(slot, size)).ok()?;
    let others = usize::try_from(size.checked_sub(1)?).ok()?;
    match protocol {
        // Two bytes of length, then keys of 34 bytes each: one for each level and the leaf.
        "art-draft01" => Some(2 + 34 * (levels + 1)),
        "art-modern" => Some(length_bytes(33 * (levels + 1)) + 33 * (levels + 1)),
        // The same keys, and for each level an ephemeral key, a secret and a tag.
        "treekem-draft01" => Some(4 + 34 * (levels + 1) + 83 * levels),
        // A node: its key, and one HPKE ciphertext of 82 bytes in a vector.
        "rfc9420" => Some(length_bytes(117 * levels) + 117 * levels),
        "mkem" if others == 0 => Some(0),
        "mkem" => Some(32 + 48 * others),
        "mkem-hpke" => Some(80 * others),
        _ => super::closed_forms_2018::path_bytes(protocol, slot, size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_left_balanced_tree() {
        for (size, levels) in [
            (1, &[0][..]),
            (2, &[1, 1]),
            (3, &[2, 2, 1]),
            (5, &[3, 3, 3, 3, 1]),
            (7, &[3, 3, 3, 3, 3, 3, 2]),
        ] {
            let found: Vec<u32> = (0..size).map(|slot| path_levels(slot, size)).collect();
            assert_eq!(found, levels, "{size} leaves");
        }
    }

    #[test]
    fn sizes_that_were_computed_elsewhere_come_out() {
        let at = |protocol| [8, 64, 1000, 50_000].map(|size| path_bytes(protocol, 0, size));
        assert_eq!(at("art-draft01"), [138, 240, 376, 580].map(Some));
        assert_eq!(at("treekem-draft01"), [389, 740, 1208, 1910].map(Some));
        assert_eq!(at("rfc9420"), [353, 704, 1172, 1874].map(Some));
    }
}
