//! Known answers: the values of the published Java program (made by running it) and of draft-01
//! (made by an independent program).

use crypto::{HpkePublicKey, Secret};
use testkit::to_hex;
use tree::LeafIndex;

use super::{ArtTree, Derivation};
use crate::Tools;
use crate::group2018::KeyTree;

/// Leaf secrets: byte 1 for the first leaf, byte 2 for the second, and so on.
fn leaf_secrets(leaves: u8) -> Vec<Secret> {
    (1..=leaves).map(|byte| Secret::from_slice(&[byte; 32])).collect()
}

fn leaf(tree: &ArtTree, index: u32) -> LeafIndex {
    tree.nodes().shape().leaf(index).unwrap()
}

fn root_secret(tree: &ArtTree) -> String {
    to_hex(tree.nodes().root_secret().unwrap().expose())
}

fn root_key(tree: &ArtTree) -> HpkePublicKey {
    tree.nodes().public_key(tree.nodes().shape().root()).unwrap().clone()
}

#[test]
fn draft_01_gives_the_known_root_secrets() {
    let known = [
        (
            4,
            "c932bb9f1a29e97fd80faa9a74a38c4ab2b07131e569203557bd69a90b42ca4e",
            "49d181df1d72e69d9fbbe7598f5a2bde30acb43a55d01598a60412dd627dd361",
        ),
        (
            5,
            "a4aa95a3bae78bf4a9a9149bb4500ae988c6957378370a88c905079bbecb700c",
            "96596b2640be0c44ee028b54cf741941b3f094445cca495e936b04423907806e",
        ),
        (
            7,
            "8cb543f9b432c3adafc5a1c6138fde9142ee331f1e9280d322f54115cdf7fa1f",
            "641f2a5667da691da8d8f3a22246c9f0df9227178dd4c16fbd4041b320e45914",
        ),
    ];
    let tools = Tools::new().unwrap();
    for (leaves, before, after) in known {
        let secrets = leaf_secrets(leaves);
        let mut tree = ArtTree::create(tools.suite(), Derivation::Draft01, secrets).unwrap();
        assert_eq!(root_secret(&tree), before, "{leaves} leaves");
        if leaves == 4 {
            let public = "11667e32976c970e6684b55f7e1c58f611ea88eb06886ebb11ab593070854321";
            assert_eq!(to_hex(root_key(&tree).as_slice()), public);
        }
        tree.set(vec![(leaf(&tree, 1), Secret::from_slice(&[0x77; 32]))]).unwrap();
        assert_eq!(root_secret(&tree), after, "{leaves} leaves");
    }
}

#[test]
fn the_prototypes_trees_have_the_known_roots() {
    let tools = Tools::new().unwrap();
    let create = |leaves| {
        ArtTree::create(tools.suite(), Derivation::Prototype, leaf_secrets(leaves)).unwrap()
    };
    let mut tree = create(4);
    let private = "68fb878f4b983ba0aae934d9869b4c4fa5dcba9a12849d8e31e165eff6d24a5d";
    let public = "6ab9d6ba72a8f4b5ec0237242fe362e36ac2dac5b52ad1fab3c938e58abb8942";
    assert_eq!(root_secret(&tree), private);
    assert_eq!(to_hex(root_key(&tree).as_slice()), public);
    let new_keys = tree.set(vec![(leaf(&tree, 1), Secret::from_slice(&[0x77; 32]))]).unwrap();
    // From the leaf to the root.
    let path = [
        "1cf579aba45a10ba1d1ef06d91fca2aa9ed0a1150515653155405d0b18cb9a67",
        "e1bd6fb72f491ad0c9f819eee49d920fe8ac947488a817e75cdf2dc899033f08",
        "5ca586bee487a51ca3751a75d5016d4a1c99461d941c6e8d0da8e22458609633",
    ];
    assert_eq!(new_keys.iter().map(|key| to_hex(key.as_slice())).collect::<Vec<_>>(), path);
    let private = "4820bdb615fc6e4fdb6bd48832104165554f38a8a9d638e2b30a3732725bae52";
    assert_eq!(root_secret(&tree), private);
    let tree = create(5);
    let private = "e874c626e419f47b0ca496b3a48c88593569b38122e8bbadb8ab1c865c98f27b";
    assert_eq!(root_secret(&tree), private);
}
