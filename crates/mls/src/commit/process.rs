//! Processing what arrives, and above all a commit (RFC 9420, section 12.4.2).
//!
//! [`Group::process`] unprotects and verifies; [`Group::stage_commit`] goes through the section's
//! steps in their order and computes the next epoch completely. The group itself changes only when
//! it advances.

use codec::Encode;
use crypto::{Secret, SignaturePublicKey};
use protection::{RatchetUpdate, UnprotectedContent, VerifiedContent, public_message};
use tree::{AppliedProposals, Committer, LeafIndex, ListedProposal, NextTree};
use treekem::{CommitSecret, InitSecret, PathContext, PrivatePath, ReceivedPath, psk_secret};
use wire::{
    AuthenticatedContent, Commit, Content, ContentType, GroupContext, MlsMessage, MlsMessageBody,
    PreSharedKeyId, PrivateMessage, Proposal, ProposalRef, PskKind, PublicMessage, Sender,
};

use super::staged::{BaseEpoch, CommitId, Epoch0, EpochChange, StagedCommit, StagedEpoch};
use crate::epoch::{Confirmation, Epoch, EpochState, Transition, provisional_context};
use crate::rows::{put_next_epoch, put_next_tree};
use crate::{
    Delta, Effect, Error, ExternalCommitPolicy, Group, GroupStatus, Misuse, Received, Violation,
};

/// How many commits of one epoch, read but not advanced to, have their keys erased when the epoch
/// ends. Each was valid, so no more than a few come honestly; the keys of others go with the past
/// epoch.
const OPENED_COMMITS_MAX: usize = 1024;

/// The key that opened a message: erased once the message has proven good in every respect, or else
/// a message that is refused would leave traces.
pub(crate) struct UsedKey {
    sender: LeafIndex,
    generation: u32,
    update: RatchetUpdate,
}

impl Group {
    /// Takes a message that the delivery service delivered, of any epoch.
    ///
    /// * Application data and proposals come out when the effect is saved; the key that opened them
    ///   is erased then.
    /// * A commit comes out as a [`StagedCommit`] and changes nothing, not even its key is erased:
    ///   a client that crashes before it advances can process it again. [`Group::advance`] erases
    ///   all.
    /// * What this client sent itself is recognised by content, encrypted or not.
    ///
    /// An error changes nothing.
    pub fn process(&mut self, message: &MlsMessage, now: u64) -> Result<Effect<Received>, Error> {
        if self.status == GroupStatus::Removed {
            return Err(Misuse::Removed.into());
        }
        self.check_saved()?;
        let (group_id, epoch) = match &message.0 {
            MlsMessageBody::PublicMessage(message) => {
                (&message.content.group_id, message.content.epoch)
            }
            MlsMessageBody::PrivateMessage(message) => (&message.group_id, message.epoch),
            _ => return Err(Misuse::WrongMessageKind.into()),
        };
        if **group_id != *self.group_id() {
            return Err(Error::from(protection::Error::from(protection::Violation::WrongGroup)));
        }
        if let Some(echo) = self.own_echo(message, epoch)? {
            return Ok(Effect::new(echo, Delta::default()));
        }
        match &message.0 {
            // "Verify that the epoch field of the enclosing FramedContent is equal to the epoch
            // field of the current GroupContext object."
            MlsMessageBody::PublicMessage(message) if epoch == self.epoch() => {
                self.process_public((**message).clone(), now)
            }
            MlsMessageBody::PrivateMessage(message) if epoch == self.epoch() => {
                self.process_private(message, now)
            }
            // A proposal or commit that comes late is of no more use, but nobody's fault.
            MlsMessageBody::PrivateMessage(message)
                if message.content_type == ContentType::Application
                    && self.past.get(epoch).is_some() =>
            {
                self.process_past(message)
            }
            _ => Ok(Effect::new(Received::OtherEpoch { epoch }, Delta::default())),
        }
    }

    /// The own message that this is an echo of.
    fn own_echo(&self, message: &MlsMessage, epoch: u64) -> Result<Option<Received>, Error> {
        // Who only listens hashes nothing.
        if !self.sent.has_any(epoch) {
            return Ok(None);
        }
        let hash = self.suite.hash(&message.to_bytes())?;
        if !self.sent.contains(epoch, &hash) {
            return Ok(None);
        }
        let is_commit = match &message.0 {
            MlsMessageBody::PublicMessage(message) => {
                matches!(message.content.content, Content::Commit(_))
            }
            MlsMessageBody::PrivateMessage(message) => message.content_type == ContentType::Commit,
            _ => false,
        };
        Ok(Some(match is_commit {
            true => Received::OwnCommit(CommitId(hash)),
            false => Received::OwnMessage { epoch },
        }))
    }

