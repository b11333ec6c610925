//! Which node holds a key: the index behind "unique among the members" (RFC 9420, section 7.3).
//!
//! A hash table of node numbers over a persistent vector, so that a staged tree copies only the
//! buckets it changes. The keys themselves stay in the tree; a lookup compares them in full.
//!
//! Which keys share a bucket depends on a random value of each index: members choose their keys,
//! and whoever could choose them for one bucket would make every lookup as slow as the tree is
//! large.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::persistent::PersistentVec;

#[derive(Clone)]
enum Bucket {
    Empty,
    One(u32),
    Many(Arc<[u32]>),
}

impl Bucket {
    fn entries(&self) -> &[u32] {
        match self {
            Self::Empty => &[],
            Self::One(entry) => std::slice::from_ref(entry),
            Self::Many(entries) => entries,
        }
    }

    fn from_entries(entries: &[u32]) -> Self {
        match entries {
            [] => Self::Empty,
            [entry] => Self::One(*entry),
            entries => Self::Many(entries.into()),
        }
    }
}

/// Finds the node that holds a key. The caller passes the function from node to key.
#[derive(Clone)]
pub(crate) struct KeyIndex {
    buckets: PersistentVec<Bucket>,
    entries: usize,
    hasher: RandomState,
}

const BUCKETS_MIN: usize = 16;

impl KeyIndex {
    pub(crate) fn new() -> Self {
        Self::with_buckets(BUCKETS_MIN)
    }

    fn with_buckets(count: usize) -> Self {
        let mut buckets = PersistentVec::new();
        (0..count).for_each(|_| buckets.push(Bucket::Empty));
        Self { buckets, entries: 0, hasher: RandomState::new() }
    }

    fn bucket_of(&self, key: &[u8]) -> usize {
        // The number of buckets is a power of two; the low bits of SipHash are as good as any.
        let mask = self.buckets.len() as u64 - 1;
        usize::try_from(self.hasher.hash_one(key) & mask).unwrap_or(0)
    }

    /// The node that holds `key`.
    pub(crate) fn find<'a>(
        &self,
        key: &[u8],
        key_of: impl Fn(u32) -> Option<&'a [u8]>,
    ) -> Option<u32> {
        let bucket = self.buckets.get(self.bucket_of(key))?;
        bucket.entries().iter().copied().find(|&node| key_of(node) == Some(key))
    }

    /// Notes that `node` holds `key`.
    pub(crate) fn insert<'a>(
        &mut self,
        key: &[u8],
        node: u32,
        key_of: impl Fn(u32) -> Option<&'a [u8]>,
    ) {
        if self.entries == self.buckets.len() {
            self.grow(key_of);
        }
        self.place(key, node);
    }

    fn place(&mut self, key: &[u8], node: u32) {
        let at = self.bucket_of(key);
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket = Bucket::from_entries(&[bucket.entries(), &[node]].concat());
            self.entries += 1;
        }
    }

    /// Forgets that `node` holds `key`.
    pub(crate) fn remove(&mut self, key: &[u8], node: u32) {
        let at = self.bucket_of(key);
        if let Some(bucket) = self.buckets.get_mut(at) {
            let kept: Vec<u32> =
                bucket.entries().iter().copied().filter(|&other| other != node).collect();
            self.entries -= bucket.entries().len() - kept.len();
            *bucket = Bucket::from_entries(&kept);
        }
    }

    fn grow<'a>(&mut self, key_of: impl Fn(u32) -> Option<&'a [u8]>) {
        let mut larger = Self::with_buckets(2 * self.buckets.len());
        for &node in self.buckets.iter().flat_map(Bucket::entries) {
            if let Some(key) = key_of(node) {
                larger.place(key, node);
            }
        }
        *self = larger;
    }
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
            index.insert(key, node, key_of);
        }
        for (node, key) in (0..).zip(&keys).step_by(2) {
            index.remove(key, node);
        }
        for (node, key) in (0..).zip(&keys) {
            assert_eq!(index.find(key, key_of), (node % 2 == 1).then_some(node));
        }
        assert_eq!(index.find(b"nobody", key_of), None);
    }

    #[test]
    fn keys_that_share_a_bucket_of_one_tree_do_not_in_another() {
        let [one, other] = [(); 2].map(|()| KeyIndex::with_buckets(256));
        let keys = (0..1_u32 << 16).map(u32::to_be_bytes);
        let meeting: Vec<_> = keys.filter(|key| one.bucket_of(key) == 0).collect();
        assert!(meeting.len() > 100);
        let place = other.bucket_of(&meeting[0]);
        let still = meeting.iter().filter(|key| other.bucket_of(*key) == place).count();
        assert!(still < meeting.len() / 4, "{still} of {} keys still meet", meeting.len());
    }
}
