//! A group followed from outside (RFC 9420, sections 6.2, 8.2, 12.4.2 and 12.4.3): the public state
//! that a delivery service, a monitor or a joiner to be can keep without any secret.
//!
//! It starts from a GroupInfo and goes on with the PublicMessages of the group: signatures,
//! proposal lists, paths, external commits and transcript hashes are verified exactly as members
//! do.
//!
//! # What it cannot verify
//!
//! * *Membership tags* and *confirmation tags* are MACs under secrets of the epoch. Only their
//!   length is checked.
//! * The *ciphertexts* of a path and the `kem_output` of an external commit are opaque.
//! * Whether the *pre-shared keys* of a commit exist.
//!
//! So whoever follows accepts some commits that members refuse, all of them signed by a member or a
//! joiner: a malicious insider can lead a follower and the group apart. Whoever must not be led
//! apart asks members (a GroupInfo of the epoch, see [`PublicGroup::verify_group_info`], or a
//! quorum of their reports) before it believes an epoch. What members accept is accepted here, if
//! the application's policies and limits are theirs.
//!
//! A group that sends its handshake messages encrypted cannot be followed.
//!
//! ```
//! use mls::{CommitOptions, GroupInfoOptions, HandshakeFormat, MlsMessageBody};
//! use testkit::{AcceptAll, NOW, Traits, group_of};
//! use tree::rules::LifetimeRules;
//! use tree::{Checks, PskPurpose, PublicGroup, PublicReceived};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let traits = || Traits::new(1).handshakes(HandshakeFormat::Public);
//! # let mut people = group_of(&["alice", "bob"], traits);
//! # let options = GroupInfoOptions { ratchet_tree: true, external_pub: false };
//! # let published = people[0].group().group_info(options, &mut crypto_aws_lc::SystemRandom)?;
//! // What the application's policy and settings are, for the members as for whoever follows them.
//! let checks = Checks {
//!     identity: &AcceptAll,
//!     lifetimes: LifetimeRules::default(),
//!     now: NOW,
//!     sending: false,
//!     psk_purpose: PskPurpose::Ordinary,
//! };
//! let crypto = crypto::Crypto::new(crypto_aws_lc::provider());
//! let MlsMessageBody::GroupInfo(info) = published.0 else { return Ok(()) };
//! let mut follower = PublicGroup::new(&crypto, &info, None, &checks)?;
//! assert_eq!(follower.members().count(), 2);
//!
//! // Alice removes Bob.
//! # let bob = people[1].group().own_leaf();
//! # let sent = people[0].commit_and_advance(CommitOptions::new().remove_member(bob));
//! match follower.process(&sent.commit, &checks)? {
//!     PublicReceived::Commit(staged) => drop(follower.advance(*staged)?),
//!     PublicReceived::Proposal(_) => {}
//! }
//! assert_eq!(follower.members().count(), 1);
//! assert_eq!(follower.context(), people[0].group().context());
//! # Ok(())
//! # }
//! ```

mod process;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;

use codec::Opaque;
use crypto::{Crypto, CryptoError, Suite};
use wire::{
    GroupContext, GroupInfo, LeafNode, PreSharedKeyId, Proposal, ProposalRef, ProtocolVersion,
    RatchetTreeNodes, ReInit,
};

use crate::proposal::VerifiedProposal;
use crate::rules::verify_ratchet_tree;
use crate::{
    Base, Checks, ConfirmedTranscriptHash, Error, InterimTranscriptHash, LeafIndex, Misuse,
    ProposalSender, RatchetTree, Violation,
};

/// The public state of a group in one epoch.
///
/// * Start: [`Self::new`], from a GroupInfo.
/// * Follow: [`Self::process`] takes each message. A proposal is remembered; a commit comes back
///   staged, to be looked at and then passed to [`Self::advance`], or dropped without a trace.
/// * Look: [`Self::context`], [`Self::tree`], [`Self::members`], [`Self::proposals`].
/// * Keep: [`Self::head`] and the tree's nodes; [`Self::load`] brings them back.
///
/// Cloning is cheap: copies share the tree.
#[derive(Clone)]
pub struct PublicGroup {
    suite: Suite,
    context: GroupContext,
    tree: RatchetTree,
    interim: InterimTranscriptHash,
    proposals: BTreeMap<ProposalRef, Pending>,
    /// What the group was closed in favour of.
    reinit: Option<ReInit>,
}

