//! How long the messages of 2018 must be: the closed forms, without any of the code that makes the
//! messages (CGKA-4, CGKA-11).

use super::closed_forms::{length_bytes, path_levels};

/// Length of a Base64 key with its length byte in the prototype's messages.
const KEY_TEXT: usize = 45;

/// Bytes of a number in Thrift's compact protocol: seven bits each.
fn number_bytes(mut number: usize) -> usize {
    let mut bytes = 1;
    while number >= 0x80 {
        number >>= 7;
        bytes += 1;
    }
    bytes
}

/// Bytes of the head of a list of so many elements there.
fn list_bytes(count: usize) -> usize {
    if count < 15 { 1 } else { 1 + number_bytes(count) }
}

/// Bytes of a vector with the length header of RFC 9420.
fn vector_bytes(length: usize) -> usize {
    length_bytes(length) + length
}

/// What [`crate::Sent::path_bytes`] of an update of this leaf is; `None` for protocols of other
/// years.
#[must_use]
pub fn path_bytes(protocol: &str, slot: u32, size: u32) -> Option<usize> {
    let levels = usize::try_from(path_levels(slot, size)).ok()?;
    let keys = levels + 1;
    let leaf = usize::try_from(slot).ok()?;
    match protocol {
        "art-prototype" => Some(3 + number_bytes(2 * leaf) + list_bytes(keys) + KEY_TEXT * keys),
        "art-draft01" => Some(2 + 34 * keys),
        "art-modern" => Some(vector_bytes(33 * keys)),
        "treekem-draft01" => Some(4 + 34 * keys + 83 * levels),
        _ => None,
    }
}

/// Bytes of the whole message of an update.
#[must_use]
pub fn update_bytes(protocol: &str, slot: u32, size: u32) -> Option<usize> {
    let path = path_bytes(protocol, slot, size)?;
    // Epoch, sender, kind of change, no deliveries; the signature.
    let frame = 8 + 4 + 1 + 1 + vector_bytes(64);
    match protocol {
        // The path and a tag in a structure.
        "art-prototype" => Some(path + number_bytes(path) + 36),
        "art-modern" => Some(frame + vector_bytes(path) + vector_bytes(32)),
        _ => Some(frame + vector_bytes(path) + vector_bytes(0)),
    }
}

/// Bytes of what the prototype sends when a member says something: update, nonce, payload, tag.
#[must_use]
pub fn prototype_message_bytes(slot: u32, size: u32, payload: usize) -> Option<usize> {
    Some(update_bytes("art-prototype", slot, size)? + 4 + 12 + payload + 16)
}

/// Bytes of the message that sets a group of so many members up.
#[must_use]
pub fn setup_bytes(protocol: &str, size: u32) -> Option<usize> {
    let members = usize::try_from(size).ok().filter(|&members| members > 1)?;
    match protocol {
        "art-prototype" => Some(prototype_setup_bytes(members)),
        "art-draft01" => Some(welcome_bytes(members, false, (members - 1) * entry(1))),
        "treekem-draft01" => {
            let entries: usize = (1..size).map(|slot| entry(1 + left_turns(slot, size))).sum();
            Some(welcome_bytes(members, false, entries))
        }
        // Leaf, encapsulated key, and the joiner secret sealed beside an empty vector.
        "art-modern" => {
            let entry = 4 + vector_bytes(32) + vector_bytes(vector_bytes(32) + 1 + 16);
            Some(welcome_bytes(members, true, (members - 1) * entry))
        }
        _ => None,
    }
}

fn prototype_setup_bytes(members: usize) -> usize {
    let prekeys: usize = (1..members).map(|leaf| number_bytes(2 * leaf) + KEY_TEXT).sum();
    let identities = 1 + list_bytes(members) + KEY_TEXT * members;
    let tree = 72 * members - 37;
    let setup = 2 + identities + 2 + number_bytes(members - 1) + prekeys + 34 + 1 + tree + 1;
    setup + number_bytes(setup) + 68
}

/// What one newcomer is told in the draft-01 groups, with so many node secrets: leaf, nothing
/// encapsulated, an ECIES ciphertext of the joiner secret and the node secrets.
fn entry(secrets: usize) -> usize {
    let plaintext = vector_bytes(32) + vector_bytes(secrets * (4 + vector_bytes(32)));
    4 + 1 + vector_bytes(vector_bytes(32) + vector_bytes(plaintext + 16))
}

/// The Welcome to a new group: its state, the creator, the entries, a tag, a signature.
fn welcome_bytes(members: usize, is_modern: bool, entries: usize) -> usize {
    // Identity, init key, static key, signature key, signature.
    let (static_key, tag) = if is_modern { (32, 32) } else { (0, 0) };
    let keys = 2 * vector_bytes(32) + vector_bytes(static_key);
    let package = 1 + 4 + keys + vector_bytes(64);
    let book = if is_modern { 8 * (members - 1) } else { 0 };
    let tree = (2 * members - 1) * vector_bytes(32);
    let group = vector_bytes(16) + 8 + vector_bytes(32);
    let state = group + vector_bytes(members * package) + vector_bytes(book) + vector_bytes(tree);
    state + 4 + vector_bytes(entries) + vector_bytes(tag) + vector_bytes(64)
}

/// How often the way from the root to a leaf turns left: so many nodes above it were set last from
/// other leaves, if leaves were set from the left to the right.
fn left_turns(mut slot: u32, mut size: u32) -> usize {
    let mut turns = 0;
    while size > 1 {
        let left = 1 << (size - 1).ilog2();
        if slot < left {
            turns += 1;
            size = left;
        } else {
            (slot, size) = (slot - left, size - left);
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_sizes_of_the_prototype_come_out() {
        // Members, setup, and messages of 32 bytes from the highest and the lowest leaf.
        let published = [
            (2, 356, (196, 196)),
            (4, 682, (242, 242)),
            (8, 1_334, (287, 287)),
            (16, 2_639, (332, 332)),
            (33, 5_410, (196, 422)),
            (64, 10_463, (422, 422)),
            (100, 16_367, (333, 468)),
            (256, 41_954, (512, 513)),
            (512, 83_938, (557, 558)),
            (1000, 163_970, (513, 603)),
            (1024, 167_906, (602, 603)),
            (4096, 671_714, (692, 693)),
            (10_000, 1_641_778, (514, 784)),
            (50_000, 8_241_781, (559, 875)),
        ];
        for (size, setup, messages) in published {
            assert_eq!(setup_bytes("art-prototype", size), Some(setup), "{size}");
            let all = (0..size).map(|slot| prototype_message_bytes(slot, size, 32).unwrap());
            let found = (all.clone().min().unwrap(), all.max().unwrap());
            assert_eq!(found, messages, "{size}");
        }
    }

    #[test]
    fn published_sizes_of_draft_01_come_out() {
        let at =
            |protocol| [8, 64, 1000, 50_000].map(|size| path_bytes(protocol, 0, size).unwrap());
        assert_eq!(at("art-draft01"), [138, 240, 376, 580]);
        assert_eq!(at("treekem-draft01"), [389, 740, 1208, 1910]);
    }
}
