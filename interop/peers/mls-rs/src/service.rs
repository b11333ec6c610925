//! The calls of the harness, each by the function of the same name.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

use interop::proto;
use interop::proto::mls_client_server::MlsClient;
use mls_rs_crypto_openssl::OpensslCryptoProvider;
use tonic::{Request, Response, Status};

use crate::failure::Failure;
use crate::slots::Slots;
use crate::{Peer, VERSION};

impl Peer {
    fn call<T>(
        &self,
        work: impl FnOnce(&mut Slots) -> Result<T, Failure>,
    ) -> Result<Response<T>, Status> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match catch_unwind(AssertUnwindSafe(|| work(&mut slots))) {
            Ok(Ok(response)) => Ok(Response::new(response)),
            Ok(Err(failure)) => Err(failure.into()),
            Err(panic) => Err(Status::internal(format!("panic: {}", text(&*panic)))),
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}

impl Slots {
    fn name(&mut self, _: proto::NameRequest) -> Result<proto::NameResponse, Failure> {
        Ok(proto::NameResponse { name: VERSION.to_owned() })
    }

    fn supported_ciphersuites(
        &mut self,
        _: proto::SupportedCiphersuitesRequest,
    ) -> Result<proto::SupportedCiphersuitesResponse, Failure> {
        let suites = OpensslCryptoProvider::all_supported_cipher_suites();
        let ciphersuites = suites.into_iter().map(|suite| u16::from(suite).into()).collect();
        Ok(proto::SupportedCiphersuitesResponse { ciphersuites })
    }

    /// A number that stands for nothing is fine: runners free what may be gone.
    fn free(&mut self, request: proto::FreeRequest) -> Result<proto::FreeResponse, Failure> {
        self.remove(request.state_id);
        Ok(proto::FreeResponse {})
    }
}

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
