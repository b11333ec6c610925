//! Following a group's messages (RFC 9420, sections 6.1, 12.1.8 and 12.4.2): the steps of a member,
//! as far as they need no secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::{CryptoError, SignaturePublicKey};
use wire::{
    AuthenticatedContent, Commit, Content, FramedContent, GroupContext, MlsMessage, MlsMessageBody,
    Proposal, ProposalRef, PublicMessage, Sender,
};

use super::{
    Pending, PublicChange, PublicGroup, PublicProposal, PublicReceived, StagedPublicCommit,
};
use crate::{
    AppliedProposals, Checks, Committer, Error, LeafIndex, ListedProposal, Misuse, NextTree,
    ProposalSender, Violation, apply, proposal,
};

impl PublicGroup {
    /// Takes a message of the present epoch. An error changes nothing.
    ///
    /// `checks` are those of the members' applications; `sending` is false. A proposal that is
    /// received twice is remembered once.
    pub fn process(
        &mut self,
        message: &MlsMessage,
        checks: &Checks<'_>,
    ) -> Result<PublicReceived, Error> {
        let message = match &message.0 {
            MlsMessageBody::PublicMessage(message) => message,
            MlsMessageBody::PrivateMessage(_) => return Err(Misuse::Encrypted.into()),
            _ => return Err(Misuse::WrongMessageKind.into()),
        };
        if self.reinit.is_some() {
            return Err(Misuse::Reinitialized.into());
        }
        let content = self.verify((**message).clone())?;
        match &content.content.content {
            Content::Commit(commit) => {
                let staged = self.stage(&content, commit, checks)?;
                Ok(PublicReceived::Commit(Box::new(staged)))
            }
            Content::Proposal(proposal) => {
                Ok(PublicReceived::Proposal(self.remember(&content, proposal, checks)?))
            }
            Content::Application(_) => Err(Violation::ApplicationInPublicMessage.into()),
        }
    }

    /// Everything about a message that does not depend on what it proposes.
    fn verify(&self, message: PublicMessage) -> Result<AuthenticatedContent, Error> {
        // The signature of an outsider's proposal does not cover the context, so these two are what
        // binds it to the group and the epoch.
        if message.content.group_id != self.context.group_id {
            return Err(Violation::WrongGroup.into());
        }
        // "Verify that the epoch field of the enclosing FramedContent is equal to the epoch field
        // of the current GroupContext object" (section 12.4.2).
        if message.content.epoch != self.context.epoch {
            return Err(Violation::WrongEpoch.into());
        }
        self.check_tags(&message)?;
        let key = self.sender_key(&message.content)?;
        let content = message.into_authenticated_content();
        // "Recipients of an MLSMessage MUST verify the signature with the key depending on the
        // sender_type of the sender" (section 6.1).
        match content.verify_signature(&self.suite, &key, &self.context) {
            Ok(_) => Ok(content),
            Err(CryptoError::InvalidSignature | CryptoError::InvalidPublicKey) => {
                Err(Violation::InvalidContentSignature.into())
            }
            Err(other) => Err(other.into()),
        }
    }

    /// All that can be said of MACs without their keys.
    fn check_tags(&self, message: &PublicMessage) -> Result<(), Violation> {
        let is_member = matches!(message.content.sender, Sender::Member(_));
        let is_commit = matches!(message.content.content, Content::Commit(_));
        let expected =
            [is_member, is_commit].map(|tagged| tagged.then(|| self.suite.hash_length()));
        let tags = [&message.membership_tag, &message.auth.confirmation_tag];
        let lengths = tags.map(|tag| tag.as_ref().map(|tag| tag.len()));
        if lengths == expected { Ok(()) } else { Err(Violation::TagLength) }
    }

    /// The key that section 6.1 assigns to the sender, if the sender may say such a thing at all.
    fn sender_key(&self, content: &FramedContent) -> Result<SignaturePublicKey, Error> {
        let key = match (content.sender, &content.content) {
            (_, Content::Application(_)) => {
                return Err(Violation::ApplicationInPublicMessage.into());
            }
            (Sender::Member(index), Content::Proposal(_) | Content::Commit(_)) => {
                &self.tree.member(index).ok_or(Violation::SenderNotMember)?.1.signature_key
            }
            (Sender::External(index), Content::Proposal(_)) => {
                let senders = self.context.extensions.external_senders()?.unwrap_or_default();
                let sender = usize::try_from(index).ok().and_then(|index| senders.get(index));
                return Ok(sender.ok_or(Violation::ExternalSenderUnknown)?.signature_key.clone());
            }
            (Sender::NewMemberProposal, Content::Proposal(Proposal::Add(key_package))) => {
                &key_package.leaf_node.signature_key
            }
            (Sender::NewMemberCommit, Content::Commit(commit)) => {
                &commit.path.as_ref().ok_or(Violation::PathMissing)?.leaf_node.signature_key
            }
            (Sender::External(_), Content::Commit(_)) => {
                return Err(Violation::ExternalSenderContent.into());
            }
            (Sender::NewMemberProposal, Content::Proposal(_)) => {
                return Err(Violation::NewMemberProposal.into());
            }
            (Sender::NewMemberProposal, Content::Commit(_)) => {
                return Err(Violation::NewMemberProposalContent.into());
            }
            (Sender::NewMemberCommit, Content::Proposal(_)) => {
                return Err(Violation::NewMemberCommitContent.into());
            }
        };
        Ok(key.clone())
    }

    fn member(&self, index: u32) -> Result<LeafIndex, Violation> {
        self.tree.member(index).map(|(index, _)| index).ok_or(Violation::SenderNotMember)
    }

