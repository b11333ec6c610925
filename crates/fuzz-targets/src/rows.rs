//! Stored rows that are damaged: an error of the store, or a client that goes on as far as it can.
//!
//! Nobody but this library writes them. Still a disk may forget a byte, and that must neither stop
//! a program nor be taken for the fault of a peer who did nothing.

use std::cell::OnceCell;

use crypto::Secret;
use mls::{
    Client, CommitOptions, Delta, Error, ExternalJoinOptions, Group, MemoryStorage, Misuse,
    MlsMessage, Propose, RowKey, RowKind, Storage, StorageError,
};
use testkit::{NOW, Person, SeededRandom, Traits, group_of};

use crate::Outcome;
use crate::input::Input;
use crate::scene::{group_info, rows};

/// A store in which one row is another.
struct Damaged<'a> {
    base: &'a MemoryStorage,
    key: &'a RowKey,
    value: Vec<u8>,
}

impl Storage for Damaged<'_> {
    fn read(&self, key: &RowKey) -> Result<Option<Secret>, StorageError> {
        if key == self.key {
            return Ok(Some(Secret::from_slice(&self.value)));
        }
        self.base.read(key)
    }

    fn scan(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Secret)>, StorageError> {
        let mut found = self.base.scan(group_id, kind, prefix)?;
        if (group_id, kind) == (&self.key.group_id, self.key.kind) {
            let damaged = found.iter_mut().filter(|(id, _)| *id == self.key.id);
            damaged.for_each(|(_, value)| *value = Secret::from_slice(&self.value));
        }
        Ok(found)
    }

    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        self.base.groups()
    }

    fn write(&mut self, _: &Delta) -> Result<(), StorageError> {
        Ok(())
    }
}

/// Alice's store, with rows of every kind, and messages that make use of them.
struct Stored {
    client: Client,
    store: MemoryStorage,
    rows: Vec<(RowKey, Vec<u8>)>,
    group_id: Vec<u8>,
    messages: Vec<MlsMessage>,
    welcome: MlsMessage,
}

impl Stored {
    fn new() -> Self {
        let mut people = group_of(&["alice", "bob", "carol"], || Traits::new(1));
        let [alice, bob, carol] = people.as_mut_slice() else { panic!("there are three") };
        let late = bob.say("late");
        let sent = carol.commit_and_advance(CommitOptions::new());
        alice.follow(&sent.commit);
        bob.follow(&sent.commit);
        // A key that was skipped, a proposal of another and an own one, a candidate.
        let skipped = bob.say("skipped");
        alice.hear(&bob.say("next"));
        let group_id = alice.group().group_id().to_vec();
        let psk = Propose::ResumptionPsk { group_id: group_id.clone(), epoch: 1 };
        let proposal = propose(bob, psk);
        alice.process(&proposal);
        let update = propose(alice, Propose::Update(Default::default()));
        bob.process(&update);
        let candidate = alice.commit(CommitOptions::new());
        let made = bob.commit(CommitOptions::new());
        let welcome = invite(alice);
        start_joining(alice);
        let (client, store) = (alice.client.clone(), alice.store.duplicate());
        let messages = vec![late, skipped, update, candidate.commit, made.commit];
        Self { rows: rows(&store), client, store, group_id, messages, welcome }
    }

    /// Uses the store for what it is for; the first error that is not of a later message.
    fn exercise(&self, store: &dyn Storage) -> Option<Error> {
        let mut errors: Vec<Error> = Vec::new();
        errors.extend(self.client.key_packages(store).err());
        errors.extend(self.client.join(store, &self.welcome, None, NOW).err());
        for (key, _) in self.rows.iter().filter(|(key, _)| key.kind == RowKind::PendingJoin) {
            match self.client.pending_joins(store, &key.group_id) {
                Err(error) => errors.push(error),
                Ok(pending) => errors.extend(pending.iter().filter_map(|pending| {
                    let joined = self.client.complete_join(store, pending);
                    joined.map(|effect| drop(effect.into_parts())).err()
                })),
            }
        }
        match self.client.load_group(store, &self.group_id) {
            Err(error) => {
                assert!(is_of_store(&error), "not the fault of the store: {error}");
                errors.push(error);
            }
            Ok(group) => group.into_iter().for_each(|group| self.live(store, group)),
        }
        errors.into_iter().next()
    }

    /// A group that could be loaded is used. What comes of it is its own affair.
    fn live(&self, store: &dyn Storage, mut group: Group) {
        let random = &mut SeededRandom::new(1);
        for message in &self.messages {
            let _ = group.process(message, NOW).map(|effect| drop(effect.into_parts()));
        }
        let _ = (group.members().count(), group.ratchet_tree());
        let _ = group.export("label", b"", 16);
        let _ = group.protect(b"text", b"", random).map(|effect| drop(effect.into_parts()));
        let update = Propose::Update(Default::default());
        let _ = group.propose(update, b"", NOW, random).map(|effect| drop(effect.into_parts()));
        let options = CommitOptions::new();
        let _ = group.commit(options, NOW, random).map(|effect| drop(effect.into_parts()));
        for candidate in group.pending_commits(store).into_iter().flatten() {
            let _ = group.advance(candidate).map(|effect| drop(effect.into_parts()));
        }
    }
}

/// Whether an error is the store's; a suite that is not supported may be an honest one of another
/// backend.
fn is_of_store(error: &Error) -> bool {
    matches!(error, Error::Storage(_) | Error::Misuse(Misuse::UnknownCipherSuite))
}

fn propose(person: &mut Person, what: Propose) -> MlsMessage {
    let Person { group, random, .. } = person;
    let made = group.as_mut().expect("in a group").propose(what, b"", NOW, random);
    person.save(made)
}

/// A Welcome for a key package that is stored.
fn invite(alice: &mut Person) -> MlsMessage {
    let mut host = Person::new("host", Traits::new(1));
    host.create();
    let options = CommitOptions::new().add_member(alice.key_package());
    host.commit_and_advance(options).welcomes.swap_remove(0)
}

/// A candidate to join from outside.
fn start_joining(alice: &mut Person) {
    let mut host = Person::new("other host", Traits::new(1));
    host.create();
    let info = group_info(&mut host);
    let Person { client, store, random, .. } = alice;
    let options = ExternalJoinOptions::default();
    let joining = client.join_external(store, &info, options, NOW, random);
    alice.save(joining);
}

/// Two octets choose the row; the rest are changes of its value.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    thread_local! {
        static STORED: OnceCell<Stored> = const { OnceCell::new() };
    }
    let input = &mut Input::new(bytes);
    STORED.with(|stored| {
        let stored = stored.get_or_init(Stored::new);
        let (key, value) = &stored.rows[input.below(stored.rows.len())];
        let damaged = Damaged { base: &stored.store, key, value: input.change(value) };
        let is_whole = damaged.value == *value;
        match stored.exercise(&damaged) {
            None => Outcome::Accepted,
            Some(error) => {
                assert!(!is_whole, "refused, but nothing was damaged: {error}");
                Outcome::Refused
            }
        }
    })
}
