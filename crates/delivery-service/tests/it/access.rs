//! Who may do what: segment keys, removal, the join key, signatures (G10).

use crate::world::{Group, Key, START_SECONDS, World, bundle, message, moved_to, window};
use codec::Opaque;
use delivery_api::log::CreateLog;
use delivery_api::{Credential, Position, Problem, PublicKey, limits, request};
use delivery_service::core::RawRequest;

pub(crate) fn reading_ends_exactly_at_removal(world: &World) {
    let mut group = Group::new(world);
    let first = group.commit(|_| ());
    group.send("before");
    let removed = group.commit(|bundle| bundle.removes = true);
    group.send("after");
    let second = group.commit(|bundle| bundle.removes = true);
    group.send("long after");

    // Both keys that were handed out before the first removal end there, the commit included.
    for (key, start) in [(&first, 0), (&removed, 1)] {
        let page = world.get(key, request::read_log(group.log, window(start)));
        assert_eq!(
            page.entries.last().map(|entry| (entry.position.0, entry.removes)),
            Some((3, true))
        );
        assert_eq!((page.end, page.head, page.stopped), (Position(3), Position(3), true));
        let at_the_end = world.get(key, request::read_log(group.log, window(3)));
        assert!(at_the_end.entries.is_empty() && at_the_end.stopped);
        for after in [4, 5, 6] {
            let problem = world.refusal(key, request::read_log(group.log, window(after)));
            assert_eq!(problem, Problem::BeyondEnd { end: Position(3) });
        }
    }
    // Whoever stayed shows the next key and reads to the next removal.
    let page = world.get(&second, request::read_log(group.log, window(3)));
    assert_eq!((page.entries.len(), page.end, page.stopped), (2, Position(5), true));
    let page = world.get(&group.key, request::read_log(group.log, window(5)));
    assert_eq!((page.entries.len(), page.end, page.stopped), (1, Position(6), false));
}

pub(crate) fn a_removed_member_learns_nothing_later_from_refusals(world: &World) {
    let mut group = Group::new(world);
    let removed = group.commit(|bundle| bundle.removes = true);
    group.commit(|bundle| bundle.group_info = Opaque::from(b"info"));
    group.commit(|bundle| bundle.group_info = Opaque::from(b"info"));
    assert_eq!(group.head, 3);
    let late = request::append(group.log, &message(3, "x"));
    assert_eq!(moved_to(&world.refusal(&removed, late)), 1);
    let late = request::commit(group.log, &bundle(3, &Key::fresh()), Some(Position(0)));
    let Problem::HeadMoved(moved) = world.refusal(&removed, late) else { panic!("not moved") };
    let missed = moved.missed.expect("asked for");
    assert_eq!((moved.head, missed.end, missed.entries.len()), (Position(1), Position(1), 1));
    assert_eq!(world.refusal(&removed, request::group_info(group.log)), Problem::NotAllowed);
}

pub(crate) fn reading_runs_on_through_commits_that_remove_nobody(world: &World) {
    let mut group = Group::new(world);
    let behind = group.commit(|_| ());
    for _ in 0..20 {
        group.send("message");
        group.commit(|_| ());
    }
    let (entries, page) = world.read_all(group.log, &behind, 0);
    assert_eq!((entries.len(), page.end.0, page.stopped), (41, 41, false));
}

pub(crate) fn a_member_reads_from_its_own_segment_on(world: &World) {
    let mut group = Group::new(world);
    group.send("before joining");
    group.commit(|_| ());
    group.send("after joining");
    let joined = &group.key;
    for after in [0, 1] {
        let problem = world.refusal(joined, request::read_log(group.log, window(after)));
        assert_eq!(problem, Problem::NotAllowed);
    }
    assert_eq!(world.read_all(group.log, joined, 2).0.len(), 1);
}

pub(crate) fn a_stranger_may_do_nothing(world: &World) {
    let mut group = Group::new(world);
    group.commit(|bundle| bundle.group_info = Opaque::from(b"info"));
    let (stranger, log) = (world.device(), group.log);
    let commit = bundle(1, &Key::fresh());
    assert_eq!(world.refusal(&stranger, request::read_log(log, window(1))), Problem::NotAllowed);
    assert_eq!(world.refusal(&stranger, request::group_info(log)), Problem::NotAllowed);
    assert_eq!(
        world.refusal(&stranger, request::append(log, &message(1, "x"))),
        Problem::NotAllowed
    );
    let committing = request::commit(log, &commit, Some(Position(0)));
    assert_eq!(world.refusal(&stranger, committing), Problem::NotAllowed);
    // The same without a signature.
    let unsigned = world.service.ask(&request::read_log(log, window(1)), world.now());
    assert_eq!(crate::world::refusal(unsigned), Problem::SignatureRequired);
    assert_eq!(world.read_all(log, &group.key, 1).0.len(), 0);
}

pub(crate) fn an_access_key_is_never_used_twice(world: &World) {
    let mut group = Group::new(world);
    let first = group.commit(|_| ());
    for used in [&first, &group.key] {
        let problem = world.refusal(&group.key, request::commit(group.log, &bundle(1, used), None));
        assert_eq!(problem, Problem::AccessKeyReused);
    }
    // Another log may use it: the service does not compare logs.
    let other = Group::new(world);
    world.get(&other.key, request::commit(other.log, &bundle(0, &first), None));
}

