//! Coming into a group by a Welcome: many at once, one Welcome each, the tree on another way.

use mls::{CommitOptions, GroupInfoOptions, KeyPackageOptions, MlsMessageBody, PathChoice};
use testkit::{NOW, Person, Traits, group_of};

use crate::features_world::{FORMS, add_to_all, agree, commit_to_all, form};

fn newcomers(count: usize, traits: impl Fn() -> Traits) -> Vec<Person> {
    (0..count).map(|index| Person::new(&format!("newcomer {index}"), traits())).collect()
}

#[test]
fn many_join_by_one_commit_and_one_welcome() {
    for handshakes in FORMS {
        let mut people = group_of(&["alice"], form(handshakes));
        add_to_all(&mut people, 0, newcomers(12, form(handshakes)));
        assert_eq!(people[0].group().member_count(), 13);
        agree(&mut people);
        // Whoever joined can commit at once, from any place of the tree.
        for committer in [12, 5, 1] {
            commit_to_all(&mut people, committer, CommitOptions::new());
        }
        agree(&mut people);
    }
}

#[test]
fn members_who_were_added_without_a_path_take_part() {
    let mut people = group_of(&["alice", "bob"], form(FORMS[0]));
    let mut carol = Person::new("carol", Traits::new(1));
    let options = CommitOptions { path: PathChoice::IfRequired, ..CommitOptions::new() };
    let sent = commit_to_all(&mut people, 1, options.add_member(carol.key_package()));
    assert!(sent.change.updated.is_empty(), "nobody's keys changed");
    carol.join(&sent.welcomes[0]);
    let invitation = carol.group().invitation().unwrap();
    assert_eq!(invitation.signer.as_u32(), 1, "Bob invites");
    assert!(invitation.psks.is_empty());
    people.push(carol);
    agree(&mut people);
    commit_to_all(&mut people, 2, CommitOptions::new());
    agree(&mut people);
}

#[test]
fn each_new_member_may_get_a_welcome_of_its_own() {
    let mut people = group_of(&["alice"], form(FORMS[0]));
    let mut others = newcomers(3, form(FORMS[0]));
    let options = CommitOptions { welcome_per_member: true, ..CommitOptions::new() };
    let key_packages: Vec<_> = others.iter_mut().map(Person::key_package).collect();
    let options = key_packages.iter().cloned().fold(options, CommitOptions::add_member);
    let made = people[0].commit(options);
    people[0].advance(made.pending);
    assert_eq!(made.welcomes.len(), 3);
    let suite = people[0].group().suite().clone();
    for ((other, key_package), (welcome, recipients)) in
        others.iter_mut().zip(&key_packages).zip(&made.welcomes)
    {
        let reference = key_package.reference(&suite).unwrap();
        assert_eq!(*recipients, [reference], "who the Welcome is for is said");
        let MlsMessageBody::Welcome(body) = &welcome.0 else { panic!("not a Welcome") };
        assert_eq!(body.secrets.len(), 1);
        let examined = other.client.examine_welcome(&other.store, welcome).unwrap();
        assert_eq!(examined, Some(reference));
        other.join(welcome);
    }
    people.append(&mut others);
    agree(&mut people);
}

#[test]
fn a_welcome_without_the_tree_is_joined_with_the_tree_beside_it() {
    let mut people = group_of(&["alice", "bob"], form(FORMS[0]));
    let mut carol = Person::new("carol", Traits::new(1));
    let mut options = CommitOptions::new().add_member(carol.key_package());
    options.welcome_info = GroupInfoOptions { ratchet_tree: false, external_pub: false };
    let sent = commit_to_all(&mut people, 0, options);
    let tree = people[0].group().ratchet_tree();
    let joined = carol.client.join(&carol.store, &sent.welcomes[0], Some(tree), NOW);
    carol.group = Some(carol.save(joined));
    people.push(carol);
    agree(&mut people);
}

#[test]
fn a_joiner_uses_its_key_package_once_unless_it_is_a_last_resort() {
    let mut alice = group_of(&["alice"], form(FORMS[0])).remove(0);
    let mut bob = Person::new("bob", Traits::new(1));
    for last_resort in [false, true] {
        let options = KeyPackageOptions { last_resort, ..KeyPackageOptions::default() };
        let made = bob.client.key_package(bob.suite, options, NOW, &mut bob.random);
        let key_package = bob.save(made);
        let sent = alice.commit_and_advance(CommitOptions::new().add_member(key_package.clone()));
        bob.join(&sent.welcomes[0]);
        let kept = bob.client.key_packages(&bob.store).unwrap();
        assert_eq!(kept.contains(&key_package), last_resort);
        let leaf = bob.group().own_leaf();
        let sent = alice.commit_and_advance(CommitOptions::new().remove_member(leaf));
        assert!(bob.follow(&sent.commit).self_removed);
    }
    // The last resort serves again.
    let key_package = bob.client.key_packages(&bob.store).unwrap().remove(0);
    let sent = alice.commit_and_advance(CommitOptions::new().add_member(key_package));
    bob.join(&sent.welcomes[0]);
    agree(&mut [alice, bob]);
}

#[test]
fn two_groups_are_joined_with_two_key_packages_of_one_client() {
    let mut alice = group_of(&["alice"], form(FORMS[0])).remove(0);
    let mut carol = group_of(&["carol"], form(FORMS[0])).remove(0);
    let mut bob = Person::new("bob", Traits::new(1));
    let (first, second) = (bob.key_package(), bob.key_package());
    let to_alice = alice.commit_and_advance(CommitOptions::new().add_member(first));
    let to_carol = carol.commit_and_advance(CommitOptions::new().add_member(second));
    bob.join(&to_carol.welcomes[0]);
    let with_carol = bob.group.take();
    bob.join(&to_alice.welcomes[0]);
    assert_eq!(bob.client.group_ids(&bob.store).unwrap().len(), 2);
    assert_eq!(bob.hear(&alice.say("hi")), "hi");
    bob.group = with_carol;
    assert_eq!(bob.hear(&carol.say("hello")), "hello");
}
