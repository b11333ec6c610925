//! Operations whose instructions are counted: each both sides of it, in a warm group.

use std::fmt;

use clap::ValueEnum;

use super::warm::enter_group;
use super::{NewParticipant, assert_agreement, commit_and_apply, process};
use crate::Failure;
use crate::material::Material;
use crate::stack::{Bytes, Change, Participant};

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Guarded {
    /// An update, among a thousand.
    Update,
    /// An update among sixteen: what does not depend on the size.
    UpdateSmall,
    /// Adding somebody and removing somebody.
    AddRemove,
    /// A message of 32 bytes.
    Message,
    /// Loading the group and processing a commit.
    Load,
}

impl fmt::Display for Guarded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Update => "update, N = 1,000",
            Self::UpdateSmall => "update, N = 16",
            Self::AddRemove => "add and remove, N = 1,000",
            Self::Message => "message of 32 B, N = 1,000",
            Self::Load => "load and process an update, N = 1,000",
        })
    }
}

/// Prepares a group and repeats an operation.
pub fn repeat(
    operation: Guarded,
    times: u64,
    (new, material): (NewParticipant<'_>, &Material),
) -> Result<(), Failure> {
    let members = if operation == Guarded::UpdateSmall { 16 } else { 1_000 };
    let mut pair = enter_group(new, (&material.warm_group(members)?, u64::from(members)))?;
    let people = material.key_packages(64)?;
    let (first, last) = (&mut *pair.first, &mut *pair.last);
    for (_, person) in (0..times).zip(people.chunks(1)) {
        counted(operation, (first, last), person)?;
    }
    assert_agreement(first, last)
}

/// The name that valgrind is told: what runs below it is counted.
#[inline(never)]
fn counted(
    operation: Guarded,
    (first, last): (&mut dyn Participant, &mut dyn Participant),
    person: &[Bytes],
) -> Result<(), Failure> {
    match operation {
        Guarded::Update | Guarded::UpdateSmall => both(first, last, Change::Update)?,
        Guarded::AddRemove => {
            both(first, last, Change::Add(person))?;
            both(first, last, Change::Remove(1_000))?;
        }
        Guarded::Message => {
            let message = first.protect(&[7; 32])?;
            first.persist()?;
            last.unprotect(&message)?;
            last.persist()?;
        }
        Guarded::Load => {
            last.forget();
            last.load()?;
            both(first, last, Change::Update)?;
        }
    }
    Ok(())
}

/// One commits, the other follows.
fn both(
    committer: &mut dyn Participant,
    follower: &mut dyn Participant,
    change: Change<'_>,
) -> Result<(), Failure> {
    let made = commit_and_apply(committer, change)?.made;
    process(follower, &made.commit)?;
    Ok(())
}
