//! Pre-shared keys (RFC 9420, section 8.4) in commits and Welcomes.

use mls::{CommitOptions, Error, Extensions, Propose, PskStore, Secret};
use testkit::{NOW, Person, TestPsks, Traits, group_of};

use crate::features_world::{FORMS, agree, commit_to_all, propose_to_all};
use crate::rules_refusal::{error, refusal};

fn keys(ids: &[&str]) -> TestPsks {
    TestPsks(ids.iter().map(|id| (id.as_bytes().to_vec(), id.repeat(9).into_bytes())).collect())
}

fn with_keys(ids: &'static [&'static str]) -> impl Fn() -> Traits {
    move || Traits { psks: keys(ids), ..Traits::new(1) }
}

#[test]
fn members_who_have_the_external_key_follow_and_others_cannot() {
    for handshakes in FORMS {
        let traits = || with_keys(&["one", "two"])().handshakes(handshakes);
        let mut people = group_of(&["alice", "bob", "carol"], traits);
        let mut poor = Person::new("dave", Traits::new(1).handshakes(handshakes));
        let sent =
            commit_to_all(&mut people, 0, CommitOptions::new().add_member(poor.key_package()));
        poor.join(&sent.welcomes[0]);
        propose_to_all(&mut people, 1, Propose::ExternalPsk(b"one".to_vec()));
        // By value and by reference in one commit, the order being that of the commit.
        let options = CommitOptions::new().propose(Propose::ExternalPsk(b"two".to_vec()));
        let sent =
            commit_to_all(&mut people, 2, options.propose(Propose::ExternalPsk(b"one".to_vec())));
        assert_eq!(sent.change.psks.len(), 3);
        agree(&mut people);
        // Dave did not even hear the proposal; he catches up from outside once he has the keys.
        assert!(matches!(
            refusal(&mut poor, &sent.commit),
            Error::Violation(_) | Error::MissingPsk(_)
        ));
    }
}

#[test]
fn a_missing_key_is_named_and_changes_nothing() {
    let mut alice = Person::new("alice", with_keys(&["secret"])());
    alice.create();
    let mut bob = Person::new("bob", Traits::new(1));
    let sent = alice.commit_and_advance(CommitOptions::new().add_member(bob.key_package()));
    bob.join(&sent.welcomes[0]);
    let commit = CommitOptions::new().propose(Propose::ExternalPsk(b"secret".to_vec()));
    let commit = alice.commit(commit);
    match refusal(&mut bob, &commit.commit) {
        Error::MissingPsk(mls::PskKind::External { psk_id }) => assert_eq!(*psk_id, *b"secret"),
        other => panic!("{other}"),
    }
    // Nor can one that lacks it commit it.
    let Person { group, random, .. } = &mut bob;
    let options = CommitOptions::new().propose(Propose::ExternalPsk(b"secret".to_vec()));
    let made = group.as_mut().unwrap().commit(options, NOW, random);
    assert!(matches!(error(made), Error::MissingPsk(_)));
    assert_eq!(alice.hear(&bob.say("never mind")), "never mind");
}

#[test]
fn resumption_psks_of_the_current_and_of_past_epochs_are_mixed_in() {
    for handshakes in FORMS {
        let traits = || {
            let mut traits = Traits::new(1).handshakes(handshakes);
            traits.settings.resumption_psks_max = 2;
            traits
        };
        let mut people = group_of(&["alice", "bob"], traits);
        let group_id = people[0].group().group_id().to_vec();
        for _ in 0..3 {
            commit_to_all(&mut people, 1, CommitOptions::new());
        }
        people.iter_mut().for_each(Person::restart);
        let epoch = people[0].group().epoch();
        let psk = |epoch| Propose::ResumptionPsk { group_id: group_id.clone(), epoch };
        let options = CommitOptions::new();
        let options = options.propose(psk(epoch)).propose(psk(epoch - 1)).propose(psk(epoch - 2));
        let sent = commit_to_all(&mut people, 0, options);
        assert_eq!(sent.change.psks.len(), 3);
        agree(&mut people);
        // Older ones are forgotten, and the future is not known.
        for missing in [epoch - 3, epoch + 2] {
            let Person { group, random, .. } = &mut people[0];
            let options = CommitOptions::new().propose(psk(missing));
            let made = group.as_mut().unwrap().commit(options, NOW, random);
            assert!(matches!(error(made), Error::MissingPsk(_)));
        }
    }
}

#[test]
fn a_joiner_needs_the_keys_that_its_welcome_names() {
    let mut people = group_of(&["alice", "bob"], with_keys(&["club"]));
    let mut rich = Person::new("carol", with_keys(&["club"])());
    let mut poor = Person::new("dave", Traits::new(1));
    let options = CommitOptions::new().propose(Propose::ExternalPsk(b"club".to_vec()));
    let options = options.add_member(rich.key_package()).add_member(poor.key_package());
    let sent = commit_to_all(&mut people, 1, options);
    let before = crate::rules_refusal::rows(&poor);
    let joined = poor.client.join(&poor.store, &sent.welcomes[0], None, NOW);
    assert!(matches!(error(joined), Error::MissingPsk(mls::PskKind::External { .. })));
    assert!(crate::rules_refusal::rows(&poor) == before, "the key package can still be used");
    rich.join(&sent.welcomes[0]);
    people.push(rich);
    agree(&mut people);
}

/// A resumption PSK of one group in another: joiners find those of groups that they have stored.
#[test]
fn the_resumption_psk_of_another_group_links_two_groups() {
    struct Elsewhere(Vec<u8>, u64, Vec<u8>);
    impl PskStore for Elsewhere {
        fn external(&self, _psk_id: &[u8]) -> Option<Secret> {
            None
        }

        fn resumption(&self, group_id: &[u8], epoch: u64) -> Option<Secret> {
            (group_id == self.0 && epoch == self.1).then(|| Secret::from_slice(&self.2))
        }
    }
    let mut first = group_of(&["alice", "bob"], || Traits::new(1));
    let (group_id, epoch) = (first[0].group().group_id().to_vec(), first[0].group().epoch());
    let psk = first[0].group().resumption_psk(epoch).unwrap().expose().to_vec();
    let mut bob = first.remove(1);
    // Alice's other client was told the key by the application.
    let mut alice = Person::new("alice at work", Traits::new(1));
    let mut config = alice.client.config().clone();
    config.psks = std::sync::Arc::new(Elsewhere(group_id.clone(), epoch, psk));
    alice.client = mls::Client::new(config);
    alice.create();
    let options = CommitOptions::new().add_member(bob.key_package());
    let link = Propose::ResumptionPsk { group_id, epoch };
    let sent = alice.commit_and_advance(options.propose(link));
    bob.join(&sent.welcomes[0]);
    assert_eq!(*bob.group().extensions(), Extensions::default());
    agree(&mut [alice, bob]);
}
