//! A service that lies about its logs and key packages: what its readers notice, and when. With
//! `trust`, `rejoin`, `repair` and others the tests of `docs/threat-model.md`.

use crate::engine::{ask, drive, setup};
use crate::trust::replace;
use crate::world::{InProcess, World, assert_agreement, lines};
use client::engine::{Engine, Next};
use client::transport::{HttpRequest, HttpResponse, Transport, TransportError};
use client::{Account, Error, EventKind, GroupId, GroupState, Home, Misuse, ServiceFault};
use codec::{Decode, Encode};
use crypto::{CipherSuite, Crypto, Secret, SignatureKeyPair, Signer};
use delivery_api::log::{CommitBundle, EntryKind, LogPage, Receipt};
use delivery_api::{ChainHash, LogId, Name, Position, Problem};
use delivery_service::Service;
use delivery_service::core::{Config, RawRequest, ServiceCore};
use delivery_service::key::ServiceKey;
use delivery_service::store::SqliteStore;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use testkit::NOW;

/// Alice, who made the group, and Bob, to whom the service can lie.
fn pair(world: &World) -> (Account, Account, Arc<InProcess>, GroupId) {
    let (mut accounts, group) = world.group(&["alice", "bob"]);
    drop(accounts.pop());
    let transport = world.transport();
    let bob = Account::open_with(&world.home("bob"), transport.clone()).unwrap();
    (accounts.remove(0), bob, transport, group)
}

/// Lies in every page of a log.
fn lie(transport: &InProcess, change: impl Fn(&mut LogPage) + Send + 'static) {
    transport.tamper(replace("/entries", change));
}

/// Gives the entries of a page the positions that they would have.
fn renumber(page: &mut LogPage, first: u64) {
    for (position, entry) in (first..).zip(&mut page.entries) {
        entry.position = Position(position);
    }
}

fn hear(account: &mut Account) -> Vec<String> {
    let heard = lines(&account.receive().unwrap());
    account.set_read().unwrap();
    heard
}

fn state(account: &mut Account) -> GroupState {
    account.group("garden").unwrap().state
}

/// One of them comes back by itself, shown the way by the other.
fn come_back(lost: &mut Account, other: &mut Account, group: &GroupId) {
    assert_eq!(state(lost), GroupState::Halted);
    other.receive().unwrap();
    assert_eq!(hear(lost).last().unwrap(), "rejoined");
    assert_agreement(&mut [lost, other], group);
}

#[test]
fn entries_that_change_places_are_not_taken_or_found_out_at_once() {
    let world = World::new();
    let (mut alice, mut bob, transport, group) = pair(&world);
    let first = alice.send(&group, "one").unwrap().position.0;
    alice.send(&group, "two").unwrap();
    lie(&transport, |page| page.entries.reverse());
    let refused = bob.receive().unwrap_err();
    assert!(matches!(refused, Error::Service(ServiceFault::Inconsistent(_))), "{refused}");
    assert_eq!(bob.group("garden").unwrap().position.0 + 1, first, "nothing of it was taken");
    // With positions that look right, what Alice saw when she said the second gives it away.
    lie(&transport, move |page| {
        page.entries.reverse();
        renumber(page, first);
    });
    assert_eq!(hear(&mut bob).last().unwrap(), "halted: a member saw another past in the log");
    transport.tamper(None);
    come_back(&mut bob, &mut alice, &group);
}

#[test]
fn a_message_that_is_left_out_is_missed_with_the_next_one() {
    let world = World::new();
    let (mut alice, mut bob, transport, group) = pair(&world);
    let first = alice.send(&group, "one").unwrap().position.0;
    alice.send(&group, "two").unwrap();
    let leave_out = |page: &mut LogPage| {
        if page.entries.len() > 1 {
            page.entries.remove(0);
        }
    };
    lie(&transport, leave_out);
    let refused = bob.receive().unwrap_err();
    assert!(matches!(refused, Error::Service(ServiceFault::Inconsistent(_))), "{refused}");
    assert!(!lines(&bob.history(&group).unwrap()).contains(&"alice: two".to_owned()));
    lie(&transport, move |page| {
        leave_out(page);
        renumber(page, first);
        page.end = Position(first);
    });
    assert_eq!(hear(&mut bob).last().unwrap(), "halted: a member saw another past in the log");
    transport.tamper(None);
    come_back(&mut bob, &mut alice, &group);
}

