//! What is measured, one function each.

use crate::people::{Group, Person};
use crate::report::{Report, percentile};
use crate::server::Server;
use codec::Encode;
use delivery_api::request;
use std::sync::Barrier;
use std::time::{Duration, Instant};
use trials::Failure;

/// How much of everything.
pub(crate) struct Sizes {
    /// How long a rate is measured.
    pub(crate) time: Duration,
    /// How many groups are opened.
    pub(crate) groups: u32,
    /// How many readers wait for one message.
    pub(crate) readers: u32,
}

/// Connections at which submissions are counted.
const CONNECTIONS: [u32; 3] = [1, 16, 256];

/// Connections that carry half the load, and open the groups.
const SOME: u32 = 16;

/// Logs that are synced in one round trip, if there are as many.
const SYNCED: usize = 1000;

/// How often what takes one round trip is repeated.
const ROUNDS: u32 = 5;

/// Everything, against one server.
pub(crate) fn all(server: &Server<'_>, sizes: &Sizes, report: &mut Report) -> Result<(), Failure> {
    let before = server.site.bytes()?;
    let (mut sent, mut rate) = (0, 0.0);
    for connections in CONNECTIONS {
        let latencies = submissions(server, connections, sizes.time, None)?;
        let at = plural(connections, "connection");
        let per_second = latencies.len() as f64 / sizes.time.as_secs_f64();
        report.note(server.site.name, &format!("messages, {at}"), (per_second, "/s"));
        latency(server, &format!("a message, {at}"), &latencies, report);
        sent += latencies.len();
        if connections == SOME {
            rate = per_second;
        }
    }
    let bytes = server.site.bytes()?.saturating_sub(before);
    let what = "disk per message of 256 bytes";
    report.note(server.site.name, what, (bytes as f64 / sent as f64, "bytes"));
    let latencies = submissions(server, SOME, sizes.time, Some(rate / 2.0))?;
    latency(server, "a message, at half the load of 16 connections", &latencies, report);
    let groups = many_groups(server, sizes.groups, report)?;
    cold_sync(server, &groups, report)?;
    waiting_readers(server, sizes.readers, report)?;
    report.note(server.site.name, "memory of the service", (server.memory()? as f64 / 1e6, "MB"));
    Ok(())
}

/// Runs `work` on as many threads as there are people, all let loose at once.
fn together<T: Send>(
    people: &[Person],
    work: impl Fn(usize, &Person) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    let barrier = Barrier::new(people.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = people
            .iter()
            .enumerate()
            .map(|(index, person)| {
                let (barrier, work) = (&barrier, &work);
                let builder = std::thread::Builder::new().stack_size(1 << 20);
                builder.spawn_scoped(scope, move || {
                    barrier.wait();
                    work(index, person)
                })
            })
            .collect::<Result<_, _>>()?;
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|result| result.map_err(|_| "a thread panicked")?).collect()
    })
}

fn people(server: &Server<'_>, count: u32) -> Result<Vec<Person>, Failure> {
    (0..count).map(|_| server.person()).collect()
}

/// Messages by people each in a group of their own, one after the other or, with a rate, at times
/// set beforehand; a latency then counts from when the message was due. Milliseconds, sorted.
fn submissions(
    server: &Server<'_>,
    connections: u32,
    time: Duration,
    rate: Option<f64>,
) -> Result<Vec<f64>, Failure> {
    let people = people(server, connections)?;
    let groups: Vec<_> = people.iter().map(Person::open).collect::<Result<_, _>>()?;
    let apart = rate.map(|rate| Duration::from_secs_f64(f64::from(connections) / rate.max(1.0)));
    let latencies = together(&people, |index, person| {
        let (start, mut latencies) = (Instant::now(), Vec::new());
        // Spread, so that not all are due in the same moment.
        let mut due = start + apart.unwrap_or_default().mul_f64(index as f64 / people.len() as f64);
        while start.elapsed() < time {
            match apart {
                Some(apart) => {
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    person.send(&groups[index])?;
                    latencies.push(due.elapsed().as_secs_f64() * 1e3);
                    due += apart;
                }
                None => {
                    let begun = Instant::now();
                    person.send(&groups[index])?;
                    latencies.push(begun.elapsed().as_secs_f64() * 1e3);
                }
            }
        }
        Ok(latencies)
    })?;
    let mut all = latencies.concat();
    all.sort_by(f64::total_cmp);
    Ok(all)
}

