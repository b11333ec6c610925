//! Which node holds a key: the index behind "unique among the members" (RFC 9420, section 7.3).
//!
//! A sorted list of entries that staged trees share, and a short list of what has changed since. A
//! staged tree copies only the short list; once that is long, both become one. An entry is 32 bits
//! of the key's hash and the number of the node. The keys themselves stay in the tree; a lookup
//! compares them in full.
//!
//! Hashes depend on a random value of each index: members choose their keys, and whoever could
//! choose them for one hash would make every lookup as slow as the tree is large.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// What a lookup finds, before the keys are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    hash: u32,
    node: u32,
}

/// Finds the node that holds a key. The caller passes the function from node to key.
#[derive(Clone)]
pub(crate) struct KeyIndex {
    base: Arc<Base>,
    changes: Arc<Changes>,
    hasher: RandomState,
}

/// Entries in order, and where those start whose hashes start with the same bits.
struct Base {
    entries: Vec<Entry>,
    /// 2^bits places, and the end.
    starts: Vec<usize>,
    bits: u32,
}

/// In what the index differs from its base; both lists in order.
#[derive(Clone, Default)]
struct Changes {
    /// None of them is in the base.
    added: Vec<Entry>,
    /// All of them are in the base.
    removed: Vec<Entry>,
}

/// The most entries that share their first bits, on average.
const BUCKET_ENTRIES: usize = 16;

/// So many changes are always allowed; of a large base, one for each 64 entries. To copy them costs
/// less than one signature, and they are merged so rarely that each pays for 64 entries.
const CHANGES: usize = 512;
const BASE_PER_CHANGE: usize = 64;

impl Base {
    /// The entries must be in order.
    fn new(entries: Vec<Entry>) -> Self {
        let bits = (entries.len() / BUCKET_ENTRIES + 1).next_power_of_two().trailing_zeros();
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        for (at, entry) in entries.iter().enumerate() {
            while starts.len() <= bucket_of(entry.hash, bits) {
                starts.push(at);
            }
        }
        starts.resize((1 << bits) + 1, entries.len());
        Self { entries, starts, bits }
    }

    fn bucket(&self, hash: u32) -> &[Entry] {
        let bucket = bucket_of(hash, self.bits);
        match self.starts.get(bucket..bucket + 2) {
            Some(&[start, end]) => &self.entries[start..end],
            _ => &[],
        }
    }
}

/// The first bits of the hash.
fn bucket_of(hash: u32, bits: u32) -> usize {
    usize::try_from(u64::from(hash) << bits >> 32).unwrap_or(0)
}

/// The entries of one hash in a list that is in order.
fn of_hash(entries: &[Entry], hash: u32) -> &[Entry] {
    let start = entries.partition_point(|entry| entry.hash < hash);
    let count = entries[start..].iter().take_while(|entry| entry.hash == hash).count();
    &entries[start..start + count]
}

fn put(entries: &mut Vec<Entry>, entry: Entry) {
    if let Err(place) = entries.binary_search(&entry) {
        entries.insert(place, entry);
    }
}

/// Takes an entry out; `false` if it was not there.
fn take(entries: &mut Vec<Entry>, entry: Entry) -> bool {
    let place = entries.binary_search(&entry);
    place.map(|place| entries.remove(place)).is_ok()
}

impl KeyIndex {
    pub(crate) fn new() -> Self {
        Self::build(RandomState::new(), Vec::new())
    }

    /// The index with these entries, which come from [`entry`] and the same hasher.
    pub(crate) fn build(hasher: RandomState, mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable();
        Self { base: Arc::new(Base::new(entries)), changes: Arc::default(), hasher }
    }

    /// The node that holds `key`.
    pub(crate) fn find<'a>(
        &self,
        key: &[u8],
        key_of: impl Fn(u32) -> Option<&'a [u8]>,
    ) -> Option<u32> {
        let hash = hash(&self.hasher, key);
        let Changes { added, removed } = &*self.changes;
        let old = of_hash(self.base.bucket(hash), hash).iter();
        let old = old.filter(|entry| removed.binary_search(entry).is_err());
        let mut nodes = of_hash(added, hash).iter().chain(old).map(|entry| entry.node);
        nodes.find(|&node| key_of(node) == Some(key))
    }

    /// Two nodes that hold the same key, if there are any. O(N).
    pub(crate) fn has_duplicate<'a>(&self, key_of: impl Fn(u32) -> Option<&'a [u8]>) -> bool {
        let entries = self.entries();
        entries.iter().enumerate().any(|(at, one)| {
            let mut later = entries[at + 1..].iter().take_while(|other| other.hash == one.hash);
            later.any(|other| key_of(one.node) == key_of(other.node))
        })
    }

    /// Notes which key `node` holds now.
    pub(crate) fn replace(&mut self, node: u32, old: Option<&[u8]>, new: Option<&[u8]>) {
        if old == new {
            return;
        }
        if let Some(key) = old {
            self.remove(key, node);
        }
        if let Some(key) = new {
            self.insert(key, node);
        }
    }

    /// Notes that `node` holds `key`.
    pub(crate) fn insert(&mut self, key: &[u8], node: u32) {
        let entry = entry(&self.hasher, key, node);
        let changes = Arc::make_mut(&mut self.changes);
        if !take(&mut changes.removed, entry)
            && self.base.bucket(entry.hash).binary_search(&entry).is_err()
        {
            put(&mut changes.added, entry);
            self.merge_if_many();
        }
    }

    /// Forgets that `node` holds `key`.
    pub(crate) fn remove(&mut self, key: &[u8], node: u32) {
        let entry = entry(&self.hasher, key, node);
        let changes = Arc::make_mut(&mut self.changes);
        if !take(&mut changes.added, entry)
            && self.base.bucket(entry.hash).binary_search(&entry).is_ok()
        {
            put(&mut changes.removed, entry);
            self.merge_if_many();
        }
    }

    fn merge_if_many(&mut self) {
        let changes = self.changes.added.len() + self.changes.removed.len();
        if changes > CHANGES.max(self.base.entries.len() / BASE_PER_CHANGE) {
            self.base = Arc::new(Base::new(self.entries()));
            self.changes = Arc::default();
        }
    }

    /// All entries in order. O(N).
    fn entries(&self) -> Vec<Entry> {
        let Changes { added, removed } = &*self.changes;
        let mut removed = removed.iter().peekable();
        let old = self.base.entries.iter().filter(|entry| removed.next_if_eq(entry).is_none());
        let mut entries = Vec::with_capacity(self.base.entries.len() + added.len());
        entries.extend(old);
        entries.extend(added);
        // Two runs in order: a stable sort merges them.
        entries.sort();
        entries
    }
}

