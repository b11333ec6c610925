//! The log: order, wholeness, segments, pages, retention (G1, G2, G3, G7, G9).

use crate::world::{
    Group, Key, UNPACED, World, bundle, fresh_bytes, message, moved_to, refusal, sha256, welcome,
    window,
};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use codec::{Encode, Opaque};
use delivery_api::log::{ChainLink, CreateLog, Entry, EntryKind, Lane, LogPage};
use delivery_api::request::{self, Window};
use delivery_api::{ChainHash, LogId, Position, Problem, limits};
use delivery_service::core::Config;

/// The chain behind a page, recomputed from what its reader got.
fn chain_behind(page: &LogPage) -> ChainHash {
    page.entries.iter().fold(page.chain_hash, |previous, entry| {
        let Entry { position, kind, bytes, .. } = entry;
        let entry_hash = sha256(bytes);
        let link = ChainLink { previous, position: *position, kind: *kind, entry_hash };
        ChainHash::new(sha256(&link.to_bytes()))
    })
}

pub(crate) fn entries_have_gapless_positions_and_a_chain_that_verifies(world: &World) {
    let mut group = Group::new(world);
    let first_key = &Key::fresh();
    assert_eq!(
        world.refusal(first_key, request::read_log(group.log, window(0))),
        Problem::NotAllowed
    );
    let mut receipts = vec![group.send("before any commit")];
    let opening = group.commit(|_| ());
    receipts.push(group.send("one"));
    let mut proposal = message(group.head, "proposal");
    proposal.lane = Lane::Proposal;
    receipts.push(world.get(&group.key, request::append(group.log, &proposal)));
    group.commit(|_| ());
    receipts.push(group.send("two"));

    let page = world.get(&opening, request::read_log(group.log, window(0)));
    let positions: Vec<_> = page.entries.iter().map(|entry| entry.position.0).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5, 6]);
    let kinds: Vec<_> = page.entries.iter().map(|entry| entry.kind).collect();
    let (commit, application) = (EntryKind::Commit, EntryKind::Application);
    let expected = [application, commit, application, EntryKind::Proposal, commit, application];
    assert_eq!(kinds, expected);
    let heads: Vec<_> = page.entries.iter().map(|entry| entry.head.0).collect();
    assert_eq!(heads, [0, 0, 2, 2, 2, 5]);
    assert_eq!((page.end, page.head, page.stopped), (Position(6), Position(5), false));

    let genesis = ChainHash::new(sha256(&ChainLink::genesis(group.log)));
    assert_eq!(page.chain_hash, genesis);
    for receipt in receipts {
        let up_to = usize::try_from(receipt.position.0).unwrap();
        let part = LogPage { entries: page.entries[..up_to].to_vec(), ..page.clone() };
        assert_eq!(receipt.chain_hash, chain_behind(&part));
        UnparsedPublicKey::new(&ED25519, world.service.public_key().as_bytes())
            .verify(&receipt.to_be_signed(), &receipt.signature)
            .expect("the service signed the receipt");
        // From any position, the page starts with the chain up to there.
        let rest = world.get(&opening, request::read_log(group.log, window(receipt.position.0)));
        assert_eq!(rest.chain_hash, receipt.chain_hash);
    }
}

pub(crate) fn a_bundle_creates_the_log_only_at_head_zero(world: &World) {
    let (log, key, next) = (LogId::new(fresh_bytes()), Key::fresh(), Key::fresh());
    let too_late = world.refusal(&key, request::commit(log, &bundle(1, &next), None));
    assert_eq!(too_late, Problem::UnknownLog);
    assert_eq!(world.refusal(&key, request::append(log, &message(0, "x"))), Problem::UnknownLog);
    let receipt = world.get(&key, request::commit(log, &bundle(0, &next), None));
    assert_eq!((receipt.position, receipt.head), (Position(1), Position(1)));
    let page = world.get(&key, request::read_log(log, window(0)));
    assert_eq!(page.entries.len(), 1);
    world.get(&next, request::append(log, &message(1, "x")));
}

