//! Forged commits (RFC 9420, section 12.4.1): an honest commit, taken apart before it is signed.

use std::collections::BTreeSet;
use std::sync::Arc;

use codec::{Encode, Opaque};
use crypto::{HpkePublicKey, Secret, Suite};
use protection::{ConfirmedTranscriptHash, MessageSecrets, RatchetLimits, SecretTree};
use tree::rules::LifetimeRules;
use tree::{
    Base, Checks, Committer, LeafIndex, ListedProposal, NextTree, ProposalSender, PskPurpose,
    RatchetTree,
};
use treekem::{
    CommitSecret, InitSecret, JoinerSecret, NewPath, PathContext, PrivatePath, PskSecret,
    psk_secret,
};
use wire::{
    AuthenticatedContent, Commit, Content, Extensions, FramedContent, GroupContext, KeyPackage,
    LeafNode, LeafNodeSource, PreSharedKeyId, Proposal, ProposalOrRef, ProtocolVersion, Sender,
    UpdatePath, WireFormat,
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
        let (kem_output, init_secret) = self.send_external();
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
        let listed = proposals.iter().map(|listed| match listed.reference {
            Some(reference) => ProposalOrRef::Reference(reference),
            None => ProposalOrRef::Proposal(Arc::clone(&listed.proposal)),
        });
        let changes = Changes {
            proposals: listed.collect(),
            tree: applied.tree().clone(),
            leaf,
            extensions: applied.extensions.clone(),
            added: applied.added.iter().map(|added| added.index).collect(),
        };
        self.draft_of(changes, with_path.then(PathChange::default))
    }

    /// An external commit of these changes, whatever they are, signed with the insider's present
    /// signer. The ExternalInit comes first.
    pub fn draft_external_of(&mut self, mut changes: Changes, path: PathChange<'_>) -> DraftCommit {
        let (kem_output, init_secret) = self.send_external();
        let init = ProposalOrRef::Proposal(Arc::new(Proposal::ExternalInit(kem_output)));
        changes.proposals.insert(0, init);
        changes.leaf = changes.tree.place_for_new_leaf().expect("there is room");
        let mut draft = self.draft_of(changes, Some(path));
        draft.content.sender = Sender::NewMemberCommit;
        draft.init_secret = Some(init_secret);
        draft
    }

    fn send_external(&mut self) -> (Opaque, InitSecret) {
        let external = self.secrets.external_key_pair(&self.suite).expect("keys derive");
        let key = &external.public_key;
        let sent = InitSecret::send_external(&self.suite, key, &mut self.random);
        sent.expect("the group has an external key")
    }

    /// A commit of these changes, whatever they are. The tree of the next epoch holds what the path
    /// says.
    pub fn draft_of(&mut self, changes: Changes, path: Option<PathChange<'_>>) -> DraftCommit {
        let suite = self.suite.clone();
        let Changes { proposals, mut tree, leaf, extensions, added } = changes;
        let path = path.map(|change| {
            let path = NewPath::generate(&suite, &tree, leaf, &mut self.random);
            let path = path.expect("keys can be made");
            let mut keys = path.public_keys();
            (change.keys)(&mut keys);
            let merged = tree.merge_path_keys(&suite, leaf, keys.iter().cloned());
            let parent_hash = merged.expect("the path fits");
            // Whoever joins looks like the insider, but for the keys.
            let mut leaf_node = (*self.tree.leaf(self.leaf).expect("has a leaf")).clone();
            leaf_node.encryption_key = path.leaf_public_key().clone();
            leaf_node.signature_key = self.signer.public_key().clone();
            leaf_node.leaf_node_source = LeafNodeSource::Commit { parent_hash };
            (change.leaf)(&mut leaf_node);
            self.sign_leaf(&mut leaf_node, leaf.as_u32());
            tree.set_leaf(leaf, leaf_node.clone());
            (path, keys, leaf_node)
        });
        let tree_hash = tree.tree_hash(&suite).expect("the tree can be hashed");
        let context = GroupContext {
            version: ProtocolVersion::MLS10,
            epoch: self.context.epoch + 1,
            tree_hash,
            extensions,
            ..self.context.clone()
        };
        let joiners: BTreeSet<_> = added.iter().copied().collect();
        let group_context = context.to_bytes();
        let mut draft = DraftCommit {
            content: self.content(Content::Commit(Arc::new(Commit { proposals, path: None }))),
            wire_format: WireFormat::PUBLIC_MESSAGE,
            context,
            next: NextTree { tree, tree_hash },
            leaf,
            private: self.private.duplicate(),
            commit_secret: CommitSecret::without_path(&suite),
            psk_secret: PskSecret::none(&suite),
            init_secret: None,
            added: added.iter().map(|&index| (index, None)).collect(),
        };
        let Some((path, keys, leaf_node)) = path else {
            draft.private.retain_matching(&draft.next.tree);
            return draft;
        };
        let path_context =
            PathContext { tree: &draft.next.tree, added: &joiners, group_context: &group_context };
        let sealed = path.seal(&suite, &path_context, &mut self.random);
        let mut nodes = sealed.expect("keys encrypt");
        for (node, encryption_key) in nodes.iter_mut().zip(keys) {
            node.encryption_key = encryption_key;
        }
        draft.commit().path = Some(UpdatePath { leaf_node, nodes });
        let path_secret = |index| path.path_secret_for(index).map(|it| it.as_secret().duplicate());
        draft.added = added.iter().map(|&index| (index, path_secret(index))).collect();
        (draft.private, draft.commit_secret) = path.into_private_path();
        draft
    }

    /// No changes yet, by this member.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes {
            proposals: Vec::new(),
            tree: self.tree.clone(),
            leaf: self.leaf,
            extensions: self.context.extensions.clone(),
            added: Vec::new(),
        }
    }
}

