//! The ART paper's benchmark: 16 group sizes, a setup, then 100 messages of 32 bytes from senders
//! of whom no two in a row are the same (CGKA-11).
//!
//! Everybody is active, every message is processed by everybody. The columns are those of the
//! paper's program: nanoseconds and bytes, in total. Each message's length is compared with its
//! closed form as it is made, and the run ends if they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crypto::Secret;

use crate::{Cell, Failure, Member, Protocol, Seeded, Table, Tools, protocol};

use super::Progress;
use super::closed_forms::{path_bytes, rfc9420_path_bytes, setup_bytes, update_bytes};
use super::pairwise::{Person, Session};

/// The paper's group sizes.
pub const PAPER_SIZES: [u32; 16] =
    [2, 3, 4, 6, 10, 15, 22, 34, 51, 76, 115, 172, 259, 389, 583, 875];

/// What is compared, in the order of the rows; the last is no group at all.
const TYPES: [&str; 5] = ["art-prototype", "treekem-draft01", "rfc9420", "mkem", "pairwise"];

const PAYLOAD: [u8; 32] = [0x50; 32];

/// A row, but for its type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaperRow {
    /// Members.
    pub participants: u32,
    /// The creator's time.
    pub init_setup_time: u64,
    /// What the creator sends.
    pub init_setup_bytes: u64,
    /// Everybody else's time until they are in.
    pub others_setup_time: u64,
    /// What they send for it.
    pub others_setup_bytes_sent: u64,
    /// What they receive for it.
    pub others_setup_bytes_received: u64,
    /// The senders' time.
    pub send_time: u64,
    /// The recipients' time.
    pub receive_time: u64,
    /// What is sent.
    pub bytes_sent: u64,
    /// What is received.
    pub bytes_received: u64,
}

