//! The secret tree against a slow reference, its deletion schedule, its limits and its rows.

use std::collections::BTreeMap;

use crypto::{CipherSuite, Crypto};

use super::*;
use crate::Violation;

const APPLICATION: RatchetKind = RatchetKind::Application;
const HANDSHAKE: RatchetKind = RatchetKind::Handshake;
const COST: fn() -> AeadCost = || AeadCost::of([1]);

/// A store: rows by name.
type Store = BTreeMap<SecretTreeRow, Vec<u8>>;

fn suite() -> Suite {
    Crypto::new(crypto_aws_lc::provider()).suite(CipherSuite(1)).unwrap()
}

fn size(leaves: u32) -> TreeSize {
    TreeSize::from_leaves(leaves).unwrap()
}

fn leaf(size: TreeSize, index: u32) -> LeafIndex {
    size.leaf(index).unwrap()
}

fn root() -> Secret {
    Secret::from_slice(&[7; 32])
}

fn tree(leaves: u32) -> SecretTree {
    SecretTree::new(size(leaves), root(), RatchetLimits::default())
}

/// Brings a store up to date; returns the bytes written.
fn save(tree: &mut SecretTree, store: &mut Store) -> usize {
    let mut written = 0;
    for (row, bytes) in tree.drain_changes() {
        match bytes {
            Some(bytes) => {
                written += bytes.len();
                assert!(bytes.len() < 1024, "{row:?} has {} bytes", bytes.len());
                store.insert(row, bytes.expose().to_vec());
            }
            None => {
                store.remove(&row);
            }
        }
    }
    written
}

fn load(size: TreeSize, store: &Store) -> SecretTree {
    let rows = store.iter().map(|(row, bytes)| {
        let name = codec::Encode::to_bytes(row);
        (SecretTreeRow::from_bytes(size, &name).unwrap(), bytes)
    });
    SecretTree::from_rows(size, RatchetLimits::default(), rows).unwrap()
}

/// Every secret between the root and one key: section 9 read aloud, without any cleverness.
struct Reference {
    path: Vec<Vec<u8>>,
    ratchet: Vec<Vec<u8>>,
    keys: Vec<(Vec<u8>, Vec<u8>)>,
}

fn reference(size: TreeSize, leaf: LeafIndex, kind: RatchetKind, generations: u32) -> Reference {
    let suite = suite();
    let (mut node, mut secret) = (size.root(), root());
    let mut path = vec![secret.expose().to_vec()];
    while let Some((left, right)) = node.children() {
        let goes_left = left.covers(leaf);
        let side: &[u8] = if goes_left { b"left" } else { b"right" };
        secret = suite.expand_with_label(&secret, "tree", side, 32).unwrap();
        node = if goes_left { left } else { right };
        path.push(secret.expose().to_vec());
    }
    let mut ratchet = Vec::new();
    let mut keys = Vec::new();
    secret = suite.expand_with_label(&secret, kind.label(), &[], 32).unwrap();
    for generation in 0..generations {
        ratchet.push(secret.expose().to_vec());
        let derive =
            |label, length| suite.derive_tree_secret(&secret, label, generation, length).unwrap();
        keys.push((derive("key", 16).expose().to_vec(), derive("nonce", 12).expose().to_vec()));
        secret = derive("secret", 32);
    }
    ratchet.push(secret.expose().to_vec());
    Reference { path, ratchet, keys }
}

fn assert_key(key: &MessageKey, expected: &Reference) {
    let generation = usize::try_from(key.generation()).unwrap();
    let (expected_key, nonce) = &expected.keys[generation];
    assert_eq!(key.key().expose(), expected_key);
    assert_eq!(key.nonce().expose(), nonce);
}

/// Receives one generation for good.
fn receive(tree: &mut SecretTree, id: RatchetId, generation: u32) -> Result<MessageKey, Error> {
    let KeyLookup { key, update } = tree.lookup(&suite(), id.leaf, id.kind, generation)?;
    tree.apply(update)?;
    Ok(key)
}

fn holds(store: &Store, secret: &[u8]) -> bool {
    store.values().any(|row| row.windows(secret.len()).any(|window| window == secret))
}

fn refused<T>(result: Result<T, Error>) -> Error {
    result.err().expect("refused")
}

