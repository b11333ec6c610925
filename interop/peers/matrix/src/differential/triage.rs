//! Disagreements that are understood. Anything that is not listed here is a failure.

use super::Finding;
use crate::stacks::Stack;

/// A disagreement that is understood.
pub(crate) struct Entry {
    /// Whose answers are others than Conclave's.
    pub(crate) stacks: &'static [Stack],
    /// Situations whose names contain this.
    pub(crate) situation: &'static str,
    /// What the stack does.
    pub(crate) does: &'static str,
    /// The section of RFC 9420.
    pub(crate) section: &'static str,
    /// Why it does so, and who is right.
    pub(crate) why: &'static str,
}

/// All that are understood.
pub(crate) static TRIAGE: &[Entry] = &[
    Entry {
        stacks: &[Stack::Openmls],
        situation: "two removes of a leaf",
        does: "accepts",
        section: "12.2",
        why: "A list with several Removes of one leaf is invalid. It applies the first and \
              ignores the second.",
    },
    Entry {
        stacks: &[Stack::Openmls],
        situation: "a ReInit with a remove",
        does: "accepts",
        section: "12.2",
        why: "A ReInit must stand alone.",
    },
    Entry {
        stacks: &[Stack::Openmls],
        situation: "a ReInit to version 0",
        does: "accepts",
        section: "12.1.5",
        why: "The version must not be less than the group's.",
    },
    Entry {
        stacks: &[Stack::Openmls],
        situation: "extensions twice",
        does: "accepts",
        section: "12.2",
        why: "Several GroupContextExtensions make the list invalid. It applies one of them.",
    },
    Entry {
        stacks: &[Stack::Openmls],
        situation: "requirements nobody meets",
        does: "accepts",
        section: "12.1.7",
        why: "Members must support what required_capabilities demands. It does not look at \
              its own leaf or at others'.",
    },
    Entry {
        stacks: &[Stack::Openmls],
        situation: "the signature key of another",
        does: "accepts",
        section: "7.3",
        why: "The signature key of a leaf in a path must be unique among the members.",
    },
    Entry {
        stacks: &[Stack::Openmls],
        situation: "an external commit with two inits",
        does: "accepts",
        section: "12.2",
        why: "An external commit has exactly one ExternalInit.",
    },
    Entry {
        stacks: &[Stack::Openmls],
        situation: "a newcomer with GREASE",
        does: "refuses",
        section: "13.5",
        why: "An extension of a leaf that its capabilities list is in order; it does not \
              recognise GREASE types as listed.",
    },
    Entry {
        stacks: &[Stack::MlsRs],
        situation: "an update with the old key",
        does: "accepts",
        section: "12.1.2",
        why: "An Update must have another encryption_key than the leaf it replaces.",
    },
    Entry {
        stacks: &[Stack::MlsRs],
        situation: "without the suite",
        does: "accepts",
        section: "7.2",
        why: "The capabilities must list the group's cipher suite.",
    },
    Entry {
        stacks: &[Stack::MlsRs],
        situation: "without the version",
        does: "accepts",
        section: "7.2",
        why: "The capabilities must list the group's protocol version.",
    },
    Entry {
        stacks: &[Stack::MlsRs],
        situation: "a path with a key of the tree",
        does: "accepts",
        section: "12.4.2",
        why: "No key of an UpdatePath may be one of the new tree's already.",
    },
    Entry {
        stacks: &[Stack::MlsRs],
        situation: "a path with its leaf's key",
        does: "accepts",
        section: "12.4.2",
        why: "No key of an UpdatePath may occur twice.",
    },
    Entry {
        stacks: &[Stack::MlsRs],
        situation: "Welcome, another suite",
        does: "accepts",
        section: "12.4.3.1",
        why: "The cipher suite of the GroupInfo must be the key package's. The new member \
              then computes with one and believes the other.",
    },
    Entry {
        stacks: PEERS,
        situation: "a path with a key of zeros",
        does: "accepts",
        section: "5.1.1",
        why: "A key that nobody can encrypt to. RFC 9180, section 7.1.4, has it refused \
              where it is used: the next commit would fail.",
    },
    Entry {
        stacks: PEERS,
        situation: "a ciphertext too many",
        does: "accepts",
        section: "7.6",
        why: "One ciphertext for each node of the resolution; the surplus is ignored.",
    },
    Entry {
        stacks: PEERS,
        situation: "add of a lifetime that is over",
        does: "refuses",
        section: "7.3",
        why: "The check is mandatory for a sender and recommended for a receiver, who may \
              have been away for long. Conclave checks as sender, and as receiver if the \
              application wants it.",
    },
    Entry {
        stacks: PEERS,
        situation: "add of a lifetime that has not begun",
        does: "refuses",
        section: "7.3",
        why: "As above.",
    },
    Entry {
        stacks: PEERS,
        situation: "a lifetime of a thousand years",
        does: "accepts",
        section: "7.2",
        why: "The application sets the longest lifetime; Conclave's default is about three \
              months.",
    },
    Entry {
        stacks: PEERS,
        situation: "key of zeros",
        does: "accepts",
        section: "5.1.1",
        why: "A key that nobody can encrypt to, as above.",
    },
    Entry {
        stacks: PEERS,
        situation: "Welcome, no path secret",
        does: "accepts",
        section: "12.4.3.1",
        why: "The new member lacks the keys of nodes that do not list it as unmerged. \
              Conclave refuses at once what would fail in a later epoch.",
    },
    Entry {
        stacks: PEERS,
        situation: "key package, ",
        does: "accepts",
        section: "10.1",
        why: "`AddProposal` does not look at the key package closely; the commit does, see \
              the rows on adds.",
    },
];

const PEERS: &[Stack] = &[Stack::Openmls, Stack::MlsRs];

/// The entry that explains a finding.
pub(crate) fn explain(finding: &Finding) -> Option<&'static Entry> {
    TRIAGE.iter().find(|entry| {
        entry.stacks.contains(&finding.stack)
            && entry.does == finding.does
            && finding.situation.contains(entry.situation)
    })
}
