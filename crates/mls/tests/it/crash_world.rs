//! People whose programs may die at any write: all that is in memory is lost, they start again from
//! their stores and carry on with what they were doing.
//!
//! Each step is written as an attempt that is repeated until the store lets it through, and that
//! first looks at whether, or how far, the attempt before has come.

use std::collections::BTreeMap;
use std::rc::Rc;

use mls::{
    BrokenRule, CommitId, CommitOptions, Error, ExternalJoinOptions, Group, GroupParams,
    GroupStatus, KeyPackage, KeyPackageOptions, MlsMessage, NewCommit, PendingCommit, ProposalRef,
    Propose, Received, Secret, Storage,
};
use testkit::{NOW, Person, Traits};

use crate::crash_store::{Disk, Faults, FaultyStore};

const GROUP_ID: &[u8] = b"a group that outlives its members' programs";

/// A person at a machine that may crash.
pub(crate) struct Seat {
    /// The client and its randomness; the person's own store and group are not used.
    person: Person,
    pub(crate) store: FaultyStore,
    pub(crate) group: Option<Group>,
}

impl Seat {
    pub(crate) fn group(&mut self) -> &mut Group {
        self.group.as_mut().unwrap()
    }

    /// What a crash leaves.
    fn restart(&mut self) {
        self.group = None;
        self.store.reopen();
        self.group = self.person.client.load_group(&self.store, GROUP_ID).unwrap();
    }
}

/// What came of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    Heard(String),
    Proposal,
    Advanced,
    Removed,
    OwnCommit(CommitId),
    OwnMessage,
    /// The program died after it had noted the message as read, before anybody saw what it said.
    ReadBefore,
}

/// Everybody, and what they have sent and known.
pub(crate) struct World {
    pub(crate) seats: Vec<Seat>,
    /// Every message that left a program.
    pub(crate) left: Vec<MlsMessage>,
    /// The epoch authenticator of each epoch as the first one in it saw it.
    authenticators: BTreeMap<u64, Secret>,
    pub(crate) restarts: usize,
}

impl World {
    pub(crate) fn new(
        names: &[&str],
        traits: impl Fn() -> Traits,
        disk: impl Fn(&str) -> Disk,
        faults: &Rc<Faults>,
    ) -> Self {
        let seat = |name: &&str| Seat {
            person: Person::new(name, traits()),
            store: FaultyStore::new(disk(name), faults),
            group: None,
        };
        Self {
            seats: names.iter().map(seat).collect(),
            left: Vec::new(),
            authenticators: BTreeMap::new(),
            restarts: 0,
        }
    }