#[test]
fn keys_agree_with_the_reference_in_any_order_of_leaves_and_generations() {
    const GENERATIONS: u32 = 8;
    let mut random = 1_u64;
    let mut below = |bound: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(random >> 33).unwrap() % bound
    };
    for leaves in [1, 2, 8] {
        let mut tree = tree(leaves);
        let mut left: Vec<(RatchetId, u32)> = Vec::new();
        for leaf in tree.size().iter_leaves() {
            for kind in [APPLICATION, HANDSHAKE] {
                left.extend((0..GENERATIONS).map(|number| (RatchetId { leaf, kind }, number)));
            }
        }
        while !left.is_empty() {
            let (id, generation) = left.swap_remove(below(left.len()));
            let key = receive(&mut tree, id, generation).unwrap();
            assert_key(&key, &reference(tree.size(), id.leaf, id.kind, GENERATIONS));
            let again = receive(&mut tree, id, generation);
            assert_eq!(refused(again), Violation::ReusedGeneration.into());
        }
        assert!(tree.nodes.is_empty() && tree.skipped_count() == 0 && tree.holders.is_empty());
    }
}

/// The example of section 9.2: D's generation 1 arrives before generation 0.
#[test]
fn nothing_that_was_consumed_stays_in_the_rows() {
    let size = size(4);
    let mut tree = tree(4);
    let mut store = Store::new();
    save(&mut tree, &mut store);
    let id = RatchetId { leaf: leaf(size, 3), kind: APPLICATION };
    let expected = reference(size, id.leaf, id.kind, 3);
    assert!(holds(&store, &expected.path[0]), "the root is there at first");

    let key = receive(&mut tree, id, 1).unwrap();
    assert_key(&key, &expected);
    save(&mut tree, &mut store);
    // D, F and G; AR0 and AR1; K1 and N1.
    assert_eq!(expected.path.len(), 3);
    let consumed = expected.path.iter().chain(&expected.ratchet[..2]);
    for secret in consumed.chain([&expected.keys[1].0, &expected.keys[1].1]) {
        assert!(!holds(&store, secret));
    }
    // K0, N0, AR2, HR0, E and C.
    let handshake = reference(size, id.leaf, HANDSHAKE, 0);
    let sibling = reference(size, leaf(size, 2), APPLICATION, 0);
    let cousin = reference(size, leaf(size, 0), APPLICATION, 0);
    let kept = [
        &expected.keys[0].0,
        &expected.keys[0].1,
        &expected.ratchet[2],
        &handshake.ratchet[0],
        &sibling.path[2],
        &cousin.path[1],
    ];
    assert!(kept.into_iter().all(|secret| holds(&store, secret)));
    assert_eq!(store.len(), 5, "two nodes, two ratchets, one batch of skipped keys");

    receive(&mut tree, id, 0).unwrap();
    save(&mut tree, &mut store);
    assert!(!holds(&store, &expected.keys[0].0) && !holds(&store, &expected.keys[0].1));
    assert_eq!(store.len(), 4);
}

#[test]
fn a_lookup_that_is_dropped_changes_nothing() {
    let size = size(4);
    let mut tree = tree(4);
    let mut store = Store::new();
    save(&mut tree, &mut store);
    let id = RatchetId { leaf: leaf(size, 1), kind: HANDSHAKE };
    for generation in [0, 5, 1000] {
        drop(tree.lookup(&suite(), id.leaf, id.kind, generation).unwrap());
    }
    assert_eq!(tree.next_generation(id), 0);
    assert!(tree.drain_changes().is_empty());

    receive(&mut tree, id, 3).unwrap();
    save(&mut tree, &mut store);
    // A key of a skipped generation survives a message that turns out to be forged.
    drop(tree.lookup(&suite(), id.leaf, id.kind, 1).unwrap());
    assert!(tree.drain_changes().is_empty());
    assert_key(&receive(&mut tree, id, 1).unwrap(), &reference(size, id.leaf, id.kind, 2));
}

#[test]
fn an_update_fits_only_the_state_it_was_computed_from() {
    let size = size(2);
    let (mut tree, mut other) = (tree(2), tree(2));
    let lookup = |tree: &SecretTree, index| {
        tree.lookup(&suite(), leaf(size, index), APPLICATION, 0).unwrap().update
    };
    let (first, second, foreign) = (lookup(&tree, 0), lookup(&tree, 1), lookup(&other, 0));
    assert_eq!(first.ratchet(), RatchetId { leaf: leaf(size, 0), kind: APPLICATION });
    tree.apply(first).unwrap();
    assert_eq!(tree.apply(second), Err(Misuse::StaleUpdate.into()));
    assert_eq!(tree.apply(foreign), Err(Misuse::StaleUpdate.into()));
    let second = lookup(&tree, 1);
    assert_eq!(other.apply(lookup(&tree, 1)), Err(Misuse::StaleUpdate.into()));
    tree.apply(second).unwrap();
}

