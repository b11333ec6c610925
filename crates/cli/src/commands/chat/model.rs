//! What is shown and typed. Keys and news go in, orders for the worker come out; nothing here
//! touches a terminal, the network or the disk.

use super::command::{Entered, parse};
use super::input::Input;
use crate::failure::Failure;
use client::{GroupId, GroupState, Identity};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::BTreeMap;

/// How many lines a page key scrolls.
const PAGE: usize = 10;

/// A group as it is shown.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    pub(super) id: GroupId,
    pub(super) name: String,
    pub(super) state: GroupState,
    pub(super) epoch: Option<u64>,
    pub(super) members: Vec<Identity>,
    pub(super) lines: Vec<Line>,
    /// How many lines others have written since this account last looked.
    pub(super) unread: u64,
}

/// Something that was said or happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) kind: LineKind,
}

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    /// Something that happened to the group.
    Happened,
    /// What this account said, and what became of it.
    Own(Fate),
    /// What somebody else said.
    Said,
}

/// What became of something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stands at this position of the group's log.
    Accepted(u64),
    /// It is on its way, or kept until the service can be reached.
    Pending,
    /// It will never be sent.
    Refused(String),
}

/// Numbers to compare with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verification {
    pub(super) group: GroupId,
    /// The epoch authenticator as digits, or why there is none.
    pub(super) authenticator: Result<String, String>,
    /// The safety number with each other member, or why there is none, and whether the key was
    /// given by hand.
    pub(super) numbers: Vec<(String, Result<String, String>, bool)>,
}

/// Whether the service can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// It has not been tried yet.
    Connecting,
    Offline(String),
    Online,
}

/// What the worker tells.
pub(super) enum News {
    Connection(Connection),
    /// All groups, as they are now.
    Conversations(Vec<Conversation>),
    /// The worker has ended, by itself if there is a failure.
    Ended(Option<Failure>),
    /// Something for the bottom line.
    Notice(String),
    /// What became of something that was said, by the ticket it had.
    Sent(u64, Fate),
    Verification(Verification),
}

/// What the worker is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Add(GroupId, Vec<String>),
    Create(String),
    Leave(GroupId),
    Quit,
    /// The group is being looked at.
    Read(GroupId),
    Remove(GroupId, Vec<String>),
    Rename(GroupId, String),
    /// Try to reach the service now.
    Retry,
    Save(GroupId, String),
    Say(GroupId, u64, String),
    Share(GroupId, u64, String),
    Update(GroupId),
    Verify(GroupId),
}

/// What the large part of the screen shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pane {
    Help,
    Members,
    Messages,
    Verify,
}

/// Something that was said here and is not known to be accepted.
struct Outgoing {
    ticket: u64,
    group: GroupId,
    line: Line,
}

/// Everything that is shown and typed.
pub(super) struct Model {
    pub(super) name: String,
    pub(super) conversations: Vec<Conversation>,
    pub(super) connection: Connection,
    pub(super) pane: Pane,
    pub(super) input: Input,
    pub(super) notice: String,
    /// How many lines the messages are scrolled up.
    pub(super) scroll: usize,
    pub(super) verification: Option<Verification>,
    selected: Option<GroupId>,
    /// What the worker was told is being looked at.
    reading: Option<GroupId>,
    outgoing: Vec<Outgoing>,
    next_ticket: u64,
    is_over: bool,
    /// What was being typed when another conversation was chosen.
    drafts: BTreeMap<GroupId, Input>,
}

impl Model {
    pub(super) fn new(name: &str, selected: Option<GroupId>) -> Self {
        Self {
            name: name.to_owned(),
            conversations: Vec::new(),
            connection: Connection::Connecting,
            pane: Pane::Messages,
            input: Input::default(),
            notice: String::new(),
            scroll: 0,
            verification: None,
            selected,
            reading: None,
            outgoing: Vec::new(),
            next_ticket: 1,
            is_over: false,
            drafts: BTreeMap::new(),
        }
    }

    /// Whether the user has left.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The place of the conversation that is shown.
    pub(super) fn place(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.conversations.iter().position(|conversation| conversation.id == *selected)
    }

    /// The conversation that is shown.
    pub(super) fn current(&self) -> Option<&Conversation> {
        self.conversations.get(self.place()?)
    }

    /// The lines of a conversation: its history, and behind it what is on its way.
    pub(super) fn lines<'a>(&'a self, of: &'a Conversation) -> impl Iterator<Item = &'a Line> {
        let outgoing = self.outgoing.iter().filter(|outgoing| outgoing.group == of.id);
        of.lines.iter().chain(outgoing.map(|outgoing| &outgoing.line))
    }

    /// Takes what the worker tells.
    pub(super) fn news(&mut self, news: News) -> Vec<Order> {
        match news {
            News::Connection(connection) => self.connection = connection,
            News::Conversations(conversations) => return self.update(conversations),
            News::Ended(_) => self.is_over = true,
            News::Notice(text) => self.notice = text,
            News::Sent(ticket, Fate::Accepted(_)) => {
                // It is in the history now.
                self.outgoing.retain(|outgoing| outgoing.ticket != ticket);
            }
            News::Sent(ticket, fate) => {
                let outgoing = self.outgoing.iter_mut().find(|it| it.ticket == ticket);
                if let Some(outgoing) = outgoing {
                    outgoing.line.kind = LineKind::Own(fate);
                }
            }
            News::Verification(verification) => self.verification = Some(verification),
        }
        Vec::new()
    }

