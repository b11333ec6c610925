//! An account as an application uses it: the engine, a transport, and the clock.
//!
//! Every method that talks to the service blocks until its wish is done or refused. If the service
//! cannot be reached it returns [`Error::Offline`], and the wish, if it was stored, goes out with
//! the next exchange.

use crate::engine::{Done, Engine, GroupSummary, Next, Setup};
use crate::transport::{HttpTransport, Transport};
use crate::{Error, Event, GroupId, Home, Identity, Misuse, ServiceFault, StoreKey};
use authentication::{AccountKey, KnownAccount};
use crypto::Crypto;
use delivery_api::log::LogPage;
use delivery_api::{Name, Position, Problem};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

mod agreement;
mod devices;
mod examine;
mod files;
mod follow;
mod history;

pub use files::Attachment;
use follow::Follower;
pub use follow::Waker;

/// An account on this device.
pub struct Account {
    engine: Engine,
    transport: Arc<dyn Transport>,
    follower: Follower,
    /// The last event that was handed out. It counts as taken when the next ones are asked for.
    handed_out: u64,
}

/// What the service shows of a log behind the last entry that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peek {
    /// It refuses.
    Refused(Problem),
    /// It shows so many entries, and whether that is all it will ever show to the last key.
    Shown {
        /// How many entries.
        entries: usize,
        /// Whether reading ends here for the key.
        stopped: bool,
    },
}

/// The clock, read nowhere else in the client.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

fn setup() -> Setup {
    Setup {
        crypto: Crypto::new(crypto_aws_lc::provider()),
        random: Box::new(crypto_aws_lc::SystemRandom),
    }
}

impl Account {
    /// Makes an account in a folder and registers it at the service.
    ///
    /// # Errors
    /// The name is no name or taken, the folder holds an account, or the service cannot be
    /// reached; then nothing is left behind. If the service went away half-way the account stays:
    /// whether it has the name is settled when it is opened and used.
    pub fn create(home: &Home, name: &str, server: &str) -> Result<Self, Error> {
        let transport = Arc::new(HttpTransport::new(server)?);
        Self::create_with(home, name, server, transport)
    }

    /// [`Account::create`] over another transport.
    ///
    /// # Errors
    /// As [`Account::create`].
    pub fn create_with(
        home: &Home,
        name: &str,
        server: &str,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, Error> {
        let name = Name::new(name).ok_or_else(|| Misuse::InvalidName(name.to_owned()))?;
        Self::begin(home, Engine::create(home, &name, server, setup())?, transport)
    }

    /// Registers a device that was just made.
    fn begin(home: &Home, engine: Engine, transport: Arc<dyn Transport>) -> Result<Self, Error> {
        let mut account = Self::over(engine, transport);
        account.engine.set_token(home.token());
        match account.drive() {
            Ok(()) => Ok(account),
            Err(error @ Error::Offline(_)) if account.engine.knows_service() => Err(error),
            Err(error) => {
                account.engine.delete(home)?;
                Err(error)
            }
        }
    }

    /// Opens the account in a folder.
    ///
    /// # Errors
    /// There is none, another process uses it, or it does not open with the home's key.
    pub fn open(home: &Home) -> Result<Self, Error> {
        let mut engine = Engine::open(home, setup())?;
        engine.set_token(home.token());
        let transport = Arc::new(HttpTransport::new(engine.server())?);
        Ok(Self::over(engine, transport))
    }

    /// [`Account::open`] over another transport.
    ///
    /// # Errors
    /// As [`Account::open`].
    pub fn open_with(home: &Home, transport: Arc<dyn Transport>) -> Result<Self, Error> {
        let mut engine = Engine::open(home, setup())?;
        engine.set_token(home.token());
        Ok(Self::over(engine, transport))
    }

    /// From now on another key opens the folder, or none is needed: see [`Engine::change_key`].
    ///
    /// # Errors
    /// The old key is not the folder's, or the store failed.
    pub fn change_key(&mut self, old: &StoreKey, new: &StoreKey) -> Result<(), Error> {
        self.engine.change_key(old, new)
    }

    fn over(engine: Engine, transport: Arc<dyn Transport>) -> Self {
        Self { engine, transport, follower: Follower::default(), handed_out: 0 }
    }

    /// The account's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.engine.identity().name
    }