    fn process_public(
        &mut self,
        message: PublicMessage,
        now: u64,
    ) -> Result<Effect<Received>, Error> {
        self.check_active()?;
        // "verify the membership MAC using the membership_key".
        let key = self.epoch.secrets.membership_key();
        let content = public_message::unprotect(&self.suite, message, key, &self.epoch.context)?;
        let key = self.sender_key(&content)?;
        let content = VerifiedContent::verify(&self.suite, content, &key, &self.epoch.context)?;
        self.process_verified(content, None, now)
    }

    fn process_private(
        &mut self,
        message: &PrivateMessage,
        now: u64,
    ) -> Result<Effect<Received>, Error> {
        self.check_active()?;
        let opened = self.epoch.messages.unprotect(&self.suite, message)?;
        let key = self.sender_key(opened.content())?;
        let (sender, generation) = (opened.sender(), opened.generation());
        // "Verify the signature on the FramedContent message".
        let (content, update) = opened.verify(&self.suite, &key, &self.epoch.context)?;
        self.process_verified(content, Some(UsedKey { sender, generation, update }), now)
    }

    /// Erases the key of a message, now that nothing can go wrong with it any more.
    pub(crate) fn erase_key(&mut self, key: Option<UsedKey>) -> Result<Delta, Error> {
        let mut delta = Delta::default();
        if let Some(key) = key {
            self.epoch.messages.apply(key.update)?;
            crate::rows::put_secret_tree(&mut self.epoch, &mut delta);
        }
        Ok(delta)
    }

    /// A late application message, attributed to whoever had the leaf in its epoch.
    fn process_past(&mut self, message: &PrivateMessage) -> Result<Effect<Received>, Error> {
        let opened = self.past.unprotect(&self.suite, message)?;
        let sender = opened.sender();
        let leaf = self.leaf_in_epoch(sender, message.epoch).ok_or(Violation::SenderNotMember)?;
        let Some(past) = self.past.get(message.epoch) else {
            return Err(protection::Limit::EpochNotKept.into());
        };
        let (content, update) = opened.verify(&self.suite, &leaf.signature_key, past.context())?;
        let received = Received::application(content.into_inner().content, sender, leaf);
        let received = received.ok_or(Misuse::WrongMessageKind)?;
        self.past.apply(message.epoch, update)?;
        let mut delta = Delta::default();
        let group_id = self.epoch.context.group_id.clone();
        crate::rows::put_past_epochs(&group_id, &mut self.past, &mut delta);
        Ok(self.effect(received, delta))
    }

    /// The key that section 6.1 assigns to a sender of the current epoch.
    fn sender_key(&self, content: &UnprotectedContent) -> Result<SignaturePublicKey, Error> {
        let key = match (content.sender(), &content.unverified().content) {
            (Sender::Member(index), _) => {
                let tree = &self.epoch.tree;
                let key = tree.member_index(index).and_then(|leaf| tree.signature_key(leaf));
                return key.ok_or(Violation::SenderNotMember.into());
            }
            (Sender::External(index), _) => {
                let senders = self.extensions().external_senders()?.unwrap_or_default();
                let sender = usize::try_from(index).ok().and_then(|index| senders.get(index));
                return Ok(sender.ok_or(Violation::ExternalSenderUnknown)?.signature_key.clone());
            }
            (Sender::NewMemberProposal, Content::Proposal(Proposal::Add(key_package))) => {
                &key_package.leaf_node.signature_key
            }
            (Sender::NewMemberCommit, Content::Commit(commit)) => {
                &commit.path.as_ref().ok_or(Violation::PathMissing)?.leaf_node.signature_key
            }
            (Sender::NewMemberProposal | Sender::NewMemberCommit, _) => {
                return Err(Violation::SenderNotMember.into());
            }
        };
        Ok(key.clone())
    }

