//! Repair: an anchor gets the log back from an insider, and nothing else
//! (docs/decisions/repair.md).

use crate::world::{
    Group, Key, World, bundle, fresh_bytes, idempotency_key, message, moved_to, window,
};
use codec::Opaque;
use delivery_api::log::CreateLog;
use delivery_api::problem::HeadMoved;
use delivery_api::repair::{Repair, RestatedCommit};
use delivery_api::{LogId, Position, Problem, limits, request};

/// A group whose log has an anchor, and the anchor's key.
fn anchored(world: &World) -> (Group<'_>, Key) {
    let anchor = Key::fresh();
    let group = Group { world, log: LogId::new(fresh_bytes()), head: 0, key: Key::fresh() };
    let create = CreateLog { join_key: None, anchors: vec![anchor.public()] };
    world.get(&group.key, request::create_log(group.log, &create));
    (group, anchor)
}

/// The repair with this number of somebody who has read up to `up_to`.
fn repair(number: u64, up_to: u64, anchor: &Key) -> Repair {
    Repair {
        number,
        idempotency_key: idempotency_key(),
        after: Position::START,
        up_to: Position(up_to),
        commits: Vec::new(),
        anchors: vec![anchor.public()],
        locks: true,
    }
}

fn restated(head: u64, key: &Key, removes: bool) -> RestatedCommit {
    RestatedCommit { head: Position(head), access_key: key.public(), removes }
}

/// The last position that a key may read from `after` on, and whether that is final.
fn reach(group: &Group<'_>, key: &Key, after: u64) -> (u64, bool) {
    let page = group.world.get(key, request::read_log(group.log, window(after)));
    (page.end.0, page.stopped)
}

/// What an insider does: a commit signed by `key` that nobody accepts, with a key of her own,
/// flagged as a removal. Returns that key.
fn spoil(group: &Group<'_>, key: &Key, head: u64) -> Key {
    let bogus = Key::fresh();
    let mut garbage = bundle(head, &bogus);
    garbage.removes = true;
    group.world.get(key, request::commit(group.log, &garbage, None));
    bogus
}

pub(crate) fn an_anchor_gets_the_log_back_from_an_insider(world: &World) {
    let (mut group, anchor) = anchored(world);
    let start = group.commit(|_| ());
    let bogus = spoil(&group, &group.key, 1);
    let bogus = spoil(&group, &bogus, 2);
    // The wedge: whoever has the true key may neither read on nor write.
    assert_eq!(reach(&group, &group.key, 1), (2, true));
    let late = request::append(group.log, &message(2, "late"));
    assert_eq!(moved_to(&world.refusal(&group.key, late)), 2);

    // The anchor locks the log, reads what it could not read before, and states the truth.
    let mut lock = repair(1, 2, &anchor);
    lock.commits = vec![restated(1, &group.key, false)];
    let locked = world.get(&anchor, request::repair(group.log, &lock));
    assert_eq!((locked.number, locked.head, locked.end), (1, Position(3), Position(3)));
    assert_eq!(reach(&group, &anchor, 1), (3, false));
    let truth = Repair { after: Position(2), commits: Vec::new(), ..repair(2, 3, &anchor) };
    world.get(&anchor, request::repair(group.log, &truth));
    let next = Key::fresh();
    let receipt = world.get(&anchor, request::commit(group.log, &bundle(3, &next), None));
    assert_eq!(receipt.position, Position(4));

    // Everybody reads up to the anchor's commit and writes with the key that it brought.
    for (key, after) in [(&start, 0), (&group.key, 1)] {
        assert_eq!(reach(&group, key, after), (4, false));
    }
    world.get(&next, request::append(group.log, &message(4, "on we go")));
    // The insider's own keys are worth nothing.
    for after in [2, 3, 4] {
        let reading = request::read_log(group.log, window(after));
        assert_eq!(world.refusal(&bogus, reading), Problem::NotAllowed);
    }
}

