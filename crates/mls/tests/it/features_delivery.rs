//! What the delivery service does to messages: candidates that win or lose, echoes, late ones (RFC
//! 9420, sections 14 and 15.3).

use mls::{
    ApplicationMessage, BrokenRule, CommitOptions, Credential, Error, LeafChanges, Limit,
    NewCommit, Propose, ProtectionLimit, Received,
};
use testkit::{Person, Traits, group_of};

use crate::features_world::{
    FORMS, add_to_all, agree, candidate, commit_to_all, form, is_echo, leaf_of, propose,
    propose_to_all,
};
use crate::rules_refusal::error;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

#[test]
fn of_several_candidates_one_wins_and_nothing_of_the_others_is_left() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let mine = [0, 1].map(|_| candidate(&mut people[0]));
        let theirs = candidate(&mut people[1]);
        assert_ne!(mine[0].pending.id(), mine[1].pending.id());
        people[0].restart();
        let Person { group, store, .. } = &mut people[0];
        let pending = group.as_ref().unwrap().pending_commits(store).unwrap();
        assert_eq!(pending.len(), 2);
        // Bob's came first. All move on, Alice with two lost candidates.
        people[0].follow(&theirs.commit);
        people[1].advance(theirs.pending);
        people[2].follow(&theirs.commit);
        for lost in mine {
            assert!(people[0].group().advance(lost.pending).is_err());
            let late = people[2].process(&lost.commit);
            assert!(matches!(late, Received::OtherEpoch { epoch: 1 }));
        }
        let Person { group, store, .. } = &mut people[0];
        assert!(group.as_ref().unwrap().pending_commits(store).unwrap().is_empty());
        agree(&mut people);
    }
}

#[test]
fn any_of_the_own_candidates_can_win() {
    for winner in [0, 1] {
        let mut people = group_of(&NAMES, form(FORMS[0]));
        let mut mine = vec![candidate(&mut people[0]), candidate(&mut people[0])];
        let NewCommit { pending, commit, .. } = mine.remove(winner);
        let Received::OwnCommit(id) = people[0].process(&commit) else { panic!("not own") };
        assert_eq!(id, pending.id());
        people[0].advance(pending);
        people[1..].iter_mut().for_each(|person| drop(person.follow(&commit)));
        agree(&mut people);
    }
}

#[test]
fn a_candidate_survives_a_restart_and_can_be_discarded() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let mut dave = Person::new("dave", form(handshakes)());
        let discarded = candidate(&mut people[0]);
        let made = people[0].commit(CommitOptions::new().add_member(dave.key_package()));
        let forgotten = people[0].group().discard(discarded.pending);
        forgotten.save(&mut people[0].store).unwrap();
        people[0].restart();
        let Person { group, store, .. } = &mut people[0];
        let mut pending = group.as_ref().unwrap().pending_commits(store).unwrap();
        assert_eq!(pending.len(), 1);
        let restored = pending.remove(0);
        assert_eq!(restored.id(), made.pending.id());
        assert_eq!(restored.change().added.len(), 1);
        people[0].advance(restored);
        people[1..].iter_mut().for_each(|person| drop(person.follow(&made.commit)));
        dave.join(&made.welcomes[0].0);
        people.push(dave);
        agree(&mut people);
    }
}

/// Someone else may win with a commit that covers what the own candidate covered too.
#[test]
fn a_lost_race_is_run_again_on_top_of_the_winner() {
    let mut people = group_of(&NAMES, form(FORMS[0]));
    let mut dave = Person::new("dave", Traits::new(1));
    let key_package = dave.key_package();
    let add = || CommitOptions::new().add_member(key_package.clone());
    people[0].commit(add());
    let theirs = people[1].commit_and_advance(CommitOptions::new());
    people[0].follow(&theirs.commit);
    people[2].follow(&theirs.commit);
    let sent = commit_to_all(&mut people, 0, add());
    dave.join(&sent.welcomes[0]);
    people.push(dave);
    agree(&mut people);
}

#[test]
fn every_echo_is_recognised_in_its_epoch_and_after_it() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let text = people[0].say("hello");
        let proposal = propose(&mut people[0], Propose::Update(LeafChanges::default()));
        let made = candidate(&mut people[0]);
        let sent = [text, proposal, made.commit.clone()];
        for _ in 0..2 {
            for message in &sent {
                assert!(is_echo(&people[0].process(message)));
            }
            people[0].restart();
        }
        // The proposal was not taken twice.
        assert_eq!(people[0].group().pending_proposals().count(), 1);
        people[0].advance(made.pending);
        for message in &sent {
            assert!(is_echo(&people[0].process(message)));
        }
    }
}

fn late(person: &mut Person, message: &mls::MlsMessage) -> ApplicationMessage {
    match person.process(message) {
        Received::Application(message) => message,
        _ => panic!("not application data"),
    }
}

/// Covers ts-mls and openmls reports on attribution by the present tree.
#[test]
fn a_late_message_is_attributed_to_who_had_the_leaf_when_it_was_sent() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let carols = leaf_of(&people[2]);
        let messages = [0, 1].map(|number| people[2].say(&format!("carol's number {number}")));
        let mut carol = people.pop().unwrap();
        // Carol goes and Dave takes her leaf, in one commit.
        let mut dave = Person::new("dave", form(handshakes)());
        let options = CommitOptions::new().remove_member(carols).add_member(dave.key_package());
        let sent = commit_to_all(&mut people, 0, options);
        dave.join(&sent.welcomes[0]);
        assert_eq!(leaf_of(&dave), carols);
        carol.follow(&sent.commit);
        people.push(dave);
        let daves = people[2].say("dave's");
        commit_to_all(&mut people, 2, CommitOptions::new());
        for (number, message) in messages.iter().enumerate() {
            let heard = late(&mut people[1], message);
            assert_eq!(heard.data, format!("carol's number {number}").as_bytes());
            assert_eq!((heard.sender, heard.epoch), (carols, 1));
            assert_eq!(heard.leaf.credential, Credential::basic(b"carol"));
            people[1].restart();
        }
        let heard = late(&mut people[1], &daves);
        assert_eq!((heard.sender, heard.epoch), (carols, 2));
        assert_eq!(heard.leaf.credential, Credential::basic(b"dave"));
        // Each once.
        assert!(people[1].group().process(&daves, testkit::NOW).is_err());
        agree(&mut people);
    }
}

