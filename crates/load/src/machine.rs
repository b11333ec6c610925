//! The machine, and what its disk can do.

use crate::report::Report;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use trials::Failure;

/// How long syncs are counted.
const SYNCING: Duration = Duration::from_secs(3);

/// Bytes written before each sync: a page of the database's write-ahead log.
const SYNC_BYTES: usize = 4096;

/// The pages that are written in turn: as many as SQLite's write-ahead log has before it starts
/// over.
const PAGES: u64 = 1000;

/// Notes what the machine is, and how many syncs a second its disk takes from one writer: of a file
/// that grows, and of one that is written over, as a write-ahead log is.
pub(crate) fn describe(folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let cpus = std::thread::available_parallelism()?.get();
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    eprintln!("{cpus} processors, {}", model.unwrap_or("of an unknown kind"));
    report.note("machine", "processors", (cpus as f64, ""));
    let mut file = File::create(folder.join("syncs"))?;
    let growing = syncs(&mut file, u64::MAX)?;
    report.note("machine", "syncs of 4 KiB at the end of a file, one writer", (growing, "/s"));
    file.write_all(&vec![7; SYNC_BYTES * usize::try_from(PAGES)?])?;
    file.sync_all()?;
    let in_place = syncs(&mut file, PAGES)?;
    report.note("machine", "syncs of 4 KiB in place, one writer", (in_place, "/s"));
    Ok(())
}

/// Writes a page and syncs it, again and again; starts over after so many.
fn syncs(file: &mut File, pages: u64) -> Result<f64, Failure> {
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < SYNCING {
        if u64::from(count) % pages == 0 {
            file.seek(SeekFrom::Start(0))?;
        }
        file.write_all(&[7; SYNC_BYTES])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}
