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

/// What [`crate::Sent::path_bytes`] of an update in suite 1 is, in a warm group of so many members.
/// `None` for a protocol whose form is not known.
#[must_use]
pub fn path_bytes(protocol: &str, slot: u32, size: u32) -> Option<usize> {
    let levels = usize::try_from(path_levels(slot, size)).ok()?;
    let others = usize::try_from(size.checked_sub(1)?).ok()?;
    match protocol {
        // A node: its key, and one HPKE ciphertext of 82 bytes in a vector.
        "rfc9420" => Some(length_bytes(117 * levels) + 117 * levels),
        "mkem" if others == 0 => Some(0),
        "mkem" => Some(32 + 48 * others),
        "mkem-hpke" => Some(80 * others),
        _ => super::closed_forms_2018::path_bytes(protocol, slot, size),
    }
}

/// A vector with its length.
fn vector_bytes(length: usize) -> usize {
    length_bytes(length) + length
}

/// The length of a leaf of RFC 9420 in the laboratory: keys, a credential of four bytes, one suite,
/// a signature, and what its source adds.
fn leaf_bytes(source: usize) -> usize {
    let keys = 2 * vector_bytes(32);
    let credential = 2 + vector_bytes(4);
    let capabilities = 3 * vector_bytes(2) + 2 * vector_bytes(0);
    keys + credential + capabilities + source + vector_bytes(0) + vector_bytes(64)
}

/// The leaf of a commit: its kind and a parent hash.
fn committed_leaf_bytes() -> usize {
    leaf_bytes(1 + vector_bytes(32))
}

/// How long the whole message of an update is whose path is so long.
#[must_use]
pub fn update_bytes(protocol: &str, slot: u32, size: u32, path: usize) -> Option<usize> {
    match protocol {
        // PublicMessage: versions, group id, epoch, sender, no data, a Commit, signature, tags.
        "rfc9420" => {
            let head = 4 + vector_bytes(32) + 8 + 5 + vector_bytes(0) + 1;
            let commit = vector_bytes(0) + 1 + committed_leaf_bytes() + path;
            Some(head + commit + vector_bytes(64) + 2 * vector_bytes(32))
        }
        // Epoch, sender, kind, the new key, a tag.
        "mkem" | "mkem-hpke" => Some(8 + 4 + 1 + 1 + vector_bytes(32) + path + 32),
        _ => super::closed_forms_2018::update_bytes(protocol, slot, size),
    }
}

/// How long the message is that sets a group of so many members up.
#[must_use]
pub fn setup_bytes(protocol: &str, size: u32) -> Option<usize> {
    let members = usize::try_from(size).ok().filter(|members| *members > 1)?;
    match protocol {
        "rfc9420" => Some(welcome_bytes(members, usize::try_from(path_levels(0, size)).ok()?)),
        "mkem" | "mkem-hpke" => {
            let leaves = vector_bytes(members * (1 + vector_bytes(32)));
            let sealed = path_bytes(protocol, 0, size)?;
            Some(8 + leaves + vector_bytes(4 * (members - 1)) + vector_bytes(sealed))
        }
        _ => super::closed_forms_2018::setup_bytes(protocol, size),
    }
}

/// The Welcome of RFC 9420 to all members but one, with the tree inside, after one commit with a
/// path so long.
fn welcome_bytes(members: usize, levels: usize) -> usize {
    let context = 2 + 2 + vector_bytes(32) + 8 + 2 * vector_bytes(32) + vector_bytes(0);
    // Present or not, kind, node. The others' leaves are those of their key packages, with a
    // lifetime; parents are blank but for the path of the creator, whose root has no parent hash.
    let leaves = (2 + committed_leaf_bytes()) + (members - 1) * (2 + leaf_bytes(1 + 16));
    let parent = |hash| 2 + vector_bytes(32) + vector_bytes(hash) + vector_bytes(0);
    let parents = parent(0) + (levels - 1) * parent(32) + (members - 1 - levels);
    let tree = 2 + vector_bytes(vector_bytes(leaves + parents));
    let info = context + vector_bytes(tree) + vector_bytes(32) + 4 + vector_bytes(64);
    // The joiner secret, a path secret, no pre-shared keys; sealed for each joiner.
    let secrets = vector_bytes(32) + 1 + vector_bytes(32) + vector_bytes(0);
    let joiner = 2 * vector_bytes(32) + vector_bytes(secrets + 16);
    4 + 2 + vector_bytes((members - 1) * joiner) + vector_bytes(info + 16)
}

/// The path of an update of RFC 9420 whose node at each level is encrypted to so many recipients.
#[must_use]
pub(super) fn rfc9420_path_bytes(recipients: &[usize]) -> usize {
    let node = |count: &usize| vector_bytes(32) + vector_bytes(count * 82);
    vector_bytes(recipients.iter().map(node).sum())
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
