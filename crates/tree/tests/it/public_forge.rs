//! GroupInfos and PublicMessages of a forged [`Group`], as a follower sees them: really signed,
//! with tags that nobody without secrets can tell from right ones.

use std::sync::Arc;

use crypto::Crypto;
use tree::{Committer, ListedProposal, PublicGroup, PublicReceived, StagedPublicCommit};
use wire::{
    AuthenticatedContent, Commit, Content, Extension, ExtensionType, Extensions, FramedContent,
    FramedContentAuthData, GroupInfo, MlsMessage, MlsMessageBody, Proposal, ProposalOrRef,
    PublicMessage, Sender, WireFormat,
};

use crate::forge::{CHECKS, Group, Person};
use crate::rules_external;

pub(crate) fn crypto() -> Crypto {
    Crypto::new(crypto_aws_lc::provider())
}

/// What any MAC might be.
pub(crate) const TAG: [u8; 32] = [0xaa; 32];

pub(crate) fn by_value(proposals: &[ListedProposal]) -> Vec<ProposalOrRef> {
    let proposals = proposals.iter();
    proposals.map(|listed| ProposalOrRef::Proposal(Arc::clone(&listed.proposal))).collect()
}

impl Group {
    /// The GroupInfo of the present epoch with the tree inside, changed before it is signed.
    pub(crate) fn info(&self, signer: u32, change: impl FnOnce(&mut GroupInfo)) -> GroupInfo {
        let tree = Extension::new(ExtensionType::RATCHET_TREE, &self.tree.to_nodes());
        let mut info = GroupInfo {
            group_context: self.context.clone(),
            extensions: Extensions(vec![tree]),
            confirmation_tag: TAG.to_vec().into(),
            signer,
            signature: Default::default(),
        };
        change(&mut info);
        let (signed, label) = (info.to_be_signed(), GroupInfo::SIGNATURE_LABEL);
        let signer = self.member(signer).signer;
        info.signature = self.suite.sign_with_label(&*signer, label, &signed).unwrap().into();
        info
    }

    /// A follower of this group.
    pub(crate) fn follower(&self) -> PublicGroup {
        PublicGroup::new(&crypto(), &self.info(0, |_| {}), None, &CHECKS).unwrap()
    }

    /// A message with this content, signed by this person, changed before it is signed.
    pub(crate) fn message(
        &self,
        sender: Sender,
        content: Content,
        person: &Person,
        change: impl FnOnce(&mut FramedContent),
    ) -> PublicMessage {
        let mut content = FramedContent {
            group_id: self.context.group_id.clone(),
            epoch: self.context.epoch,
            sender,
            authenticated_data: b"aad".into(),
            content,
        };
        change(&mut content);
        let format = WireFormat::PUBLIC_MESSAGE;
        let signed = AuthenticatedContent::to_be_signed(format, &content, &self.context);
        let label = AuthenticatedContent::SIGNATURE_LABEL;
        let signature = self.suite.sign_with_label(&*person.signer, label, &signed).unwrap();
        let is_commit = matches!(content.content, Content::Commit(_));
        let is_member = matches!(content.sender, Sender::Member(_));
        let tag = |tagged: bool| tagged.then(|| TAG.to_vec().into());
        let confirmation_tag = tag(is_commit);
        let auth = FramedContentAuthData { signature: signature.into(), confirmation_tag };
        PublicMessage { content, auth, membership_tag: tag(is_member) }
    }

    /// A member's message.
    pub(crate) fn says(&self, member: u32, content: Content) -> PublicMessage {
        self.message(Sender::Member(member), content, &self.member(member), |_| {})
    }

    /// A member's proposal as a message.
    pub(crate) fn proposes(&self, member: u32, proposal: &Proposal) -> PublicMessage {
        self.says(member, Content::Proposal(proposal.clone()))
    }

    /// A member's commit with a path over these proposals, which the message names as told.
    pub(crate) fn commits(
        &mut self,
        member: u32,
        proposals: &[ListedProposal],
        named: Vec<ProposalOrRef>,
    ) -> PublicMessage {
        let mut applied = self.apply(member, proposals).unwrap();
        let (committer, person) = (Committer::Member(self.leaf(member)), self.member(member));
        let path = Some(self.path(&mut applied, (committer, &person), |_| {}));
        self.says(member, Content::Commit(Arc::new(Commit { proposals: named, path })))
    }

    /// The commit by which this person joins, over these proposals.
    pub(crate) fn joins(&mut self, person: &Person, proposals: &[ListedProposal]) -> PublicMessage {
        let mut applied = rules_external::apply_external(self, proposals).unwrap();
        let path = Some(self.path(&mut applied, (Committer::NewMember, person), |_| {}));
        let commit = Commit { proposals: by_value(proposals), path };
        let content = Content::Commit(Arc::new(commit));
        self.message(Sender::NewMemberCommit, content, person, |_| {})
    }

    /// Takes over the state of who followed a commit that was forged here.
    pub(crate) fn catch_up(&mut self, follower: &PublicGroup) {
        self.context = follower.context().clone();
        self.tree = follower.tree().clone();
    }
}

pub(crate) fn wrapped(message: PublicMessage) -> MlsMessage {
    MlsMessage(MlsMessageBody::PublicMessage(Box::new(message)))
}

/// What a follower makes of a message.
pub(crate) fn receive(
    follower: &mut PublicGroup,
    message: PublicMessage,
) -> Result<PublicReceived, tree::Error> {
    follower.process(&wrapped(message), &CHECKS)
}

/// A commit that must be in order, staged.
pub(crate) fn stage(follower: &mut PublicGroup, message: PublicMessage) -> StagedPublicCommit {
    match receive(follower, message) {
        Ok(PublicReceived::Commit(staged)) => *staged,
        Ok(PublicReceived::Proposal(_)) => panic!("a proposal"),
        Err(error) => panic!("{error}"),
    }
}
