//! What must not change when a hostile message is refused, and how hostile bytes are made.

use codec::{Decode, Encode};
use mls::{
    BrokenRule, CommitOptions, Effect, Error, MlsMessage, ProposalRef, Received, RowKey, Secret,
    StagedEpoch,
};
use testkit::{NOW, Person};

/// Everything of a group that a refused message could have touched.
#[derive(PartialEq, Eq)]
pub(crate) struct View {
    epoch: u64,
    epoch_authenticator: Vec<u8>,
    tree: Vec<u8>,
    pending: Vec<ProposalRef>,
    rows: Vec<(RowKey, Vec<u8>)>,
}

impl View {
    /// What a person's group and store say.
    pub(crate) fn of(person: &mut Person) -> Self {
        let rows = rows(person);
        let group = person.group();
        Self {
            epoch: group.epoch(),
            epoch_authenticator: group.epoch_authenticator().expose().to_vec(),
            tree: group.ratchet_tree().to_bytes(),
            pending: group.pending_proposals().map(|(reference, ..)| reference).collect(),
            rows,
        }
    }
}

/// All rows of a person's store.
pub(crate) fn rows(person: &Person) -> Vec<(RowKey, Vec<u8>)> {
    let rows = person.store.rows();
    rows.map(|(key, value): (_, &Secret)| (key.clone(), value.expose().to_vec())).collect()
}

/// Set for a long run: every other value at every place.
const LONG: &str = "CONCLAVE_TEST_LONG";

/// Every proper prefix, and every copy with one byte changed in its lowest bit, in its highest bit,
/// to 0 or to 255, at every `stride`-th place from `start` on; and a copy with a byte more.
pub(crate) fn damaged(bytes: &[u8], start: usize, stride: usize) -> Vec<Vec<u8>> {
    let is_long = std::env::var_os(LONG).is_some();
    let mut copies = Vec::new();
    for place in (start..bytes.len()).step_by(if is_long { 1 } else { stride }) {
        copies.push(bytes[..place].to_vec());
        let mut values = vec![bytes[place] ^ 1, bytes[place] ^ 0x80, 0, 255];
        if is_long {
            values = (0..=255).collect();
        }
        values.sort_unstable();
        values.dedup();
        for value in values.into_iter().filter(|value| *value != bytes[place]) {
            let mut copy = bytes.to_vec();
            copy[place] = value;
            copies.push(copy);
        }
    }
    copies.push([bytes, &[0]].concat());
    copies
}

/// Whether processing left nothing behind: it was refused, or the message was put aside as one of
/// another epoch, with nothing to save.
pub(crate) fn is_refused(outcome: Result<Effect<Received>, Error>) -> bool {
    let Ok(effect) = outcome else { return true };
    let (received, delta) = effect.into_parts();
    matches!(received, Received::OtherEpoch { .. }) && delta.is_empty()
}

/// Damaged copies of a message that a person is about to receive: each is refused without a trace.
/// Returns how many of them were well-formed messages.
pub(crate) fn assert_damage_is_refused(
    person: &mut Person,
    message: &MlsMessage,
    (start, stride): (usize, usize),
) -> usize {
    let before = View::of(person);
    let mut well_formed = 0;
    for bytes in damaged(&message.to_bytes(), start, stride) {
        let Ok(damaged) = MlsMessage::from_bytes(&bytes) else { continue };
        well_formed += 1;
        let outcome = person.group().process(&damaged, NOW);
        assert!(is_refused(outcome), "accepted: {}", testkit::to_hex(&bytes));
        assert!(*person.group().epoch_authenticator().expose() == before.epoch_authenticator);
    }
    assert!(View::of(person) == before, "refused, but not without a trace");
    well_formed
}

/// Why a message is refused, without a trace.
pub(crate) fn refusal(person: &mut Person, message: &MlsMessage) -> Error {
    let before = View::of(person);
    let error = person.group().process(message, NOW).map(|_| ()).expect_err("accepted");
    assert!(View::of(person) == before, "refused, but not without a trace");
    error
}

/// The rule by which a message is refused, without a trace.
pub(crate) fn broken_rule(person: &mut Person, message: &MlsMessage) -> BrokenRule {
    match refusal(person, message) {
        Error::Violation(rule) => rule,
        other => panic!("refused for another reason: {other}"),
    }
}

/// A commit that everyone follows: whatever came before, the group works.
pub(crate) fn assert_group_works(people: &mut [Person]) {
    let sent = people[0].commit_and_advance(CommitOptions::new());
    people[1..].iter_mut().for_each(|person| {
        person.follow(&sent.commit);
    });
    testkit::assert_agreement(&mut people.iter_mut().collect::<Vec<_>>());
}

/// Whether a staged epoch is what comes out; it is dropped.
pub(crate) fn is_commit(received: Received) -> bool {
    match received {
        Received::Commit(staged) => {
            drop(StagedEpoch::from(*staged));
            true
        }
        _ => false,
    }
}
