//! Hashes of the messages that this client sent, so that their echoes are recognised.

use std::collections::BTreeMap;

use crypto::Digest;

use crate::rows::{epoch_prefix, parse_id, sent_key, structure, value};
use crate::{Delta, Error, RowKind, Storage};

/// Of each epoch, the latest messages. The oldest are forgotten first: their echoes came long ago,
/// and that of a commit is still to come.
#[derive(Default)]
pub(crate) struct Sent {
    /// The number of each message in its epoch.
    numbers: BTreeMap<(u64, Digest), u64>,
    by_number: BTreeMap<(u64, u64), Digest>,
}

impl Sent {
    pub(crate) fn has_any(&self, epoch: u64) -> bool {
        self.by_number.range((epoch, 0)..=(epoch, u64::MAX)).next().is_some()
    }

    pub(crate) fn contains(&self, epoch: u64, hash: &Digest) -> bool {
        self.numbers.contains_key(&(epoch, *hash))
    }

    /// Remembers a message, and forgets the oldest of its epoch if there are more than `kept`.
    pub(crate) fn insert(
        &mut self,
        (group_id, epoch): (&[u8], u64),
        hash: Digest,
        kept: usize,
        delta: &mut Delta,
    ) {
        let of_epoch = (epoch, 0)..=(epoch, u64::MAX);
        let last = self.by_number.range(of_epoch.clone()).next_back();
        let number = last.map_or(0, |((_, last), _)| last.saturating_add(1));
        self.place(epoch, number, hash);
        delta.put(sent_key(group_id, epoch, &hash), value(&number));
        // Numbers have no gaps, so they tell how many there are.
        let kept = u64::try_from(kept.max(1)).unwrap_or(u64::MAX);
        while let Some((&key, &oldest)) = self.by_number.range(of_epoch.clone()).next()
            && number - key.1 >= kept
        {
            self.by_number.remove(&key);
            self.numbers.remove(&(epoch, oldest));
            delta.delete(sent_key(group_id, epoch, &oldest));
        }
    }

    fn place(&mut self, epoch: u64, number: u64, hash: Digest) {
        self.numbers.insert((epoch, hash), number);
        self.by_number.insert((epoch, number), hash);
    }

    /// Forgets the messages of epochs before this one.
    pub(crate) fn forget_before(&mut self, oldest: u64, group_id: &[u8], delta: &mut Delta) {
        while let Some((&(epoch, _), _)) = self.by_number.first_key_value()
            && epoch < oldest
        {
            delta.delete_prefix(epoch_prefix(group_id, RowKind::Sent, epoch));
            self.by_number.retain(|key, _| key.0 != epoch);
            self.numbers.retain(|key, _| key.0 != epoch);
        }
    }

    /// The stored hashes.
    pub(crate) fn load(storage: &dyn Storage, group_id: &[u8]) -> Result<Self, Error> {
        let corrupt = || Error::corrupt("hash of a sent message");
        let mut sent = Self::default();
        for (id, bytes) in storage.scan(group_id, RowKind::Sent, &[])? {
            let (epoch, tail) = parse_id(&id)?;
            let number = structure(&bytes, "hash of a sent message")?;
            sent.place(epoch, number, Digest::new(tail).ok_or_else(corrupt)?);
        }
        Ok(sent)
    }
}
