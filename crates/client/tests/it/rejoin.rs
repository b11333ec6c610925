//! A client that has lost its group comes back by itself, and only then.

use crate::engine::{ask, drive, setup};
use crate::world::{World, lines};
use client::engine::{Engine, Next};
use client::transport::{HttpRequest, HttpResponse};
use client::{GroupId, GroupState, Home};
use codec::Decode;
use delivery_api::log::{CommitBundle, EntryKind, LogPage};
use delivery_api::{ChainHash, LogId, Name};
use rusqlite::Connection;
use testkit::NOW;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A service and clients with a clock of the test's.
struct Garden {
    world: World,
    group: GroupId,
    now: u64,
}

impl Garden {
    /// A group that the first of them made.
    fn of(names: &[&str]) -> (Self, Vec<Engine>) {
        let world = World::new();
        let mut people = Vec::new();
        for (seed, text) in (1..).zip(names) {
            let home = world.home(text);
            let person = Engine::create(&home, &name(text), "by hand", setup(seed));
            let mut person = person.unwrap();
            assert!(drive(&mut person, &world, NOW, "/none").is_none());
            people.push(person);
        }
        let group = people[0].create_group("garden", NOW).unwrap();
        let others: Vec<Name> = names[1..].iter().map(|text| name(text)).collect();
        people[0].add(&group, &others).unwrap();
        let garden = Self { world, group, now: NOW };
        for person in &mut people {
            garden.news(person);
        }
        (garden, people)
    }

    /// Fetches what is new; returns what happened.
    fn news(&self, person: &mut Engine) -> Vec<String> {
        person.sync().unwrap();
        self.carry(person)
    }

    /// Carries on; returns what happened.
    fn carry(&self, person: &mut Engine) -> Vec<String> {
        assert!(drive(person, &self.world, self.now, "/none").is_none());
        let events = person.unread().unwrap();
        if let Some(last) = events.last() {
            person.set_read(last.number).unwrap();
        }
        lines(&events)
    }

    /// The group's log, which a client watches.
    fn log(&self, person: &mut Engine) -> LogId {
        let watches = person.watches(0, NOW).unwrap();
        let log = watches.iter().find_map(|watch| watch.path.strip_prefix("/v1/logs/"));
        LogId::from_hex(&log.unwrap()[..64]).unwrap()
    }

    fn reopen(&self, text: &str, seed: u64) -> Engine {
        Engine::open(&self.world.home(text), setup(seed)).unwrap()
    }

    fn state(&self, person: &mut Engine) -> GroupState {
        let groups = person.groups().unwrap();
        groups.iter().find(|group| group.id == self.group).unwrap().state
    }

    /// Everybody is in the same epoch and hears everybody.
    fn assert_agreement(&self, people: &mut [&mut Engine]) {
        for (number, person) in people.iter_mut().enumerate() {
            person.send(&self.group, &format!("from {number}")).unwrap();
            self.news(person);
        }
        let count = people.len();
        let mut views = Vec::new();
        for person in people.iter_mut() {
            self.news(person);
            let history = lines(&person.history(&self.group).unwrap());
            for number in 0..count {
                let said = format!(": from {number}");
                assert!(history.iter().any(|line| line.ends_with(&said)), "{history:?}");
            }
            let mut view = person.groups().unwrap().remove(0);
            assert_eq!(view.state, GroupState::Active);
            view.members.sort();
            views.push(view);
        }
        assert!(views.windows(2).all(|pair| pair[0] == pair[1]), "{views:#?}");
        assert_eq!(views[0].members.len(), people.len());
    }
}

fn database(home: &Home) -> Connection {
    Connection::open(home.folder().join("client.sqlite3")).unwrap()
}

/// Loses the rows of all groups.
fn lose_rows(home: &Home) {
    let lost = database(home).execute("DELETE FROM mls_rows WHERE length(group_id) > 0", []);
    assert!(lost.unwrap() > 0);
}

/// The rows of all groups as they are.
fn mls_rows(home: &Home) -> Connection {
    let rows = Connection::open_in_memory().unwrap();
    rows.execute_batch(storage_sqlite::SCHEMA).unwrap();
    copy_rows(&database(home), &rows);
    rows
}

