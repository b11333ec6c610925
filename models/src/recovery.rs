//! Whether honest members can go on from a state, found out by letting them try.
//!
//! A member goes on if its commit is accepted and every other honest member reads it. What the
//! members do is what the client rules say: retry what is pending; commit; if that is refused, an
//! anchor locks the log, reads to its end, states the truth, and commits under the lock.

use crate::design::Repair;
use crate::log::{Request, Who};
use crate::member::Group;
use crate::system::{HONEST, State, System};

/// Whether somebody honest can get a commit in and read by all, if the others leave the log alone.
pub fn goes_on(system: &System, state: &State) -> bool {
    let mut attempt = Attempt::from(system, state, false);
    HONEST.into_iter().all(|who| attempt.clone().commits(who, None)) || attempt.repairs()
}

/// Whether an anchor can remove Mallory and everybody go on, if Mallory spoils every step she can.
pub fn goes_on_under_attack(system: &System, state: &State) -> bool {
    Attempt::from(system, state, true).repairs()
}

#[derive(Clone)]
struct Attempt<'a> {
    system: &'a System,
    state: State,
    attacked: bool,
}

impl<'a> Attempt<'a> {
    fn from(system: &'a System, state: &State, attacked: bool) -> Self {
        let mut attempt = Self { system, state: state.clone(), attacked };
        attempt.state.open.finish(attempt.state.rest.take());
        attempt.state.sync();
        for who in HONEST {
            if let Some(request) = attempt.state.member(who).pending.clone() {
                attempt.ask(request);
            }
        }
        attempt
    }

    /// A member asks and learns the outcome, after Mallory has done what she can.
    fn ask(&mut self, request: Request) -> bool {
        if self.attacked {
            let posts = self.system.posts(&self.state);
            // A commit that nobody accepts, with a bogus key, flagged as a removal: the worst.
            let spoiling = posts.into_iter().find(|post| post.spoils());
            if let Some(post) = spoiling {
                let _ = self.system.deliver(&mut self.state, &post);
                self.state.posts += 1;
            }
        }
        let by = request.id.by;
        System::make(&mut self.state, request.clone());
        let carried_out = self.system.deliver(&mut self.state, &request).is_ok();
        for request in std::mem::take(&mut self.state.swapping) {
            let _ = self.state.open.answer(&self.system.design, &request);
        }
        self.state.open.finish(self.state.rest.take());
        self.state.sync();
        if carried_out {
            self.state.learn(by);
        } else {
            self.state.learn_refusal(by);
        }
        carried_out
    }

    /// Whether a member's commit is accepted and read by the others.
    fn commits(&mut self, who: Who, removes: Option<Who>) -> bool {
        self.system.read(&mut self.state, who);
        let request = System::commit(&self.state, who, removes, false);
        let id = request.id;
        let carried_out = self.ask(request);
        HONEST.iter().for_each(|reader| self.system.read(&mut self.state, *reader));
        let counts = |reader: &Who| {
            let group = Group::of(&self.state.member(*reader).view);
            group.accepted.iter().any(|commit| commit.epoch == id)
        };
        carried_out && HONEST.iter().all(counts)
    }

    /// Whether Alice gets a commit in by repairing, and everybody goes on.
    fn repairs(&mut self) -> bool {
        if self.system.design.repair == Repair::Off {
            return false;
        }
        for _ in 0..2 {
            self.system.read(&mut self.state, Who::Alice);
            let request = System::repair(&self.state, Who::Alice);
            self.ask(request);
        }
        self.system.read(&mut self.state, Who::Alice);
        let present = Group::of(&self.state.alice.view).has(Who::Mallory);
        self.commits(Who::Alice, present.then_some(Who::Mallory))
            && HONEST.into_iter().all(|who| self.commits(who, None))
    }
}
