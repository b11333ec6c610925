//! What an operation writes follows from what it changes, not from the size of the group.

use mls::{Change, CommitOptions, Delta, Effect, Error, MlsMessage, RowKind, Storage};
use testkit::{NOW, Person, Traits};

const MEMBERS: usize = 1000;
/// Levels of a tree of so many members.
const LEVELS: usize = 10;

/// What a delta writes: how many changes, and bytes of names and values.
#[derive(Debug)]
struct Written {
    changes: usize,
    bytes: usize,
}

fn written(delta: &Delta) -> Written {
    let bytes = delta.changes().iter().map(|change| match change {
        Change::Put(key, value) | Change::Replace(key, _, value) => {
            key.group_id.len() + key.id.len() + 1 + value.len()
        }
        Change::Delete(key) | Change::DeletePrefix(key) => key.group_id.len() + key.id.len() + 1,
    });
    Written { changes: delta.changes().len(), bytes: bytes.sum() }
}

fn save<T>(person: &mut Person, effect: Result<Effect<T>, Error>) -> (T, Written) {
    let (output, delta) = effect.unwrap().into_parts();
    person.store.write(&delta).unwrap();
    (output, written(&delta))
}

fn update(person: &mut Person) -> (MlsMessage, Written, Written) {
    let Person { group, random, .. } = person;
    let made = group.as_mut().unwrap().commit(CommitOptions::new(), NOW, random);
    let (made, made_written) = save(person, made);
    let moved = person.group().advance(made.pending);
    (made.commit, made_written, save(person, moved).1)
}

fn follow(person: &mut Person, commit: &MlsMessage) -> Written {
    let mls::Received::Commit(staged) = person.process(commit) else { panic!("not a commit") };
    let moved = person.group().advance(*staged);
    save(person, moved).1
}

fn say(person: &mut Person) -> (MlsMessage, Written) {
    let Person { group, random, .. } = person;
    let said = group.as_mut().unwrap().protect(b"a short message", b"", random);
    save(person, said)
}

fn hear(person: &mut Person, message: &MlsMessage) -> Written {
    let heard = person.group().process(message, NOW);
    save(person, heard).1
}

/// The group's creator and two of the others.
fn large_group() -> [Person; 3] {
    let person = |number: usize| Person::new(&format!("person {number}"), Traits::new(1));
    let (mut creator, mut others) = (person(0), (1..MEMBERS).map(person).collect::<Vec<_>>());
    creator.create();
    let packages = others.iter_mut().map(Person::key_package);
    let options = packages.fold(CommitOptions::new(), CommitOptions::add_member);
    let sent = creator.commit_and_advance(options);
    let mut last = others.pop().unwrap();
    let mut middle = others.swap_remove(MEMBERS / 2);
    middle.join(&sent.welcomes[0]);
    last.join(&sent.welcomes[0]);
    [creator, middle, last]
}

#[test]
fn a_commit_in_a_large_group_writes_a_path_and_a_message_writes_less_than_a_kilobyte() {
    let mut people = large_group();
    // Several rounds, so that the path is warm and past epochs come and go.
    for committer in [0, 1, 2, 0, 1, 2] {
        let (commit, made, moved) = update(&mut people[committer]);
        assert!(made.changes <= 2 * LEVELS + 8 && made.bytes < 16 * 1024, "commit: {made:?}");
        assert!(moved.changes <= 4 * LEVELS + 20 && moved.bytes < 16 * 1024, "advance: {moved:?}");
        for who in (0..people.len()).filter(|&who| who != committer) {
            let moved = follow(&mut people[who], &commit);
            assert!(moved.changes <= 4 * LEVELS + 20, "follow: {moved:?}");
            assert!(moved.bytes < 16 * 1024, "follow: {moved:?}");
        }
        let [speaker, listener, other] = &mut people;
        let (first, said) = say(speaker);
        assert!(said.changes <= 2 * LEVELS + 8 && said.bytes < 4 * 1024, "first message: {said:?}");
        let heard = hear(listener, &first);
        assert!(heard.bytes < 4 * 1024, "first message heard: {heard:?}");
        hear(other, &first);
        for _ in 0..3 {
            let (message, said) = say(speaker);
            assert!(said.changes <= 5 && said.bytes < 1024, "message: {said:?}");
            let heard = hear(listener, &message);
            assert!(heard.changes <= 3 && heard.bytes < 1024, "message heard: {heard:?}");
            hear(other, &message);
        }
    }
    let [creator, ..] = &people;
    let of_kind = |kind| creator.store.rows().filter(|(key, _)| key.kind == kind).count();
    assert!(of_kind(RowKind::PastLeaf) <= 3 * 4, "past leaves: {}", of_kind(RowKind::PastLeaf));
}
