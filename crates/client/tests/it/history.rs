//! What people look at: pages of history, what is new, what became of messages, drafts, settings.

use crate::world::{Fault, World, lines};
use client::{Error, EventKind, HistoryQuery, MessageState};

#[test]
fn history_comes_in_pages_and_is_searched() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let [alice, bob] = accounts.as_mut_slice() else { unreachable!() };
    for number in 0..10 {
        alice.send(&group, &format!("Message {number}")).unwrap();
    }
    bob.receive().unwrap();
    let all = bob.history(&group).unwrap();
    let mut query = HistoryQuery { limit: 4, ..HistoryQuery::default() };
    let mut pages = Vec::new();
    loop {
        let page = bob.history_page(&group, &query).unwrap();
        assert!(page.len() <= 4);
        let Some(first) = page.first() else { break };
        query.before = first.number;
        pages.splice(0..0, page);
    }
    assert_eq!(pages, all);
    let search = |text: &str| HistoryQuery { text: Some(text.to_owned()), ..Default::default() };
    assert_eq!(
        lines(&bob.history_page(&group, &search("mESSAGE 7")).unwrap()),
        ["alice: Message 7"]
    );
    let found = bob.history_page(&group, &HistoryQuery { limit: 3, ..search("message") }).unwrap();
    assert_eq!(lines(&found), ["alice: Message 7", "alice: Message 8", "alice: Message 9"]);
    assert!(bob.history_page(&group, &search("alice")).unwrap().is_empty(), "names are no text");
    assert!(bob.history_page(&group, &HistoryQuery { limit: 0, ..query }).unwrap().is_empty());
}

#[test]
fn what_nobody_has_looked_at_is_counted_for_each_group() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    let [alice, bob] = accounts.as_mut_slice() else { unreachable!() };
    let other = alice.create_group("kitchen").unwrap();
    alice.add(&other, &["bob"]).unwrap();
    bob.receive().unwrap();
    assert_eq!(bob.unseen(&group).unwrap(), 0, "only messages count");
    for text in ["one", "two", "three"] {
        alice.send(&group, text).unwrap();
    }
    alice.send(&other, "elsewhere").unwrap();
    bob.send(&group, "mine").unwrap();
    let events = bob.receive().unwrap();
    assert_eq!((bob.unseen(&group).unwrap(), bob.unseen(&other).unwrap()), (3, 1));
    bob.set_read().unwrap();
    assert_eq!(bob.unseen(&group).unwrap(), 3, "the application took them; nobody saw them");
    let two = |kind: &EventKind| matches!(kind, EventKind::Message { text, .. } if text == "two");
    let second = events.iter().find(|event| two(&event.kind)).unwrap().number;
    bob.set_seen(&group, second).unwrap();
    bob.set_seen(&group, 1).unwrap();
    assert_eq!((bob.unseen(&group).unwrap(), bob.unseen(&other).unwrap()), (1, 1));
}

#[test]
fn every_own_message_has_a_state() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    drop(accounts.pop());
    let alice = &mut accounts[0];
    let transport = world.transport();
    let mut bob = client::Account::open_with(&world.home("bob"), transport.clone()).unwrap();
    let done = bob.send(&group, "arrives").unwrap();
    transport.fail_next(Fault::LoseRequest("/entries"));
    assert!(matches!(bob.send(&group, "waits"), Err(Error::Offline(_))));
    let states = |bob: &mut client::Account| -> Vec<(String, MessageState)> {
        let messages = bob.own_messages(&group).unwrap().into_iter();
        messages.map(|message| (message.text, message.state)).collect()
    };
    let arrived = ("arrives".to_owned(), MessageState::Accepted(done.position));
    let waits = ("waits".to_owned(), MessageState::Pending);
    assert_eq!(states(&mut bob), [arrived.clone(), waits]);
    let changes = bob.take_message_changes();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].1, arrived.1);
    alice.remove(&group, &["bob"]).unwrap();
    bob.receive().unwrap();
    let [_, (_, refused)] = states(&mut bob).try_into().unwrap();
    assert!(
        matches!(&refused, MessageState::Refused(why) if why.contains("removed")),
        "{refused:?}"
    );
    let changes = bob.take_message_changes();
    assert_eq!(changes.into_iter().map(|change| change.1).collect::<Vec<_>>(), [refused]);
}

#[test]
fn drafts_and_settings_are_kept_until_they_are_forgotten() {
    let world = World::new();
    let (mut accounts, group) = world.group(&["alice"]);
    accounts[0].set_draft(&group, "I was about to").unwrap();
    accounts[0].set_setting("theme", Some("dark")).unwrap();
    accounts[0].set_setting("bell", Some("off")).unwrap();
    drop(accounts);
    let mut alice = world.reopen("alice");
    assert_eq!(alice.draft(&group).unwrap().as_deref(), Some("I was about to"));
    assert_eq!(alice.setting("theme").unwrap().as_deref(), Some("dark"));
    alice.set_draft(&group, "").unwrap();
    alice.set_setting("theme", None).unwrap();
    assert_eq!(alice.draft(&group).unwrap(), None);
    assert_eq!(alice.setting("theme").unwrap(), None);
    assert_eq!(alice.setting("bell").unwrap().as_deref(), Some("off"));
}
