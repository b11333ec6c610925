//! A whole run: what was measured, on which machine.

use serde::{Deserialize, Serialize};

use crate::prices::Prices;
use crate::record::{Line, Sample};
use crate::{Phase, Setting, Stack};

/// A run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Facts about the machine and the versions, in words.
    pub machine: Vec<(String, String)>,
    /// What each worker reported.
    pub outcomes: Vec<Outcome>,
}

/// What one worker reported.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// What it was to measure.
    pub setting: Setting,
    /// How it ended.
    pub end: End,
    /// For how long it ran.
    pub seconds: f64,
    /// The operations that it measured.
    pub samples: Vec<Sample>,
    /// Figures that are not times.
    pub figures: Vec<(String, u64)>,
    /// The prices of its floor.
    pub prices: Option<Prices>,
}

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// It measured everything.
    Finished,
    /// It took too long and was stopped.
    Stopped,
    /// It failed, with these words.
    Failed(String),
    /// It was not started, because a smaller group had taken too long.
    NotTried,
}

impl Outcome {
    /// An outcome without any measurement.
    #[must_use]
    pub fn empty(setting: Setting, end: End) -> Self {
        let (samples, figures) = (Vec::new(), Vec::new());
        Self { setting, end, seconds: 0.0, samples, figures, prices: None }
    }

    /// Adds a line of the worker.
    pub fn take(&mut self, line: Line) {
        match line {
            Line::Sample(sample) => self.samples.push(sample),
            Line::Figure { name, value } => self.figures.push((name, value)),
            Line::Prices(prices) => self.prices = Some(prices),
        }
    }

    /// The sample of an operation.
    #[must_use]
    pub fn sample(&self, operation: &str) -> Option<&Sample> {
        self.samples.iter().find(|sample| sample.operation == operation)
    }

    /// A figure.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<u64> {
        self.figures.iter().find(|(known, _)| known == name).map(|&(_, value)| value)
    }
}

/// Which outcomes belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The suite.
    pub suite: u16,
    /// The number of members.
    pub members: u32,
    /// The part.
    pub phase: Phase,
    /// One thread, or as many as there are processors.
    pub threads: usize,
}

impl Report {
    /// What an implementation showed somewhere.
    #[must_use]
    pub fn outcome(&self, stack: Stack, place: Place) -> Option<&Outcome> {
        let Place { suite, members, phase, threads } = place;
        self.outcomes.iter().find(|Outcome { setting, .. }| {
            (setting.stack, setting.suite, setting.members, setting.phase, setting.threads)
                == (stack, suite, members, phase, threads)
        })
    }

    /// The sample of an operation somewhere.
    #[must_use]
    pub fn sample(&self, stack: Stack, place: Place, operation: &str) -> Option<&Sample> {
        self.outcome(stack, place)?.sample(operation)
    }

    /// All places that were looked at, in the order they were.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for Outcome { setting, .. } in &self.outcomes {
            let Setting { suite, members, phase, threads, .. } = *setting;
            let place = Place { suite, members, phase, threads };
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }
}