#[test]
fn what_is_withheld_is_heard_later_and_missed_as_soon_as_the_reader_sends() {
    let world = World::new();
    let (mut alice, mut bob, transport, group) = pair(&world);
    alice.send(&group, "one").unwrap();
    lie(&transport, |page| {
        page.end = Position(page.end.0 - page.entries.len() as u64);
        page.entries.clear();
    });
    // Nothing to be noticed, however often he asks: it might be that nobody has said anything.
    for _ in 0..3 {
        assert!(hear(&mut bob).is_empty());
    }
    // His own message is taken behind what he was not shown, and the receipt says so.
    let refused = bob.send(&group, "is anybody there?").unwrap_err();
    assert!(matches!(refused, Error::Service(ServiceFault::Inconsistent(_))), "{refused}");
    assert_eq!(state(&mut bob), GroupState::Active);
    transport.tamper(None);
    assert_eq!(hear(&mut bob), ["alice: one"]);
    assert_eq!(hear(&mut alice), ["bob: is anybody there?"]);
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}

#[test]
fn a_commit_that_is_hidden_is_missed_with_the_next_entry() {
    let world = World::new();
    let (mut alice, mut bob, transport, group) = pair(&world);
    let first = alice.update_keys(&group).unwrap().position.0;
    alice.send(&group, "hello").unwrap();
    lie(&transport, move |page| {
        page.entries.retain(|entry| entry.kind != EntryKind::Commit);
        renumber(page, first);
        page.end = Position(first);
    });
    // He has no key for it, and knows of the commit only that the group has moved on.
    assert_eq!(hear(&mut bob), ["skipped: it is of another epoch"]);
    transport.tamper(None);
    let heard = hear(&mut bob);
    assert_eq!(heard, ["halted: the service shows another past than before"]);
    come_back(&mut bob, &mut alice, &group);
}

#[test]
fn old_entries_that_come_again_are_heard_once() {
    let world = World::new();
    let (mut alice, mut bob, transport, group) = pair(&world);
    let seen: Arc<Mutex<Vec<LogPage>>> = Arc::default();
    let pages = Arc::clone(&seen);
    lie(&transport, move |page| pages.lock().unwrap().push(page.clone()));
    alice.send(&group, "one").unwrap();
    assert_eq!(hear(&mut bob), ["alice: one"]);
    let page = seen.lock().unwrap().iter().find(|page| !page.entries.is_empty()).unwrap().clone();
    let log = transport.last_log();
    // At a new place, in the epoch it is of and in the next one.
    world.forge_entry(log, EntryKind::Application, &page.entries[0].bytes);
    let heard = hear(&mut bob);
    assert!(heard.len() == 1 && heard[0].starts_with("skipped: "), "{heard:?}");
    assert!(hear(&mut alice).is_empty());
    alice.update_keys(&group).unwrap();
    world.forge_entry(log, EntryKind::Application, &page.entries[0].bytes);
    assert_eq!(hear(&mut bob), ["alice updated", "skipped: it is of another epoch"]);
    assert_agreement(&mut [&mut alice, &mut bob], &group);
    for account in [&mut alice, &mut bob] {
        let said = lines(&account.history(&group).unwrap());
        assert_eq!(said.iter().filter(|line| *line == "alice: one").count(), 1);
    }
    // The answer to an earlier question is none to a later one.
    lie(&transport, move |answer| *answer = page.clone());
    assert_eq!(hear(&mut bob), ["halted: the service shows another past than before"]);
    transport.tamper(None);
    alice.receive().unwrap();
    assert_eq!(hear(&mut bob), ["resumed"]);
    assert_agreement(&mut [&mut alice, &mut bob], &group);
}

/// An account by hand.
fn person(world: &World, seed: u64, text: &str) -> Engine {
    let name = Name::new(text).unwrap();
    let mut person = Engine::create(&world.home(text), &name, "by hand", setup(seed)).unwrap();
    assert!(drive(&mut person, world, NOW, "/none").is_none());
    person
}

/// Alice and Bob by hand, and Bob's commit, which he is about to send.
fn rivals(world: &World) -> (Engine, Engine, HttpRequest) {
    let (mut alice, mut bob) = (person(world, 1, "alice"), person(world, 2, "bob"));
    let group = alice.create_group("garden", NOW).unwrap();
    alice.add(&group, &[Name::new("bob").unwrap()]).unwrap();
    news(&mut alice, world);
    news(&mut bob, world);
    bob.update_keys(&group).unwrap();
    let commit = drive(&mut bob, world, NOW, "/commits").unwrap();
    alice.update_keys(&group).unwrap();
    assert_eq!(news(&mut alice, world), [""; 0]);
    (alice, bob, commit)
}

