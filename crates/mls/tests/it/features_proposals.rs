//! Proposals by value and by reference, and which of those that were received a commit covers (RFC
//! 9420, sections 12.1 to 12.4).

use mls::{
    CommitOptions, Extension, ExtensionType, Extensions, GroupStatus, LeafChanges, PathChoice,
    ProposalSender, ProposalType, Propose, Received,
};
use testkit::{NOW, Person, Traits, group_of};

use crate::features_world::{
    FORMS, agree, commit_to_all, deliver, form, leaf_of, propose, propose_to_all,
};

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

fn update() -> Propose {
    Propose::Update(LeafChanges::default())
}

#[test]
fn a_proposed_update_takes_effect_with_anothers_commit() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let before = people[1].group().member(1).unwrap().leaf.encryption_key.clone();
        propose_to_all(&mut people, 1, update());
        for person in &mut people {
            assert_eq!(person.group().pending_proposals().count(), 1);
            person.restart();
            assert_eq!(person.group().pending_proposals().count(), 1);
        }
        let sent = commit_to_all(&mut people, 3, CommitOptions::new());
        let updated: Vec<_> = sent.change.updated.iter().map(|(leaf, _)| leaf.as_u32()).collect();
        assert_eq!(updated, [1, 3]);
        assert_ne!(people[1].group().member(1).unwrap().leaf.encryption_key, before);
        agree(&mut people);
    }
}

#[test]
fn a_removed_member_is_told_and_is_left_with_nothing() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let carol = leaf_of(&people[2]);
        propose_to_all(&mut people, 1, Propose::Remove(carol));
        let sent = people[0].commit_and_advance(CommitOptions::new());
        assert_eq!(sent.change.removed[0].0, carol);
        assert!(!sent.change.self_removed);
        let mut removed = people.remove(2);
        let change = removed.follow(&sent.commit);
        assert!(change.self_removed);
        assert_eq!(*removed.group().status(), GroupStatus::Removed);
        assert_eq!(removed.store.rows().count(), 0);
        people[1..].iter_mut().for_each(|person| drop(person.follow(&sent.commit)));
        agree(&mut people);
    }
}

#[test]
fn a_member_may_propose_its_own_removal() {
    let mut people = group_of(&NAMES, form(FORMS[0]));
    let dave = leaf_of(&people[3]);
    propose_to_all(&mut people, 3, Propose::Remove(dave));
    // Dave cannot commit it; whatever he commits leaves it out.
    let made = people[3].commit(CommitOptions::new());
    assert!(made.pending.change().removed.is_empty());
    let sent = people[0].commit_and_advance(CommitOptions::new());
    assert!(people[3].follow(&sent.commit).self_removed);
}

#[test]
fn the_extensions_of_the_group_are_replaced_all_at_once() {
    let extension = |data: &[u8]| {
        let extension_type = ExtensionType(0xf0c0);
        Extensions(vec![Extension { extension_type, extension_data: data.into() }])
    };
    for handshakes in FORMS {
        let traits = || {
            let mut traits = Traits::new(1).handshakes(handshakes);
            traits.settings.extensions = vec![ExtensionType(0xf0c0)];
            traits
        };
        let mut people = group_of(&NAMES, traits);
        let first = Propose::GroupContextExtensions(extension(b"one"));
        let sent = commit_to_all(&mut people, 0, CommitOptions::new().propose(first));
        assert!(sent.change.extensions_changed);
        assert_eq!(sent.change.extensions, Some(extension(b"one")));
        propose_to_all(&mut people, 1, Propose::GroupContextExtensions(extension(b"two")));
        let sent = commit_to_all(&mut people, 2, CommitOptions::new());
        // Who wanted it is another than who did it.
        let proposer = ProposalSender::Member(leaf_of(&people[1]));
        assert_eq!(sent.change.proposed, [(proposer, ProposalType::GROUP_CONTEXT_EXTENSIONS)]);
        for person in &mut people {
            assert_eq!(*person.group().extensions(), extension(b"two"));
        }
        // Newcomers see them too.
        let newcomers = vec![Person::new("erin", traits())];
        crate::features_world::add_to_all(&mut people, 3, newcomers);
        assert_eq!(*people[4].group().extensions(), extension(b"two"));
        let none = Propose::GroupContextExtensions(Extensions::default());
        commit_to_all(&mut people, 4, CommitOptions::new().propose(none));
        assert_eq!(*people[0].group().extensions(), Extensions::default());
        agree(&mut people);
    }
}

