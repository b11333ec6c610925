//! A group as a member sees it: what it is, what it knows, what it can tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crypto::{Secret, Signer, Suite};
use protection::PastEpochs;
use tree::{Base, LeafIndex};
use wire::{Extensions, GroupContext, LeafNode, Proposal, ProposalRef, RatchetTreeNodes, ReInit};

use crate::delta::UnsavedFlag;
use crate::epoch::Epoch;
use crate::proposals::Proposals;
use crate::rows::put_next_version;
use crate::sent::Sent;
use crate::{Client, ClientConfig, Delta, Effect, Error, Invitation, Misuse, Settings};

/// A group.
///
/// * Look: [`Group::members`], [`Group::epoch`], [`Group::context`],
///   [`Group::epoch_authenticator`], [`Group::export`], [`Group::group_info`].
/// * Speak: [`Group::protect`] application data; [`Group::propose`] and [`Group::commit`] changes.
/// * Hear: [`Group::process`] what the delivery service delivers.
/// * Move on: [`Group::advance`] with the own [`crate::PendingCommit`] once it is accepted, or with
///   the [`crate::StagedCommit`] of someone else.
///
/// Whatever changes the group returns an [`crate::Effect`]; nothing leaves before it is stored.
pub struct Group {
    pub(crate) client: Client,
    pub(crate) suite: Suite,
    pub(crate) status: GroupStatus,
    pub(crate) epoch: Epoch,
    pub(crate) proposals: Proposals,
    pub(crate) past: PastEpochs,
    /// Leaves as they were in past epochs, where they have changed since: the last epoch in which
    /// the place looked so, and what was there.
    pub(crate) past_leaves: BTreeMap<(u64, LeafIndex), Option<Arc<LeafNode>>>,
    /// Hashes of messages that this client sent, by epoch.
    pub(crate) sent: Sent,
    pub(crate) resumption_psks: BTreeMap<u64, Secret>,
    /// Signers of own leaves that the client does not have, because they came with a proposal or
    /// commit.
    pub(crate) signers: Vec<Arc<dyn Signer>>,
    /// Encrypted commits of this epoch that were read, by sender and generation. Their keys stay
    /// until the epoch ends, so that a client that restarts can read them again.
    pub(crate) opened_commits: BTreeSet<(LeafIndex, u32)>,
    /// What the Welcome said, if the group was joined by one just now.
    pub(crate) invitation: Option<Invitation>,
    pub(crate) unsaved: UnsavedFlag,
    /// That of the rows, once every effect so far is saved.
    pub(crate) version: u64,
}

/// Whether a group can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupStatus {
    /// It can.
    Active,
    /// A commit removed this client. What the group knew is erased but for its last public state.
    Removed,
    /// A ReInit closed it (section 11.2): it only serves to make or join its successor.
    Reinitialized(ReInit),
}

/// A member of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its place in the tree.
    pub index: LeafIndex,
    /// Its leaf: keys, credential, capabilities.
    pub leaf: Arc<LeafNode>,
}

impl Group {
    /// The group's id.
    #[must_use]
    pub fn group_id(&self) -> &[u8] {
        &self.epoch.context.group_id
    }

