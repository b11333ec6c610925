//! The world of a schedule: a queue of events in the order of their times.

use super::Tally;
use super::person::Person;
use super::weather::{PATIENCE, Weather};
use crate::Failure;
use crate::history::Recorder;
use client::engine::Next;
use client::transport::{HttpRequest, HttpResponse};
use client::{Error, GroupSummary};
use delivery_api::Name;
use delivery_service::Service;
use delivery_service::core::{Config, Paces, RawRequest, ServiceCore};
use delivery_service::key::ServiceKey;
use delivery_service::store::MemoryStore;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use testkit::SeededRandom;

/// Somewhere in 2026, in seconds since 1970.
const START_SECONDS: u64 = 1_790_000_000;

/// People who may be in a world.
const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

/// Things that people do in a schedule, at most.
const ACTS_MAX: usize = 60;

/// How often everybody asks for news in the end before that must be all.
const SETTLING_ROUNDS: usize = 30;

/// More events than a schedule can need.
const EVENTS_MAX: u64 = 100_000;

/// Something that will happen.
#[derive(Clone, Debug)]
enum Event {
    /// Somebody does something, if not busy.
    Act { person: usize },
    /// An answer arrives.
    Answer { person: usize, number: u64, response: HttpResponse },
    /// A client goes away.
    Crash { person: usize },
    /// Somebody has waited for an answer for long enough.
    GiveUp { person: usize, number: u64 },
    /// The service goes away, or comes back.
    Outage { begins: bool },
    /// A request arrives.
    Request { person: usize, number: u64, request: HttpRequest },
    /// A client comes back.
    Restart { person: usize },
    /// Somebody has waited as long as its engine wanted.
    Wake { person: usize, number: u64 },
}

/// The world.
pub(super) struct World {
    pub(super) random: SeededRandom,
    /// Milliseconds since the start.
    time: u64,
    queue: BTreeMap<(u64, u64), Event>,
    /// Events so far; orders those of one time.
    events: u64,
    /// Questions so far.
    questions: u64,
    weather: Weather,
    pub(super) store: Arc<MemoryStore>,
    /// `None` while it is away.
    service: Option<Service>,
    pub(super) recorder: Recorder,
    pub(super) people: Vec<Person>,
    names: Vec<Name>,
    pub(super) tally: Tally,
}

impl World {
    pub(super) fn new(seed: u64, folder: &Path) -> Result<Self, Failure> {
        let mut random = SeededRandom::new(seed);
        let count = 2 + random.below(NAMES.len() - 1);
        let people = NAMES[..count].iter().map(|name| Person::new(name, folder, &mut random));
        let people = people.collect::<Result<Vec<_>, _>>()?;
        let mut world = Self {
            random,
            time: 0,
            queue: BTreeMap::new(),
            events: 0,
            questions: 0,
            weather: Weather::CALM,
            store: Arc::new(MemoryStore::new()),
            service: None,
            recorder: Recorder::new(),
            names: people.iter().map(|person| person.name.clone()).collect(),
            people,
            tally: Tally { schedules: 1, ..Tally::default() },
        };
        world.serve()?;
        Ok(world)
    }

    /// The service begins with what is in its store and nothing else.
    fn serve(&mut self) -> Result<(), Failure> {
        let config = Config { paces: Paces::UNLIMITED, ..Config::default() };
        let core = ServiceCore::new(ServiceKey::from_seed(&[7; 32])?, config);
        self.service = Some(Service::new(Arc::new(core), self.store.clone()));
        Ok(())
    }

    /// Plans and lives the schedule, then lets everything come to rest.
    pub(super) fn live(&mut self) -> Result<(), Failure> {
        if self.random.below(4) > 0 {
            self.begin()?;
        }
        self.weather = Weather::some(&mut self.random);
        self.plan();
        self.run()?;
        self.weather = Weather::CALM;
        self.serve()?;
        for person in &mut self.people {
            person.restart(&mut self.random)?;
        }
        let mut before: Vec<Vec<GroupSummary>> = Vec::new();
        for _ in 0..SETTLING_ROUNDS {
            for person in 0..self.people.len() {
                self.sync(person)?;
            }
            let groups = |person: &mut Person| match &mut person.engine {
                Some(engine) => engine.groups(),
                None => Ok(Vec::new()),
            };
            let now = self.people.iter_mut().map(groups).collect::<Result<Vec<_>, _>>()?;
            if now == before {
                return Ok(());
            }
            before = now;
        }
        Err("nothing comes to rest".into())
    }

    /// Before anything goes wrong, everybody registers, and the first invites some of the others.
    fn begin(&mut self) -> Result<(), Failure> {
        for person in (0..self.people.len()).rev() {
            self.sync(person)?;
        }
        let now = self.clock(0);
        if let Some(engine) = &mut self.people[0].engine {
            let group = engine.create_group("garden", now)?;
            let others = 1 + self.random.below(self.names.len() - 1);
            engine.add(&group, &self.names[1..=others])?;
        }
        for person in 0..self.people.len() {
            self.sync(person)?;
        }
        Ok(())
    }

    /// Lets somebody fetch what is new, and everything happen that follows.
    fn sync(&mut self, person: usize) -> Result<(), Failure> {
        if let Some(engine) = &mut self.people[person].engine {
            engine.sync()?;
        }
        self.people[person].is_busy = true;
        self.drive(person)?;
        self.run()
    }

