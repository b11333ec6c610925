//! The targets for large groups, each with what was measured against it.

use serde::Serialize;

use crate::record::Sample;
use crate::report::{Place, Report};
use crate::table::{bytes, cpu, nanoseconds, wall};
use crate::{Phase, Setting, Stack};

/// One target.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    /// What is measured.
    pub operation: String,
    /// The number of members.
    pub n: u32,
    /// The cipher suite.
    pub suite: u16,
    /// The demand in words.
    pub target: String,
    /// The number that is compared, in the unit of the target; none if it was not measured.
    pub measured: Option<f64>,
    /// The measured time or size in words.
    pub shown: String,
    /// The floor in nanoseconds of processor time, where there is one.
    pub floor: Option<f64>,
    /// The best peer and its nanoseconds, where peers are compared.
    pub best_peer: Option<(String, f64)>,
    /// Whether the demand is met; none if it was not measured.
    pub met: Option<bool>,
}

/// What the targets need to be measured, in the order of their size.
#[must_use]
pub fn plan(seconds: u64, processors: usize) -> Vec<Setting> {
    let stack = Stack::ConclaveAwsLc;
    let base = Setting { stack, suite: 1, members: 3, phase: Phase::Hostile, threads: 1, seconds };
    let mut settings = vec![base.clone()];
    let mut add = |stacks: &[Stack], members: u32, phase: Phase, threads: usize| {
        let one = |&stack| Setting { stack, members, phase, threads, ..base.clone() };
        settings.extend(stacks.iter().map(one));
    };
    let peers = [Stack::MlsRsAwsLc, Stack::OpenMls];
    for members in [10_000, 50_000, 100_000] {
        add(&[stack, Stack::ConclaveSqlite], members, Phase::Warm, 1);
        if members <= 50_000 {
            add(&peers, members, Phase::Warm, 1);
        }
        add(&[stack], members, Phase::Heap, 1);
    }
    for members in [10_000, 100_000] {
        add(&[stack], members, Phase::Cold, 1);
        add(&[stack], members, Phase::Cold, processors);
    }
    settings
}

/// Reads a report.
struct Reader<'a> {
    report: &'a Report,
    suite: u16,
    rows: Vec<Target>,
}

/// All targets, as far as the report has what they need.
#[must_use]
pub fn targets(report: &Report) -> Vec<Target> {
    let mut suites: Vec<u16> = report.places().iter().map(|place| place.suite).collect();
    suites.sort_unstable();
    suites.dedup();
    let mut rows = Vec::new();
    for suite in suites {
        let mut reader = Reader { report, suite, rows: Vec::new() };
        reader.read();
        rows.append(&mut reader.rows);
    }
    rows
}

/// The parts of an ordinary commit.
const CHANGES: [&str; 3] = ["update", "add", "remove"];

/// Both durable: what the committer does, and what a receiver does.
#[derive(Clone, Copy)]
enum Side {
    Committer,
    Receiver,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Committer => "create + apply",
            Self::Receiver => "process + persist",
        }
    }
}

/// A sum of samples that together are one operation.
#[derive(Clone, Copy, Default)]
struct Whole {
    cpu: f64,
    floor: Option<f64>,
    bytes: u64,
}

impl Whole {
    fn of(samples: &[Option<&Sample>]) -> Option<Self> {
        let mut whole = Self::default();
        for sample in samples {
            let sample = (*sample)?;
            whole.cpu += cpu(sample.durable());
            whole.bytes += sample.bytes;
            whole.floor = match (whole.floor, sample.floor) {
                (Some(one), Some(two)) => Some(one + two),
                (one, two) => one.or(two),
            };
        }
        Some(whole)
    }
}

