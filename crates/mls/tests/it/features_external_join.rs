//! Joining from outside and replacing a former self (RFC 9420, section 12.4.3.2).

use mls::{
    Candidate, CommitOptions, ExternalCommitPolicy, ExternalJoinOptions, ExternalSender,
    GroupInfoOptions, IdentityPolicy, LeafOrigin, Refusal,
};
use std::sync::{Arc, Mutex};
use testkit::{NOW, Person, TestPsks, Traits, group_of};

use crate::features_world::{
    FORMS, agree, commit_to_all, deliver, external_commit, form, group_info,
};

#[test]
fn whoever_has_a_group_info_joins_and_everyone_follows() {
    for handshakes in FORMS {
        let mut people = group_of(&["alice", "bob", "carol"], form(handshakes));
        // A gap in the tree: the joiner takes the leftmost.
        let bob = leaf(&people[1]);
        commit_to_all(&mut people, 2, CommitOptions::new().remove_member(bob));
        let mut people: Vec<_> = people.into_iter().filter(|it| !is_removed(it)).collect();
        let mut dave = Person::new("dave", form(handshakes)());
        let info = group_info(&mut people[1]);
        let commit = external_commit(&mut dave, &info, ExternalJoinOptions::default());
        for person in &mut people {
            let change = person.follow(&commit);
            assert!(change.external);
            assert_eq!(change.committer, Some(leaf(&dave)));
            assert_eq!(change.added.len(), 1);
            assert_eq!(change.added[0].1.credential, mls::Credential::basic(b"dave"));
            assert!(change.removed.is_empty() && change.updated.is_empty());
        }
        assert_eq!(leaf(&dave).as_u32(), 1);
        people.push(dave);
        agree(&mut people);
    }
}

fn leaf(person: &Person) -> mls::LeafIndex {
    crate::features_world::leaf_of(person)
}

fn is_removed(person: &Person) -> bool {
    *person.group.as_ref().unwrap().status() == mls::GroupStatus::Removed
}

#[test]
fn a_group_info_without_the_tree_is_joined_with_the_tree_beside_it() {
    let mut people = group_of(&["alice", "bob"], form(FORMS[0]));
    let Person { group, random, .. } = &mut people[0];
    let options = GroupInfoOptions { ratchet_tree: false, external_pub: true };
    let info = group.as_ref().unwrap().group_info(options, random).unwrap();
    let tree = people[0].group().ratchet_tree();
    let mut carol = Person::new("carol", Traits::new(1));
    let options =
        ExternalJoinOptions { ratchet_tree: Some(tree), ..ExternalJoinOptions::default() };
    let commit = external_commit(&mut carol, &info, options);
    people.iter_mut().for_each(|person| drop(person.follow(&commit)));
    people.push(carol);
    agree(&mut people);
}

#[test]
fn a_member_that_lost_track_replaces_its_former_self() {
    for handshakes in FORMS {
        let mut people = group_of(&["alice", "bob", "carol"], form(handshakes));
        let former = leaf(&people[1]);
        let info = group_info(&mut people[0]);
        let options = ExternalJoinOptions { resync: true, ..ExternalJoinOptions::default() };
        let mut bob = people.remove(1);
        let commit = external_commit(&mut bob, &info, options);
        for person in &mut people {
            let change = person.follow(&commit);
            assert!(change.external && !change.self_removed);
            assert_eq!(change.removed[0].0, former);
            assert_eq!(change.added[0].0, former, "the gap it left is the leftmost");
        }
        people.insert(1, bob);
        agree(&mut people);
    }
}

/// The member whose place is taken, should it still run somewhere, is told that it is out.
#[test]
fn the_instance_that_is_replaced_is_told_that_it_is_removed() {
    let mut people = group_of(&["alice", "bob"], form(FORMS[0]));
    let info = group_info(&mut people[0]);
    let mut bob = people.remove(1);
    let mut elsewhere = Person::new("bob", Traits::new(1));
    elsewhere.store = bob.store.duplicate();
    let options = ExternalJoinOptions { resync: true, ..ExternalJoinOptions::default() };
    let commit = external_commit(&mut elsewhere, &info, options);
    assert!(bob.follow(&commit).self_removed);
    people[0].follow(&commit);
    people.push(elsewhere);
    agree(&mut people);
}

#[test]
fn a_joiner_mixes_in_external_and_resumption_psks() {
    let traits = || {
        let psks = TestPsks([(b"door".to_vec(), vec![7; 32])].into());
        Traits { psks, ..Traits::new(1) }
    };
    let mut people = group_of(&["alice", "bob", "carol"], traits);
    let past = people[0].group().epoch();
    commit_to_all(&mut people, 0, CommitOptions::new());
    let info = group_info(&mut people[0]);
    let options = ExternalJoinOptions {
        resync: true,
        external_psks: vec![b"door".to_vec()],
        resumption_psks: vec![past, past + 1],
        ..ExternalJoinOptions::default()
    };
    let mut bob = people.remove(1);
    let commit = external_commit(&mut bob, &info, options);
    for person in &mut people {
        assert_eq!(person.follow(&commit).psks.len(), 3);
    }
    people.push(bob);
    agree(&mut people);
}

