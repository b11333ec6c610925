//! A group's life in which every single write fails once, before and after it is durable.
//!
//! Whatever happens, everybody agrees in the end, and of all messages that ever left no two are
//! encrypted under one key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mls::{
    CommitOptions, Crypto, GroupInfoOptions, HandshakeFormat, LeafChanges, MemoryStorage,
    MlsMessage, MlsMessageBody, Propose,
};
use testkit::{TestPsks, Traits};
use wire::Content;

use crate::crash_store::{Disk, Faults, Instant, Plan};
use crate::crash_world::{Delivered, World};
use crate::erasure_trace::{Trace, TracingProvider};

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;
const DAVE: usize = 3;
const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

fn traits(format: HandshakeFormat, provider: &Arc<TracingProvider>) -> Traits {
    let psks = TestPsks(BTreeMap::from([(b"psk".to_vec(), b"shared before".to_vec())]));
    let crypto = Crypto::new(provider.clone());
    Traits { crypto, psks, ..Traits::new(1) }.handshakes(format)
}

/// Delivers to everybody but those who have it already.
fn broadcast(world: &mut World, message: &MlsMessage, except: &[usize]) {
    for who in (0..NAMES.len()).filter(|who| !except.contains(who)) {
        if world.seats[who].group.is_some() {
            world.deliver(who, message);
        }
    }
}

fn commit(world: &mut World, who: usize, options: impl Fn() -> CommitOptions) {
    let made = world.commit(who, options);
    broadcast(world, &made.commit.clone(), &[who]);
    world.accepted(who, made);
}

fn beginning(world: &mut World) {
    world.create(ALICE);
    let packages = [BOB, CAROL, DAVE].map(|who| world.key_package(who));
    let made = world.commit(ALICE, || {
        packages.iter().cloned().fold(CommitOptions::new(), CommitOptions::add_member)
    });
    let welcome = made.welcomes[0].0.clone();
    world.accepted(ALICE, made);
    for who in [BOB, CAROL, DAVE] {
        world.join(who, &welcome);
    }
}

fn messages_out_of_order(world: &mut World) {
    let said = ["one", "two", "three"].map(|text| world.say(ALICE, text));
    for order in [[2, 0, 1], [1, 2, 0], [0, 1, 2]] {
        let who = [BOB, CAROL, DAVE][order[0]];
        for number in order {
            let heard = world.deliver(who, &said[number]);
            let expected = Delivered::Heard(["one", "two", "three"][number].to_owned());
            assert!(heard == expected || heard == Delivered::ReadBefore, "{heard:?}");
        }
    }
    let said = world.say(BOB, "four");
    broadcast(world, &said, &[BOB]);
    assert_eq!(world.deliver(BOB, &said), Delivered::OwnMessage);
}

fn proposals(world: &mut World) {
    let update = world.propose(BOB, &Propose::Update(LeafChanges::default()));
    broadcast(world, &update, &[BOB]);
    let psk = world.propose(CAROL, &Propose::ExternalPsk(b"psk".to_vec()));
    broadcast(world, &psk, &[CAROL]);
    assert_eq!(world.seats[ALICE].group().pending_proposals().count(), 2);
    commit(world, DAVE, CommitOptions::new);
    assert_eq!(world.seats[ALICE].group().epoch(), 2);
}

/// Several candidates at once, of which one that is not the first wins.
fn race(world: &mut World) {
    let late = world.say(DAVE, "late");
    let losers = [ALICE, ALICE, BOB].map(|who| world.commit(who, CommitOptions::new));
    let winner = world.commit(CAROL, CommitOptions::new);
    broadcast(world, &winner.commit.clone(), &[CAROL]);
    world.accepted(CAROL, winner);
    for loser in losers {
        let seat = &mut world.seats[ALICE];
        assert!(seat.group().advance(loser.pending).is_err());
        assert!(seat.group.as_ref().unwrap().pending_commits(&seat.store).unwrap().is_empty());
    }
    broadcast(world, &late, &[DAVE]);
}

fn dave_leaves_and_returns(world: &mut World) {
    let dave = world.seats[DAVE].group().own_leaf();
    let made = world.commit(ALICE, || CommitOptions::new().remove_member(dave));
    broadcast(world, &made.commit.clone(), &[ALICE]);
    world.accepted(ALICE, made);
    assert!(world.seats[DAVE].group.is_none());
    let options = GroupInfoOptions { ratchet_tree: true, external_pub: true };
    let mut random = testkit::SeededRandom::new(1);
    let info = world.seats[BOB].group().group_info(options, &mut random).unwrap();
    world.join_external(DAVE, &info, |world, commit| broadcast(world, commit, &[DAVE]));
}

fn keys_from_elsewhere(world: &mut World) {
    let group_id = world.seats[BOB].group().group_id().to_vec();
    let epoch = world.seats[BOB].group().epoch();
    commit(world, BOB, || {
        let resumption = Propose::ResumptionPsk { group_id: group_id.clone(), epoch };
        CommitOptions::new().propose(Propose::ExternalPsk(b"psk".to_vec())).propose(resumption)
    });
    commit(world, DAVE, CommitOptions::new);
}

