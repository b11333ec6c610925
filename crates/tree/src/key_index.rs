//! Which node holds a key: the index behind "unique among the members" (RFC 9420, section 7.3).
//!
//! A hash table over a persistent vector, so that a staged tree copies only the buckets it changes.
//! An entry is 32 bits of the key's hash and the number of the node; a bucket holds the entries
//! whose hashes start with its number, some dozens. The keys themselves stay in the tree; a lookup
//! compares them in full.
//!
//! Hashes depend on a random value of each index: members choose their keys, and whoever could
//! choose them for one bucket would make every lookup as slow as the tree is large.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::persistent::PersistentVec;

/// What a lookup finds, before the keys are compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    hash: u32,
    node: u32,
}

/// Finds the node that holds a key. The caller passes the function from node to key.
#[derive(Clone)]
pub(crate) struct KeyIndex {
    /// 2^bits of them.
    buckets: PersistentVec<Arc<[Entry]>>,
    bits: u32,
    entries: usize,
    hasher: RandomState,
}

/// The most entries that a bucket has on average.
const BUCKET_ENTRIES: usize = 64;

impl KeyIndex {
    pub(crate) fn new() -> Self {
        Self::build(RandomState::new(), Vec::new())
    }

    /// The index with these entries, which come from [`entry`] and the same hasher.
    pub(crate) fn build(hasher: RandomState, mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable();
        let bits = (entries.len() / BUCKET_ENTRIES + 1).next_power_of_two().trailing_zeros();
        let mut index =
            Self { buckets: PersistentVec::new(), bits, entries: entries.len(), hasher };
        let mut rest = &*entries;
        for bucket in 0..1_usize << bits {
            let count = rest.partition_point(|entry| index.bucket_of(entry.hash) <= bucket);
            let (own, others) = rest.split_at(count);
            index.buckets.push(own.into());
            rest = others;
        }
        index
    }

    /// The first bits of the hash.
    fn bucket_of(&self, hash: u32) -> usize {
        usize::try_from(u64::from(hash) << self.bits >> 32).unwrap_or(0)
    }

    fn bucket(&self, hash: u32) -> &[Entry] {
        self.buckets.get(self.bucket_of(hash)).map_or(&[], |bucket| bucket)
    }

    /// The node that holds `key`.
    pub(crate) fn find<'a>(
        &self,
        key: &[u8],
        key_of: impl Fn(u32) -> Option<&'a [u8]>,
    ) -> Option<u32> {
        let hash = hash(&self.hasher, key);
        let same = self.bucket(hash).iter().filter(|entry| entry.hash == hash);
        same.map(|entry| entry.node).find(|&node| key_of(node) == Some(key))
    }

    /// Two nodes that hold the same key, if there are any. O(N).
    pub(crate) fn has_duplicate<'a>(&self, key_of: impl Fn(u32) -> Option<&'a [u8]>) -> bool {
        let same_key = |one: &Entry, other: &Entry| {
            one.hash == other.hash && key_of(one.node) == key_of(other.node)
        };
        self.buckets.iter().any(|bucket| {
            let places = bucket.iter().enumerate();
            places.into_iter().any(|(at, one)| {
                let later = bucket[at + 1..].iter().take_while(|other| other.hash == one.hash);
                later.into_iter().any(|other| same_key(one, other))
            })
        })
    }

    /// Notes that `node` holds `key`.
    pub(crate) fn insert(&mut self, key: &[u8], node: u32) {
        if self.entries >= BUCKET_ENTRIES << self.bits {
            let entries = self.buckets.iter().flat_map(|bucket| bucket.iter().copied()).collect();
            *self = Self::build(self.hasher.clone(), entries);
        }
        let entry = entry(&self.hasher, key, node);
        let at = self.bucket_of(entry.hash);
        if let Some(bucket) = self.buckets.get_mut(at) {
            let place = bucket.partition_point(|other| *other < entry);
            *bucket = [&bucket[..place], &[entry], &bucket[place..]].concat().into();
            self.entries += 1;
        }
    }

    /// Forgets that `node` holds `key`.
    pub(crate) fn remove(&mut self, key: &[u8], node: u32) {
        let entry = entry(&self.hasher, key, node);
        let at = self.bucket_of(entry.hash);
        if let Some(bucket) = self.buckets.get_mut(at)
            && let Ok(place) = bucket.binary_search(&entry)
        {
            *bucket = [&bucket[..place], &bucket[place + 1..]].concat().into();
            self.entries -= 1;
        }
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
            let largest = index.buckets.iter().map(|bucket| bucket.len()).max();
            assert!(largest < Some(2 * BUCKET_ENTRIES));
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
        let filled = || {
            let mut index = KeyIndex::new();
            (0..256 * 64).for_each(|node: u32| index.insert(&node.to_le_bytes(), node));
            index
        };
        let [one, other] = [filled(), filled()];
        let place = |index: &KeyIndex, key: &[u8; 4]| index.bucket_of(hash(&index.hasher, key));
        let keys = (0..1_u32 << 16).map(u32::to_be_bytes);
        let meeting: Vec<_> = keys.filter(|key| place(&one, key) == 0).collect();
        assert!(meeting.len() > 100);
        let at = place(&other, &meeting[0]);
        let still = meeting.iter().filter(|key| place(&other, key) == at).count();
        assert!(still < meeting.len() / 4, "{still} of {} keys still meet", meeting.len());
    }
}