fn copy_rows(from: &Connection, to: &Connection) {
    let sql = "SELECT * FROM mls_rows WHERE length(group_id) > 0";
    let mut statement = from.prepare(sql).unwrap();
    let columns = statement.column_count();
    let places = vec!["?"; columns].join(", ");
    let sql = format!("INSERT INTO mls_rows VALUES ({places})");
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let values = (0..columns).map(|column| row.get::<_, rusqlite::types::Value>(column));
        let values: Vec<_> = values.map(Result::unwrap).collect();
        to.execute(&sql, rusqlite::params_from_iter(values)).unwrap();
    }
}

#[test]
fn a_client_whose_rows_of_a_group_are_old_or_gone_rejoins_before_it_sends_anything() {
    for are_gone in [false, true] {
        let (garden, people) = Garden::of(&["alice", "bob", "carol"]);
        let [mut alice, mut bob, carol] = people.try_into().ok().unwrap();
        drop(carol);
        let home = garden.world.home("carol");
        let old = mls_rows(&home);
        let mut carol = garden.reopen("carol", 10);
        alice.update_keys(&garden.group).unwrap();
        garden.news(&mut alice);
        garden.news(&mut carol);
        drop(carol);
        lose_rows(&home);
        if !are_gone {
            copy_rows(&old, &database(&home));
        }
        let mut carol = garden.reopen("carol", 11);
        carol.send(&garden.group, "here I am").unwrap();
        let heard = garden.carry(&mut carol);
        assert_eq!(heard, ["halted: what is stored of it is not of its place in the log"]);
        // She has asked one of them; nothing of hers is in the log.
        garden.news(&mut alice);
        garden.news(&mut bob);
        assert_eq!(garden.news(&mut carol), ["rejoined"]);
        assert_eq!(garden.news(&mut bob), ["carol rejoined", "carol: here I am"]);
        garden.assert_agreement(&mut [&mut alice, &mut bob, &mut carol]);
    }
}

#[test]
fn a_member_who_alone_refuses_a_commit_comes_back_once_it_can() {
    let (mut garden, people) = Garden::of(&["alice", "bob", "carol"]);
    let [mut alice, mut bob, mut carol] = people.try_into().ok().unwrap();
    let home = garden.world.home("dave");
    let mut dave = Engine::create(&home, &name("dave"), "by hand", setup(4)).unwrap();
    assert!(drive(&mut dave, &garden.world, NOW, "/none").is_none());
    // Carol was told of another Dave.
    carol.trust(&name("dave"), bob.account_key().unwrap()).unwrap();
    alice.add(&garden.group, &[name("dave")]).unwrap();
    garden.news(&mut alice);
    carol.send(&garden.group, "still me").unwrap();
    let heard = garden.news(&mut carol);
    assert!(heard[0].starts_with("halted: "), "{heard:?}");
    // She is shown the way, and does not go where Dave is.
    for _ in 0..4 {
        garden.news(&mut bob);
        garden.news(&mut alice);
        garden.now += 60;
        assert!(garden.news(&mut carol).is_empty());
        assert_eq!(garden.state(&mut carol), GroupState::Halted);
    }
    alice.remove(&garden.group, &[name("dave")]).unwrap();
    garden.news(&mut alice);
    garden.now += 200;
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.extend(garden.news(&mut carol));
        garden.news(&mut alice);
        garden.news(&mut bob);
        garden.now += 1000;
    }
    assert_eq!(heard, ["rejoined"]);
    let heard = lines(&bob.history(&garden.group).unwrap());
    assert_eq!(heard[heard.len() - 2..], ["carol rejoined", "carol: still me"]);
    garden.assert_agreement(&mut [&mut alice, &mut bob, &mut carol]);
}

#[test]
fn a_client_that_was_shown_another_log_rejoins_the_one_of_the_others() {
    let (garden, people) = Garden::of(&["alice", "bob"]);
    let [mut alice, mut bob] = people.try_into().ok().unwrap();
    alice.send(&garden.group, "one").unwrap();
    garden.news(&mut alice);
    // What the service shows Bob is not what it showed Alice.
    bob.sync().unwrap();
    while let Next::Ask(request) = bob.next(NOW).unwrap() {
        let mut response = ask(&garden.world, NOW, &request);
        if request.path.contains("/entries") {
            let mut page: LogPage = codec::Decode::from_bytes(&response.body).unwrap();
            if let Some(entry) = page.entries.first_mut() {
                entry.bytes = b"suppressed".as_slice().into();
            }
            response.body = codec::Encode::to_bytes(&page);
        }
        bob.answer(&response, NOW).unwrap();
    }
    alice.send(&garden.group, "two").unwrap();
    garden.news(&mut alice);
    let heard = garden.news(&mut bob);
    assert_eq!(heard.last().unwrap(), "halted: the service shows another past than before");
    garden.news(&mut alice);
    assert_eq!(garden.news(&mut bob), ["rejoined"]);
    garden.assert_agreement(&mut [&mut alice, &mut bob]);
}