/// One life under a plan. Returns how many writes there were, and how many restarts.
fn life(format: HandshakeFormat, disk: impl Fn(&str) -> Disk, plan: Plan) -> (usize, usize) {
    let (provider, faults) = (TracingProvider::new(), Faults::new(plan));
    let mut world = World::new(&NAMES, || traits(format, &provider), disk, &faults);
    beginning(&mut world);
    messages_out_of_order(&mut world);
    proposals(&mut world);
    commit(&mut world, ALICE, CommitOptions::new);
    race(&mut world);
    dave_leaves_and_returns(&mut world);
    keys_from_elsewhere(&mut world);
    let writes = faults.writes();
    faults.end();
    world.assert_agreement();
    assert_no_key_twice(&provider.trace(), &world.left);
    (writes, world.restarts)
}

fn in_memory(_: &str) -> Disk {
    Disk::Memory(MemoryStorage::new())
}

/// The AEAD ciphertexts that can be seen in a message.
fn ciphertexts(message: &MlsMessage) -> Vec<Vec<u8>> {
    match &message.0 {
        MlsMessageBody::PrivateMessage(message) => {
            vec![message.ciphertext.to_vec(), message.encrypted_sender_data.to_vec()]
        }
        MlsMessageBody::PublicMessage(message) => match &message.content.content {
            Content::Commit(commit) => {
                let nodes = commit.path.iter().flat_map(|path| &path.nodes);
                let secrets = nodes.flat_map(|node| &node.encrypted_path_secret);
                secrets.map(|secret| secret.ciphertext.to_vec()).collect()
            }
            _ => Vec::new(),
        },
        MlsMessageBody::Welcome(welcome) => {
            let secrets = welcome.secrets.iter();
            let secrets = secrets.map(|secret| secret.encrypted_group_secrets.ciphertext.to_vec());
            secrets.chain([welcome.encrypted_group_info.to_vec()]).collect()
        }
        _ => Vec::new(),
    }
}

/// No key and nonce were used twice at all, and no two ciphertexts that left share as much as a
/// key: the random part of the nonce (section 6.3.1) is not needed.
fn assert_no_key_twice(trace: &Trace, left: &[MlsMessage]) {
    let mut uses: BTreeMap<(&[u8], &[u8]), &[u8]> = BTreeMap::new();
    let mut keys: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
    for seal in &trace.seals {
        let of_pair = uses.entry((&seal.key, &seal.nonce)).or_insert(&seal.ciphertext);
        assert_eq!(*of_pair, seal.ciphertext, "a key and nonce for two plaintexts");
        keys.insert(&seal.ciphertext, &seal.key);
    }
    let ciphertexts: BTreeSet<Vec<u8>> = left.iter().flat_map(ciphertexts).collect();
    assert!(ciphertexts.len() > 20);
    let used: BTreeSet<&[u8]> =
        ciphertexts.iter().map(|ciphertext| keys[ciphertext.as_slice()]).collect();
    assert_eq!(used.len(), ciphertexts.len(), "two ciphertexts under one key have left");
}

fn every_write_fails_once(format: HandshakeFormat, instant: Instant) {
    let (writes, restarts) = life(format, in_memory, Plan::Never);
    assert_eq!(restarts, 0);
    assert!(writes > 70, "{writes} writes");
    for number in 0..writes {
        let (_, restarts) = life(format, in_memory, Plan::Once(number, instant));
        assert_eq!(restarts, 1, "write {number}");
    }
}

#[test]
fn whoever_dies_before_a_write_is_durable_carries_on_encrypted_handshakes() {
    every_write_fails_once(HandshakeFormat::Private, Instant::Before);
}

#[test]
fn whoever_dies_after_a_write_is_durable_carries_on_encrypted_handshakes() {
    every_write_fails_once(HandshakeFormat::Private, Instant::After);
}

#[test]
fn whoever_dies_before_a_write_is_durable_carries_on_public_handshakes() {
    every_write_fails_once(HandshakeFormat::Public, Instant::Before);
}

#[test]
fn whoever_dies_after_a_write_is_durable_carries_on_public_handshakes() {
    every_write_fails_once(HandshakeFormat::Public, Instant::After);
}

#[test]
fn programs_that_die_again_and_again_carry_on() {
    for format in [HandshakeFormat::Private, HandshakeFormat::Public] {
        for nth in 2..7 {
            let (_, restarts) = life(format, in_memory, Plan::Often(nth));
            assert!(restarts > 8);
        }
    }
}

#[test]
fn a_database_file_survives_what_memory_survives() {
    let folder = tempfile::tempdir().unwrap();
    let run = std::cell::Cell::new(0);
    let disk = |name: &str| Disk::file(folder.path().join(format!("{name}-{}", run.get())));
    let (writes, _) = life(HandshakeFormat::Private, disk, Plan::Never);
    let once = (0..writes).step_by(7).flat_map(|number| {
        [Instant::Before, Instant::After].map(|instant| Plan::Once(number, instant))
    });
    for plan in once.chain([Plan::Often(2), Plan::Often(3), Plan::Often(4)]) {
        run.set(run.get() + 1);
        let (_, restarts) = life(HandshakeFormat::Private, disk, plan);
        assert!(restarts > 0, "{plan:?}");
    }
}