    /// Decides who acts and who crashes when.
    fn plan(&mut self) {
        let acts = 20 + self.random.below(ACTS_MAX - 20);
        // People who act at once race; those who take their time follow.
        let span = [2_000, 20_000, 200_000][self.random.below(3)];
        self.at(0, Event::Act { person: 0 });
        for _ in 0..acts {
            let person = self.random.below(self.people.len());
            let time = self.random.below(span) as u64;
            self.at(time, Event::Act { person });
        }
        for _ in 0..[0, 1, 4, 10][self.random.below(4)] {
            let person = self.random.below(self.people.len());
            let time = self.random.below(span) as u64;
            let back = time + self.random.below(span / 4) as u64;
            self.at(time, Event::Crash { person });
            self.at(back, Event::Restart { person });
        }
        for _ in 0..[0, 0, 1, 3][self.random.below(4)] {
            let time = self.random.below(span) as u64;
            let back = time + self.random.below(span / 4) as u64;
            self.at(time, Event::Outage { begins: true });
            self.at(back, Event::Outage { begins: false });
        }
    }

    /// Something will happen in so many milliseconds.
    fn at(&mut self, delay: u64, event: Event) {
        self.events += 1;
        self.queue.insert((self.time + delay, self.events), event);
    }

    /// Lets everything happen that is planned, and what follows from it.
    fn run(&mut self) -> Result<(), Failure> {
        while let Some(((time, _), event)) = self.queue.pop_first() {
            if self.events > EVENTS_MAX {
                return Err("it never ends".into());
            }
            self.time = time;
            self.happen(event)?;
        }
        Ok(())
    }

    fn seconds(&self) -> u64 {
        START_SECONDS + self.time / 1000
    }

    fn clock(&self, person: usize) -> u64 {
        self.seconds().saturating_add_signed(self.people[person].skew)
    }

    fn happen(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Act { person } => {
                let now = self.clock(person);
                if self.people[person].engine.is_none() || self.people[person].is_busy {
                    return Ok(());
                }
                self.people[person].want(&self.names, &mut self.random, now)?;
                self.drive(person)?;
            }
            Event::Answer { person, number, response } => {
                if self.people[person].waits_for != Some(number) {
                    return Ok(());
                }
                let now = self.clock(person);
                let Some(engine) = &mut self.people[person].engine else { return Ok(()) };
                match engine.answer(&response, now) {
                    Ok(()) => self.drive(person)?,
                    Err(error) => self.give_up(person, Some(&error)),
                }
            }
            Event::Crash { person } => {
                self.tally.crashes += u64::from(self.people[person].engine.is_some());
                self.people[person].crash();
            }
            Event::GiveUp { person, number } => {
                if self.people[person].waits_for == Some(number) {
                    self.give_up(person, None);
                }
            }
            Event::Outage { begins: true } => {
                self.tally.outages += u64::from(self.service.is_some());
                self.service = None;
            }
            Event::Outage { begins: false } => self.serve()?,
            Event::Request { person, number, request } => self.serve_one(person, number, &request),
            Event::Restart { person } => self.people[person].restart(&mut self.random)?,
            Event::Wake { person, number } => {
                if self.people[person].waits_for == Some(number) {
                    self.drive(person)?;
                }
            }
        }
        Ok(())
    }

    fn give_up(&mut self, person: usize, error: Option<&Error>) {
        if let Some(engine) = &mut self.people[person].engine {
            engine.abandon();
        }
        self.people[person].finish(error);
    }

    /// Does what an engine wants to do next.
    fn drive(&mut self, person: usize) -> Result<(), Failure> {
        let now = self.clock(person);
        self.questions += 1;
        let number = self.questions;
        let someone = &mut self.people[person];
        let Some(engine) = &mut someone.engine else { return Ok(()) };
        someone.waits_for = Some(number);
        match engine.next(now) {
            Ok(Next::Idle) => self.people[person].finish(None),
            Ok(Next::Wait(delay)) => {
                let delay = u64::try_from(delay.as_millis())?;
                self.at(delay, Event::Wake { person, number });
            }
            Ok(Next::Ask(request)) => {
                self.at(PATIENCE, Event::GiveUp { person, number });
                if self.weather.doubles(&mut self.random) {
                    self.tally.doubled += 1;
                    let latency = self.weather.latency(&mut self.random);
                    let request = request.clone();
                    self.at(latency, Event::Request { person, number, request });
                }
                if self.weather.loses(&mut self.random) {
                    self.tally.lost += 1;
                } else {
                    let latency = self.weather.latency(&mut self.random);
                    self.at(latency, Event::Request { person, number, request });
                }
            }
            Err(error) => self.give_up(person, Some(&error)),
        }
        Ok(())
    }

    /// The service answers a request, if it is there.
    fn serve_one(&mut self, person: usize, number: u64, request: &HttpRequest) {
        let Some(service) = &self.service else {
            self.tally.lost += 1;
            return;
        };
        self.tally.requests += 1;
        let call = self.recorder.asked(person as u64, request);
        let raw = RawRequest {
            method: request.method.as_str(),
            path: &request.path,
            authorization: request.authorization.as_deref(),
            body: &request.body,
        };
        let response = service.respond(&raw, self.seconds());
        let response = HttpResponse { status: response.status, body: response.body };
        self.recorder.answered(call, &response);
        if self.weather.loses(&mut self.random) {
            self.tally.lost += 1;
            return;
        }
        let latency = self.weather.latency(&mut self.random);
        self.at(latency, Event::Answer { person, number, response });
    }
}