pub(crate) fn the_join_key_opens_group_info_and_committing_only(world: &World) {
    let mut group = Group::new(world);
    let (joiner, next) = (Key::fresh(), Key::fresh());
    group.commit(|bundle| {
        bundle.group_info = Opaque::from(b"info");
        bundle.join_key = Some(joiner.public());
    });
    group.send("not for outsiders");
    assert_eq!(world.get(&joiner, request::group_info(group.log)).head, Position(1));
    assert_eq!(
        world.refusal(&joiner, request::read_log(group.log, window(1))),
        Problem::NotAllowed
    );
    let append = request::append(group.log, &message(1, "x"));
    assert_eq!(world.refusal(&joiner, append), Problem::NotAllowed);
    let late = request::commit(group.log, &bundle(0, &next), Some(Position(0)));
    let Problem::HeadMoved(moved) = world.refusal(&joiner, late) else { panic!("not moved") };
    assert_eq!((moved.head, moved.missed), (Position(1), None));
    let joining = bundle(1, &next);
    let receipt = world.get(&joiner, request::commit(group.log, &joining, None));
    assert_eq!(receipt.position, Position(3));
    // Its retry is answered although the join key is void by now.
    assert_eq!(world.get(&joiner, request::commit(group.log, &joining, None)), receipt);
    world.get(&next, request::append(group.log, &message(3, "hello")));
}

pub(crate) fn the_join_key_ends_with_its_segment(world: &World) {
    let joiner = Key::fresh();
    let mut group = Group {
        world,
        log: delivery_api::LogId::new(crate::world::fresh_bytes()),
        head: 0,
        key: Key::fresh(),
    };
    let create = CreateLog { join_key: Some(joiner.public()), anchors: Vec::new() };
    world.get(&group.key, request::create_log(group.log, &create));
    assert_eq!(world.refusal(&joiner, request::group_info(group.log)), Problem::NoGroupInfo);
    group.commit(|bundle| bundle.group_info = Opaque::from(b"info"));
    assert_eq!(world.refusal(&joiner, request::group_info(group.log)), Problem::NotAllowed);
    let late = request::commit(group.log, &bundle(1, &Key::fresh()), None);
    assert_eq!(world.refusal(&joiner, late), Problem::NotAllowed);
}

pub(crate) fn a_request_counts_only_as_signed(world: &World) {
    let group = Group::new(world);
    group.send("one");
    let service = world.service.public_key();
    let signed =
        group.key.signed(service, world.now(), request::append(group.log, &message(0, "two")));
    let (path, header) = (signed.path(), signed.authorization().unwrap());
    let other_log = Group::new(world).log.to_string();
    let respond = |method, path: &str, header: &str, body: &[u8]| {
        let raw = RawRequest { method, path, authorization: Some(header), body };
        world.service.respond(&raw, world.now()).status
    };
    let mut body = signed.body().to_vec();
    if let Some(last) = body.last_mut() {
        *last ^= 1;
    }
    assert_eq!(respond("POST", &path, &header, &body), 401);
    let elsewhere = path.replace(&group.log.to_string(), &other_log);
    assert_eq!(respond("POST", &elsewhere, &header, signed.body()), 401);
    let time = world.now().to_string();
    let later = header.replace(&time, &(world.now() + 1).to_string());
    assert_eq!(respond("POST", &path, &later, signed.body()), 401);
    let by_another =
        header.replace(&group.key.public().to_string(), &Key::fresh().public().to_string());
    assert_eq!(respond("POST", &path, &by_another, signed.body()), 401);
    assert_eq!(respond("POST", &path, "Conclave-1", signed.body()), 401);
    // Signed for another service.
    let credential = Credential {
        service: PublicKey::new([1; 32]),
        key: group.key.public(),
        time_seconds: world.now(),
    };
    let request = request::append(group.log, &message(0, "two"))
        .sign(&credential, |tbs| Ok::<_, std::convert::Infallible>(group.key.sign(tbs)))
        .unwrap();
    assert_eq!(
        crate::world::refusal(world.service.ask(&request, world.now())),
        Problem::BadSignature
    );
    assert_eq!(world.read_all(group.log, &group.key, 0).0.len(), 1);
    assert_eq!(respond("POST", &path, &header, signed.body()), 200);
}

pub(crate) fn a_request_counts_only_near_its_time(world: &World) {
    let group = Group::new(world);
    let at = |time: u64| {
        let request = request::read_log(group.log, window(0));
        world.service.ask(&group.key.signed(world.service.public_key(), time, request), world.now())
    };
    let skew = limits::CLOCK_SKEW_SECONDS_MAX;
    for time in [START_SECONDS - skew, START_SECONDS + skew] {
        assert!(at(time).is_ok());
    }
    for time in [0, START_SECONDS - skew - 1, START_SECONDS + skew + 1, u64::MAX] {
        let stale = Problem::StaleRequest { service_time_seconds: START_SECONDS };
        assert_eq!(crate::world::refusal(at(time)), stale);
    }
}