impl Reader<'_> {
    fn place(&self, members: u32, phase: Phase) -> Place {
        Place { suite: self.suite, members, phase, threads: 1 }
    }

    fn change(&self, stack: Stack, members: u32, change: &str, side: Side) -> Option<Whole> {
        let place = self.place(members, Phase::Warm);
        let sample = |part: &str| self.report.sample(stack, place, &format!("{change}: {part}"));
        match side {
            Side::Committer => Whole::of(&[sample("create"), sample("apply")]),
            Side::Receiver => Whole::of(&[sample("process")]),
        }
    }

    /// Adds a row; nothing if nobody looked there.
    fn row(&mut self, (operation, n): (String, u32), demand: &Demand, measured: &Measured) {
        let Measured { value, shown, floor, best_peer } = measured.clone();
        let met = value.map(|value| demand.is_met(value));
        let (suite, target) = (self.suite, demand.words());
        let row =
            Target { operation, n, suite, target, measured: value, shown, floor, best_peer, met };
        self.rows.push(row);
    }

    fn read(&mut self) {
        self.commits();
        self.growth();
        self.peers();
        self.messages();
        self.linear();
        self.storage();
        self.memory();
        self.hostile();
    }

    fn commits(&mut self) {
        for members in [10_000, 100_000] {
            for change in CHANGES {
                for side in [Side::Committer, Side::Receiver] {
                    let whole = self.change(Stack::ConclaveAwsLc, members, change, side);
                    let Some(whole) = whole else { continue };
                    let name = format!("{change}: {}", side.name());
                    let measured = Measured::ratio(whole.cpu, whole.floor);
                    self.row((name.clone(), members), &Demand::FloorsAtMost(1.5), &measured);
                    if members == 100_000 {
                        let written = Measured::bytes(whole.bytes);
                        let name = format!("{name}: bytes written");
                        self.row((name, members), &Demand::BytesAtMost(16 << 10), &written);
                    }
                }
            }
        }
    }

    /// Ten times the members make a path longer by a quarter.
    fn growth(&mut self) {
        for change in CHANGES {
            for side in [Side::Committer, Side::Receiver] {
                let at = |members| self.change(Stack::ConclaveAwsLc, members, change, side);
                let (Some(small), Some(large)) = (at(10_000), at(100_000)) else { continue };
                let name = format!("{change}: {}, against N = 10,000", side.name());
                let measured = Measured::number(large.cpu / small.cpu, nanoseconds(large.cpu));
                self.row((name, 100_000), &Demand::TimesAtMost(1.5), &measured);
            }
        }
    }

    fn peers(&mut self) {
        for (members, factor) in [(10_000, 70.0), (50_000, 400.0)] {
            for change in CHANGES {
                for side in [Side::Committer, Side::Receiver] {
                    let peers = Stack::ALL.into_iter().filter(|stack| stack.is_peer());
                    let peers = peers.filter_map(|peer| {
                        Some((peer, self.change(peer, members, change, side)?.cpu))
                    });
                    let best = peers.min_by(|one, two| one.1.total_cmp(&two.1));
                    let ours = self.change(Stack::ConclaveAwsLc, members, change, side);
                    let (Some((peer, best)), Some(ours)) = (best, ours) else { continue };
                    let measured = Measured {
                        best_peer: Some((peer.to_string(), best)),
                        ..Measured::number(best / ours.cpu, nanoseconds(ours.cpu))
                    };
                    let name = format!("{change}: {}, against the best peer", side.name());
                    self.row((name, members), &Demand::TimesFaster(factor), &measured);
                }
            }
        }
    }

    fn messages(&mut self) {
        for members in [10_000, 100_000] {
            for name in ["protect 32 B", "unprotect 32 B"] {
                let place = self.place(members, Phase::Warm);
                let Some(sample) = self.report.sample(Stack::ConclaveAwsLc, place, name) else {
                    continue;
                };
                let measured = Measured::ratio(cpu(sample.durable()), sample.floor);
                let written = Measured::bytes(sample.bytes);
                self.row((name.to_string(), members), &Demand::FloorsAtMost(1.3), &measured);
                let name = format!("{name}: bytes written");
                self.row((name, members), &Demand::BytesAtMost(1 << 10), &written);
            }
        }
    }

    fn linear(&mut self) {
        let operations = [
            ("create and add all", Phase::Cold, 0.7),
            ("join, blank tree", Phase::Cold, 0.6),
            ("join, warm tree", Phase::Warm, 0.6),
            ("blank tree: create commit", Phase::Cold, 1.1),
        ];
        for (name, phase, limit) in operations {
            for members in [10_000, 100_000] {
                let place = self.place(members, phase);
                let Some(sample) = self.report.sample(Stack::ConclaveAwsLc, place, name) else {
                    continue;
                };
                let time = sample.time();
                let measured = Measured::ratio(cpu(time), sample.floor);
                self.row((name.to_string(), members), &Demand::FloorsAtMost(limit), &measured);
                self.spread(name, place);
            }
            let at = |members| {
                let place = self.place(members, phase);
                self.report.sample(Stack::ConclaveAwsLc, place, name).map(|it| cpu(it.time()))
            };
            if let (Some(small), Some(large)) = (at(10_000), at(100_000)) {
                let measured = Measured::number(large / small / 10.0, nanoseconds(large));
                let name = format!("{name}: per member, against N = 10,000");
                self.row((name, 100_000), &Demand::TimesAtMost(1.25), &measured);
            }
        }
    }

    /// With all processors, the wall time of linear work falls below its processor time.
    fn spread(&mut self, name: &str, place: Place) {
        let spread = self
            .report
            .places()
            .into_iter()
            .find(|other| other.threads > 1 && Place { threads: 1, ..*other } == place);
        let sample = spread.and_then(|place| self.report.sample(Stack::ConclaveAwsLc, place, name));
        if let Some(sample) = sample {
            let time = sample.time();
            let words = format!("{} wall, {} CPU", nanoseconds(wall(time)), nanoseconds(cpu(time)));
            let measured = Measured::number(wall(time) / cpu(time), words);
            let name = format!("{name}: wall time over processor time, all processors");
            self.row((name, place.members), &Demand::TimesAtMost(0.75), &measured);
        }
    }

    fn storage(&mut self) {
        let operations =
            [("load and send", 10_000_000.0), ("load and process a commit", 150_000_000.0)];
        for stack in [Stack::ConclaveAwsLc, Stack::ConclaveSqlite] {
            for (name, limit) in operations {
                let place = self.place(100_000, Phase::Warm);
                let Some(sample) = self.report.sample(stack, place, name) else { continue };
                let time = cpu(sample.durable());
                let measured = Measured::number(time, nanoseconds(time));
                let rows = if stack == Stack::ConclaveSqlite { "SQLite" } else { "memory" };
                let name = format!("{name}, rows in {rows}");
                self.row((name, 100_000), &Demand::NanosecondsAtMost(limit), &measured);
            }
        }
        let outcome = self.report.outcome(Stack::ConclaveAwsLc, self.place(50_000, Phase::Warm));
        if let Some(stored) = outcome.and_then(|it| it.figure("stored bytes of a group")) {
            let name = ("stored state".to_string(), 50_000);
            self.row(name, &Demand::BytesAtMost(20_000_000), &Measured::bytes(stored));
        }
    }

    fn memory(&mut self) {
        for members in [10_000, 50_000, 100_000] {
            let place = self.place(members, Phase::Heap);
            let Some(outcome) = self.report.outcome(Stack::ConclaveAwsLc, place) else { continue };
            let held = outcome.figure("heap of a loaded group");
            let tree = outcome.figure("ratchet tree on the wire");
            let (Some(held), Some(tree)) = (held, tree) else { continue };
            let words = format!("{} for a tree of {}", bytes(held), bytes(tree));
            let measured = Measured::number(quotient(held, tree), words);
            let name = ("steady memory over the tree on the wire".to_string(), members);
            self.row(name, &Demand::TimesAtMost(1.5), &measured);
        }
    }

    fn hostile(&mut self) {
        let place = self.place(3, Phase::Hostile);
        let Some(outcome) = self.report.outcome(Stack::ConclaveAwsLc, place) else { return };
        let refusals = [
            ("a message of generation 2^32-1", 1_000_000.0, 64 << 10),
            ("a commit with a million proposals", 1_000_000_000.0, 256 << 20),
            ("a ratchet tree of 2^26 nodes", 100_000_000.0, 64 << 20),
        ];
        let mut rows = Vec::new();
        for (name, time_limit, heap_limit) in refusals {
            if let Some(sample) = outcome.sample(name) {
                let time = cpu(sample.time());
                let demand = Demand::NanosecondsAtMost(time_limit);
                rows.push((name.to_string(), demand, Measured::number(time, nanoseconds(time))));
            }
            let heap = format!("{name}: heap");
            if let Some(peak) = outcome.figure(&heap) {
                rows.push((heap, Demand::BytesAtMost(heap_limit), Measured::bytes(peak)));
            }
        }
        for (name, demand, measured) in rows {
            self.row((name, 3), &demand, &measured);
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "three digits matter")]
fn quotient(one: u64, two: u64) -> f64 {
    one as f64 / two as f64
}

