//! Everything together: the service, its network, its members, and every step that can happen.
//!
//! * A request that was sent may arrive any number of times, at any time, or never; so may answers.
//! * The service carries requests out in an open transaction, which becomes durable as a whole, and
//!   only then gives its answers; a crash loses the transaction and its answers.
//! * Readers see durable entries only. An honest member makes one request at a time and stores it
//!   before it is sent.
//! * Mallory sees everything at once and acts at any instant.

use crate::design::Design;
use crate::log::{
    Ask, Content, Entry, Id, Key, Log, Position, Receipt, Refused, Request, Rest, Who,
};
use crate::member::Group;
use crate::promises;
use crate::scenario::Scenario;
use stateright::{Model, Property};
use std::collections::{BTreeMap, BTreeSet};

/// A design in a scenario.
#[derive(Clone, Debug)]
pub struct System {
    /// The design.
    pub design: Design,
    /// The scenario.
    pub scenario: Scenario,
}

/// An honest member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Member {
    /// What it has read.
    pub view: Vec<Entry>,
    /// How many requests it has made.
    pub made: u8,
    /// The request that it waits for.
    pub pending: Option<Request>,
    /// Up to where its repairs have stated the truth.
    pub restated: Position,
}

/// Carol, who is invited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Invited {
    /// Welcomes that she has fetched and not stored.
    pub fetched: Vec<Id>,
    /// Welcomes that she has stored.
    pub stored: Vec<Id>,
    /// How often she has crashed.
    pub crashes: u8,
}

/// What is the case at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// What survives a crash.
    pub durable: Log,
    /// The log as the open transaction sees it.
    pub open: Log,
    /// Answers that wait until the open transaction is durable.
    pub waiting: Vec<(Id, Receipt)>,
    /// Answers that have left the service.
    pub given: BTreeMap<Id, Receipt>,
    /// Requests that have left their members.
    pub sent: BTreeSet<Request>,
    /// Commits whose heads were compared and not yet moved; only without an atomic swap.
    pub swapping: Vec<Request>,
    /// The rest of a bundle; only without whole bundles.
    pub rest: Option<Rest>,
    /// Whether a submission was ever answered in two ways.
    pub answered_differently: bool,
    /// Requests that their makers were told are refused.
    pub refused: BTreeSet<Id>,
    /// Alice.
    pub alice: Member,
    /// Bob.
    pub bob: Member,
    /// Carol.
    pub carol: Invited,
    /// Requests of Mallory that were carried out.
    pub posts: u8,
    /// How often the service has crashed.
    pub crashes: u8,
}

/// What can happen next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Carol removes a stored Welcome from her inbox.
    Acknowledge(Id),
    /// Carol loses what she has not stored.
    CarolCrashes,
    /// The service loses its open transaction.
    Crash,
    /// A request arrives.
    Deliver(Request),
    /// Carol reads her inbox.
    Fetch,
    /// The rest of a bundle is written.
    Finish,
    /// A member learns the receipt that it waits for.
    Learn(Who),
    /// A member makes, stores and sends a request.
    Make(Request),
    /// Mallory asks for something.
    Post(Request),
    /// A member reads all it may.
    Read(Who),
    /// A member learns that its request is refused.
    Refuse(Who),
    /// Carol stores what she has fetched.
    Store,
    /// A commit whose head was compared before is carried out.
    Swap(Request),
    /// The open transaction becomes durable.
    Sync,
}

impl State {
    /// An honest member.
    ///
    /// # Panics
    /// Somebody else is asked for.
    #[must_use]
    pub fn member(&self, who: Who) -> &Member {
        match who {
            Who::Alice => &self.alice,
            Who::Bob => &self.bob,
            other => unreachable!("{other:?} is no honest member"),
        }
    }

    fn member_mut(&mut self, who: Who) -> &mut Member {
        if who == Who::Alice { &mut self.alice } else { &mut self.bob }
    }

    /// A member learns that its request was carried out.
    pub fn learn(&mut self, who: Who) {
        let member = self.member_mut(who);
        if let Some(Request { ask: Ask::Repair { up_to, .. }, .. }) = member.pending.take() {
            member.restated = up_to;
        }
    }

