//! Pace: how often the same key may do the same thing, or the same thing be done to a target.
//!
//! A burst, then so many per minute (the generic cell rate algorithm): of each subject one number
//! is kept, the time by which all that was done would have been due at an even pace. Subjects live
//! in two generations; when the younger is full the older is forgotten, so memory is bounded and
//! whoever floods the table with subjects only makes the service more lenient. Nothing of it is
//! stored.

use delivery_api::{Problem, PublicKey};
use std::collections::HashMap;
use std::sync::Mutex;

/// Subjects of one generation.
const SUBJECTS_MAX: usize = 50_000;

/// What blobs are counted in: as many bytes, begun ones too.
pub(super) const BLOCK: usize = 1 << 20;

/// How often something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How often at once, after a pause that is long enough.
    pub burst: u32,
    /// How often per minute from then on; 0 for never.
    pub per_minute: u32,
}

impl Pace {
    pub(crate) const fn new(burst: u32, per_minute: u32) -> Self {
        Self { burst, per_minute }
    }

    fn interval_millis(self) -> u64 {
        60_000_u64
            .checked_div(self.per_minute.into())
            .map_or(u64::from(u32::MAX), |each| each.max(1))
    }

    /// By when all would have been due at an even pace, with so many more at this time, unless that
    /// is too many.
    pub(crate) fn count(self, due: u64, count: u64, now_seconds: u64) -> Result<u64, Problem> {
        let now = now_seconds.saturating_mul(1000);
        let interval = self.interval_millis();
        let slack = interval.saturating_mul(self.burst.into());
        let next = due.max(now).saturating_add(interval.saturating_mul(count));
        match (next - now).saturating_sub(slack) {
            0 => Ok(next),
            early => Err(Problem::TooManyRequests { retry_after_seconds: early.div_ceil(1000) }),
        }
    }
}

/// The paces that an operator may choose; `None` for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paces {
    /// Blobs stored, per device.
    pub blobs: Option<Pace>,
    /// Begun mebibytes of them, per device.
    pub blob_mebibytes: Option<Pace>,
    /// Key packages claimed, per owner: beyond it only the last-resort one is handed out, so that
    /// nobody can use up a stock and nobody is kept from inviting.
    pub claims: Option<Pace>,
    /// Items put into an inbox directly, per recipient.
    pub items_received: Option<Pace>,
    /// Items put into inboxes directly, per sender.
    pub items_sent: Option<Pace>,
    /// Key packages uploaded, names put, per device: these are signed by the device and costly.
    pub uploads: Option<Pace>,
    /// Commits, messages and repairs, per access key. All members of an epoch share one.
    pub writes: Option<Pace>,
}

impl Paces {
    /// No limits, for services whose users are known.
    pub const UNLIMITED: Self = Self {
        blobs: None,
        blob_mebibytes: None,
        claims: None,
        items_received: None,
        items_sent: None,
        uploads: None,
        writes: None,
    };
}

impl Default for Paces {
    fn default() -> Self {
        Self {
            blobs: Some(Pace::new(200, 120)),
            // A gibibyte at once, and then some eleven a day.
            blob_mebibytes: Some(Pace::new(1024, 8)),
            // A quarter of a full stock: whoever wants it all needs a quarter of an hour, and the
            // owner restocks meanwhile.
            claims: Some(Pace::new(50, 10)),
            items_received: Some(Pace::new(500, 120)),
            items_sent: Some(Pace::new(200, 60)),
            uploads: Some(Pace::new(60, 30)),
            writes: Some(Pace::new(5_000, 30_000)),
        }
    }
}

/// What is counted, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Blobs(PublicKey),
    BlobBlocks(PublicKey),
    Claims(PublicKey),
    ItemsReceived(PublicKey),
    ItemsSent(PublicKey),
    Uploads(PublicKey),
    Writes(PublicKey),
}

