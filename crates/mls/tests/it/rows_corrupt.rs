//! Rows that are damaged, lost, or of a format that this version does not know: an error, or a
//! group that goes on as far as it can; never a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crypto::Secret;
use mls::{
    Client, CommitOptions, Delta, Error, ExternalJoinOptions, Group, GroupInfoOptions,
    KeyPackageOptions, MemoryStorage, MlsMessage, Propose, RowKey, RowKind, Storage, StorageError,
};
use testkit::{NOW, Person, SeededRandom, Traits, group_of};

/// A store in which one row is another, or missing.
struct Damaged<'a> {
    base: &'a MemoryStorage,
    key: &'a RowKey,
    value: Option<&'a [u8]>,
}

impl Storage for Damaged<'_> {
    fn read(&self, key: &RowKey) -> Result<Option<Secret>, StorageError> {
        match key == self.key {
            true => Ok(self.value.map(Secret::from_slice)),
            false => self.base.read(key),
        }
    }

    fn scan(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Secret)>, StorageError> {
        let mut rows = self.base.scan(group_id, kind, prefix)?;
        if (group_id, kind) == (&self.key.group_id, self.key.kind) {
            rows.retain_mut(|(id, value)| {
                let is_damaged = *id == self.key.id;
                if let (true, Some(damaged)) = (is_damaged, self.value) {
                    *value = Secret::from_slice(damaged);
                }
                !is_damaged || self.value.is_some()
            });
        }
        Ok(rows)
    }

    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        self.base.groups()
    }

    fn write(&mut self, _: &Delta) -> Result<(), StorageError> {
        Ok(())
    }
}

/// A store with rows of every kind, and messages that make use of them.
struct Scene {
    client: Client,
    store: MemoryStorage,
    group_id: Vec<u8>,
    messages: Vec<MlsMessage>,
    welcome: MlsMessage,
}

fn scene() -> Scene {
    let mut people = group_of(&["alice", "bob", "carol"], || Traits::new(1));
    let [alice, bob, carol] = people.as_mut_slice() else { unreachable!() };
    let late = bob.say("late");
    let sent = carol.commit_and_advance(CommitOptions::new());
    alice.follow(&sent.commit);
    bob.follow(&sent.commit);
    // A skipped key, a pending proposal, an own Update, a candidate.
    let skipped = bob.say("skipped");
    let next = bob.say("next");
    alice.hear(&next);
    let Person { group, store, random, .. } = bob;
    let psk =
        Propose::ResumptionPsk { group_id: group.as_ref().unwrap().group_id().into(), epoch: 1 };
    let proposal = group.as_mut().unwrap().propose(psk, b"", NOW, random).unwrap();
    let proposal = proposal.save(store).unwrap();
    alice.process(&proposal);
    let Person { group, store, random, .. } = alice;
    let update = Propose::Update(Default::default());
    let update = group.as_mut().unwrap().propose(update, b"", NOW, random).unwrap();
    let update = update.save(store).unwrap();
    bob.process(&update);
    carol.process(&update);
    carol.process(&proposal);
    let candidate = alice.commit(CommitOptions::new());
    // Another's commit over all of it.
    let made = bob.commit(CommitOptions::new());
    let welcome = key_package_and_join(alice);
    let group_id = alice.group().group_id().to_vec();
    Scene {
        client: alice.client.clone(),
        store: alice.store.duplicate(),
        group_id,
        messages: vec![late, skipped, update, candidate.commit, made.commit],
        welcome,
    }
}

/// A stored key package with a Welcome for it, and a candidate to join a group from outside.
fn key_package_and_join(alice: &mut Person) -> MlsMessage {
    let key_package = alice.key_package();
    let mut host = Person::new("host", Traits::new(1));
    host.create();
    let sent = host.commit_and_advance(CommitOptions::new().add_member(key_package));
    let mut other = Person::new("other host", Traits::new(1));
    other.create();
    let Person { group, random, .. } = &mut other;
    let options = GroupInfoOptions { ratchet_tree: true, external_pub: true };
    let info = group.as_ref().unwrap().group_info(options, random).unwrap();
    let Person { client, store, random, .. } = alice;
    let options = ExternalJoinOptions::default();
    let join = client.join_external(store, &info, options, NOW, random).unwrap();
    join.save(store).unwrap();
    sent.welcomes[0].clone()
}

