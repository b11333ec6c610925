//! Forged commits (RFC 9420, section 12.4.1): an honest commit, taken apart before it is signed.

use std::collections::BTreeSet;
use std::sync::Arc;

use codec::Encode;
use crypto::{Secret, Suite};
use protection::{ConfirmedTranscriptHash, MessageSecrets, RatchetLimits, SecretTree};
use tree::rules::LifetimeRules;
use tree::{
    Base, Checks, Committer, LeafIndex, ListedProposal, NextTree, ProposalSender, PskPurpose,
};
use treekem::{
    CommitSecret, InitSecret, JoinerSecret, NewPath, PathContext, PrivatePath, PskSecret,
    psk_secret,
};
use wire::{
    AuthenticatedContent, Commit, Content, FramedContent, GroupContext, LeafNodeSource,
    PreSharedKeyId, Proposal, ProposalOrRef, ProtocolVersion, Sender, UpdatePath, WireFormat,
};

use super::Insider;
use crate::{AcceptAll, NOW};

/// A commit that is not signed yet. Everything is public: change it, then [`DraftCommit::finish`].
pub struct DraftCommit {
    /// What will be signed.
    pub content: FramedContent,
    /// How it will travel.
    pub wire_format: WireFormat,
    /// The GroupContext of the next epoch, still with the old transcript hash.
    pub context: GroupContext,
    /// The next tree.
    pub next: NextTree,
    /// The committer's place in it.
    pub leaf: LeafIndex,
    /// The committer's private keys in it.
    pub private: PrivatePath,
    /// What the path adds to the next epoch.
    pub commit_secret: CommitSecret,
    /// What the pre-shared keys add.
    pub psk_secret: PskSecret,
    /// What the epoch before adds; `None` for its init secret.
    pub init_secret: Option<InitSecret>,
    /// New members with the path secret that each is to be told.
    pub added: Vec<(LeafIndex, Option<Secret>)>,
}

/// A signed commit and the epoch it leads to.
pub struct ForgedCommit {
    /// Signed, with the confirmation tag that follows; to be framed by [`Insider::public`] or
    /// [`Insider::private`] of the member in the old epoch.
    pub content: AuthenticatedContent,
    /// The committer in the next epoch.
    pub next: Insider,
    /// What new members are told.
    pub joiner_secret: JoinerSecret,
}

/// Checks that let everything pass but what cannot be applied.
fn checks() -> Checks<'static> {
    Checks {
        identity: &AcceptAll,
        lifetimes: LifetimeRules {
            lifetime_max_seconds: u64::MAX,
            check_received: false,
            check_tree: false,
        },
        now: NOW,
        sending: false,
        psk_purpose: PskPurpose::Successor,
    }
}

/// What a path adds to a draft.
struct DraftPath {
    path: Option<UpdatePath>,
    context: GroupContext,
    next: NextTree,
    private: PrivatePath,
    commit_secret: CommitSecret,
    path_secrets: Vec<Option<Secret>>,
}

impl Insider {
    /// A proposal of this member, by value.
    #[must_use]
    pub fn listed(&self, proposal: Proposal) -> ListedProposal {
        ListedProposal {
            proposal: Arc::new(proposal),
            sender: ProposalSender::Member(self.leaf),
            reference: None,
            verified: None,
        }
    }

    /// A commit by this member over proposals that can be applied. What the commit shall say beyond
    /// them goes into the draft's content.
    pub fn draft(&mut self, proposals: &[ListedProposal], with_path: bool) -> DraftCommit {
        self.draft_as(Committer::Member(self.leaf), proposals, with_path)
    }

    /// An external commit, signed with the insider's present signer: give it a new one first.
    pub fn draft_external(&mut self, others: &[ListedProposal]) -> DraftCommit {
        let external = self.secrets.external_key_pair(&self.suite).expect("keys derive");
        let key = &external.public_key;
        let sent = InitSecret::send_external(&self.suite, key, &mut self.random);
        let (kem_output, init_secret) = sent.expect("the group has an external key");
        let mut proposals = vec![self.listed(Proposal::ExternalInit(kem_output))];
        proposals.extend_from_slice(others);
        proposals.iter_mut().for_each(|listed| listed.sender = ProposalSender::Joiner);
        let mut draft = self.draft_as(Committer::NewMember, &proposals, true);
        draft.content.sender = Sender::NewMemberCommit;
        draft.init_secret = Some(init_secret);
        draft
    }

    fn draft_as(
        &mut self,
        committer: Committer,
        proposals: &[ListedProposal],
        with_path: bool,
    ) -> DraftCommit {
        let suite = self.suite.clone();
        let base = Base { suite: &suite, context: &self.context, tree: &self.tree };
        let applied = tree::apply(base, committer, proposals, &checks());
        let mut applied = applied.expect("the proposals can be applied");
        let leaf = applied.sender_leaf(committer).expect("there is room");
        let made = if with_path {
            self.draft_path(&applied, (committer, leaf))
        } else {
            let next = applied.without_path(&suite).expect("the tree can be hashed");
            let mut private = self.private.duplicate();
            private.retain_matching(&next.tree);
            DraftPath {
                path: None,
                context: self.provisional(&applied.extensions, &next),
                next,
                private,
                commit_secret: CommitSecret::without_path(&suite),
                path_secrets: applied.added.iter().map(|_| None).collect(),
            }
        };
        let listed = proposals.iter().map(|listed| match listed.reference {
            Some(reference) => ProposalOrRef::Reference(reference),
            None => ProposalOrRef::Proposal(Box::new((*listed.proposal).clone())),
        });
        let commit = Commit { proposals: listed.collect(), path: made.path };
        let places = applied.added.iter().map(|added| added.index);
        DraftCommit {
            content: self.content(Content::Commit(Box::new(commit))),
            wire_format: WireFormat::PUBLIC_MESSAGE,
            context: made.context,
            next: made.next,
            leaf,
            private: made.private,
            commit_secret: made.commit_secret,
            psk_secret: PskSecret::none(&suite),
            init_secret: None,
            added: places.zip(made.path_secrets).collect(),
        }
    }

