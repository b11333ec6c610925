//! What a refusal is: an error, and not a trace of it.

use mls::{BrokenRule, Error, Misuse, MlsMessage, RowKey, Violation};
use testkit::{NOW, Person};

/// All that can be seen of a person's group and store.
#[derive(PartialEq, Eq)]
pub(crate) struct Snapshot {
    rows: Vec<(RowKey, Vec<u8>)>,
    epoch: u64,
    authenticator: Vec<u8>,
    status: mls::GroupStatus,
    proposals: Vec<mls::ProposalRef>,
    tree: mls::RatchetTreeNodes,
}

impl Snapshot {
    pub(crate) fn of(person: &Person) -> Self {
        let group = person.group.as_ref().expect("the person is in a group");
        Self {
            rows: rows(person),
            epoch: group.epoch(),
            authenticator: group.epoch_authenticator().expose().to_vec(),
            status: group.status().clone(),
            proposals: group.pending_proposals().map(|(reference, ..)| reference).collect(),
            tree: group.ratchet_tree(),
        }
    }
}

/// All rows of a store.
pub(crate) fn rows(person: &Person) -> Vec<(RowKey, Vec<u8>)> {
    let rows = person.store.rows();
    rows.map(|(key, value)| (key.clone(), value.expose().to_vec())).collect()
}

/// The error of a message that must be refused. It is refused again and again, in memory and after
/// a restart; in between, nothing that can be seen has changed.
pub(crate) fn refusal(person: &mut Person, message: &MlsMessage) -> Error {
    let before = Snapshot::of(person);
    let mut errors = Vec::new();
    for restart in [false, false, true] {
        if restart {
            person.restart();
        }
        let error = match person.group().process(message, NOW) {
            Err(error) => error,
            Ok(_) => panic!("accepted what must be refused"),
        };
        assert!(Snapshot::of(person) == before, "a refused message left a trace: {error}");
        errors.push(error);
    }
    let last = errors.pop().expect("there were three");
    for error in errors {
        assert_eq!(format!("{error:?}"), format!("{last:?}"), "an earlier try left a trace");
    }
    last
}

/// The rule that a message breaks, which leaves no trace and keeps nobody from going on: `witness`
/// still is heard, also after a restart.
pub(crate) fn refused(
    person: &mut Person,
    witness: &mut Person,
    message: &MlsMessage,
) -> BrokenRule {
    let rule = broken(refusal(person, message));
    if person.group().pending_proposals().next().is_none() {
        assert_eq!(person.hear(&witness.say("still here")), "still here");
        person.restart();
        assert_eq!(person.hear(&witness.say("and after a restart")), "and after a restart");
    }
    rule
}

/// The rule in an error.
pub(crate) fn broken(error: Error) -> BrokenRule {
    match error {
        // Which node it was matters to nobody here.
        Error::Violation(BrokenRule::Tree(violation, _)) => BrokenRule::Tree(violation, None),
        Error::Violation(rule) => rule,
        other => panic!("not a broken rule: {other:?}"),
    }
}

/// The error of an operation that must fail.
pub(crate) fn error<T>(result: Result<T, Error>) -> Error {
    match result {
        Ok(_) => panic!("accepted what must be refused"),
        Err(error) => error,
    }
}

/// The misuse in an error.
pub(crate) fn misuse<T>(result: Result<T, Error>) -> Misuse {
    match error(result) {
        Error::Misuse(misuse) => misuse,
        other => panic!("not a misuse: {other:?}"),
    }
}

/// A rule of groups that an operation reports as broken.
pub(crate) fn group_rule<T>(result: Result<T, Error>) -> Violation {
    match broken(error(result)) {
        BrokenRule::Group(violation) => violation,
        other => panic!("not a rule of groups: {other:?}"),
    }
}
