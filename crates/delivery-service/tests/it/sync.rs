//! Sync: many logs, one round trip, each as its own key may read it.

use crate::world::{Group, Key, World, message, refusal, window};
use codec::Opaque;
use delivery_api::request::{self, Failure};
use delivery_api::sync::{Cursor, LogNews, SignedCursor, Sync, Synced};
use delivery_api::{LogId, Position, Problem, limits};

fn cursor(world: &World, log: LogId, key: &Key, after: u64) -> SignedCursor {
    let cursor = Cursor { log, after: Position(after), key: key.public() };
    let tbs = cursor.to_be_signed(world.service.public_key(), world.now());
    let signature = Opaque::from(key.sign(&tbs));
    SignedCursor { log, after: cursor.after, key: cursor.key, signature }
}

fn ask(world: &World, cursors: Vec<SignedCursor>) -> Result<Synced, Failure> {
    let sync = Sync { time_seconds: world.now(), cursors };
    world.service.ask(&request::sync(&sync), world.now())
}

fn news(world: &World, cursors: Vec<SignedCursor>) -> Vec<LogNews> {
    ask(world, cursors).unwrap().logs
}

pub(crate) fn only_logs_with_news_are_answered(world: &World) {
    let groups: Vec<_> = (0..5).map(|_| Group::new(world)).collect();
    let cursors = || groups.iter().map(|group| cursor(world, group.log, &group.key, 0)).collect();
    assert_eq!(news(world, cursors()), []);
    groups[1].send("one");
    groups[3].send("two");
    groups[3].send("three");
    let found = news(world, cursors());
    assert_eq!(found.iter().map(|news| news.cursor).collect::<Vec<_>>(), [1, 3]);
    for (LogNews { outcome, .. }, group) in found.iter().zip([&groups[1], &groups[3]]) {
        let read = world.get(&group.key, request::read_log(group.log, window(0)));
        assert_eq!(outcome.as_ref(), Ok(&read));
    }
    let read = vec![cursor(world, groups[1].log, &groups[1].key, 1)];
    assert_eq!(news(world, read), []);
}

pub(crate) fn a_cursor_gets_no_more_than_its_key_may_read(world: &World) {
    let mut group = Group::new(world);
    let first = group.commit(|_| ());
    let removed = group.commit(|bundle| bundle.removes = true);
    group.send("after");
    let stranger = Key::fresh();
    let at = |key: &Key, after| cursor(world, group.log, key, after);
    let unknown = cursor(world, LogId::new(crate::world::fresh_bytes()), &first, 0);
    let mut forged = at(&first, 0);
    forged.after = Position(1);
    let found = news(
        world,
        vec![
            at(&removed, 1),
            at(&removed, 2),
            at(&removed, 3),
            at(&group.key, 1),
            at(&stranger, 0),
            unknown,
            forged,
            at(&group.key, 2),
        ],
    );
    assert_eq!(found.iter().map(|news| news.cursor).collect::<Vec<_>>(), [0, 2, 3, 4, 5, 6, 7]);
    let page = found[0].outcome.as_ref().unwrap();
    assert_eq!((page.entries.len(), page.end, page.stopped), (1, Position(2), true));
    let problems: Vec<_> =
        found[1..6].iter().map(|news| news.outcome.clone().unwrap_err()).collect();
    let expected = [
        Problem::BeyondEnd { end: Position(2) },
        Problem::NotAllowed,
        Problem::NotAllowed,
        Problem::UnknownLog,
        Problem::BadSignature,
    ];
    assert_eq!(problems, expected);
    assert_eq!(found[6].outcome.as_ref().unwrap().entries[0].bytes, Opaque::from(b"after"));
}

pub(crate) fn a_full_answer_tells_where_to_read_on(world: &World) {
    let large = "x".repeat(1 << 20);
    let groups: Vec<_> = (0..6).map(|_| Group::new(world)).collect();
    groups.iter().for_each(|group| drop(group.send(&large)));
    let many = Group::new(world);
    for _ in 0..=limits::SYNC_ENTRIES_MAX {
        world.get(&many.key, request::append(many.log, &message(0, "x")));
    }
    let mut cursors = vec![cursor(world, many.log, &many.key, 0)];
    cursors.extend(groups.iter().map(|group| cursor(world, group.log, &group.key, 0)));
    let pages: Vec<_> =
        news(world, cursors).into_iter().map(|news| news.outcome.unwrap()).collect();
    let limit = usize::try_from(limits::SYNC_ENTRIES_MAX).unwrap();
    assert_eq!((pages[0].entries.len(), pages[0].end.0), (limit, limit as u64 + 1));
    let entries: Vec<_> = pages[1..].iter().map(|page| page.entries.len()).collect();
    assert_eq!(entries, [1, 1, 1, 1, 0, 0]);
    assert!(pages[1..].iter().all(|page| page.end == Position(1)));
}

pub(crate) fn a_sync_is_bounded_and_of_its_time(world: &World) {
    let group = Group::new(world);
    let one = || cursor(world, group.log, &group.key, 0);
    assert_eq!(news(world, vec![one(); limits::SYNC_CURSORS_MAX]), []);
    let crowd = ask(world, vec![one(); limits::SYNC_CURSORS_MAX + 1]);
    assert_eq!(refusal(crowd), Problem::TooLarge);
    let sync = Sync { time_seconds: world.now(), cursors: vec![one()] };
    let later = world.now() + limits::CLOCK_SKEW_SECONDS_MAX + 1;
    let stale = world.service.ask(&request::sync(&sync), later);
    assert_eq!(refusal(stale), Problem::StaleRequest { service_time_seconds: later });
    // The time is part of what is signed.
    let redated = Sync { time_seconds: world.now() + 1, ..sync };
    let synced = world.service.ask(&request::sync(&redated), world.now()).unwrap();
    assert_eq!(synced.logs, [LogNews { cursor: 0, outcome: Err(Problem::BadSignature) }]);
}