pub(crate) fn creating_again_changes_nothing_and_taking_over_is_refused(world: &World) {
    let group = Group::new(world);
    group.send("kept");
    let create = CreateLog { join_key: None, anchors: Vec::new() };
    world.get(&group.key, request::create_log(group.log, &create));
    assert_eq!(world.read_all(group.log, &group.key, 0).0.len(), 1);
    let thief = Key::fresh();
    assert_eq!(world.refusal(&thief, request::create_log(group.log, &create)), Problem::LogExists);
    let other = CreateLog { join_key: Some(thief.public()), anchors: Vec::new() };
    assert_eq!(
        world.refusal(&group.key, request::create_log(group.log, &other)),
        Problem::LogExists
    );
    let seize = request::commit(group.log, &bundle(0, &Key::fresh()), None);
    assert_eq!(world.refusal(&thief, seize), Problem::NotAllowed);
}

pub(crate) fn one_commit_wins_per_head_and_the_loser_learns_the_head(world: &World) {
    let mut group = Group::new(world);
    group.commit(|_| ());
    let key = group.commit(|_| ());
    assert_eq!(group.head, 2);
    // By the closed segment's key, and by the current key under a head that was or will never be.
    let losing = world.refusal(&key, request::commit(group.log, &bundle(1, &Key::fresh()), None));
    assert_eq!(moved_to(&losing), 2);
    for head in [0, 1, 3, u64::MAX] {
        let losing = request::commit(group.log, &bundle(head, &Key::fresh()), None);
        assert_eq!(moved_to(&world.refusal(&group.key, losing)), 2);
    }
    group.commit(|_| ());
    assert_eq!(group.head, 3);
}

pub(crate) fn a_loser_gets_what_it_missed_inline(world: &World) {
    let mut group = Group::new(world);
    group.send("read already");
    group.send("missed");
    let loser = group.commit(|_| ());
    group.send("missed too");
    let losing = bundle(0, &Key::fresh());
    let request = request::commit(group.log, &losing, Some(Position(1)));
    let Problem::HeadMoved(moved) = world.refusal(&loser, request) else { panic!("not moved") };
    let missed = moved.missed.expect("asked for");
    assert_eq!(missed, world.get(&loser, request::read_log(group.log, window(1))));
    assert_eq!(missed.entries.len(), 3);
    let without = request::commit(group.log, &losing, None);
    let Problem::HeadMoved(moved) = world.refusal(&loser, without) else { panic!("not moved") };
    assert_eq!((moved.head, moved.missed), (Position(3), None));
}

pub(crate) fn a_refused_bundle_leaves_nothing_behind(world: &World) {
    let mut group = Group::new(world);
    group.commit(|bundle| bundle.group_info = Opaque::from(b"old info"));
    let (invited, stranger, next) = (world.device(), Key::fresh(), Key::fresh());
    let mut refused = bundle(1, &next);
    refused.group_info = Opaque::from(b"new info");
    refused.removes = true;
    refused.welcomes = vec![welcome(&invited, "welcome"), welcome(&stranger, "nowhere to go")];
    let problem = world.refusal(&group.key, request::commit(group.log, &refused, None));
    assert_eq!(problem, Problem::UnknownDevice);

    let (entries, page) = world.read_all(group.log, &group.key, 1);
    assert_eq!((entries.len(), page.end, page.stopped), (0, Position(1), false));
    let inbox = world.get(&invited, request::read_inbox(invited.device(), window(0)));
    assert!(inbox.items.is_empty());
    let info = world.get(&group.key, request::group_info(group.log));
    assert_eq!(info.group_info, Opaque::from(b"old info"));
    assert_eq!(
        world.refusal(&next, request::append(group.log, &message(1, "x"))),
        Problem::NotAllowed
    );
    // Neither the next key nor the idempotency key is used up.
    refused.welcomes.pop();
    world.get(&group.key, request::commit(group.log, &refused, None));
}

pub(crate) fn an_accepted_bundle_is_there_as_a_whole(world: &World) {
    let mut group = Group::new(world);
    let invited = world.device();
    let old = group.commit(|bundle| {
        bundle.welcomes = vec![welcome(&invited, "welcome")];
        bundle.group_info = Opaque::from(b"info");
        bundle.tree = Some(Opaque::from(b"tree"));
    });
    let inbox = world.get(&invited, request::read_inbox(invited.device(), window(0)));
    assert_eq!(inbox.items.len(), 1);
    assert_eq!(&*inbox.items[0].bytes, b"welcome");
    for key in [&old, &group.key] {
        let info = world.get(key, request::group_info(group.log));
        assert_eq!((info.head, &*info.group_info), (Position(1), b"info".as_slice()));
        assert_eq!(info.tree, Some(Opaque::from(b"tree")));
        let page = world.get(&group.key, request::read_log(group.log, window(1)));
        assert_eq!(info.chain_hash, page.chain_hash);
    }
    group.send("under the new key");
    // A commit without GroupInfo withdraws the one before, which would be of a closed epoch.
    group.commit(|_| ());
    assert_eq!(world.refusal(&group.key, request::group_info(group.log)), Problem::NoGroupInfo);
}