/// Bytes that seem to be of a later epoch.
fn of_a_later_epoch(group: &GroupId) -> Vec<u8> {
    let message = wire::PrivateMessage {
        group_id: group.as_slice().into(),
        epoch: 77,
        content_type: wire::ContentType::Application,
        authenticated_data: codec::Opaque::default(),
        encrypted_sender_data: [0; 44].as_slice().into(),
        ciphertext: [0; 80].as_slice().into(),
    };
    let message = wire::MlsMessage(wire::MlsMessageBody::PrivateMessage(message));
    codec::Encode::to_bytes(&message)
}

/// How often somebody puts something into the inbox of another: asks, or answers.
fn asks(garden: &Garden, person: &mut Engine) -> usize {
    person.sync().unwrap();
    let mut asks = 0;
    while let Some(request) = drive(person, &garden.world, garden.now, "/inbox") {
        // A backup is no ask: it is nothing but an HPKE ciphertext.
        let item = delivery_api::inbox::PutItem::from_bytes(&request.body);
        let is_backup = |bytes: &[u8]| crypto::HpkeCiphertext::from_bytes(bytes).is_ok();
        asks += usize::from(item.is_ok_and(|item| !is_backup(&item.bytes)));
        let response = ask(&garden.world, garden.now, &request);
        person.answer(&response, garden.now).unwrap();
    }
    asks
}

#[test]
fn entries_that_pretend_a_later_epoch_start_no_storm() {
    let (mut garden, mut people) = Garden::of(&["alice", "bob", "carol", "dave"]);
    let log = garden.log(&mut people[0]);
    let forged = of_a_later_epoch(&garden.group);
    for _ in 0..10 {
        garden.world.forge_entry(log, EntryKind::Application, &forged);
    }
    for person in &mut people {
        assert_eq!(asks(&garden, person), 0);
        assert_eq!(garden.state(person), GroupState::Active);
    }
    // What somebody says in the own epoch refutes it, for all who read it in time.
    for person in &mut people[..2] {
        person.send(&garden.group, "nonsense").unwrap();
        garden.news(person);
    }
    garden.now += 100;
    assert!(people.iter_mut().all(|person| asks(&garden, person) == 0));
    // Otherwise each asks one other, once, is told that all is well, and commits nothing.
    for _ in 0..2 {
        garden.world.forge_entry(log, EntryKind::Application, &forged);
    }
    for person in &mut people {
        garden.news(person);
    }
    garden.now += 100;
    let mut sweep =
        |garden: &Garden| -> usize { people.iter_mut().map(|person| asks(garden, person)).sum() };
    assert_eq!(sweep(&garden) + sweep(&garden), 4 + 4, "as many answers");
    assert_eq!(sweep(&garden), 0);
    garden.now += 1000;
    assert_eq!(sweep(&garden), 0);
    for person in &mut people {
        assert_eq!(garden.state(person), GroupState::Active);
    }
    assert_eq!(people[0].groups().unwrap()[0].epoch, Some(1));
}

#[test]
fn whom_nobody_answers_gives_up_in_the_end() {
    let (mut garden, people) = Garden::of(&["alice", "bob"]);
    let [mut alice, bob] = people.try_into().ok().unwrap();
    drop(bob);
    lose_rows(&garden.world.home("bob"));
    let mut bob = garden.reopen("bob", 20);
    bob.send(&garden.group, "anybody?").unwrap();
    let mut count = 0;
    for _ in 0..100 {
        count += asks(&garden, &mut bob);
        garden.now += 6 * 3600;
    }
    assert!((5..=12).contains(&count), "{count}");
    let heard = garden.news(&mut bob);
    assert_eq!(heard[1], "rejoin failed");
    assert!(heard[2].starts_with("failed to send a message"), "{heard:?}");
    assert_eq!(garden.state(&mut bob), GroupState::Halted);
    // Too late.
    garden.news(&mut alice);
    assert!(garden.news(&mut bob).is_empty());
}