fn latency(server: &Server<'_>, what: &str, sorted: &[f64], report: &mut Report) {
    for (name, share) in [("median", 0.5), ("99 of 100 within", 0.99)] {
        let figure = (percentile(sorted, share), "ms");
        report.note(server.site.name, &format!("{what}, {name}"), figure);
    }
}

/// Opens groups, each with a commit.
fn many_groups(
    server: &Server<'_>,
    count: u32,
    report: &mut Report,
) -> Result<Vec<Group>, Failure> {
    let (people, before) = (people(server, SOME)?, server.site.bytes()?);
    let start = Instant::now();
    let each = count.div_ceil(SOME);
    let groups = together(&people, |_, person| {
        let mut groups = Vec::new();
        for _ in 0..each {
            let mut group = person.open()?;
            person.commit(&mut group)?;
            groups.push(group);
        }
        Ok(groups)
    })?;
    let groups = groups.concat();
    let rate = groups.len() as f64 / start.elapsed().as_secs_f64();
    let what = plural(each * SOME, "group");
    report.note(server.site.name, &format!("{what} opened, each with a commit"), (rate, "/s"));
    let bytes = server.site.bytes()?.saturating_sub(before) as f64 / groups.len() as f64;
    report.note(server.site.name, "disk per group with a commit of 1 KiB", (bytes, "bytes"));
    Ok(groups)
}

/// Asks for the news of many groups, of which there are none, in one round trip.
fn cold_sync(server: &Server<'_>, groups: &[Group], report: &mut Report) -> Result<(), Failure> {
    let person = server.person()?;
    let groups = &groups[..groups.len().min(SYNCED)];
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let sync = person.sync_request(groups)?;
        let size = sync.to_bytes().len();
        let begun = Instant::now();
        let synced = person.get(&person.key()?, request::sync(&sync))?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        if !synced.logs.is_empty() {
            return Err("news where there are none".into());
        }
        if times.len() == 1 {
            let what = format!("sync of {} without news, request", groups.len());
            report.note(server.site.name, &what, (size as f64 / 1e3, "kB"));
        }
    }
    times.sort_by(f64::total_cmp);
    let what = format!("sync of {} without news, one round trip", groups.len());
    report.note(server.site.name, &what, (percentile(&times, 0.5), "ms"));
    Ok(())
}

/// Sends a message that many wait for, and measures until the last has it.
fn waiting_readers(server: &Server<'_>, count: u32, report: &mut Report) -> Result<(), Failure> {
    let (sender, readers) = (server.person()?, people(server, count)?);
    let group = sender.open()?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let after = match times.len() {
            0 => delivery_api::Position::START,
            _ => sender.send(&group)?,
        };
        let sent = std::sync::OnceLock::new();
        let arrived = std::thread::scope(|scope| {
            let sending = scope.spawn(|| {
                // Until all wait.
                std::thread::sleep(Duration::from_secs(3));
                let _ = sent.set(Instant::now());
                sender.send(&group).map(drop)
            });
            let arrived = together(&readers, |_, reader| {
                let page = reader.read(&group, after, 30)?;
                let arrived = Instant::now();
                if page.entries.len() != 1 {
                    return Err("a reader was not told".into());
                }
                Ok(arrived)
            });
            sending.join().map_err(|_| "a thread panicked")??;
            arrived
        })?;
        let last = arrived.into_iter().max().ok_or("no readers")?;
        let sent = sent.get().ok_or("nothing was sent")?;
        times.push(last.duration_since(*sent).as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let what = format!("a message, until the last of {count} waiting readers has it");
    report.note(server.site.name, &what, (percentile(&times, 0.5), "ms"));
    Ok(())
}

fn plural(count: u32, what: &str) -> String {
    if count == 1 { format!("{count} {what}") } else { format!("{count} {what}s") }
}
