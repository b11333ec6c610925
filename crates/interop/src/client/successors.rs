//! Groups that succeed others: reinitialization and branches (RFC 9420, sections 11.2 and 11.3).

use std::sync::Arc;

use mls::{
    Client, ClientConfig, Encode, GroupParams, GroupStatus, KeyPackage, KeyPackageOptions,
    MemoryStorage, NewSuccessor, PskStore, SignatureKeyPair,
};

use super::actor::{Actor, Member, key_package_message};
use super::{Blame, Failure, HarnessClient, Slot, decode};
use crate::proto::{
    CommitRequest, CommitResponse, CreateBranchRequest, CreateSubgroupResponse,
    HandleBranchRequest, HandleBranchResponse, HandleCommitRequest, HandlePendingCommitRequest,
    HandleReInitCommitResponse, HandleReInitWelcomeRequest, JoinGroupResponse,
    ReInitWelcomeRequest,
};

fn key_packages(messages: &[Vec<u8>]) -> Result<Vec<KeyPackage>, Failure> {
    messages.iter().map(|bytes| decode::key_package(bytes)).collect()
}

/// What the founder of a successor tells. The tree is in the Welcome as well.
fn founded(
    state_id: u32,
    member: &Member,
    welcome: Vec<u8>,
    external_tree: bool,
) -> CreateSubgroupResponse {
    let ratchet_tree = match external_tree {
        true => member.group.ratchet_tree().to_bytes(),
        false => Vec::new(),
    };
    let epoch_authenticator = member.epoch_authenticator();
    CreateSubgroupResponse { state_id, welcome, ratchet_tree, epoch_authenticator }
}

impl HarnessClient {
    /// `ReInitCommit`: the proposals that it is called with include the ReInit.
    pub fn re_init_commit(&mut self, request: CommitRequest) -> Result<CommitResponse, Failure> {
        self.commit(request)
    }

    /// `HandlePendingReInitCommit`.
    pub fn handle_pending_re_init_commit(
        &mut self,
        request: HandlePendingCommitRequest,
    ) -> Result<HandleReInitCommitResponse, Failure> {
        let state_id = self.handle_pending_commit(request)?.state_id;
        self.prepare_successor(state_id)
    }

    /// `HandleReInitCommit`.
    pub fn handle_re_init_commit(
        &mut self,
        request: HandleCommitRequest,
    ) -> Result<HandleReInitCommitResponse, Failure> {
        let state_id = self.handle_commit(request)?.state_id;
        self.prepare_successor(state_id)
    }

    /// A key package for the successor of a group that was just closed. The member keeps its
    /// number.
    fn prepare_successor(&mut self, id: u32) -> Result<HandleReInitCommitResponse, Failure> {
        let (member, _) = self.member(id)?;
        let epoch_authenticator = member.epoch_authenticator();
        let GroupStatus::Reinitialized(reinit) = member.group.status() else {
            return Err(Failure::invalid("the commit does not cover a ReInit"));
        };
        let cipher_suite = reinit.cipher_suite;
        let suite = self.suite(cipher_suite.0.into())?;
        let (member, mut moment) = self.member(id)?;
        let signer = Arc::new(SignatureKeyPair::generate(&suite, &mut moment)?);
        member.actor.add_signer(signer);
        let options = KeyPackageOptions::default();
        let now = moment.now;
        let made = member.actor.client.key_package(suite.id(), options, now, &mut moment)?;
        let key_package = made.save(&mut member.actor.store)?;
        member.successor_key_package = Some(key_package.reference(&suite)?);
        let key_package = key_package_message(key_package);
        Ok(HandleReInitCommitResponse { reinit_id: id, key_package, epoch_authenticator })
    }

    /// `ReInitWelcome`: founds the successor. Its first commit always has a path.
    pub fn re_init_welcome(
        &mut self,
        request: ReInitWelcomeRequest,
    ) -> Result<CreateSubgroupResponse, Failure> {
        let (member, mut moment) = self.member(request.reinit_id)?;
        let key_packages = key_packages(&request.key_package)?;
        let Member { actor, group, .. } = member;
        let now = moment.now;
        let made =
            actor.client.reinitialize(&actor.store, group, key_packages, now, &mut moment)?;
        let NewSuccessor { group, welcome } = made.save(&mut actor.store)?;
        // Whoever founds the group does not join it.
        if let Some(reference) = member.successor_key_package.take() {
            actor.client.delete_key_package(&reference).save(&mut actor.store)?;
        }
        member.group = group;
        member.epoch_began();
        let welcome = welcome.map(|(welcome, _)| welcome.to_bytes()).unwrap_or_default();
        Ok(founded(request.reinit_id, member, welcome, request.external_tree))
    }

