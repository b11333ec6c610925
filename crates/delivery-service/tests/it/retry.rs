//! Submitting again: the same receipt, never a second entry (G4).

use crate::world::{DAY_SECONDS, Group, Key, World, bundle, message, moved_to, welcome, window};
use delivery_api::{Position, Problem, request};

pub(crate) fn a_retry_gets_the_same_receipt_after_the_head_moved(world: &World) {
    let mut group = Group::new(world);
    let invited = world.device();
    let text = message(0, "text");
    let sent = world.get(&group.key, request::append(group.log, &text));
    let next = Key::fresh();
    let mut commit = bundle(0, &next);
    commit.welcomes = vec![welcome(&invited, "welcome")];
    let committed = world.get(&group.key, request::commit(group.log, &commit, None));
    let first = std::mem::replace(&mut group.key, next);
    group.head = committed.head.0;
    group.commit(|bundle| bundle.removes = true);
    group.commit(|_| ());

    // Asking for missed entries is not part of the submission.
    for missed_after in [None, Some(Position(0))] {
        let again = world.get(&first, request::commit(group.log, &commit, missed_after));
        assert_eq!(again, committed);
    }
    assert_eq!(world.get(&first, request::append(group.log, &text)), sent);
    assert_eq!(world.read_all(group.log, &first, 0).0.len(), 3);
    let inbox = world.get(&invited, request::read_inbox(invited.device(), window(0)));
    assert_eq!(inbox.items.len(), 1);
}

pub(crate) fn a_used_idempotency_key_is_refused_for_anything_else(world: &World) {
    let mut group = Group::new(world);
    let text = message(0, "text");
    world.get(&group.key, request::append(group.log, &text));
    let mut other = message(0, "other text");
    other.idempotency_key = text.idempotency_key.clone();
    let problem = world.refusal(&group.key, request::append(group.log, &other));
    assert_eq!(problem, Problem::IdempotencyMismatch);
    let mut commit = bundle(0, &Key::fresh());
    commit.idempotency_key = text.idempotency_key.clone();
    let problem = world.refusal(&group.key, request::commit(group.log, &commit, None));
    assert_eq!(problem, Problem::IdempotencyMismatch);
    // The receipt is for whoever submitted, not for everybody who knows the bytes.
    let first = group.commit(|_| ());
    let problem = world.refusal(&group.key, request::append(group.log, &text));
    assert_eq!(problem, Problem::IdempotencyMismatch);
    world.get(&first, request::append(group.log, &text));
    // Logs do not share keys.
    let elsewhere = Group::new(world);
    world.get(&elsewhere.key, request::append(elsewhere.log, &text));
}

pub(crate) fn a_receipt_is_remembered_seven_days_and_then_forgotten(world: &World) {
    let mut group = Group::new(world);
    let text = message(0, "text");
    let receipt = world.get(&group.key, request::append(group.log, &text));
    let first = group.commit(|_| ());
    world.advance(7 * DAY_SECONDS);
    world.service.housekeep(world.now()).unwrap();
    assert_eq!(world.get(&first, request::append(group.log, &text)), receipt);
    world.advance(2 * DAY_SECONDS);
    world.service.housekeep(world.now()).unwrap();
    let forgotten = world.refusal(&first, request::append(group.log, &text));
    assert_eq!(moved_to(&forgotten), 2);
}

pub(crate) fn a_refused_submission_does_not_use_up_its_key(world: &World) {
    let mut group = Group::new(world);
    let mut text = message(7, "text");
    assert_eq!(moved_to(&world.refusal(&group.key, request::append(group.log, &text))), 0);
    text.head = Position(0);
    world.get(&group.key, request::append(group.log, &text));
    let mut commit = bundle(7, &Key::fresh());
    let problem = world.refusal(&group.key, request::commit(group.log, &commit, None));
    assert_eq!(moved_to(&problem), 0);
    commit.expected_head = Position(0);
    group.head = world.get(&group.key, request::commit(group.log, &commit, None)).head.0;
    assert_eq!(group.head, 2);
}
