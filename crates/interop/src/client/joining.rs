//! Becoming a member: by founding a group, by a Welcome, by an external commit.

use mls::{Encode, ExternalJoinOptions, GroupParams};

use super::actor::{Member, NewJoiner, key_package_message};
use super::{Blame, Failure, HarnessClient, Slot, decode};
use crate::proto::{
    CreateGroupRequest, CreateGroupResponse, CreateKeyPackageRequest, CreateKeyPackageResponse,
    ExternalJoinRequest, ExternalJoinResponse, JoinGroupRequest, JoinGroupResponse,
    StorePskRequest, StorePskResponse,
};

impl HarnessClient {
    /// `CreateGroup`.
    pub fn create_group(
        &mut self,
        request: CreateGroupRequest,
    ) -> Result<CreateGroupResponse, Failure> {
        let suite = self.suite(request.cipher_suite)?;
        let settings = self.settings(request.encrypt_handshake);
        let (mut actor, _) = self.actor(&suite, &request.identity, settings)?;
        let group_id = Some(request.group_id);
        let params = GroupParams { group_id, ..GroupParams::new(suite.id()) };
        let random = &mut *self.random;
        let made = actor.client.create_group(&actor.store, params, self.now, random)?;
        let group = made.save(&mut actor.store)?;
        let state_id = self.insert(Slot::Member(Box::new(Member::new(actor, group))))?;
        Ok(CreateGroupResponse { state_id })
    }

    /// `CreateKeyPackage`.
    pub fn create_key_package(
        &mut self,
        request: CreateKeyPackageRequest,
    ) -> Result<CreateKeyPackageResponse, Failure> {
        let suite = self.suite(request.cipher_suite)?;
        let made = self.new_joiner(&suite, &request.identity)?;
        let NewJoiner { joiner, key_package, .. } = made;
        let transaction_id = self.insert(Slot::Joiner(Box::new(joiner)))?;
        Ok(CreateKeyPackageResponse {
            transaction_id,
            key_package: key_package_message(key_package),
            init_priv: made.init_private_key.expose().to_vec(),
            encryption_priv: made.leaf_private_key.expose().to_vec(),
            signature_priv: made.signature_private_key.expose().to_vec(),
        })
    }

    /// `JoinGroup`. The state gets the number of the transaction; if it fails, the joiner can try
    /// again.
    pub fn join_group(&mut self, request: JoinGroupRequest) -> Result<JoinGroupResponse, Failure> {
        let id = request.transaction_id;
        let welcome = decode::message(&request.welcome)?;
        let tree = decode::ratchet_tree(&request.ratchet_tree)?;
        let settings = self.settings(request.encrypt_handshake);
        let actor = &self.joiner(id)?.actor;
        let client = actor.with_settings(settings);
        let joined = client.join(&actor.store, &welcome, tree, self.now)?;
        let Some(Slot::Joiner(joiner)) = self.slots.remove(&id) else {
            return Err(Failure::new(Blame::NotFound, "the transaction is gone"));
        };
        let mut actor = joiner.actor;
        actor.client = client;
        let group = joined.save(&mut actor.store)?;
        let member = Member::new(actor, group);
        let epoch_authenticator = member.epoch_authenticator();
        self.slots.insert(id, Slot::Member(Box::new(member)));
        Ok(JoinGroupResponse { state_id: id, epoch_authenticator })
    }

    /// `ExternalJoin`. The group counts as joined at once; the runner delivers the commit.
    pub fn external_join(
        &mut self,
        request: ExternalJoinRequest,
    ) -> Result<ExternalJoinResponse, Failure> {
        let group_info = decode::message(&request.group_info)?;
        let context = decode::group_info(&request.group_info)?.group_context;
        let suite = self.suite(context.cipher_suite.0.into())?;
        let settings = self.settings(request.encrypt_handshake);
        let (mut actor, _) = self.actor(&suite, &request.identity, settings)?;
        let mut external_psks = Vec::new();
        for psk in request.psks {
            external_psks.push(psk.psk_id.clone());
            actor.psks.store(psk.psk_id, psk.psk_secret);
        }
        let options = ExternalJoinOptions {
            ratchet_tree: decode::ratchet_tree(&request.ratchet_tree)?,
            resync: request.remove_prior,
            external_psks,
            ..ExternalJoinOptions::default()
        };
        let random = &mut *self.random;
        let joined =
            actor.client.join_external(&actor.store, &group_info, options, self.now, random)?;
        let joined = joined.save(&mut actor.store)?;
        let completed = actor.client.complete_join(&actor.store, &joined.pending)?;
        let group = completed.save(&mut actor.store)?;
        let member = Member::new(actor, group);
        let epoch_authenticator = member.epoch_authenticator();
        let state_id = self.insert(Slot::Member(Box::new(member)))?;
        Ok(ExternalJoinResponse { state_id, commit: joined.commit.to_bytes(), epoch_authenticator })
    }

    /// `StorePSK`: for a member or a joiner.
    pub fn store_psk(&mut self, request: StorePskRequest) -> Result<StorePskResponse, Failure> {
        let actor = match self.slots.get(&request.state_or_transaction_id) {
            Some(Slot::Member(member)) => &member.actor,
            Some(Slot::Joiner(joiner)) => &joiner.actor,
            _ => return Err(Failure::new(Blame::NotFound, "no such state or transaction")),
        };
        actor.psks.store(request.psk_id, request.psk_secret);
        Ok(StorePskResponse {})
    }
}