#[test]
fn whoever_was_removed_is_shown_no_way() {
    let (mut garden, people) = Garden::of(&["alice", "bob", "carol"]);
    let [mut alice, mut bob, carol] = people.try_into().ok().unwrap();
    drop(carol);
    lose_rows(&garden.world.home("carol"));
    alice.remove(&garden.group, &[name("carol")]).unwrap();
    garden.news(&mut alice);
    let mut carol = garden.reopen("carol", 20);
    for _ in 0..20 {
        garden.news(&mut carol);
        assert_eq!(asks(&garden, &mut alice) + asks(&garden, &mut bob), 0);
        garden.now += 3600;
    }
    assert_eq!(garden.state(&mut carol), GroupState::Halted);
}

#[test]
fn a_rejoin_that_dies_at_any_request_or_loses_a_race_is_made_in_the_end() {
    let mut end = 0;
    loop {
        let (mut garden, people) = Garden::of(&["alice", "bob", "carol"]);
        let [mut alice, mut bob, carol] = people.try_into().ok().unwrap();
        drop(carol);
        lose_rows(&garden.world.home("carol"));
        let mut carol = garden.reopen("carol", 30);
        let (mut requests, mut died, mut is_back) = (0, false, false);
        for round in 0..6 {
            carol.sync().unwrap();
            while let Next::Ask(request) = carol.next(garden.now).unwrap() {
                let response = ask(&garden.world, garden.now, &request);
                if requests == end {
                    // Its answer is lost.
                    died = true;
                    drop(carol);
                    carol = garden.reopen("carol", 31);
                    requests += 1;
                    carol.sync().unwrap();
                    continue;
                }
                requests += 1;
                carol.answer(&response, garden.now).unwrap();
            }
            if round == 0 {
                // The way that she is shown leads to an epoch that is over when she goes there.
                garden.news(&mut bob);
                garden.news(&mut alice);
                alice.update_keys(&garden.group).unwrap();
            }
            garden.news(&mut alice);
            garden.news(&mut bob);
            is_back |= garden.state(&mut carol) == GroupState::Active;
            garden.now += 40;
        }
        assert!(is_back, "{end}");
        garden.assert_agreement(&mut [&mut alice, &mut bob, &mut carol]);
        if !died {
            break;
        }
        end += 1;
    }
    assert!(end > 8, "{end}");
}

#[test]
fn a_welcome_whose_commit_is_not_in_the_log_is_found_out_before_anything_is_sent() {
    for wins in [false, true] {
        let (mut garden, people) = Garden::of(&["alice", "bob"]);
        let [mut alice, mut bob] = people.try_into().ok().unwrap();
        let home = garden.world.home("carol");
        let mut carol = Engine::create(&home, &name("carol"), "by hand", setup(7)).unwrap();
        assert!(drive(&mut carol, &garden.world, NOW, "/none").is_none());
        alice.add(&garden.group, &[name("carol")]).unwrap();
        let commit = drive(&mut alice, &garden.world, NOW, "/commits").unwrap();
        let bundle: CommitBundle = codec::Decode::from_bytes(&commit.body).unwrap();
        let delivery = &bundle.welcomes[0];
        garden.world.slip_welcome(delivery.recipient, &delivery.welcome, NOW);
        let heard = garden.news(&mut carol);
        assert_eq!(heard[1..], ["halted: the service has no place in its log for this epoch"]);
        assert!(carol.send(&garden.group, "hello?").is_err());
        if wins {
            let response = ask(&garden.world, NOW, &commit);
            alice.answer(&response, NOW).unwrap();
        } else {
            // The commit is made again on top of Bob's, with the key package that is used up.
            bob.update_keys(&garden.group).unwrap();
            garden.news(&mut bob);
            alice.abandon();
        }
        garden.news(&mut alice);
        garden.news(&mut bob);
        let mut heard = Vec::new();
        for _ in 0..4 {
            heard.extend(garden.news(&mut carol));
            garden.news(&mut alice);
            garden.news(&mut bob);
            garden.now += 60;
        }
        assert!(heard.contains(&"rejoined".to_owned()), "{heard:?}");
        garden.assert_agreement(&mut [&mut alice, &mut bob, &mut carol]);
    }
}