#[test]
fn a_commit_prefers_a_remove_to_an_update_of_the_same_leaf() {
    for remove_first in [false, true] {
        let mut people = group_of(&NAMES, form(FORMS[0]));
        let bob = leaf_of(&people[1]);
        let mut proposals = [(1, update()), (2, Propose::Remove(bob))];
        if remove_first {
            proposals.reverse();
        }
        proposals.into_iter().for_each(|(by, what)| propose_to_all(&mut people, by, what));
        let change = people[0].commit_and_advance(CommitOptions::new()).change;
        assert_eq!(change.removed.len(), 1);
        assert_eq!(change.updated.len(), 1, "the committer's own");
    }
}

#[test]
fn a_commit_covers_the_latest_of_several_updates_of_a_member() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let first = propose(&mut people[1], update());
        let second = propose(&mut people[1], update());
        deliver(&mut people, 1, &first);
        deliver(&mut people, 1, &second);
        let latest = people[1].group().pending_proposals().last().unwrap();
        let mls::Proposal::Update(latest) = latest.2.clone() else { panic!("not an update") };
        commit_to_all(&mut people, 0, CommitOptions::new());
        assert_eq!(*people[0].group().member(1).unwrap().leaf, *latest);
        agree(&mut people);
    }
}

/// Whoever delivers a proposal a second time does not make it the latest.
#[test]
fn an_older_update_that_is_delivered_again_does_not_become_the_latest() {
    let mut people = group_of(&NAMES, form(mls::HandshakeFormat::Public));
    let first = propose(&mut people[1], update());
    let second = propose(&mut people[1], update());
    for message in [&first, &second, &first] {
        assert!(matches!(people[0].process(message), Received::Proposal(_)));
    }
    assert_eq!(people[0].group().pending_proposals().count(), 2);
    let latest = people[1].group().pending_proposals().last().unwrap().2.clone();
    people[0].commit_and_advance(CommitOptions::new());
    let mls::Proposal::Update(latest) = latest else { panic!("not an update") };
    assert_eq!(*people[0].group().member(1).unwrap().leaf, *latest);
}

/// Nor does its sender: unencrypted, the same proposal is the same message.
#[test]
fn a_proposal_that_is_sent_again_keeps_its_place_at_its_sender_too() {
    let mut people = group_of(&NAMES, form(mls::HandshakeFormat::Public));
    let none = || Propose::GroupContextExtensions(Extensions::default());
    propose_to_all(&mut people, 1, none());
    propose_to_all(&mut people, 1, update());
    propose_to_all(&mut people, 1, none());
    let order = |person: &mut Person| -> Vec<_> {
        person.group().pending_proposals().map(|(reference, ..)| reference).collect()
    };
    let received = order(&mut people[0]);
    assert_eq!(received.len(), 2);
    assert_eq!(order(&mut people[1]), received);
    people[1].restart();
    assert_eq!(order(&mut people[1]), received);
}

#[test]
fn a_reinit_gives_way_to_everything_else() {
    let reinit = || Propose::ReInit {
        group_id: b"successor".to_vec(),
        cipher_suite: mls::CipherSuite(1),
        extensions: Extensions::default(),
    };
    let mut people = group_of(&NAMES, form(FORMS[0]));
    propose_to_all(&mut people, 1, reinit());
    propose_to_all(&mut people, 2, update());
    let sent = commit_to_all(&mut people, 0, CommitOptions::new());
    assert!(sent.change.reinit.is_none());
    agree(&mut people);
    // By value beats by reference, and of two ReInits one is enough.
    propose_to_all(&mut people, 1, reinit());
    propose_to_all(&mut people, 2, reinit());
    let psk = Propose::ResumptionPsk {
        group_id: people[0].group().group_id().to_vec(),
        epoch: people[0].group().epoch(),
    };
    let made = people[0].commit(CommitOptions::new().propose(psk));
    assert!(made.pending.change().reinit.is_none());
    let sent = commit_to_all(&mut people, 3, CommitOptions::new());
    assert!(sent.change.reinit.is_some());
}

#[test]
fn proposals_that_do_not_fit_are_left_out_and_the_others_are_covered() {
    let mut people = group_of(&NAMES, form(FORMS[0]));
    let mut erin = Person::new("erin", Traits::new(1));
    let key_package = erin.key_package();
    // Two Adds of one client, a key nobody has, a type nobody supports.
    propose_to_all(&mut people, 1, Propose::Add(Box::new(key_package.clone())));
    propose_to_all(&mut people, 2, Propose::Add(Box::new(key_package)));
    propose_to_all(&mut people, 1, Propose::ExternalPsk(b"nobody has it".to_vec()));
    propose_to_all(&mut people, 1, Propose::Other(ProposalType(0xf000), b"what".to_vec()));
    propose_to_all(&mut people, 2, update());
    assert_eq!(people[0].group().pending_proposals().count(), 5);
    let sent = commit_to_all(&mut people, 0, CommitOptions::new());
    assert_eq!(sent.change.added.len(), 1);
    assert!(sent.change.psks.is_empty());
    assert_eq!(sent.change.updated.len(), 2);
    erin.join(&sent.welcomes[0]);
    people.push(erin);
    agree(&mut people);
}

