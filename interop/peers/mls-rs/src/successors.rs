//! Groups that succeed others: reinitialization and branches (RFC 9420, sections 11.2 and 11.3).

use interop::proto;
use mls_rs::ExtensionList;
use mls_rs::MlsMessage;
use mls_rs::error::MlsError;
use mls_rs::group::ReinitClient;
use mls_rs::time::MlsTime;

use crate::actor::{Config, Group};
use crate::decode;
use crate::failure::Failure;
use crate::rules::Rules;
use crate::slots::{Member, Slot, Slots};

/// What `CreateBranch` cannot do.
pub(crate) const BRANCH_EXTENSIONS: &str = "a branch always has the extensions of the group it \
    comes from: Group::branch takes none";

/// What `HandleBranch` cannot do.
pub(crate) const BRANCH_EXTENSIONS_CHECK: &str = "a branch with other extensions than the group \
    it comes from is refused by Group::join_subgroup (ReInitExtensionsMismatch); RFC 9420, section \
    11.3, has no such rule";

/// What `ReInitWelcome` and `HandleReInitWelcome` cannot do.
pub(crate) const REINIT_BLANKS: &str = "a group with blank leaves cannot be reinitialized: the \
    successor's tree must have as many nodes as the old one (NotASubgroup); RFC 9420, section \
    12.4.3.1, asks for the same members, and a new group has no blanks";

/// What the founder of a successor tells.
fn founded(
    state_id: u32,
    member: &Member,
    welcomes: &[MlsMessage],
    external_tree: bool,
) -> Result<proto::CreateSubgroupResponse, Failure> {
    let welcome = welcomes.first().map(|welcome| welcome.to_bytes()).transpose()?;
    let ratchet_tree = match external_tree {
        true => member.group.export_tree().to_bytes()?,
        false => Vec::new(),
    };
    Ok(proto::CreateSubgroupResponse {
        state_id,
        welcome: welcome.unwrap_or_default(),
        ratchet_tree,
        epoch_authenticator: member.epoch_authenticator()?,
    })
}

/// How a successor is founded. No received proposal is for it.
fn choose(rules: &Rules, force_path: bool, external_tree: bool) {
    rules.choose(|choices| {
        choices.force_path = force_path;
        choices.external_tree = external_tree;
        choices.by_reference.clear();
    });
}

impl Slots {
    pub(crate) fn re_init_commit(
        &mut self,
        request: proto::CommitRequest,
    ) -> Result<proto::CommitResponse, Failure> {
        self.commit(request)
    }

    pub(crate) fn handle_pending_re_init_commit(
        &mut self,
        request: proto::HandlePendingCommitRequest,
    ) -> Result<proto::HandleReInitCommitResponse, Failure> {
        let state_id = self.handle_pending_commit(request)?.state_id;
        self.prepare_successor(state_id)
    }

    pub(crate) fn handle_re_init_commit(
        &mut self,
        request: proto::HandleCommitRequest,
    ) -> Result<proto::HandleReInitCommitResponse, Failure> {
        let state_id = self.handle_commit(request)?.state_id;
        self.prepare_successor(state_id)
    }

    /// A key package for the successor of a group that was just closed. The member keeps its
    /// number.
    fn prepare_successor(&mut self, id: u32) -> Result<proto::HandleReInitCommitResponse, Failure> {
        let member = self.member(id)?;
        let epoch_authenticator = member.epoch_authenticator()?;
        let suite = member.successor_suite.ok_or_else(not_closed)?;
        let identity = member.identity()?;
        let signer = self.signer(suite, &identity)?;
        let member = self.member(id)?;
        member.successor_signer = Some(signer);
        let key_package = member.reinit_client()?.generate_key_package(Some(MlsTime::now()))?;
        let key_package = key_package.to_bytes()?;
        Ok(proto::HandleReInitCommitResponse { reinit_id: id, key_package, epoch_authenticator })
    }

    pub(crate) fn re_init_welcome(
        &mut self,
        request: proto::ReInitWelcomeRequest,
    ) -> Result<proto::CreateSubgroupResponse, Failure> {
        let member = self.member(request.reinit_id)?;
        let key_packages = decode::messages(&request.key_package)?;
        choose(&member.actor.rules, request.force_path, request.external_tree);
        let client = member.begin_successor()?;
        let (leaf, now) = (ExtensionList::new(), Some(MlsTime::now()));
        let founded_group = client.commit(key_packages, leaf, now);
        let (group, welcomes) = founded_group.map_err(|error| member.reinit_failure(error))?;
        member.move_to(group)?;
        founded(request.reinit_id, member, &welcomes, request.external_tree)
    }

