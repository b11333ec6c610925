//! Creating a commit (RFC 9420, section 12.4.1). [`make_commit`] reads like the section; members,
//! joiners by external commit and founders of a successor group all come through it.

use std::collections::BTreeSet;
use std::sync::Arc;

use codec::{Encode, Opaque};
use crypto::{HpkePublicKey, Random, Secret, Signer};
use protection::{InterimTranscriptHash, sign};
use tree::{
    Added, AppliedProposals, Base, Checks, Committer, LeafIndex, ListedProposal, NextTree,
    ProposalSender,
};
use treekem::{CommitSecret, InitSecret, NewPath, PathContext, PrivatePath, psk_secret};
use wire::{
    AuthenticatedContent, COMMIT_PROPOSALS_MAX, Commit, Content, FramedContent, GroupContext,
    KeyPackage, KeyPackageRef, LeafNode, LeafNodeSource, MlsMessage, PreSharedKeyId, ProposalOrRef,
    ProposalRef, Sender, UpdatePath, WireFormat,
};

use super::staged::{BaseEpoch, CommitId, Epoch0, EpochChange, PendingCommit, StagedEpoch};
use crate::client::sign_leaf;
use crate::epoch::{Confirmation, Epoch, EpochState, NextEpoch, Transition, provisional_context};
use crate::rows::{put_next_epoch, put_next_tree};
use crate::welcome::{WelcomeInputs, make_welcomes};
use crate::{Client, Delta, Effect, Error, Group, GroupInfoOptions, LeafChanges, Misuse, Propose};

/// Whether a commit carries new keys for its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathChoice {
    /// Always: every commit heals its sender. RFC 9420's default.
    #[default]
    Always,
    /// Only if the proposals demand it: smaller commits, but the sender's keys stay.
    IfRequired,
}

/// What a commit shall contain and come with.
#[derive(Default)]
pub struct CommitOptions {
    /// Proposals of the committer, by value, in order.
    pub proposals: Vec<Propose>,
    /// Leave out the proposals that were received; they are gone with the epoch.
    pub ignore_received: bool,
    /// Cover exactly these received proposals, in this order, instead of as many as fit. If they
    /// do not make a valid list, there is no commit.
    pub only_received: Option<Vec<ProposalRef>>,
    /// Whether to send new keys.
    pub path: PathChoice,
    /// What changes in the committer's leaf; needs a path.
    pub leaf: LeafChanges,
    /// Data that is authenticated but not encrypted.
    pub authenticated_data: Vec<u8>,
    /// What the GroupInfo of the Welcome contains.
    pub welcome_info: GroupInfoOptions,
    /// Make one Welcome per new member instead of one for all.
    pub welcome_per_member: bool,
    /// Make a GroupInfo of the new epoch for joiners by external commit.
    pub group_info: Option<GroupInfoOptions>,
}

impl CommitOptions {
    /// A commit over what was received, with a path and the tree in the Welcome.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a client.
    #[must_use]
    pub fn add_member(self, key_package: KeyPackage) -> Self {
        self.propose(Propose::Add(Box::new(key_package)))
    }

    /// Removes a member.
    #[must_use]
    pub fn remove_member(self, member: LeafIndex) -> Self {
        self.propose(Propose::Remove(member))
    }

    /// Adds any proposal.
    #[must_use]
    pub fn propose(mut self, proposal: Propose) -> Self {
        self.proposals.push(proposal);
        self
    }
}

/// A commit that was made, with everything that must be sent if and only if it is accepted.
pub struct NewCommit {
    /// The candidate for the next epoch.
    pub pending: PendingCommit,
    /// The commit, for the members.
    pub commit: MlsMessage,
    /// Welcomes with the key packages they are for.
    pub welcomes: Vec<(MlsMessage, Vec<KeyPackageRef>)>,
    /// A GroupInfo of the new epoch, if it was asked for.
    pub group_info: Option<MlsMessage>,
}

/// Everything that a commit is made from.
pub(crate) struct CommitDraft<'a> {
    pub(crate) client: &'a Client,
    pub(crate) base: Base<'a>,
    pub(crate) committer: Committer,
    pub(crate) proposals: Vec<ListedProposal>,
    pub(crate) checks: Checks<'a>,
    pub(crate) path: PathChoice,
    pub(crate) leaf: &'a LeafChanges,
    /// Signs the commit: the key in the committer's present leaf, or that of a joiner's new leaf.
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) wire_format: WireFormat,
    pub(crate) authenticated_data: Opaque,
    pub(crate) interim: InterimTranscriptHash,
    pub(crate) init_secret: &'a InitSecret,
    /// The private keys that the committer has, if it is a member.
    pub(crate) private: Option<&'a PrivatePath>,
    pub(crate) find_psk: &'a dyn Fn(&PreSharedKeyId) -> Result<Secret, Error>,
}

