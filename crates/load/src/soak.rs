//! Mixed work for long: memory must not grow, nor the disk beyond what is kept.

use crate::people::{Person, idempotency_key};
use crate::server::{Place, Server};
use codec::Opaque;
use delivery_api::inbox::{Acknowledge, PutItem};
use delivery_api::request::Window;
use delivery_api::{Position, request};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use trials::Failure;

/// People at work.
const PEOPLE: u32 = 16;

/// Entries of a log that are kept, so that the disk is bounded too.
const ENTRIES_KEPT: u64 = 1000;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(15);

/// What memory may be at most, as a multiple of what it was after the first tenth, and above that.
const GROWTH_MAX: (u64, u64) = (3, 2);

/// Allocators keep some; bytes beyond [`GROWTH_MAX`].
const SLACK_BYTES: u64 = 32 << 20;

/// Works for so many minutes; an error if memory grows or anything is refused.
pub(crate) fn run(minutes: u64, folder: Option<PathBuf>) -> Result<(), Failure> {
    let place = Place::new(folder)?;
    let site = place.sqlite()?;
    let server = Server::start(&site, Some(ENTRIES_KEPT))?;
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let people = (0..PEOPLE).map(|_| server.person()).collect::<Result<Vec<_>, _>>()?;
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            people.iter().map(|person| scope.spawn(|| work(person, &stop, &done))).collect();
        let watched = watch(&server, Duration::from_secs(60 * minutes), &done);
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().map_err(|_| "a thread panicked")??;
        }
        watched
    })
}

/// Looks at memory until the time is over.
fn watch(server: &Server<'_>, time: Duration, done: &AtomicU64) -> Result<(), Failure> {
    let (start, mut settled) = (Instant::now(), None);
    while start.elapsed() < time {
        std::thread::sleep(LOOK.min(time.saturating_sub(start.elapsed())));
        let (memory, disk) = (server.memory()?, server.site.bytes()?);
        println!(
            "{:>6.0} s {:>9} rounds, {:>5.1} MB of memory, {:>6.1} MB on disk",
            start.elapsed().as_secs_f64(),
            done.load(Ordering::Relaxed),
            memory as f64 / 1e6,
            disk as f64 / 1e6,
        );
        if start.elapsed() >= time / 10 {
            let first = *settled.get_or_insert(memory);
            let bound = first * GROWTH_MAX.0 / GROWTH_MAX.1 + SLACK_BYTES;
            if memory > bound {
                return Err(format!("memory grew from {first} to {memory} bytes").into());
            }
        }
    }
    if settled.is_none() {
        return Err("too short: memory was never looked at".into());
    }
    Ok(())
}

/// One round after the other: a message, sometimes a commit, reading back, an item in the inbox.
fn work(person: &Person, stop: &AtomicBool, done: &AtomicU64) -> Result<(), Failure> {
    let (device, mut group) = (person.key()?, person.open()?);
    person.get(&device, request::register_device(device.device()))?;
    let (mut read, mut round) = (Position::START, 0_u64);
    while !stop.load(Ordering::Relaxed) {
        let sent = person.send(&group)?;
        if round % 8 == 0 {
            let page = person.read(&group, read, 0)?;
            read = page.entries.last().map_or(read, |entry| entry.position);
            if read != sent {
                return Err(format!("read up to {}, sent {}", read.0, sent.0).into());
            }
        }
        if round % 32 == 0 {
            person.commit(&mut group)?;
            // What the new key may read begins behind the commit.
            read = group.head;
        }
        if round % 16 == 0 {
            let item =
                PutItem { idempotency_key: idempotency_key()?, bytes: Opaque::from(vec![7; 512]) };
            person.get(&device, request::put_item(device.device(), &item))?;
            let window = Window { after: Position::START, limit: 10, wait_seconds: 0 };
            let page = person.get(&device, request::read_inbox(device.device(), window))?;
            let numbers = page.items.iter().map(|item| item.number).collect();
            let acknowledge = Acknowledge { numbers };
            person.get(&device, request::acknowledge(device.device(), &acknowledge))?;
        }
        round += 1;
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
