//! Ratchet trees as they travel: what is taken for a tree is one, its parts fit together, and it
//! encodes to the same bytes.

use codec::{Decode, Encode};
use crypto::{CipherSuite, Crypto, Digest, Suite};
use testkit::{AcceptAll, NOW};
use tree::RatchetTree;
use tree::rules::{LifetimeRules, verify_ratchet_tree};
use wire::{Extensions, GroupContext, ProtocolVersion, RatchetTreeNodes};

use crate::Outcome;
use crate::scene::GROUP_ID;

/// Trees beyond this are left to tests of size.
const NODES_MAX: usize = 2048;

/// The bytes are the nodes.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let Ok(nodes) = RatchetTreeNodes::from_bytes(bytes) else { return Outcome::Refused };
    assert!(nodes.to_bytes() == bytes, "two encodings of one tree");
    if nodes.0.len() > NODES_MAX {
        return Outcome::Refused;
    }
    let Ok(mut tree) = RatchetTree::from_nodes(nodes.clone()) else { return Outcome::Refused };
    assert!(tree.to_nodes() == nodes, "the tree is not what its nodes say");
    let suite = Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(1));
    let suite = suite.expect("the suite is supported");
    let hash = tree.tree_hash(&suite).expect("hashing works");
    let again = RatchetTree::from_nodes(tree.to_nodes()).expect("its own nodes are right");
    assert!(again.clone().tree_hash(&suite).expect("hashing works") == hash);
    assert_eq!(tree.member_count(), u32::try_from(tree.members().count()).expect("few members"));
    let size = tree.size();
    for index in size.iter_leaves() {
        // "The resolution of a blank leaf node is the empty list."
        assert_eq!(tree.resolution(index.node()).is_empty(), tree.leaf(index).is_none());
        let copath = tree.filtered_direct_path(index);
        assert!(copath.iter().all(|&(_, sibling)| !tree.resolution(sibling).is_empty()));
    }
    for (index, leaf) in again.members() {
        let found = tree.find_signature_key(&leaf.signature_key);
        assert!(found.is_some(), "the key of leaf {} is not found", index.as_u32());
    }
    let rules = (LifetimeRules::default(), NOW);
    let context = context(hash);
    if let Ok(verified) = verify_ratchet_tree(&suite, &context, nodes, rules, &AcceptAll) {
        lives(&suite, verified.into_tree());
    }
    Outcome::Accepted
}

/// The GroupContext of the scene's group, with another tree.
fn context(tree_hash: Digest) -> GroupContext {
    GroupContext {
        version: ProtocolVersion::MLS10,
        cipher_suite: CipherSuite(1),
        group_id: GROUP_ID.into(),
        epoch: 2,
        tree_hash,
        confirmed_transcript_hash: Digest::EMPTY,
        extensions: Extensions::default(),
    }
}

/// A tree in order loses a member and gets it back as a new one; hashes that were kept are those
/// that a fresh look gives.
fn lives(suite: &Suite, mut tree: RatchetTree) {
    let Some((index, leaf)) = tree.members().last() else { panic!("a tree has a member") };
    let leaf = (*leaf).clone();
    if tree.member_count() > 1 {
        tree.take_leaf(index);
        tree.truncate();
        assert_hash_is_fresh(suite, &mut tree);
        assert!(tree.add_leaf(leaf).is_some(), "there was room before");
        assert_hash_is_fresh(suite, &mut tree);
    }
}

fn assert_hash_is_fresh(suite: &Suite, tree: &mut RatchetTree) {
    let mut fresh = RatchetTree::from_nodes(tree.to_nodes()).expect("its own nodes are right");
    assert_eq!(tree.size(), fresh.size());
    let hashes = (tree.tree_hash(suite), fresh.tree_hash(suite));
    assert!(hashes.0.expect("hashing works") == hashes.1.expect("hashing works"));
}