/// A commit and the epoch it leads to.
pub(crate) struct MadeCommit {
    pub(crate) content: AuthenticatedContent,
    pub(crate) next: NextEpoch,
    pub(crate) change: EpochChange,
    /// New members with the path secret that each is told.
    pub(crate) added: Vec<(Added, Option<Secret>)>,
    pub(crate) psks: Vec<PreSharedKeyId>,
}

/// The next tree and the committer's new keys.
struct MadePath {
    next: NextTree,
    context: GroupContext,
    path: Option<UpdatePath>,
    path_secrets: Vec<Option<Secret>>,
    private: PrivatePath,
    commit_secret: CommitSecret,
}

/// The steps of section 12.4.1.
pub(crate) fn make_commit(
    draft: &CommitDraft<'_>,
    random: &mut dyn Random,
) -> Result<MadeCommit, Error> {
    let CommitDraft { base, committer, proposals, .. } = draft;
    // Nobody would read it.
    if proposals.len() > COMMIT_PROPOSALS_MAX {
        return Err(Misuse::TooManyProposals.into());
    }
    // "Verify that the list of proposals to be committed is valid", "Create the new ratchet tree
    // and GroupContext by applying the list of proposals".
    let mut applied = tree::apply(*base, *committer, proposals, &draft.checks)?;
    let sender = applied.sender_leaf(*committer)?;
    // "Decide whether to populate the path field".
    let with_path = applied.path_required || draft.path == PathChoice::Always;
    let made = if with_path {
        make_path(draft, &applied, sender, random)?
    } else {
        omit_path(draft, &applied)?
    };
    // "Derive the psk_secret".
    let psks: Result<Vec<_>, Error> =
        applied.psks.iter().map(|id| Ok((id.clone(), (draft.find_psk)(id)?))).collect();
    let psk_secret = psk_secret(base.suite, &psks?)?;
    // "Construct a FramedContent object containing the Commit object. Sign the FramedContent using
    // the old GroupContext as context."
    let MadePath { next, context, path, path_secrets, private, commit_secret } = made;
    let mut content = sign_commit(draft, sender, path)?;
    let old = Epoch0 {
        proposals,
        epoch: base.context.epoch,
        extensions: &base.context.extensions,
        tree: base.tree,
        own_leaf: None,
    };
    let external = matches!(committer, Committer::NewMember);
    let change = EpochChange::new(&old, &applied, &next.tree, (sender, external));
    // "... to compute the new joiner_secret, welcome_secret, epoch_secret, and derived secrets",
    // "Use the confirmation_key for the new epoch to compute the confirmation_tag value".
    let transition = Transition {
        suite: base.suite,
        limits: draft.client.settings().ratchet_limits,
        interim: draft.interim,
        init_secret: draft.init_secret,
        commit_secret: &commit_secret,
        psk_secret: &psk_secret,
        commit: &content,
        state: EpochState { context, tree: next.tree, private },
    };
    let next = Epoch::next(transition, Confirmation::Compute)?;
    content.auth.confirmation_tag = Some(next.epoch.confirmation_tag.clone());
    let added = applied.added.into_iter().zip(path_secrets).collect();
    Ok(MadeCommit { content, next, change, added, psks: applied.psks })
}

/// "If populating the path field".
fn make_path(
    draft: &CommitDraft<'_>,
    applied: &AppliedProposals,
    sender: LeafIndex,
    random: &mut dyn Random,
) -> Result<MadePath, Error> {
    let CommitDraft { base, .. } = draft;
    let suite = base.suite;
    // "Update the sender's direct path in the ratchet tree".
    let new_path = NewPath::generate(suite, applied.tree(), sender, random)?;
    let keys = new_path.public_keys();
    let merged = applied.merge_path(suite, (draft.committer, sender), &keys)?;
    let source = LeafNodeSource::Commit { parent_hash: merged.parent_hash };
    let encryption_key = new_path.leaf_public_key().clone();
    let (mut leaf_node, signer) = path_leaf(draft, encryption_key, source, random)?;
    sign_leaf(suite, &*signer, &mut leaf_node, (&base.context.group_id, sender.as_u32()))?;
    let next = merged.set_leaf(*base, &applied.extensions, leaf_node.clone(), &draft.checks)?;
    // "Construct a provisional GroupContext", "Encrypt the path secrets resulting from the tree
    // update".
    let context = provisional_context(base.context, &applied.extensions, &next)?;
    let added: BTreeSet<LeafIndex> = applied.added.iter().map(|added| added.index).collect();
    let group_context = context.to_bytes();
    let path_context =
        PathContext { tree: &next.tree, added: &added, group_context: &group_context };
    let nodes = new_path.seal(suite, &path_context, random)?;
    let path_secret = |added: &Added| {
        new_path.path_secret_for(added.index).map(|secret| secret.as_secret().duplicate())
    };
    let path_secrets = applied.added.iter().map(path_secret).collect();
    let (private, commit_secret) = new_path.into_private_path();
    let path = Some(UpdatePath { leaf_node, nodes });
    Ok(MadePath { next, context, path, path_secrets, private, commit_secret })
}

