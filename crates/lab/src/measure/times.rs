//! Times, and how they grow with the depth of the tree (CGKA-6). For reports only: nothing passes
//! or fails by a time.

use std::time::{Duration, Instant};

use crypto::HpkeKeyPair;

use crate::{Failure, Protocol, Seeded, Table, Tools, protocol};

use super::{Progress, path_levels};

/// The protocols whose updates go up a tree, with the seals that each level takes.
const TREES: [(&str, u32); 4] =
    [("art-draft01", 0), ("art-modern", 0), ("treekem-draft01", 1), ("rfc9420", 1)];

/// How often an operation is done; the median counts.
const RUNS: usize = 31;

/// A straight line through points, by least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// What one step to the right adds.
    pub slope: f64,
    /// Where the line starts.
    pub start: f64,
    /// How much of the variance the line explains.
    pub r_squared: f64,
}

impl Fit {
    /// The line through these points. With fewer than two different places it is level.
    #[must_use]
    pub fn through(points: &[(f64, f64)]) -> Self {
        let count: f64 = points.iter().map(|_| 1.0).sum::<f64>().max(1.0);
        let x = points.iter().map(|point| point.0).sum::<f64>() / count;
        let y = points.iter().map(|point| point.1).sum::<f64>() / count;
        let sum = |term: &dyn Fn(f64, f64) -> f64| -> f64 {
            points.iter().map(|point| term(point.0 - x, point.1 - y)).sum()
        };
        let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
        let slope = if xx > 0.0 { xy / xx } else { 0.0 };
        let r_squared = if xx * yy > 0.0 { xy * xy / (xx * yy) } else { 0.0 };
        Self { slope, start: y - slope * x, r_squared }
    }
}

/// The median of some runs, in microseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

/// What single operations take, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Primitives {
    /// Diffie-Hellman.
    pub dh: f64,
    /// Multiplying the base point.
    pub base: f64,
}

/// Measures single operations.
pub fn primitives() -> Result<Primitives, Failure> {
    let (tools, mut random) = (Tools::new()?, Seeded::new(1));
    let (suite, kem) = (tools.suite(), tools.suite().params().kem);
    let HpkeKeyPair { private_key, public_key, .. } = suite.generate_key_pair(&mut random)?;
    let (mut dh, mut base) = (Vec::new(), Vec::new());
    for _ in 0..401 {
        let start = Instant::now();
        suite.provider().dh(kem, &private_key, &public_key)?;
        dh.push(start.elapsed());
        let start = Instant::now();
        suite.provider().dh_public_key(kem, &private_key)?;
        base.push(start.elapsed());
    }
    Ok(Primitives { dh: median(dh), base: median(base) })
}

/// How long an update takes its sender, and the recipient beside it, who shares all levels: in
/// microseconds.
pub fn update_times(protocol: &'static dyn Protocol, size: u32) -> Result<(f64, f64), Failure> {
    let (tools, mut random) = (Tools::new()?, Seeded::new(u64::from(size)));
    let warm = protocol.warm(&tools, size, &mut random)?;
    let (mut sending, mut receiving) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (mut sender, mut recipient) = (warm.member(0)?, warm.member(1)?);
        let start = Instant::now();
        let sent = sender.update(&mut random)?;
        sender.process(&sent.message)?;
        sending.push(start.elapsed());
        let start = Instant::now();
        recipient.process(&sent.message)?;
        receiving.push(start.elapsed());
    }
    Ok((median(sending), median(receiving)))
}

/// Times of updates against the depth of the tree, up to `2^levels` members, and the lines through
/// them beside what one level should take.
pub fn times_tables(levels: u32, progress: Progress<'_>) -> Result<[Table; 2], Failure> {
    let columns = ["protocol", "members", "levels", "sender µs", "recipient beside it µs"];
    let mut points = Table::new("times", "Times of one update, in warm groups", &columns);
    let columns = ["protocol", "µs a level", "R squared", "its DH and base µs", "ratio"];
    let mut fits = Table::new("fits", "What a level costs the sender", &columns);
    let primitives = primitives()?;
    let of = u64::from(levels) * 4;
    let mut done = 0;
    for (name, seals) in TREES {
        let chosen = protocol(name).ok_or(Failure::Misuse("no such protocol"))?;
        let mut senders = Vec::new();
        for size in (1..=levels).map(|level| 1_u32 << level) {
            let (sender, recipient) = update_times(chosen, size)?;
            let level = path_levels(0, size);
            points.row([name.into(), size.into(), level.into(), sender.into(), recipient.into()]);
            senders.push((f64::from(level), sender));
            done += 1;
            progress(done, of);
        }
        let fit = Fit::through(&senders);
        // A key for the node and a Diffie-Hellman; a seal has an ephemeral key of its own.
        let expected = primitives.dh + primitives.base * f64::from(1 + seals);
        fits.row([
            name.into(),
            fit.slope.into(),
            format!("{:.4}", fit.r_squared).into(),
            expected.into(),
            (fit.slope / expected).into(),
        ]);
    }
    Ok([points, fits])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_again() {
        let line = |x: f64| (x, 3.0 * x + 2.0);
        let fit = Fit::through(&[1.0, 2.0, 4.0, 9.0].map(line));
        assert!((fit.slope - 3.0).abs() < 1e-9 && (fit.start - 2.0).abs() < 1e-9);
        assert!((fit.r_squared - 1.0).abs() < 1e-9);
        let bent = Fit::through(&[(0.0, 0.0), (1.0, 5.0), (2.0, 0.0)]);
        assert!(bent.r_squared < 0.1 && bent.slope.abs() < 1e-9);
        assert_eq!(Fit::through(&[]).slope, 0.0);
    }
}
