//! Draws the model. Everything is readable without colour: weight, reversal and words say it all.

use super::command::COMMANDS;
use super::model::{Connection, Conversation, Fate, LineKind, Model, Pane, Verification};
use crate::output::printable;
use client::GroupState;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of the list of conversations, with its border.
const LIST_WIDTH: u16 = 22;

/// Below this width the list is left out.
const NARROW: u16 = 50;

/// Keys, for the help page.
const KEYS: [(&str, &str); 5] = [
    ("Tab, Shift-Tab", "the next conversation, the one before"),
    ("PageUp, PageDown", "scroll"),
    ("Up, Down", "lines that were typed before"),
    ("Ctrl-R", "try to reach the service now"),
    ("Esc", "back to the messages"),
];

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const REVERSED: Style = Style::new().add_modifier(Modifier::REVERSED);
const PLAIN: Style = Style::new();

/// Draws everything.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let rows = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ]);
    let [title, middle, input, bottom] = rows.areas(frame.area());
    draw_title(model, frame, title);
    let pane = if middle.width < NARROW {
        middle
    } else {
        let columns = Layout::horizontal([Constraint::Length(LIST_WIDTH), Constraint::Min(1)]);
        let [list, pane] = columns.areas(middle);
        draw_list(model, frame, list);
        pane
    };
    draw_pane(model, frame, pane);
    draw_input(model, frame, input);
    let help = "F1 help  F2 members  F3 verify  Tab next conversation  Ctrl-C quit";
    let notice = if model.notice.is_empty() { help } else { &model.notice };
    frame.render_widget(Line::styled(printable(notice), PLAIN), bottom);
}

fn draw_title(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let (state, style) = match &model.connection {
        Connection::Connecting => ("connecting".to_owned(), BOLD),
        Connection::Offline(why) => {
            let text = "OFFLINE, trying again (Ctrl-R: now); what you say is kept";
            (format!("{text}: {}", printable(why)), REVERSED)
        }
        Connection::Online => ("online".to_owned(), BOLD),
    };
    frame.render_widget(Line::styled(format!("conclave  {}  {state}", model.name), style), area);
}

fn draw_list(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let block = Block::new().borders(Borders::RIGHT);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let width = usize::from(inner.width);
    let place = model.place();
    let height = usize::from(inner.height).max(1);
    // The chosen one is always in sight.
    let from = place.unwrap_or_default().saturating_sub(height - 1);
    let row = |(index, conversation): (usize, &Conversation)| {
        let is_chosen = Some(index) == place;
        let mark = if is_chosen { '>' } else { ' ' };
        let unread = match conversation.unread {
            0 => String::new(),
            count => format!(" ({count})"),
        };
        let room = width.saturating_sub(1 + unread.len());
        let name = cut(&printable(&conversation.name), room);
        let style = if is_chosen { REVERSED } else { PLAIN };
        let style = if unread.is_empty() { style } else { style.add_modifier(Modifier::BOLD) };
        Line::styled(format!("{mark}{name}{unread}"), style)
    };
    let conversations = model.conversations.iter().enumerate();
    let rows: Vec<Line<'_>> = conversations.skip(from).take(height).map(row).collect();
    frame.render_widget(Paragraph::new(rows), inner);
}

fn draw_pane(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(current) = model.current().filter(|_| model.pane != Pane::Help) else {
        return draw_rows(help(model), frame, (area, 0));
    };
    let epoch = current.epoch.map(|epoch| format!(", epoch {epoch}")).unwrap_or_default();
    let name = printable(&current.name);
    let title = match current.state {
        GroupState::Active => format!("{name}: {} members{epoch}", current.members.len()),
        state => format!("{name}: {state}{epoch}"),
    };
    let rows = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]);
    let [top, rest] = rows.areas(area);
    frame.render_widget(Line::styled(title, BOLD), top);
    match model.pane {
        Pane::Members => draw_rows(members(model, current), frame, (rest, 0)),
        Pane::Verify => {
            let fitting = model.verification.as_ref().filter(|it| it.group == current.id);
            draw_rows(verification(fitting), frame, (rest, 0));
        }
        Pane::Help | Pane::Messages => draw_messages(model, current, frame, rest),
    }
}

