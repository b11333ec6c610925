//! What people in feature tests do together, in short words.

use mls::{
    CommitOptions, ExternalJoinOptions, GroupInfoOptions, HandshakeFormat, LeafIndex, MlsMessage,
    NewCommit, Propose, Received,
};
use testkit::{NOW, NewCommitSent, Person, Traits, assert_agreement};

/// Both ways in which handshake messages travel.
pub(crate) const FORMS: [HandshakeFormat; 2] = [HandshakeFormat::Private, HandshakeFormat::Public];

/// Suite 1 with this form of handshake messages.
pub(crate) fn form(handshakes: HandshakeFormat) -> impl Fn() -> Traits {
    move || Traits::new(1).handshakes(handshakes)
}

/// A GroupInfo with everything in it.
pub(crate) const FULL_INFO: GroupInfoOptions =
    GroupInfoOptions { ratchet_tree: true, external_pub: true };

/// Sends a proposal.
pub(crate) fn propose(person: &mut Person, propose: Propose) -> MlsMessage {
    let Person { group, random, .. } = person;
    let made = group.as_mut().expect("in a group").propose(propose, b"", NOW, random);
    person.save(made)
}

/// Everyone but `sender` takes a message.
pub(crate) fn deliver(people: &mut [Person], sender: usize, message: &MlsMessage) {
    for (index, person) in people.iter_mut().enumerate() {
        if index != sender {
            person.process(message);
        }
    }
}

/// One proposes, everyone else hears it.
pub(crate) fn propose_to_all(people: &mut [Person], proposer: usize, proposal: Propose) {
    let message = propose(&mut people[proposer], proposal);
    deliver(people, proposer, &message);
}

/// One commits, and everyone moves on.
pub(crate) fn commit_to_all(
    people: &mut [Person],
    committer: usize,
    options: CommitOptions,
) -> NewCommitSent {
    let sent = people[committer].commit_and_advance(options);
    for (index, person) in people.iter_mut().enumerate() {
        if index != committer {
            person.follow(&sent.commit);
        }
    }
    sent
}

/// Adds newcomers, and everyone moves on.
pub(crate) fn add_to_all(people: &mut Vec<Person>, committer: usize, newcomers: Vec<Person>) {
    let mut newcomers = newcomers;
    let key_packages: Vec<_> = newcomers.iter_mut().map(Person::key_package).collect();
    let options = key_packages.into_iter().fold(CommitOptions::new(), CommitOptions::add_member);
    let sent = commit_to_all(people, committer, options);
    newcomers.iter_mut().for_each(|newcomer| newcomer.join(&sent.welcomes[0]));
    people.append(&mut newcomers);
}

/// All are in one epoch and hear each other.
pub(crate) fn agree(people: &mut [Person]) {
    assert_agreement(&mut people.iter_mut().collect::<Vec<_>>());
}

/// A GroupInfo of one member, for joiners from outside.
pub(crate) fn group_info(person: &mut Person) -> MlsMessage {
    let Person { group, random, .. } = person;
    group.as_ref().expect("in a group").group_info(FULL_INFO, random).expect("it can be made")
}

/// Makes an external commit.
pub(crate) fn external_commit(
    person: &mut Person,
    group_info: &MlsMessage,
    options: ExternalJoinOptions,
) -> MlsMessage {
    let Person { client, store, random, .. } = person;
    let join = client.join_external(store, group_info, options, NOW, random);
    let join = person.save(join);
    let group = person.client.complete_join(&person.store, &join.pending);
    person.group = Some(person.save(group));
    join.commit
}

/// The leaf of a person.
pub(crate) fn leaf_of(person: &Person) -> LeafIndex {
    person.group.as_ref().expect("in a group").own_leaf()
}

/// The echo of an own message.
pub(crate) fn is_echo(received: &Received) -> bool {
    matches!(received, Received::OwnMessage { .. } | Received::OwnCommit(_))
}

/// A commit that its maker does not advance to yet.
pub(crate) fn candidate(person: &mut Person) -> NewCommit {
    person.commit(CommitOptions::new())
}
