//! Becoming a member: by founding a group, by a Welcome, by an external commit.

use interop::proto;
use mls_rs::extension::built_in::RatchetTreeExt;
use mls_rs::group::{ExportedTree, GroupInfo};
use mls_rs::psk::ExternalPskId;
use mls_rs::time::MlsTime;
use mls_rs::{CipherSuite, ExtensionList, MlsMessage};

use crate::actor::{Actor, is_named};
use crate::decode;
use crate::failure::Failure;
use crate::rules::Rules;
use crate::slots::{Member, Slot, Slots, no_such_member};

impl Slots {
    pub(crate) fn create_group(
        &mut self,
        request: proto::CreateGroupRequest,
    ) -> Result<proto::CreateGroupResponse, Failure> {
        let suite = decode::suite(request.cipher_suite)?;
        let rules = Rules::new(request.encrypt_handshake);
        let actor = Actor::new(self.signer(suite, &request.identity)?, rules)?;
        let (context, leaf) = (ExtensionList::new(), ExtensionList::new());
        let now = Some(MlsTime::now());
        let group = actor.client.create_group_with_id(request.group_id, context, leaf, now)?;
        let state_id = self.insert(Slot::Member(Box::new(Member::new(actor, group)?)))?;
        Ok(proto::CreateGroupResponse { state_id })
    }

    /// An actor who waits for a Welcome. Whether handshakes are encrypted is told later.
    pub(crate) fn new_joiner(&self, suite: CipherSuite, identity: &[u8]) -> Result<Actor, Failure> {
        Actor::new(self.signer(suite, identity)?, Rules::new(false))
    }

    pub(crate) fn create_key_package(
        &mut self,
        request: proto::CreateKeyPackageRequest,
    ) -> Result<proto::CreateKeyPackageResponse, Failure> {
        let suite = decode::suite(request.cipher_suite)?;
        let actor = self.new_joiner(suite, &request.identity)?;
        let (extensions, leaf) = (ExtensionList::new(), ExtensionList::new());
        let now = Some(MlsTime::now());
        let key_package = actor.client.generate_key_package_message(extensions, leaf, now)?;
        let key_package = key_package.to_bytes()?;
        let data = actor.key_package_data()?;
        let signature_priv = actor.signer.secret.as_bytes().to_vec();
        let transaction_id = self.insert(Slot::Joiner(Box::new(actor)))?;
        Ok(proto::CreateKeyPackageResponse {
            transaction_id,
            key_package,
            init_priv: data.init_key.to_vec(),
            encryption_priv: data.leaf_node_key.to_vec(),
            signature_priv,
        })
    }

    /// The state gets the number of the transaction; if it fails, the joiner can try again.
    pub(crate) fn join_group(
        &mut self,
        request: proto::JoinGroupRequest,
    ) -> Result<proto::JoinGroupResponse, Failure> {
        let id = request.transaction_id;
        let welcome = decode::message(&request.welcome)?;
        let tree = decode::tree(&request.ratchet_tree)?;
        let actor = self.joiner(id)?.clone();
        actor.rules.choose(|choices| choices.encrypt_handshake = request.encrypt_handshake);
        let (group, _) = actor.client.join_group(tree, &welcome, Some(MlsTime::now()))?;
        let member = Member::new(actor, group)?;
        let epoch_authenticator = member.epoch_authenticator()?;
        self.replace(id, Slot::Member(Box::new(member)));
        Ok(proto::JoinGroupResponse { state_id: id, epoch_authenticator })
    }

    pub(crate) fn external_join(
        &mut self,
        request: proto::ExternalJoinRequest,
    ) -> Result<proto::ExternalJoinResponse, Failure> {
        let message = decode::message(&request.group_info)?;
        let group_info = group_info(&message)?;
        let suite = group_info.group_context().cipher_suite();
        let tree = decode::tree(&request.ratchet_tree)?;
        let rules = Rules::new(request.encrypt_handshake);
        let mut actor = Actor::new(self.signer(suite, &request.identity)?, rules)?;
        let mut commit = actor.client.external_commit_builder()?.commit_time(MlsTime::now());
        if request.remove_prior {
            commit = commit.with_removal(prior(group_info, tree.as_ref(), &request.identity)?);
        }
        if let Some(tree) = tree {
            commit = commit.with_tree_data(tree);
        }
        for psk in request.psks {
            commit = commit.with_external_psk(ExternalPskId::new(psk.psk_id.clone()));
            actor.store_psk(psk.psk_id, psk.psk_secret);
        }
        let (group, commit) = commit.build(message)?;
        let member = Member::new(actor, group)?;
        let epoch_authenticator = member.epoch_authenticator()?;
        let commit = commit.to_bytes()?;
        let state_id = self.insert(Slot::Member(Box::new(member)))?;
        Ok(proto::ExternalJoinResponse { state_id, commit, epoch_authenticator })
    }

    pub(crate) fn store_psk(
        &mut self,
        request: proto::StorePskRequest,
    ) -> Result<proto::StorePskResponse, Failure> {
        let actor = self.actor_mut(request.state_or_transaction_id)?;
        actor.store_psk(request.psk_id, request.psk_secret);
        Ok(proto::StorePskResponse {})
    }
}

/// The GroupInfo in a message.
pub(crate) fn group_info(message: &MlsMessage) -> Result<&GroupInfo, Failure> {
    message.as_group_info().ok_or_else(|| Failure::invalid("the message is not a GroupInfo"))
}

/// The leaf that someone had before.
fn prior(
    group_info: &GroupInfo,
    tree: Option<&ExportedTree<'_>>,
    identity: &[u8],
) -> Result<u32, Failure> {
    let inside = group_info.extensions().get_as::<RatchetTreeExt>()?;
    let tree = tree.or(inside.as_ref().map(RatchetTreeExt::tree_data));
    let tree = tree.ok_or_else(|| Failure::invalid("the ratchet tree is missing"))?;
    let mut members = tree.roster().members_iter();
    let found = members.find(|member| is_named(&member.signing_identity, identity));
    found.map(|member| member.index).ok_or_else(no_such_member)
}