fn news(person: &mut Engine, world: &World) -> Vec<String> {
    news_at(person, world, NOW)
}

fn news_at(person: &mut Engine, world: &World, now: u64) -> Vec<String> {
    person.sync().unwrap();
    assert!(drive(person, world, now, "/none").is_none());
    let events = person.unread().unwrap();
    if let Some(last) = events.last() {
        person.set_read(last.number).unwrap();
    }
    lines(&events)
}

fn log_of(request: &HttpRequest) -> LogId {
    LogId::from_hex(&request.path.strip_prefix("/v1/logs/").unwrap()[..64]).unwrap()
}

#[test]
fn of_two_commits_that_a_service_takes_for_one_head_the_first_counts() {
    let world = World::new();
    let (mut alice, mut bob, commit) = rivals(&world);
    let bundle = CommitBundle::from_bytes(&commit.body).unwrap();
    // Alice's was first.
    world.forge_entry(log_of(&commit), EntryKind::Commit, &bundle.commit);
    bob.abandon();
    let heard = news(&mut alice, &world);
    assert_eq!(heard[0], "skipped: it is of another epoch", "{heard:?}");
    // To Bob it is what it is to her: he dropped it when he read the other.
    let heard = news(&mut bob, &world);
    // Alice, who holds the anchor key, had to open the log again.
    assert_eq!(heard, ["alice updated", "skipped: it is of another epoch", "alice updated"]);
    news(&mut alice, &world);
    let (of_alice, of_bob) = (alice.groups().unwrap().remove(0), bob.groups().unwrap().remove(0));
    assert_eq!(of_alice, of_bob);
    assert_eq!(of_bob.state, GroupState::Active);
}

/// Refuses, in the service's name, what it has taken.
fn take_and_refuse(person: &mut Engine, world: &World, commit: &HttpRequest) {
    let taken = ask(world, NOW, commit);
    assert_eq!(taken.status, 200);
    let problem = Problem::Malformed;
    let response = HttpResponse { status: problem.entry().status, body: problem.to_bytes() };
    person.answer(&response, NOW).unwrap();
}

#[test]
fn a_commit_that_was_refused_and_turns_up_is_merged_by_its_maker() {
    for speaks in [false, true] {
        for restarts in [false, true] {
            let world = World::new();
            let (mut alice, mut bob, commit) = rivals(&world);
            // Bob's was not sent, and Alice's was first: his is made again, on top.
            bob.abandon();
            drop(commit);
            bob.sync().unwrap();
            let commit = drive(&mut bob, &world, NOW, "/commits").unwrap();
            take_and_refuse(&mut bob, &world, &commit);
            if restarts {
                drop(bob);
                bob = Engine::open(&world.home("bob"), setup(9)).unwrap();
            }
            if speaks {
                // What he wants next is made on top of what he has given up, unknowingly.
                let group = bob.groups().unwrap()[0].id.clone();
                bob.send(&group, "still here").unwrap();
            }
            let heard = news(&mut bob, &world);
            assert!(!heard.iter().any(|line| line.starts_with("halted")), "{heard:?}");
            news(&mut alice, &world);
            let group = alice.groups().unwrap().remove(0).id;
            let heard = lines(&alice.history(&group).unwrap());
            assert!(heard.contains(&"bob updated".to_owned()), "{heard:?}");
            assert_eq!(heard.contains(&"bob: still here".to_owned()), speaks);
            let views = [&mut alice, &mut bob].map(|it| it.groups().unwrap().remove(0));
            assert_eq!(views[0], views[1]);
            assert_eq!(views[0].state, GroupState::Active);
        }
    }
}