    fn process_verified(
        &mut self,
        content: VerifiedContent,
        key: Option<UsedKey>,
        now: u64,
    ) -> Result<Effect<Received>, Error> {
        // Whatever this client sent is recognised before. Any member can claim its leaf, so this is
        // said only of what its key has signed: then somebody else has that key.
        if content.sender() == Sender::Member(self.own_leaf().as_u32()) {
            return Err(Violation::NotSentByThisClient.into());
        }
        match (&content.content().content, content.sender()) {
            (Content::Commit(_), _) => {
                let staged = self.stage_commit(content.authenticated(), now)?;
                if let Some(key) = key
                    && self.opened_commits.len() < OPENED_COMMITS_MAX
                {
                    self.opened_commits.insert((key.sender, key.generation));
                }
                Ok(Effect::new(Received::Commit(Box::new(staged)), Delta::default()))
            }
            (Content::Proposal(_), _) => self.receive_proposal(&content, key, now),
            (Content::Application(_), Sender::Member(index)) => {
                let member = self.epoch.tree.member(index).ok_or(Violation::SenderNotMember)?;
                let (index, leaf) = member;
                let received = Received::application(content.into_inner().content, index, leaf);
                let received = received.ok_or(Misuse::WrongMessageKind)?;
                let delta = self.erase_key(key)?;
                Ok(self.effect(received, delta))
            }
            (Content::Application(_), _) => Err(Violation::SenderNotMember.into()),
        }
    }

    /// The steps of section 12.4.2 from the verified signature on.
    fn stage_commit(&self, commit: &AuthenticatedContent, now: u64) -> Result<StagedCommit, Error> {
        let Content::Commit(body) = &commit.content.content else {
            return Err(Misuse::WrongMessageKind.into());
        };
        let committer = self.committer(commit.content.sender)?;
        let find = |reference: &ProposalRef| self.proposals.find(reference);
        let proposals = ListedProposal::of_commit(body, committer, find)
            .ok_or(Violation::CommitOfUnknownProposal)?;
        self.check_external_commit(committer, &proposals)?;
        // "Verify that the proposals vector is valid", "Create the new ratchet tree and
        // GroupContext by applying the list of proposals".
        let checks = self.client.checks(now, false);
        let mut applied = tree::apply(self.base(), committer, &proposals, &checks)?;
        // "Verify that the path value is populated if" the proposals demand it.
        if applied.path_required && body.path.is_none() {
            return Err(Violation::PathMissing.into());
        }
        // "If the path value is populated, validate it and apply it to the tree".
        let (sender, next) = match (&body.path, committer) {
            (Some(path), _) => {
                applied.merge_received_path(self.base(), committer, path, &checks)?
            }
            (None, Committer::Member(sender)) => (sender, applied.without_path(&self.suite)?),
            (None, Committer::NewMember) => return Err(Violation::PathMissing.into()),
        };
        let mut change = self.change(&proposals, &applied, &next, (sender, committer));
        change.authenticated_data = commit.content.authenticated_data.to_vec();
        if change.self_removed {
            return Ok(self.staged(None, Delta::default(), change));
        }
        // "Decrypt the path secrets", "Define commit_secret".
        let context = provisional_context(&self.epoch.context, &applied.extensions, &next)?;
        let (private, commit_secret) = self.open_path(body, &applied, &next, (sender, &context))?;
        // "Verify that all PreSharedKey proposals in the proposals vector are available", "Derive
        // the psk_secret".
        let psks: Result<Vec<(PreSharedKeyId, Secret)>, Error> =
            applied.psks.iter().map(|id| Ok((id.clone(), self.find_psk(id)?))).collect();
        let psk_secret = psk_secret(&self.suite, &psks?)?;
        // "Update the confirmed and interim transcript hashes", "compute the new joiner_secret,
        // ...", "compute the confirmation tag for this message ... and verify".
        let external_init = self.external_init(&applied)?;
        let transition = Transition {
            suite: &self.suite,
            limits: self.client.settings().ratchet_limits,
            interim: self.epoch.interim,
            init_secret: external_init.as_ref().unwrap_or(self.epoch.secrets.init_secret()),
            commit_secret: &commit_secret,
            psk_secret: &psk_secret,
            commit,
            state: EpochState { context, tree: next.tree, private },
        };
        let tag = commit.auth.confirmation_tag.as_deref().unwrap_or_default();
        let mut epoch = Epoch::next(transition, Confirmation::Verify(tag))?.epoch;
        let mut delta = Delta::default();
        put_next_tree(self.group_id(), &self.epoch.tree, &epoch.tree, &mut delta);
        put_next_epoch(&mut epoch, &mut delta);
        Ok(self.staged(Some(Box::new(epoch)), delta, change))
    }

