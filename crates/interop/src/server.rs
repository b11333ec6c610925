//! Clients of the harness behind sockets: gRPC, unary calls, plain HTTP/2.
//!
//! * To serve any implementation of the service: [`Server::of`].
//! * To serve Conclave: that, with [`Conclave`].
//!
//! One lock is around all of Conclave: the harness measures agreement, not speed. A request that is
//! refused changes nothing, and one that runs into a bug of ours is answered like any other.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use mls::Crypto;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;
use tonic::{Response, Status};

use crate::client::{Blame, Failure, HarnessClient};
use crate::proto::mls_client_server::{MlsClient, MlsClientServer};

/// The largest request. Trees of some thousand members fit.
pub(crate) const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// How the client behaves.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// Whether it sends GREASE values (RFC 9420, section 13.5), which some peers cannot read.
    pub grease: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { grease: true }
    }
}

/// A client of the harness that listens. Dropping it stops it.
pub struct Server {
    runtime: Runtime,
    address: SocketAddr,
}

impl Server {
    /// Starts to listen and to answer with an implementation of the service; port 0 takes any.
    pub fn of(service: impl MlsClient, address: SocketAddr) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(address))?;
        let address = listener.local_addr()?;
        let service = MlsClientServer::new(service)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let router = tonic::transport::Server::builder().add_service(service);
        // Small answers must not wait for more to send with them.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        runtime.spawn(router.serve_with_incoming(incoming));
        Ok(Self { runtime, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Waits for an interrupt.
    pub fn run_until_signal(&self) -> std::io::Result<()> {
        self.runtime.block_on(tokio::signal::ctrl_c())
    }
}

/// Conclave as an implementation of the service. A clone stands for the same client.
#[derive(Clone)]
pub struct Conclave {
    client: Arc<Mutex<HarnessClient>>,
}

impl Conclave {
    /// A client without any state, with the clock and the randomness of this machine.
    #[must_use]
    pub fn new(options: ServerOptions) -> Self {
        let crypto = Crypto::new(crypto_aws_lc::provider());
        let random = Box::new(crypto_aws_lc::SystemRandom);
        let client = HarnessClient::new(crypto, random, options.grease);
        Self { client: Arc::new(Mutex::new(client)) }
    }

    /// How many joiners, members and signers it holds.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.lock().alive()
    }

    fn lock(&self) -> MutexGuard<'_, HarnessClient> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<T>(
        &self,
        work: impl FnOnce(&mut HarnessClient) -> Result<T, Failure>,
    ) -> Result<Response<T>, Status> {
        let mut client = self.lock();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        client.set_time(now);
        match catch_unwind(AssertUnwindSafe(|| work(&mut client))) {
            Ok(Ok(response)) => Ok(Response::new(response)),
            Ok(Err(failure)) => Err(failure.into()),
            Err(_) => Err(Status::internal("a bug of this client: it panicked")),
        }
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let text = failure.text;
        match failure.blame {
            Blame::InvalidRequest => Self::invalid_argument(text),
            Blame::NotFound => Self::not_found(text),
            Blame::NotNow => Self::failed_precondition(text),
            Blame::TooMuch => Self::resource_exhausted(text),
            Blame::Internal => Self::internal(text),
        }
    }
}

/// Implements [`MlsClient`] for a type: each RPC by the function of the same name of its state,
/// which the type's own `call` reaches, with whatever lock and care for panics it needs.
#[macro_export]
macro_rules! implement_rpcs {
    ($service:ty) => {
        $crate::implement_rpcs! {
            $service:
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
            group_context_extensions_proposal:
                GroupContextExtensionsProposalRequest => ProposalResponse,
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
    };
    ($service:ty: $($rpc:ident: $request:ident => $response:ident,)*) => {
        #[tonic::async_trait]
        impl $crate::proto::mls_client_server::MlsClient for $service {
            $(async fn $rpc(
                &self,
                request: tonic::Request<$crate::proto::$request>,
            ) -> Result<tonic::Response<$crate::proto::$response>, tonic::Status> {
                self.call(|state| state.$rpc(request.into_inner()))
            })*
        }
    };
}

implement_rpcs!(Conclave);