/// What is demanded.
enum Demand {
    FloorsAtMost(f64),
    TimesAtMost(f64),
    TimesFaster(f64),
    BytesAtMost(u64),
    NanosecondsAtMost(f64),
}

impl Demand {
    fn is_met(&self, value: f64) -> bool {
        match *self {
            Self::FloorsAtMost(limit)
            | Self::TimesAtMost(limit)
            | Self::NanosecondsAtMost(limit) => value <= limit,
            Self::TimesFaster(limit) => value >= limit,
            Self::BytesAtMost(limit) => value <= quotient(limit, 1),
        }
    }

    fn words(&self) -> String {
        match *self {
            Self::FloorsAtMost(limit) => format!("<= {limit} x floor"),
            Self::TimesAtMost(limit) => format!("<= {limit}"),
            Self::TimesFaster(limit) => format!(">= {limit} x faster"),
            Self::BytesAtMost(limit) => format!("<= {}", bytes(limit)),
            Self::NanosecondsAtMost(limit) => format!("<= {}", nanoseconds(limit)),
        }
    }
}

/// What was measured.
#[derive(Clone, Default)]
struct Measured {
    value: Option<f64>,
    shown: String,
    floor: Option<f64>,
    best_peer: Option<(String, f64)>,
}

impl Measured {
    fn ratio(time: f64, floor: Option<f64>) -> Self {
        let value = floor.map(|floor| time / floor);
        Self { value, shown: nanoseconds(time), floor, best_peer: None }
    }

