//! OpenMLS as a client of the interoperability harness.
//!
//! [`Peer`] implements every RPC of the service that the library's public functions can do; the
//! others answer `UNIMPLEMENTED` with a reason from [`LACKS`]. One lock is around everything, and a
//! panic inside the library is an answer like any other.
//!
//! The library refuses leaves that have a GREASE extension, even if their capabilities list it as
//! RFC 9420, section 13.5, wants it: whoever plays with it must not send any
//! ([`interop::ServerOptions::grease`]).

mod actor;
mod commits;
mod decode;
mod joining;
mod lacks;
mod member;
mod outside;
mod proposals;
mod slots;
mod successors;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use interop::proto;
use interop::proto::mls_client_server::MlsClient;
use tonic::{Request, Response, Status};

pub use lacks::LACKS;
use slots::Slots;

/// The version of `openmls` behind this client.
pub const VERSION: &str = "0.9.2";

/// A client of the harness.
#[derive(Default)]
pub struct Peer {
    slots: Mutex<Slots>,
}

impl Peer {
    /// A client without any state.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn call<T>(
        &self,
        work: impl FnOnce(&mut Slots) -> Result<T, Status>,
    ) -> Result<Response<T>, Status> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match catch_unwind(AssertUnwindSafe(|| work(&mut slots))) {
            Ok(answer) => answer.map(Response::new),
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().copied();
                let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                Err(Status::internal(format!("panic: {}", text.unwrap_or("without a message"))))
            }
        }
    }
}

/// Each RPC by the function of the same name.
macro_rules! service {
    ($($rpc:ident: $request:ident => $response:ident,)*) => {
        #[tonic::async_trait]
        impl MlsClient for Peer {
            $(async fn $rpc(
                &self,
                request: Request<proto::$request>,
            ) -> Result<Response<proto::$response>, Status> {
                self.call(|slots| slots.$rpc(request.into_inner()))
            })*
        }
    };
}

service! {
    name: NameRequest => NameResponse,
    supported_ciphersuites: SupportedCiphersuitesRequest => SupportedCiphersuitesResponse,
    create_group: CreateGroupRequest => CreateGroupResponse,
    create_key_package: CreateKeyPackageRequest => CreateKeyPackageResponse,
    join_group: JoinGroupRequest => JoinGroupResponse,
    external_join: ExternalJoinRequest => ExternalJoinResponse,
    group_info: GroupInfoRequest => GroupInfoResponse,
    state_auth: StateAuthRequest => StateAuthResponse,
    export: ExportRequest => ExportResponse,
    protect: ProtectRequest => ProtectResponse,
    unprotect: UnprotectRequest => UnprotectResponse,
    store_psk: StorePskRequest => StorePskResponse,
    add_proposal: AddProposalRequest => ProposalResponse,
    update_proposal: UpdateProposalRequest => ProposalResponse,
    remove_proposal: RemoveProposalRequest => ProposalResponse,
    external_psk_proposal: ExternalPskProposalRequest => ProposalResponse,
    resumption_psk_proposal: ResumptionPskProposalRequest => ProposalResponse,
    group_context_extensions_proposal: GroupContextExtensionsProposalRequest => ProposalResponse,
    commit: CommitRequest => CommitResponse,
    handle_commit: HandleCommitRequest => HandleCommitResponse,
    handle_pending_commit: HandlePendingCommitRequest => HandleCommitResponse,
    re_init_proposal: ReInitProposalRequest => ProposalResponse,
    re_init_commit: CommitRequest => CommitResponse,
    handle_pending_re_init_commit: HandlePendingCommitRequest => HandleReInitCommitResponse,
    handle_re_init_commit: HandleCommitRequest => HandleReInitCommitResponse,
    re_init_welcome: ReInitWelcomeRequest => CreateSubgroupResponse,
    handle_re_init_welcome: HandleReInitWelcomeRequest => JoinGroupResponse,
    create_branch: CreateBranchRequest => CreateSubgroupResponse,
    handle_branch: HandleBranchRequest => HandleBranchResponse,
    new_member_add_proposal: NewMemberAddProposalRequest => NewMemberAddProposalResponse,
    create_external_signer: CreateExternalSignerRequest => CreateExternalSignerResponse,
    add_external_signer: AddExternalSignerRequest => ProposalResponse,
    external_signer_proposal: ExternalSignerProposalRequest => ProposalResponse,
    free: FreeRequest => FreeResponse,
}