pub(crate) fn a_true_removal_with_a_bogus_key_leaves_nobody_behind(world: &World) {
    let (mut group, anchor) = anchored(world);
    let start = group.commit(|_| ());
    // Members derive `after_removal` from the commit; the service is told something else.
    let after_removal = Key::fresh();
    let bogus = spoil(&group, &group.key, 1);
    // And the key that they derive is stated where it opens nothing.
    let mut hiding = bundle(2, &after_removal);
    hiding.removes = true;
    world.get(&bogus, request::commit(group.log, &hiding, None));

    let mut truth = repair(1, 3, &anchor);
    truth.commits = vec![restated(1, &group.key, false), restated(2, &after_removal, true)];
    world.get(&anchor, request::repair(group.log, &truth));
    let next = Key::fresh();
    world.get(&anchor, request::commit(group.log, &bundle(3, &next), None));
    // Reading ends at the removal for those who know earlier keys only, and goes on with the next.
    assert_eq!(reach(&group, &start, 0), (2, true));
    assert_eq!(reach(&group, &group.key, 1), (2, true));
    assert_eq!(reach(&group, &after_removal, 2), (4, false));
}

pub(crate) fn a_repair_leaves_alone_what_its_sender_has_not_read(world: &World) {
    let (mut group, anchor) = anchored(world);
    group.commit(|_| ());
    let removed = group.commit(|bundle| bundle.removes = true);
    // The anchor has read up to 1 and does not know of the removal at 2.
    let stale = repair(1, 1, &anchor);
    let locked = world.get(&anchor, request::repair(group.log, &stale));
    assert_eq!(locked.end, Position(2));
    // The commit at 1 was not listed: its key is gone. The removal at 2 stands.
    let reading = request::read_log(group.log, window(1));
    assert_eq!(world.refusal(&removed, reading), Problem::NotAllowed);
    let truth = Repair { commits: vec![restated(1, &removed, false)], ..repair(2, 1, &anchor) };
    world.get(&anchor, request::repair(group.log, &truth));
    assert_eq!(reach(&group, &removed, 1), (2, true));
    // What lies up to `after` is left alone too.
    let later = Repair { after: Position(2), ..repair(3, 2, &anchor) };
    world.get(&anchor, request::repair(group.log, &later));
    assert_eq!(reach(&group, &removed, 1), (2, true));
    world.get(&anchor, request::commit(group.log, &bundle(2, &Key::fresh()), None));
    assert_eq!(reach(&group, &group.key, 2), (3, false));
}

pub(crate) fn a_locked_log_takes_nothing_but_the_anchors_commit(world: &World) {
    let (mut group, anchor) = anchored(world);
    let joiner = Key::fresh();
    group.commit(|bundle| bundle.join_key = Some(joiner.public()));
    let lock = Repair { after: Position(1), ..repair(1, 1, &anchor) };
    world.get(&anchor, request::repair(group.log, &lock));

    for key in [&group.key, &joiner] {
        let commit = request::commit(group.log, &bundle(1, &Key::fresh()), None);
        assert_eq!(world.refusal(key, commit), Problem::Locked);
    }
    let sending = || request::append(group.log, &message(1, "x"));
    assert_eq!(world.refusal(&group.key, sending()), Problem::Locked);
    assert_eq!(world.refusal(&anchor, sending()), Problem::NotAllowed);
    assert_eq!(world.refusal(&Key::fresh(), sending()), Problem::NotAllowed);
    // The anchor's commit is held to the head like any other, and unlocks.
    let elsewhere = request::commit(group.log, &bundle(0, &Key::fresh()), None);
    assert_eq!(moved_to(&world.refusal(&anchor, elsewhere)), 1);
    let next = Key::fresh();
    let unlocking = bundle(1, &next);
    let receipt = world.get(&anchor, request::commit(group.log, &unlocking, None));
    world.get(&next, request::append(group.log, &message(2, "x")));
    // From then on the anchor key is worth nothing but another repair.
    let again = request::commit(group.log, &bundle(2, &Key::fresh()), None);
    assert_eq!(world.refusal(&anchor, again), Problem::NotAllowed);
    let reading = request::read_log(group.log, window(0));
    assert_eq!(world.refusal(&anchor, reading), Problem::NotAllowed);
    // Retries are answered as before; a retried repair does not lock again.
    let retried = world.get(&anchor, request::commit(group.log, &unlocking, None));
    assert_eq!(retried, receipt);
    world.get(&anchor, request::repair(group.log, &lock));
    world.get(&next, request::append(group.log, &message(2, "still open")));
}