    fn number(value: f64, shown: String) -> Self {
        Self { value: Some(value), shown, ..Self::default() }
    }

    fn bytes(value: u64) -> Self {
        Self::number(quotient(value, 1), bytes(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::report::{End, Outcome};

    fn outcome(stack: Stack, process: u64) -> Outcome {
        let setting = Setting {
            stack,
            suite: 1,
            members: 10_000,
            phase: Phase::Warm,
            threads: 1,
            seconds: 1,
        };
        let sample = |operation: &str, cpu| Sample {
            operation: operation.to_string(),
            times: vec![Time { cpu, wall: 0 }],
            persist: vec![Time { cpu: 10, wall: 0 }],
            floor: (operation != "update: apply").then_some(100.0),
            ..Sample::default()
        };
        let mut outcome = Outcome::empty(setting, End::Finished);
        outcome.samples = vec![
            sample("update: create", 100),
            sample("update: apply", 20),
            sample("update: process", process),
        ];
        outcome
    }

    fn find<'a>(rows: &'a [Target], operation: &str) -> &'a Target {
        rows.iter().find(|row| row.operation == operation).unwrap()
    }

    #[test]
    fn a_target_is_met_up_to_its_limit_and_not_beyond() {
        for (process, met) in [(140, true), (141, false)] {
            let outcomes = vec![outcome(Stack::ConclaveAwsLc, process)];
            let rows = targets(&Report { outcomes, ..Report::default() });
            assert_eq!(find(&rows, "update: process + persist").met, Some(met));
            // 100 and 20 and twice 10 for what is written.
            assert_eq!(find(&rows, "update: create + apply").measured, Some(1.4));
            assert!(!rows.iter().any(|row| row.operation.contains("peer")));
        }
    }

    #[test]
    fn the_best_peer_is_the_fastest_one() {
        let outcomes = vec![
            outcome(Stack::ConclaveAwsLc, 90),
            outcome(Stack::OpenMls, 9_990),
            outcome(Stack::MlsRsAwsLc, 6_990),
        ];
        let rows = targets(&Report { outcomes, ..Report::default() });
        let row = find(&rows, "update: process + persist, against the best peer");
        assert_eq!(row.best_peer, Some(("mls-rs/AWS-LC".to_string(), 7_000.0)));
        assert_eq!((row.measured, row.met), (Some(70.0), Some(true)));
    }
}