    fn staged(&self, epoch: Option<Box<Epoch>>, delta: Delta, change: EpochChange) -> StagedCommit {
        let base = BaseEpoch::of(&self.epoch);
        StagedCommit { staged: StagedEpoch { base, epoch, delta, change, signer: None } }
    }

    fn committer(&self, sender: Sender) -> Result<Committer, Error> {
        match sender {
            Sender::Member(index) => {
                let member = self.epoch.tree.member_index(index);
                Ok(Committer::Member(member.ok_or(Violation::SenderNotMember)?))
            }
            Sender::NewMemberCommit => Ok(Committer::NewMember),
            Sender::External(_) | Sender::NewMemberProposal => {
                Err(Violation::SenderNotMember.into())
            }
        }
    }

    /// The application's switch for external commits (section 12.4.3.2).
    fn check_external_commit(
        &self,
        committer: Committer,
        proposals: &[ListedProposal],
    ) -> Result<(), Violation> {
        if committer != Committer::NewMember {
            return Ok(());
        }
        let mut all = proposals.iter().map(|listed| &*listed.proposal);
        let resync = all.clone().any(|proposal| matches!(proposal, Proposal::Remove(_)));
        // That of another group proves nothing about this one.
        let with_psk = all.any(|proposal| match proposal {
            Proposal::PreSharedKey(PreSharedKeyId {
                kind: PskKind::Resumption { psk_group_id, .. },
                ..
            }) => **psk_group_id == *self.group_id(),
            _ => false,
        });
        match self.client.settings().external_commits {
            ExternalCommitPolicy::Allow => Ok(()),
            ExternalCommitPolicy::Refuse => Err(Violation::ExternalCommitForbidden),
            ExternalCommitPolicy::JoinOnly if resync => Err(Violation::ExternalCommitForbidden),
            ExternalCommitPolicy::ResyncOnly if !resync => Err(Violation::ExternalCommitForbidden),
            ExternalCommitPolicy::ResyncWithPsk if resync && !with_psk => {
                Err(Violation::ResyncWithoutPsk)
            }
            ExternalCommitPolicy::JoinOnly
            | ExternalCommitPolicy::ResyncOnly
            | ExternalCommitPolicy::ResyncWithPsk => Ok(()),
        }
    }

    fn change(
        &self,
        proposals: &[ListedProposal],
        applied: &AppliedProposals,
        next: &NextTree,
        (sender, committer): (LeafIndex, Committer),
    ) -> EpochChange {
        let old = Epoch0 {
            proposals,
            epoch: self.epoch(),
            extensions: self.extensions(),
            tree: &self.epoch.tree,
            own_leaf: Some(self.own_leaf()),
        };
        EpochChange::new(&old, applied, &next.tree, (sender, committer == Committer::NewMember))
    }

    /// The private keys of the next epoch, and the commit secret.
    fn open_path(
        &self,
        commit: &Commit,
        applied: &AppliedProposals,
        next: &NextTree,
        (sender, context): (LeafIndex, &GroupContext),
    ) -> Result<(PrivatePath, CommitSecret), Error> {
        let own_leaf = self.own_leaf();
        let mut private = self.epoch.private.duplicate();
        if applied.updated.iter().any(|(updated, _)| *updated == own_leaf) {
            let key = next.tree.public_key(own_leaf.node());
            let key_pair = key.and_then(|key| self.proposals.own_update(&key));
            // Only own Updates become known as such, and their keys with them.
            let key_pair = key_pair.ok_or_else(|| Error::corrupt("key of an own update"))?;
            let key_pair = key_pair.duplicate();
            private.insert(&next.tree, own_leaf.node(), key_pair)?;
        }
        let Some(path) = &commit.path else {
            private.retain_matching(&next.tree);
            return Ok((private, CommitSecret::without_path(&self.suite)));
        };
        let added = applied.added.iter().map(|added| added.index).collect();
        let group_context = context.to_bytes();
        let context =
            PathContext { tree: &next.tree, added: &added, group_context: &group_context };
        Ok(ReceivedPath::new(context, sender, &path.nodes)?.open(&self.suite, &private)?)
    }

    fn external_init(&self, applied: &AppliedProposals) -> Result<Option<InitSecret>, Error> {
        let Some(kem_output) = &applied.external_init else { return Ok(None) };
        Ok(Some(self.epoch.secrets.receive_external_init(&self.suite, kem_output)?))
    }
}