    /// The current epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch.context.epoch
    }

    /// The cipher suite.
    #[must_use]
    pub fn suite(&self) -> &Suite {
        &self.suite
    }

    /// What all members agree on in this epoch.
    #[must_use]
    pub fn context(&self) -> &GroupContext {
        &self.epoch.context
    }

    /// The extensions of the group.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.epoch.context.extensions
    }

    /// Whether the group can be used.
    #[must_use]
    pub fn status(&self) -> &GroupStatus {
        &self.status
    }

    /// What the Welcome said that this group was joined by: who invites, and which keys link the
    /// group to others. Not stored: `None` after a restart.
    #[must_use]
    pub fn invitation(&self) -> Option<&Invitation> {
        self.invitation.as_ref()
    }

    /// The place of this client in the tree.
    #[must_use]
    pub fn own_leaf(&self) -> LeafIndex {
        self.epoch.own_leaf()
    }

    /// The members from left to right. O(N).
    pub fn members(&self) -> impl Iterator<Item = Member> {
        self.epoch.tree.members().map(|(index, leaf)| Member { index, leaf })
    }

    /// How many members there are.
    #[must_use]
    pub fn member_count(&self) -> u32 {
        self.epoch.tree.member_count()
    }

    /// How many leaves the tree has, blank ones included: the indices of all members are below it.
    #[must_use]
    pub fn leaf_count(&self) -> u32 {
        self.epoch.tree.size().leaves()
    }

    /// The member at a leaf.
    #[must_use]
    pub fn member(&self, leaf_index: u32) -> Option<Member> {
        let (index, leaf) = self.epoch.tree.member(leaf_index)?;
        Some(Member { index, leaf })
    }

    /// The public tree, for joiners who get it beside their Welcome. O(N).
    #[must_use]
    pub fn ratchet_tree(&self) -> RatchetTreeNodes {
        self.epoch.tree.to_nodes()
    }

    /// Equal for two members exactly if they are in the same epoch of the same group (section 8.7).
    /// Empty once this client is removed.
    #[must_use]
    pub fn epoch_authenticator(&self) -> &Secret {
        self.epoch.secrets.epoch_authenticator()
    }

    /// `MLS-Exporter` (section 8.5): a secret of the epoch for use outside MLS.
    pub fn export(&self, label: &str, context: &[u8], length: usize) -> Result<Secret, Error> {
        if self.status == GroupStatus::Removed {
            return Err(Misuse::Removed.into());
        }
        Ok(self.epoch.secrets.export(&self.suite, label, context, length)?)
    }

    /// The resumption PSK of an epoch (section 8.6), as far as it is kept.
    #[must_use]
    pub fn resumption_psk(&self, epoch: u64) -> Option<&Secret> {
        if self.status == GroupStatus::Removed {
            return None;
        }
        if epoch == self.epoch() {
            return Some(self.epoch.secrets.resumption_psk());
        }
        self.resumption_psks.get(&epoch)
    }

    /// Replaces the application's choices for this group: what its members agree on may be another
    /// thing than in the next group. Nothing is stored; whoever loads the group again says it
    /// again.
    pub fn set_settings(&mut self, settings: Settings) {
        self.epoch.messages.secret_tree_mut().set_limits(settings.ratchet_limits);
        let config = ClientConfig { settings, ..self.client.config().clone() };
        self.client = Client::new(config);
    }

    /// The proposals of this epoch that are not committed yet, oldest first.
    pub fn pending_proposals(
        &self,
    ) -> impl Iterator<Item = (ProposalRef, tree::ProposalSender, &Proposal)> {
        self.proposals.iter()
    }

    /// The state that a commit starts from.
    pub(crate) fn base(&self) -> Base<'_> {
        Base { suite: &self.suite, context: &self.epoch.context, tree: &self.epoch.tree }
    }

    /// An output with the rows that it waits for, and that fit no other rows than this group's.
    pub(crate) fn effect<T>(&mut self, output: T, mut delta: Delta) -> Effect<T> {
        if !delta.is_empty() {
            let group_id = &self.epoch.context.group_id;
            self.version = put_next_version(group_id, self.version, &mut delta);
        }
        Effect::of_group(output, delta, &self.unsaved)
    }

    /// Refuses to change a group that is ahead of its store.
    pub(crate) fn check_saved(&self) -> Result<(), Error> {
        if self.unsaved.is_raised() { Err(Misuse::Unsaved.into()) } else { Ok(()) }
    }

    /// Refuses to use a group that is closed.
    pub(crate) fn check_active(&self) -> Result<(), Error> {
        self.check_saved()?;
        match self.status {
            GroupStatus::Active => Ok(()),
            GroupStatus::Removed => Err(Misuse::Removed.into()),
            GroupStatus::Reinitialized(_) => Err(Misuse::Reinitialized.into()),
        }
    }

    /// The signer of the key in the own leaf.
    pub(crate) fn signer(&self) -> Result<Arc<dyn Signer>, Error> {
        let key = self.epoch.tree.signature_key(self.own_leaf());
        let key = key.ok_or_else(|| Error::corrupt("own leaf is blank"))?;
        let with_group = self.signers.iter().find(|signer| *signer.public_key() == key).cloned();
        with_group.or_else(|| self.client.signer_for(&key)).ok_or(Error::Misuse(Misuse::NoSigner))
    }

    /// The member at a leaf as it was in a past epoch that is kept, and with it all after it.
    pub(crate) fn leaf_in_epoch(&self, leaf: LeafIndex, epoch: u64) -> Option<Arc<LeafNode>> {
        let mut kept = self.past.epochs().skip_while(|kept| *kept < epoch);
        let later = kept.find_map(|epoch| self.past_leaves.get(&(epoch, leaf)));
        match later {
            Some(as_it_was) => as_it_was.clone(),
            None => self.epoch.tree.leaf(leaf),
        }
    }
}
