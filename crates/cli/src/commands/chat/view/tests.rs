//! What a terminal of 80 by 24 shows, without one.

use super::{draw, wrap};
use crate::commands::chat::model::{
    Connection, Conversation, Fate, Line, LineKind, Model, News, Verification,
};
use client::{GroupId, GroupState, Identity};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

fn id(number: u8) -> GroupId {
    GroupId::new(vec![number; 4])
}

fn line(text: &str, kind: LineKind) -> Line {
    Line { text: text.to_owned(), kind }
}

fn garden() -> Conversation {
    let member =
        |name: &str, device: u8| Identity { name: client_name(name), device: device_id(device) };
    Conversation {
        id: id(1),
        name: "garden".to_owned(),
        state: GroupState::Active,
        epoch: Some(3),
        members: vec![member("alice", 1), member("bob", 2)],
        lines: vec![
            line("alice added bob", LineKind::Happened),
            line("bob: hi", LineKind::Said),
            line("alice: hello", LineKind::Own(Fate::Accepted(12))),
            line("what?", LineKind::Own(Fate::Pending)),
            line("no", LineKind::Own(Fate::Refused("too long".to_owned()))),
        ],
        unread: 0,
    }
}

fn client_name(name: &str) -> delivery_api::Name {
    delivery_api::Name::new(name).unwrap()
}

fn device_id(byte: u8) -> delivery_api::DeviceId {
    delivery_api::DeviceId::new([byte; 32])
}

fn model() -> Model {
    let mut model = Model::new("alice", Some(id(1)));
    let cellar = Conversation {
        id: id(2),
        name: "cellar".to_owned(),
        state: GroupState::Removed,
        epoch: None,
        members: Vec::new(),
        lines: Vec::new(),
        unread: 12,
    };
    model.news(News::Conversations(vec![garden(), cellar]));
    model.news(News::Connection(Connection::Online));
    model
}

/// The screen as lines of text, colours and weights left out.
fn screen(model: &Model, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(model, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| row(y).trim_end().to_owned()).collect()
}

fn shows(rows: &[String], text: &str) -> bool {
    rows.iter().any(|row| row.contains(text))
}

fn press(model: &mut Model, code: KeyCode) {
    model.key(KeyEvent::new(code, KeyModifiers::NONE));
}

#[test]
fn the_screen_shows_conversations_messages_and_their_fate() {
    let rows = screen(&model(), 80, 24);
    assert_eq!(rows[0], "conclave  alice  online");
    assert!(rows[1].starts_with(">garden") && rows[1].contains("garden: 2 members, epoch 3"));
    assert!(rows[2].starts_with(" cellar (12)"), "{:?}", rows[2]);
    for text in [
        "-- alice added bob",
        "bob: hi",
        "you: hello  [sent #12]",
        "you: what?  [pending]",
        "you: no  [NOT SENT: too long]",
    ] {
        assert!(shows(&rows, text), "{text}: {rows:#?}");
    }
    assert!(rows[22].starts_with("> ") || rows[22] == ">");
    assert!(rows[23].starts_with("F1 help"));
}

#[test]
fn being_offline_stands_at_the_top() {
    let mut model = model();
    model.news(News::Connection(Connection::Offline("connection refused".to_owned())));
    let rows = screen(&model, 80, 24);
    assert!(rows[0].contains("OFFLINE, trying again (Ctrl-R: now)"), "{}", rows[0]);
}

#[test]
fn members_are_shown_with_whole_devices() {
    let mut model = model();
    press(&mut model, KeyCode::F(2));
    let rows = screen(&model, 80, 24);
    assert!(shows(&rows, "alice  (you)") && shows(&rows, "bob"));
    // A device is longer than the pane is wide.
    let pane = |row: &String| row.chars().skip(22).collect::<String>().trim().to_owned();
    let joined: String = rows.iter().map(pane).collect();
    assert!(joined.contains(&"02".repeat(32)), "{joined}");
}

#[test]
fn the_numbers_to_compare_are_shown_whole() {
    let mut model = model();
    press(&mut model, KeyCode::F(3));
    assert!(shows(&screen(&model, 80, 24), "one moment"));
    let number = "12345 12345 12345 12345 12345 12345 12345 12345 12345 12345 12345 12345";
    model.news(News::Verification(Verification {
        group: id(1),
        authenticator: Ok("11111 22222 33333 44444 55555 66666".to_owned()),
        numbers: vec![
            ("bob".to_owned(), Ok(number.to_owned()), false),
            ("carol".to_owned(), Err("nothing is known".to_owned()), true),
        ],
    }));
    let rows = screen(&model, 80, 24);
    assert!(shows(&rows, "11111 22222 33333 44444 55555 66666"));
    assert!(shows(&rows, "bob  (believed at first use)"));
    let groups: usize = rows.iter().map(|row| row.matches("12345").count()).sum();
    assert_eq!(groups, 12);
    assert!(shows(&rows, "none: nothing is known"));
}

#[test]
fn help_fits_and_a_newcomer_is_told_what_to_do() {
    let mut model = Model::new("alice", None);
    model.news(News::Conversations(Vec::new()));
    let rows = screen(&model, 80, 24);
    assert!(shows(&rows, "/create NAME makes one"));
    for text in ["Ctrl-R", "Esc", "/add NAME...", "/quit"] {
        assert!(shows(&rows, text), "{text}: {rows:#?}");
    }
}

#[test]
fn the_latest_is_in_sight_until_the_user_scrolls() {
    let mut model = Model::new("alice", Some(id(1)));
    let lines = (0..50).map(|number| line(&format!("bob: {number}."), LineKind::Said)).collect();
    model.news(News::Conversations(vec![Conversation { lines, ..garden() }]));
    let rows = screen(&model, 80, 24);
    assert!(shows(&rows, "bob: 49.") && shows(&rows, "bob: 30.") && !shows(&rows, "bob: 29."));
    press(&mut model, KeyCode::PageUp);
    let rows = screen(&model, 80, 24);
    assert!(shows(&rows, "bob: 39.") && !shows(&rows, "bob: 40."));
    for _ in 0..9 {
        press(&mut model, KeyCode::PageUp);
    }
    assert!(shows(&screen(&model, 80, 24), "bob: 0."));
}

#[test]
fn no_size_is_too_small_and_no_text_too_wide() {
    let mut model = model();
    model.paste(&"\u{6f22}".repeat(200));
    for (width, height) in [(1, 1), (3, 2), (10, 4), (49, 5), (200, 60)] {
        screen(&model, width, height);
    }
}

#[test]
fn long_texts_are_broken_at_spaces_where_there_are_some() {
    assert_eq!(wrap("one two three", 8), ["one two ", "  three"]);
    assert_eq!(wrap("abcdefghij", 6), ["abcdef", "  ghij"]);
    assert_eq!(wrap("\u{6f22}\u{5b57}\u{6f22}", 4), ["\u{6f22}\u{5b57}", "  \u{6f22}"]);
    assert_eq!(wrap("", 4), [""]);
}