#[test]
fn the_forward_limit_is_accepted_and_one_generation_more_refused() {
    let size = size(2);
    let mut tree = tree(2);
    let id = RatchetId { leaf: leaf(size, 0), kind: APPLICATION };
    assert_eq!(refused(receive(&mut tree, id, 1001)), Limit::ForwardDistance.into());
    receive(&mut tree, id, 1000).unwrap();
    assert_eq!(refused(receive(&mut tree, id, 2002)), Limit::ForwardDistance.into());
    receive(&mut tree, id, 2001).unwrap();
    // Section 15.3 names this attack; it costs nothing here.
    assert_eq!(refused(receive(&mut tree, id, u32::MAX)), Violation::LastGeneration.into());
    assert_eq!(refused(receive(&mut tree, id, u32::MAX - 1)), Limit::ForwardDistance.into());
}

#[test]
fn the_oldest_of_too_many_skipped_keys_of_a_ratchet_are_erased() {
    let size = size(2);
    let limits = RatchetLimits { skipped_keys_max: 20, ..RatchetLimits::default() };
    let mut tree = SecretTree::new(size, root(), limits);
    let id = RatchetId { leaf: leaf(size, 1), kind: APPLICATION };
    let expected = reference(size, id.leaf, id.kind, 60);
    let mut store = Store::new();
    receive(&mut tree, id, 30).unwrap();
    save(&mut tree, &mut store);
    assert_eq!(tree.skipped_count(), 20);
    assert!(holds(&store, &expected.keys[10].0) && !holds(&store, &expected.keys[9].0));
    assert_eq!(refused(receive(&mut tree, id, 9)), Violation::ReusedGeneration.into());

    receive(&mut tree, id, 36).unwrap();
    save(&mut tree, &mut store);
    assert_eq!(tree.skipped_count(), 20);
    assert!(!holds(&store, &expected.keys[14].0) && holds(&store, &expected.keys[15].0));
    assert_key(&receive(&mut tree, id, 15).unwrap(), &expected);
    assert_key(&receive(&mut tree, id, 35).unwrap(), &expected);
}

#[test]
fn a_flood_of_skipped_keys_displaces_itself_first() {
    let size = size(4);
    let limits = RatchetLimits { skipped_keys_total_max: 50, ..RatchetLimits::default() };
    let mut tree = SecretTree::new(size, root(), limits);
    let honest = RatchetId { leaf: leaf(size, 0), kind: APPLICATION };
    let flood = |index| RatchetId { leaf: leaf(size, index), kind: HANDSHAKE };
    receive(&mut tree, honest, 10).unwrap();
    receive(&mut tree, flood(1), 1000).unwrap();
    assert_eq!(tree.skipped_count(), 50);
    receive(&mut tree, flood(2), 1000).unwrap();
    assert_eq!(tree.skipped_count(), 50);
    for generation in 0..10 {
        receive(&mut tree, honest, generation).unwrap();
    }
    // Of the floods, the newest keys are left.
    receive(&mut tree, flood(2), 999).unwrap();
    assert_eq!(refused(receive(&mut tree, flood(2), 0)), Violation::ReusedGeneration.into());
}

#[test]
fn sending_uses_each_generation_once_across_restarts() {
    let size = size(8);
    let id = RatchetId { leaf: leaf(size, 5), kind: APPLICATION };
    let expected = reference(size, id.leaf, id.kind, 10);
    let mut store = Store::new();
    save(&mut tree(8), &mut store);
    for generation in 0..10 {
        let mut tree = load(size, &store);
        assert_eq!(tree.next_generation(id), generation);
        let key = tree.next_key(&suite(), id.leaf, id.kind, COST()).unwrap();
        assert_eq!(key.generation(), generation);
        assert_key(&key, &expected);
        save(&mut tree, &mut store);
        let loaded = load(size, &store);
        assert_eq!(loaded.usage().messages, u64::from(generation) + 1);
        let again = loaded.lookup(&suite(), id.leaf, id.kind, generation);
        assert_eq!(refused(again), Violation::ReusedGeneration.into());
    }
}

