//! Steps that make groups and move them on. Whoever takes part in an epoch must name the same epoch
//! authenticator.

use crate::proto;
use crate::runner::play::{Play, Reason, agree, call};
use crate::runner::scenario::{Commit, ExternalJoin};

impl Play<'_> {
    pub(super) async fn create_group(
        &mut self,
        index: usize,
        actor: &str,
        members: &[String],
    ) -> Result<(), Reason> {
        let group_id = self.new_group_id();
        self.keep(index, "group_id", group_id.clone());
        let request = proto::CreateGroupRequest {
            group_id,
            cipher_suite: self.suite,
            encrypt_handshake: self.encrypt_handshake(),
            identity: actor.as_bytes().to_vec(),
        };
        let state_id = call!(self, actor, create_group(request)).state_id;
        self.set_state(actor, state_id);
        if members.is_empty() {
            return Ok(());
        }
        let mut by_value = Vec::new();
        for member in members {
            let key_package = self.key_package(member).await?;
            let proposal_type = b"add".to_vec();
            by_value.push(proto::ProposalDescription {
                proposal_type,
                key_package,
                ..Default::default()
            });
        }
        let request = proto::CommitRequest { state_id, by_value, ..Default::default() };
        let welcome = call!(self, actor, commit(request)).welcome;
        let authenticator = self.handle_pending_commit(actor).await?;
        for member in members {
            agree(member, &authenticator, &self.join(member, welcome.clone(), Vec::new()).await?)?;
        }
        Ok(())
    }

    /// A new key package of an actor.
    pub(super) async fn key_package(&mut self, actor: &str) -> Result<Vec<u8>, Reason> {
        let identity = actor.as_bytes().to_vec();
        let request = proto::CreateKeyPackageRequest { cipher_suite: self.suite, identity };
        let response = call!(self, actor, create_key_package(request));
        self.set_transaction(actor, response.transaction_id);
        Ok(response.key_package)
    }

    pub(super) async fn create_key_package(
        &mut self,
        index: usize,
        actor: &str,
    ) -> Result<(), Reason> {
        let key_package = self.key_package(actor).await?;
        self.keep(index, "key_package", key_package);
        Ok(())
    }

    /// An actor joins by a Welcome; its epoch authenticator.
    pub(super) async fn join(
        &mut self,
        actor: &str,
        welcome: Vec<u8>,
        ratchet_tree: Vec<u8>,
    ) -> Result<Vec<u8>, Reason> {
        let request = proto::JoinGroupRequest {
            transaction_id: self.transaction(actor)?,
            welcome,
            encrypt_handshake: self.encrypt_handshake(),
            identity: actor.as_bytes().to_vec(),
            ratchet_tree,
        };
        let response = call!(self, actor, join_group(request));
        self.set_state(actor, response.state_id);
        Ok(response.epoch_authenticator)
    }

    pub(super) async fn external_join(
        &mut self,
        index: usize,
        actor: &str,
        join: &ExternalJoin,
    ) -> Result<(), Reason> {
        let request = proto::GroupInfoRequest {
            state_id: self.state(actor)?,
            external_tree: join.external_tree,
        };
        let info = call!(self, actor, group_info(request));
        let mut psks = Vec::new();
        for &step in &join.psks {
            let psk_id = self.kept(step, "psk_id")?;
            psks.push(proto::PreSharedKey { psk_id, psk_secret: self.kept(step, "psk_secret")? });
        }
        let request = proto::ExternalJoinRequest {
            group_info: info.group_info,
            ratchet_tree: info.ratchet_tree,
            encrypt_handshake: self.encrypt_handshake(),
            identity: join.joiner.as_bytes().to_vec(),
            remove_prior: join.remove_prior,
            psks,
        };
        let joined = call!(self, &join.joiner, external_join(request));
        self.set_state(&join.joiner, joined.state_id);
        self.keep(index, "commit", joined.commit.clone());
        let actor = actor.to_owned();
        for member in join.members.iter().chain([&actor]) {
            let commit = joined.commit.clone();
            let authenticator = self.handle_commit(member, commit, Vec::new()).await?;
            agree(member, &joined.epoch_authenticator, &authenticator)?;
        }
        Ok(())
    }

    pub(super) async fn commit(
        &mut self,
        index: usize,
        actor: &str,
        commit: &Commit,
    ) -> Result<(), Reason> {
        let mut by_value = Vec::new();
        for description in &commit.by_value {
            by_value.push(self.by_value(description)?);
        }
        let request = proto::CommitRequest {
            state_id: self.state(actor)?,
            by_reference: self.proposals(&commit.by_reference)?,
            by_value,
            force_path: commit.force_path,
            external_tree: commit.external_tree,
        };
        let response = call!(self, actor, commit(request));
        self.keep(index, "commit", response.commit);
        self.keep(index, "welcome", response.welcome);
        if commit.external_tree {
            self.keep(index, "ratchet_tree", response.ratchet_tree);
        }
        Ok(())
    }

    pub(super) async fn full_commit(
        &mut self,
        index: usize,
        actor: &str,
        commit: &Commit,
    ) -> Result<(), Reason> {
        self.commit(index, actor, commit).await?;
        let authenticator = self.handle_pending_commit(actor).await?;
        for member in &commit.members {
            let (message, proposals) = self.commit_of(index, &commit.by_reference)?;
            agree(member, &authenticator, &self.handle_commit(member, message, proposals).await?)?;
        }
        for joiner in &commit.joiners {
            let tree = match commit.external_tree {
                true => self.kept(index, "ratchet_tree")?,
                false => Vec::new(),
            };
            let welcome = self.kept(index, "welcome")?;
            agree(joiner, &authenticator, &self.join(joiner, welcome, tree).await?)?;
        }
        Ok(())
    }

    /// A commit of an earlier step with the proposals of others.
    pub(super) fn commit_of(
        &self,
        commit: usize,
        by_reference: &[usize],
    ) -> Result<(Vec<u8>, Vec<Vec<u8>>), Reason> {
        Ok((self.kept(commit, "commit")?, self.proposals(by_reference)?))
    }

    fn proposals(&self, steps: &[usize]) -> Result<Vec<Vec<u8>>, Reason> {
        steps.iter().map(|&step| self.kept(step, "proposal")).collect()
    }

    /// That all name the same epoch authenticator, and export the same for a label and context.
    pub(super) async fn compare(&mut self, members: &[String]) -> Result<(), Reason> {
        let mut first = None;
        for member in members {
            let state_id = self.state(member)?;
            let seen = call!(self, member, state_auth(proto::StateAuthRequest { state_id }));
            let request = proto::ExportRequest {
                state_id,
                label: "compare".to_owned(),
                context: b"members".to_vec(),
                key_length: 40,
            };
            let exported = call!(self, member, export(request));
            let (authenticator, secret) = (seen.state_auth_secret, exported.exported_secret);
            let (expected, shared) =
                first.get_or_insert_with(|| (authenticator.clone(), secret.clone()));
            agree(member, expected, &authenticator)?;
            if *shared != secret || secret.len() != 40 {
                return Err(format!("{member} exports another secret than the others"));
            }
        }
        Ok(())
    }

    pub(super) async fn handle_pending_commit(&mut self, actor: &str) -> Result<Vec<u8>, Reason> {
        let request = proto::HandlePendingCommitRequest { state_id: self.state(actor)? };
        let response = call!(self, actor, handle_pending_commit(request));
        self.set_state(actor, response.state_id);
        Ok(response.epoch_authenticator)
    }

    pub(super) async fn handle_commit(
        &mut self,
        actor: &str,
        commit: Vec<u8>,
        proposal: Vec<Vec<u8>>,
    ) -> Result<Vec<u8>, Reason> {
        let state_id = self.state(actor)?;
        let request = proto::HandleCommitRequest { state_id, proposal, commit };
        let response = call!(self, actor, handle_commit(request));
        self.set_state(actor, response.state_id);
        Ok(response.epoch_authenticator)
    }
}
