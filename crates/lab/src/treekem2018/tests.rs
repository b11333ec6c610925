//! Known answers of draft-01's TreeKEM.

use crypto::Secret;
use testkit::to_hex;

use super::HashTree;
use crate::group2018::KeyTree;
use crate::{Seeded, Tools};

#[test]
fn a_life_of_four_gives_the_known_secrets() {
    let tools = Tools::new().unwrap();
    let secrets = (1..=4).map(|byte| Secret::from_slice(&[byte; 32])).collect();
    let mut tree = HashTree::create(tools.suite(), secrets).unwrap();
    let root = tree.nodes().shape().root();
    let root_secret = "dd7d672fd9b45a8398cc7500aa119b9be8d0216adbf85c7fca919773aee4ccea";
    let root_key = "3ede9417bbd3da24efac01fee53af6adde278d7274f06118623d0916820e0d34";
    assert_eq!(to_hex(tree.nodes().root_secret().unwrap().expose()), root_secret);
    assert_eq!(to_hex(tree.nodes().public_key(root).unwrap().as_slice()), root_key);
    let leaf = tree.nodes().shape().leaf(1).unwrap();
    let secret = Secret::from_slice(&[0x77; 32]);
    tree.replace(vec![(leaf, secret)], &mut Seeded::new(1)).unwrap();
    let parent = tree.nodes().shape().parent(leaf.node()).unwrap();
    let parent_secret = "e29442e61ad354e5cb0831e2e8359e8fb50cf024ad5a8f407c8f9de63bdf7371";
    let root_secret = "351d6acdb05f69a4355e481b96bffd969fefbd73ef91ecfabd6050b1e4653196";
    let held = to_hex(tree.nodes().private_key(parent).unwrap().secret.expose());
    assert_eq!(held, parent_secret);
    assert_eq!(to_hex(tree.nodes().root_secret().unwrap().expose()), root_secret);
}

/// Joining one after the other, each at a leaf whose secret the adder draws, comes to the same tree
/// as writing it down at once.
#[test]
fn a_tree_that_is_filled_is_one_that_was_joined_from_the_left() {
    let tools = Tools::new().unwrap();
    let secret = |byte: u8| Secret::from_slice(&[byte; 32]);
    let mut joined = HashTree::create(tools.suite(), vec![secret(0)]).unwrap();
    for byte in 1..14 {
        let leaf = joined.nodes_mut().grow().unwrap();
        joined.replace(vec![(leaf, secret(byte))], &mut Seeded::new(1)).unwrap();
        let filled = HashTree::create(tools.suite(), (0..=byte).map(secret).collect()).unwrap();
        assert!(filled.nodes().public_keys().eq(joined.nodes().public_keys()), "{byte}");
    }
}