    /// The account's name and device.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.engine.identity()
    }

    /// The account's root key, for others to be told by hand.
    ///
    /// # Errors
    /// None, for a key that was made here.
    pub fn account_key(&self) -> Result<AccountKey, Error> {
        self.engine.account_key()
    }

    /// What is known of another account.
    ///
    /// # Errors
    /// The name is none, or nothing is known of it.
    pub fn known_account(&self, name: &str) -> Result<KnownAccount, Error> {
        self.engine.known_account(&parse_name(name)?)
    }

    /// The safety number with another account: sixty digits that its owner sees too, if each has
    /// the other's root key.
    ///
    /// # Errors
    /// As [`Account::known_account`].
    pub fn safety_number(&self, name: &str) -> Result<String, Error> {
        self.engine.safety_number(&parse_name(name)?)
    }

    /// A group's epoch authenticator as thirty digits, to compare with its other members.
    ///
    /// # Errors
    /// This account is no member of such a group.
    pub fn authenticator(&mut self, group: &GroupId) -> Result<String, Error> {
        self.engine.authenticator(group)
    }

    /// Believes that a root key, as 64 hexadecimal digits, is an account's.
    ///
    /// # Errors
    /// It is no key, or the name is known to stand for another account.
    pub fn trust(&mut self, name: &str, key: &str) -> Result<(), Error> {
        let key = AccountKey::from_hex(key).ok_or(Misuse::InvalidKey)?;
        self.engine.trust(&parse_name(name)?, key)
    }

    /// The delivery service's address.
    #[must_use]
    pub fn server(&self) -> &str {
        self.engine.server()
    }

    /// Creates a group with this account as its only member.
    ///
    /// # Errors
    /// The name is none for a group; or the service cannot be reached, and learns of the
    /// group later.
    pub fn create_group(&mut self, name: &str) -> Result<GroupId, Error> {
        let group = self.engine.create_group(name, now())?;
        self.drive()?;
        Ok(group)
    }

    /// Adds accounts to a group, all in one commit. Who is in it already is left alone.
    ///
    /// # Errors
    /// A name is unknown, somebody has no key package left or is not who they were, or the
    /// group cannot be used.
    pub fn add(&mut self, group: &GroupId, names: &[&str]) -> Result<Done, Error> {
        let intent = self.engine.add(group, &parse_names(names)?)?;
        self.await_outcome(intent)
    }

    /// Removes accounts from a group, all in one commit.
    ///
    /// # Errors
    /// Somebody is not in it, it is this account itself, or the group cannot be used.
    pub fn remove(&mut self, group: &GroupId, names: &[&str]) -> Result<Done, Error> {
        let intent = self.engine.remove(group, &parse_names(names)?)?;
        self.await_outcome(intent)
    }

    /// Changes the own keys in a group, so that whoever had them is shut out.
    ///
    /// # Errors
    /// The group cannot be used.
    pub fn update_keys(&mut self, group: &GroupId) -> Result<Done, Error> {
        let intent = self.engine.update_keys(group)?;
        self.await_outcome(intent)
    }

    /// Says something in a group.
    ///
    /// # Errors
    /// It is too long, or the group cannot be used.
    pub fn send(&mut self, group: &GroupId, text: &str) -> Result<Done, Error> {
        let intent = self.engine.send(group, text)?;
        self.await_outcome(intent)
    }

    /// Fetches what is new and returns the events that were not returned before, oldest first. They
    /// count as taken when this is called again, or with [`Account::set_read`]; if the process dies
    /// before, they come again.
    ///
    /// # Errors
    /// The service cannot be reached or misbehaves. Events that are there already come
    /// with the next call.
    pub fn receive(&mut self) -> Result<Vec<Event>, Error> {
        self.set_read()?;
        self.engine.sync()?;
        self.drive()?;
        let events = self.engine.unread()?;
        self.handed_out = events.last().map_or(self.handed_out, |event| event.number);
        Ok(events)
    }

    /// Says that the events returned last were dealt with.
    ///
    /// # Errors
    /// The store failed.
    pub fn set_read(&mut self) -> Result<(), Error> {
        self.engine.set_read(self.handed_out)
    }

    /// Waits until there may be something new, or something is due of itself, at most `seconds`,
    /// then [`Account::receive`]s.
    ///
    /// # Errors
    /// As [`Account::receive`].
    pub fn follow(&mut self, seconds: u32) -> Result<Vec<Event>, Error> {
        let due = self.engine.next_action(now())?.saturating_sub(now()).max(1);
        let seconds = seconds.min(u32::try_from(due).unwrap_or(u32::MAX));
        self.follower.wait(&mut self.engine, &self.transport, seconds, now())?;
        let received = self.receive();
        if received.is_err() {
            self.follower.start_over();
        }
        received
    }

    /// What ends a wait of [`Account::follow`] from another thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.follower.waker()
    }

    /// All groups, in the order of their names.
    ///
    /// # Errors
    /// The store failed.
    pub fn groups(&mut self) -> Result<Vec<GroupSummary>, Error> {
        self.engine.groups()
    }

    /// A group by its name, or by its id or the first digits of it.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn group(&mut self, name_or_id: &str) -> Result<GroupSummary, Error> {
        let groups = self.groups()?;
        let named = |group: &&GroupSummary| group.name == name_or_id;
        let numbered = |group: &&GroupSummary| {
            name_or_id.len() >= 4 && group.id.to_string().starts_with(name_or_id)
        };
        let mut found: Vec<_> = groups.iter().filter(named).collect();
        if found.is_empty() {
            found = groups.iter().filter(numbered).collect();
        }
        match found.as_slice() {
            [] => Err(Misuse::NoSuchGroup(name_or_id.to_owned()).into()),
            [group] => Ok((*group).clone()),
            _ => Err(Misuse::AmbiguousGroup(name_or_id.to_owned()).into()),
        }
    }

    /// What happened in a group, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub fn history(&mut self, group: &GroupId) -> Result<Vec<Event>, Error> {
        self.engine.history(group)
    }

    /// Asks the service for what is behind the last entry that was read, with the last key that was
    /// had. For a removed account this shows that the service keeps the door shut.
    ///
    /// # Errors
    /// The service cannot be reached.
    pub fn peek(&mut self, group: &GroupId) -> Result<Peek, Error> {
        let request = self.engine.peek(group, now())?;
        let response = self.transport.send(&request)?;
        let window =
            delivery_api::request::Window { after: Position::START, limit: 1, wait_seconds: 0 };
        // Any request of this kind can read the answer.
        let reader = delivery_api::request::read_log(delivery_api::LogId::new([0; 32]), window);
        match reader.answer(response.status, &response.body) {
            Ok(LogPage { entries, stopped, .. }) => {
                Ok(Peek::Shown { entries: entries.len(), stopped })
            }
            Err(delivery_api::request::Failure::Problem(problem)) => Ok(Peek::Refused(problem)),
            Err(failure) => Err(failure.into()),
        }
    }

    fn await_outcome(&mut self, intent: u64) -> Result<Done, Error> {
        let driven = self.drive();
        // What failed may have been something behind it.
        if let Some(outcome) = self.engine.take_outcome(intent) {
            return outcome;
        }
        self.engine.stop_waiting(intent);
        driven?;
        Err(ServiceFault::Inconsistent("an exchange ended without an outcome").into())
    }

    /// Carries out what the engine plans, until it plans nothing more.
    fn drive(&mut self) -> Result<(), Error> {
        let result = self.exchange();
        if result.is_err() {
            self.engine.abandon();
        }
        result
    }

    fn exchange(&mut self) -> Result<(), Error> {
        loop {
            match self.engine.next(now())? {
                Next::Idle => return Ok(()),
                Next::Wait(delay) => std::thread::sleep(delay),
                Next::Ask(request) => {
                    let response = self.transport.send(&request)?;
                    self.engine.answer(&response, now())?;
                }
            }
        }
    }
}

fn parse_name(name: &str) -> Result<Name, Error> {
    Ok(Name::new(name).ok_or_else(|| Misuse::InvalidName(name.to_owned()))?)
}

fn parse_names(names: &[&str]) -> Result<Vec<Name>, Error> {
    names.iter().map(|name| parse_name(name)).collect()
}