#[test]
fn a_signed_receipt_that_does_not_continue_the_log_merges_nothing() {
    let world = World::new();
    let (mut alice, mut bob, commit) = rivals(&world);
    let bundle = CommitBundle::from_bytes(&commit.body).unwrap();
    let log = log_of(&commit);
    let position = bundle.expected_head.next();
    let before = bob.groups().unwrap().remove(0);
    assert_eq!(before.position.next(), position);
    // The service signs that his is there, behind something that he has not seen.
    let crypto = Crypto::new(crypto_aws_lc::provider());
    let suite = crypto.suite(CipherSuite(1)).unwrap();
    let key = SignatureKeyPair::from_private_key(&suite, Secret::from_slice(&[7; 32])).unwrap();
    let sign = |chain_hash| {
        let signature = codec::Opaque::default();
        let unsigned = Receipt { log, position, head: position, chain_hash, signature };
        let signature = key.sign(&unsigned.to_be_signed()).unwrap().into();
        HttpResponse { status: 200, body: Receipt { signature, ..unsigned }.to_bytes() }
    };
    bob.answer(&sign(ChainHash::new([1; 32])), NOW).unwrap();
    let heard = lines(&bob.unread().unwrap());
    assert_eq!(heard.last().unwrap(), "halted: a receipt does not continue the log");
    assert_eq!(bob.groups().unwrap()[0].epoch, before.epoch);
    news(&mut bob, &world);
    news(&mut alice, &world);
    assert_eq!(news(&mut bob, &world).last().unwrap(), "rejoined");
}

#[test]
fn a_key_package_that_is_handed_out_twice_lets_nobody_else_in() {
    let world = World::new();
    let transport = world.transport();
    let mut alice = world.account_over("alice", transport.clone());
    let mut bob = world.account("bob");
    let first: Mutex<Option<Vec<u8>>> = Mutex::default();
    transport.tamper(Some(Box::new(move |request: &HttpRequest, mut response| {
        if request.path.ends_with("/claim") && response.status == 200 {
            let mut first = first.lock().unwrap();
            response.body = first.get_or_insert(response.body).clone();
        }
        response
    })));
    let garden = alice.create_group("garden").unwrap();
    let shed = alice.create_group("shed").unwrap();
    alice.add(&garden, &["bob"]).unwrap();
    alice.add(&shed, &["bob"]).unwrap();
    alice.send(&shed, "anybody here?").unwrap();
    let heard = hear(&mut bob);
    let unusable = heard.iter().filter(|line| line.starts_with("unusable: ")).count();
    assert_eq!((heard[0].as_str(), unusable), ("joined alice,bob", 1), "{heard:?}");
    assert_eq!(bob.groups().unwrap().len(), 1);
    assert_agreement(&mut [&mut alice, &mut bob], &garden);
    // Once she gets another one, he is in.
    transport.tamper(None);
    alice.remove(&shed, &["bob"]).unwrap();
    alice.add(&shed, &["bob"]).unwrap();
    assert_eq!(hear(&mut bob), ["joined alice,bob"]);
    assert_agreement(&mut [&mut alice, &mut bob], &shed);
}

#[test]
fn a_joiner_who_is_shown_a_made_up_chain_finds_out_with_the_second_message() {
    let world = World::new();
    let (mut alice, bob, ..) = pair(&world);
    drop(bob);
    let transport = world.transport();
    let mut carol = world.account_over("carol", transport.clone());
    let group = alice.group("garden").unwrap().id;
    alice.add(&group, &["carol"]).unwrap();
    // The service keeps to its lie: she gets a chain of her own, and true entries.
    let lies: Mutex<Option<ChainHash>> = Mutex::default();
    lie(&transport, move |page| {
        let made_up = ChainHash::new([5; 32]);
        page.chain_hash = *lies.lock().unwrap().get_or_insert(made_up);
    });
    assert_eq!(hear(&mut carol), ["joined alice,bob,carol"]);
    alice.send(&group, "one").unwrap();
    alice.send(&group, "two").unwrap();
    let heard = hear(&mut carol);
    assert_eq!(heard.last().unwrap(), "halted: a member saw another past in the log", "{heard:?}");
    assert!(carol.send(&group, "hello?").is_err());
}

/// Carries on over a service that gives a chain of its own to whoever asks where the log is.
fn news_with_made_up_chain(person: &mut Engine, world: &World) {
    loop {
        match person.next(NOW).unwrap() {
            Next::Idle => return,
            Next::Wait(_) => {}
            Next::Ask(request) => {
                let mut response = ask(world, NOW, &request);
                if let Ok(mut page) = LogPage::from_bytes(&response.body)
                    && request.path.contains("/entries")
                {
                    page.chain_hash = ChainHash::new([5; 32]);
                    response.body = page.to_bytes();
                }
                person.answer(&response, NOW).unwrap();
            }
        }
    }
}

