//! Where a joiner's reading starts.
//!
//! A Welcome is made before its commit has a position, so it cannot say. What is known is the
//! epoch's access key, and that the service reads a log to it from the commit that opened its
//! segment on, and not from before. So the position is the smallest that may be read behind, found
//! by asking: the end, the head up to there (which it is unless the group has moved on), then by
//! bisection.

use delivery_api::log::LogPage;
use delivery_api::request::Failure;
use delivery_api::{ChainHash, Position, Problem};

/// A search for the smallest position that may be read behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// Ask far beyond the end, to be told the end.
    End,
    /// Ask at a position that is known to be allowed, for the chain there and the last commit.
    Allowed {
        /// The answer is this or before.
        high: Position,
    },
    /// The answer lies in `low..=high`, and the chain at `high` is known.
    Between {
        low: Position,
        high: Position,
        chain_hash: ChainHash,
        /// Whether to try right below `high` before bisecting.
        first: bool,
    },
}

/// What an answer means for the search.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Found: the position and the chain up to it.
    Found(Position, ChainHash),
    /// Not yet.
    Next(Search),
}

impl Search {
    /// The position to ask behind.
    pub(crate) fn probe(self) -> Position {
        match self {
            Self::End => Position(u64::MAX),
            Self::Allowed { high } => high,
            Self::Between { high, first: true, .. } => Position(high.0.saturating_sub(1)),
            Self::Between { low, high, .. } => Position(low.0 + (high.0 - low.0) / 2),
        }
    }

    /// Goes on with the answer.
    ///
    /// # Errors
    /// The service's refusal, where it does not mean "before your time".
    pub(crate) fn step(self, answer: Result<LogPage, Failure>) -> Result<Step, Failure> {
        let probe = self.probe();
        Ok(match (self, answer) {
            (Self::End, Err(Failure::Problem(Problem::BeyondEnd { end }))) => {
                Step::Next(Self::Allowed { high: end })
            }
            (Self::Allowed { high }, Ok(page)) if page.head < high => {
                Step::Next(Self::Allowed { high: page.head })
            }
            (Self::Allowed { high }, Ok(page)) => {
                Self::between(Position::START, high, page.chain_hash, true)
            }
            (Self::Between { low, .. }, Ok(page)) => {
                Self::between(low, probe, page.chain_hash, false)
            }
            (
                Self::Between { high, chain_hash, .. },
                Err(Failure::Problem(Problem::NotAllowed)),
            ) => Self::between(probe.next(), high, chain_hash, false),
            (_, Err(failure)) => return Err(failure),
            (Self::End, Ok(_)) => return Err(Failure::Status(200)),
        })
    }

    fn between(low: Position, high: Position, chain_hash: ChainHash, first: bool) -> Step {
        if low >= high {
            return Step::Found(high, chain_hash);
        }
        Step::Next(Self::Between { low, high, chain_hash, first })
    }
}

#[cfg(test)]
mod tests {
    use super::{Search, Step};
    use delivery_api::log::LogPage;
    use delivery_api::request::Failure;
    use delivery_api::{ChainHash, Position, Problem};

    fn chain(position: Position) -> ChainHash {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&position.0.to_be_bytes());
        ChainHash::new(bytes)
    }

    /// Answers as the service does for a key whose segment starts at `start`.
    fn answer(start: u64, head: u64, end: u64, after: Position) -> Result<LogPage, Failure> {
        let refused = |problem| Err(Failure::Problem(problem));
        if after.0 < start {
            return refused(Problem::NotAllowed);
        }
        if after.0 > end {
            return refused(Problem::BeyondEnd { end: Position(end) });
        }
        Ok(LogPage {
            chain_hash: chain(after),
            entries: Vec::new(),
            end: Position(end),
            head: Position(head),
            stopped: false,
        })
    }

    #[test]
    fn every_start_is_found_and_the_usual_one_soon() {
        for end in 1..40 {
            for head in 1..=end {
                for start in 1..=head {
                    let (mut search, mut asked) = (Search::End, 0);
                    let found = loop {
                        asked += 1;
                        match search.step(answer(start, head, end, search.probe())).unwrap() {
                            Step::Found(position, chain_hash) => break (position, chain_hash),
                            Step::Next(next) => search = next,
                        }
                    };
                    assert_eq!(found, (Position(start), chain(Position(start))));
                    assert!(asked <= 4 + 7, "{asked} requests");
                    assert!(start < head || asked <= 4);
                }
            }
        }
    }

    #[test]
    fn other_refusals_end_the_search() {
        let refusal = Failure::Problem(Problem::UnknownLog);
        assert_eq!(Search::End.step(Err(refusal.clone())), Err(refusal));
    }
}
