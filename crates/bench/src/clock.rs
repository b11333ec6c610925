//! Time as it is measured: processor time of the whole process, all threads, and wall time beside
//! it.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// One timing, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Time {
    /// Processor time of all threads of the process.
    pub cpu: u64,
    /// Wall time.
    pub wall: u64,
}

impl std::ops::Add for Time {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, wall: self.wall + other.wall }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn cpu_now() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(now).unwrap_or_default()
}

/// Runs something once and says how long it took.
pub fn time<T>(operation: impl FnOnce() -> T) -> (T, Time) {
    let (wall, cpu) = (Instant::now(), cpu_now());
    let output = std::hint::black_box(operation());
    let cpu = cpu_now().saturating_sub(cpu);
    (output, Time { cpu: nanoseconds(cpu), wall: nanoseconds(wall.elapsed()) })
}

/// The median of some numbers; the lower one of two in the middle.
#[must_use]
pub fn median(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable();
    let middle = numbers.len().saturating_sub(1) / 2;
    numbers.get(middle).copied().unwrap_or_default()
}

/// The median processor time and the median wall time of some timings.
#[must_use]
pub fn median_time(times: &[Time]) -> Time {
    let part = |part: fn(&Time) -> u64| median(times.iter().map(part).collect());
    Time { cpu: part(|time| time.cpu), wall: part(|time| time.wall) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![]), 0);
        assert_eq!(median(vec![9, 1, 5]), 5);
        assert_eq!(median(vec![4, 1, 3, 2]), 2);
    }

    #[test]
    fn work_takes_processor_time_and_sleep_does_not() {
        let (_, slept) = time(|| std::thread::sleep(Duration::from_millis(20)));
        assert!(slept.wall >= 20_000_000);
        let (_, worked) = time(|| (0..2_000_000_u64).map(std::hint::black_box).sum::<u64>());
        assert!(worked.cpu > 0);
    }
}
