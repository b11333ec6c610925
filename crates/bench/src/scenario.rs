//! What is measured, in which order. Two members of one implementation live in one process, the
//! first at leaf 0, the second at the last leaf: in the other half of the tree.

mod cold;
mod guarded;
mod heap;
mod hostile;
mod messages;
mod warm;

use std::time::Duration;

pub use cold::cold;
pub use guarded::{Guarded, repeat};
pub use heap::heap;
pub use hostile::hostile;
pub use warm::warm;

use codec::Decode;
use mls::MlsMessage;

use crate::clock::Time;
use crate::floor::{CommitShape, commit_shape, count};
use crate::material::Material;
use crate::record::{Recorder, Repetition, try_time};
use crate::stack::{Bytes, Change, Made, Participant};
use crate::{Failure, Setting};

/// Makes clients of the implementation that is measured.
pub type NewParticipant<'a> = &'a dyn Fn(&str) -> Result<Box<dyn Participant>, Failure>;

/// All that a scenario works with.
pub struct Stage<'a> {
    /// What is measured.
    pub setting: &'a Setting,
    /// Who takes part.
    pub new: NewParticipant<'a>,
    /// Key packages and trees.
    pub material: &'a Material,
    /// Where it goes.
    pub recorder: Recorder,
    /// Current and highest heap use, if the allocator counts.
    pub heap: Option<HeapProbe>,
}

/// Reads an allocator that counts.
#[derive(Clone, Copy)]
pub struct HeapProbe {
    /// Bytes in use.
    pub current: fn() -> usize,
    /// The most that was in use since the last reset.
    pub peak: fn() -> usize,
    /// Forgets the peak.
    pub reset_peak: fn(),
}

/// Repetitions, until they have taken too long.
fn repetitions(wanted: usize, budget: Duration) -> impl Iterator<Item = usize> {
    let started = std::time::Instant::now();
    (0..wanted).take_while(move |&done| done == 0 || started.elapsed() < budget)
}

impl Stage<'_> {
    /// How often a cheap operation is repeated, and for how long at most.
    fn repetitions(&self) -> impl Iterator<Item = usize> + use<> {
        let wanted = match self.setting.members {
            0..=1_000 => 21,
            1_001..=10_000 => 15,
            _ => 9,
        };
        repetitions(wanted, Duration::from_secs(self.setting.seconds / 12))
    }

    /// The number of members.
    fn members(&self) -> u64 {
        u64::from(self.setting.members)
    }
}

/// Makes a commit and moves to its epoch: what each half took.
struct Committed {
    made: Made,
    shape: CommitShape,
    create: Repetition,
    apply: Repetition,
}

fn commit_and_apply(
    committer: &mut dyn Participant,
    change: Change<'_>,
) -> Result<Committed, Failure> {
    let before = committer.written();
    let (made, time) = try_time(|| committer.commit(change))?;
    let ((), persist) = try_time(|| committer.persist_held())?;
    let middle = committer.written();
    let shape = commit_shape(&MlsMessage::from_bytes(&made.commit)?)?;
    let create = Repetition { time, persist, stored: middle - before, wire: shape.bytes };
    let ((), time) = try_time(|| committer.apply())?;
    let ((), persist) = try_time(|| committer.persist())?;
    let stored = committer.written() - middle;
    let apply = Repetition { time, persist, stored, wire: 0 };
    Ok(Committed { made, shape, create, apply })
}

/// A member processes a commit or a proposal, and makes that durable.
fn process(member: &mut dyn Participant, message: &[u8]) -> Result<Repetition, Failure> {
    let before = member.written();
    let ((), time) = try_time(|| member.process(message))?;
    let ((), persist) = try_time(|| member.persist())?;
    Ok(Repetition { time, persist, stored: member.written() - before, wire: 0 })
}

/// Two members agree, or what was measured was something else.
fn assert_agreement(one: &mut dyn Participant, two: &mut dyn Participant) -> Result<(), Failure> {
    if one.epoch_authenticator()? == two.epoch_authenticator()? {
        Ok(())
    } else {
        Err("the two members are in different epochs".into())
    }
}

/// A repetition of something that makes a message.
fn making(
    member: &mut dyn Participant,
    make: impl FnOnce(&mut dyn Participant) -> Result<Bytes, Failure>,
) -> Result<(Bytes, Repetition), Failure> {
    let before = member.written();
    let (message, time) = try_time(|| make(member))?;
    let ((), persist) = try_time(|| member.persist())?;
    let stored = member.written() - before;
    let wire = count(message.len());
    Ok((message, Repetition { time, persist, stored, wire }))
}

fn sum(times: [Time; 2]) -> Time {
    times[0] + times[1]
}