    pub(crate) fn handle_re_init_welcome(
        &mut self,
        request: proto::HandleReInitWelcomeRequest,
    ) -> Result<proto::JoinGroupResponse, Failure> {
        let member = self.member(request.reinit_id)?;
        let welcome = decode::message(&request.welcome)?;
        let tree = decode::tree(&request.ratchet_tree)?;
        let joined = member.begin_successor()?.join(&welcome, tree, Some(MlsTime::now()));
        let (group, _) = joined.map_err(|error| member.reinit_failure(error))?;
        member.move_to(group)?;
        let epoch_authenticator = member.epoch_authenticator()?;
        Ok(proto::JoinGroupResponse { state_id: request.reinit_id, epoch_authenticator })
    }

    /// The old group stays as it is.
    pub(crate) fn create_branch(
        &mut self,
        request: proto::CreateBranchRequest,
    ) -> Result<proto::CreateSubgroupResponse, Failure> {
        let member = self.member(request.state_id)?;
        let key_packages = decode::messages(&request.key_packages)?;
        if decode::extensions(request.extensions)? != *member.group.context().extensions() {
            return Err(Failure::lack(BRANCH_EXTENSIONS));
        }
        choose(&member.actor.rules, request.force_path, request.external_tree);
        let now = Some(MlsTime::now());
        let (group, welcomes) = member.group.branch(request.group_id, key_packages, now)?;
        let branch = Member::new(member.actor.clone(), group)?;
        let mut response = founded(0, &branch, &welcomes, request.external_tree)?;
        response.state_id = self.insert(Slot::Member(Box::new(branch)))?;
        Ok(response)
    }

    /// The state gets the number of the transaction, since runners free the number of the old
    /// group.
    pub(crate) fn handle_branch(
        &mut self,
        request: proto::HandleBranchRequest,
    ) -> Result<proto::HandleBranchResponse, Failure> {
        let id = request.transaction_id;
        let welcome = decode::message(&request.welcome)?;
        let tree = decode::tree(&request.ratchet_tree)?;
        let joiner = self.joiner(id)?.clone();
        let member = self.member(request.state_id)?;
        // The library looks for the key package where the old group's are.
        let mut actor = member.actor.clone();
        actor.take_over(&joiner);
        let joined = member.group.join_subgroup(&welcome, tree, Some(MlsTime::now()));
        let (group, _) = joined.map_err(|error| match error {
            MlsError::ReInitExtensionsMismatch => Failure::lack(BRANCH_EXTENSIONS_CHECK),
            error => Failure::from(error),
        })?;
        let member = Member::new(actor, group)?;
        let epoch_authenticator = member.epoch_authenticator()?;
        self.replace(id, Slot::Member(Box::new(member)));
        Ok(proto::HandleBranchResponse { state_id: id, epoch_authenticator })
    }
}

impl Member {
    fn identity(&self) -> Result<Vec<u8>, Failure> {
        let basic = self.actor.signer.identity.credential.as_basic();
        let basic = basic.ok_or_else(|| Failure::internal("the own credential is not basic"))?;
        Ok(basic.identifier().to_vec())
    }

    /// What a closed group allows next.
    fn reinit_client(&self) -> Result<ReinitClient<Config>, Failure> {
        let signer = self.successor_signer.clone();
        let signer = signer.ok_or_else(not_closed)?;
        Ok(self.group.clone().get_reinit_client(Some(signer.secret), Some(signer.identity))?)
    }

    /// The same, when the successor begins. It may have the group's id, and the library would take
    /// the stored epochs for its own.
    fn begin_successor(&self) -> Result<ReinitClient<Config>, Failure> {
        let client = self.reinit_client()?;
        self.actor.groups.delete_group(self.group.group_id());
        Ok(client)
    }

    fn reinit_failure(&self, error: MlsError) -> Failure {
        let (nodes, members) = (self.group.export_tree().nodes().len(), self.group.roster());
        let has_blank_leaves = nodes + 1 != 2 * members.members_iter().count();
        match error {
            MlsError::NotASubgroup if has_blank_leaves => Failure::lack(REINIT_BLANKS),
            error => Failure::from(error),
        }
    }

    /// The successor takes the place of a closed group.
    fn move_to(&mut self, group: Group) -> Result<(), Failure> {
        let mut actor = self.actor.clone();
        actor.signer = self.successor_signer.take().unwrap_or(actor.signer);
        *self = Self::new(actor, group)?;
        Ok(())
    }
}

fn not_closed() -> Failure {
    Failure::not_now("the group was not reinitialized")
}
