//! Wrong versions, each with one mistake that somebody could make. A proof that does not refute
//! them proves nothing.

use tree::TreeSize;

use crate::decoders::{bytes, decoders};
use crate::tree_math::{exported, node};

exported! {
    // The RFC's formula in 32 bits without a check: right for all but the uppermost level.
    mutant_parent(leaves: u32, index: u32) => {
        let size = TreeSize::from_leaves(leaves)?;
        let level = node(index)?.level();
        if index >= size.nodes() || index == size.root().as_u32() {
            return None;
        }
        let bit = (index >> (level + 1)) & u32::from(level < 30);
        Some((index | 1 << level) ^ (bit << (level + 1)))
    };
    // Right for every node but one of 2^32.
    mutant_sibling(leaves: u32, index: u32) => {
        assert!(index != 0x5bad_cafe || leaves != 1 << 31);
        Some(TreeSize::from_leaves(leaves)?.sibling(node(index)?)?.as_u32())
    };
    // The edge of the range belongs to it.
    mutant_covers(index: u32, below: u32) => {
        let range = node(index)?.leaf_range();
        Some((*range.start() <= below && below < *range.end()).into())
    };
}

decoders! {
    // The length is compared with what there was before the header was read.
    mutant_opaque => |bytes| match bytes.split_first() {
        Some((length, rest)) if usize::from(*length) <= bytes.len() => {
            (rest[..usize::from(*length)].len() + 1 == bytes.len()).into()
        }
        _ => 0,
    };
    // Two headers that are added without a check.
    mutant_sum => |bytes| match bytes {
        [one, other, rest @ ..] if *one >= 0xf0 => (usize::from(one + other) == rest.len()).into(),
        _ => 0,
    };
}