#[test]
fn what_was_received_can_be_left_out_or_forgotten() {
    let mut people = group_of(&NAMES, form(FORMS[0]));
    let carol = leaf_of(&people[2]);
    propose_to_all(&mut people, 1, Propose::Remove(carol));
    let options = CommitOptions { ignore_received: true, ..CommitOptions::new() };
    let sent = commit_to_all(&mut people, 0, options);
    assert!(sent.change.removed.is_empty());
    for person in &mut people {
        assert_eq!(person.group().pending_proposals().count(), 0, "gone with the epoch");
    }
    propose_to_all(&mut people, 1, Propose::Remove(carol));
    let cleared = people[0].group().clear_proposals();
    cleared.save(&mut people[0].store).unwrap();
    people[0].restart();
    assert_eq!(people[0].group().pending_proposals().count(), 0);
    let text = people[0].say("nothing pending here");
    assert_eq!(people[3].hear(&text), "nothing pending here");
}

#[test]
fn a_commit_without_a_path_leaves_the_committers_keys() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let mut erin = Person::new("erin", form(handshakes)());
        let options = CommitOptions { path: PathChoice::IfRequired, ..CommitOptions::new() };
        let options = options.add_member(erin.key_package());
        let sent = commit_to_all(&mut people, 0, options);
        assert!(sent.change.updated.is_empty());
        erin.join(&sent.welcomes[0]);
        people.push(erin);
        agree(&mut people);
        // Without proposals a commit must have one; so must a commit over a Remove.
        let options = CommitOptions { path: PathChoice::IfRequired, ..CommitOptions::new() };
        let sent = commit_to_all(&mut people, 1, options);
        assert_eq!(sent.change.updated.len(), 1);
        agree(&mut people);
    }
}

#[test]
fn no_more_proposals_are_remembered_than_the_settings_say() {
    let traits = || {
        let mut traits = Traits::new(1).handshakes(mls::HandshakeFormat::Public);
        traits.settings.proposals_max = 2;
        traits
    };
    let mut people = group_of(&NAMES, traits);
    let messages = [1, 2, 3].map(|proposer| propose(&mut people[proposer], update()));
    people[0].process(&messages[0]);
    people[0].process(&messages[1]);
    let error = crate::rules_refusal::refusal(&mut people[0], &messages[2]);
    assert!(matches!(error, mls::Error::Limit(mls::Limit::Proposals)), "{error}");
    // One that is known is no new one.
    people[0].process(&messages[1]);
    let Person { group, random, .. } = &mut people[0];
    let own = group.as_mut().unwrap().propose(update(), b"", NOW, random);
    assert!(matches!(own.err(), Some(mls::Error::Limit(mls::Limit::Proposals))));
    let change = people[0].commit_and_advance(CommitOptions::new()).change;
    assert_eq!(change.updated.len(), 3);
}

/// A proposal type of the application's own travels, by value and by reference, and whoever
/// receives the commit is told of it.
#[test]
fn proposals_of_the_applications_own_type_reach_the_application() {
    let own_type = ProposalType(0xf042);
    for handshakes in FORMS {
        let traits = || {
            let mut traits = Traits::new(1).handshakes(handshakes);
            traits.settings.proposals = vec![own_type];
            traits
        };
        let mut people = group_of(&NAMES, traits);
        propose_to_all(&mut people, 1, Propose::Other(own_type, b"by reference".to_vec()));
        let by_value = Propose::Other(own_type, b"by value".to_vec());
        let options = CommitOptions { path: PathChoice::IfRequired, ..CommitOptions::new() };
        let made = people[0].commit(options.propose(by_value));
        people[0].restart();
        let expected = vec![
            (mls::ProposalSender::Member(leaf_of(&people[0])), own_type, b"by value".to_vec()),
            (mls::ProposalSender::Member(leaf_of(&people[1])), own_type, b"by reference".to_vec()),
        ];
        let Person { group, store, .. } = &mut people[0];
        let restored = group.as_ref().unwrap().pending_commits(store).unwrap().remove(0);
        assert_eq!(restored.change().other, expected);
        assert_eq!(people[0].advance(made.pending).other, expected);
        for person in &mut people[1..] {
            assert_eq!(person.follow(&made.commit).other, expected);
        }
        agree(&mut people);
    }
}