    fn provisional(&self, extensions: &wire::Extensions, next: &NextTree) -> GroupContext {
        GroupContext {
            version: ProtocolVersion::MLS10,
            epoch: self.context.epoch + 1,
            tree_hash: next.tree_hash,
            extensions: extensions.clone(),
            ..self.context.clone()
        }
    }

    fn draft_path(
        &mut self,
        applied: &tree::AppliedProposals,
        (committer, leaf): (Committer, LeafIndex),
    ) -> DraftPath {
        let suite = self.suite.clone();
        let base = Base { suite: &suite, context: &self.context, tree: &self.tree };
        let path = NewPath::generate(&suite, applied.tree(), leaf, &mut self.random);
        let path = path.expect("keys can be made");
        let merged = applied.merge_path(&suite, (committer, leaf), &path.public_keys());
        let merged = merged.expect("the path fits");
        // Whoever joins looks like the insider, but for the keys.
        let mut leaf_node = (**self.tree.leaf(self.leaf).expect("a member has a leaf")).clone();
        leaf_node.encryption_key = path.leaf_public_key().clone();
        leaf_node.signature_key = self.signer.public_key().clone();
        leaf_node.leaf_node_source = LeafNodeSource::Commit { parent_hash: merged.parent_hash };
        self.sign_leaf(&mut leaf_node, leaf.as_u32());
        let next = merged.set_leaf(base, &applied.extensions, leaf_node.clone(), &checks());
        let next = next.expect("the leaf is in order");
        let context = self.provisional(&applied.extensions, &next);
        let added: BTreeSet<_> = applied.added.iter().map(|added| added.index).collect();
        let group_context = context.to_bytes();
        let path_context =
            PathContext { tree: &next.tree, added: &added, group_context: &group_context };
        let nodes = path.seal(&suite, &path_context, &mut self.random).expect("keys encrypt");
        let path_secret = |index| path.path_secret_for(index).map(|it| it.as_secret().duplicate());
        let path_secrets = added.iter().map(|&index| path_secret(index)).collect();
        let (private, commit_secret) = path.into_private_path();
        let path = Some(UpdatePath { leaf_node, nodes });
        DraftPath { path, context, next, private, commit_secret, path_secrets }
    }
}

impl DraftCommit {
    /// The commit itself.
    pub fn commit(&mut self) -> &mut Commit {
        let Content::Commit(commit) = &mut self.content.content else { panic!("not a commit") };
        commit
    }

    /// The path of the commit.
    pub fn path(&mut self) -> &mut UpdatePath {
        self.commit().path.as_mut().expect("the commit has a path")
    }

    /// Changes the leaf of the path and signs it again. The tree of the draft keeps the old one.
    pub fn change_leaf(&mut self, insider: &Insider, change: impl FnOnce(&mut wire::LeafNode)) {
        let place = self.leaf.as_u32();
        let leaf = &mut self.path().leaf_node;
        change(leaf);
        insider.sign_leaf(leaf, place);
    }

    /// Mixes in pre-shared keys.
    pub fn set_psks(&mut self, suite: &Suite, psks: &[(PreSharedKeyId, Secret)]) {
        self.psk_secret = psk_secret(suite, psks).expect("keys derive");
    }

    /// Signs what the draft says now, and derives the next epoch and its confirmation tag from it.
    #[must_use]
    pub fn finish(self, insider: &Insider) -> ForgedCommit {
        let suite = &insider.suite;
        let mut content = insider.sign(self.wire_format, self.content);
        let mut context = self.context;
        let ConfirmedTranscriptHash(confirmed) =
            insider.interim.confirmed(suite, &content).expect("hashing works");
        context.confirmed_transcript_hash = confirmed;
        let init_secret = self.init_secret.as_ref().unwrap_or(insider.secrets.init_secret());
        let group_context = context.to_bytes();
        let joiner_secret =
            JoinerSecret::derive(suite, init_secret, &self.commit_secret, &group_context);
        let joiner_secret = joiner_secret.expect("secrets derive");
        let member_secret = joiner_secret.member_secret(suite, &self.psk_secret);
        let secrets = member_secret.expect("secrets derive");
        let secrets = secrets.into_epoch_secrets(suite, &group_context);
        let mut secrets = secrets.expect("secrets derive");
        let tag = secrets.confirmation_tag(suite, confirmed.as_slice()).expect("a MAC is made");
        let tag = tag.into_opaque();
        content.auth.confirmation_tag = Some(tag.clone());
        let interim = ConfirmedTranscriptHash(confirmed).interim(suite, &tag);
        let encryption = secrets.take_encryption_secret().expect("the epoch is new");
        let secret_tree =
            SecretTree::new(self.next.tree.size(), encryption, RatchetLimits::default());
        let next = Insider {
            suite: suite.clone(),
            signer: Arc::clone(&insider.signer),
            leaf: self.leaf,
            context,
            tree: self.next.tree,
            messages: MessageSecrets::new(secrets.sender_data_secret().duplicate(), secret_tree),
            secrets,
            private: self.private,
            interim: interim.expect("hashing works"),
            confirmation_tag: tag,
            random: insider.random.clone(),
        };
        ForgedCommit { content, next, joiner_secret }
    }
}