/// A proposal that waits for a commit.
#[derive(Clone)]
struct Pending {
    sender: ProposalSender,
    proposal: Arc<Proposal>,
    verified: Option<VerifiedProposal>,
}

/// What a message says.
pub enum PublicReceived {
    /// A commit. The group stays in its epoch until it advances.
    Commit(Box<StagedPublicCommit>),
    /// A proposal, which the group now remembers.
    Proposal(PublicProposal),
}

/// A proposal that was received.
#[derive(Clone, Debug)]
pub struct PublicProposal {
    /// How commits refer to it.
    pub reference: ProposalRef,
    /// Who proposes it; the signature is verified.
    pub sender: ProposalSender,
    /// What is proposed.
    pub proposal: Arc<Proposal>,
    /// Data of the application that came along.
    pub authenticated_data: Opaque,
}

/// The next epoch as a commit makes it, all that is public being verified.
pub struct StagedPublicCommit {
    /// The epoch it starts from.
    base: (GroupContext, InterimTranscriptHash),
    next: PublicGroup,
    change: PublicChange,
}

/// What a commit changes.
#[derive(Clone, Debug)]
pub struct PublicChange {
    /// The new epoch.
    pub epoch: u64,
    /// The leaf of who committed, in the new tree.
    pub committer: LeafIndex,
    /// Whether the committer joined by this very commit.
    pub external: bool,
    /// Who joins, with the new leaf; the committer of an external commit too.
    pub added: Vec<(LeafIndex, Arc<LeafNode>)>,
    /// Who leaves, with the old leaf.
    pub removed: Vec<(LeafIndex, Arc<LeafNode>)>,
    /// Whose leaf changes by an Update or the commit's path, with the old leaf.
    pub updated: Vec<(LeafIndex, Arc<LeafNode>)>,
    /// The pre-shared keys that come in.
    pub psks: Vec<PreSharedKeyId>,
    /// Whether the extensions of the group change.
    pub extensions_changed: bool,
    /// The parameters of the group's successor, if this closes it.
    pub reinit: Option<ReInit>,
    /// Data of the application that came along.
    pub authenticated_data: Opaque,
}

impl StagedPublicCommit {
    /// What the commit changes.
    #[must_use]
    pub fn change(&self) -> &PublicChange {
        &self.change
    }

    /// The group as it will be.
    #[must_use]
    pub fn next(&self) -> &PublicGroup {
        &self.next
    }
}

/// Starting and advancing.
impl PublicGroup {
    /// How many proposals of an epoch are remembered. Without a limit, a member or anyone who may
    /// propose from outside could fill the memory.
    pub const PROPOSALS_MAX: usize = 1024;

    /// Follows a group from the epoch that a GroupInfo describes, after verifying all of it as a
    /// joiner does (section 12.4.3.1). The tree is passed unless the GroupInfo holds it.
    ///
    /// That the group exists and is in this epoch rests on the word of the member who signed.
    pub fn new(
        crypto: &Crypto,
        group_info: &GroupInfo,
        tree: Option<RatchetTreeNodes>,
        checks: &Checks<'_>,
    ) -> Result<Self, Error> {
        let context = &group_info.group_context;
        if context.version != ProtocolVersion::MLS10 {
            return Err(Violation::UnsupportedVersion.into());
        }
        let suite = crypto.suite(context.cipher_suite).ok_or(CryptoError::Unsupported)?;
        if group_info.extensions.duplicate().is_some() {
            return Err(Violation::DuplicateExtension.into());
        }
        let nodes = match group_info.extensions.ratchet_tree()? {
            Some(nodes) => nodes,
            None => tree.ok_or(Misuse::RatchetTreeMissing)?,
        };
        let rules = (checks.lifetimes, checks.now);
        let tree = verify_ratchet_tree(&suite, context, nodes, rules, checks.identity)?.into_tree();
        verify_signer(&suite, &tree, group_info)?;
        let interim = interim(&suite, group_info)?;
        let (context, proposals) = (context.clone(), BTreeMap::new());
        Ok(Self { suite, context, tree, interim, proposals, reinit: None })
    }

