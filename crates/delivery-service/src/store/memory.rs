//! The model: rows in ordered maps, a transaction is a copy that replaces the original.
//!
//! Slow and obvious on purpose. It answers what the SQLite store must answer, drives simulations,
//! and keeps nothing beyond the process.

use super::{
    AnswerRow, AnswerRows, DirectoryRows, Done, InboxRows, KeyPackageRow, KeyPackageRows, LogRow,
    LogRows, NameRow, Outcome, Range, Scope, SegmentRow, Store, Stored, Work, fits,
};
use codec::Opaque;
use delivery_api::inbox::Item;
use delivery_api::key_package::SuiteStock;
use delivery_api::log::{Entry, PublishedGroupInfo};
use delivery_api::{
    BlobId, ChainHash, DeviceId, IdempotencyKey, LogId, Name, Position, Problem, PublicKey,
};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A store in memory.
#[derive(Default)]
pub struct MemoryStore(Mutex<Tables>);

impl MemoryStore {
    /// A store without rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemoryStore {
    fn write(&self, work: Work, done: Done) {
        let outcome = match self.0.lock() {
            Ok(mut tables) => {
                let mut draft = tables.clone();
                let outcome = work(&mut draft);
                if outcome.is_ok() {
                    *tables = draft;
                }
                outcome
            }
            Err(_) => Err(Problem::Unavailable),
        };
        done(outcome);
    }

    fn read(&self, work: Work) -> Outcome {
        let mut copy = self.0.lock().map_err(|_| Problem::Unavailable)?.clone();
        work(&mut copy)
    }
}

#[derive(Clone, Default)]
struct Tables {
    logs: BTreeMap<LogId, LogRow>,
    segments: BTreeMap<(LogId, Position), SegmentRow>,
    anchors: BTreeMap<LogId, Vec<PublicKey>>,
    entries: BTreeMap<(LogId, Position), (Entry, ChainHash)>,
    days: BTreeMap<(LogId, u64), Position>,
    group_infos: BTreeMap<LogId, PublishedGroupInfo>,
    answers: BTreeMap<(Scope, IdempotencyKey), AnswerRow>,
    devices: BTreeMap<DeviceId, u64>,
    items: BTreeMap<(DeviceId, u64), Item>,
    /// By order of upload; the flag says whether it is in stock.
    key_packages: Vec<(DeviceId, KeyPackageRow, bool)>,
    /// With the day when each was stored.
    blobs: BTreeMap<BlobId, (Vec<u8>, Option<u64>)>,
    names: BTreeMap<Name, NameRow>,
}

impl LogRows for Tables {
    fn log_for_update(&mut self, log: LogId) -> Stored<Option<LogRow>> {
        Ok(self.logs.get(&log).copied())
    }

    fn put_log(&mut self, log: LogId, row: &LogRow) -> Stored<()> {
        self.logs.insert(log, *row);
        Ok(())
    }

    fn segment(&mut self, log: LogId, head: Position) -> Stored<Option<SegmentRow>> {
        Ok(self.segments.get(&(log, head)).copied())
    }

    fn segment_with_key(&mut self, log: LogId, key: PublicKey) -> Stored<Option<SegmentRow>> {
        let mut segments = self.segments.iter().filter(|((of, _), _)| *of == log).rev();
        Ok(segments.find(|(_, row)| row.access_key == key).map(|(_, row)| *row))
    }

    fn removal_after(&mut self, log: LogId, head: Position) -> Stored<Option<Position>> {
        let mut segments = self.segments.iter().filter(|((of, at), _)| *of == log && *at > head);
        Ok(segments.find(|(_, row)| row.removes).map(|(_, row)| row.head))
    }

    fn put_segment(&mut self, log: LogId, row: &SegmentRow) -> Stored<()> {
        self.segments.insert((log, row.head), *row);
        Ok(())
    }

    fn delete_segments(&mut self, log: LogId, after: Position, up_to: Position) -> Stored<()> {
        self.segments.retain(|(of, at), _| *of != log || *at <= after || *at > up_to);
        Ok(())
    }

    fn anchors(&mut self, log: LogId) -> Stored<Vec<PublicKey>> {
        Ok(self.anchors.get(&log).cloned().unwrap_or_default())
    }

    fn put_anchors(&mut self, log: LogId, anchors: &[PublicKey]) -> Stored<()> {
        self.anchors.insert(log, anchors.to_vec());
        Ok(())
    }