/// "If not populating the path field".
fn omit_path(draft: &CommitDraft<'_>, applied: &AppliedProposals) -> Result<MadePath, Error> {
    let CommitDraft { base, leaf, .. } = draft;
    if leaf.credential.is_some() || leaf.signer.is_some() || leaf.extensions.is_some() {
        return Err(Misuse::PathRequired.into());
    }
    let next = applied.without_path(base.suite)?;
    let context = provisional_context(base.context, &applied.extensions, &next)?;
    let mut private = draft.private.ok_or(Error::Misuse(Misuse::PathRequired))?.duplicate();
    private.retain_matching(&next.tree);
    Ok(MadePath {
        next,
        context,
        path: None,
        path_secrets: applied.added.iter().map(|_| None).collect(),
        private,
        commit_secret: CommitSecret::without_path(base.suite),
    })
}

/// The committer's new leaf, to be signed, and its signer.
fn path_leaf(
    draft: &CommitDraft<'_>,
    encryption_key: HpkePublicKey,
    source: LeafNodeSource,
    random: &mut dyn Random,
) -> Result<(LeafNode, Arc<dyn Signer>), Error> {
    let signer = draft.leaf.signer.as_ref().unwrap_or(&draft.signer);
    let key = signer.public_key().clone();
    let mut leaf = match draft.committer {
        Committer::Member(index) => {
            let old = draft.base.tree.leaf(index).ok_or(Misuse::NoSuchMember)?;
            renewed_leaf(draft.client, &old, draft.leaf)?
        }
        Committer::NewMember => {
            draft.client.unsigned_leaf(encryption_key.clone(), key.clone(), source, random)?
        }
    };
    leaf.encryption_key = encryption_key;
    leaf.signature_key = key;
    leaf.leaf_node_source = source;
    Ok((leaf, Arc::clone(signer)))
}

/// A leaf that replaces `old`: what the application changes, what the client has learned since.
pub(crate) fn renewed_leaf(
    client: &Client,
    old: &LeafNode,
    changes: &LeafChanges,
) -> Result<LeafNode, Misuse> {
    fn extend<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
        for value in more {
            if !list.contains(&value) {
                list.push(value);
            }
        }
    }
    let mut leaf = old.clone();
    let own = client.capabilities();
    extend(&mut leaf.capabilities.cipher_suites, own.cipher_suites);
    extend(&mut leaf.capabilities.extensions, own.extensions);
    extend(&mut leaf.capabilities.proposals, own.proposals);
    extend(&mut leaf.capabilities.credentials, own.credentials);
    if let Some(credential) = &changes.credential {
        leaf.credential = credential.clone();
        extend(&mut leaf.capabilities.credentials, vec![credential.credential_type()]);
    }
    if let Some(extensions) = &changes.extensions {
        if !extensions.types().all(|it| leaf.capabilities.supports_extension(it)) {
            return Err(Misuse::NotInOwnCapabilities);
        }
        leaf.extensions = extensions.clone();
    }
    Ok(leaf)
}

fn sign_commit(
    draft: &CommitDraft<'_>,
    sender: LeafIndex,
    path: Option<UpdatePath>,
) -> Result<AuthenticatedContent, Error> {
    let CommitDraft { base, committer, proposals, signer, .. } = draft;
    let proposals = proposals.iter().map(|listed| match listed.reference {
        Some(reference) => ProposalOrRef::Reference(reference),
        None => ProposalOrRef::Proposal(Arc::clone(&listed.proposal)),
    });
    let commit = Commit { proposals: proposals.collect(), path };
    let content = FramedContent {
        group_id: base.context.group_id.clone(),
        epoch: base.context.epoch,
        sender: match committer {
            Committer::Member(_) => Sender::Member(sender.as_u32()),
            Committer::NewMember => Sender::NewMemberCommit,
        },
        authenticated_data: draft.authenticated_data.clone(),
        content: Content::Commit(Arc::new(commit)),
    };
    Ok(sign(base.suite, &**signer, draft.wire_format, content, base.context)?)
}