    /// `HandleReInitWelcome`.
    pub fn handle_re_init_welcome(
        &mut self,
        request: HandleReInitWelcomeRequest,
    ) -> Result<JoinGroupResponse, Failure> {
        let (member, moment) = self.member(request.reinit_id)?;
        let welcome = decode::message(&request.welcome)?;
        let tree = decode::ratchet_tree(&request.ratchet_tree)?;
        let Actor { client, store, .. } = &mut member.actor;
        member.group = client.join(store, &welcome, tree, moment.now)?.save(store)?;
        member.successor_key_package = None;
        member.epoch_began();
        let epoch_authenticator = member.epoch_authenticator();
        Ok(JoinGroupResponse { state_id: request.reinit_id, epoch_authenticator })
    }

    /// `CreateBranch`: the old group stays as it is. The branch's first commit always has a path.
    pub fn create_branch(
        &mut self,
        request: CreateBranchRequest,
    ) -> Result<CreateSubgroupResponse, Failure> {
        let (member, mut moment) = self.member(request.state_id)?;
        let key_packages = key_packages(&request.key_packages)?;
        let params = GroupParams {
            cipher_suite: member.group.suite().id(),
            group_id: Some(request.group_id),
            extensions: decode::extensions(request.extensions)?,
        };
        let Actor { client, store, psks } = &member.actor;
        let now = moment.now;
        let branch = (params, key_packages);
        let made = client.branch(store, &member.group, branch, now, &mut moment)?;
        let (client, psks) = (client.clone(), Arc::clone(psks));
        let mut actor = Actor { client, store: MemoryStorage::new(), psks };
        let NewSuccessor { group, welcome } = made.save(&mut actor.store)?;
        let member = Member::new(actor, group);
        let welcome = welcome.map(|(welcome, _)| welcome.to_bytes()).unwrap_or_default();
        let mut response = founded(0, &member, welcome, request.external_tree);
        response.state_id = self.insert(Slot::Member(Box::new(member)))?;
        Ok(response)
    }

    /// `HandleBranch`: the state gets the number of the transaction, since the runner frees the
    /// number of the old group.
    pub fn handle_branch(
        &mut self,
        request: HandleBranchRequest,
    ) -> Result<HandleBranchResponse, Failure> {
        let id = request.transaction_id;
        let welcome = decode::message(&request.welcome)?;
        let tree = decode::ratchet_tree(&request.ratchet_tree)?;
        let joiner = self.joiner(id)?;
        let Actor { client, store, psks } = &joiner.actor;
        let (signer, joiners_psks) = (Arc::clone(&joiner.signer), Arc::clone(psks));
        let exported = client.export_key_package(store, &joiner.reference)?;
        let (member, moment) = self.member(request.state_id)?;
        // Whoever joins a branch must know the group it comes from: the joiner's key package is
        // taken over into what the member knows.
        let psks = Arc::clone(&member.actor.psks);
        psks.extend(&joiners_psks);
        let config = member.actor.client.config().clone();
        let mut signers = config.signers.clone();
        signers.insert(0, signer);
        let psk_store = Arc::clone(&psks) as Arc<dyn PskStore>;
        let client = Client::new(ClientConfig { signers, psks: psk_store, ..config });
        let mut store = member.actor.store.duplicate();
        let (key_package, init_key, leaf_key) =
            exported.ok_or_else(|| Failure::new(Blame::NotNow, "the key package is used up"))?;
        client.import_key_package(key_package, init_key, leaf_key)?.save(&mut store)?;
        let group = client.join(&store, &welcome, tree, moment.now)?.save(&mut store)?;
        client.delete_group(member.group.group_id()).save(&mut store)?;
        let member = Member::new(Actor { client, store, psks }, group);
        let epoch_authenticator = member.epoch_authenticator();
        self.slots.insert(id, Slot::Member(Box::new(member)));
        Ok(HandleBranchResponse { state_id: id, epoch_authenticator })
    }
}
