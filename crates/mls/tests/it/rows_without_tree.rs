//! Groups that are opened without their tree: they speak, and are whole once the tree is there.

use std::cell::RefCell;

use crypto::Secret;
use mls::{
    CommitOptions, Delta, Error, MemoryStorage, Misuse, Propose, RowKey, RowKind, Storage,
    StorageError,
};
use testkit::{NOW, Person, Traits, assert_agreement, group_of};

/// A store that counts the rows of the tree that are read.
struct Counted<'a> {
    base: &'a MemoryStorage,
    tree_rows: RefCell<usize>,
}

impl Storage for Counted<'_> {
    fn read(&self, key: &RowKey) -> Result<Option<Secret>, StorageError> {
        *self.tree_rows.borrow_mut() += usize::from(key.kind == RowKind::TreePage);
        self.base.read(key)
    }

    fn scan(
        &self,
        group_id: &[u8],
        kind: RowKind,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, Secret)>, StorageError> {
        let rows = self.base.scan(group_id, kind, prefix)?;
        *self.tree_rows.borrow_mut() += if kind == RowKind::TreePage { rows.len() } else { 0 };
        Ok(rows)
    }

    fn groups(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        self.base.groups()
    }

    fn write(&mut self, _: &Delta) -> Result<(), StorageError> {
        Err(StorageError("only read".into()))
    }
}

fn three() -> Vec<Person> {
    group_of(&["alice", "bob", "carol"], || Traits::new(1))
}

#[test]
fn opening_reads_one_page_and_loading_the_tree_reads_all() {
    let names: Vec<String> = (0..20).map(|number| format!("person {number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut people = group_of(&names, || Traits::new(1));
    let last = people.last_mut().unwrap();
    let group_id = last.group().group_id().to_vec();
    let store = Counted { base: &last.store, tree_rows: RefCell::new(0) };
    let opened = last.client.open_group(&store, &group_id).unwrap().unwrap();
    assert_eq!(*store.tree_rows.borrow(), 1);
    let group = opened.load_tree(&store).unwrap();
    assert_eq!(*store.tree_rows.borrow(), 1 + 4);
    assert!(group.members().count() == 20);
    assert!(last.client.open_group(&store, b"another").unwrap().is_none());
}

#[test]
fn who_speaks_without_the_tree_is_heard_and_goes_on_with_it() {
    let mut people = three();
    for round in 0..4 {
        let [alice, bob, carol] = people.as_mut_slice() else { unreachable!() };
        let group_id = alice.group().group_id().to_vec();
        // A restart, at first with nothing but the rows of the Welcome or the group's creation.
        alice.group = None;
        let mut opened = alice.client.open_group(&alice.store, &group_id).unwrap().unwrap();
        assert!(opened.epoch_authenticator() == bob.group().epoch_authenticator());
        assert_eq!(opened.context(), bob.group().context());
        for _ in 0..=round {
            let said = opened.protect(b"without the tree", b"", &mut alice.random);
            let said = said.unwrap().save(&mut alice.store).unwrap();
            bob.hear(&said);
            carol.hear(&said);
        }
        match round % 2 {
            0 => alice.group = Some(opened.load_tree(&alice.store).unwrap()),
            // What was sent is stored; whoever opened it may be gone before the tree is there.
            _ => alice.group = alice.client.load_group(&alice.store, &group_id).unwrap(),
        }
        let heard = bob.say("to whoever has the tree");
        alice.hear(&heard);
        carol.hear(&heard);
        // Commits of both sides, and a candidate that survives another restart.
        let sent = bob.commit_and_advance(CommitOptions::new());
        alice.follow(&sent.commit);
        carol.follow(&sent.commit);
        let made = alice.commit(CommitOptions::new());
        alice.restart();
        let Person { group, store, .. } = &mut *alice;
        let mut pending = group.as_ref().unwrap().pending_commits(store).unwrap();
        let restored = pending.pop().unwrap();
        assert_eq!(restored.id(), made.pending.id());
        alice.advance(restored);
        bob.follow(&made.commit);
        carol.follow(&made.commit);
        assert_agreement(&mut [alice, bob, carol]);
    }
}

#[test]
fn a_tree_of_another_epoch_is_refused() {
    let mut people = three();
    let [alice, bob, _] = people.as_mut_slice() else { unreachable!() };
    let group_id = alice.group().group_id().to_vec();
    let opened = alice.client.open_group(&alice.store, &group_id).unwrap().unwrap();
    let sent = bob.commit_and_advance(CommitOptions::new());
    alice.follow(&sent.commit);
    let error = opened.load_tree(&alice.store).err();
    assert!(matches!(error, Some(Error::Storage(_))), "{error:?}");
}

#[test]
fn proposals_that_wait_keep_a_group_without_tree_silent() {
    let mut people = three();
    let [alice, bob, _] = people.as_mut_slice() else { unreachable!() };
    let Person { group, store, random, .. } = bob;
    let update = Propose::Update(Default::default());
    let proposed = group.as_mut().unwrap().propose(update, b"", NOW, random).unwrap();
    alice.process(&proposed.save(store).unwrap());
    let group_id = alice.group().group_id().to_vec();
    let mut opened = alice.client.open_group(&alice.store, &group_id).unwrap().unwrap();
    let refused = opened.protect(b"text", b"", &mut alice.random).err();
    assert!(matches!(refused, Some(Error::Misuse(Misuse::ProposalsPending))), "{refused:?}");
}