#[test]
fn a_member_who_tells_of_another_past_costs_the_others_a_question_and_no_commit() {
    let world = World::new();
    let mut people: Vec<Engine> = [(1, "alice"), (2, "bob"), (3, "carol")]
        .map(|(seed, name)| person(&world, seed, name))
        .into();
    let group = people[0].create_group("garden", NOW).unwrap();
    let others = ["bob", "carol"].map(|name| Name::new(name).unwrap());
    people[0].add(&group, &others).unwrap();
    let [alice, bob, carol] = &mut people[..] else { unreachable!() };
    news(alice, &world);
    news(bob, &world);
    // To the others it is the same whether she lies or was lied to.
    carol.sync().unwrap();
    news_with_made_up_chain(carol, &world);
    carol.send(&group, "I saw something else").unwrap();
    news_with_made_up_chain(carol, &world);
    for person in [&mut *alice, &mut *bob] {
        let heard = news(person, &world);
        let alarm = "halted: a member saw another past in the log";
        assert_eq!(heard, ["carol: I saw something else", alarm]);
    }
    // Alice asks Bob; he asks Carol first, who has nothing to tell, and then Alice.
    let mut now = NOW;
    let mut heard = [Vec::new(), Vec::new()];
    for _ in 0..4 {
        for (person, heard) in [&mut *alice, &mut *bob].into_iter().zip(&mut heard) {
            heard.extend(news_at(person, &world, now));
        }
        now += 60;
    }
    assert_eq!(heard, [["resumed"], ["resumed"]]);
    for person in [alice, bob] {
        let group = person.groups().unwrap().remove(0);
        assert_eq!((group.state, group.epoch), (GroupState::Active, Some(1)));
    }
}

/// A service on a file that can be put back, in this process.
struct Reverting(Mutex<Option<Service>>);

impl Reverting {
    fn open(&self, folder: &Path) {
        let store = Arc::new(SqliteStore::open(folder).unwrap());
        let key = ServiceKey::from_seed(&[7; 32]).unwrap();
        let core = Arc::new(ServiceCore::new(key, Config::default()));
        *self.0.lock().unwrap() = Some(Service::new(core, store));
    }

    /// Lets go of the folder and gives it the files of another one.
    fn copy(&self, folders: [&Path; 2], open: &Path) {
        *self.0.lock().unwrap() = None;
        let _ = std::fs::remove_dir_all(folders[1]);
        std::fs::create_dir_all(folders[1]).unwrap();
        for entry in std::fs::read_dir(folders[0]).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folders[1].join(entry.file_name())).unwrap();
        }
        self.open(open);
    }
}

impl Transport for Reverting {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let raw = RawRequest {
            method: request.method.as_str(),
            path: &request.path,
            authorization: request.authorization.as_deref(),
            body: &request.body,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let service = self.0.lock().unwrap();
        let response = service.as_ref().unwrap().respond(&raw, now);
        Ok(HttpResponse { status: response.status, body: response.body })
    }
}

/// A service that can be put back, and people in a group of Alice's.
struct Past {
    service: Arc<Reverting>,
    folder: tempfile::TempDir,
    group: GroupId,
}

impl Past {
    fn of(names: &[&str]) -> (Self, Vec<Account>) {
        let folder = tempfile::tempdir().unwrap();
        let service = Arc::new(Reverting(Mutex::default()));
        service.open(&folder.path().join("service"));
        let account = |name: &&str| {
            let home = Home::unprotected(folder.path().join(name));
            Account::create_with(&home, name, "in process", service.clone()).unwrap()
        };
        let mut people: Vec<Account> = names.iter().map(account).collect();
        let group = people[0].create_group("garden").unwrap();
        people[0].add(&group, &names[1..]).unwrap();
        for person in &mut people {
            hear(person);
        }
        let past = Self { service, folder, group };
        past.copy("service", "backup");
        (past, people)
    }

    /// The service is again as it was when the group was made.
    fn go_back(&self) {
        self.copy("backup", "service");
    }

    fn copy(&self, from: &str, to: &str) {
        let [from, to, disk] = [from, to, "service"].map(|name| self.folder.path().join(name));
        self.service.copy([&from, &to], &disk);
    }
}

