//! Steps that replace a group or branch off it (RFC 9420, sections 11.2 and 11.3).

use std::collections::BTreeMap;

use crate::proto;
use crate::runner::play::{Play, Reason, agree, call};
use crate::runner::scenario::{Branch, ReInit, extensions};

/// What a member of a closed group has for the next.
struct Ready {
    reinit_id: u32,
    key_package: Vec<u8>,
}

impl Play<'_> {
    pub(super) async fn reinit(&mut self, reinit: &ReInit) -> Result<(), Reason> {
        let mut everyone: Vec<String> = reinit.members.clone();
        everyone.extend([reinit.committer.clone(), reinit.welcomer.clone()]);
        everyone.extend((!reinit.proposer.is_empty()).then(|| reinit.proposer.clone()));
        everyone.sort();
        everyone.dedup();
        let proposal = self.reinit_proposal(reinit).await?;
        let ready = self.close(reinit, &everyone, proposal).await?;
        let welcomer = &*reinit.welcomer;
        let others = || ready.iter().filter(|(member, _)| *member != welcomer);
        let reinit_id = |member: &str| ready.get(member).map_or(0, |ready| ready.reinit_id);
        let request = proto::ReInitWelcomeRequest {
            reinit_id: reinit_id(welcomer),
            key_package: others().map(|(_, ready)| ready.key_package.clone()).collect(),
            force_path: reinit.force_path,
            external_tree: reinit.external_tree,
        };
        let founded = call!(self, welcomer, re_init_welcome(request));
        self.set_state(welcomer, founded.state_id);
        let ratchet_tree = match reinit.external_tree {
            true => founded.ratchet_tree,
            false => Vec::new(),
        };
        for (member, ready) in others() {
            let request = proto::HandleReInitWelcomeRequest {
                reinit_id: ready.reinit_id,
                welcome: founded.welcome.clone(),
                ratchet_tree: ratchet_tree.clone(),
            };
            let joined = call!(self, member, handle_re_init_welcome(request));
            agree(member, &founded.epoch_authenticator, &joined.epoch_authenticator)?;
            self.set_state(member, joined.state_id);
        }
        Ok(())
    }

    async fn reinit_proposal(&mut self, reinit: &ReInit) -> Result<Vec<u8>, Reason> {
        if reinit.change_cipher_suite {
            self.change_suite()?;
        }
        if reinit.proposer.is_empty() {
            return self.kept(reinit.external_reinit_proposal, "proposal");
        }
        let request = proto::ReInitProposalRequest {
            state_id: self.state(&reinit.proposer)?,
            cipher_suite: self.suite,
            group_id: self.successor_id(reinit.change_group_id)?,
            extensions: extensions(&reinit.extensions),
        };
        Ok(call!(self, &reinit.proposer, re_init_proposal(request)).proposal)
    }

    /// The commit that closes the group, at the committer and then at the others.
    async fn close(
        &mut self,
        reinit: &ReInit,
        everyone: &[String],
        proposal: Vec<u8>,
    ) -> Result<BTreeMap<String, Ready>, Reason> {
        let committer = &*reinit.committer;
        let state_id = self.state(committer)?;
        let by_reference = vec![proposal.clone()];
        let request = proto::CommitRequest { state_id, by_reference, ..Default::default() };
        let commit = call!(self, committer, re_init_commit(request)).commit;
        let request = proto::HandlePendingCommitRequest { state_id };
        let closed = call!(self, committer, handle_pending_re_init_commit(request));
        let authenticator = closed.epoch_authenticator;
        let mut ready = BTreeMap::new();
        let entry = Ready { reinit_id: closed.reinit_id, key_package: closed.key_package };
        ready.insert(committer.to_owned(), entry);
        for member in everyone.iter().filter(|member| *member != committer) {
            let request = proto::HandleCommitRequest {
                state_id: self.state(member)?,
                proposal: vec![proposal.clone()],
                commit: commit.clone(),
            };
            let closed = call!(self, member, handle_re_init_commit(request));
            agree(member, &authenticator, &closed.epoch_authenticator)?;
            let entry = Ready { reinit_id: closed.reinit_id, key_package: closed.key_package };
            ready.insert(member.clone(), entry);
        }
        Ok(ready)
    }

    pub(super) async fn branch(&mut self, actor: &str, branch: &Branch) -> Result<(), Reason> {
        let mut key_packages = Vec::new();
        for member in &branch.members {
            key_packages.push(self.key_package(member).await?);
        }
        let request = proto::CreateBranchRequest {
            state_id: self.state(actor)?,
            group_id: self.new_group_id(),
            extensions: extensions(&branch.extensions),
            key_packages,
            force_path: branch.force_path,
            external_tree: branch.external_tree,
        };
        let founded = call!(self, actor, create_branch(request));
        self.set_state(actor, founded.state_id);
        let ratchet_tree = match branch.external_tree {
            true => founded.ratchet_tree,
            false => Vec::new(),
        };
        for member in &branch.members {
            let request = proto::HandleBranchRequest {
                state_id: self.state(member)?,
                transaction_id: self.transaction(member)?,
                welcome: founded.welcome.clone(),
                ratchet_tree: ratchet_tree.clone(),
            };
            let joined = call!(self, member, handle_branch(request));
            agree(member, &founded.epoch_authenticator, &joined.epoch_authenticator)?;
            self.set_state(member, joined.state_id);
        }
        Ok(())
    }
}