    /// Remembers a proposal if it is valid by itself.
    fn remember(
        &mut self,
        content: &AuthenticatedContent,
        proposal: &Proposal,
        checks: &Checks<'_>,
    ) -> Result<PublicProposal, Error> {
        let sender = match content.content.sender {
            Sender::Member(index) => ProposalSender::Member(self.member(index)?),
            Sender::External(index) => ProposalSender::External(index),
            Sender::NewMemberProposal => ProposalSender::NewMember,
            Sender::NewMemberCommit => return Err(Violation::NewMemberCommitContent.into()),
        };
        let proposal = Arc::new(proposal.clone());
        let listed = ListedProposal {
            proposal: Arc::clone(&proposal),
            sender,
            reference: None,
            verified: None,
        };
        let verified = Some(proposal::verify(self.base(), &listed, checks)?);
        let reference = content.proposal_ref(&self.suite)?;
        if !self.proposals.contains_key(&reference) {
            if self.proposals.len() >= Self::PROPOSALS_MAX {
                return Err(Misuse::TooManyProposals.into());
            }
            let pending = Pending { sender, proposal: Arc::clone(&proposal), verified };
            self.proposals.insert(reference, pending);
        }
        let authenticated_data = content.content.authenticated_data.clone();
        Ok(PublicProposal { reference, sender, proposal, authenticated_data })
    }

    /// The steps of section 12.4.2 from the verified signature on.
    fn stage(
        &self,
        content: &AuthenticatedContent,
        commit: &Commit,
        checks: &Checks<'_>,
    ) -> Result<StagedPublicCommit, Error> {
        let committer = match content.content.sender {
            Sender::Member(index) => Committer::Member(self.member(index)?),
            Sender::NewMemberCommit => Committer::NewMember,
            Sender::External(_) => return Err(Violation::ExternalSenderContent.into()),
            Sender::NewMemberProposal => return Err(Violation::NewMemberProposalContent.into()),
        };
        let proposals = self.listed_proposals(commit, committer)?;
        // "Verify that the proposals vector is valid", "Create the new ratchet tree and
        // GroupContext by applying the list of proposals".
        let mut applied = apply(self.base(), committer, &proposals, checks)?;
        let (sender, next) = match (&commit.path, committer) {
            // "If the path value is populated, validate it and apply it to the tree".
            (Some(path), _) => applied.merge_received_path(self.base(), committer, path, checks)?,
            // "Verify that the path value is populated if" the proposals demand it.
            (None, Committer::Member(sender)) if !applied.path_required => {
                (sender, applied.without_path(&self.suite)?)
            }
            (None, _) => return Err(Violation::PathMissing.into()),
        };
        let change = self.change(content, &applied, &next, (sender, committer))?;
        Ok(StagedPublicCommit {
            base: (self.context.clone(), self.interim),
            next: self.next(content, applied, next, change.epoch)?,
            change,
        })
    }

    fn listed_proposals(
        &self,
        commit: &Commit,
        committer: Committer,
    ) -> Result<Vec<ListedProposal>, Violation> {
        let find = |reference: &ProposalRef| {
            let pending = self.proposals.get(reference)?;
            Some(ListedProposal {
                proposal: Arc::clone(&pending.proposal),
                sender: pending.sender,
                reference: Some(*reference),
                verified: pending.verified,
            })
        };
        ListedProposal::of_commit(commit, committer, find).ok_or(Violation::CommitOfUnknownProposal)
    }

    fn change(
        &self,
        content: &AuthenticatedContent,
        applied: &AppliedProposals,
        next: &NextTree,
        (committer, kind): (LeafIndex, Committer),
    ) -> Result<PublicChange, Violation> {
        let external = kind == Committer::NewMember;
        let added = applied.added.iter().map(|added| added.index);
        let added = added.chain(external.then_some(committer));
        let leaf_in = |index| Some((index, next.tree.leaf(index)?));
        let mut updated = applied.updated.clone();
        if let (false, Some(before)) = (external, self.tree.leaf(committer)) {
            let replaced = next.tree.leaf(committer).is_some_and(|leaf| leaf != before);
            updated.extend(replaced.then_some((committer, before)));
        }
        Ok(PublicChange {
            epoch: self.context.epoch.checked_add(1).ok_or(Violation::LastEpoch)?,
            committer,
            external,
            added: added.filter_map(leaf_in).collect(),
            removed: applied.removed.clone(),
            updated,
            psks: applied.psks.clone(),
            extensions_changed: applied.extensions != self.context.extensions,
            reinit: applied.reinit.clone(),
            authenticated_data: content.content.authenticated_data.clone(),
        })
    }

    /// "Update the confirmed and interim transcript hashes using the new Commit, and generate the
    /// new GroupContext" (section 12.4.2). The confirmation tag is the received one.
    fn next(
        &self,
        content: &AuthenticatedContent,
        applied: AppliedProposals,
        next: NextTree,
        epoch: u64,
    ) -> Result<Self, Error> {
        let confirmed = self.interim.confirmed(&self.suite, content)?;
        let tag = content.auth.confirmation_tag.as_ref().ok_or(Violation::TagLength)?;
        Ok(Self {
            suite: self.suite.clone(),
            context: GroupContext {
                epoch,
                tree_hash: next.tree_hash,
                confirmed_transcript_hash: confirmed.0,
                extensions: applied.extensions,
                ..self.context.clone()
            },
            tree: next.tree,
            interim: confirmed.interim(&self.suite, tag)?,
            proposals: BTreeMap::new(),
            reinit: applied.reinit,
        })
    }
}