impl Scene {
    /// Uses the store for everything that it is for. Nobody cares what comes of it, but the first
    /// error of reading.
    fn exercise(&self, store: &dyn Storage) -> Option<Error> {
        let mut errors = Vec::new();
        errors.extend(self.client.key_packages(store).err());
        errors.extend(self.client.join(store, &self.welcome, None, NOW).err());
        let joins = self.store.rows().filter(|(key, _)| key.kind == RowKind::PendingJoin);
        for (key, _) in joins {
            match self.client.pending_joins(store, &key.group_id) {
                Err(error) => errors.push(error),
                Ok(pending) => errors.extend(pending.iter().filter_map(|pending| {
                    self.client.complete_join(store, pending).map(|it| drop(it.into_parts())).err()
                })),
            }
        }
        match self.client.load_group(store, &self.group_id) {
            Err(error) => errors.push(error),
            Ok(None) => {}
            Ok(Some(group)) => errors.extend(self.live(store, group)),
        }
        errors.into_iter().next()
    }

    fn live(&self, store: &dyn Storage, mut group: Group) -> Option<Error> {
        let mut random = SeededRandom::new(1);
        let mut error = None;
        for message in &self.messages {
            match group.process(message, NOW).map(|effect| effect.into_parts().0) {
                // Staged commits are thrown away: the group goes on in its epoch.
                Ok(_) => {}
                Err(found) => error = error.or(Some(found)),
            }
        }
        let _ = group.members().count();
        let _ = group.ratchet_tree();
        let _ = group.export("label", b"", 16);
        let _ = group.group_info(GroupInfoOptions::default(), &mut random);
        let update = Propose::Update(Default::default());
        let _ = group.propose(update, b"", NOW, &mut random).map(|it| drop(it.into_parts()));
        let _ =
            group.commit(CommitOptions::new(), NOW, &mut random).map(|it| drop(it.into_parts()));
        match group.pending_commits(store) {
            Err(found) => error = error.or(Some(found)),
            Ok(pending) => {
                for candidate in pending {
                    let _ = group.advance(candidate).map(|it| drop(it.into_parts()));
                    let _ =
                        group.protect(b"text", b"", &mut random).map(|it| drop(it.into_parts()));
                }
            }
        }
        error
    }

    fn rows(&self) -> Vec<(&RowKey, &[u8])> {
        self.store.rows().map(|(key, value)| (key, value.expose())).collect()
    }

    fn survives(&self, key: &RowKey, value: Option<&[u8]>, what: &str) -> Option<Error> {
        let store = Damaged { base: &self.store, key, value };
        let outcome = catch_unwind(AssertUnwindSafe(|| self.exercise(&store)));
        outcome.unwrap_or_else(|_| panic!("{what} of a row of kind {:?}", key.kind))
    }
}

#[test]
fn the_scene_has_rows_of_every_kind_and_all_can_be_used() {
    let scene = scene();
    for kind in RowKind::ALL {
        assert!(scene.rows().iter().any(|(key, _)| key.kind == kind), "{kind:?}");
    }
    let error = scene.exercise(&scene.store);
    assert!(error.is_none(), "{error:?}");
}

#[test]
fn a_row_of_an_unknown_format_is_a_storage_error_that_says_so() {
    let scene = scene();
    for (key, value) in scene.rows() {
        for format in [0, 1, 255] {
            let mut value = value.to_vec();
            value[0] = format;
            let error = scene.survives(key, Some(&value), "format");
            let Some(Error::Storage(error)) = error else { panic!("{:?}: {error:?}", key.kind) };
            assert!(error.to_string().contains("format"), "{:?}: {error}", key.kind);
        }
    }
}