impl Group {
    /// Makes a commit. The group stays in its epoch until [`Group::advance`] is called with the
    /// pending commit; several may exist at once.
    ///
    /// Received proposals are covered by reference as far as they make a valid list: a Remove is
    /// preferred to an Update of the same leaf, a later Update to an earlier one, anything to a
    /// ReInit.
    ///
    /// The effect stores the candidate, and for encrypted handshakes the generation that was used.
    pub fn commit(
        &mut self,
        options: CommitOptions,
        now: u64,
        random: &mut dyn Random,
    ) -> Result<Effect<NewCommit>, Error> {
        self.check_active()?;
        let mut proposals = self.own_proposals(&options.proposals, random)?;
        match &options.only_received {
            Some(references) => proposals.extend(self.received_by_reference(references)?),
            None if options.ignore_received => {}
            None => proposals = self.with_received(proposals, now)?,
        }
        let own_leaf = self.own_leaf();
        let (old_signer, client) = (self.signer()?, self.client.clone());
        let find_psk = |id: &PreSharedKeyId| self.find_psk(id);
        let draft = CommitDraft {
            client: &client,
            base: self.base(),
            committer: Committer::Member(own_leaf),
            proposals,
            checks: client.checks(now, true),
            path: options.path,
            leaf: &options.leaf,
            signer: Arc::clone(&old_signer),
            wire_format: client.settings().handshakes.wire_format(),
            authenticated_data: options.authenticated_data.clone().into(),
            interim: self.epoch.interim,
            init_secret: self.epoch.secrets.init_secret(),
            private: Some(&self.epoch.private),
            find_psk: &find_psk,
        };
        let made = make_commit(&draft, random)?;
        let signer = options.leaf.signer.clone().unwrap_or(old_signer);
        self.package_commit(made, &options, &signer, random)
    }

    /// Protects a commit, and makes what goes with it.
    fn package_commit(
        &mut self,
        made: MadeCommit,
        options: &CommitOptions,
        signer: &Arc<dyn Signer>,
        random: &mut dyn Random,
    ) -> Result<Effect<NewCommit>, Error> {
        let MadeCommit { content, mut next, change, added, psks } = made;
        let mut delta = Delta::default();
        let info = |options, random: &mut dyn Random| {
            next.epoch.group_info(&self.client, &self.suite, &**signer, options, random)
        };
        let group_info = options.group_info.map(|options| info(options, random)).transpose()?;
        let welcomes = if added.is_empty() {
            Vec::new()
        } else {
            let group_info = info(options.welcome_info, random)?;
            make_welcomes(WelcomeInputs {
                suite: &self.suite,
                group_info: &group_info,
                joiner_secret: &next.joiner_secret,
                welcome_secret: next.welcome_secret,
                added: &added,
                psks: &psks,
                per_member: options.welcome_per_member,
                random,
            })?
        };
        // "Protect the AuthenticatedContent object using keys from the old epoch".
        let (commit, hash) = self.protect_handshake(content, random, &mut delta)?;
        let id = CommitId(hash);
        let mut rows = Delta::default();
        put_next_epoch(&mut next.epoch, &mut rows);
        let tree = next.epoch.tree.clone();
        let staged = StagedEpoch {
            base: BaseEpoch::of(&self.epoch),
            epoch: Some(Box::new(next.epoch)),
            delta: rows,
            change,
            signer: options.leaf.signer.clone(),
        };
        let mut pending = PendingCommit { id, staged };
        pending.put(self.group_id(), (&self.epoch.tree, &tree), &mut delta);
        put_next_tree(self.group_id(), &self.epoch.tree, &tree, &mut pending.staged.delta);
        let group_info = group_info.map(crate::group_info::message);
        Ok(self.effect(NewCommit { pending, commit, welcomes, group_info }, delta))
    }

    /// The committer's own proposals as a commit lists them.
    fn own_proposals(
        &self,
        proposals: &[Propose],
        random: &mut dyn Random,
    ) -> Result<Vec<ListedProposal>, Error> {
        let sender = ProposalSender::Member(self.own_leaf());
        let listed = proposals.iter().map(|propose| {
            let proposal = Arc::new(propose.to_proposal(&self.suite, random)?);
            Ok(ListedProposal { proposal, sender, reference: None, verified: None })
        });
        listed.collect()
    }
}