#[test]
fn a_halted_group_is_replaced_by_a_new_welcome_into_it() {
    let (garden, people) = Garden::of(&["alice", "bob", "carol"]);
    let [mut alice, mut bob, mut carol] = people.try_into().ok().unwrap();
    let home = garden.world.home("dave");
    let mut dave = Engine::create(&home, &name("dave"), "by hand", setup(4)).unwrap();
    assert!(drive(&mut dave, &garden.world, NOW, "/none").is_none());
    carol.trust(&name("dave"), bob.account_key().unwrap()).unwrap();
    alice.add(&garden.group, &[name("dave")]).unwrap();
    garden.news(&mut alice);
    assert!(garden.news(&mut carol)[0].starts_with("halted: "));
    alice.remove(&garden.group, &[name("dave"), name("carol")]).unwrap();
    alice.add(&garden.group, &[name("carol")]).unwrap();
    garden.news(&mut alice);
    assert_eq!(garden.news(&mut carol), ["joined alice,bob,carol"]);
    garden.assert_agreement(&mut [&mut alice, &mut bob, &mut carol]);
}

/// Carries on and notes what is asked; `change` may change the answers.
fn carry_noting(
    garden: &Garden,
    person: &mut Engine,
    change: impl Fn(&HttpRequest, &mut HttpResponse),
) -> Vec<String> {
    let mut paths = Vec::new();
    person.sync().unwrap();
    loop {
        match person.next(garden.now).unwrap() {
            Next::Idle => return paths,
            Next::Wait(_) => {}
            Next::Ask(request) => {
                let mut response = ask(&garden.world, garden.now, &request);
                change(&request, &mut response);
                paths.push(format!("{} {}", request.method.as_str(), request.path));
                person.answer(&response, garden.now).unwrap();
            }
        }
    }
}

fn heard(person: &mut Engine) -> Vec<String> {
    let events = person.unread().unwrap();
    if let Some(last) = events.last() {
        person.set_read(last.number).unwrap();
    }
    lines(&events)
}

#[test]
fn an_answer_that_is_too_large_for_an_inbox_travels_in_blobs() {
    let (mut garden, people) = Garden::of(&["alice", "bob", "carol"]);
    let [mut alice, mut bob, carol] = people.try_into().ok().unwrap();
    drop(carol);
    lose_rows(&garden.world.home("carol"));
    let mut carol = garden.reopen("carol", 10);
    let is_blob = |path: &String| path.contains("/v1/blobs/");
    for other in [&mut alice, &mut bob] {
        other.set_carried_bytes_max(100);
    }
    // The first blob that Carol is given is another one; she asks again.
    for is_damaged in [true, false] {
        garden.news(&mut carol);
        let mut put = 0;
        for other in [&mut alice, &mut bob] {
            let paths = carry_noting(&garden, other, |_, _| {});
            put += paths.iter().filter(|path| is_blob(path)).count();
        }
        assert_eq!(put, 1);
        let asked = carry_noting(&garden, &mut carol, |request, response| {
            if is_damaged && request.path.contains("/v1/blobs/") {
                response.body[7] ^= 1;
            }
        });
        assert_eq!(asked.iter().filter(|path| is_blob(path)).count(), 1, "{asked:?}");
        let is_back = garden.state(&mut carol) == GroupState::Active;
        assert_eq!(is_back, !is_damaged);
        garden.now += 100;
    }
    garden.assert_agreement(&mut [&mut alice, &mut bob, &mut carol]);
}

/// Another past than before, for whoever reads the log.
fn another_past(request: &HttpRequest, response: &mut HttpResponse) {
    if request.path.contains("/entries")
        && let Ok(mut page) = LogPage::from_bytes(&response.body)
    {
        page.chain_hash = ChainHash::new([9; 32]);
        response.body = codec::Encode::to_bytes(&page);
    }
}