    fn put_entry(&mut self, log: LogId, entry: &Entry, chain_hash: ChainHash) -> Stored<()> {
        self.entries.insert((log, entry.position), (entry.clone(), chain_hash));
        Ok(())
    }

    fn entries(&mut self, log: LogId, range: Range) -> Stored<Vec<Entry>> {
        let mut page_bytes = 0;
        Ok(self
            .entries
            .iter()
            .filter(|((of, at), _)| *of == log && *at > range.after && *at <= range.up_to)
            .map(|(_, (entry, _))| entry)
            .take(usize::try_from(range.limit).unwrap_or(usize::MAX))
            .take_while(|entry| fits(&mut page_bytes, entry.bytes.len()))
            .cloned()
            .collect())
    }

    fn chain_hash(&mut self, log: LogId, position: Position) -> Stored<Option<ChainHash>> {
        Ok(self.entries.get(&(log, position)).map(|(_, chain_hash)| *chain_hash))
    }

    fn delete_entries_before(&mut self, log: LogId, position: Position) -> Stored<()> {
        self.entries.retain(|(of, at), _| *of != log || *at >= position);
        Ok(())
    }

    fn last_day(&mut self, log: LogId) -> Stored<Option<u64>> {
        let mut days = self.days.keys().filter(|(of, _)| *of == log);
        Ok(days.next_back().map(|(_, day)| *day))
    }

    fn put_day(&mut self, log: LogId, day: u64, first: Position) -> Stored<()> {
        self.days.insert((log, day), first);
        Ok(())
    }

    fn logs_with_day_before(&mut self, day: u64, limit: u32) -> Stored<Vec<LogId>> {
        let mut logs: Vec<_> =
            self.days.keys().filter(|(_, at)| *at < day).map(|(log, _)| *log).collect();
        logs.dedup();
        logs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(logs)
    }

    fn first_position_since(&mut self, log: LogId, day: u64) -> Stored<Option<Position>> {
        let mut days = self.days.iter().filter(|((of, at), _)| *of == log && *at >= day);
        Ok(days.next().map(|(_, first)| *first))
    }

    fn delete_days_before(&mut self, log: LogId, day: u64) -> Stored<()> {
        self.days.retain(|(of, at), _| *of != log || *at >= day);
        Ok(())
    }

    fn group_info(&mut self, log: LogId) -> Stored<Option<PublishedGroupInfo>> {
        Ok(self.group_infos.get(&log).cloned())
    }

    fn put_group_info(&mut self, log: LogId, row: Option<&PublishedGroupInfo>) -> Stored<()> {
        match row {
            Some(row) => self.group_infos.insert(log, row.clone()),
            None => self.group_infos.remove(&log),
        };
        Ok(())
    }
}

impl AnswerRows for Tables {
    fn answer(&mut self, scope: Scope, key: &IdempotencyKey) -> Stored<Option<AnswerRow>> {
        Ok(self.answers.get(&(scope, key.clone())).cloned())
    }

    fn put_answer(&mut self, scope: Scope, key: &IdempotencyKey, row: &AnswerRow) -> Stored<()> {
        self.answers.insert((scope, key.clone()), row.clone());
        Ok(())
    }

    fn delete_answers_before(&mut self, day: u64) -> Stored<()> {
        self.answers.retain(|_, row| row.expires_day >= day);
        Ok(())
    }
}

impl InboxRows for Tables {
    fn knows_device(&mut self, device: DeviceId) -> Stored<bool> {
        Ok(self.devices.contains_key(&device))
    }

    fn device_for_update(&mut self, device: DeviceId) -> Stored<Option<u64>> {
        Ok(self.devices.get(&device).copied())
    }

    fn put_device(&mut self, device: DeviceId, last_item: u64) -> Stored<()> {
        self.devices.insert(device, last_item);
        Ok(())
    }

    fn put_item(&mut self, device: DeviceId, item: &Item) -> Stored<()> {
        self.items.insert((device, item.number), item.clone());
        Ok(())
    }

    fn count_items(&mut self, device: DeviceId) -> Stored<u64> {
        let mut count = 0;
        self.items.keys().filter(|(of, _)| *of == device).for_each(|_| count += 1);
        Ok(count)
    }