    /// Moves to the epoch of a staged commit. Pending proposals end with the old one.
    pub fn advance(&mut self, staged: StagedPublicCommit) -> Result<PublicChange, Error> {
        let StagedPublicCommit { base: (context, interim), next, change } = staged;
        if (&self.context, self.interim) != (&context, interim) {
            return Err(Misuse::StaleCommit.into());
        }
        *self = next;
        Ok(change)
    }

    /// Verifies that a member vouches for exactly this state of the group: what to ask before the
    /// GroupInfo is handed to joiners.
    pub fn verify_group_info(&self, group_info: &GroupInfo) -> Result<(), Error> {
        let context = &group_info.group_context;
        if context.group_id != self.context.group_id {
            return Err(Violation::WrongGroup.into());
        }
        if context.epoch != self.context.epoch {
            return Err(Violation::WrongEpoch.into());
        }
        verify_signer(&self.suite, &self.tree, group_info)?;
        if *context != self.context || interim(&self.suite, group_info)? != self.interim {
            return Err(Violation::GroupInfoOfAnotherState.into());
        }
        if group_info.extensions.duplicate().is_some() {
            return Err(Violation::DuplicateExtension.into());
        }
        if let Some(nodes) = group_info.extensions.ratchet_tree()?
            && RatchetTree::from_nodes(nodes)?.tree_hash(&self.suite)? != context.tree_hash
        {
            return Err(Violation::WrongTreeHash.into());
        }
        Ok(())
    }
}

/// Looking.
impl PublicGroup {
    /// The suite.
    #[must_use]
    pub fn suite(&self) -> &Suite {
        &self.suite
    }

    /// The GroupContext.
    #[must_use]
    pub fn context(&self) -> &GroupContext {
        &self.context
    }

    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.context.epoch
    }

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &RatchetTree {
        &self.tree
    }

    /// The members from left to right.
    pub fn members(&self) -> impl Iterator<Item = (LeafIndex, Arc<LeafNode>)> {
        self.tree.members()
    }

    /// The history of commits up to and including the last one's confirmation tag.
    #[must_use]
    pub fn interim_transcript_hash(&self) -> InterimTranscriptHash {
        self.interim
    }

    /// The proposals that wait for a commit, in the order of their references.
    pub fn proposals(&self) -> impl Iterator<Item = (ProposalRef, ProposalSender, &Proposal)> {
        let pending = self.proposals.iter();
        pending.map(|(reference, pending)| (*reference, pending.sender, &*pending.proposal))
    }

    /// The parameters of the successor, if the group was closed by a ReInit.
    #[must_use]
    pub fn reinit(&self) -> Option<&ReInit> {
        self.reinit.as_ref()
    }

    fn base(&self) -> Base<'_> {
        Base { suite: &self.suite, context: &self.context, tree: &self.tree }
    }
}

/// The transcript hash of the epoch that a GroupInfo describes.
fn interim(suite: &Suite, group_info: &GroupInfo) -> Result<InterimTranscriptHash, Error> {
    if group_info.confirmation_tag.len() != suite.hash_length() {
        return Err(Violation::TagLength.into());
    }
    let confirmed = ConfirmedTranscriptHash(group_info.group_context.confirmed_transcript_hash);
    Ok(confirmed.interim(suite, &group_info.confirmation_tag)?)
}

/// "The public key is taken from the LeafNode of the ratchet tree with leaf index signer. If the
/// node is blank or if signature verification fails, return an error" (section 12.4.3.1).
fn verify_signer(suite: &Suite, tree: &RatchetTree, group_info: &GroupInfo) -> Result<(), Error> {
    let (_, signer) = tree.member(group_info.signer).ok_or(Violation::GroupInfoSigner)?;
    let verified = group_info.verify_signature(suite, &signer.signature_key);
    verified.map_err(|_| Violation::GroupInfoSignature)?;
    Ok(())
}
