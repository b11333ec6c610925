//! The kill loop: real processes on real files, killed at random instants, again and again.
//!
//! * `service`: the program `conclave serve`, killed with SIGKILL and started again at its address.
//! * `toys`: threads that speak the delivery protocol as fast as they are answered; every exchange
//!   is recorded.
//! * `people`: accounts of the program `conclave`, one process per command, killed as well.
//!
//! After so many kills everything comes to rest, what the service serves is recorded, and a round
//! ends with a check: the history against G1 to G10, the accounts against each other and against
//! what they were told had been sent. Then the next round begins in a new folder.

mod people;
mod service;
mod toys;

use crate::history::{Record, Recorder};
use crate::{Failure, agreement, checker};
use people::Conversation;
use service::Service;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use testkit::SeededRandom;
use toys::Toys;

/// Kills of one round: few enough that its history is read in a moment.
const ROUND_KILLS: u64 = 60;

/// What to kill, and how often.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program `conclave`.
    pub program: PathBuf,
    /// How many processes are killed, services and clients together.
    pub kills: u64,
    /// Determines what is done and when something is killed; processes and disks determine the
    /// rest.
    pub seed: u64,
    /// Where a round that failed is kept; nowhere if `None`.
    pub keep: Option<PathBuf>,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Services killed.
    pub services: u64,
    /// Of these, before they served.
    pub starting: u64,
    /// Clients killed.
    pub clients: u64,
    /// Requests by hand, and how many were not answered.
    pub exchanges: u64,
    /// See [`Self::exchanges`].
    pub unanswered: u64,
    /// Commands of `conclave` that were let live.
    pub commands: u64,
    /// Messages that everybody had in the end.
    pub messages: u64,
    /// Epochs that groups of accounts went through.
    pub epochs: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { services, starting, clients, exchanges, unanswered, .. } = self;
        write!(
            formatter,
            "killed {services} services ({starting} while starting) and {clients} clients; \
             {exchanges} exchanges, {unanswered} of them unanswered; {} commands, {} messages, \
             {} epochs",
            self.commands, self.messages, self.epochs
        )
    }
}

/// What all who take part in a round share.
pub(crate) struct Arena {
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) ends: AtomicBool,
    pub(crate) clients_killed: AtomicU64,
    pub(crate) commands: AtomicU64,
}

impl Arena {
    /// Whether to bring things to an end.
    pub(crate) fn ends(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }
}

/// Kills until enough are killed; tells each round.
///
/// # Errors
/// What a round found, with the seed that it was run with; or that it could not be run.
pub fn run(options: &Options, mut tell: impl FnMut(&Tally)) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let mut round = 0;
    while tally.services + tally.clients < options.kills {
        let left = options.kills - tally.services - tally.clients;
        let folder = tempfile::tempdir()?;
        let seed = options.seed.wrapping_add(round);
        if let Err(failure) =
            live(options, folder.path(), (seed, left.min(ROUND_KILLS)), &mut tally)
        {
            let kept = match &options.keep {
                Some(path) => {
                    std::fs::rename(folder.keep(), path)?;
                    format!(", kept in {}", path.display())
                }
                None => String::new(),
            };
            return Err(format!("kill loop, seed {seed}{kept}: {failure}").into());
        }
        tell(&tally);
        round += 1;
    }
    Ok(tally)
}

/// One round.
fn live(
    options: &Options,
    folder: &Path,
    (seed, kills): (u64, u64),
    tally: &mut Tally,
) -> Result<(), Failure> {
    let mut random = SeededRandom::new(seed);
    let arena = Arena {
        recorder: Arc::new(Recorder::to_file(&folder.join("history"))?),
        ends: AtomicBool::new(false),
        clients_killed: AtomicU64::new(0),
        commands: AtomicU64::new(0),
    };
    let mut service = Service::start(&options.program, &folder.join("service"))?;
    let toys = Toys::new(&service.url(), &arena, &mut random)?;
    let conversation = Conversation::begin(&options.program, folder, &service.url())?;
    let said = std::thread::scope(|scope| -> Result<Vec<people::Said>, Failure> {
        let toys = toys.play(scope, &arena, &mut random);
        let people = conversation.talk(scope, &arena, &mut random);
        let killed = kill(&mut service, &arena, (kills, &mut random), tally);
        // Whatever happened, let everybody go before judging it.
        arena.ends.store(true, Ordering::Relaxed);
        for toy in toys {
            toy.join().map_err(|_| "a toy panicked")??;
        }
        let mut said = Vec::new();
        for person in people {
            said.push(person.join().map_err(|_| "a person panicked")??);
        }
        killed.map(|()| said)
    })?;
    toys.record(&arena)?;
    let records = arena.recorder.records()?;
    let breaches = checker::check(&records)?;
    if let Some(first) = breaches.first() {
        return Err(format!("{} breaches, the first: {first}", breaches.len()).into());
    }
    let views = conversation.settle()?;
    let mut faults = agreement::check(&views);
    faults.extend(people::missing(&views, &said));
    if let Some(first) = faults.first() {
        return Err(format!("{} faults, the first: {first}", faults.len()).into());
    }
    tally.clients += arena.clients_killed.load(Ordering::Relaxed);
    tally.commands += arena.commands.load(Ordering::Relaxed);
    let of = |kind: fn(&Record) -> bool| records.iter().filter(|it| kind(it)).count() as u64;
    tally.exchanges += of(|record| matches!(record, Record::Asked(_)));
    tally.unanswered += of(|record| matches!(record, Record::Unanswered { .. }));
    tally.messages += views.iter().map(|view| view.messages().len() as u64).max().unwrap_or(0);
    tally.epochs += views.iter().filter_map(|view| view.group.as_ref()?.epoch).max().unwrap_or(0);
    Ok(())
}

/// Kills and restarts the service until enough processes are killed.
fn kill(
    service: &mut Service,
    arena: &Arena,
    (kills, random): (u64, &mut SeededRandom),
    tally: &mut Tally,
) -> Result<(), Failure> {
    let mut killed = 0;
    while killed + arena.clients_killed.load(Ordering::Relaxed) < kills {
        let longest = [5, 60, 300, 900][random.below(4)];
        std::thread::sleep(Duration::from_millis(random.below(longest) as u64));
        service.kill()?;
        arena.recorder.note("the service was killed");
        (killed, tally.services) = (killed + 1, tally.services + 1);
        while random.below(8) == 0 {
            // While it looks at what the last one left behind.
            service.kill_starting(Duration::from_millis(random.below(60) as u64))?;
            (killed, tally.services) = (killed + 1, tally.services + 1);
            tally.starting += 1;
        }
        service.restart()?;
    }
    Ok(())
}