    fn update(&mut self, conversations: Vec<Conversation>) -> Vec<Order> {
        self.conversations = conversations;
        if self.place().is_none() {
            self.selected = self.conversations.first().map(|conversation| conversation.id.clone());
        }
        if self.reading == self.selected {
            return Vec::new();
        }
        self.reading.clone_from(&self.selected);
        self.reading.iter().cloned().map(Order::Read).collect()
    }

    /// Takes a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<Order> {
        self.notice.clear();
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        let is_alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Char('c') if is_control => self.is_over = true,
            KeyCode::Char('d') if is_control && self.input.is_empty() => self.is_over = true,
            KeyCode::Char('n') if is_control => return self.select(true),
            KeyCode::Char('p') if is_control => return self.select(false),
            KeyCode::Char('r') if is_control => return vec![Order::Retry],
            KeyCode::Down if is_alt => return self.select(true),
            KeyCode::Up if is_alt => return self.select(false),
            KeyCode::Tab => return self.select(true),
            KeyCode::BackTab => return self.select(false),
            KeyCode::F(1) => return self.show(Pane::Help),
            KeyCode::F(2) => return self.show(Pane::Members),
            KeyCode::F(3) => return self.show(Pane::Verify),
            KeyCode::Char('?') if self.input.is_empty() => return self.show(Pane::Help),
            KeyCode::Esc => self.pane = Pane::Messages,
            KeyCode::PageUp => self.scroll = self.scroll.saturating_add(PAGE),
            KeyCode::PageDown => self.scroll = self.scroll.saturating_sub(PAGE),
            KeyCode::Enter => {
                let line = self.input.take();
                return self.entered(parse(&line));
            }
            _ => {
                self.input.key(key);
            }
        }
        Vec::new()
    }

    /// Takes text that was pasted.
    pub(super) fn paste(&mut self, text: &str) -> Vec<Order> {
        self.input.insert(text);
        Vec::new()
    }

    /// Chooses the next conversation, or the one before. What is being typed stays where it was.
    fn select(&mut self, forward: bool) -> Vec<Order> {
        let count = self.conversations.len();
        let Some(place) = self.place() else { return Vec::new() };
        let next = if forward { place + 1 } else { place + count - 1 } % count;
        let id = self.conversations[next].id.clone();
        if let Some(before) = self.selected.replace(id.clone()) {
            let typed = std::mem::take(&mut self.input);
            self.drafts.insert(before, typed);
        }
        self.input = self.drafts.remove(&id).unwrap_or_default();
        self.scroll = 0;
        self.conversations[next].unread = 0;
        self.reading = Some(id.clone());
        let mut orders = vec![Order::Read(id)];
        if self.pane == Pane::Verify {
            orders.extend(self.verify());
        }
        orders
    }

    /// Shows a pane, or the messages again if it is shown.
    fn show(&mut self, pane: Pane) -> Vec<Order> {
        self.pane = if self.pane == pane { Pane::Messages } else { pane };
        if self.pane == Pane::Verify { self.verify() } else { Vec::new() }
    }

    /// Asks for the numbers of the group that is shown.
    fn verify(&mut self) -> Vec<Order> {
        self.verification = None;
        self.selected.iter().cloned().map(Order::Verify).collect()
    }

    /// Does what a line says.
    fn entered(&mut self, entered: Entered) -> Vec<Order> {
        match entered {
            Entered::Nothing => {}
            Entered::Wrong(text) => self.notice = text,
            Entered::Quit => self.is_over = true,
            Entered::Help => return self.show(Pane::Help),
            Entered::Members => return self.show(Pane::Members),
            Entered::Verify => return self.show(Pane::Verify),
            Entered::Create(name) => return vec![Order::Create(name)],
            of_group => match self.selected.clone() {
                Some(group) => return self.of_group(of_group, group),
                None => self.notice = "there is no group yet: /create NAME makes one".to_owned(),
            },
        }
        Vec::new()
    }

    fn of_group(&mut self, entered: Entered, group: GroupId) -> Vec<Order> {
        self.scroll = 0;
        let order = match entered {
            Entered::Add(names) => Order::Add(group, names),
            Entered::Leave => Order::Leave(group),
            Entered::Remove(names) => Order::Remove(group, names),
            Entered::Rename(name) => Order::Rename(group, name),
            Entered::Save(file) => Order::Save(group, file),
            Entered::Say(text) => {
                let ticket = self.say(&group, text.clone());
                Order::Say(group, ticket, text)
            }
            Entered::Share(path) => {
                let ticket = self.say(&group, format!("file {path}"));
                Order::Share(group, ticket, path)
            }
            Entered::Update => Order::Update(group),
            _ => return Vec::new(),
        };
        vec![order]
    }

    /// Shows what is on its way. Returns its ticket.
    fn say(&mut self, group: &GroupId, text: String) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.pane = Pane::Messages;
        let line = Line { text, kind: LineKind::Own(Fate::Pending) };
        self.outgoing.push(Outgoing { ticket, group: group.clone(), line });
        ticket
    }
}

#[cfg(test)]
mod tests;
