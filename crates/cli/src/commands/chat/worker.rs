//! The account, on a thread of its own: carries out orders one by one, follows what happens in
//! between, and tells the main thread.
//!
//! What is said while the service cannot be reached is kept by the client; it counts as pending
//! until an exchange has succeeded, which has then carried it out or failed it for good.

use super::model::{Connection, Conversation, Fate, Line, LineKind, News, Order, Verification};
use crate::failure::Failure;
use crate::files;
use crate::output::{Output, printable};
use client::{
    Account, Done, Error, Event, EventKind, GroupId, KeySource, MessageState, OwnMessage, Waker,
};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// How long one wait for news lasts, in seconds; the service allows no more than 30.
const WAIT_SECONDS: u32 = 25;

/// How long to wait before trying again when the service cannot be reached.
const RETRY_DELAY: Duration = Duration::from_secs(3);

/// How many lines of a history are shown.
const LINES_MAX: usize = 1000;

/// The thread's handle.
pub(super) struct Worker {
    orders: Sender<Order>,
    waker: Waker,
}

impl Worker {
    /// Starts the thread; `tell` is called for everything that it has to say.
    pub(super) fn start(account: Account, tell: impl Fn(News) + Send + 'static) -> Self {
        let (orders, received) = channel();
        let waker = account.waker();
        let mut work = Work {
            account,
            orders: received,
            tell: Box::new(tell),
            earlier: BTreeSet::new(),
            reading: None,
            kept: Vec::new(),
        };
        std::thread::spawn(move || {
            let ended = work.run().err();
            (work.tell)(News::Ended(ended));
        });
        Self { orders, waker }
    }

    /// Gives an order. It is carried out behind those before it.
    pub(super) fn give(&self, order: Order) {
        // A worker that has ended has told so.
        let _ = self.orders.send(order);
        self.waker.wake();
    }
}

struct Work {
    account: Account,
    orders: Receiver<Order>,
    tell: Box<dyn Fn(News) + Send>,
    /// What was said before this conversation began and is not sent yet, by group and number.
    earlier: BTreeSet<(GroupId, u64)>,
    /// The group that is shown.
    reading: Option<GroupId>,
    /// The tickets of what is kept.
    kept: Vec<u64>,
}

impl Work {
    /// Works until told to quit, or until the account cannot be used any more.
    fn run(&mut self) -> Result<(), Failure> {
        self.note_earlier()?;
        self.publish()?;
        let mut news = self.account.receive();
        loop {
            let was_offline = news.is_err();
            let order = match news {
                Ok(_) => {
                    self.received()?;
                    self.orders.try_recv().ok()
                }
                Err(error) => {
                    self.offline(error)?;
                    match self.orders.recv_timeout(RETRY_DELAY) {
                        Ok(order) => Some(order),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => return Ok(()),
                    }
                }
            };
            let was_idle = order.is_none();
            let mut next = order;
            while let Some(order) = next {
                if order == Order::Quit {
                    return Ok(());
                }
                self.carry_out(order)?;
                next = self.orders.try_recv().ok();
            }
            // After an order, and to see whether the service is back, without waiting.
            news = match was_idle && !was_offline {
                true => self.account.follow(WAIT_SECONDS),
                false => self.account.receive(),
            };
        }
    }

    fn say(&self, news: News) {
        (self.tell)(news);
    }

    /// Notes what is not sent yet: nobody here has a ticket for it.
    fn note_earlier(&mut self) -> Result<(), Failure> {
        for group in self.account.groups()? {
            for message in self.account.own_messages(&group.id)? {
                if message.state == MessageState::Pending {
                    self.earlier.insert((group.id.clone(), message.number));
                }
            }
        }
        Ok(())
    }

    /// What was said before this conversation began, as long as it is not in the history.
    fn earlier(&mut self, group: &GroupId) -> Result<Vec<Line>, Failure> {
        if self.earlier.is_empty() {
            return Ok(Vec::new());
        }
        let line = |message: OwnMessage| {
            let fate = match message.state {
                MessageState::Accepted(_) => return None,
                MessageState::Pending => Fate::Pending,
                MessageState::Refused(why) => Fate::Refused(printable(&why)),
            };
            Some(Line { text: printable(&message.text), kind: LineKind::Own(fate) })
        };
        let messages = self.account.own_messages(group)?.into_iter();
        let earlier =
            messages.filter(|message| self.earlier.contains(&(group.clone(), message.number)));
        Ok(earlier.filter_map(line).collect())
    }

    /// What the service said: it can be reached, and whatever was kept has been dealt with.
    fn received(&mut self) -> Result<(), Failure> {
        for ticket in std::mem::take(&mut self.kept) {
            self.say(News::Sent(ticket, Fate::Accepted(0)));
        }
        self.publish()?;
        self.account.set_read()?;
        self.say(News::Connection(Connection::Online));
        Ok(())
    }

    /// Nothing came back, or nonsense. Only a store that fails ends the conversation.
    fn offline(&self, error: Error) -> Result<(), Failure> {
        match error {
            Error::Store(_) => Err(error.into()),
            Error::Offline(error) => {
                self.say(News::Connection(Connection::Offline(error.0)));
                Ok(())
            }
            other => {
                self.say(News::Connection(Connection::Offline(other.to_string())));
                Ok(())
            }
        }
    }

