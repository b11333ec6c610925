//! The machine, and what its disk can do.

use crate::report::Report;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use trials::Failure;

/// How long syncs are counted.
const SYNCING: Duration = Duration::from_secs(3);

/// Bytes written before each sync: a page of the database's write-ahead log.
const SYNC_BYTES: usize = 4096;

/// Notes what the machine is, and how many syncs a second its disk takes from one writer.
pub(crate) fn describe(folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let cpus = std::thread::available_parallelism()?.get();
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    eprintln!("{cpus} processors, {}", model.unwrap_or("of an unknown kind"));
    report.note("machine", "processors", (cpus as f64, ""));
    report.note("machine", "syncs of 4 KiB by one writer", (syncs(folder)?, "/s"));
    Ok(())
}

fn syncs(folder: &Path) -> Result<f64, Failure> {
    let mut file = File::create(folder.join("syncs"))?;
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < SYNCING {
        file.write_all(&[7; SYNC_BYTES])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}