    /// A member learns that its request was refused.
    pub fn learn_refusal(&mut self, who: Who) {
        let pending = self.member_mut(who).pending.take();
        self.refused.extend(pending.map(|request| request.id));
    }

    /// Makes the open transaction durable and gives its answers.
    pub fn sync(&mut self) {
        self.durable.clone_from(&self.open);
        for (id, receipt) in std::mem::take(&mut self.waiting) {
            self.given.entry(id).or_insert(receipt);
        }
    }
}

/// The members who are honest and active.
pub const HONEST: [Who; 2] = [Who::Alice, Who::Bob];

impl System {
    /// The keys with which a member may try to read.
    fn reading_keys(group: &Group, who: Who) -> impl Iterator<Item = Key> + '_ {
        group.keys_of(who).chain([Key::Anchor(who)])
    }

    /// A member reads all it may, with the keys that reading gives it too.
    pub fn read(&self, state: &mut State, who: Who) {
        while self.read_once(state, who) {}
    }

    /// Whether there was anything to read.
    fn read_once(&self, state: &mut State, who: Who) -> bool {
        let view = &state.member(who).view;
        let group = Group::of(view);
        let cursor = Position::try_from(view.len()).unwrap_or(Position::MAX);
        let log = &state.durable;
        let ends = Self::reading_keys(&group, who)
            .filter_map(|key| log.may_read(&self.design, key, cursor));
        let Some(end) = ends.max().filter(|end| *end > cursor) else { return false };
        let entries = log.entries[..usize::from(end)].to_vec();
        state.member_mut(who).view = entries;
        true
    }

    /// The key that a member signs submissions with.
    fn signer(state: &State, who: Who) -> Key {
        if state.durable.locked_by == Some(who) {
            return Key::Anchor(who);
        }
        Key::Epoch(Group::of(&state.member(who).view).epoch())
    }

    /// A member's commit on top of what it has read.
    #[must_use]
    pub fn commit(state: &State, who: Who, removes: Option<Who>, welcome: bool) -> Request {
        let member = state.member(who);
        let id = Id { by: who, number: member.made + 1 };
        let head = member.view.iter().rposition(Entry::is_commit).map_or(0, |index| index + 1);
        let ask = Ask::Commit {
            expected_head: Position::try_from(head).unwrap_or(Position::MAX),
            content: Content::Commit { parent: Group::of(&member.view).epoch(), removes },
            next_key: Key::Epoch(id),
            removes: removes.is_some(),
            welcome,
        };
        Request { id, signer: Self::signer(state, who), ask }
    }

    /// An anchor's repair: it locks the log and states the truth about all it has read.
    #[must_use]
    pub fn repair(state: &State, who: Who) -> Request {
        let member = state.member(who);
        let ask = Ask::Repair {
            number: state.durable.repair + 1,
            after: member.restated,
            up_to: Position::try_from(member.view.len()).unwrap_or(Position::MAX),
            commits: Group::of(&member.view).restated(member.restated),
            anchors: vec![who],
        };
        let id = Id { by: who, number: member.made + 1 };
        Request { id, signer: Key::Anchor(who), ask }
    }

    fn message(state: &State, who: Who) -> Request {
        let Request { id, signer, ask } = Self::commit(state, who, None, false);
        let head = if let Ask::Commit { expected_head, .. } = ask { expected_head } else { 0 };
        Request { id, signer, ask: Ask::Append { head } }
    }

    fn makes(&self, state: &State, who: Who) -> Vec<Request> {
        let member = state.member(who);
        let budget = if who == Who::Alice { self.scenario.alice } else { self.scenario.bob };
        if member.pending.is_some() || member.made >= budget {
            return Vec::new();
        }
        let mut requests = vec![Self::commit(state, who, None, false)];
        if self.scenario.messages {
            requests.push(Self::message(state, who));
        }
        if self.scenario.removals && Group::of(&member.view).has(Who::Mallory) {
            requests.push(Self::commit(state, who, Some(Who::Mallory), false));
        }
        if self.scenario.invitations && who == Who::Alice {
            requests.push(Self::commit(state, who, None, true));
        }
        if self.scenario.repairs && who == Who::Alice {
            requests.push(Self::repair(state, who));
        }
        requests
    }

    /// Stores and sends a member's request.
    pub fn make(state: &mut State, request: Request) {
        let member = state.member_mut(request.id.by);
        member.made = request.id.number;
        member.pending = Some(request.clone());
        state.sent.insert(request);
    }

    /// All that Mallory knows how to sign with.
    #[must_use]
    pub fn mallorys_keys(state: &State, log: &Log) -> Vec<Key> {
        let group = Group::of(&log.entries);
        let mut keys: Vec<_> = group.keys_of(Who::Mallory).collect();
        keys.extend((0..state.posts).map(Key::Bogus));
        keys.push(Key::Anchor(Who::Mallory));
        keys
    }

    /// What Mallory can do that the service would carry out.
    #[must_use]
    pub fn posts(&self, state: &State) -> Vec<Request> {
        let log = &state.open;
        let group = Group::of(&log.entries);
        let id = Id { by: Who::Mallory, number: state.posts };
        let mut requests = Vec::new();
        if log.anchors.contains(&Who::Mallory) {
            let (number, up_to) = (log.repair + 1, log.end());
            let (commits, anchors) = (Vec::new(), vec![Who::Mallory]);
            let ask = Ask::Repair { number, after: 0, up_to, commits, anchors };
            requests.push(Request { id, signer: Key::Anchor(Who::Mallory), ask });
        }
        let mut keys = Self::mallorys_keys(state, log).into_iter();
        let Some(signer) = keys.find(|key| log.may_write(&self.design, *key)) else {
            return requests;
        };
        let mut contents = vec![(Content::Garbage, false), (Content::Garbage, true)];
        if group.has(Who::Mallory) {
            let parent = group.epoch();
            let plain = Content::Commit { parent, removes: None };
            contents.extend([(plain, false), (plain, true)]);
            if group.has(Who::Dave) {
                contents.push((Content::Commit { parent, removes: Some(Who::Dave) }, true));
            }
        }
        // A key of her own, or one that others hold and the service does not know. The latter not
        // for Dave, whom she removes: whoever gives keys away could give away what it reads.
        let epoch = Key::Epoch(group.epoch());
        let own = Key::Bogus(state.posts);
        let stolen = contents.iter().filter(|_| !log.knows(epoch)).map(|content| (content, epoch));
        let stolen = stolen.filter(|((content, _), _)| !content.removes_somebody());
        let expected_head = log.head();
        let keyed = contents.iter().map(|content| (content, own)).chain(stolen);
        requests.extend(keyed.map(|(&(content, removes), next_key)| {
            let ask = Ask::Commit { expected_head, content, next_key, removes, welcome: false };
            Request { id, signer, ask }
        }));
        requests
    }

    /// The service carries a request out in the open transaction.
    ///
    /// # Errors
    /// It refuses.
    pub fn deliver(&self, state: &mut State, request: &Request) -> Result<(), Refused> {
        let before = state.given.get(&request.id).copied();
        let waits = matches!(request.ask, Ask::Commit { .. }) && !self.design.atomic_swap;
        if waits && !state.open.answers.contains_key(&request.id) {
            state.open.allows(&self.design, request)?;
            if !state.swapping.contains(request) {
                state.swapping.push(request.clone());
            }
            return Ok(());
        }
        let outcome = state.open.begin(&self.design, request);
        let Ok(rest) = outcome else {
            state.answered_differently |= before.is_some();
            return Err(Refused);
        };
        self.complete(state, request.id, rest);
        Ok(())
    }

    /// The service carries out a commit whose head was compared before.
    fn swap(&self, state: &mut State, request: &Request) {
        state.swapping.retain(|other| other != request);
        let rest = state.open.apply(&self.design, request);
        self.complete(state, request.id, rest);
    }

    fn complete(&self, state: &mut State, id: Id, rest: Option<Rest>) {
        if self.design.whole_bundles {
            state.open.finish(rest);
        } else if rest.is_some() {
            state.open.finish(state.rest.take());
            state.rest = rest;
        }
        let receipt = state.open.remember(&self.design, id);
        state.answered_differently |= state.given.get(&id).is_some_and(|given| *given != receipt);
        if !self.design.durable_answers {
            state.given.entry(id).or_insert(receipt);
        } else if !state.waiting.contains(&(id, receipt)) && !state.given.contains_key(&id) {
            state.waiting.push((id, receipt));
        }
        // Without crashes to come, nobody can tell when the transaction becomes durable.
        if state.crashes == self.scenario.crashes {
            state.sync();
        }
    }

    fn crash(&self, state: &mut State) {
        state.crashes += 1;
        state.open.clone_from(&state.durable);
        state.waiting.clear();
        state.swapping.clear();
        state.rest = None;
    }

    fn carols_actions(&self, state: &State, actions: &mut Vec<Action>) {
        if !self.scenario.invitations {
            return;
        }
        let known = |id: &Id| state.carol.fetched.contains(id) || state.carol.stored.contains(id);
        if !state.durable.inbox.iter().all(known) {
            actions.push(Action::Fetch);
        }
        if !state.carol.fetched.is_empty() {
            actions.push(Action::Store);
            if state.carol.crashes < self.scenario.carol_crashes {
                actions.push(Action::CarolCrashes);
            }
        }
        let stored = |id: &&Id| state.carol.stored.contains(id);
        actions.extend(state.open.inbox.iter().filter(stored).copied().map(Action::Acknowledge));
    }

    /// What a member can learn about the request that it waits for.
    fn lesson(&self, state: &State, who: Who) -> Option<Action> {
        let pending = state.member(who).pending.as_ref()?;
        if state.given.contains_key(&pending.id) {
            return Some(Action::Learn(who));
        }
        let told = state.open == state.durable
            && !(self.design.idempotency && state.durable.answers.contains_key(&pending.id))
            && state.durable.allows(&self.design, pending).is_err();
        told.then_some(Action::Refuse(who))
    }

    fn fetch(&self, state: &mut State) {
        let new = state.durable.inbox.iter().filter(|id| !state.carol.stored.contains(id));
        state.carol.fetched = new.copied().collect();
        if !self.design.inbox_waits {
            state.durable.inbox.clear();
            state.open.inbox.clear();
        }
    }
}

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let log = Log::new(&self.scenario.anchors);
        vec![State {
            durable: log.clone(),
            open: log,
            waiting: Vec::new(),
            given: BTreeMap::new(),
            sent: BTreeSet::new(),
            swapping: Vec::new(),
            rest: None,
            answered_differently: false,
            refused: BTreeSet::new(),
            alice: Member::default(),
            bob: Member::default(),
            carol: Invited::default(),
            posts: 0,
            crashes: 0,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(state.sent.iter().cloned().map(Action::Deliver));
        actions.extend(state.swapping.iter().cloned().map(Action::Swap));
        actions.extend(state.rest.map(|_| Action::Finish));
        if state.open != state.durable || !state.waiting.is_empty() {
            actions.push(Action::Sync);
        }
        if state.crashes < self.scenario.crashes && state.open != state.durable {
            actions.push(Action::Crash);
        }
        for who in HONEST {
            actions.push(Action::Read(who));
            actions.extend(self.makes(state, who).into_iter().map(Action::Make));
            actions.extend(self.lesson(state, who));
        }
        if state.posts < self.scenario.mallory {
            actions.extend(self.posts(state).into_iter().map(Action::Post));
        }
        self.carols_actions(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Acknowledge(id) => {
                for log in [&mut state.open, &mut state.durable] {
                    log.inbox.retain(|item| *item != id);
                }
            }
            Action::CarolCrashes => {
                state.carol.fetched.clear();
                state.carol.crashes += 1;
            }
            Action::Crash => self.crash(&mut state),
            // A refusal changes nothing.
            Action::Deliver(request) => drop(self.deliver(&mut state, &request)),
            Action::Fetch => self.fetch(&mut state),
            Action::Finish => {
                let rest = state.rest.take();
                state.open.finish(rest);
            }
            Action::Learn(who) => state.learn(who),
            Action::Make(request) => Self::make(&mut state, request),
            Action::Post(request) => {
                state.posts += 1;
                self.deliver(&mut state, &request).ok()?;
            }
            Action::Read(who) => self.read(&mut state, who),
            Action::Refuse(who) => state.learn_refusal(who),
            Action::Store => {
                let fetched = std::mem::take(&mut state.carol.fetched);
                state.carol.stored.extend(fetched);
            }
            Action::Swap(request) => self.swap(&mut state, &request),
            Action::Sync => state.sync(),
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::properties(&self.scenario)
    }
}