    /// Tells how all groups stand.
    fn publish(&mut self) -> Result<(), Failure> {
        let mut conversations = Vec::new();
        for group in self.account.groups()? {
            let history = self.account.history(&group.id)?;
            let from = history.len().saturating_sub(LINES_MAX);
            if self.reading.as_ref() == Some(&group.id) {
                let last = history.last().map_or(0, |event| event.number);
                self.account.set_seen(&group.id, last)?;
            }
            let me = self.account.name().as_str();
            let mut lines: Vec<Line> = history[from..].iter().map(|it| line(it, me)).collect();
            lines.extend(self.earlier(&group.id)?);
            conversations.push(Conversation {
                lines,
                unread: self.account.unseen(&group.id)?,
                name: group.name,
                state: group.state,
                epoch: group.epoch,
                members: group.members,
                id: group.id,
            });
        }
        self.say(News::Conversations(conversations));
        Ok(())
    }

    fn carry_out(&mut self, order: Order) -> Result<(), Failure> {
        let (what, done) = match order {
            Order::Quit | Order::Retry => return Ok(()),
            Order::Read(group) => {
                self.reading = Some(group);
                return self.publish();
            }
            Order::Verify(group) => return self.verify(group),
            Order::Say(group, ticket, text) => {
                let done = self.account.send(&group, &text);
                return self.said(ticket, done.map_err(Failure::from));
            }
            Order::Share(group, ticket, path) => {
                let done = files::share(
                    &mut self.account,
                    &group,
                    (Path::new(&path), None),
                    &Output::new(true),
                );
                return self.said(ticket, done);
            }
            Order::Save(group, file) => ("save", self.save(&group, &file)),
            Order::Create(name) => {
                ("create", self.account.create_group(&name).map(drop).map_err(Failure::from))
            }
            Order::Add(group, names) => ("add", {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                self.account.add(&group, &names).map(drop).map_err(Failure::from)
            }),
            Order::Remove(group, names) => ("remove", {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                self.account.remove(&group, &names).map(drop).map_err(Failure::from)
            }),
            Order::Leave(group) => {
                ("leave", self.account.leave(&group).map(drop).map_err(Failure::from))
            }
            Order::Rename(group, name) => {
                ("rename", self.account.rename(&group, &name).map(drop).map_err(Failure::from))
            }
            Order::Update(group) => {
                ("update", self.account.update_keys(&group).map(drop).map_err(Failure::from))
            }
        };
        if let Err(failure) = done {
            self.say(News::Notice(printable(&format!("{what}: {}", failure.text()))));
        }
        self.publish()
    }

    /// Tells what became of something that was said.
    fn said(&mut self, ticket: u64, done: Result<Done, Failure>) -> Result<(), Failure> {
        let fate = match done {
            Ok(done) => Fate::Accepted(done.position.0),
            Err(failure) if failure.is_offline() => {
                self.kept.push(ticket);
                Fate::Pending
            }
            Err(failure) => Fate::Refused(printable(failure.text())),
        };
        self.say(News::Sent(ticket, fate));
        self.publish()
    }

    fn save(&mut self, group: &GroupId, file: &str) -> Result<(), Failure> {
        let event = self.account.find_file(group, file)?;
        let quiet = Output::new(true);
        let path = files::fetch_into(&mut self.account, &event, Path::new("."), &quiet)?;
        self.say(News::Notice(format!("saved {}", path.display())));
        Ok(())
    }

    fn verify(&mut self, group: GroupId) -> Result<(), Failure> {
        let found = self.account.groups()?.into_iter().find(|other| other.id == group);
        let me = self.account.name().to_string();
        let mut names: Vec<String> = Vec::new();
        for member in found.map(|group| group.members).unwrap_or_default() {
            let name = member.name.to_string();
            if name != me && !names.contains(&name) {
                names.push(name);
            }
        }
        let text = |error: Error| error.to_string();
        let number = |name: String| {
            let known = self.account.known_account(&name);
            let by_hand = known.is_ok_and(|known| known.source == KeySource::ByHand);
            let number = self.account.safety_number(&name).map_err(text);
            (name, number, by_hand)
        };
        let numbers = names.into_iter().map(number).collect();
        let authenticator = self.account.authenticator(&group).map_err(text);
        self.say(News::Verification(Verification { group, authenticator, numbers }));
        Ok(())
    }
}

/// An event as a line.
fn line(event: &Event, me: &str) -> Line {
    let (text, from) = match &event.kind {
        EventKind::Message { from, text, .. } => (format!("{from}: {text}"), Some(from)),
        EventKind::File { from, name, size, .. } => {
            let text = format!("{from}: file {}: {name}, {size} bytes", event.number);
            (text, Some(from))
        }
        _ => (crate::output::what(event), None),
    };
    let kind = match from {
        Some(from) if from == me => LineKind::Own(Fate::Accepted(event.position.0)),
        Some(_) => LineKind::Said,
        None => LineKind::Happened,
    };
    Line { text: printable(&text), kind }
}
