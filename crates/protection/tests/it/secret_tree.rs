//! `secret-tree.json`.

use crypto::Secret;
use protection::{KeyLookup, RatchetKind, RatchetLimits, SecretTree, SenderDataKey};
use tree::TreeSize;

use crate::vectors::{Entry, bytes, load};

#[test]
fn secret_tree_vectors() {
    for entry in load("secret-tree.json") {
        sender_data(&entry);
        let leaves = entry.field("leaves").as_array().unwrap();
        let size = TreeSize::from_leaves(u32::try_from(leaves.len()).unwrap()).unwrap();
        let secret = entry.secret("encryption_secret");
        let mut tree = SecretTree::new(size, secret, RatchetLimits::default());
        for (leaf, generations) in size.iter_leaves().zip(leaves) {
            // Later generations first, so that keys of skipped generations are checked as well.
            for expected in generations.as_array().unwrap().iter().rev() {
                let generation = u32::try_from(expected["generation"].as_u64().unwrap()).unwrap();
                for (kind, name) in [
                    (RatchetKind::Handshake, "handshake"),
                    (RatchetKind::Application, "application"),
                ] {
                    let found = tree.lookup(&entry.suite, leaf, kind, generation).unwrap();
                    let KeyLookup { key, update } = found;
                    tree.apply(update).unwrap();
                    let place = format!("{} {leaf:?} {name} {generation}", entry.name);
                    let same = |part: &str, secret: &Secret| {
                        let expected = bytes(&expected[format!("{name}_{part}")]);
                        assert_eq!(secret.expose(), expected, "{place} {part}");
                    };
                    same("key", key.key());
                    same("nonce", key.nonce());
                }
            }
        }
    }
}

fn sender_data(entry: &Entry) {
    let sender_data = entry.field("sender_data");
    let secret = Secret::from_vec(bytes(&sender_data["sender_data_secret"]));
    let ciphertext = bytes(&sender_data["ciphertext"]);
    let derived = SenderDataKey::derive(&entry.suite, &secret, &ciphertext).unwrap();
    assert_eq!(derived.key().expose(), bytes(&sender_data["key"]), "{}", entry.name);
    assert_eq!(derived.nonce().expose(), bytes(&sender_data["nonce"]), "{}", entry.name);
}
