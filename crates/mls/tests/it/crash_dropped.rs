//! Effects that never reach the store: the group in memory is ahead and refuses to go on, the
//! stored one is as it was; and messages that are refused leave no trace.

use mls::{
    CommitOptions, Delta, Error, Group, HandshakeFormat, Limit, MemoryStorage, Misuse, MlsMessage,
    Propose, Received, RowKey, RowKind, Secret, Storage, StorageError,
};
use testkit::{NOW, Person, Traits, assert_agreement, group_of};

/// A store that is full.
struct FullStore;

impl Storage for FullStore {
    fn read(&self, _: &RowKey) -> Result<Option<Secret>, StorageError> {
        Ok(None)
    }

    fn scan(&self, _: &[u8], _: RowKind, _: &[u8]) -> Result<Vec<(Vec<u8>, Secret)>, StorageError> {
        Ok(Vec::new())
    }

    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        Ok(Vec::new())
    }

    fn write(&mut self, _: &Delta) -> Result<(), StorageError> {
        Err(StorageError("the disk is full".into()))
    }
}

fn rows(store: &MemoryStorage) -> Vec<(RowKey, Vec<u8>)> {
    store.rows().map(|(key, value)| (key.clone(), value.expose().to_vec())).collect()
}

fn assert_refuses_to_change(person: &mut Person, message: &MlsMessage) {
    let Person { group, random, .. } = person;
    let group = group.as_mut().unwrap();
    let unsaved = |error: Option<Error>| matches!(error, Some(Error::Misuse(Misuse::Unsaved)));
    assert!(unsaved(group.protect(b"no", b"", random).err()));
    assert!(unsaved(group.propose(Propose::Update(Default::default()), b"", NOW, random).err()));
    assert!(unsaved(group.commit(CommitOptions::new(), NOW, random).err()));
    assert!(unsaved(group.process(message, NOW).err()));
}

/// One operation, and its effect lost: dropped, or refused by the store.
type Operation = fn(&mut Group, &MlsMessage, bool);

fn lose<T>(effect: mls::Effect<T>, by_store: bool) {
    match by_store {
        true => assert!(matches!(effect.save(&mut FullStore), Err(Error::Storage(_)))),
        false => drop(effect),
    }
}

const OPERATIONS: [Operation; 4] = [
    |group, _, by_store| {
        let mut random = crypto_aws_lc::SystemRandom;
        lose(group.protect(b"lost", b"", &mut random).unwrap(), by_store);
    },
    |group, _, by_store| {
        let mut random = crypto_aws_lc::SystemRandom;
        let update = Propose::Update(Default::default());
        lose(group.propose(update, b"", NOW, &mut random).unwrap(), by_store);
    },
    |group, _, by_store| {
        let mut random = crypto_aws_lc::SystemRandom;
        lose(group.commit(CommitOptions::new(), NOW, &mut random).unwrap(), by_store);
    },
    |group, message, by_store| lose(group.process(message, NOW).unwrap(), by_store),
];

#[test]
fn a_group_whose_effect_was_lost_refuses_to_change_and_its_store_is_as_it_was() {
    for operation in OPERATIONS {
        for by_store in [false, true] {
            let mut people = group_of(&["alice", "bob", "carol"], || Traits::new(1));
            let [alice, bob, carol] = people.as_mut_slice() else { unreachable!() };
            let message = bob.say("to be processed");
            let before = rows(&alice.store);
            operation(alice.group(), &message, by_store);
            assert_refuses_to_change(alice, &message);
            assert!(rows(&alice.store) == before);
            alice.restart();
            assert_eq!(alice.hear(&message), "to be processed");
            carol.hear(&message);
            assert_agreement(&mut [alice, bob, carol]);
        }
    }
}

#[test]
fn an_advance_that_was_lost_is_repeated_after_loading() {
    for by_store in [false, true] {
        let mut people = group_of(&["alice", "bob"], || Traits::new(1));
        let [alice, bob] = people.as_mut_slice() else { unreachable!() };
        let made = alice.commit(CommitOptions::new());
        lose(alice.group().advance(made.pending).unwrap(), by_store);
        assert_refuses_to_change(alice, &made.commit);
        let Received::Commit(staged) = bob.process(&made.commit) else { panic!("not a commit") };
        lose(bob.group().advance(*staged).unwrap(), by_store);
        assert_refuses_to_change(bob, &made.commit);
        for person in [&mut *alice, &mut *bob] {
            person.restart();
            assert_eq!(person.group().epoch(), 1);
        }
        let group = alice.group.as_ref().unwrap();
        let mut pending = group.pending_commits(&alice.store).unwrap();
        alice.advance(pending.pop().unwrap());
        bob.follow(&made.commit);
        assert_agreement(&mut [alice, bob]);
    }
}