pub(crate) fn only_anchors_repair_and_one_at_a_time(world: &World) {
    let (group, anchor) = anchored(world);
    let other = Key::fresh();
    let both = vec![anchor.public(), other.public()];
    for key in [&group.key, &other, &Key::fresh()] {
        let refused = world.refusal(key, request::repair(group.log, &repair(1, 0, key)));
        assert_eq!(refused, Problem::NotAllowed);
    }
    let first = Repair { anchors: both.clone(), ..repair(1, 0, &anchor) };
    let answer = world.get(&anchor, request::repair(group.log, &first));
    for number in [0, 1, 3] {
        let racing = Repair { anchors: both.clone(), ..repair(number, 0, &anchor) };
        let refused = world.refusal(&other, request::repair(group.log, &racing));
        assert_eq!(refused, Problem::RepairRaced { number: 1 });
    }
    assert_eq!(world.get(&anchor, request::repair(group.log, &first)), answer);
    // The next repair takes the lock over, and may take the other's anchor key away.
    world.get(&other, request::repair(group.log, &repair(2, 0, &other)));
    let commit = || request::commit(group.log, &bundle(0, &Key::fresh()), None);
    assert_eq!(world.refusal(&anchor, commit()), Problem::NotAllowed);
    let refused = world.refusal(&anchor, request::repair(group.log, &repair(3, 0, &anchor)));
    assert_eq!(refused, Problem::NotAllowed);
    world.get(&other, commit());
}

pub(crate) fn a_repair_must_make_sense(world: &World) {
    let (mut group, anchor) = anchored(world);
    group.commit(|_| ());
    group.send("no commit");
    let key = Key::fresh();
    let with = |commits| Repair { commits, ..repair(1, 2, &anchor) };
    let one = restated(1, &key, false);
    for (change, problem) in [
        (Repair { anchors: Vec::new(), ..repair(1, 2, &anchor) }, Problem::Malformed),
        (with(vec![one, one]), Problem::Malformed),
        (with(vec![restated(0, &key, false)]), Problem::Malformed),
        (with(vec![restated(3, &key, false)]), Problem::Malformed),
        // There is an entry, but it is no commit.
        (with(vec![restated(2, &key, false)]), Problem::Malformed),
        (repair(1, 3, &anchor), Problem::BeyondEnd { end: Position(2) }),
    ] {
        let refused = world.refusal(&anchor, request::repair(group.log, &change));
        assert_eq!(refused, problem, "{change:?}");
    }
    let keys = |count| vec![key.public(); count];
    let crowd = Repair { anchors: keys(limits::ANCHORS_MAX + 1), ..repair(1, 2, &anchor) };
    assert_eq!(world.refusal(&anchor, request::repair(group.log, &crowd)), Problem::TooLarge);
    let log = LogId::new(fresh_bytes());
    let create = CreateLog { join_key: None, anchors: keys(limits::ANCHORS_MAX + 1) };
    assert_eq!(world.refusal(&key, request::create_log(log, &create)), Problem::TooLarge);
    // None of them locked the log.
    world.get(&group.key, request::append(group.log, &message(1, "x")));
    // A commit whose segment a repair took away can be restated by a later one.
    world.get(&anchor, request::repair(group.log, &repair(1, 3, &anchor)));
    let truth = Repair { commits: vec![one], ..repair(2, 3, &anchor) };
    world.get(&anchor, request::repair(group.log, &truth));
    assert_eq!(reach(&group, &key, 1), (3, false));
}