/// What is changed in a path before anything depends on it.
pub struct PathChange<'a> {
    /// Changes the public keys along the filtered direct path.
    pub keys: &'a dyn Fn(&mut Vec<HpkePublicKey>),
    /// Changes the new leaf, which is signed afterwards.
    pub leaf: &'a dyn Fn(&mut LeafNode),
}

impl Default for PathChange<'_> {
    fn default() -> Self {
        Self { keys: &|_| {}, leaf: &|_| {} }
    }
}

/// What a commit changes, applied to the tree without any check.
pub struct Changes {
    /// What the commit says.
    pub proposals: Vec<ProposalOrRef>,
    /// The tree after the proposals.
    pub tree: RatchetTree,
    /// The committer's place in it.
    pub leaf: LeafIndex,
    /// The extensions of the GroupContext after the proposals.
    pub extensions: Extensions,
    /// The places of new members.
    pub added: Vec<LeafIndex>,
}

impl Changes {
    /// A proposal by value that changes nothing here.
    #[must_use]
    pub fn say(mut self, proposal: Proposal) -> Self {
        self.proposals.push(ProposalOrRef::Proposal(Arc::new(proposal)));
        self
    }

    /// A new member.
    #[must_use]
    pub fn add_member(mut self, key_package: KeyPackage) -> Self {
        let place = self.tree.add_leaf(key_package.leaf_node.clone());
        self.added.push(place.expect("the tree can grow"));
        self.say(Proposal::Add(Box::new(key_package)))
    }

    /// A new leaf for a member.
    pub fn update(&mut self, leaf: LeafIndex, leaf_node: LeafNode) {
        self.tree.take_leaf(leaf);
        self.tree.set_leaf(leaf, leaf_node);
    }

    /// One member less.
    #[must_use]
    pub fn remove_member(mut self, leaf: LeafIndex) -> Self {
        self.tree.take_leaf(leaf);
        self.tree.truncate();
        self.say(Proposal::Remove(leaf.as_u32()))
    }

    /// Other extensions.
    #[must_use]
    pub fn extend(mut self, extensions: Extensions) -> Self {
        self.extensions = extensions.clone();
        self.say(Proposal::GroupContextExtensions(extensions))
    }
}

impl DraftCommit {
    /// The commit itself.
    pub fn commit(&mut self) -> &mut Commit {
        let Content::Commit(commit) = &mut self.content.content else { panic!("not a commit") };
        Arc::make_mut(commit)
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
