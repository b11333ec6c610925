//! What the library cannot do. Each is the reason of an answer `UNIMPLEMENTED`.

use interop::Lack;
use tonic::Status;

use crate::VERSION;

const REINIT_PROPOSAL: Lack = Lack {
    rpc: "ReInitProposal",
    suites: &[],
    why: "no public function makes a ReInit proposal: MlsGroup has propose_* for the other \
          kinds, and Propose no such variant",
};

const COMMIT: Lack = Lack {
    rpc: "Commit",
    suites: &[],
    why: "of PSK and ReInit proposals of external senders, which section 12.1.8 of RFC 9420 \
          allows: MlsGroup::process_message refuses them (UnsupportedProposalType)",
};

const HANDLE_COMMIT: Lack = Lack { rpc: "HandleCommit", ..COMMIT };

const HANDLE_REINIT_COMMIT: Lack = Lack { rpc: "HandleReInitCommit", ..COMMIT };

const REINIT_COMMIT: Lack = Lack {
    rpc: "ReInitCommit",
    suites: &[],
    why: "the commit builder leaves out every ReInit proposal \
          (ProposalQueue::filter_proposals), so that the commit would be an empty one",
};

const HANDLE_PENDING_REINIT_COMMIT: Lack =
    Lack { rpc: "HandlePendingReInitCommit", suites: &[], why: "a ReInit cannot be committed" };

const REINIT_WELCOME: Lack = Lack {
    rpc: "ReInitWelcome",
    suites: &[],
    why: "a commit may only cover resumption PSKs of usage `application` \
          (PreSharedKeyId::validate_in_proposal) of its own group",
};

const HANDLE_REINIT_WELCOME: Lack = Lack {
    rpc: "HandleReInitWelcome",
    suites: &[],
    why: "ProcessedWelcome looks for resumption PSKs in a new, empty store, and nothing \
          public fills it",
};

const CREATE_BRANCH: Lack = Lack { rpc: "CreateBranch", ..REINIT_WELCOME };

const HANDLE_BRANCH: Lack = Lack { rpc: "HandleBranch", ..HANDLE_REINIT_WELCOME };

const EXTERNAL_SIGNER_PROPOSAL: Lack = Lack {
    rpc: "ExternalSignerProposal",
    suites: &[],
    why: "of `externalPSK`, `resumptionPSK` and `reinit`: ExternalProposal only makes Add, \
          Remove and GroupContextExtensions",
};

const EXTERNAL_JOIN: Lack = Lack {
    rpc: "ExternalJoin",
    suites: &[],
    why: "with `remove_prior` where this client does not hold the key of the prior member: \
          the external commit builder removes only the leaf with the joiner's own signature \
          key",
};

/// What this client does not do because the library cannot.
pub const LACKS: &[Lack] = &[
    COMMIT,
    HANDLE_COMMIT,
    HANDLE_REINIT_COMMIT,
    REINIT_PROPOSAL,
    REINIT_COMMIT,
    HANDLE_PENDING_REINIT_COMMIT,
    REINIT_WELCOME,
    HANDLE_REINIT_WELCOME,
    CREATE_BRANCH,
    HANDLE_BRANCH,
    EXTERNAL_SIGNER_PROPOSAL,
    EXTERNAL_JOIN,
];

/// The answer to what the library cannot do. A name that [`LACKS`] does not list is a bug here.
pub(crate) fn lacks(rpc: &str) -> Status {
    match LACKS.iter().find(|lack| lack.rpc == rpc) {
        Some(lack) => Status::unimplemented(format!("openmls {VERSION}: {}", lack.why)),
        None => Status::internal(format!("{rpc} is not in the list of what openmls lacks")),
    }
}
