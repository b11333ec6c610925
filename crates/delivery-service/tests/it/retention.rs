//! Retention by age: nothing leaves before its day (G5), and never silently (G7).

use crate::world::{DAY_SECONDS, Group, UNPACED, World, message, refusal, sha256, window};
use delivery_api::{BlobId, Position, Problem, request};
use delivery_service::core::Config;

pub(crate) fn entries_leave_after_their_days_and_not_before(world: &World) {
    let config = Config { log_days_kept: Some(7), ..UNPACED };
    let service = world.service_with(config);
    let group = Group::new(world);
    let send = |text: &str| {
        let request = request::append(group.log, &message(0, text));
        world.ask_of(&service, &group.key, request).unwrap()
    };
    let read = |after| {
        let request = request::read_log(group.log, window(after));
        world.ask_of(&service, &group.key, request)
    };
    send("first day");
    send("first day");
    world.advance(3 * DAY_SECONDS);
    let last_of_old = send("fourth day");
    world.advance(4 * DAY_SECONDS);
    service.housekeep(world.now()).unwrap();
    assert_eq!(read(0).unwrap().entries.len(), 3, "seven days are kept");
    world.advance(DAY_SECONDS);
    service.housekeep(world.now()).unwrap();
    assert_eq!(refusal(read(1)), Problem::Gone { oldest: Position(3) });
    let page = read(2).unwrap();
    assert_eq!((page.entries.len(), page.end), (1, Position(3)));
    // All of them may leave; positions and chain go on.
    world.advance(30 * DAY_SECONDS);
    service.housekeep(world.now()).unwrap();
    assert_eq!(refusal(read(2)), Problem::Gone { oldest: Position(4) });
    assert_eq!(read(3).unwrap().chain_hash, last_of_old.chain_hash);
    assert_eq!(send("later").position, Position(4));
    service.housekeep(world.now()).unwrap();
    assert_eq!(read(3).unwrap().entries.len(), 1);
}

pub(crate) fn many_logs_expire_in_one_housekeeping(world: &World) {
    let config = Config { log_days_kept: Some(0), ..UNPACED };
    let service = world.service_with(config);
    let groups: Vec<_> = (0..120).map(|_| Group::new(world)).collect();
    for group in &groups {
        let request = request::append(group.log, &message(0, "x"));
        world.ask_of(&service, &group.key, request).unwrap();
    }
    service.housekeep(world.now()).unwrap();
    let gone = |group: &Group<'_>| {
        let request = request::read_log(group.log, window(0));
        world.ask_of(&service, &group.key, request).is_err()
    };
    assert!(!groups.iter().any(gone), "the day has not passed");
    world.advance(DAY_SECONDS);
    service.housekeep(world.now()).unwrap();
    assert!(groups.iter().all(gone));
}

pub(crate) fn what_was_written_before_retention_waits_for_the_first_noted_day(world: &World) {
    let group = Group::new(world);
    group.send("without a day");
    world.advance(100 * DAY_SECONDS);
    let service = world.service_with(Config { log_days_kept: Some(7), ..UNPACED });
    let read = || {
        let request = request::read_log(group.log, window(0));
        world.ask_of(&service, &group.key, request)
    };
    service.housekeep(world.now()).unwrap();
    assert!(read().is_ok());
    let request = request::append(group.log, &message(0, "with a day"));
    world.ask_of(&service, &group.key, request).unwrap();
    world.advance(7 * DAY_SECONDS);
    service.housekeep(world.now()).unwrap();
    assert_eq!(read().unwrap().entries.len(), 2);
    world.advance(DAY_SECONDS);
    service.housekeep(world.now()).unwrap();
    assert_eq!(refusal(read()), Problem::Gone { oldest: Position(3) });
}

pub(crate) fn a_blob_leaves_after_its_days_unless_it_is_put_again(world: &World) {
    let service = world.service_with(Config { blob_days_kept: Some(7), ..UNPACED });
    let sender = world.device();
    let (kept, left) = (BlobId::new(sha256(b"kept")), BlobId::new(sha256(b"left")));
    let put = |id, bytes: &[u8]| {
        world.ask_of(&service, &sender, request::put_blob(id, bytes.to_vec())).unwrap();
    };
    let is_there = |id| world.ask_of(&service, &sender, request::get_blob(id)).is_ok();
    put(kept, b"kept");
    put(left, b"left");
    world.advance(7 * DAY_SECONDS);
    service.housekeep(world.now()).unwrap();
    assert!(is_there(kept) && is_there(left));
    put(kept, b"kept");
    world.advance(DAY_SECONDS);
    service.housekeep(world.now()).unwrap();
    assert!(is_there(kept) && !is_there(left));
    // Without such a setting nothing expires.
    world.get(&sender, request::put_blob(left, b"left".to_vec()));
    world.advance(1000 * DAY_SECONDS);
    service.housekeep(world.now()).unwrap();
    assert!(is_there(left) && !is_there(kept));
}