#[test]
fn effects_that_change_nothing_may_be_dropped() {
    let mut people = group_of(&["alice", "bob"], || Traits::new(1));
    let [alice, bob] = people.as_mut_slice() else { unreachable!() };
    let made = alice.commit(CommitOptions::new());
    // A staged commit is not stored.
    drop(bob.group().process(&made.commit, NOW).unwrap());
    alice.advance(made.pending);
    bob.follow(&made.commit);
    // The echo of an own message, a message of another epoch.
    let said = alice.say("hello");
    drop(alice.group().process(&said, NOW).unwrap());
    drop(bob.group().process(&made.commit, NOW).unwrap());
    bob.hear(&said);
    assert_agreement(&mut [alice, bob]);
}

#[test]
fn effects_saved_late_but_in_order_are_as_good() {
    let mut people = group_of(&["alice", "bob"], || Traits::new(1));
    let [alice, bob] = people.as_mut_slice() else { unreachable!() };
    let Person { group, store, random, .. } = alice;
    let group = group.as_mut().unwrap();
    let effects = [b"one", b"two"].map(|text| group.protect(text, b"", random).unwrap());
    let messages = effects.map(|effect| effect.save(store).unwrap());
    assert_eq!(messages.map(|message| bob.hear(&message)), ["one", "two"]);
    assert_agreement(&mut [alice, bob]);
}

/// A proposal that is refused after its decryption must not take its key along in memory only: the
/// next message would leave stored rows that contradict each other.
#[test]
fn a_refused_encrypted_proposal_leaves_no_trace() {
    let traits = || {
        let mut traits = Traits::new(1).handshakes(HandshakeFormat::Private);
        traits.settings.proposals_max = 0;
        traits
    };
    let mut people = group_of(&["alice", "bob", "carol"], traits);
    let [alice, bob, carol] = people.as_mut_slice() else { unreachable!() };
    let mut generous = bob.client.config().clone();
    generous.settings.proposals_max = 1;
    bob.client = mls::Client::new(generous);
    bob.restart();
    let Person { group, random, .. } = bob;
    let update = Propose::Update(Default::default());
    let proposal = group.as_mut().unwrap().propose(update, b"", NOW, random).unwrap();
    let proposal = proposal.save(&mut bob.store).unwrap();
    let before = rows(&alice.store);
    for _ in 0..3 {
        let refused = alice.group().process(&proposal, NOW);
        assert!(matches!(refused.err(), Some(Error::Limit(Limit::Proposals))));
    }
    assert!(rows(&alice.store) == before);
    let message = carol.say("after it");
    assert_eq!(alice.hear(&message), "after it");
    alice.restart();
    // The key is still there for a proposal that is not refused.
    let mut generous = alice.client.config().clone();
    generous.settings.proposals_max = 1;
    alice.client = mls::Client::new(generous);
    alice.restart();
    assert!(matches!(alice.process(&proposal), Received::Proposal(_)));
}

#[test]
fn an_update_that_is_not_proposed_leaves_no_key() {
    let mut people = group_of(&["alice", "bob"], || {
        let mut traits = Traits::new(1);
        traits.settings.proposals_max = 0;
        traits
    });
    let [alice, bob] = people.as_mut_slice() else { unreachable!() };
    let Person { group, random, .. } = alice;
    let update = Propose::Update(Default::default());
    let refused = group.as_mut().unwrap().propose(update, b"", NOW, random);
    assert!(matches!(refused.err(), Some(Error::Limit(Limit::Proposals))));
    assert_eq!(alice.group().pending_proposals().count(), 0);
    assert_agreement(&mut [alice, bob]);
}

#[test]
fn one_proposal_is_forgotten_with_its_key_and_the_others_stay() {
    let mut people = group_of(&["alice", "bob"], || Traits::new(1));
    let [alice, bob] = people.as_mut_slice() else { unreachable!() };
    for propose in [Propose::Update(Default::default()), Propose::Remove(bob.group().own_leaf())] {
        let Person { group, store, random, .. } = &mut *alice;
        let made = group.as_mut().unwrap().propose(propose, b"", NOW, random).unwrap();
        made.save(store).unwrap();
    }
    let count =
        |person: &Person, kind| person.store.rows().filter(|(key, _)| key.kind == kind).count();
    assert_eq!((count(alice, RowKind::Proposal), count(alice, RowKind::OwnUpdate)), (2, 1));
    let (update, ..) = alice.group().pending_proposals().next().unwrap();
    let forgotten = alice.group().forget_proposal(update);
    forgotten.save(&mut alice.store).unwrap();
    assert_eq!((count(alice, RowKind::Proposal), count(alice, RowKind::OwnUpdate)), (1, 0));
    for _ in 0..2 {
        let pending: Vec<_> =
            alice.group().pending_proposals().map(|(_, _, it)| it.clone()).collect();
        assert!(matches!(pending[..], [mls::Proposal::Remove(_)]));
        alice.restart();
    }
}