#[test]
fn skipped_keys_survive_a_restart_in_rows_of_sixteen() {
    let size = size(2);
    let mut tree = tree(2);
    let id = RatchetId { leaf: leaf(size, 0), kind: APPLICATION };
    let mut store = Store::new();
    receive(&mut tree, id, 40).unwrap();
    save(&mut tree, &mut store);
    let batches = || (0..).map(|batch| SecretTreeRow::Skipped(id, batch));
    assert!(batches().take(3).all(|row| store.contains_key(&row)));
    let mut tree = load(size, &store);
    assert_eq!(tree.skipped_count(), 40);
    for generation in 16..32 {
        receive(&mut tree, id, generation).unwrap();
    }
    let written = save(&mut tree, &mut store);
    assert_eq!(written, 0, "an empty batch is a deleted row");
    assert!(!store.contains_key(&SecretTreeRow::Skipped(id, 1)));
    assert_eq!(load(size, &store).skipped_count(), 24);
}

#[test]
fn the_sender_stops_at_the_last_generation_and_at_the_aead_limit() {
    let size = size(1);
    let id = RatchetId { leaf: leaf(size, 0), kind: APPLICATION };
    let handshake = RatchetId { kind: HANDSHAKE, ..id };
    let row = |generation: u32| {
        let mut writer = codec::Writer::new();
        codec::Encode::encode(&generation, &mut writer);
        writer.opaque(&[1; 32]);
        writer.into_bytes()
    };
    let load = |generation, messages| {
        let usage = codec::Encode::to_bytes(&AeadUsage { messages, blocks: 0 });
        let rows = [
            (SecretTreeRow::Ratchet(id), row(generation)),
            (SecretTreeRow::Ratchet(handshake), row(0)),
            (SecretTreeRow::Usage, usage),
        ];
        SecretTree::from_rows(size, RatchetLimits::default(), rows).unwrap()
    };
    let next = |tree: &mut SecretTree, kind| {
        tree.next_key(&suite(), id.leaf, kind, COST()).map(|key| key.generation())
    };
    let mut tree = load(u32::MAX - 1, 0);
    assert_eq!(next(&mut tree, APPLICATION), Ok(u32::MAX - 1));
    assert_eq!(next(&mut tree, APPLICATION), Err(Limit::GenerationsExhausted.into()));
    // Application data stops a sixteenth before the limit, handshakes at it.
    let mut tree = load(0, (15 << 20) - 1);
    assert_eq!(next(&mut tree, APPLICATION), Ok(0));
    assert_eq!(next(&mut tree, APPLICATION), Err(Limit::AeadUsage.into()));
    assert_eq!(next(&mut tree, HANDSHAKE), Ok(0));
    let mut tree = load(0, (1 << 24) - 1);
    assert_eq!(next(&mut tree, HANDSHAKE), Ok(0));
    assert_eq!(next(&mut tree, HANDSHAKE), Err(Limit::AeadUsage.into()));
    assert_eq!(tree.next_generation(handshake), 1, "a refused message uses no generation");
}

/// Covers the mlspp bug in which generation 2^32 - 1 cost four billion derivations.
/// Edge of `Violation::LastGeneration`.
#[test]
fn the_receiver_stops_at_the_last_generation() {
    let size = size(1);
    let id = RatchetId { leaf: leaf(size, 0), kind: APPLICATION };
    let handshake = RatchetId { kind: HANDSHAKE, ..id };
    let rows = [(id, u32::MAX - 3), (handshake, 0)].map(|(id, generation)| {
        let mut writer = codec::Writer::new();
        codec::Encode::encode(&generation, &mut writer);
        writer.opaque(&[1; 32]);
        (SecretTreeRow::Ratchet(id), writer.into_bytes())
    });
    let mut tree = SecretTree::from_rows(size, RatchetLimits::default(), rows).unwrap();
    let last = Violation::LastGeneration.into();
    assert_eq!(refused(receive(&mut tree, id, u32::MAX)), last);
    assert_eq!(receive(&mut tree, id, u32::MAX - 1).unwrap().generation(), u32::MAX - 1);
    assert_eq!(tree.skipped_count(), 2);
    assert_eq!(refused(receive(&mut tree, id, u32::MAX)), last);
    let again = receive(&mut tree, id, u32::MAX - 1);
    assert_eq!(refused(again), Violation::ReusedGeneration.into());
    assert_eq!(receive(&mut tree, id, u32::MAX - 3).unwrap().generation(), u32::MAX - 3);
}