    fn inbox_bytes(&mut self, device: DeviceId) -> Stored<u64> {
        let items = self.items.iter().filter(|((of, _), _)| *of == device);
        let bytes: usize = items.map(|(_, item)| item.bytes.len()).sum();
        Ok(u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    fn items(&mut self, device: DeviceId, range: Range) -> Stored<Vec<Item>> {
        let mut page_bytes = 0;
        Ok(self
            .items
            .iter()
            .filter(|((of, at), _)| *of == device && *at > range.after.0 && *at <= range.up_to.0)
            .map(|(_, item)| item)
            .take(usize::try_from(range.limit).unwrap_or(usize::MAX))
            .take_while(|item| fits(&mut page_bytes, item.bytes.len()))
            .cloned()
            .collect())
    }

    fn delete_item(&mut self, device: DeviceId, number: u64) -> Stored<()> {
        self.items.remove(&(device, number));
        Ok(())
    }
}

impl Tables {
    fn in_stock(
        &mut self,
        device: DeviceId,
        suite: u16,
        last_resort: bool,
    ) -> impl Iterator<Item = (&KeyPackageRow, &mut bool)> {
        self.key_packages
            .iter_mut()
            .filter(move |(of, row, in_stock)| {
                *of == device && row.suite == suite && row.last_resort == last_resort && *in_stock
            })
            .map(|(_, row, in_stock)| (&*row, in_stock))
    }
}

impl KeyPackageRows for Tables {
    fn knows_key_package(&mut self, device: DeviceId, hash: &[u8; 32]) -> Stored<bool> {
        Ok(self.key_packages.iter().any(|(of, row, _)| *of == device && row.hash == *hash))
    }

    fn put_key_package(&mut self, device: DeviceId, row: &KeyPackageRow) -> Stored<()> {
        self.key_packages.push((device, row.clone(), true));
        Ok(())
    }

    fn key_package_hashes(
        &mut self,
        device: DeviceId,
        suite: u16,
        last_resort: bool,
    ) -> Stored<Vec<[u8; 32]>> {
        Ok(self.in_stock(device, suite, last_resort).map(|(row, _)| row.hash).collect())
    }

    fn withdraw_key_package(&mut self, device: DeviceId, hash: &[u8; 32]) -> Stored<()> {
        for (of, row, in_stock) in &mut self.key_packages {
            if *of == device && row.hash == *hash {
                *in_stock = false;
            }
        }
        Ok(())
    }

    fn first_in_stock(
        &mut self,
        device: DeviceId,
        suite: u16,
        last_resort: bool,
        now: u64,
    ) -> Stored<Option<([u8; 32], Opaque)>> {
        let mut stock = self.in_stock(device, suite, last_resort);
        let found = stock.find(|(row, _)| row.not_after > now);
        Ok(found.map(|(row, _)| (row.hash, row.bytes.clone())))
    }

    fn stock(&mut self, device: DeviceId, now: u64) -> Stored<Vec<SuiteStock>> {
        let mut suites = BTreeMap::new();
        for (of, row, in_stock) in &self.key_packages {
            if *of == device && *in_stock && row.not_after > now {
                let suite = suites.entry(row.suite).or_insert(SuiteStock {
                    suite: row.suite,
                    count: 0,
                    last_resort: false,
                });
                suite.count += u32::from(!row.last_resort);
                suite.last_resort |= row.last_resort;
            }
        }
        Ok(suites.into_values().collect())
    }

    fn delete_key_packages_before(&mut self, now: u64) -> Stored<()> {
        self.key_packages.retain(|(_, row, _)| row.not_after >= now);
        Ok(())
    }
}

impl DirectoryRows for Tables {
    fn blob(&mut self, blob: BlobId) -> Stored<Option<Vec<u8>>> {
        Ok(self.blobs.get(&blob).map(|(bytes, _)| bytes.clone()))
    }

    fn put_blob(&mut self, blob: BlobId, bytes: &[u8], stored_day: Option<u64>) -> Stored<()> {
        self.blobs.insert(blob, (bytes.to_vec(), stored_day));
        Ok(())
    }

    fn delete_blobs_before(&mut self, day: u64) -> Stored<()> {
        self.blobs.retain(|_, (_, stored_day)| stored_day.is_none_or(|stored| stored >= day));
        Ok(())
    }

    fn name_for_update(&mut self, name: &Name) -> Stored<Option<NameRow>> {
        Ok(self.names.get(name).cloned())
    }

    fn put_name(&mut self, name: &Name, row: &NameRow) -> Stored<()> {
        self.names.insert(name.clone(), row.clone());
        Ok(())
    }
}