#[test]
fn who_resumes_and_is_halted_again_asks_the_next_member() {
    let (mut garden, people) = Garden::of(&["alice", "bob", "carol"]);
    let [mut alice, mut bob, mut carol] = people.try_into().ok().unwrap();
    let mut whom = Vec::new();
    for round in 0..4 {
        // The members say that all is well, and the service goes on as before.
        let paths = carry_noting(&garden, &mut bob, another_past);
        let asked = paths.into_iter().filter(|path| path.ends_with("/inbox"));
        whom.extend(asked.filter(|path| path.starts_with("POST") || path.starts_with("PUT")));
        let heard = heard(&mut bob);
        let again = ["resumed", "halted: the service shows another past than before"];
        assert_eq!(heard, again[usize::from(round == 0)..], "{round}");
        garden.news(&mut carol);
        garden.news(&mut alice);
        garden.now += 200;
    }
    whom.dedup();
    assert!(whom.len() >= 3, "each time another one: {whom:?}");
    // Once it tells the truth, he is where he was, and the next time he begins anew.
    carry_noting(&garden, &mut bob, |_, _| {});
    assert_eq!(heard(&mut bob), ["resumed"]);
    alice.send(&garden.group, "still here").unwrap();
    garden.news(&mut alice);
    garden.assert_agreement(&mut [&mut alice, &mut bob, &mut carol]);
    assert_eq!(bob.groups().unwrap()[0].epoch, Some(1), "nobody has committed anything");
}

#[test]
fn a_member_who_says_that_all_is_well_and_does_not_know_leads_nobody_astray() {
    let (mut garden, people) = Garden::of(&["alice", "bob", "carol"]);
    let [mut alice, mut bob, mut carol] = people.try_into().ok().unwrap();
    alice.update_keys(&garden.group).unwrap();
    garden.news(&mut alice);
    carry_noting(&garden, &mut bob, another_past);
    assert_eq!(heard(&mut bob), ["halted: the service shows another past than before"]);
    // Carol, whom he asks first, is shown nothing of Alice's commit.
    carry_noting(&garden, &mut carol, |request, response| {
        if request.path.contains("/entries")
            && let Ok(mut page) = LogPage::from_bytes(&response.body)
        {
            page.end = delivery_api::Position(page.end.0 - page.entries.len() as u64);
            page.entries.clear();
            response.body = codec::Encode::to_bytes(&page);
        }
    });
    carry_noting(&garden, &mut bob, another_past);
    let halted = "halted: the service shows another past than before";
    assert_eq!(heard(&mut bob), ["resumed", halted]);
    // The next one knows better.
    garden.now += 100;
    carry_noting(&garden, &mut bob, another_past);
    garden.news(&mut alice);
    carry_noting(&garden, &mut bob, |_, _| {});
    assert_eq!(heard(&mut bob), ["rejoined"]);
    garden.news(&mut carol);
    garden.assert_agreement(&mut [&mut alice, &mut bob, &mut carol]);
}

#[test]
fn who_came_and_went_meanwhile_is_told_after_coming_back() {
    let (mut garden, people) = Garden::of(&["alice", "bob", "carol"]);
    let [mut alice, bob, carol] = people.try_into().ok().unwrap();
    drop((bob, carol));
    let home = garden.world.home("carol");
    let old = mls_rows(&home);
    let mut carol = garden.reopen("carol", 10);
    alice.update_keys(&garden.group).unwrap();
    garden.news(&mut alice);
    garden.news(&mut carol);
    drop(carol);
    lose_rows(&home);
    copy_rows(&old, &database(&home));
    let home = garden.world.home("dave");
    let mut dave = Engine::create(&home, &name("dave"), "by hand", setup(4)).unwrap();
    assert!(drive(&mut dave, &garden.world, NOW, "/none").is_none());
    alice.remove(&garden.group, &[name("bob")]).unwrap();
    alice.add(&garden.group, &[name("dave")]).unwrap();
    garden.news(&mut alice);
    garden.news(&mut dave);
    let mut carol = garden.reopen("carol", 11);
    let mut heard = garden.news(&mut carol);
    for _ in 0..3 {
        garden.news(&mut alice);
        garden.now += 100;
        heard.extend(garden.news(&mut carol));
    }
    assert_eq!(heard[1..], ["rejoined", "bob disappeared", "dave appeared"], "{heard:?}");
    garden.news(&mut alice);
    garden.assert_agreement(&mut [&mut alice, &mut carol, &mut dave]);
}