    /// Attempts something until the store lets it through.
    fn carry_on<T>(
        &mut self,
        who: usize,
        mut attempt: impl FnMut(&mut Seat) -> Result<T, Error>,
    ) -> T {
        loop {
            match attempt(&mut self.seats[who]) {
                Ok(done) => {
                    self.compare(who);
                    return done;
                }
                Err(Error::Storage(_)) => {
                    self.restarts += 1;
                    self.seats[who].restart();
                    self.compare(who);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Whoever is in an epoch knows of it what everybody knows.
    fn compare(&mut self, who: usize) {
        let Some(group) = &self.seats[who].group else { return };
        if *group.status() != GroupStatus::Active {
            return;
        }
        let seen = group.epoch_authenticator().duplicate();
        let known = self.authenticators.entry(group.epoch()).or_insert(seen);
        assert!(known == group.epoch_authenticator(), "two views of one epoch");
    }

    pub(crate) fn create(&mut self, who: usize) {
        self.carry_on(who, |seat| {
            let Seat { person, store, group } = seat;
            if group.is_none() {
                let group_id = Some(GROUP_ID.to_vec());
                let params = GroupParams { group_id, ..GroupParams::new(person.suite) };
                let made = person.client.create_group(store, params, NOW, &mut person.random)?;
                *group = Some(made.save(store)?);
            }
            Ok(())
        });
    }

    pub(crate) fn key_package(&mut self, who: usize) -> KeyPackage {
        self.carry_on(who, |Seat { person, store, .. }| {
            let (suite, options) = (person.suite, KeyPackageOptions::default());
            person.client.key_package(suite, options, NOW, &mut person.random)?.save(store)
        })
    }

    pub(crate) fn join(&mut self, who: usize, welcome: &MlsMessage) {
        self.carry_on(who, |Seat { person, store, group }| {
            if group.is_none() {
                *group = Some(person.client.join(store, welcome, None, NOW)?.save(store)?);
            }
            Ok(())
        });
    }

    pub(crate) fn say(&mut self, who: usize, text: &str) -> MlsMessage {
        let message = self.carry_on(who, |Seat { person, store, group }| {
            let group = group.as_mut().unwrap();
            group.protect(text.as_bytes(), b"aad", &mut person.random)?.save(store)
        });
        self.left.push(message.clone());
        message
    }

    pub(crate) fn propose(&mut self, who: usize, propose: &Propose) -> MlsMessage {
        let known = references(self.seats[who].group());
        let message = self.carry_on(who, |Seat { person, store, group }| {
            let group = group.as_mut().unwrap();
            // What was stored but never left is forgotten: nobody could follow a commit over it.
            for reference in references(group) {
                if !known.contains(&reference) {
                    group.forget_proposal(reference).save(store)?;
                }
            }
            group.propose(propose.clone(), b"", NOW, &mut person.random)?.save(store)
        });
        self.left.push(message.clone());
        message
    }

    /// Makes a candidate. Its messages leave.
    pub(crate) fn commit(&mut self, who: usize, options: impl Fn() -> CommitOptions) -> NewCommit {
        let candidates = |seat: &Seat| seat.group.as_ref().unwrap().pending_commits(&seat.store);
        let known = candidates(&self.seats[who]).unwrap();
        let known: Vec<_> = known.iter().map(PendingCommit::id).collect();
        let made = self.carry_on(who, |seat| {
            // A candidate whose commit never left is no use.
            let orphans = candidates(seat)?.into_iter().filter(|one| !known.contains(&one.id()));
            let Seat { person, store, group } = seat;
            let group = group.as_mut().unwrap();
            for orphan in orphans {
                group.discard(orphan).save(store)?;
            }
            group.commit(options(), NOW, &mut person.random)?.save(store)
        });
        self.left.push(made.commit.clone());
        self.left.extend(made.welcomes.iter().map(|(welcome, _)| welcome.clone()));
        made
    }

    /// Takes a message, and moves on if it is a commit.
    pub(crate) fn deliver(&mut self, who: usize, message: &MlsMessage) -> Delivered {
        let mut attempts = 0;
        let delivered = self.carry_on(who, |Seat { store, group, .. }| {
            attempts += 1;
            let Some(member) = group.as_mut() else { return Ok(Delivered::Removed) };
            let received = match member.process(message, NOW) {
                Err(Error::Violation(BrokenRule::Protection(
                    protection::Violation::ReusedGeneration,
                ))) if attempts > 1 => return Ok(Delivered::ReadBefore),
                received => received?.save(store)?,
            };
            Ok(match received {
                Received::Application(message) => {
                    Delivered::Heard(String::from_utf8(message.data).unwrap())
                }
                Received::Proposal(_) => Delivered::Proposal,
                Received::OwnMessage { .. } => Delivered::OwnMessage,
                Received::OwnCommit(id) => Delivered::OwnCommit(id),
                Received::Commit(staged) => {
                    let change = member.advance(*staged)?.save(store)?;
                    match change.self_removed {
                        true => Delivered::Removed,
                        false => Delivered::Advanced,
                    }
                }
                // The attempt before has advanced.
                Received::OtherEpoch { .. } if attempts > 1 => Delivered::Advanced,
                Received::OtherEpoch { .. } => panic!("a message of another epoch"),
            })
        });
        if delivered == Delivered::Removed {
            self.seats[who].group = None;
        }
        delivered
    }

    /// The delivery service has accepted an own commit.
    pub(crate) fn accepted(&mut self, who: usize, made: NewCommit) {
        let (id, epoch) = (made.pending.id(), self.seats[who].group().epoch());
        let echo = self.deliver(who, &made.commit);
        assert_eq!(echo, Delivered::OwnCommit(id));
        let mut pending = Some(made.pending);
        self.carry_on(who, |Seat { store, group, .. }| {
            let group = group.as_mut().unwrap();
            if group.epoch() > epoch {
                return Ok(());
            }
            let pending = match pending.take() {
                Some(pending) => pending,
                None => {
                    let mut stored = group.pending_commits(store)?.into_iter();
                    stored.find(|stored| stored.id() == id).unwrap()
                }
            };
            group.advance(pending)?.save(store).map(|_| ())
        });
    }

    /// Joins by an external commit; the others have accepted it once `follow` returns.
    pub(crate) fn join_external(
        &mut self,
        who: usize,
        info: &MlsMessage,
        follow: impl FnOnce(&mut Self, &MlsMessage),
    ) {
        let join = self.carry_on(who, |Seat { person, store, .. }| {
            for orphan in person.client.pending_joins(store, GROUP_ID)? {
                person.client.discard_join(&orphan).save(store)?;
            }
            let options = ExternalJoinOptions::default();
            let random = &mut person.random;
            person.client.join_external(store, info, options, NOW, random)?.save(store)
        });
        self.left.push(join.commit.clone());
        follow(self, &join.commit);
        self.carry_on(who, |Seat { person, store, group }| {
            if group.is_none() {
                let joined = person.client.complete_join(store, &join.pending)?;
                *group = Some(joined.save(store)?);
            }
            Ok(())
        });
    }

    /// Everybody is in the same epoch, in memory and in the store, and hears everybody.
    pub(crate) fn assert_agreement(&mut self) {
        let epoch = self.seats[0].group().epoch();
        let tree = self.seats[0].group().ratchet_tree();
        for who in 0..self.seats.len() {
            assert_eq!(self.seats[who].group().epoch(), epoch);
            self.seats[who].restart();
            self.compare(who);
            assert!(self.seats[who].group().ratchet_tree() == tree, "trees differ");
            assert_eq!(self.seats[who].group().pending_proposals().count(), 0);
            assert!(
                self.seats[who]
                    .store
                    .scan(GROUP_ID, mls::RowKind::PendingCommit, &[])
                    .unwrap()
                    .is_empty()
            );
        }
        for speaker in 0..self.seats.len() {
            let message = self.say(speaker, "goodbye");
            for listener in (0..self.seats.len()).filter(|&listener| listener != speaker) {
                let heard = self.deliver(listener, &message);
                assert_eq!(heard, Delivered::Heard("goodbye".to_owned()));
            }
        }
    }
}

fn references(group: &Group) -> Vec<ProposalRef> {
    group.pending_proposals().map(|(reference, ..)| reference).collect()
}