fn hash(hasher: &RandomState, key: &[u8]) -> u32 {
    u32::try_from(hasher.hash_one(key) >> 32).unwrap_or(0)
}

/// The entry of a key.
pub(crate) fn entry(hasher: &RandomState, key: &[u8], node: u32) -> Entry {
    Entry { hash: hash(hasher, key), node }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_key_and_forgets_what_is_removed() {
        let keys: Vec<[u8; 4]> = (0..5000_u32).map(u32::to_be_bytes).collect();
        let key_of = |node: u32| keys.get(node as usize).map(<[u8; 4]>::as_slice);
        let mut index = KeyIndex::new();
        for (node, key) in (0..).zip(&keys) {
            assert_eq!(index.find(key, key_of), None);
            index.insert(key, node);
        }
        let entries = (0..).zip(&keys).map(|(node, key)| entry(&index.hasher, key, node));
        let mut built = KeyIndex::build(index.hasher.clone(), entries.collect());
        for index in [&mut index, &mut built] {
            assert!(!index.has_duplicate(key_of));
            for (node, key) in (0..).zip(&keys).step_by(2) {
                index.remove(key, node);
            }
            for (node, key) in (0..).zip(&keys) {
                assert_eq!(index.find(key, key_of), (node % 2 == 1).then_some(node));
            }
            assert_eq!(index.find(b"nobody", key_of), None);
            let Base { starts, .. } = &*index.base;
            let largest = starts.windows(2).map(|bucket| bucket[1] - bucket[0]).max();
            assert!(largest < Some(4 * BUCKET_ENTRIES));
            let changes = index.changes.added.len() + index.changes.removed.len();
            assert!(changes <= CHANGES);
        }
    }

    #[test]
    fn copies_answer_like_plain_maps_through_many_changes() {
        let keys: Vec<[u8; 4]> = (0..4000_u32).map(u32::to_be_bytes).collect();
        let key_of = |node: u32| keys.get(node as usize).map(<[u8; 4]>::as_slice);
        let (mut index, mut held) = (KeyIndex::new(), std::collections::BTreeSet::new());
        let mut number = 1_u32;
        for round in 0..20_000 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let node = (number >> 16) % 4000;
            let before = (round % 1000 == 0).then(|| (index.clone(), held.clone()));
            match held.remove(&node) {
                true => index.remove(&keys[node as usize], node),
                false => {
                    index.insert(&keys[node as usize], node);
                    held.insert(node);
                }
            }
            for (index, held) in
                before.iter().map(|(index, held)| (index, held)).chain([(&index, &held)])
            {
                let found = index.find(&keys[node as usize], key_of);
                assert_eq!(found, held.contains(&node).then_some(node));
            }
            if round % 1000 == 0 {
                let nodes = index.entries().iter().map(|entry| entry.node).collect();
                assert_eq!(held, nodes);
                assert!(index.entries().is_sorted());
            }
        }
    }

    #[test]
    fn a_key_that_is_held_twice_is_found_among_many() {
        let mut keys: Vec<[u8; 4]> = (0..5000_u32).map(u32::to_be_bytes).collect();
        keys[4321] = keys[17];
        let key_of = |node: u32| keys.get(node as usize).map(<[u8; 4]>::as_slice);
        let hasher = RandomState::new();
        let entries = (0..).zip(&keys).map(|(node, key)| entry(&hasher, key, node)).collect();
        assert!(KeyIndex::build(hasher, entries).has_duplicate(key_of));
    }

    #[test]
    fn keys_that_share_a_bucket_of_one_tree_do_not_in_another() {
        const BUCKETS: u32 = 256;
        let filled = || {
            let mut index = KeyIndex::new();
            (0..BUCKETS * 64).for_each(|node: u32| index.insert(&node.to_le_bytes(), node));
            index
        };
        let [one, other] = [filled(), filled()];
        let bits = BUCKETS.trailing_zeros();
        let place = |index: &KeyIndex, key: &[u8; 4]| bucket_of(hash(&index.hasher, key), bits);
        let keys = (0..1_u32 << 16).map(u32::to_be_bytes);
        let meeting: Vec<_> = keys.filter(|key| place(&one, key) == 0).collect();
        assert!(meeting.len() > 100);
        let at = place(&other, &meeting[0]);
        let still = meeting.iter().filter(|key| place(&other, key) == at).count();
        assert!(still < meeting.len() / 4, "{still} of {} keys still meet", meeting.len());
    }
}