pub(crate) fn nothing_of_a_closed_segment_is_appended(world: &World) {
    let mut group = Group::new(world);
    let old = group.commit(|_| ());
    for (key, head) in [(&old, 0), (&old, 1), (&group.key, 0), (&group.key, 2)] {
        let problem = world.refusal(key, request::append(group.log, &message(head, "late")));
        assert_eq!(moved_to(&problem), 1);
    }
    group.send("in time");
    let (entries, _) = world.read_all(group.log, &old, 0);
    assert_eq!(entries.len(), 2);
    let mut head = Position::START;
    for entry in entries {
        assert_eq!(entry.head, head);
        if entry.kind == EntryKind::Commit {
            head = entry.position;
        }
    }
}

pub(crate) fn a_page_keeps_to_its_limits(world: &World) {
    let group = Group::new(world);
    let large = "x".repeat(limits::ENTRY_BYTES_MAX);
    for _ in 0..5 {
        group.send(&large);
    }
    let read = |limit| {
        let window = Window { after: Position::START, limit, wait_seconds: 0 };
        world.get(&group.key, request::read_log(group.log, window)).entries.len()
    };
    assert_eq!(read(1), 1);
    assert_eq!(read(2), 2);
    // Four entries of the largest size and their bookkeeping exceed one page.
    assert_eq!(read(1000), limits::PAGE_BYTES_MAX / limits::ENTRY_BYTES_MAX - 1);
    assert_eq!(world.read_all(group.log, &group.key, 0).0.len(), 5);
    let too_large = request::append(group.log, &message(0, &format!("{large}x")));
    assert_eq!(world.refusal(&group.key, too_large), Problem::TooLarge);
}

pub(crate) fn a_truncated_log_says_gone_and_never_skips(world: &World) {
    let mut group = Group::new(world);
    for text in ["one", "two", "three", "four"] {
        group.send(text);
    }
    let before = world.get(&group.key, request::read_log(group.log, window(2)));
    world.service.truncate(group.log, Position(3)).unwrap();
    for after in [0, 1] {
        let problem = world.refusal(&group.key, request::read_log(group.log, window(after)));
        assert_eq!(problem, Problem::Gone { oldest: Position(3) });
        assert_eq!(problem.entry().status, 410);
    }
    assert_eq!(world.get(&group.key, request::read_log(group.log, window(2))), before);
    // It never goes back, and the log goes on where it was.
    world.service.truncate(group.log, Position(1)).unwrap();
    world.service.truncate(group.log, Position(u64::MAX)).unwrap();
    let problem = world.refusal(&group.key, request::read_log(group.log, window(3)));
    assert_eq!(problem, Problem::Gone { oldest: Position(5) });
    let empty = world.get(&group.key, request::read_log(group.log, window(4)));
    let key = group.commit(|_| ());
    let page = world.get(&key, request::read_log(group.log, window(4)));
    assert_eq!(page.chain_hash, empty.chain_hash);
    assert_eq!(page.entries[0].position, Position(5));
}

pub(crate) fn retention_by_count_keeps_the_newest(world: &World) {
    let group = Group::new(world);
    let service = world.service_with(Config { log_entries_kept: Some(2), ..UNPACED });
    for text in ["one", "two", "three"] {
        let append = request::append(group.log, &message(0, text));
        let signed = group.key.signed(service.public_key(), world.now(), append);
        service.ask(&signed, world.now()).unwrap();
    }
    let problem = world.refusal(&group.key, request::read_log(group.log, window(0)));
    assert_eq!(problem, Problem::Gone { oldest: Position(2) });
    assert_eq!(world.read_all(group.log, &group.key, 1).0.len(), 2);
}

pub(crate) fn reading_beyond_the_end_is_refused(world: &World) {
    let group = Group::new(world);
    group.send("one");
    for after in [2, u64::MAX] {
        let result = world.ask(&group.key, request::read_log(group.log, window(after)));
        assert_eq!(refusal(result), Problem::BeyondEnd { end: Position(1) });
    }
}
