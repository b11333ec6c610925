//! The service does what the model does: random walks through the model, each step taken by both.
//!
//! Whatever the model's service is asked, the real one is asked too, over its store in memory, with
//! real keys and signatures. Both must carry the same requests out, at the same positions; and
//! after each, every key that ever occurred must read the same, from every position.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use codec::{Decode, Opaque};
use conclave_models::design::Design;
use conclave_models::log::{Ask, FIRST_EPOCH, Id, Key, Log, Position as At, Receipt, Request, Who};
use conclave_models::scenario::Scenario;
use conclave_models::system::{Action, State, System};
use delivery_api::log::{Append, CommitBundle, CreateLog, Lane};
use delivery_api::repair::{Repair, RestatedCommit};
use delivery_api::request::{self, Failure, Window};
use delivery_api::{Credential, IdempotencyKey, LogId, Position, Problem, PublicKey};
use delivery_service::Service;
use delivery_service::core::{Config, Paces, ServiceCore};
use delivery_service::key::ServiceKey;
use delivery_service::store::MemoryStore;
use stateright::Model;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

const NOW_SECONDS: u64 = 1_700_000_000;

fn hash(name: &impl Debug) -> [u8; 32] {
    digest(&SHA256, format!("{name:?}").as_bytes()).as_ref().try_into().unwrap()
}

/// The real key of a key of the model.
fn pair(key: Key) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&hash(&key)).unwrap()
}

fn public(key: Key) -> PublicKey {
    PublicKey::new(pair(key).public_key().as_ref().try_into().unwrap())
}

fn idempotency_key(id: Id) -> IdempotencyKey {
    IdempotencyKey::new(&hash(&id)).unwrap()
}

fn anchors(whose: &[Who]) -> Vec<PublicKey> {
    whose.iter().map(|who| public(Key::Anchor(*who))).collect()
}

fn at(position: At) -> Position {
    Position(position.into())
}

fn small(position: Position) -> At {
    At::try_from(position.0).unwrap()
}

/// The real service with one log.
struct Real {
    service: Service,
    log: LogId,
}

impl Real {
    fn new(scenario: &Scenario) -> Self {
        let config = Config { paces: Paces::UNLIMITED, ..Config::default() };
        let core = ServiceCore::new(ServiceKey::from_seed(&[9; 32]).unwrap(), config);
        let service = Service::new(Arc::new(core), Arc::new(MemoryStore::new()));
        let real = Self { service, log: LogId::new([1; 32]) };
        let create = CreateLog { join_key: None, anchors: anchors(&scenario.anchors) };
        real.ask(Key::Epoch(FIRST_EPOCH), request::create_log(real.log, &create)).unwrap();
        real
    }

    fn ask<A: Decode>(&self, key: Key, request: delivery_api::Request<A>) -> Result<A, Problem> {
        let service = self.service.public_key();
        let credential = Credential { service, key: public(key), time_seconds: NOW_SECONDS };
        let sign = |tbs: &[u8]| Ok::<_, ()>(pair(key).sign(tbs).as_ref().to_vec());
        let request = request.sign(&credential, sign).unwrap();
        self.service.ask(&request, NOW_SECONDS).map_err(|failure| match failure {
            Failure::Problem(problem) => problem,
            other => panic!("{other}"),
        })
    }

    /// Asks what the model's service is asked; position, head and number of repairs, if told.
    fn answer(&self, request: &Request) -> Result<(At, At, Option<u8>), Problem> {
        let (log, idempotency_key) = (self.log, idempotency_key(request.id));
        match &request.ask {
            Ask::Append { head } => {
                let bytes = Opaque::from(&hash(request));
                let lane = Lane::Application;
                let append = Append { head: at(*head), idempotency_key, lane, bytes };
                let receipt = self.ask(request.signer, request::append(log, &append))?;
                Ok((small(receipt.position), small(receipt.head), None))
            }
            Ask::Commit { expected_head, next_key, removes, .. } => {
                let bundle = CommitBundle {
                    expected_head: at(*expected_head),
                    idempotency_key,
                    commit: Opaque::from(&hash(request)),
                    next_access_key: public(*next_key),
                    join_key: None,
                    removes: *removes,
                    welcomes: Vec::new(),
                    group_info: Opaque::default(),
                    tree: None,
                };
                let receipt = self.ask(request.signer, request::commit(log, &bundle, None))?;
                Ok((small(receipt.position), small(receipt.head), None))
            }
            Ask::Repair { number, after, up_to, commits, anchors: whose } => {
                let restate = |commit: &conclave_models::log::Restated| RestatedCommit {
                    head: at(commit.head),
                    access_key: public(commit.key),
                    removes: commit.removes,
                };
                let repair = Repair {
                    number: (*number).into(),
                    idempotency_key,
                    after: at(*after),
                    up_to: at(*up_to),
                    commits: commits.iter().map(restate).collect(),
                    anchors: anchors(whose),
                    locks: true,
                };
                let done = self.ask(request.signer, request::repair(log, &repair))?;
                Ok((small(done.end), small(done.head), u8::try_from(done.number).ok()))
            }
        }
    }

