//! Keys and news go in, orders come out.

use super::{Connection, Conversation, Fate, Line, LineKind, Model, News, Order, Pane};
use client::{GroupId, GroupState};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

fn id(number: u8) -> GroupId {
    GroupId::new(vec![number; 4])
}

fn conversation(number: u8, lines: &[&str]) -> Conversation {
    let line = |text: &&str| Line { text: (*text).to_owned(), kind: LineKind::Said };
    Conversation {
        id: id(number),
        name: format!("group {number}"),
        state: GroupState::Active,
        epoch: Some(1),
        members: Vec::new(),
        lines: lines.iter().map(line).collect(),
        unread: 0,
    }
}

/// A model with three groups, the second chosen.
fn model() -> Model {
    let mut model = Model::new("alice", Some(id(2)));
    let all = vec![conversation(1, &[]), conversation(2, &["bob: hi"]), conversation(3, &[])];
    assert_eq!(model.news(News::Conversations(all)), [Order::Read(id(2))]);
    model
}

fn press(model: &mut Model, code: KeyCode) -> Vec<Order> {
    model.key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn control(model: &mut Model, letter: char) -> Vec<Order> {
    model.key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL))
}

fn enter(model: &mut Model, line: &str) -> Vec<Order> {
    for letter in line.chars() {
        press(model, KeyCode::Char(letter));
    }
    press(model, KeyCode::Enter)
}

fn shown(model: &Model) -> Vec<Line> {
    model.lines(model.current().unwrap()).cloned().collect()
}

#[test]
fn what_is_said_is_pending_until_it_is_in_the_history_or_refused() {
    let mut model = model();
    assert_eq!(enter(&mut model, "hello"), [Order::Say(id(2), 1, "hello".to_owned())]);
    let own = |fate: Fate| Line { text: "hello".to_owned(), kind: LineKind::Own(fate) };
    assert_eq!(shown(&model)[1..], [own(Fate::Pending)]);
    // Kept while offline, and still pending.
    model.news(News::Sent(1, Fate::Pending));
    assert_eq!(shown(&model)[1..], [own(Fate::Pending)]);
    model.news(News::Sent(1, Fate::Accepted(7)));
    assert_eq!(shown(&model).len(), 1, "the history has it");
    assert_eq!(enter(&mut model, "again"), [Order::Say(id(2), 2, "again".to_owned())]);
    model.news(News::Sent(2, Fate::Refused("no".to_owned())));
    assert_eq!(shown(&model)[1].kind, LineKind::Own(Fate::Refused("no".to_owned())));
}

#[test]
fn conversations_are_chosen_in_a_circle_and_keep_what_is_being_typed() {
    let mut model = model();
    model.paste("draft");
    assert_eq!(press(&mut model, KeyCode::Tab), [Order::Read(id(3))]);
    assert!(model.input.is_empty());
    assert_eq!(control(&mut model, 'n'), [Order::Read(id(1))]);
    assert_eq!(press(&mut model, KeyCode::BackTab), [Order::Read(id(3))]);
    assert_eq!(control(&mut model, 'p'), [Order::Read(id(2))]);
    assert_eq!(model.input.parts().0, "draft");
    // A group that comes first by its name does not change what is looked at.
    let mut all = vec![conversation(0, &[])];
    all.extend(model.conversations.clone());
    assert!(model.news(News::Conversations(all)).is_empty());
    assert_eq!(model.current().unwrap().id, id(2));
}

#[test]
fn commands_concern_the_group_that_is_shown() {
    let mut model = model();
    let name = |name: &str| name.to_owned();
    for (line, order) in [
        ("/add bob carol", Order::Add(id(2), vec![name("bob"), name("carol")])),
        ("/remove bob", Order::Remove(id(2), vec![name("bob")])),
        ("/rename the shed", Order::Rename(id(2), name("the shed"))),
        ("/leave", Order::Leave(id(2))),
        ("/update", Order::Update(id(2))),
        ("/create shed", Order::Create(name("shed"))),
        ("/save a.txt", Order::Save(id(2), name("a.txt"))),
        ("/file a b.txt", Order::Share(id(2), 1, name("a b.txt"))),
        ("/verify", Order::Verify(id(2))),
    ] {
        assert_eq!(enter(&mut model, line), [order], "{line}");
    }
    assert!(enter(&mut model, "/dance").is_empty());
    assert!(model.notice.contains("/dance"));
    press(&mut model, KeyCode::Left);
    assert!(model.notice.is_empty(), "a notice goes with the next key");
}

#[test]
fn without_a_group_nothing_is_said_into_the_void() {
    let mut model = Model::new("alice", None);
    assert!(model.news(News::Conversations(Vec::new())).is_empty());
    assert!(enter(&mut model, "hello").is_empty());
    assert!(model.notice.contains("/create"));
    assert!(press(&mut model, KeyCode::Tab).is_empty());
    assert!(press(&mut model, KeyCode::F(3)).is_empty());
    let made = vec![conversation(1, &[])];
    assert_eq!(model.news(News::Conversations(made)), [Order::Read(id(1))]);
}

#[test]
fn panes_open_and_close() {
    let mut model = model();
    for (code, pane) in
        [(KeyCode::F(1), Pane::Help), (KeyCode::F(2), Pane::Members), (KeyCode::F(3), Pane::Verify)]
    {
        press(&mut model, code);
        assert_eq!(model.pane, pane);
        press(&mut model, code);
        assert_eq!(model.pane, Pane::Messages);
    }
    press(&mut model, KeyCode::Char('?'));
    assert_eq!(model.pane, Pane::Help);
    press(&mut model, KeyCode::Esc);
    assert_eq!(model.pane, Pane::Messages);
    // Within a line it is a letter.
    press(&mut model, KeyCode::Char('w'));
    press(&mut model, KeyCode::Char('?'));
    assert_eq!((model.pane, model.input.parts().0), (Pane::Messages, "w?".to_owned()));
    press(&mut model, KeyCode::F(3));
    let orders = press(&mut model, KeyCode::Tab);
    assert_eq!(orders, [Order::Read(id(3)), Order::Verify(id(3))]);
}

#[test]
fn the_user_leaves_by_key_or_by_word() {
    for code in ['c', 'd'] {
        let mut model = model();
        control(&mut model, code);
        assert!(model.is_over());
    }
    let mut model = model();
    press(&mut model, KeyCode::Char('x'));
    control(&mut model, 'd');
    assert!(!model.is_over(), "there is something in the line");
    control(&mut model, 'u');
    enter(&mut model, "/quit");
    assert!(model.is_over());
}

#[test]
fn the_connection_is_known_and_can_be_tried_at_once() {
    let mut model = model();
    assert_eq!(model.connection, Connection::Connecting);
    model.news(News::Connection(Connection::Offline("refused".to_owned())));
    assert_eq!(model.connection, Connection::Offline("refused".to_owned()));
    assert_eq!(control(&mut model, 'r'), [Order::Retry]);
}

#[test]
fn scrolling_stops_at_the_end_and_whoever_speaks_is_there() {
    let mut model = model();
    press(&mut model, KeyCode::PageUp);
    press(&mut model, KeyCode::PageUp);
    press(&mut model, KeyCode::PageDown);
    assert_eq!(model.scroll, 10);
    press(&mut model, KeyCode::PageDown);
    press(&mut model, KeyCode::PageDown);
    assert_eq!(model.scroll, 0);
    press(&mut model, KeyCode::PageUp);
    enter(&mut model, "hello");
    assert_eq!(model.scroll, 0);
}
