//! `conclave chat`: conversations in a terminal.
//!
//! | module | what |
//! |---|---|
//! | [`model`] | what is shown and typed; turns keys and news into orders. Knows no terminal. |
//! | `command` | what is typed with a `/` in front |
//! | `input` | the line that is being typed |
//! | [`view`] | draws the model; changes nothing |
//! | [`worker`] | the account, on a thread of its own: carries out orders, brings news |
//!
//! This thread draws and waits, for a key or for news, whichever comes first. The network never
//! keeps it waiting.

mod command;
mod input;
mod model;
mod view;
mod worker;

use crate::Common;
use crate::failure::Failure;
use crate::output::Output;
use model::{Model, News};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyEvent, KeyEventKind,
};
use ratatui::crossterm::execute;
use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use worker::Worker;

/// How long to wait at the end for what the worker is doing. It is durable whenever it stops.
const FAREWELL: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub(crate) struct Chat {
    /// The group to begin with: its name, its id, or the first digits of the id
    group: Option<String>,
}

/// What the main thread waits for.
enum Message {
    /// A key was pressed.
    Key(KeyEvent),
    /// The worker has something to tell.
    News(News),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resized,
}

impl Chat {
    pub(crate) fn run(self, common: &Common, output: &Output) -> Result<(), Failure> {
        if output.is_json() || !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
            let text = "`chat` needs a terminal; `send` and `receive` do not".to_owned();
            return Err(Failure::usage(text));
        }
        let mut account = common.account()?;
        let first = self.group.map(|group| account.group(&group)).transpose()?;
        let mut model = Model::new(account.name().as_str(), first.map(|group| group.id));
        let (sender, messages) = channel();
        let worker = Worker::start(account, {
            let sender = sender.clone();
            // Nobody listens at the end.
            move |news| drop(sender.send(Message::News(news)))
        });
        let mut terminal = ratatui::try_init()?;
        let pastes = execute!(std::io::stdout(), EnableBracketedPaste);
        std::thread::spawn(move || listen(&sender));
        let shown = show(&mut terminal, &mut model, (&worker, &messages));
        if pastes.is_ok() {
            // The terminal is restored in any case.
            let _ = execute!(std::io::stdout(), DisableBracketedPaste);
        }
        ratatui::restore();
        shown?;
        farewell(&worker, &messages)
    }
}

/// Passes on what the terminal says, until nobody wants to know.
fn listen(sender: &Sender<Message>) {
    while let Ok(event) = event::read() {
        let message = match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => Message::Key(key),
            Event::Paste(text) => Message::Paste(text),
            Event::Resize(..) => Message::Resized,
            _ => continue,
        };
        if sender.send(message).is_err() {
            break;
        }
    }
}

/// Draws, waits, and takes in what has come, until the user leaves.
fn show(
    terminal: &mut DefaultTerminal,
    model: &mut Model,
    (worker, messages): (&Worker, &Receiver<Message>),
) -> Result<(), Failure> {
    while !model.is_over() {
        terminal.draw(|frame| view::draw(model, frame))?;
        let Ok(message) = messages.recv() else { break };
        let mut next = Some(message);
        while let Some(message) = next {
            let orders = match message {
                Message::Key(key) => model.key(key),
                Message::News(News::Ended(failure)) => return failure.map_or(Ok(()), Err),
                Message::News(news) => model.news(news),
                Message::Paste(text) => model.paste(&text),
                Message::Resized => Vec::new(),
            };
            orders.into_iter().for_each(|order| worker.give(order));
            next = messages.try_recv().ok();
        }
    }
    Ok(())
}

/// Lets the worker end what it is doing.
fn farewell(worker: &Worker, messages: &Receiver<Message>) -> Result<(), Failure> {
    worker.give(model::Order::Quit);
    let mut left = 100;
    while let Ok(message) = messages.recv_timeout(FAREWELL) {
        left -= 1;
        match message {
            Message::News(News::Ended(failure)) => return failure.map_or(Ok(()), Err),
            _ if left == 0 => break,
            _ => {}
        }
    }
    Ok(())
}