/// Draws rows from the top, each as long as it needs to be.
fn draw_rows(rows: Vec<(String, Style)>, frame: &mut Frame<'_>, (area, from): (Rect, usize)) {
    let width = usize::from(area.width);
    let wrapped = rows.iter().flat_map(|(text, style)| {
        wrap(text, width).into_iter().map(|row| Line::styled(row, *style))
    });
    let lines: Vec<Line<'_>> = wrapped.skip(from).take(usize::from(area.height)).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

/// Draws messages up to the latest, or to where the user has scrolled.
fn draw_messages(model: &Model, current: &Conversation, frame: &mut Frame<'_>, area: Rect) {
    let rows: Vec<(String, Style)> = model
        .lines(current)
        .map(|line| match &line.kind {
            LineKind::Happened => (format!("-- {}", line.text), PLAIN),
            LineKind::Said => (line.text.clone(), PLAIN),
            LineKind::Own(fate) => {
                let mine = format!("{}: ", model.name);
                let text = line.text.strip_prefix(&mine).unwrap_or(&line.text);
                (format!("you: {text}  {}", told(fate)), BOLD)
            }
        })
        .collect();
    let width = usize::from(area.width);
    let height = usize::from(area.height);
    let count: usize = rows.iter().map(|(text, _)| wrap(text, width).len()).sum();
    let last = count.saturating_sub(height);
    draw_rows(rows, frame, (area, last.saturating_sub(model.scroll)));
}

/// What became of something that was said, in words.
fn told(fate: &Fate) -> String {
    match fate {
        Fate::Accepted(position) => format!("[sent #{position}]"),
        Fate::Pending => "[pending]".to_owned(),
        Fate::Refused(why) => format!("[NOT SENT: {why}]"),
    }
}

fn members(model: &Model, current: &Conversation) -> Vec<(String, Style)> {
    let mut rows = vec![("Members and their devices".to_owned(), BOLD)];
    for member in &current.members {
        let you = if member.name.as_str() == model.name { "  (you)" } else { "" };
        rows.push((format!("{}{you}", member.name), PLAIN));
        rows.push((format!("  {}", member.device), PLAIN));
    }
    rows.push((String::new(), PLAIN));
    rows.push(("/add NAME and /remove NAME change the group; Esc goes back".to_owned(), PLAIN));
    rows
}

fn verification(found: Option<&Verification>) -> Vec<(String, Style)> {
    let Some(found) = found else { return vec![("one moment".to_owned(), PLAIN)] };
    let shown = |number: &Result<String, String>| match number {
        Ok(digits) => digits.clone(),
        Err(why) => format!("none: {}", printable(why)),
    };
    let mut rows = vec![
        ("Epoch authenticator: all members see these digits in this epoch".to_owned(), BOLD),
        (format!("  {}", shown(&found.authenticator)), PLAIN),
        (String::new(), PLAIN),
        ("Safety numbers: the other one sees the same with you".to_owned(), BOLD),
    ];
    for (name, number, by_hand) in &found.numbers {
        let how = if *by_hand { "given by hand" } else { "believed at first use" };
        rows.push((format!("{name}  ({how})"), PLAIN));
        rows.push((format!("  {}", shown(number)), PLAIN));
    }
    rows.push((String::new(), PLAIN));
    let advice = "Compare by voice or in person. `conclave account trust NAME KEY` settles it.";
    rows.push((advice.to_owned(), PLAIN));
    rows
}

fn help(model: &Model) -> Vec<(String, Style)> {
    let mut rows = Vec::new();
    if model.conversations.is_empty() {
        let text = "There is no group yet: /create NAME makes one.";
        rows.push((text.to_owned(), BOLD));
    }
    let mut list = |title: &str, entries: &[(&str, &str)]| {
        rows.push((title.to_owned(), BOLD));
        rows.extend(entries.iter().map(|(what, does)| (format!("  {what:<18} {does}"), PLAIN)));
    };
    list("Keys", &KEYS);
    list("Commands", &COMMANDS);
    rows
}

fn draw_input(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let (before, behind) = model.input.parts();
    let room = usize::from(area.width.saturating_sub(3));
    // The end of what stands before the cursor is always in sight.
    let mut shown: &str = &before;
    while shown.width() > room {
        let mut letters = shown.chars();
        letters.next();
        shown = letters.as_str();
    }
    let column = area.x.saturating_add(2).saturating_add(u16::try_from(shown.width()).unwrap_or(0));
    let spans = [Span::styled("> ", BOLD), Span::raw(shown.to_owned()), Span::raw(behind)];
    frame.render_widget(Line::from_iter(spans), area);
    frame.set_cursor_position(Position::new(column, area.y));
}

/// The start of a text that fits into so many columns.
fn cut(text: &str, width: usize) -> String {
    let mut room = width;
    let fits = |letter: &char| {
        let needed = letter.width().unwrap_or(0);
        let fits = needed <= room;
        room = room.saturating_sub(needed);
        fits
    };
    text.chars().take_while(fits).collect()
}

/// A text in rows of so many columns, broken at spaces where there are some; rows behind the first
/// are indented.
fn wrap(text: &str, width: usize) -> Vec<String> {
    const INDENT: &str = "  ";
    let width = width.max(INDENT.len() + 2);
    let mut rows = Vec::new();
    let mut row = String::new();
    for word in text.split_inclusive(' ') {
        if row.width() + word.trim_end().width() > width && !row.trim().is_empty() {
            rows.push(std::mem::replace(&mut row, INDENT.to_owned()));
        }
        for letter in word.chars() {
            let is_space = letter == ' ';
            if !is_space && row.width() + letter.width().unwrap_or(0) > width {
                rows.push(std::mem::replace(&mut row, INDENT.to_owned()));
            }
            row.push(letter);
        }
    }
    rows.push(row);
    rows
}

#[cfg(test)]
mod tests;