fn nanoseconds(since: Instant) -> u64 {
    let elapsed: Duration = since.elapsed();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn check(what: &str, found: usize, expected: Option<usize>) -> Result<(), Failure> {
    match expected {
        Some(expected) if expected == found => Ok(()),
        _ => Err(Failure::Message(format!("{what}: {found} bytes, by its form {expected:?}"))),
    }
}

/// A slot, not that of the sender before.
fn next_sender(size: u32, last: Option<u32>, random: &mut Seeded) -> u32 {
    let below = usize::try_from(size).unwrap_or(usize::MAX);
    loop {
        let slot = u32::try_from(random.below(below)).unwrap_or_default();
        if Some(slot) != last {
            return slot;
        }
    }
}

/// Which parents of a tree of RFC 9420 are filled, if nobody comes or goes: nothing else decides
/// how many ciphertexts a path has.
struct Filled {
    size: u32,
    /// Parents by the first leaf below them and the number of leaves.
    parents: BTreeSet<(u32, u32)>,
}

impl Filled {
    /// The nodes above a leaf with their two halves, from the root down.
    fn halves(&self, slot: u32) -> Vec<[(u32, u32); 2]> {
        let (mut first, mut size, mut halves) = (0, self.size, Vec::new());
        while size > 1 {
            let left = 1 << (size - 1).ilog2();
            let pair = [(first, left), (first + left, size - left)];
            (first, size) = if slot < first + left { pair[0] } else { pair[1] };
            halves.push(pair);
        }
        halves
    }

    fn resolution(&self, (first, size): (u32, u32)) -> usize {
        if size == 1 || self.parents.contains(&(first, size)) {
            return 1;
        }
        let left = 1 << (size - 1).ilog2();
        self.resolution((first, left)) + self.resolution((first + left, size - left))
    }

    /// An update of a leaf: the length of its path.
    fn update(&mut self, slot: u32) -> usize {
        let halves = self.halves(slot);
        let copath = |[left, right]: &[(u32, u32); 2]| if slot < right.0 { *right } else { *left };
        let counts: Vec<_> =
            halves.iter().rev().map(|pair| self.resolution(copath(pair))).collect();
        let nodes = halves.iter().map(|[left, right]| (left.0, left.1 + right.1));
        self.parents.extend(nodes);
        rfc9420_path_bytes(&counts)
    }
}

/// A message under the epoch's secret.
fn payload_key(tools: &Tools, member: &dyn Member) -> Result<Secret, Failure> {
    let key = tools.suite().mac(&member.epoch_secret(), b"payload")?;
    Ok(Secret::from_slice(&key.expose()[..tools.suite().params().aead_key_length]))
}

/// What an update and a payload take together: a length, the update, a nonce, payload and tag.
const AROUND_UPDATE: usize = 4 + 12 + PAYLOAD.len() + 16;

fn group_row(
    protocol: &'static dyn Protocol,
    size: u32,
    messages: u32,
) -> Result<PaperRow, Failure> {
    let (tools, mut random) = (Tools::new()?, Seeded::new(u64::from(size)));
    let mut people = Vec::new();
    for identity in 0..size {
        people.push(protocol.newcomer(&tools, identity, &mut random)?);
    }
    let creator = people.remove(0);
    let packages: Vec<_> = people.iter().map(|person| person.key_package()).collect();
    let mut row = PaperRow { participants: size, ..PaperRow::default() };
    let start = Instant::now();
    let (creator, setup) = creator.create(&packages, &mut random)?;
    row.init_setup_time = nanoseconds(start);
    check("setup", setup.len(), setup_bytes(protocol.name(), size))?;
    row.init_setup_bytes = wide(setup.len());
    row.others_setup_bytes_received = wide(setup.len()) * u64::from(size - 1);
    let start = Instant::now();
    let mut members = BTreeMap::from([(creator.slot(), creator)]);
    for person in people {
        let member = person.join(&setup)?;
        members.insert(member.slot(), member);
    }
    row.others_setup_time = nanoseconds(start);
    // The creator's commit filled its path.
    let mut filled = Filled { size, parents: BTreeSet::new() };
    filled.update(0);
    let mut last = None;
    for _ in 0..messages {
        let slot = next_sender(size, last, &mut random);
        last = Some(slot);
        let path = match protocol.name() {
            "rfc9420" => Some(filled.update(slot)),
            name => path_bytes(name, slot, size),
        };
        let expected = path.and_then(|path| update_bytes(protocol.name(), slot, size, path));
        say(&tools, &mut members, (slot, expected), &mut row, &mut random)?;
    }
    Ok(row)
}

/// One member updates and says something; all others process and read it.
fn say(
    tools: &Tools,
    members: &mut BTreeMap<u32, Box<dyn Member>>,
    (slot, expected): (u32, Option<usize>),
    row: &mut PaperRow,
    random: &mut Seeded,
) -> Result<(), Failure> {
    let nonce = [0; 12];
    let sender = members.get_mut(&slot).ok_or(Failure::Misuse("an empty slot"))?;
    let start = Instant::now();
    let sent = sender.update(random)?;
    sender.process(&sent.message)?;
    let key = payload_key(tools, &**sender)?;
    let sealed = tools.suite().aead_seal(&key, &nonce, &[], &PAYLOAD)?;
    row.send_time += nanoseconds(start);
    check("update", sent.message.len(), expected)?;
    let bytes = wide(sent.message.len() + AROUND_UPDATE);
    row.bytes_sent += bytes;
    for (_, member) in members.iter_mut().filter(|(other, _)| **other != slot) {
        let start = Instant::now();
        member.process(&sent.message)?;
        let key = payload_key(tools, &**member)?;
        let read = tools.suite().aead_open(&key, &nonce, &[], &sealed)?;
        row.receive_time += nanoseconds(start);
        row.bytes_received += bytes;
        if read.expose() != PAYLOAD {
            return Err(Failure::Message("another payload".into()));
        }
    }
    Ok(())
}

/// The same without a group. Sessions open when they are first used.
fn pairwise_row(size: u32, messages: u32) -> Result<PaperRow, Failure> {
    let (tools, mut random) = (Tools::new()?, Seeded::new(u64::from(size)));
    let suite = tools.suite();
    let mut people = Vec::new();
    for _ in 0..size {
        people.push(Person::new(suite, &mut random)?);
    }
    let mut sessions: BTreeMap<(u32, u32), Session> = BTreeMap::new();
    let mut row = PaperRow { participants: size, ..PaperRow::default() };
    let mut last = None;
    for _ in 0..messages {
        let slot = next_sender(size, last, &mut random);
        last = Some(slot);
        for (other, person) in (0_u32..).zip(&people).filter(|(other, _)| *other != slot) {
            if !sessions.contains_key(&(slot, other)) {
                let start = Instant::now();
                let own = usize::try_from(slot).ok().and_then(|slot| people.get(slot));
                let own = own.ok_or(Failure::Misuse("nobody"))?;
                let (here, there, opening) = own.open(suite, (slot, person), &mut random)?;
                sessions.extend([((slot, other), here), ((other, slot), there)]);
                row.others_setup_time += nanoseconds(start);
                row.others_setup_bytes_sent += wide(opening.len());
                row.others_setup_bytes_received += wide(opening.len());
            }
            let start = Instant::now();
            let here = sessions.get_mut(&(slot, other)).ok_or(Failure::Misuse("no session"))?;
            let message = here.send(suite, (slot, &PAYLOAD), &mut random)?;
            row.send_time += nanoseconds(start);
            check("message", message.len(), Some(98 + if slot < 64 { 1 } else { 2 }))?;
            row.bytes_sent += wide(message.len());
            let start = Instant::now();
            let there = sessions.get_mut(&(other, slot)).ok_or(Failure::Misuse("no session"))?;
            let read = there.receive(suite, &message, PAYLOAD.len())?;
            row.receive_time += nanoseconds(start);
            row.bytes_received += wide(message.len());
            if read.expose() != PAYLOAD {
                return Err(Failure::Message("another payload".into()));
            }
        }
    }
    Ok(row)
}

/// One row of the benchmark.
pub fn paper_row(name: &str, size: u32, messages: u32) -> Result<PaperRow, Failure> {
    match protocol(name) {
        Some(protocol) => group_row(protocol, size, messages),
        None if name == "pairwise" => pairwise_row(size, messages),
        None => Err(Failure::Misuse("no such protocol")),
    }
}

/// The benchmark at these sizes.
pub fn paper_table(sizes: &[u32], messages: u32, progress: Progress<'_>) -> Result<Table, Failure> {
    let columns = [
        "type",
        "participants",
        "active_participants",
        "init_setup_time",
        "init_setup_bytes",
        "others_setup_time",
        "others_setup_bytes_sent",
        "others_setup_bytes_received",
        "send_time",
        "receive_time",
        "bytes_sent",
        "bytes_received",
    ];
    let mut table = Table::new("bench", "The ART paper's benchmark", &columns);
    let of = wide(sizes.len() * TYPES.len());
    let mut done = 0;
    for &size in sizes {
        for name in TYPES {
            let row = paper_row(name, size, messages)?;
            let counts = [
                row.init_setup_time,
                row.init_setup_bytes,
                row.others_setup_time,
                row.others_setup_bytes_sent,
                row.others_setup_bytes_received,
                row.send_time,
                row.receive_time,
                row.bytes_sent,
                row.bytes_received,
            ];
            let head = [name.into(), size.into(), size.into()];
            table.row(head.into_iter().chain(counts.map(Cell::from)));
            done += 1;
            progress(done, of);
        }
    }
    Ok(table)
}
