//! The life of a group, from creation to removal, with every member's view compared after each
//! epoch.

use crypto_aws_lc::SystemRandom;
use mls::{
    CommitOptions, ExternalJoinOptions, GroupInfoOptions, HandshakeFormat, Propose, Received,
};
use testkit::{NOW, Person, Traits, assert_agreement};

fn life(suite: u16, handshakes: HandshakeFormat) {
    let traits = || Traits::new(suite).handshakes(handshakes);
    let mut alice = Person::new("alice", traits());
    let mut bob = Person::new("bob", traits());
    let mut carol = Person::new("carol", traits());
    alice.create();
    let options =
        CommitOptions::new().add_member(bob.key_package()).add_member(carol.key_package());
    let made = alice.commit(options);
    assert_eq!(alice.advance(made.pending).added.len(), 2);
    bob.join(&made.welcomes[0].0);
    carol.join(&made.welcomes[0].0);
    assert_agreement(&mut [&mut alice, &mut bob, &mut carol]);

    // Bob proposes an update, Carol commits it.
    let propose = Propose::Update(Default::default());
    let proposed = bob.group().propose(propose, b"", NOW, &mut SystemRandom).unwrap();
    let proposed = proposed.save(&mut bob.store).unwrap();
    alice.process(&proposed);
    carol.process(&proposed);
    assert!(alice.group().protect(b"no", b"", &mut SystemRandom).is_err());
    bob.restart();
    alice.restart();
    carol.restart();
    let made = carol.commit(CommitOptions::new());
    assert!(
        matches!(carol.process(&made.commit), Received::OwnCommit(id) if id == made.pending.id())
    );
    alice.follow(&made.commit);
    bob.follow(&made.commit);
    carol.restart();
    let mut pending = {
        let Person { group, store, .. } = &mut carol;
        group.as_ref().unwrap().pending_commits(store).unwrap()
    };
    let change = carol.advance(pending.pop().unwrap());
    assert_eq!(change.updated.len(), 2);
    assert_agreement(&mut [&mut alice, &mut bob, &mut carol]);

    // Alice removes Carol, who is told.
    let carols_leaf = carol.group().own_leaf();
    let made = alice.commit(CommitOptions::new().remove_member(carols_leaf));
    alice.advance(made.pending);
    bob.follow(&made.commit);
    assert!(carol.follow(&made.commit).self_removed);
    assert_eq!(carol.store.rows().count(), 0);
    assert_agreement(&mut [&mut alice, &mut bob]);

    // Carol comes back from outside.
    let options = GroupInfoOptions { ratchet_tree: true, external_pub: true };
    let info = bob.group().group_info(options, &mut SystemRandom).unwrap();
    let options = ExternalJoinOptions::default();
    let join = carol.client.join_external(&carol.store, &info, options, NOW, &mut SystemRandom);
    let join = join.unwrap().save(&mut carol.store).unwrap();
    alice.follow(&join.commit);
    bob.follow(&join.commit);
    let joined = carol.client.complete_join(&carol.store, &join.pending).unwrap();
    carol.group = Some(joined.save(&mut carol.store).unwrap());
    assert_agreement(&mut [&mut alice, &mut bob, &mut carol]);
}

#[test]
fn three_members_live_through_every_kind_of_change_in_every_suite() {
    for suite in 1..=7 {
        life(suite, HandshakeFormat::Private);
        life(suite, HandshakeFormat::Public);
    }
}

#[test]
fn a_pending_commit_exports_what_its_epoch_will() {
    let mut alice = Person::new("alice", Traits::new(1));
    alice.create();
    let made = alice.commit(CommitOptions::new());
    let suite = alice.group().suite().clone();
    let before = alice.group().export("label", b"context", 32).unwrap();
    let ahead = made.pending.export(&suite, "label", b"context", 32).unwrap();
    assert!(ahead != before);
    alice.advance(made.pending);
    assert!(ahead == alice.group().export("label", b"context", 32).unwrap());
}