impl Subject {
    fn pace(self, paces: &Paces) -> Option<Pace> {
        match self {
            Self::Blobs(_) => paces.blobs,
            Self::BlobBlocks(_) => paces.blob_mebibytes,
            Self::Claims(_) => paces.claims,
            Self::ItemsReceived(_) => paces.items_received,
            Self::ItemsSent(_) => paces.items_sent,
            Self::Uploads(_) => paces.uploads,
            Self::Writes(_) => paces.writes,
        }
    }
}

#[derive(Default)]
struct Generations {
    young: HashMap<Subject, u64>,
    old: HashMap<Subject, u64>,
}

/// What was done lately.
pub(super) struct Meter {
    paces: Paces,
    generations: Mutex<Generations>,
}

impl Meter {
    pub(super) fn new(paces: Paces) -> Self {
        Self { paces, generations: Mutex::default() }
    }

    /// Counts so many more for a subject, unless that is too many.
    pub(super) fn count(
        &self,
        subject: Subject,
        count: u64,
        now_seconds: u64,
    ) -> Result<(), Problem> {
        let Some(pace) = subject.pace(&self.paces) else { return Ok(()) };
        // A poisoned lock only means that a thread died while counting.
        let mut generations = self.generations.lock().unwrap_or_else(|poison| poison.into_inner());
        let Generations { young, old } = &mut *generations;
        let due = young.get(&subject).or_else(|| old.get(&subject)).copied().unwrap_or(0);
        let next = pace.count(due, count, now_seconds)?;
        if young.len() >= SUBJECTS_MAX && !young.contains_key(&subject) {
            *old = std::mem::take(young);
        }
        young.insert(subject, next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Meter, Pace, Paces, SUBJECTS_MAX, Subject};
    use delivery_api::{Problem, PublicKey};

    fn subject(number: usize) -> Subject {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        Subject::Blobs(PublicKey::new(bytes))
    }

    fn meter(burst: u32, per_minute: u32) -> Meter {
        Meter::new(Paces { blobs: Some(Pace { burst, per_minute }), ..Paces::UNLIMITED })
    }

    #[test]
    fn a_burst_passes_and_then_an_even_pace() {
        let meter = meter(3, 6);
        for _ in 0..3 {
            assert_eq!(meter.count(subject(1), 1, 100), Ok(()));
        }
        let refused = Err(Problem::TooManyRequests { retry_after_seconds: 10 });
        assert_eq!(meter.count(subject(1), 1, 100), refused);
        assert_eq!(meter.count(subject(2), 1, 100), Ok(()), "subjects are apart");
        let refused = Err(Problem::TooManyRequests { retry_after_seconds: 1 });
        assert_eq!(meter.count(subject(1), 1, 109), refused);
        assert_eq!(meter.count(subject(1), 1, 110), Ok(()));
        assert!(meter.count(subject(1), 1, 110).is_err());
        // After a pause the whole burst is there again, and no more than that.
        for _ in 0..3 {
            assert_eq!(meter.count(subject(1), 1, 1000), Ok(()));
        }
        assert!(meter.count(subject(1), 1, 1000).is_err());
    }

    #[test]
    fn a_pace_of_nothing_refuses_and_none_never_does() {
        assert!(meter(0, 0).count(subject(1), 1, 100).is_err());
        assert!(meter(0, 60).count(subject(1), 1, 100).is_err());
        let meter = Meter::new(Paces::UNLIMITED);
        assert!((0..10_000).all(|_| meter.count(subject(1), 1, 100).is_ok()));
    }

    #[test]
    fn the_table_of_subjects_is_bounded() {
        let meter = meter(1, 1);
        for number in 0..3 * SUBJECTS_MAX {
            assert_eq!(meter.count(subject(number), 1, 100), Ok(()));
        }
        let generations = meter.generations.lock().unwrap();
        assert!(generations.young.len() <= SUBJECTS_MAX && generations.old.len() <= SUBJECTS_MAX);
    }
}