/// Every byte of short rows and many of long ones, of as many rows of each kind as are different.
#[test]
fn a_changed_byte_gives_an_error_or_a_group_that_goes_on() {
    let scene = scene();
    for kind in RowKind::ALL {
        let rows: Vec<_> = scene.rows().into_iter().filter(|(key, _)| key.kind == kind).collect();
        for (key, value) in rows.iter().step_by(rows.len().div_ceil(3)) {
            for place in (0..value.len()).step_by(value.len().div_ceil(60)) {
                for change in [0x01, 0x80, 0xff] {
                    let mut value = value.to_vec();
                    value[place] ^= change;
                    scene.survives(key, Some(&value), &format!("byte {place} ^ {change}"));
                }
            }
        }
    }
}

#[test]
fn a_shortened_or_lost_row_gives_an_error_or_a_group_that_goes_on() {
    let scene = scene();
    for (key, value) in scene.rows() {
        scene.survives(key, None, "loss");
        for length in (0..value.len()).step_by(value.len().div_ceil(12).max(1)) {
            let error = scene.survives(key, Some(&value[..length]), "shortening");
            assert!(matches!(error, Some(Error::Storage(_))), "{:?}: {error:?}", key.kind);
        }
        let longer = [value, &[0]].concat();
        let error = scene.survives(key, Some(&longer), "lengthening");
        assert!(matches!(error, Some(Error::Storage(_))), "{:?}: {error:?}", key.kind);
    }
}

/// Found by fuzzing: a late message used to be looked up in every epoch from its own to this one.
#[test]
fn a_stored_epoch_far_ahead_does_not_stop_the_program() {
    let scene = scene();
    let rows = scene.rows();
    let (key, value) = rows.iter().find(|(key, _)| key.kind == RowKind::Epoch).unwrap();
    // After the format, version, suite, and the id of the group with its length.
    let place = 1 + 2 + 2 + 1 + scene.group_id.len();
    let mut value = value.to_vec();
    assert_eq!(value[place..place + 8], 2_u64.to_be_bytes());
    value[place..place + 8].copy_from_slice(&(u64::MAX / 2).to_be_bytes());
    scene.survives(key, Some(&value), "the epoch");
}

#[test]
fn a_lost_secret_tree_row_never_brings_a_used_generation_back() {
    let scene = scene();
    let load = |store: &dyn Storage| scene.client.load_group(store, &scene.group_id);
    let mut ours = load(&scene.store).unwrap().unwrap();
    let mut random = SeededRandom::new(7);
    let rows = scene.rows().into_iter().filter(|(key, _)| key.kind == RowKind::SecretTree);
    let (mut refused, mut used) = (0, 0);
    let proposal = |group: &mut Group, random: &mut SeededRandom| {
        let update = Propose::Update(Default::default());
        group.propose(update, b"", NOW, random).map(|effect| effect.into_parts())
    };
    let (_, delta) = proposal(&mut ours, &mut random).unwrap();
    let mut after = scene.store.duplicate();
    after.write(&delta).unwrap();
    for (key, _) in rows {
        let store = Damaged { base: &after, key, value: None };
        match load(&store) {
            Err(_) => refused += 1,
            // A row of somebody else's, or of a past epoch: the own ratchet is as it was.
            Ok(group) => {
                used += 1;
                let mut group = group.unwrap();
                let Ok((_, delta)) = proposal(&mut group, &mut random) else { continue };
                assert!(delta.changes().len() < 8, "the own leaf was opened again");
            }
        }
    }
    assert!(refused > 0 && used > 0);
}

#[test]
fn key_package_options_do_not_matter_for_deletion() {
    let mut alice = Person::new("alice", Traits::new(1));
    let options = KeyPackageOptions { last_resort: true, ..KeyPackageOptions::default() };
    let made = alice.client.key_package(alice.suite, options, NOW, &mut alice.random);
    let key_package = alice.save(made);
    let suite = alice.client.config().crypto.suite(alice.suite).unwrap();
    let reference = key_package.reference(&suite).unwrap();
    let deleted = alice.client.delete_key_package(&reference);
    deleted.save(&mut alice.store).unwrap();
    assert_eq!(alice.store.rows().count(), 0);
}