/// The tree that shrank has no place for whoever spoke.
#[test]
fn a_late_message_from_a_leaf_that_was_cut_off_is_attributed() {
    let mut people = group_of(&["alice", "bob", "carol", "dave", "erin"], form(FORMS[0]));
    let text = people[4].say("last words");
    let erins = leaf_of(&people[4]);
    let erin = people.pop().unwrap();
    commit_to_all(&mut people, 0, CommitOptions::new().remove_member(erins));
    drop(erin);
    commit_to_all(&mut people, 1, CommitOptions::new());
    for restart in [false, true] {
        let person = &mut people[usize::from(restart)];
        if restart {
            person.restart();
        }
        let heard = late(person, &text);
        assert_eq!((heard.sender, heard.data.as_slice()), (erins, b"last words".as_slice()));
        assert_eq!(heard.leaf.credential, Credential::basic(b"erin"));
    }
    agree(&mut people);
}

#[test]
fn late_messages_are_read_for_as_many_epochs_as_the_settings_say() {
    for past_epochs_max in [0, 1, 3] {
        let traits = || {
            let mut traits = Traits::new(1);
            traits.settings.past_epochs_max = past_epochs_max;
            traits
        };
        let mut people = group_of(&NAMES, traits);
        let mut sent = Vec::new();
        for epoch in 1..=5_usize {
            sent.push(people[0].say(&format!("of epoch {epoch}")));
            commit_to_all(&mut people, 1, CommitOptions::new());
        }
        for restart in [false, true] {
            if restart {
                people[2].restart();
            }
            for (message, epoch) in sent.iter().zip(1..=5_usize) {
                let person = &mut people[if restart { 2 } else { 1 }];
                let received = person.process(message);
                match received {
                    Received::Application(heard) => {
                        assert!(epoch + past_epochs_max > 5, "epoch {epoch} is too old");
                        assert_eq!(heard.data, format!("of epoch {epoch}").as_bytes());
                    }
                    Received::OtherEpoch { .. } => assert!(epoch + past_epochs_max <= 5),
                    _ => panic!("neither"),
                }
            }
        }
        agree(&mut people);
    }
}

/// Covers ts-mls #646: the member at leaf 0 is one like the others.
#[test]
fn the_member_at_leaf_0_can_do_and_suffer_everything() {
    for handshakes in FORMS {
        let mut people = group_of(&NAMES, form(handshakes));
        let text = people[0].say("from leaf 0");
        assert_eq!(late(&mut people[1], &text).sender.as_u32(), 0);
        propose_to_all(&mut people, 0, Propose::Update(LeafChanges::default()));
        commit_to_all(&mut people, 1, CommitOptions::new());
        commit_to_all(&mut people, 0, CommitOptions::new());
        agree(&mut people);
        // Its removal, by proposal and commit, and another in its place.
        let alices = leaf_of(&people[0]);
        assert_eq!(alices.as_u32(), 0);
        propose_to_all(&mut people, 0, Propose::Remove(alices));
        let sent = people[1].commit_and_advance(CommitOptions::new());
        let mut alice = people.remove(0);
        assert!(alice.follow(&sent.commit).self_removed);
        people[1].follow(&sent.commit);
        add_to_all(&mut people, 1, vec![Person::new("dave", form(handshakes)())]);
        assert_eq!(leaf_of(&people[2]).as_u32(), 0);
        commit_to_all(&mut people, 2, CommitOptions::new());
        agree(&mut people);
    }
}

#[test]
fn messages_come_in_any_order_and_each_counts_once() {
    let mut people = group_of(&NAMES, form(FORMS[0]));
    let texts: Vec<_> = (0..6).map(|number| people[0].say(&number.to_string())).collect();
    for number in [5, 0, 3, 1, 4, 2] {
        people[1].restart();
        assert_eq!(people[1].hear(&texts[number]), number.to_string());
        let again = error(people[1].group().process(&texts[number], testkit::NOW));
        let expected = protection::Violation::ReusedGeneration;
        assert!(matches!(again, Error::Violation(BrokenRule::Protection(it)) if it == expected));
    }
}

/// Edge: as many messages lost as the limit allows, and one more.
#[test]
fn no_more_messages_may_be_lost_than_the_limit_says() {
    let traits = || {
        let mut traits = Traits::new(1);
        traits.settings.ratchet_limits.forward_max = 5;
        traits
    };
    let mut people = group_of(&NAMES, traits);
    let texts: Vec<_> = (0..7).map(|number| people[0].say(&number.to_string())).collect();
    let refused = error(people[1].group().process(&texts[6], testkit::NOW));
    assert!(
        matches!(refused, Error::Limit(Limit::Protection(ProtectionLimit::ForwardDistance))),
        "{refused}"
    );
    assert_eq!(people[1].hear(&texts[5]), "5");
    assert_eq!(people[1].hear(&texts[6]), "6");
}
