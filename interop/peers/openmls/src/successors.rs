//! Groups that succeed others (RFC 9420, sections 11.2 and 11.3). The library can follow the commit
//! that closes a group, and no more.

use interop::proto::{
    CommitRequest, CommitResponse, CreateBranchRequest, CreateSubgroupResponse,
    HandleBranchRequest, HandleBranchResponse, HandleCommitRequest, HandlePendingCommitRequest,
    HandleReInitCommitResponse, HandleReInitWelcomeRequest, JoinGroupResponse, ProposalResponse,
    ReInitProposalRequest, ReInitWelcomeRequest,
};
use openmls::messages::proposals::{Proposal, ReInitProposal};
use openmls::prelude::tls_codec::{Deserialize as _, VLBytes};
use openmls::prelude::{Ciphersuite, MlsMessageOut, StagedCommit};
use tonic::Status;

use crate::actor::Actor;
use crate::decode;
use crate::lacks::lacks;
use crate::slots::{Slots, refused, suite};

impl Slots {
    pub(crate) fn re_init_proposal(
        &mut self,
        _request: ReInitProposalRequest,
    ) -> Result<ProposalResponse, Status> {
        Err(lacks("ReInitProposal"))
    }

    pub(crate) fn re_init_commit(
        &mut self,
        _request: CommitRequest,
    ) -> Result<CommitResponse, Status> {
        Err(lacks("ReInitCommit"))
    }

    pub(crate) fn handle_pending_re_init_commit(
        &mut self,
        _request: HandlePendingCommitRequest,
    ) -> Result<HandleReInitCommitResponse, Status> {
        Err(lacks("HandlePendingReInitCommit"))
    }

    /// The member follows the commit and makes a key package for the suite of the successor. It
    /// keeps its number.
    pub(crate) fn handle_re_init_commit(
        &mut self,
        request: HandleCommitRequest,
    ) -> Result<HandleReInitCommitResponse, Status> {
        let member = self.member(request.state_id)?;
        let mut successor = None;
        member.take_commit(&request.proposal, &request.commit, |staged| {
            successor = Some(successor_suite(staged)?);
            Ok(())
        })?;
        let epoch_authenticator = member.epoch_authenticator();
        let suite = successor.ok_or_else(|| Status::invalid_argument("the commit is the own"))?;
        let identity = member.actor.credential.credential.serialized_content().to_vec();
        let (actor, _) = Actor::generate(suite, &identity)?;
        let key_package = MlsMessageOut::from(actor.key_package(suite)?.into_key_package());
        let key_package = decode::encoded(&key_package)?;
        let reinit_id = request.state_id;
        Ok(HandleReInitCommitResponse { reinit_id, key_package, epoch_authenticator })
    }

    pub(crate) fn re_init_welcome(
        &mut self,
        _request: ReInitWelcomeRequest,
    ) -> Result<CreateSubgroupResponse, Status> {
        Err(lacks("ReInitWelcome"))
    }

    pub(crate) fn handle_re_init_welcome(
        &mut self,
        _request: HandleReInitWelcomeRequest,
    ) -> Result<JoinGroupResponse, Status> {
        Err(lacks("HandleReInitWelcome"))
    }

    pub(crate) fn create_branch(
        &mut self,
        _request: CreateBranchRequest,
    ) -> Result<CreateSubgroupResponse, Status> {
        Err(lacks("CreateBranch"))
    }

    pub(crate) fn handle_branch(
        &mut self,
        _request: HandleBranchRequest,
    ) -> Result<HandleBranchResponse, Status> {
        Err(lacks("HandleBranch"))
    }
}

/// The suite of the group that succeeds one which a commit closes.
fn successor_suite(staged: &StagedCommit) -> Result<Ciphersuite, Status> {
    let reinit = staged.queued_proposals().find_map(|it| match it.proposal() {
        Proposal::ReInit(reinit) => Some(&**reinit),
        _ => None,
    });
    let reinit =
        reinit.ok_or_else(|| Status::invalid_argument("the commit does not cover a ReInit"))?;
    read_suite(reinit)
}

/// Reads the suite from the encoding, since the library keeps the fields to itself.
fn read_suite(reinit: &ReInitProposal) -> Result<Ciphersuite, Status> {
    let encoded = decode::raw(reinit)?;
    let mut rest = &*encoded;
    VLBytes::tls_deserialize(&mut rest).map_err(refused)?;
    u16::tls_deserialize(&mut rest).map_err(refused)?;
    suite(u16::tls_deserialize(&mut rest).map_err(refused)?.into())
}
