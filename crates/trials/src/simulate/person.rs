//! A person: a client engine, what it is told to do, and what it says came of that.

use crate::Failure;
use crate::agreement::View;
use client::engine::{Engine, Setup};
use client::{Error, EventKind, GroupId, GroupState, GroupSummary, Home, Misuse};
use crypto::Crypto;
use delivery_api::{Name, Problem};
use std::path::Path;
use testkit::SeededRandom;

/// What became of something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is in the log.
    Sent,
    /// It cannot be.
    Failed,
    /// Nobody waited for it any more; it is in the log, or an event says why not.
    Left,
    /// The client crashed while it waited.
    Crashed,
}

/// What a person wants at the moment.
struct Wish {
    intent: u64,
    /// The index of what was said, if it is that.
    said: Option<usize>,
}

/// One client.
pub(super) struct Person {
    pub(super) name: Name,
    home: Home,
    /// Seconds by which its clock is wrong.
    pub(super) skew: i64,
    /// `None` after a crash.
    pub(super) engine: Option<Engine>,
    /// The number of the question that it waits for an answer to.
    pub(super) waits_for: Option<u64>,
    /// Whether it is busy with what it wants.
    pub(super) is_busy: bool,
    wish: Option<Wish>,
    /// Everything it said, and what became of it.
    pub(super) said: Vec<(String, Fate)>,
    /// What should never come out.
    pub(super) faults: Vec<String>,
}

fn setup(random: &mut SeededRandom) -> Setup {
    Setup {
        crypto: Crypto::new(crypto_aws_lc::provider()),
        random: Box::new(SeededRandom::new(random.next_u64())),
    }
}

impl Person {
    pub(super) fn new(
        name: &str,
        folder: &Path,
        random: &mut SeededRandom,
    ) -> Result<Self, Failure> {
        let name = Name::new(name).ok_or("no name")?;
        let home = Home::unprotected(folder.join(name.as_str()));
        let engine = Engine::create(&home, &name, "simulated", setup(random))?;
        Ok(Self {
            name,
            home,
            // Requests may be five minutes off.
            skew: random.below(400) as i64 - 200,
            engine: Some(engine),
            waits_for: None,
            is_busy: false,
            wish: None,
            said: Vec::new(),
            faults: Vec::new(),
        })
    }

    /// Goes away at once, with everything that is not durable.
    pub(super) fn crash(&mut self) {
        self.engine = None;
        (self.is_busy, self.waits_for) = (false, None);
        if let Some(said) = self.wish.take().and_then(|wish| wish.said) {
            self.said[said].1 = Fate::Crashed;
        }
    }

    pub(super) fn restart(&mut self, random: &mut SeededRandom) -> Result<(), Failure> {
        if self.engine.is_none() {
            self.engine = Some(Engine::open(&self.home, setup(random))?);
        }
        Ok(())
    }

    /// Wants something, chosen at random among what is possible.
    pub(super) fn want(
        &mut self,
        everybody: &[Name],
        random: &mut SeededRandom,
        now: u64,
    ) -> Result<(), Failure> {
        let Some(engine) = &mut self.engine else { return Ok(()) };
        let active = |group: &GroupSummary| group.state == GroupState::Active;
        let mut groups: Vec<_> = engine.groups()?.into_iter().filter(active).collect();
        self.is_busy = true;
        if groups.is_empty() {
            // The first makes the group; the others wait to be invited.
            if self.name == everybody[0] && engine.groups()?.is_empty() {
                engine.create_group("garden", now)?;
            }
            return Ok(engine.sync()?);
        }
        let group = groups.swap_remove(random.below(groups.len()));
        let members: Vec<&Name> = group.members.iter().map(|member| &member.name).collect();
        let absent: Vec<&Name> = everybody.iter().filter(|name| !members.contains(name)).collect();
        let others: Vec<&Name> = members.into_iter().filter(|name| **name != self.name).collect();
        let what = random.below(100);
        let wish = if what < 50 {
            self.say(&group.id)?
        } else if what < 65 {
            Wish { intent: engine.update_keys(&group.id)?, said: None }
        } else if what < 80 && !absent.is_empty() {
            let mut names: Vec<Name> = absent.into_iter().cloned().collect();
            let start = random.below(names.len());
            names.drain(..start);
            Wish { intent: engine.add(&group.id, &names)?, said: None }
        } else if what < 85 && others.len() > 1 {
            let name = others[random.below(others.len())].clone();
            match engine.remove(&group.id, &[name]) {
                Ok(intent) => Wish { intent, said: None },
                Err(Error::Misuse(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        } else {
            return Ok(engine.sync()?);
        };
        self.wish = Some(wish);
        Ok(())
    }

    fn say(&mut self, group: &GroupId) -> Result<Wish, Failure> {
        let engine = self.engine.as_mut().ok_or("nobody there")?;
        let text = format!("{} {}", self.name, self.said.len());
        let intent = engine.send(group, &text)?;
        self.said.push((text, Fate::Left));
        Ok(Wish { intent, said: Some(self.said.len() - 1) })
    }

    /// The exchange has ended, with an error or because there is nothing more to do.
    pub(super) fn finish(&mut self, error: Option<&Error>) {
        (self.is_busy, self.waits_for) = (false, None);
        if let Some(error) = error
            && !is_expected(error)
        {
            self.faults.push(format!("{}: {error}", self.name));
        }
        let (Some(engine), Some(wish)) = (&mut self.engine, self.wish.take()) else { return };
        let fate = match engine.take_outcome(wish.intent) {
            Some(Ok(_)) => Fate::Sent,
            // It may go out yet, or fail with an event.
            Some(Err(Error::Misuse(Misuse::Waits))) => Fate::Left,
            Some(Err(error)) => {
                if !is_expected(&error) {
                    self.faults.push(format!("{}: {error}", self.name));
                }
                Fate::Failed
            }
            None => {
                engine.stop_waiting(wish.intent);
                Fate::Left
            }
        };
        if let Some(said) = wish.said {
            self.said[said].1 = fate;
        }
    }

    /// How things are for this person in the end; one view of the one group.
    pub(super) fn view(&mut self) -> Result<View, Failure> {
        let engine = self.engine.as_mut().ok_or("nobody there")?;
        let group = engine.groups()?.into_iter().next();
        let events = match &group {
            Some(group) => engine.history(&group.id)?,
            None => Vec::new(),
        };
        for event in engine.unread()? {
            if let EventKind::WelcomeUnusable { reason } = event.kind {
                self.faults.push(format!("{}: a Welcome of no use: {reason}", self.name));
            }
        }
        Ok(View { name: self.name.to_string(), group, events })
    }
}

/// Whether an error is one that an honest service, a bad network and honest others can cause.
fn is_expected(error: &Error) -> bool {
    match error {
        Error::Offline(_) => true,
        // Others were faster: it is so already, or cannot be any more.
        Error::Misuse(Misuse::GroupUnusable(_) | Misuse::NotAMember(_)) => true,
        // Whom to invite has not registered yet, or has been invited too often.
        Error::Refused(problem) => {
            matches!(problem, Problem::NoKeyPackage | Problem::UnknownName | Problem::Unavailable)
        }
        _ => false,
    }
}
