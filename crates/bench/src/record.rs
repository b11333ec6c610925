//! What a worker reports, a line of JSON at a time, so that what is done counts even if the rest
//! takes too long.

use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::clock::{Time, median, median_time, time};
use crate::floor::{Counts, count};
use crate::prices::{PriceTaker, Prices};
use crate::primitives::Backend;
use crate::stack::Stored;
use crate::{Failure, Setting};

/// A line of a worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Line {
    /// An operation was measured.
    Sample(Sample),
    /// A figure that is not a time.
    Figure {
        /// What it is.
        name: String,
        /// The number, of bytes unless the name says otherwise.
        value: u64,
    },
    /// The prices of the floor.
    Prices(Prices),
}

/// The repetitions of one operation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sample {
    /// The operation's name.
    pub operation: String,
    /// The call itself.
    pub times: Vec<Time>,
    /// Making its result durable, as far as the call has not.
    pub persist: Vec<Time>,
    /// Nanoseconds of cryptography that nobody can avoid, at the prices of this process.
    pub floor: Option<f64>,
    /// Rows written or deleted each time, the median.
    pub rows: u64,
    /// Bytes written each time, the median.
    pub bytes: u64,
    /// Length of the message that was made, if one was.
    pub wire: u64,
}

impl Sample {
    /// The medians of call and persistence, added.
    #[must_use]
    pub fn durable(&self) -> Time {
        self.time() + median_time(&self.persist)
    }

    /// The median of the calls.
    #[must_use]
    pub fn time(&self) -> Time {
        median_time(&self.times)
    }
}

/// The repetitions of one operation while they are made.
#[derive(Default)]
pub struct Series {
    times: Vec<Time>,
    persist: Vec<Time>,
    floors: Vec<Counts>,
    rows: Vec<u64>,
    bytes: Vec<u64>,
    wire: u64,
}

/// One repetition: what it wrote, and what it must have cost.
#[derive(Clone, Copy, Default)]
pub struct Repetition {
    /// The call.
    pub time: Time,
    /// Making it durable.
    pub persist: Time,
    /// What was written.
    pub stored: Stored,
    /// The message's length.
    pub wire: u64,
}

impl Series {
    /// Adds a repetition with its floor.
    pub fn add(&mut self, repetition: Repetition, floor: Option<Counts>) {
        self.times.push(repetition.time);
        self.persist.push(repetition.persist);
        self.floors.extend(floor);
        self.rows.push(repetition.stored.rows);
        self.bytes.push(repetition.stored.bytes);
        self.wire = repetition.wire;
    }

    fn sample(self, operation: &str, prices: &Prices) -> Sample {
        let floors = count(self.floors.len());
        #[allow(clippy::cast_precision_loss, reason = "a few repetitions")]
        let floor = (floors > 0).then(|| {
            self.floors.iter().map(|counts| counts.at(prices)).sum::<f64>() / floors as f64
        });
        Sample {
            operation: operation.to_string(),
            times: self.times,
            persist: self.persist,
            floor,
            rows: median(self.rows),
            bytes: median(self.bytes),
            wire: self.wire,
        }
    }
}

/// Takes prices between operations and writes lines.
pub struct Recorder {
    prices: PriceTaker,
    output: Box<dyn Write>,
}

impl Recorder {
    /// For one setting; lines go to `output`.
    #[must_use]
    pub fn new(backend: Backend, setting: &Setting, output: Box<dyn Write>) -> Self {
        let mut prices = PriceTaker::new(backend, setting.suite);
        // The first batches would see a cold processor.
        prices.take();
        Self { prices, output }
    }

    /// Takes prices once more.
    pub fn take_prices(&mut self) {
        self.prices.take();
    }

    /// Takes prices at every eighth repetition. Not at each: pricing empties the caches of whatever
    /// is measured, while prices themselves are taken in a loop.
    pub fn take_prices_now_and_then(&mut self, repetition: usize) {
        if repetition.is_multiple_of(8) {
            self.take_prices();
        }
    }

    /// Writes a series.
    pub fn series(&mut self, operation: &str, series: Series) -> Result<(), Failure> {
        if series.times.is_empty() {
            return Ok(());
        }
        self.prices.take();
        let sample = series.sample(operation, &self.prices.prices());
        self.line(&Line::Sample(sample))
    }

    /// Writes a figure.
    pub fn figure(&mut self, name: &str, value: u64) -> Result<(), Failure> {
        self.line(&Line::Figure { name: name.to_string(), value })
    }

    /// Writes the prices of the whole run.
    pub fn finish(mut self) -> Result<(), Failure> {
        let prices = self.prices.prices();
        self.line(&Line::Prices(prices))
    }

    fn line(&mut self, line: &Line) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.output, line)?;
        writeln!(self.output)?;
        Ok(self.output.flush()?)
    }
}

/// Runs something that can fail, and times it.
pub fn try_time<T>(operation: impl FnOnce() -> Result<T, Failure>) -> Result<(T, Time), Failure> {
    let (output, taken) = time(operation);
    Ok((output?, taken))
}
