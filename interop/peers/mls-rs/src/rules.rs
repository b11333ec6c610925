//! What the runner decides call by call, where mls-rs asks the application.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mls_rs::MlsRules;
use mls_rs::client_builder::PaddingMode;
use mls_rs::group::{GroupContext, Roster};
use mls_rs::mls_rules::{
    CommitDirection, CommitOptions, CommitSource, EncryptionOptions, ProposalBundle, ProposalRef,
};

/// The choices for the next operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choices {
    /// Whether proposals and commits travel as PrivateMessage.
    pub(crate) encrypt_handshake: bool,
    /// Whether a commit has a path where it needs none.
    pub(crate) force_path: bool,
    /// Whether a Welcome leaves the tree out.
    pub(crate) external_tree: bool,
    /// The received proposals that a commit covers. The library would take all that are valid.
    pub(crate) by_reference: Vec<ProposalRef>,
}

/// The choices, shared by the copies of a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(Arc<Mutex<Choices>>);

impl Rules {
    pub(crate) fn new(encrypt_handshake: bool) -> Self {
        Self(Arc::new(Mutex::new(Choices { encrypt_handshake, ..Choices::default() })))
    }

    pub(crate) fn choose(&self, choose: impl FnOnce(&mut Choices)) {
        choose(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, Choices> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MlsRules for Rules {
    type Error = Infallible;

    fn filter_proposals(
        &self,
        direction: CommitDirection,
        _source: CommitSource,
        _roster: &Roster<'_>,
        _context: &GroupContext,
        mut proposals: ProposalBundle,
    ) -> Result<ProposalBundle, Self::Error> {
        if direction == CommitDirection::Send {
            let wanted = &self.lock().by_reference;
            proposals.retain(|proposal| {
                let reference = proposal.proposal_ref();
                Ok::<_, Infallible>(reference.is_none_or(|reference| wanted.contains(reference)))
            })?;
        }
        Ok(proposals)
    }

    fn commit_options(
        &self,
        _roster: &Roster<'_>,
        _context: &GroupContext,
        _proposals: &ProposalBundle,
    ) -> Result<CommitOptions, Self::Error> {
        let choices = self.lock();
        Ok(CommitOptions::new()
            .with_path_required(choices.force_path)
            .with_ratchet_tree_extension(!choices.external_tree))
    }

    fn encryption_options(
        &self,
        _roster: &Roster<'_>,
        _context: &GroupContext,
    ) -> Result<EncryptionOptions, Self::Error> {
        Ok(EncryptionOptions::new(self.lock().encrypt_handshake, PaddingMode::StepFunction))
    }
}
