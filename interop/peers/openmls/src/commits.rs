//! Commits: making, accepting, following.

use interop::proto::{
    CommitRequest, CommitResponse, HandleCommitRequest, HandleCommitResponse,
    HandlePendingCommitRequest, ProposalDescription,
};
use openmls::group::{GroupContext, MlsGroup, QueuedProposal};
use openmls::messages::proposals::Proposal;
use openmls::prelude::{Extensions, KeyPackage, LeafNodeIndex, OpenMlsProvider};
use openmls::schedule::PreSharedKeyId;
use tonic::Status;

use crate::actor::Member;
use crate::decode;
use crate::lacks::lacks;
use crate::proposals::{external_psk, resumption_psk};
use crate::slots::{Slots, refused};

/// The proposals that a commit carries by value.
#[derive(Default)]
struct ByValue {
    adds: Vec<KeyPackage>,
    removals: Vec<LeafNodeIndex>,
    psks: Vec<PreSharedKeyId>,
    extensions: Vec<Extensions<GroupContext>>,
}

impl ByValue {
    fn read(member: &Member, descriptions: Vec<ProposalDescription>) -> Result<Self, Status> {
        let mut it = Self::default();
        for description in descriptions {
            match &*description.proposal_type {
                b"add" => {
                    let crypto = member.actor.provider.crypto();
                    it.adds.push(decode::key_package(&description.key_package, crypto)?);
                }
                b"remove" => it.removals.push(member.leaf_named(&description.removed_id)?),
                b"externalPSK" => it.psks.push(external_psk(member, description.psk_id)?),
                b"resumptionPSK" => it.psks.push(resumption_psk(member, description.epoch_id)?),
                b"groupContextExtensions" => {
                    it.extensions.push(decode::extensions(description.extensions)?);
                }
                other => return Err(unknown(other)),
            }
        }
        Ok(it)
    }

    fn count(&self) -> usize {
        self.adds.len() + self.removals.len() + self.psks.len() + self.extensions.len()
    }
}

/// The answer to a proposal type that the service does not know.
pub(crate) fn unknown(proposal_type: &[u8]) -> Status {
    let name = String::from_utf8_lossy(proposal_type);
    Status::invalid_argument(format!("no proposal type is called {name:?}"))
}

impl Slots {
    /// Covers exactly the proposals that the runner names. A commit that waits is replaced.
    pub(crate) fn commit(&mut self, request: CommitRequest) -> Result<CommitResponse, Status> {
        let member = self.member(request.state_id)?;
        let mut references = Vec::new();
        for proposal in &request.by_reference {
            references.push(member.take_proposal(proposal)?);
        }
        if references.iter().any(|it| matches!(it.proposal(), Proposal::ReInit(_))) {
            return Err(lacks("ReInitCommit"));
        }
        let by_value = ByValue::read(member, request.by_value)?;
        drop_pending(member)?;
        let options = (request.force_path, request.external_tree);
        let made = build(member, references, by_value, options);
        // Whoever commits first may be somebody else.
        member.offer_all()?;
        if made.is_err() {
            drop_pending(member)?;
        }
        made
    }

    /// The own commit is accepted.
    pub(crate) fn handle_pending_commit(
        &mut self,
        request: HandlePendingCommitRequest,
    ) -> Result<HandleCommitResponse, Status> {
        let state_id = request.state_id;
        let member = self.member(state_id)?;
        member.take_pending_commit()?;
        Ok(HandleCommitResponse { state_id, epoch_authenticator: member.epoch_authenticator() })
    }

    /// Somebody's commit is accepted.
    pub(crate) fn handle_commit(
        &mut self,
        request: HandleCommitRequest,
    ) -> Result<HandleCommitResponse, Status> {
        let state_id = request.state_id;
        let member = self.member(state_id)?;
        member.take_commit(&request.proposal, &request.commit, |_| Ok(()))?;
        Ok(HandleCommitResponse { state_id, epoch_authenticator: member.epoch_authenticator() })
    }
}

fn drop_pending(member: &mut Member) -> Result<(), Status> {
    member.pending = None;
    member.group.clear_pending_commit(member.actor.provider.storage()).map_err(refused)
}

fn build(
    member: &mut Member,
    references: Vec<QueuedProposal>,
    by_value: ByValue,
    (force_path, external_tree): (bool, bool),
) -> Result<CommitResponse, Status> {
    let expected = references.len() + by_value.count();
    member.offer(references)?;
    let (provider, signer) = (&member.actor.provider, &*member.actor.signer);
    let group = &mut member.group;
    // As proposals that the library has in its store, by value or by reference, PSKs enter the key
    // schedule in the order of the commit. Those of the builder it would take first, and list last.
    for psk in by_value.psks {
        group.propose_pre_shared_key_by_value(provider, signer, psk).map_err(refused)?;
    }
    let mut builder = group
        .commit_builder()
        .force_self_update(force_path)
        .propose_adds(by_value.adds)
        .propose_removals(by_value.removals);
    for extensions in by_value.extensions {
        builder = builder.propose_group_context_extensions(extensions).map_err(refused)?;
    }
    let made = builder
        .load_psks(provider.storage())
        .map_err(refused)?
        .use_ratchet_tree_extension(!external_tree)
        .create_group_info(false)
        .build(provider.rand(), provider.crypto(), signer, |_| true)
        .map_err(refused)?
        .stage_commit(provider)
        .map_err(refused)?;
    complete(group, expected)?;
    let commit = decode::encoded(made.commit())?;
    let welcome = made.to_welcome_msg().map(|welcome| decode::encoded(&welcome)).transpose()?;
    let ratchet_tree = match external_tree {
        true => pending_tree(member)?,
        false => Vec::new(),
    };
    member.pending = Some(commit.clone());
    Ok(CommitResponse { commit, welcome: welcome.unwrap_or_default(), ratchet_tree })
}

/// The library leaves out proposals without a word that it thinks should not be together, and a
/// committer's own Updates. What it made is then not what was asked for.
fn complete(group: &MlsGroup, expected: usize) -> Result<(), Status> {
    let covered = group.pending_commit().map_or(0, |commit| commit.queued_proposals().count());
    if covered == expected {
        return Ok(());
    }
    Err(Status::failed_precondition(format!(
        "of {expected} proposals the library would commit {covered}"
    )))
}

/// The tree of the epoch that the own commit begins.
fn pending_tree(member: &Member) -> Result<Vec<u8>, Status> {
    let (crypto, now) = (member.actor.provider.crypto(), member.group.export_ratchet_tree());
    let tree = member.group.pending_commit().map(|commit| commit.export_ratchet_tree(crypto, now));
    let tree = tree.transpose().map_err(refused)?.flatten();
    let tree = tree.ok_or_else(|| Status::internal("the pending commit has no ratchet tree"))?;
    decode::raw(&tree)
}
