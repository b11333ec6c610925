//! Groups that are opened without their tree while the store moves on.

use mls::{CommitOptions, Error, PathChoice, Propose};
use testkit::{Person, Traits, group_of};

fn pair() -> Vec<Person> {
    group_of(&["alice", "bob"], || Traits::new(1))
}

/// A commit that leaves the tree as it is.
fn psk_only(person: &mut Person) -> CommitOptions {
    let group = person.group();
    let (group_id, epoch) = (group.group_id().into(), group.epoch());
    let options = CommitOptions { path: PathChoice::IfRequired, ..CommitOptions::new() };
    options.propose(Propose::ResumptionPsk { group_id, epoch })
}

#[test]
fn a_tree_of_another_epoch_is_refused_even_if_it_is_the_same() {
    let mut people = pair();
    let [alice, bob] = people.as_mut_slice() else { unreachable!() };
    let group_id = alice.group().group_id().to_vec();
    let opened = alice.client.open_group(&alice.store, &group_id).unwrap().unwrap();
    let tree = alice.group().context().tree_hash;
    let options = psk_only(bob);
    let sent = bob.commit_and_advance(options);
    alice.follow(&sent.commit);
    assert_eq!(alice.group().context().tree_hash, tree);
    let error = opened.load_tree(&alice.store).err();
    assert!(matches!(error, Some(Error::Storage(_))), "{error:?}");
}