#[test]
fn one_message_writes_little_however_large_the_group() {
    let size = size(1 << 20);
    let mut tree = tree(1 << 20);
    let mut store = Store::new();
    save(&mut tree, &mut store);
    let me = leaf(size, 777_777);
    let mut send = || {
        tree.next_key(&suite(), me, APPLICATION, COST()).unwrap();
        save(&mut tree, &mut store)
    };
    let first = send();
    let later: Vec<usize> = (0..3).map(|_| send()).collect();
    assert!(first < 1024, "{first} bytes for the first message of the epoch");
    assert_eq!(later, [4 + 33 + 16; 3], "a ratchet and the usage");
    assert_eq!(store.len(), 20 + 2 + 1);
}

#[test]
fn the_largest_tree_works() {
    let mut tree = tree(1 << 31);
    let last = leaf(size(1 << 31), (1 << 31) - 1);
    let key = tree.next_key(&suite(), last, HANDSHAKE, COST()).unwrap();
    assert_key(&key, &reference(size(1 << 31), last, HANDSHAKE, 1));
}

#[test]
fn a_leaf_of_a_larger_tree_is_refused() {
    let foreign = leaf(size(8), 7);
    let mut tree = tree(4);
    let found = tree.lookup(&suite(), foreign, APPLICATION, 0);
    assert_eq!(refused(found), Misuse::UnknownLeaf.into());
    let sent = tree.next_key(&suite(), foreign, APPLICATION, COST());
    assert_eq!(refused(sent), Misuse::UnknownLeaf.into());
}

#[test]
fn rows_that_contradict_each_other_are_refused() {
    let size = size(4);
    let mut tree = tree(4);
    let mut before = Store::new();
    save(&mut tree, &mut before);
    let id = RatchetId { leaf: leaf(size, 2), kind: APPLICATION };
    receive(&mut tree, id, 2).unwrap();
    let mut after = before.clone();
    save(&mut tree, &mut after);
    let check = |store: &Store| {
        let rows = store.iter().map(|(row, bytes)| (*row, bytes));
        SecretTree::from_rows(size, RatchetLimits::default(), rows).map(|_| ())
    };
    assert_eq!(check(&after), Ok(()));
    let spoilt = |spoil: &dyn Fn(&mut Store)| {
        let mut store = after.clone();
        spoil(&mut store);
        assert!(matches!(check(&store), Err(Error::Storage(_))));
    };
    let (head, batch) = (SecretTreeRow::Ratchet(id), SecretTreeRow::Skipped(id, 0));
    // The root is back: the leaf's generations would come again.
    spoilt(&|store| store.extend(before.clone()));
    spoilt(&|store| {
        store.remove(&SecretTreeRow::Ratchet(RatchetId { kind: HANDSHAKE, ..id }));
    });
    spoilt(&|store| {
        store.remove(&head);
    });
    // Skipped keys of a generation that is not skipped, or in another's place.
    spoilt(&|store| store.get_mut(&head).unwrap()[3] = 1);
    spoilt(&|store| {
        let keys = store[&batch].clone();
        store.insert(SecretTreeRow::Skipped(id, 1), keys);
    });
    spoilt(&|store| store.get_mut(&head).unwrap().push(0));
    // Lost nodes are noticed when a leaf below them is used.
    let mut store = after.clone();
    store.retain(|row, _| !matches!(row, SecretTreeRow::Node(_)));
    let loaded = load(size, &store);
    let found = loaded.lookup(&suite(), leaf(size, 0), APPLICATION, 0);
    assert!(matches!(refused(found), Error::Storage(_)));
}

#[test]
fn row_names_are_read_back_and_checked_against_the_tree() {
    let size = size(4);
    let id = RatchetId { leaf: leaf(size, 3), kind: HANDSHAKE };
    let names = [
        SecretTreeRow::Node(size.root()),
        SecretTreeRow::Ratchet(id),
        SecretTreeRow::Skipped(id, (1 << 28) - 1),
        SecretTreeRow::Usage,
    ];
    for name in names {
        let bytes = codec::Encode::to_bytes(&name);
        assert_eq!(SecretTreeRow::from_bytes(size, &bytes), Ok(name));
        assert!(SecretTreeRow::from_bytes(size, &[&bytes[..], &[0]].concat()).is_err());
    }
    let wrong: [&[u8]; 6] = [
        &[],
        &[5],
        &[1, 0, 0, 0, 7],
        &[2, 0, 0, 0, 4, 1],
        &[2, 0, 0, 0, 0, 3],
        &[3, 0, 0, 0, 0, 1, 0x10, 0, 0, 0],
    ];
    assert!(wrong.iter().all(|bytes| SecretTreeRow::from_bytes(size, bytes).is_err()));
}
