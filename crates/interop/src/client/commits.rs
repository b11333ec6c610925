//! Commits: making, accepting, following.

use mls::{CommitOptions, Encode, GroupInfoOptions, NewCommit, PathChoice};

use super::proposals::by_value;
use super::{Blame, Failure, HarnessClient};
use crate::proto::{
    CommitRequest, CommitResponse, HandleCommitRequest, HandleCommitResponse,
    HandlePendingCommitRequest,
};

impl HarnessClient {
    /// `Commit`: of exactly the proposals that the runner names. A commit that waits is replaced.
    pub fn commit(&mut self, request: CommitRequest) -> Result<CommitResponse, Failure> {
        let (member, mut moment) = self.member(request.state_id)?;
        let mut references = Vec::new();
        for proposal in &request.by_reference {
            references.push(member.take_proposal(proposal, &moment)?);
        }
        let proposals = request.by_value.into_iter().map(|it| by_value(&member.group, it));
        let options = CommitOptions {
            proposals: proposals.collect::<Result<_, _>>()?,
            only_received: Some(references),
            path: match request.force_path {
                true => PathChoice::Always,
                false => PathChoice::IfRequired,
            },
            welcome_info: GroupInfoOptions {
                ratchet_tree: !request.external_tree,
                external_pub: false,
            },
            ..CommitOptions::default()
        };
        let now = moment.now;
        let made = member.group.commit(options, now, &mut moment)?.save(&mut member.actor.store)?;
        let NewCommit { pending, commit, welcomes, .. } = made;
        let ratchet_tree = match request.external_tree {
            true => pending.ratchet_tree().to_bytes(),
            false => Vec::new(),
        };
        if let Some(replaced) = member.pending.replace(pending) {
            member.group.discard(replaced).save(&mut member.actor.store)?;
        }
        let welcome = welcomes.first().map(|(welcome, _)| welcome.to_bytes()).unwrap_or_default();
        Ok(CommitResponse { commit: commit.to_bytes(), welcome, ratchet_tree })
    }

    /// `HandlePendingCommit`: the own commit is accepted.
    pub fn handle_pending_commit(
        &mut self,
        request: HandlePendingCommitRequest,
    ) -> Result<HandleCommitResponse, Failure> {
        let state_id = request.state_id;
        let (member, _) = self.member(state_id)?;
        let pending = member.pending.take();
        let pending = pending.ok_or_else(|| Failure::new(Blame::NotNow, "no commit is pending"))?;
        member.group.advance(pending)?.save(&mut member.actor.store)?;
        member.epoch_began();
        Ok(HandleCommitResponse { state_id, epoch_authenticator: member.epoch_authenticator() })
    }

    /// `HandleCommit`: somebody's commit is accepted.
    pub fn handle_commit(
        &mut self,
        request: HandleCommitRequest,
    ) -> Result<HandleCommitResponse, Failure> {
        let state_id = request.state_id;
        let (member, moment) = self.member(state_id)?;
        member.take_commit(&request.proposal, &request.commit, &moment)?;
        Ok(HandleCommitResponse { state_id, epoch_authenticator: member.epoch_authenticator() })
    }
}
