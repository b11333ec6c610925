//! State that outlives what it was made for: echoes, keys of ended epochs, candidates to join.

use mls::{
    Client, ClientConfig, CommitOptions, ExternalJoinOptions, Received, RowKind, Storage as _,
};
use testkit::{NOW, Person, Traits, group_of};

use crate::features_world::{FORMS, agree, form, group_info, is_echo};

/// Of many messages the oldest are forgotten, whatever their hashes are: the echo of what was sent
/// last is still to come.
#[test]
fn the_echo_of_the_latest_message_is_recognised_after_any_number_of_others() {
    for handshakes in FORMS {
        let mut people = group_of(&["alice", "bob"], || {
            let mut traits = form(handshakes)();
            traits.settings.sent_messages_max = 4;
            traits
        });
        let alice = &mut people[0];
        for number in 0..100 {
            let older = alice.say(&format!("{number} a"));
            let made = alice.commit(CommitOptions::new());
            let newer: Vec<_> = (0..2).map(|_| alice.say("newer")).collect();
            if number % 10 == 0 {
                alice.restart();
            }
            for message in [&older, &made.commit, &newer[0], &newer[1]] {
                assert!(is_echo(&alice.process(message)), "after {number} rounds");
            }
            let effect = alice.group().discard(made.pending);
            effect.save(&mut alice.store).unwrap();
        }
        let (group_id, epoch) = (alice.group().group_id().to_vec(), alice.group().epoch());
        let rows = alice.store.scan(&group_id, RowKind::Sent, &epoch.to_be_bytes()).unwrap();
        assert_eq!(rows.len(), 4);
    }
}

fn with_past_epochs(person: &mut Person, past_epochs_max: usize) {
    let mut config: ClientConfig = person.client.config().clone();
    config.settings.past_epochs_max = past_epochs_max;
    person.client = Client::new(config);
    person.restart();
}

/// Whoever decides to keep no keys of ended epochs does not keep those from before the decision.
#[test]
fn keys_of_ended_epochs_go_with_the_first_commit_after_the_setting_says_so() {
    for kept in [0, 1] {
        let mut people = group_of(&["alice", "bob"], || Traits::new(1));
        let follow = |people: &mut [Person]| {
            let late = people[0].say("late");
            let sent = people[0].commit_and_advance(CommitOptions::new());
            people[1].follow(&sent.commit);
            late
        };
        let late: Vec<_> = (0..3).map(|_| follow(&mut people)).collect();
        with_past_epochs(&mut people[1], kept);
        follow(&mut people);
        let (bob, kept_epochs) = (&mut people[1], u64::try_from(kept).unwrap());
        let (group_id, epoch) = (bob.group().group_id().to_vec(), bob.group().epoch());
        for kind in [RowKind::PastEpoch, RowKind::SecretTree, RowKind::PastLeaf] {
            for (id, _) in bob.store.scan(&group_id, kind, &[]).unwrap() {
                let of = u64::from_be_bytes(id[..8].try_into().unwrap());
                assert!(of + kept_epochs >= epoch, "{kind:?} of epoch {of} in epoch {epoch}");
            }
        }
        for message in &late {
            assert!(matches!(bob.process(message), Received::OtherEpoch { .. }));
        }
        agree(&mut people);
    }
}

/// A client that still follows the log sees its own external commit remove its former self, and
/// then completes the join.
#[test]
fn a_resync_survives_that_the_former_self_hears_of_its_removal() {
    for handshakes in FORMS {
        let mut people = group_of(&["alice", "bob", "carol"], form(handshakes));
        let info = group_info(&mut people[0]);
        let bob = &mut people[1];
        let options = ExternalJoinOptions { resync: true, ..ExternalJoinOptions::default() };
        let Person { client, store, random, .. } = bob;
        let join = client.join_external(store, &info, options, NOW, random);
        let join = bob.save(join);
        assert!(bob.follow(&join.commit).self_removed);
        let group_id = join.pending.group_id;
        let pending = bob.client.pending_joins(&bob.store, &group_id).unwrap();
        let [pending] = &pending[..] else { panic!("the candidate is gone") };
        let group = bob.client.complete_join(&bob.store, pending);
        bob.group = Some(bob.save(group));
        for other in [0, 2] {
            people[other].follow(&join.commit);
        }
        agree(&mut people);
    }
}
