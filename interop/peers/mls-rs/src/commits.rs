//! Commits: making, accepting, following.

use interop::proto;
use mls_rs::group::{CommitBuilder, CommitEffect, CommitOutput, ReceivedMessage};
use mls_rs::mls_rules::ProposalRef;
use mls_rs::psk::ExternalPskId;
use mls_rs::time::MlsTime;

use crate::actor::Config;
use crate::decode;
use crate::failure::Failure;
use crate::slots::{Member, Slots};

impl Slots {
    /// Of exactly the proposals that the runner names. A commit that waits is replaced.
    pub(crate) fn commit(
        &mut self,
        request: proto::CommitRequest,
    ) -> Result<proto::CommitResponse, Failure> {
        let member = self.member(request.state_id)?;
        let mut references = Vec::new();
        for proposal in &request.by_reference {
            references.push(member.take_proposal(proposal)?);
        }
        let by_value = request.by_value.into_iter().map(|it| ByValue::read(member, it));
        let by_value = by_value.collect::<Result<Vec<_>, Failure>>()?;
        member.actor.rules.choose(|choices| {
            choices.force_path = request.force_path;
            choices.external_tree = request.external_tree;
            choices.by_reference.clone_from(&references);
        });
        member.change(|group| {
            group.clear_pending_commit();
            let mut commit = group.commit_builder().commit_time(MlsTime::now());
            for proposal in by_value {
                commit = proposal.put_into(commit)?;
            }
            response(&commit.build()?, &references)
        })
    }

    /// The own commit is accepted.
    pub(crate) fn handle_pending_commit(
        &mut self,
        request: proto::HandlePendingCommitRequest,
    ) -> Result<proto::HandleCommitResponse, Failure> {
        let state_id = request.state_id;
        let member = self.member(state_id)?;
        let accepted = member.change(|group| Ok(group.apply_pending_commit()?))?;
        member.epoch_began(&accepted.effect);
        let epoch_authenticator = member.epoch_authenticator()?;
        Ok(proto::HandleCommitResponse { state_id, epoch_authenticator })
    }

    /// Somebody's commit is accepted.
    pub(crate) fn handle_commit(
        &mut self,
        request: proto::HandleCommitRequest,
    ) -> Result<proto::HandleCommitResponse, Failure> {
        let state_id = request.state_id;
        let member = self.member(state_id)?;
        for proposal in &request.proposal {
            member.take_proposal(proposal)?;
        }
        let commit = decode::message(&request.commit)?;
        let effect = member.change(|group| {
            match group.process_incoming_message_with_time(commit, MlsTime::now())? {
                ReceivedMessage::Commit(commit) => match commit.effect {
                    CommitEffect::Removed { .. } => {
                        Err(Failure::not_now("the commit removes this member"))
                    }
                    effect => Ok(effect),
                },
                _ => Err(Failure::invalid("the message is not a commit")),
            }
        })?;
        member.epoch_began(&effect);
        let epoch_authenticator = member.epoch_authenticator()?;
        Ok(proto::HandleCommitResponse { state_id, epoch_authenticator })
    }
}

/// What the runner gets of a commit. The library leaves out received proposals that it finds
/// invalid, without saying why; the runner asked for all of them.
fn response(
    made: &CommitOutput,
    references: &[ProposalRef],
) -> Result<proto::CommitResponse, Failure> {
    let left_out = made.unused_proposals().iter().find(|unused| {
        unused.proposal_ref().is_some_and(|reference| references.contains(reference))
    });
    if let Some(left_out) = left_out {
        let kind = left_out.proposal.proposal_type();
        return Err(Failure::invalid(format!("a received proposal of {kind:?} is not valid")));
    }
    let welcome = made.welcome_messages().first();
    let tree = made.ratchet_tree();
    Ok(proto::CommitResponse {
        commit: made.commit_message().to_bytes()?,
        welcome: welcome.map(|it| it.to_bytes()).transpose()?.unwrap_or_default(),
        ratchet_tree: tree.map(|it| it.to_bytes()).transpose()?.unwrap_or_default(),
    })
}

/// A proposal that a commit carries by value.
enum ByValue {
    Add(Box<mls_rs::MlsMessage>),
    Remove(u32),
    ExternalPsk(ExternalPskId),
    ResumptionPsk(u64),
    GroupContextExtensions(mls_rs::ExtensionList),
}

impl ByValue {
    fn read(member: &Member, description: proto::ProposalDescription) -> Result<Self, Failure> {
        Ok(match &*description.proposal_type {
            b"add" => Self::Add(Box::new(decode::message(&description.key_package)?)),
            b"remove" => Self::Remove(member.leaf_named(&description.removed_id)?),
            b"externalPSK" => Self::ExternalPsk(ExternalPskId::new(description.psk_id)),
            b"resumptionPSK" => Self::ResumptionPsk(description.epoch_id),
            b"groupContextExtensions" => {
                Self::GroupContextExtensions(decode::extensions(description.extensions)?)
            }
            other => {
                let other = String::from_utf8_lossy(other);
                return Err(Failure::invalid(format!("no proposal type is called {other:?}")));
            }
        })
    }

    fn put_into(
        self,
        commit: CommitBuilder<'_, Config>,
    ) -> Result<CommitBuilder<'_, Config>, Failure> {
        Ok(match self {
            Self::Add(key_package) => commit.add_member(*key_package)?,
            Self::Remove(leaf) => commit.remove_member(leaf)?,
            Self::ExternalPsk(psk_id) => commit.add_external_psk(psk_id)?,
            Self::ResumptionPsk(epoch) => commit.add_resumption_psk(epoch)?,
            Self::GroupContextExtensions(extensions) => commit.set_group_context_ext(extensions)?,
        })
    }
}