#[test]
fn a_service_that_went_back_is_found_out_by_who_had_read_on() {
    let (past, people) = Past::of(&["alice", "bob"]);
    let [mut alice, mut bob] = people.try_into().ok().unwrap();
    alice.send(&past.group, "one").unwrap();
    past.go_back();
    assert_eq!(hear(&mut alice), ["halted: the service has lost entries"]);
    assert!(alice.send(&past.group, "on we go").is_err());
    // For Bob nothing has happened. What he says takes the place of what was lost; only then the
    // logs of the two differ, and he shows Alice the way.
    bob.send(&past.group, "another one").unwrap();
    come_back(&mut alice, &mut bob, &past.group);
    let said = lines(&alice.history(&past.group).unwrap());
    assert!(said.contains(&"alice: one".to_owned()), "what was said is not forgotten");
}

#[test]
fn nothing_is_sent_to_a_service_that_went_back_behind_everybody() {
    let (past, people) = Past::of(&["alice", "bob", "carol"]);
    let [mut alice, mut bob, mut carol] = people.try_into().ok().unwrap();
    alice.update_keys(&past.group).unwrap();
    assert_eq!(hear(&mut bob), ["alice updated"]);
    assert_eq!(hear(&mut carol), ["alice updated"]);
    past.go_back();
    // None has a key that the service of then knows. The anchors, Alice and Bob, learn more.
    for (account, other) in [
        (&mut alice, GroupState::Halted),
        (&mut bob, GroupState::Halted),
        (&mut carol, GroupState::Active),
    ] {
        let refused = account.send(&past.group, "on we go").unwrap_err();
        assert!(
            matches!(refused, Error::Misuse(Misuse::GroupUnusable(_) | Misuse::Waits)),
            "{refused}"
        );
        let heard = hear(account);
        assert_eq!(state(account), other);
        let told = heard == ["halted: the service has lost entries"];
        assert_eq!(told, other == GroupState::Halted, "{heard:?}");
        let said = lines(&account.history(&past.group).unwrap());
        assert!(!said.contains(&format!("{}: on we go", account.name())));
    }
}

#[test]
fn who_has_a_receipt_for_a_commit_that_was_taken_back_is_alone_and_sends_nothing() {
    let (past, people) = Past::of(&["alice", "bob", "carol"]);
    let [mut alice, bob, mut carol] = people.try_into().ok().unwrap();
    drop(bob);
    // Two receipts for one position, both signed.
    let position = carol.update_keys(&past.group).unwrap().position;
    past.go_back();
    assert_eq!(alice.update_keys(&past.group).unwrap().position, position);
    alice.send(&past.group, "hello").unwrap();
    let refused = carol.send(&past.group, "anybody?").unwrap_err();
    assert!(
        matches!(refused, Error::Misuse(Misuse::GroupUnusable(_) | Misuse::Waits)),
        "{refused}"
    );
    assert!(hear(&mut carol).is_empty());
    assert!(hear(&mut alice).is_empty());
    let view = |account: &mut Account| account.group("garden").unwrap().epoch_authenticator;
    assert_ne!(view(&mut alice), view(&mut carol), "people who compare it see the fork");
}

#[test]
fn a_removal_that_others_have_read_is_not_undone_by_going_back() {
    let (past, people) = Past::of(&["alice", "bob", "mallory"]);
    let [mut alice, mut bob, mut mallory] = people.try_into().ok().unwrap();
    alice.remove(&past.group, &["mallory"]).unwrap();
    assert_eq!(hear(&mut bob), ["alice removed mallory"]);
    past.go_back();
    for _ in 0..3 {
        hear(&mut alice);
        // To her she is still a member; nobody asks her, and nobody goes where she is.
        assert!(hear(&mut mallory).is_empty());
        hear(&mut bob);
    }
    for account in [&mut alice, &mut bob] {
        assert!(account.send(&past.group, "without her").is_err());
        assert_eq!(account.group("garden").unwrap().members.len(), 2);
    }
    assert!(hear(&mut mallory).is_empty());
}

#[test]
fn the_way_back_does_not_lead_behind_a_removal_that_was_read() {
    let (past, people) = Past::of(&["alice", "bob", "mallory"]);
    let [mut alice, mut bob, mallory] = people.try_into().ok().unwrap();
    drop(mallory);
    alice.remove(&past.group, &["mallory"]).unwrap();
    past.go_back();
    assert_eq!(hear(&mut alice), ["halted: the service has lost entries"]);
    // Bob has not read of the removal, and would lead her to where he is.
    assert!(hear(&mut bob).is_empty());
    let events = alice.receive().unwrap();
    assert!(
        !events.iter().any(|event| matches!(event.kind, EventKind::Rejoined { .. })),
        "{events:?}"
    );
    assert_eq!(alice.group("garden").unwrap().members.len(), 2);
}