pub(crate) fn the_anchors_are_named_by_who_has_read_every_commit(world: &World) {
    let (mut group, anchor) = anchored(world);
    group.commit(|_| ());
    group.commit(|_| ());
    // A message behind the last commit changes nothing; a commit does.
    group.send("hello");
    let other = Key::fresh();
    let naming = |number, up_to| Repair {
        after: Position(up_to),
        anchors: vec![other.public()],
        ..repair(number, up_to, &anchor)
    };
    world.get(&anchor, request::repair(group.log, &naming(1, 1)));
    let taking_over = Repair { after: Position(2), ..repair(2, 2, &other) };
    let refused = world.refusal(&other, request::repair(group.log, &taking_over));
    assert_eq!(refused, Problem::NotAllowed);
    world.get(&anchor, request::repair(group.log, &naming(2, 2)));
    let again = world.refusal(&anchor, request::repair(group.log, &naming(3, 2)));
    assert_eq!(again, Problem::NotAllowed);
    let taking_over = Repair { number: 3, ..taking_over };
    world.get(&other, request::repair(group.log, &taking_over));
}

pub(crate) fn anchors_are_named_without_a_lock_by_who_has_read_every_commit(world: &World) {
    let (mut group, anchor) = anchored(world);
    group.commit(|_| ());
    group.commit(|_| ());
    group.send("hello");
    let other = Key::fresh();
    let naming = |number, up_to, anchor: &Key| Repair {
        after: Position(up_to),
        anchors: vec![other.public()],
        locks: false,
        ..repair(number, up_to, anchor)
    };
    let refused =
        |key: &Key, repair: &Repair| world.refusal(key, request::repair(group.log, repair));
    let moved = HeadMoved { head: Position(2), missed: None };
    assert_eq!(refused(&anchor, &naming(1, 1, &anchor)), Problem::HeadMoved(Box::new(moved)));
    let restating = Repair { after: Position(1), ..naming(1, 2, &anchor) };
    assert_eq!(refused(&anchor, &restating), Problem::Malformed);
    let restating = Repair { commits: vec![restated(2, &anchor, false)], ..naming(1, 2, &anchor) };
    assert_eq!(refused(&anchor, &restating), Problem::Malformed);
    world.get(&anchor, request::repair(group.log, &naming(1, 2, &anchor)));
    // The log is as open as it was, and the other one is its anchor.
    group.send("on we go");
    group.commit(|_| ());
    let late = world.refusal(&anchor, request::repair(group.log, &naming(2, 5, &anchor)));
    assert_eq!(late, Problem::NotAllowed);
    let lock = Repair { after: Position(5), ..repair(2, 5, &other) };
    world.get(&other, request::repair(group.log, &lock));
    let under_lock = world.refusal(&other, request::repair(group.log, &naming(3, 5, &other)));
    assert_eq!(under_lock, Problem::Locked);
}

pub(crate) fn anchors_belong_to_the_creation_of_a_log(world: &World) {
    let (group, anchor) = anchored(world);
    let with = |anchors| CreateLog { join_key: None, anchors };
    let same = with(vec![anchor.public()]);
    world.get(&group.key, request::create_log(group.log, &same));
    let others = request::create_log(group.log, &with(Vec::new()));
    assert_eq!(world.refusal(&group.key, others), Problem::LogExists);
    // Once anchors have changed by a repair, creating again is still no takeover and no error.
    let successor = Key::fresh();
    world.get(&anchor, request::repair(group.log, &repair(1, 0, &successor)));
    world.get(&group.key, request::create_log(group.log, &same));
    world.get(&successor, request::repair(group.log, &repair(2, 0, &successor)));
}

pub(crate) fn the_lock_holder_may_fetch_the_group_info(world: &World) {
    let (mut group, anchor) = anchored(world);
    group.commit(|bundle| bundle.group_info = Opaque::from(b"info"));
    let fetch = || request::group_info(group.log);
    assert_eq!(world.refusal(&anchor, fetch()), Problem::NotAllowed);
    world.get(&anchor, request::repair(group.log, &repair(1, 1, &anchor)));
    assert_eq!(world.get(&anchor, fetch()).group_info, Opaque::from(b"info"));
}