    /// The last position that a key may read from a position on.
    fn may_read(&self, key: Key, cursor: At) -> Option<At> {
        let window = Window { after: at(cursor), limit: 1000, wait_seconds: 0 };
        match self.ask(key, request::read_log(self.log, window)) {
            Ok(page) => {
                assert_eq!(page.entries.len(), usize::from(small(page.end) - cursor));
                Some(small(page.end))
            }
            Err(Problem::BeyondEnd { end }) => Some(small(end)),
            Err(Problem::NotAllowed) => None,
            Err(other) => panic!("{other}"),
        }
    }
}

/// What happened on the walks, so that none of it is missing.
#[derive(Debug, Default)]
struct Seen {
    carried_out: usize,
    repaired: usize,
    refused: usize,
    locked: usize,
    unlocked: usize,
    forgotten: usize,
}

/// Random numbers that a seed determines (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

struct Walk<'a> {
    system: &'a System,
    real: Real,
    keys: BTreeSet<Key>,
    seen: &'a mut Seen,
}

impl Walk<'_> {
    /// Both services are asked; they must agree.
    fn ask(&mut self, before: &State, request: &Request) {
        let mut model = before.open.clone();
        let expected = model.answer(&self.system.design, request);
        let found = self.real.answer(request);
        match (expected, &found) {
            (Ok(Receipt { position, head, repair }), Ok((end, real_head, number))) => {
                assert_eq!((position, head), (*end, *real_head), "{request:?}");
                assert!(number.is_none_or(|number| number == repair), "{request:?}");
                self.seen.carried_out += 1;
                self.seen.repaired += usize::from(number.is_some());
                self.seen.forgotten +=
                    usize::from(model.segments.len() < before.open.segments.len());
                let unlocks = before.open.locked_by.is_some() && model.locked_by.is_none();
                self.seen.unlocked += usize::from(unlocks);
            }
            (Err(_), Err(problem)) => {
                self.seen.refused += 1;
                self.seen.locked += usize::from(*problem == Problem::Locked);
            }
            other => panic!("{other:?} for {request:?}"),
        }
        self.keys.insert(request.signer);
        if let Ask::Commit { next_key, .. } = &request.ask {
            self.keys.insert(*next_key);
        }
        self.compare(&model);
    }

    fn compare(&self, model: &Log) {
        for key in &self.keys {
            for cursor in 0..=model.end() {
                let expected = model.may_read(&self.system.design, *key, cursor);
                assert_eq!(self.real.may_read(*key, cursor), expected, "{key:?} from {cursor}");
            }
        }
    }

    fn take(&mut self, random: &mut Random) {
        let mut state = self.system.init_states().remove(0);
        for _ in 0..60 {
            let mut actions = Vec::new();
            self.system.actions(&state, &mut actions);
            if actions.is_empty() {
                return;
            }
            let action = actions.swap_remove(random.below(actions.len()));
            if let Action::Deliver(request) | Action::Post(request) = &action {
                self.ask(&state, request);
            }
            state = self.system.next_state(&state, action).unwrap_or(state);
        }
    }
}

fn walk(design: Design, scenario: Scenario, walks: u64) -> Seen {
    let mut seen = Seen::default();
    let system = System { design, scenario };
    for seed in 0..walks {
        let real = Real::new(&system.scenario);
        let anchor_keys = [Who::Alice, Who::Mallory].map(Key::Anchor);
        let keys = anchor_keys.into_iter().chain([Key::Epoch(FIRST_EPOCH)]).collect();
        Walk { system: &system, real, keys, seen: &mut seen }.take(&mut Random(seed));
    }
    seen
}

#[test]
fn the_service_races_as_the_model_does() {
    let seen = walk(Design::default(), Scenario::races(4, 0), 30);
    assert!(seen.carried_out > 50 && seen.refused > 50, "{seen:?}");
}

#[test]
fn the_service_repairs_as_the_model_does() {
    for scenario in [Scenario::insider(6, 4), Scenario::malicious_anchor(6, 4)] {
        let seen = walk(Design::default(), scenario, 30);
        assert!(seen.carried_out > 50 && seen.refused > 50, "{seen:?}");
        assert!(seen.repaired > 0 && seen.forgotten > 0, "{seen:?}");
        assert!(seen.locked > 0 && seen.unlocked > 0, "{seen:?}");
    }
}

/// Or else the walks would not look where it matters.
#[test]
fn a_service_of_another_design_is_told_apart() {
    let right = Design::default();
    for (design, scenario) in [
        (Design { idempotency: false, ..right }, Scenario::races(4, 0)),
        (Design { strict_segments: false, ..right }, Scenario::races(4, 0)),
        (Design { reading_ends: false, ..right }, Scenario::insider(6, 4)),
        (Design { restate_keys: false, ..right }, Scenario::insider(6, 4)),
        (Design { drop_keys: false, ..right }, Scenario::insider(6, 4)),
        (Design { bounded_repair: false, ..right }, Scenario::insider(6, 4)),
        (Design { grace: true, ..right }, Scenario::insider(6, 4)),
    ] {
        let told = std::panic::catch_unwind(|| walk(design, scenario, 60));
        assert!(told.is_err(), "{design:?}");
    }
}
