//! P6 against a member that deviates: whoever accepts the same context has the same secrets.

#![allow(clippy::unwrap_used, reason = "tests")]

use codec::Encode;
use crypto::Secret;
use mls::{GroupContext, MlsMessage, Received};
use testkit::forge::Insider;
use testkit::{NOW, Person, SeededRandom, Traits, group_of};
use treekem::{CommitSecret, PathSecret};

/// A commit of the first of four. Its path tells the third another secret than the fourth, and the
/// confirmation tag is the one that fits what `for_third` asks for.
fn parting_commit(insider: &Person, for_third: bool) -> MlsMessage {
    let mut insider = Insider::of(insider);
    let suite = insider.suite.clone();
    let mut draft = insider.draft(&[], true);
    let mut random = SeededRandom::new(5);
    let other = || PathSecret::received(&suite, Secret::from_slice(&[7; 32])).unwrap();
    let third = draft.next.tree.size().leaf(2).unwrap();
    let key = draft.next.tree.leaf(third).unwrap().encryption_key.clone();
    let context = draft.context.to_bytes();
    let label = ("UpdatePathNode", context.as_slice());
    let sealed = suite.encrypt_with_label(&key, label, other().as_secret(), &mut random).unwrap();
    // Nothing but the root is above both halves, and the third comes first in its half.
    let root = draft.path().nodes.last_mut().unwrap();
    assert_eq!(root.encrypted_path_secret.len(), 2);
    root.encrypted_path_secret[0] = sealed;
    if for_third {
        let end = other().next(&suite).unwrap();
        draft.commit_secret = CommitSecret::from(end.as_secret().duplicate());
    }
    insider.public(draft.finish(&insider).content)
}

/// What somebody comes to who accepts the message.
fn accepted(person: &mut Person, message: &MlsMessage) -> Result<(GroupContext, Secret), String> {
    let processed = person.group().process(message, NOW).map_err(|error| format!("{error:?}"))?;
    match person.save(Ok(processed)) {
        Received::Commit(staged) => {
            person.advance(*staged);
            let group = person.group();
            Ok((group.context().clone(), group.epoch_authenticator().duplicate()))
        }
        _ => Err("not a commit".to_owned()),
    }
}

#[test]
fn no_insider_parts_a_group_that_sees_one_context() {
    let mut people = group_of(&["insider", "second", "third", "fourth"], || Traits::new(1));
    let for_most = parting_commit(&people[0], false);
    let for_third = parting_commit(&people[0], true);
    assert_ne!(for_most.to_bytes(), for_third.to_bytes());
    let outcomes = [(1, &for_most), (2, &for_third), (3, &for_most)]
        .map(|(person, message)| accepted(&mut people[person], message));
    let states: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    assert_eq!(states[0].0, states[1].0);
    for (context, authenticator) in &states {
        let same = *context != states[0].0 || *authenticator == states[0].1;
        assert!(same, "one context, two secrets");
    }
    let refusal = outcomes[1].as_ref().expect_err("the third refuses");
    assert!(refusal.contains("PathKeyMismatch"), "{refusal}");
}