/// Each policy lets through exactly what it says; `None` stands for a plain join, otherwise whether
/// a resync proves its past by a PSK.
#[test]
fn every_policy_on_external_commits_lets_through_what_it_says() {
    use ExternalCommitPolicy::{Allow, JoinOnly, Refuse, ResyncOnly, ResyncWithPsk};
    let table = [
        (Allow, [true, true, true]),
        (ResyncWithPsk, [true, false, true]),
        (JoinOnly, [true, false, false]),
        (ResyncOnly, [false, true, true]),
        (Refuse, [false, false, false]),
    ];
    for (policy, allowed) in table {
        for (way, allowed) in [None, Some(false), Some(true)].into_iter().zip(allowed) {
            let traits = || {
                let mut traits = Traits::new(1);
                traits.settings.external_commits = policy;
                traits
            };
            let mut people = group_of(&["alice", "bob"], traits);
            let info = group_info(&mut people[0]);
            let epoch = people[0].group().epoch();
            let (mut joiner, options) = match way {
                None => (Person::new("carol", traits()), ExternalJoinOptions::default()),
                Some(with_psk) => {
                    let resumption_psks = if with_psk { vec![epoch] } else { Vec::new() };
                    let options = ExternalJoinOptions {
                        resync: true,
                        resumption_psks,
                        ..ExternalJoinOptions::default()
                    };
                    (people.remove(1), options)
                }
            };
            let commit = external_commit(&mut joiner, &info, options);
            let alice = &mut people[0];
            let accepted = alice.group().process(&commit, NOW).is_ok();
            assert_eq!(accepted, allowed, "{policy:?}, {way:?}");
        }
    }
}

/// Remembers which leaves replace which.
#[derive(Default)]
struct Successions(Mutex<Vec<(LeafOrigin, bool)>>);

impl IdentityPolicy for Successions {
    fn validate_leaf(&self, candidate: &Candidate<'_>) -> Result<(), Refusal> {
        let seen = (candidate.origin, candidate.predecessor.is_some());
        self.0.lock().unwrap().push(seen);
        Ok(())
    }

    fn validate_external_sender(&self, _: &ExternalSender, _: u64) -> Result<(), Refusal> {
        Ok(())
    }
}

#[test]
fn the_policy_sees_whom_a_resync_replaces() {
    let seen = Arc::new(Successions::default());
    let policy = Arc::clone(&seen);
    let traits = || Traits { identity: Arc::clone(&policy) as _, ..Traits::new(1) };
    let mut people = group_of(&["alice", "bob"], traits);
    let info = group_info(&mut people[0]);
    let options = ExternalJoinOptions { resync: true, ..ExternalJoinOptions::default() };
    let mut bob = people.remove(1);
    let commit = external_commit(&mut bob, &info, options);
    seen.0.lock().unwrap().clear();
    deliver(&mut people, 1, &commit);
    assert_eq!(*seen.0.lock().unwrap(), [(LeafOrigin::ExternalCommit, true)]);
    let mut carol = Person::new("carol", traits());
    let info = group_info(&mut people[0]);
    let commit = external_commit(&mut carol, &info, ExternalJoinOptions::default());
    seen.0.lock().unwrap().clear();
    deliver(&mut people, 1, &commit);
    assert_eq!(*seen.0.lock().unwrap(), [(LeafOrigin::ExternalCommit, false)]);
}

#[test]
fn an_external_commit_survives_a_restart_and_can_be_given_up() {
    let mut people = group_of(&["alice"], form(FORMS[0]));
    let info = group_info(&mut people[0]);
    let mut bob = Person::new("bob", Traits::new(1));
    let options = ExternalJoinOptions::default;
    let join = bob.client.join_external(&bob.store, &info, options(), NOW, &mut bob.random);
    let refused = bob.save(join);
    let join = bob.client.join_external(&bob.store, &info, options(), NOW, &mut bob.random);
    let accepted = bob.save(join);
    let group_id = people[0].group().group_id().to_vec();
    assert_eq!(bob.client.pending_joins(&bob.store, &group_id).unwrap().len(), 2);
    let discarded = bob.client.discard_join(&refused.pending);
    discarded.save(&mut bob.store).unwrap();
    // All that is left after a restart is the store.
    let pending = bob.client.pending_joins(&bob.store, &group_id).unwrap().remove(0);
    assert_eq!(pending.id, accepted.pending.id);
    let group = bob.client.complete_join(&bob.store, &pending);
    bob.group = Some(bob.save(group));
    assert!(bob.client.pending_joins(&bob.store, &group_id).unwrap().is_empty());
    people[0].follow(&accepted.commit);
    people.push(bob);
    agree(&mut people);
}
